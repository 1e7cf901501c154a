package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/ocifake/ocifake/internal/effect"
)

// setUp applies the faults that act when a connection opens, distinguishes TLS from plain text on
// listeners that accept both, and performs the handshake.
func (c *Conn) setUp() {
	var opening effect.Opening
	if !c.from.external && !c.asksForTunnel() {
		opening = c.server.config.Faults.Open(c.speaksTLS)
	}
	if c.err != nil || !opening.None() && !c.open(opening) {
		return
	}
	c.clear = &c.wire
	if c.speaksTLS() {
		c.handshake(c.tlsConfigFor(opening))
	}
}

// speaksTLS reports whether the client begins with TLS. On listeners that accept both, it waits for
// the first byte.
func (c *Conn) speaksTLS() bool {
	if !c.from.both {
		return c.server.config.TLS
	}
	first, ok := c.first()
	return ok && first == recordTypeHandshake
}

// first waits for the first byte, and leaves it to be read.
func (c *Conn) first() (first byte, ok bool) {
	if len(c.wire.first) == 0 && c.err == nil {
		first := make([]byte, 1)
		if _, c.err = c.wire.Read(first); c.err == nil {
			c.wire.first = first
		}
	}
	if c.err != nil {
		return 0, false
	}
	return c.wire.first[0], true
}

// asksForTunnel reports whether the client of a proxy begins with CONNECT: faults on connections
// then act in the tunnel. No other method begins with this letter.
func (c *Conn) asksForTunnel() bool {
	if c.server.proxy == nil {
		return false
	}
	first, ok := c.first()
	return ok && first == 'C'
}

// recordTypeHandshake is the first byte of every TLS connection (RFC 8446, section 5.1).
const recordTypeHandshake = 0x16

// handshake is bounded by the deadline that net/http has set for the header of the first request.
func (c *Conn) handshake(config *tls.Config) {
	conn := tls.Server(&c.wire, config)
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

// refuse ends a connection after a failed handshake. A client that speaks plain HTTP receives a
// response.
func (c *Conn) refuse(err error) {
	c.endWith(err)
	var header tls.RecordHeaderError
	clear := errors.As(err, &header) && header.Conn != nil && looksLikeHTTP(header.RecordHeader[:])
	if clear {
		c.record.Failed(plainOnTLS)
	} else {
		c.record.Failed("TLS handshake: " + err.Error())
	}
	c.server.log.Debug("TLS handshake failed", "connection", c.id, "remote", c.RemoteAddr().String(), "error", err)
	if clear {
		io.WriteString(header.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	}
	c.wire.Close()
}

// endWith makes further reads fail. net/http sends no response to an error of this type.
func (c *Conn) endWith(err error) {
	c.err = &net.OpError{Op: "read", Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// looksLikeHTTP reports whether the first five bytes of a connection look like plain HTTP.
func looksLikeHTTP(start []byte) bool {
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO"} {
		if bytes.Equal(start, []byte(method)) {
			return true
		}
	}
	return false
}

// preface is the client connection preface of HTTP/2 (RFC 9113, section 3.4). Its first line is not
// valid in any other version of HTTP.
const (
	preface     = prefaceLine + "\r\n\r\nSM\r\n\r\n"
	prefaceLine = "PRI * HTTP/2.0"
)

// Recorded if a client uses the wrong scheme.
var errTLSOnPlain = errors.New("TLS on a plain HTTP port: use http:// in the URL, or start the registry with TLS")

const plainOnTLS = "plain HTTP on a TLS port: use https:// in the URL, or start the registry without TLS"

// judge checks the first bytes of the client: a client that negotiated HTTP/2 in the handshake must
// speak it, and any other client may speak it only with H2C. net/http answers an error with 400.
func (c *Conn) judge(p []byte) error {
	if c.preface == 0 && len(p) > 0 && p[0] == recordTypeHandshake && c.TLS() == nil {
		c.judged = true
		return errTLSOnPlain
	}
	asked, allowed := false, c.server.config.H2C
	if state := c.TLS(); state != nil {
		asked = state.NegotiatedProtocol == "h2"
		allowed = asked
	}
	for _, b := range p {
		if b != preface[c.preface] {
			c.judged = true
			if asked {
				return errors.New("the client negotiated HTTP/2 but does not speak it")
			}
			return nil
		}
		c.preface++
		switch c.preface {
		case len(prefaceLine):
			if !allowed {
				c.judged = true
				return errors.New("the client speaks HTTP/2 without negotiating it")
			}
		case len(preface):
			c.judged = true
			c.frames.Store(newFrameWriter(c.send, c.endWriting))
			return nil
		}
	}
	return nil
}
