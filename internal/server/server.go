// Package server serves a registry on the network: it owns the listener, the connections, TLS, the
// protocols, the chain of handlers, and the shutdown.
package server

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/memnet"
	"github.com/ocifake/ocifake/internal/recorder"
)

const (
	// headerTimeout bounds a TLS handshake, and the time from the first byte of a request to the
	// end of its header. There are no other time limits.
	headerTimeout = time.Minute

	// maxHeader is the maximum size of a request header in bytes. A larger header is refused with
	// 431.
	maxHeader = 256 << 10
)

// ControlPath is the root path of the control API on the main origin.
const ControlPath = "/_ocifake"

// Options are the network settings of a server. The zero value is HTTP/1.1 without TLS on a free
// port of the loopback interface.
type Options struct {
	// Addr is the TCP address to listen on. Default: a free port of 127.0.0.1, or of ::1 without
	// IPv4. Ignored in memory.
	Addr string

	// TLS serves HTTPS, with certificates from the server's own authority.
	TLS bool

	// HTTP2 offers HTTP/2 in addition to HTTP/1.1 in the TLS handshake. It implies TLS.
	HTTP2 bool

	// H2C accepts HTTP/2 with prior knowledge in addition to HTTP/1.1, without TLS.
	H2C bool

	// Hosts are additional IP addresses and host names of every certificate. Certificates are
	// always valid for 127.0.0.1, ::1, localhost, the local address of the connection, and the name
	// that the client requests. Ignored in memory and with a Proxy.
	Hosts []string

	// FaultNames lets clients choose faults by the name of the repository, see package
	// faultnames. It needs Faults.
	FaultNames bool

	// ClientCerts is the policy for client certificates in the TLS handshake.
	ClientCerts ClientCerts

	Limits Limits
}

// Limits are the limits of the HTTP server. Zero is the default of each.
type Limits struct {
	MaxHeader    int64 // bytes of a request header, approximately
	MaxStreams   int   // open streams of a connection
	StreamWindow int64 // bytes that a client may send on a stream before the server has read them
	ConnWindow   int64 // the same on a connection
}

const minConnWindow, maxWindow = 1<<16 - 1, 1<<31 - 1 // RFC 9113, 6.9.2 and 6.9.1

func (l Limits) validate() error {
	switch {
	case l.MaxHeader < 0 || l.MaxHeader > maxHeader:
		return fmt.Errorf("max header %d: want 1 to %d bytes, or 0 for the default", l.MaxHeader, maxHeader)
	case l.MaxStreams < 0 || l.MaxStreams > math.MaxInt32:
		return fmt.Errorf("max streams %d: want at least 1, or 0 for the default", l.MaxStreams)
	case l.StreamWindow < 0 || l.StreamWindow > maxWindow:
		return fmt.Errorf("stream window %d: want 1 to %d bytes, or 0 for the default", l.StreamWindow, maxWindow)
	case l.ConnWindow != 0 && l.ConnWindow < minConnWindow || l.ConnWindow > maxWindow:
		return fmt.Errorf("connection window %d: want %d to %d bytes, or 0 for the default", l.ConnWindow, minConnWindow, maxWindow)
	}
	return nil
}

// http2 returns the settings for net/http.
func (l Limits) http2() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          l.MaxStreams,
		MaxReceiveBufferPerStream:     int(l.StreamWindow),
		MaxReceiveBufferPerConnection: int(l.ConnWindow),
	}
}

// Validate returns an error if the options contradict each other, or have an invalid value.
func (o *Options) Validate() error {
	if err := o.Limits.validate(); err != nil {
		return err
	}
	if o.H2C && (o.TLS || o.HTTP2) {
		return errors.New("h2c is HTTP/2 without TLS: it excludes tls and http2")
	}
	return nil
}

