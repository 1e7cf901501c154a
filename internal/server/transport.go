package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/memnet"
)

// Network is where servers in memory listen, each under a host name. They share
// a certificate authority. The zero value is an empty network.
type Network struct {
	memnet.Network
	authority Authority
}

// Authority returns what certifies the servers of the network.
func (n *Network) Authority() *Authority { return &n.authority }

// NewTransport returns a transport that reaches every server of the network, over
// http and https, and trusts its authority. Its connections end with the
// servers that they lead to.
func (n *Network) NewTransport() *http.Transport {
	t := newTransport(n.DialContext, n.authority.lazyPool())
	t.ForceAttemptHTTP2 = true
	return t
}

// Transport returns the transport that reaches the server, and in memory every
// other server of its network; it trusts their authority. It speaks the latest
// version of HTTP that the server's options allow. Close closes its idle
// connections.
func (s *Server) Transport() *http.Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transport == nil {
		s.transport = s.newTransport()
	}
	return s.transport
}

func (s *Server) newTransport() *http.Transport {
	dial := (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	if s.config.Network != nil {
		dial = s.config.Network.DialContext
	}
	roots := s.authority.lazyPool
	if s.config.TLS {
		roots = s.authority.CertPool
	}
	t := newTransport(dial, roots())
	t.ForceAttemptHTTP2 = s.config.HTTP2
	if s.config.H2C && (s.config.Network != nil || !s.config.TLS) {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP2(true)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return t
}

// newTransport returns a transport with the settings of
// [http.DefaultTransport], but without a proxy.
func newTransport(dial func(ctx context.Context, network, addr string) (net.Conn, error), roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		DialContext:           dial,
		TLSClientConfig:       &tls.Config{RootCAs: roots},
		TLSHandshakeTimeout:   10 * time.Second,
		MaxIdleConns:          100,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// newTLSConfig returns what makes, once, what the server's end of handshakes goes
// by.
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
