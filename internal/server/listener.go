package server

import (
	"crypto/tls"
	"net"
	"net/http"
)

// listener wraps accepted connections in a [Conn].
type listener struct {
	net.Listener
	server    *Server
	external  bool               // of the second origin
	both      bool               // accepts http and https, distinguished by the first byte
	tlsConfig func() *tls.Config // called on the first TLS connection
}

func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.server.adopt(raw, l)
}

func (s *Server) adopt(raw net.Conn, from *listener) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		raw.Close()
		return nil, net.ErrClosed
	}
	s.accepted++
	c := &Conn{server: s, from: from, id: s.accepted, wire: wire{Conn: raw}}
	if t, ok := raw.(*tunnel); ok && t.outer.server.config.Recorder == s.config.Recorder {
		c.record = t.outer.record
	} else {
		c.record = s.config.Recorder.Accept(raw.RemoteAddr().String(), c.Bytes)
		if ok {
			c.record.Led(t.LocalAddr().String())
		}
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	if tcp, ok := raw.(*net.TCPConn); ok && !s.config.TLS && !from.both {
		return &clearTCP{c, tcp}, nil
	}
	return c, nil
}

func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.config.Faults.Closed(c)
}

// connState is the ConnState hook of [http.Server].
func (s *Server) connState(nc net.Conn, state http.ConnState) {
	switch state {
	case http.StateClosed:
		base(nc).unused()
		s.running.Done()
	case http.StateHijacked: // the handler still uses the connection
		s.running.Done()
	}
}