// Config configures a server.
type Config struct {
	Options

	// Registry answers the requests of the distribution API. If it also has a method Speak, as
	// [registry.Registry] has, the errors of the handlers before it are in its dialect.
	Registry http.Handler

	// Authenticator, if set, authenticates and authorizes requests. The registry needs [auth.Allow]
	// for the permissions that depend on its content.
	Authenticator auth.Authenticator

	// Rules are the rules of a profile. They apply after those of Faults, which must be set.
	Rules []faults.Rule

	// Faults injects faults into requests and connections. If nil, there are no faults. An engine
	// serves one server.
	Faults *engine.Engine

	// Recorder records requests and connections. If nil, nothing is recorded.
	Recorder *recorder.Recorder

	// Control, if set, serves the requests of the main origin for [ControlPath] and below. They
	// bypass the recorder, the faults and the Authenticator. Their connections cannot be
	// distinguished from others: they are recorded, and rules for connections apply to them. The
	// handlers must return when the context of their request ends.
	Control http.Handler

	// ClientCAs verify client certificates. Default: the server's own authority.
	ClientCAs *x509.CertPool

	// Log receives the connection errors of net/http and TLS. Without a Recorder, it also receives
	// one record for each request, at level Debug. Default: [slog.Default].
	Log *slog.Logger

	// Network, if set, replaces the socket: the server listens in memory. It accepts both http and
	// https, distinguished by the first byte.
	Network *Network

	// Host is the server's name in the network. Default: every name that no other server has.
	Host string

	// Aliases are patterns of further names in the network, in which * matches any characters. A name
	// leads to the server unless it is that of another server.
	Aliases []string

	// Proxy, if set, makes the server a forward proxy, too.
	Proxy *Proxy

	// Mounted says that requests come through [Server.Handler], mounted in another server: rules
	// and effects that need a connection or a second origin are refused.
	Mounted bool
}

// Server is a registry on the network.
type Server struct {
	config    Config
	log       *slog.Logger
	listener  *listener
	authority *Authority
	proxy     *proxy                 // nil unless the server is a forward proxy
	using     sync.Mutex             // held by Use
	backend   atomic.Pointer[chains] // for the backend in use
	http      http.Server
	url       string
	inBubble  bool // Start ran in a synctest bubble

	ctx    context.Context // of all requests
	cancel context.CancelFunc

	mu        sync.Mutex
	closing   bool
	conns     map[*Conn]struct{}
	accepted  uint64
	transport *http.Transport

	external external

	running sync.WaitGroup // accept loop, connections, handlers
	closed  chan struct{}  // closed when Close is done
	err     error          // result of Close
}

// Start starts a server. The server accepts requests when Start returns. The caller must close it.
func Start(config Config) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	config.TLS = config.TLS || config.HTTP2
	if config.Network != nil {
		// In memory, one listener accepts both schemes, and one transport reaches both.
		config.HTTP2 = config.HTTP2 || config.H2C
	}
	for _, host := range config.Hosts {
		if !certifiable(host) {
			return nil, fmt.Errorf("server: start: host %q is neither an IP address nor a host name", host)
		}
	}
	if config.FaultNames && config.Faults == nil {
		return nil, errors.New("server: faults by names of repositories need an engine of faults")
	}
	config.Log = cmp.Or(config.Log, slog.Default())
	if config.Recorder == nil && config.Log.Enabled(context.Background(), slog.LevelDebug) {
		config.Recorder = recorder.New(recorder.Options{MaxBytes: -1, MaxBody: -1, Log: config.Log})
	}
	s := &Server{
		config: config,
		log:    config.Log,
		conns:  map[*Conn]struct{}{},
		closed: make(chan struct{}),

		inBubble: memnet.InBubble(),
	}
	if config.Proxy != nil {
		s.proxy = newProxy(*config.Proxy, s)
	}
	if err := s.listen(); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if err := s.Use(Backend{config.Registry, config.Authenticator, config.Rules}); err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = http.Server{
		Handler:                      s.admit(),
		DisableGeneralOptionsHandler: true, // OPTIONS * passes the chain, too
		ReadHeaderTimeout:            headerTimeout,
		MaxHeaderBytes:               int(cmp.Or(config.Limits.MaxHeader, maxHeader)),
		HTTP2:                        config.Limits.http2(),
		ErrorLog:                     log.New(errorLog{s.log}, "", 0),
		BaseContext:                  func(net.Listener) context.Context { return s.ctx },
		ConnContext:                  withConn,
		ConnState:                    s.connState,
		Protocols:                    s.protocols(),
	}
	s.running.Go(func() { s.serve(s.listener) })
	return s, nil
}

