package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/record"
)

// Conn is an accepted connection. What is read from and written to it is the
// decrypted stream; the TLS handshake is part of the first Read or Write.
//
// It must not have a method ConnectionState: net/http looks for HTTP/2 only on
// connections that do not seem to be TLS, and reads it too early.
type Conn struct {
	server *Server
	id     uint64
	wire   wire
	record *record.Accepted // nil if nothing is recorded

	requests atomic.Int64
	ready    sync.Once
	secure   atomic.Pointer[secure] // nil in the clear, and until the handshake is done

	// Used by one reader at a time.
	clear   io.Reader // decrypted
	err     error     // why nothing more is read
	preface int       // bytes read that are those of the HTTP/2 preface
	judged  bool      // whether the client begins with HTTP/2 is known, and right
}

type secure struct {
	conn  *tls.Conn
	state tls.ConnectionState
}

// wire is the connection as it was accepted. It counts the bytes, and gives the
// one back that was looked at.
type wire struct {
	net.Conn
	in, out atomic.Int64
	first   []byte
}

func (w *wire) Read(p []byte) (int, error) {
	if len(w.first) > 0 {
		n := copy(p, w.first)
		w.first = w.first[n:]
		return n, nil
	}
	n, err := w.Conn.Read(p)
	w.in.Add(int64(n))
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.out.Add(int64(n))
	return n, err
}

// clearTCP is a connection that can send files without copying them.
type clearTCP struct {
	*Conn
	tcp *net.TCPConn
}

// ReadFrom implements [io.ReaderFrom].
func (c *clearTCP) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.tcp.ReadFrom(r)
	c.wire.out.Add(n)
	return n, err
}

// connKey is the key of the [Conn] in the contexts of its requests.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	ctx = record.WithConn(ctx, base(c).record)
	return context.WithValue(ctx, connKey{}, base(c))
}

