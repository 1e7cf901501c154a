package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/memnet"
)

// Network is a network in memory. Each of its servers has a host name. They share a certificate
// authority. The zero value is an empty network.
type Network struct {
	memnet.Network
	authority Authority

	mu        sync.Mutex
	listeners map[net.Listener]*listener // by the one that memnet knows
}

// add adds the listener of a server.
func (n *Network) add(l *listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = map[net.Listener]*listener{}
	}
	n.listeners[l.Listener] = l
}

// remove removes the listeners of a server.
func (n *Network) remove(s *Server) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.listeners, func(_ net.Listener, l *listener) bool { return l.server == s })
}

// at returns the listener that a dial for the host reaches, or nil.
func (n *Network) at(host string) *listener {
	to := n.Route(host)
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.listeners[to]
}

// Authority returns the certificate authority of the network.
func (n *Network) Authority() *Authority { return &n.authority }

// NewTransport returns a transport that reaches every server of the network, over http and https,
// and trusts its authority. Closing a server closes the connections to it.
func (n *Network) NewTransport() *http.Transport {
	t := newTransport(guarded(n.DialContext, memnet.InBubble()), n.authority.lazyPool(), memnet.InBubble())
	t.ForceAttemptHTTP2 = true
	return t
}

// Transport returns a transport that reaches the server, and in memory every other server of its
// network. It trusts their authority, and speaks the latest version of HTTP that the server's
// options allow. Close closes its idle connections.
func (s *Server) Transport() *http.Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transport == nil {
		s.transport = s.newTransport()
	}
	return s.transport
}

func (s *Server) newTransport() *http.Transport {
	dial := (&net.Dialer{Timeout: time.Minute, KeepAlive: 30 * time.Second}).DialContext
	if s.config.Network != nil {
		dial = s.config.Network.DialContext
	}
	if s.config.HTTP2 || s.config.H2C {
		dial = guarded(dial, s.inBubble)
	}
	roots := s.authority.lazyPool
	if s.config.TLS {
		roots = s.authority.CertPool
	}
	t := newTransport(dial, roots(), s.inBubble)
	t.ForceAttemptHTTP2 = s.config.HTTP2
	if s.config.H2C && (s.config.Network != nil || !s.config.TLS) {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP2(true)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return t
}

// newTransport returns a transport with the settings of [http.DefaultTransport], but without a
// proxy. Its requests fail if either the caller or the transport, but not both, is in a
// [testing/synctest] bubble.
func newTransport(dial func(ctx context.Context, network, addr string) (net.Conn, error), roots *x509.CertPool, inBubble bool) *http.Transport {
	return &http.Transport{
		Proxy:                 func(*http.Request) (*url.URL, error) { return nil, memnet.CheckBubble(inBubble) },
		DialContext:           dial,
		TLSClientConfig:       &tls.Config{RootCAs: roots, CurvePreferences: []tls.CurveID{tls.CurveP256}}, // the fastest
		TLSHandshakeTimeout:   time.Minute,
		MaxIdleConns:          100,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// guardedConn is the client's end of a connection. Its writes fail in the wrong bubble, as the
// requests of its transport do: an HTTP/2 request on an existing connection does not call Proxy,
// and writes to the connection itself.
type guardedConn struct {
	net.Conn
	inBubble bool
}

func (c guardedConn) Write(p []byte) (int, error) {
	if err := memnet.CheckBubble(c.inBubble); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// CloseWrite closes the write side of the connection.
func (c guardedConn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return errors.ErrUnsupported
}

// guarded wraps the connections that a function dials.
func guarded(dial func(ctx context.Context, network, addr string) (net.Conn, error), inBubble bool) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return guardedConn{conn, inBubble}, nil
	}
}

// newTLSConfig returns a function that makes the server's TLS settings on its first call.
func (s *Server) newTLSConfig(http2 bool, certs ClientCerts) func() *tls.Config {
	return sync.OnceValue(func() *tls.Config {
		config := &tls.Config{
			GetCertificate: s.authority.certificate,
			NextProtos:     []string{"http/1.1"},
		}
		if http2 {
			config.NextProtos = []string{"h2", "http/1.1"}
		}
		s.verifyClients(config, certs)
		return config
	})
}