func (s *Server) listen() error {
	if s.config.Network != nil {
		host := cmp.Or(s.config.Host, memnet.Any)
		l, err := s.config.Network.Listen(host, s.config.Aliases...)
		if err != nil {
			return err
		}
		s.authority = &s.config.Network.authority
		s.url = s.scheme() + memoryHost(host)
		s.listener = &listener{Listener: l, server: s, both: true, tlsConfig: s.newTLSConfig(s.config.HTTP2, s.config.ClientCerts)}
		s.config.Network.add(s.listener)
		return nil
	}
	l, err := s.listenTCP()
	if err != nil {
		return err
	}
	if s.proxy != nil {
		s.authority = &s.proxy.Hosts.authority // so that clients trust one
	} else {
		s.authority = &Authority{hosts: s.config.Hosts}
	}
	s.url = s.scheme() + reachable(l.Addr())
	s.listener = &listener{Listener: l, server: s, both: s.proxy != nil && s.config.TLS, tlsConfig: s.newTLSConfig(s.config.HTTP2, s.config.ClientCerts)}
	return nil
}

func (s *Server) listenTCP() (net.Listener, error) {
	if s.config.Addr != "" {
		return net.Listen("tcp", s.config.Addr)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return net.Listen("tcp", "[::1]:0")
	}
	return l, nil
}

func (s *Server) scheme() string {
	if s.config.TLS {
		return "https://"
	}
	return "http://"
}

// memoryHost returns the host for URLs of a server in memory.
func memoryHost(host string) string {
	if host == memnet.Any {
		return memnet.AnyName
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return "[" + host + "]"
	}
	return host
}

// reachable returns the address for URLs of a server that listens on addr: loopback if addr is
// unspecified.
func reachable(addr net.Addr) string {
	at, err := netip.ParseAddrPort(addr.String())
	if err == nil && at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return addr.String()
}

// protocols returns the protocols that net/http detects on decrypted connections. [Conn.Read]
// checks whether a connection may speak HTTP/2.
func (s *Server) protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(s.config.HTTP2 || s.config.H2C)
	return p
}

func (s *Server) serve(l *listener) {
	err := s.http.Serve(l)
	if s.enter() { // otherwise the server is closing
		defer s.running.Done()
		s.log.Error("accept failed", "address", l.Addr().String(), "error", err)
	}
}

// URL returns the URL of the server without a trailing slash, such as "http://127.0.0.1:40001" or
// "https://use-registry-transport.test".
func (s *Server) URL() string { return s.url }

// Host returns the host of [Server.URL], with its port if it has one.
func (s *Server) Host() string {
	_, host, _ := strings.Cut(s.url, "://")
	return host
}

// CheckBubble returns an error if either the server or the caller, but not both, is in a
// [testing/synctest] bubble.
func (s *Server) CheckBubble() error { return memnet.CheckBubble(s.inBubble) }

// Handler returns the handler for mounting in another server. Faults on connections do not apply
// there.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.backend.Load().main.ServeHTTP(w, r) })
}

// Authority returns the certificate authority of the server.
func (s *Server) Authority() *Authority { return s.authority }

// Close stops the server: it closes all connections, cancels the contexts of requests, and waits
// for their handlers. It may be called several times and concurrently; each call returns when the
// server is closed. A handler must not call it.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	conns, transport := s.conns, s.transport
	s.conns = nil
	s.mu.Unlock()
	if !first {
		<-s.closed
		return s.err
	}
	defer close(s.closed)
	for c := range conns { // first, so that no client receives the response of a cancelled handler
		c.sever()
	}
	s.cancel()
	s.err = s.http.Close()
	if transport != nil {
		transport.CloseIdleConnections()
	}
	s.running.Wait()
	if s.config.Network != nil {
		s.config.Network.remove(s)
	}
	s.config.Faults.Close()
	return s.err
}

// enter adds to the work that Close waits for. It reports false once Close has begun.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.running.Add(1)
	}
	return !s.closing
}
