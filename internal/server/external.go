package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/memnet"
)

// external is the second origin: another host name, to which faults redirect clients. It accepts
// both http and https.
type external struct {
	mu   sync.Mutex
	host string // empty until started
}

// deadPort is a port without a listener: tcpmux (RFC 1078), which only a privileged process can
// open.
const deadPort = "1"

// site returns what the server with a backend offers to faults.
func (s *Server) site(b Backend) effect.Site {
	site := effect.Site{Dead: net.JoinHostPort("localhost", deadPort)}
	if !s.config.Mounted {
		inMemory := s.config.Network != nil
		site.Connections, site.External, site.TLS = true, s.External, s.config.TLS || inMemory
		if inMemory {
			site.Dead = memnet.Dead
		}
	}
	if tokens, ok := b.Authenticator.(effect.Tokens); ok {
		site.Tokens = tokens
	}
	return site
}

// External starts the second origin on the first call and returns its host, with its port if it has
// one. The host name differs from that of [Server.URL]: clients compare names, not ports, before
// they send credentials to another origin. On TCP it listens on loopback, whatever the server's
// address.
func (s *Server) External() (host string, err error) {
	s.external.mu.Lock()
	defer s.external.mu.Unlock()
	if !s.enter() {
		return "", errors.New("server: start second origin: the server is closed: start another server")
	}
	defer s.running.Done()
	if s.external.host != "" {
		return s.external.host, nil
	}
	l, host, err := s.listenExternal()
	if err != nil {
		s.log.Error("cannot start the second origin, to which clients are redirected", "error", err)
		return "", fmt.Errorf("server: start second origin: %w", err)
	}
	// The second origin speaks the same protocols as the registry, but requests no client
	// certificates.
	http2 := s.config.HTTP2 || s.config.H2C
	from := &listener{Listener: l, server: s, external: true, both: true, tlsConfig: s.newTLSConfig(http2, NoClientCerts)}
	if s.config.Network != nil {
		s.config.Network.add(from)
	}
	s.running.Go(func() { s.serve(from) })
	s.external.host = host
	return host, nil
}

func (s *Server) listenExternal() (l net.Listener, host string, err error) {
	if s.config.Network != nil {
		host = externalMemoryHost(s.config.Host)
		l, err = s.config.Network.Listen(host)
		return l, host, err
	}
	l, err = net.Listen("tcp", net.JoinHostPort(loopbackBeside(s.Host()), "0"))
	if err != nil {
		return nil, "", err
	}
	return l, externalTCPHost(s.Host(), l.Addr().String()), nil
}

// externalMemoryHost returns the name of the second origin in memory. It is not a subdomain of
// host, because clients send credentials to subdomains.
func externalMemoryHost(host string) string {
	if host == "" || host == memnet.Any {
		return "cdn.test"
	}
	return "cdn-" + strings.ReplaceAll(host, ":", "-")
}

// loopbackBeside returns the loopback address of the same IP version.
func loopbackBeside(host string) string {
	if at, err := netip.ParseAddrPort(host); err == nil && at.Addr().Is6() && !at.Addr().Is4In6() {
		return "::1"
	}
	return "127.0.0.1"
}

// externalTCPHost returns the host for URLs of the second origin, which listens on the loopback
// address addr. It differs from main, the host of the server.
func externalTCPHost(main, addr string) string {
	name, _, _ := net.SplitHostPort(main)
	_, port, _ := net.SplitHostPort(addr)
	if name == "localhost" {
		return addr
	}
	return net.JoinHostPort("localhost", port)
}