// ConnOf returns the connection on which the request with this context came, or
// nil if it came through a server of somebody else.
func ConnOf(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// base returns what [listener.Accept] made of a connection.
func base(c net.Conn) *Conn {
	if tcp, ok := c.(*clearTCP); ok {
		return tcp.Conn
	}
	return c.(*Conn)
}

// ID numbers the connections of a server, from 1.
func (c *Conn) ID() uint64 { return c.id }

// Bytes returns how many bytes came and went, those of TLS included.
func (c *Conn) Bytes() (in, out int64) { return c.wire.in.Load(), c.wire.out.Load() }

// TLS returns the state of the connection's TLS, or nil if it is in the clear.
func (c *Conn) TLS() *tls.ConnectionState {
	if s := c.secure.Load(); s != nil {
		return &s.state
	}
	return nil
}

// setUp tells TLS from clear text where both may come, and does the handshake.
func (c *Conn) setUp() {
	c.clear = &c.wire
	encrypted := c.server.config.TLS
	if c.server.config.Network != nil {
		first := make([]byte, 1)
		if _, c.err = c.wire.Read(first); c.err != nil {
			return
		}
		c.wire.first = first
		encrypted = first[0] == recordTypeHandshake
	}
	if encrypted {
		c.handshake()
	}
}

// recordTypeHandshake begins every TLS connection (RFC 8446, 5.1).
const recordTypeHandshake = 0x16

// handshake is bounded in time: by now net/http has set the deadline for
// reading the first request's header.
func (c *Conn) handshake() {
	conn := tls.Server(&c.wire, c.server.tlsConfig())
	c.wire.SetWriteDeadline(time.Now().Add(headerTimeout))
	err := conn.Handshake()
	c.wire.SetWriteDeadline(time.Time{})
	if err != nil {
		c.refuse(err)
		return
	}
	c.clear = conn
	c.secure.Store(&secure{conn, conn.ConnectionState()})
	c.record.Secured(conn.ConnectionState())
}

// refuse ends a connection whose handshake failed, with an answer if the client
// spoke HTTP in the clear.
func (c *Conn) refuse(err error) {
	// net/http does not answer after an error of this kind.
	c.err = &net.OpError{Op: "read", Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
	c.record.Failed("TLS handshake: " + err.Error())
	c.server.log.Debug("TLS handshake failed", "connection", c.id, "remote", c.RemoteAddr().String(), "error", err)
	var header tls.RecordHeaderError
	if errors.As(err, &header) && header.Conn != nil && looksLikeHTTP(header.RecordHeader[:]) {
		io.WriteString(header.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	}
	c.wire.Close()
}

// looksLikeHTTP judges by the first five bytes that a client sent.
func looksLikeHTTP(start []byte) bool {
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO"} {
		if bytes.Equal(start, []byte(method)) {
			return true
		}
	}
	return false
}

// Read implements [net.Conn].
func (c *Conn) Read(p []byte) (int, error) {
	c.ready.Do(c.setUp)
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.clear.Read(p)
	if !c.judged {
		if c.err = c.judge(p[:n]); c.err != nil {
			c.record.Failed(c.err.Error())
			return 0, c.err
		}
	}
	return n, err
}

// prefaceLine is the first line of HTTP/2's preface, which no other version's
// request can begin with (RFC 9113, 3.4).
const prefaceLine = "PRI * HTTP/2.0"

// judge looks at the first bytes that the client sends: HTTP/2 must have been
// agreed on in the handshake, and then be spoken, or be allowed in the clear.
// net/http answers 400 to an error.
func (c *Conn) judge(p []byte) error {
	asked, allowed := false, c.server.config.H2C
	if state := c.TLS(); state != nil {
		asked = state.NegotiatedProtocol == "h2"
		allowed = asked
	}
	for _, b := range p {
		if b != prefaceLine[c.preface] {
			c.judged = true
			if asked {
				return errors.New("the client agreed on HTTP/2 and does not speak it")
			}
			return nil
		}
		c.preface++
		if c.preface == len(prefaceLine) {
			c.judged = true
			if !allowed {
				return errors.New("the client speaks HTTP/2 without having agreed on it")
			}
			return nil
		}
	}
	return nil
}

// Write implements [net.Conn].
func (c *Conn) Write(p []byte) (int, error) {
	if c.requests.Load() == 0 {
		c.refused(p)
	}
	if s := c.secure.Load(); s != nil {
		return s.conn.Write(p)
	}
	return c.wire.Write(p)
}

// refused is given what is written before there was a request: in HTTP/1.1, what
// net/http has to say of something that is none.
func (c *Conn) refused(p []byte) {
	if answer, ok := bytes.CutPrefix(p, []byte("HTTP/1.1 ")); ok {
		status, _, _ := bytes.Cut(answer, []byte("\r\n"))
		c.record.Failed("answered " + string(status))
	}
}

// CloseWrite tells the client that nothing more will be written.
func (c *Conn) CloseWrite() error {
	if s := c.secure.Load(); s != nil {
		return s.conn.CloseWrite()
	}
	if raw, ok := c.wire.Conn.(interface{ CloseWrite() error }); ok {
		return raw.CloseWrite()
	}
	return nil
}

// Close implements [net.Conn].
func (c *Conn) Close() error {
	c.server.forget(c)
	defer c.record.Closed()
	if s := c.secure.Load(); s != nil {
		return s.conn.Close()
	}
	return c.wire.Close()
}

// Abort closes the connection so that the client's reads and writes fail with
// "connection reset", and what it has not read yet may be lost.
func (c *Conn) Abort() error {
	c.record.Severed()
	switch raw := c.wire.Conn.(type) {
	case interface{ Reset() error }:
		return raw.Reset()
	case interface{ SetLinger(sec int) error }:
		return errors.Join(raw.SetLinger(0), c.wire.Close())
	}
	return c.wire.Close()
}

// sever closes the connection without a word, however busy it is.
func (c *Conn) sever() {
	c.record.Severed()
	c.wire.Close()
	c.record.Closed() // nobody may close it once more
}

// unused is called at the end of a connection; one that carried something, but
// no request, is worth a line in the log.
func (c *Conn) unused() {
	if in, out := c.Bytes(); in > 0 && c.requests.Load() == 0 {
		c.server.log.Debug("connection without a request", "connection", c.id, "remote", c.RemoteAddr().String(), "in", in, "out", out)
	}
}

// LocalAddr implements [net.Conn].
func (c *Conn) LocalAddr() net.Addr { return c.wire.LocalAddr() }

// RemoteAddr implements [net.Conn].
func (c *Conn) RemoteAddr() net.Addr { return c.wire.RemoteAddr() }

// SetDeadline implements [net.Conn].
func (c *Conn) SetDeadline(t time.Time) error { return c.wire.SetDeadline(t) }

// SetReadDeadline implements [net.Conn].
func (c *Conn) SetReadDeadline(t time.Time) error { return c.wire.SetReadDeadline(t) }

// SetWriteDeadline implements [net.Conn].
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.wire.SetWriteDeadline(t) }
