package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/ocifake/ocifake/faults"
)

// setUp does to a connection what rules want done to it at its opening, tells TLS
// from clear text where both may come, and does the handshake.
func (c *Conn) setUp() {
	var opening faults.Opening
	if !c.from.external {
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

// speaksTLS reports whether the client begins with TLS. Where both may come, it waits for
// the first byte.
func (c *Conn) speaksTLS() bool {
	if !c.from.both {
		return c.server.config.TLS
	}
	if len(c.wire.first) == 0 && c.err == nil {
		first := make([]byte, 1)
		if _, c.err = c.wire.Read(first); c.err == nil {
			c.wire.first = first
		}
	}
	return c.err == nil && c.wire.first[0] == recordTypeHandshake
}

// recordTypeHandshake begins every TLS connection (RFC 8446, 5.1).
const recordTypeHandshake = 0x16

// handshake is bounded in time: by now net/http has set the deadline for
// reading the first request's header.
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

// refuse ends a connection whose handshake failed, with an answer if the client
// spoke HTTP in the clear.
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

// endWith lets reading fail. net/http does not answer to an error of this kind.
func (c *Conn) endWith(err error) {
	c.err = &net.OpError{Op: "read", Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
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

// preface is what HTTP/2 begins with (RFC 9113, 3.4). No request of another version
// can begin with its first line.
const (
	preface     = prefaceLine + "\r\n\r\nSM\r\n\r\n"
	prefaceLine = "PRI * HTTP/2.0"
)

// What is said of a client that speaks to the wrong kind of port.
var errTLSOnPlain = errors.New("TLS on a plain HTTP port: want http:// in the URL, or a registry with TLS")

const plainOnTLS = "plain HTTP on a TLS port: want https:// in the URL, or a registry without TLS"

// judge looks at the first bytes that the client sends: HTTP/2 must have been
// agreed on in the handshake, and then be spoken, or be allowed in the clear.
// net/http answers 400 to an error.
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
				return errors.New("the client agreed on HTTP/2 and does not speak it")
			}
			return nil
		}
		c.preface++
		switch c.preface {
		case len(prefaceLine):
			if !allowed {
				c.judged = true
				return errors.New("the client speaks HTTP/2 without having agreed on it")
			}
		case len(preface):
			c.judged = true
			c.frames.Store(newFrameWriter(c.send, c.endWriting))
			return nil
		}
	}
	return nil
}
