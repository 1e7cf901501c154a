package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/memnet"
)

// external is the second origin: another host name, to which faults redirect
// clients. It takes both http and https.
type external struct {
	mu   sync.Mutex
	host string // empty until it is needed
}

// deadPort is one on which nobody listens: that of tcpmux (RFC 1078), which only
// a privileged process could take.
const deadPort = "1"

// site is what the server offers to faults.
func (s *Server) site() faults.Site {
	dead := net.JoinHostPort("localhost", deadPort)
	if s.config.Network != nil {
		dead = memnet.Dead
	}
	site := faults.Site{Connections: true, TLS: s.config.TLS || s.config.Network != nil, External: s.External, Dead: dead}
	if s.config.Mounted {
		site = faults.Site{Dead: net.JoinHostPort("localhost", deadPort)}
	}
	if tokens, ok := s.config.Auth.(faults.Tokens); ok {
		site.Tokens = tokens
	}
	return site
}

// External starts the second origin, if that is not done yet, and returns its
// host, with its port if it has one. The host name is another than that of
// [Server.URL]: clients compare names, not ports, when they decide who else may
// see their credentials. On TCP it is on loopback, whatever the server's address.
func (s *Server) External() (host string, err error) {
	s.external.mu.Lock()
	defer s.external.mu.Unlock()
	if !s.enter() {
		return "", errors.New("server: it is closed, and its second origin with it: start another one")
	}
	defer s.running.Done()
	if s.external.host != "" {
		return s.external.host, nil
	}
	l, host, err := s.listenExternal()
	if err != nil {
		return "", fmt.Errorf("server: no second origin: %w", err)
	}
	// Whatever speaks HTTP/2 to the registry may do so here. Certificates are the
	// registry's business alone.
	http2 := s.config.HTTP2 || s.config.H2C
	from := &listener{Listener: l, server: s, external: true, both: true, tlsConfig: s.newTLSConfig(http2, NoClientCerts)}
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

// externalMemoryHost is the name in the network beside a server's; it is none of
// its subdomains, to which clients show credentials too.
func externalMemoryHost(host string) string {
	if host == "" || host == memnet.Any {
		return "cdn.test"
	}
	return "cdn-" + strings.ReplaceAll(host, ":", "-")
}

// loopbackBeside is the loopback address of the same version of IP.
func loopbackBeside(host string) string {
	if at, err := netip.ParseAddrPort(host); err == nil && at.Addr().Is6() && !at.Addr().Is4In6() {
		return "::1"
	}
	return "127.0.0.1"
}

// externalTCPHost is the host to put in URLs of what listens on a loopback
// address, beside a server that is reached as main.
func externalTCPHost(main, addr string) string {
	name, _, _ := net.SplitHostPort(main)
	_, port, _ := net.SplitHostPort(addr)
	if name == "localhost" {
		return addr
	}
	return net.JoinHostPort("localhost", port)
}
