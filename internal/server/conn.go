package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/recorder"
)

// Conn is an accepted connection. Read and Write transfer the decrypted stream; the first of them
// performs the TLS handshake.
//
// Conn must not have a method ConnectionState: net/http detects HTTP/2 only on connections that do
// not look like TLS, and calls the method before the handshake.
type Conn struct {
	server *Server
	from   *listener
	id     uint64
	wire   wire
	record *recorder.Accepted // nil if nothing is recorded

	requests atomic.Int64
	ready    sync.Once
	secure   atomic.Pointer[secure]      // nil in the clear, and until the handshake is done
	frames   atomic.Pointer[frameWriter] // nil unless the connection is known to speak HTTP/2
	aborting atomic.Bool                 // further writes are discarded
	header   headerEdit                  // of HTTP/1.1

	// The records of requests that came to a proxy on this connection, by the server they were for.
	proxied struct {
		mu      sync.Mutex
		records map[*Server]*recorder.Accepted
	}

	// Used by one reader at a time.
	clear   io.Reader   // decrypted
	err     error       // returned by further reads
	heard   frameReader // used with HTTP/2
	preface int         // number of bytes read that match the HTTP/2 preface
	judged  bool        // the protocol of the client is known and allowed
}

type secure struct {
	conn  *tls.Conn
	state tls.ConnectionState
}

// wire is the underlying connection. It counts bytes, and can unread the first byte.
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

// clearTCP is a connection without TLS that sends files without copying them.
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

var _ effect.Conn = (*Conn)(nil)

// withConn adds the connection to the context of its requests.
func withConn(ctx context.Context, c net.Conn) context.Context {
	conn := base(c)
	return inContext(ctx, conn, conn.record)
}

func inContext(ctx context.Context, c *Conn, record *recorder.Accepted) context.Context {
	return effect.WithConn(recorder.WithConn(ctx, record), c)
}

// ConnOf returns the connection of the request with this context, or nil if another server received
// the request.
func ConnOf(ctx context.Context) *Conn {
	c, _ := inflight.Value[*Conn](ctx)
	return c
}

// base returns the [Conn] that [listener.Accept] made.
func base(c net.Conn) *Conn {
	if tcp, ok := c.(*clearTCP); ok {
		return tcp.Conn
	}
	return c.(*Conn)
}

// ID returns the number of the connection. The first connection of a server is 1.
func (c *Conn) ID() uint64 { return c.id }

// Bytes returns the number of bytes read and written, including TLS.
func (c *Conn) Bytes() (in, out int64) { return c.wire.in.Load(), c.wire.out.Load() }

// TLS returns the TLS state of the connection, or nil without TLS.
func (c *Conn) TLS() *tls.ConnectionState {
	if s := c.secure.Load(); s != nil {
		return &s.state
	}
	return nil
}

// Read implements [net.Conn].
func (c *Conn) Read(p []byte) (int, error) {
	c.ready.Do(c.setUp)
	if c.err != nil {
		return 0, c.err
	}
	if c.heard.writer != nil {
		return c.heard.read(p, c.clear)
	}
	n, err := c.clear.Read(p)
	if !c.judged {
		before := c.preface
		if c.err = c.judge(p[:n]); c.err != nil {
			c.record.Failed(c.err.Error())
			return 0, c.err
		}
		if w := c.frames.Load(); w != nil {
			c.heard.writer = w
			got := n
			n = c.preface - before
			n += len(c.heard.take(p[n:got])) // not edited yet
		}
	}
	return n, err
}

// Write implements [net.Conn].
func (c *Conn) Write(p []byte) (int, error) {
	if c.requests.Load() == 0 {
		c.refused(p)
	}
	if w := c.frames.Load(); w != nil {
		return w.Write(p)
	}
	if edited := c.header.edit(p); len(edited) > 0 {
		if _, err := c.send(edited); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// send writes to the client, encrypted if the connection uses TLS.
func (c *Conn) send(p []byte) (int, error) {
	if c.aborting.Load() {
		return len(p), nil // on an error, net/http would close the connection in an orderly way
	}
	if s := c.secure.Load(); s != nil {
		return s.conn.Write(p)
	}
	return c.wire.Write(p)
}

// Inject implements [effect.Conn]. With HTTP/2 it returns when the bytes are written, after
// everything that handlers have flushed.
func (c *Conn) Inject(b []byte) error {
	if w := c.frames.Load(); w != nil {
		return w.inject(b)
	}
	_, err := c.send(b)
	return err
}

// ResetWith implements [effect.Conn].
func (c *Conn) ResetWith(code uint32) {
	if w := c.frames.Load(); w != nil {
		w.resetWith(reset{code: code})
	}
}

// Change implements [effect.Conn].
func (c *Conn) Change(what effect.Change, acted func()) {
	if w := c.frames.Load(); w != nil {
		w.change(what, acted)
		return
	}
	c.header.change(what, acted)
}

// refused records bytes that are written before the first request: with HTTP/1.1, the answer of
// net/http to a malformed request.
func (c *Conn) refused(p []byte) {
	if answer, ok := bytes.CutPrefix(p, []byte("HTTP/1.1 ")); ok {
		status, _, _ := bytes.Cut(answer, []byte("\r\n"))
		c.record.Failed("answered " + string(status))
	}
}

// CloseWrite closes the write side of the connection.
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
	defer c.endProxied()
	defer c.record.Closed()
	if c.aborting.Load() {
		return c.reset()
	}
	c.endFrames()
	if s := c.secure.Load(); s != nil {
		return s.conn.Close()
	}
	return c.wire.Close()
}

// unused logs a connection that ends without a request, unless it transferred no bytes.
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
