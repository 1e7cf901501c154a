// Package server puts a registry on the network: it owns the listener, the
// connections, TLS, the protocols, the handlers that a request passes on its
// way, and the closing of it all.
package server

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/bubble"
	"github.com/ocifake/ocifake/internal/memnet"
	"github.com/ocifake/ocifake/internal/recorder"
)

const (
	// headerTimeout bounds a TLS handshake, and the time from the first byte of
	// a request to the end of its header. Nothing else has a time limit.
	headerTimeout = time.Minute

	// maxHeader is the size in bytes above which a request's header is refused
	// with 431.
	maxHeader = 256 << 10
)

// ControlPath is where the control API is, on the main origin: there, and below.
const ControlPath = "/_ocifake"

// Options are how a server is reached. The zero value is HTTP/1.1 in the clear
// on a free port of the loopback interface.
type Options struct {
	// Addr is the TCP address to listen on. Default: a free port of 127.0.0.1,
	// or of ::1 where there is no IPv4. A server in memory has none.
	Addr string `json:"addr,omitempty"`

	// TLS serves HTTPS, with certificates of the server's own authority.
	TLS bool `json:"tls,omitempty"`

	// HTTP2 offers HTTP/2 beside HTTP/1.1 in the TLS handshake; it implies TLS.
	HTTP2 bool `json:"http2,omitempty"`

	// H2C accepts HTTP/2 with prior knowledge beside HTTP/1.1 in the clear.
	H2C bool `json:"h2c,omitempty"`

	// Hosts are IP addresses and host names that every certificate is valid for,
	// beside 127.0.0.1, ::1, localhost, the address that was connected to, and
	// the name that the client asks for, whatever it is. Not used in memory.
	Hosts []string `json:"hosts,omitempty"`

	// FaultNames lets clients choose faults by the name of the repository, see package
	// faultnames. It needs Faults.
	FaultNames bool `json:"faultNames,omitempty"`

	// ClientCerts says whether clients show certificates in the TLS handshake.
	ClientCerts ClientCerts `json:"clientCerts,omitempty"`
}

// Config is what a server is made of.
type Config struct {
	Options

	// Registry answers the requests of the distribution API.
	Registry http.Handler

	// Faults are what goes wrong, with requests and connections. If it is nil,
	// nothing does. An engine serves one server.
	Faults *faults.Engine

	// Recorder keeps what comes and goes. If it is nil, nothing is kept.
	Recorder *recorder.Recorder

	// Auth, if set, decides who may do what. The registry needs [auth.Allow] for what
	// only it knows to ask.
	Auth auth.Auth

	// Control, if set, answers the requests of the main origin for [ControlPath] and
	// what is below. They come before everything else: they are not recorded, no
	// rule acts on them, and nobody is asked who he is. Their connections cannot be
	// told from others: those are on record, and rules on connections act on them.
	// Its handlers must end when the context of their request does.
	Control http.Handler

	// ClientCAs certify clients. Default: the server's own authority.
	ClientCAs *x509.CertPool

	// Log gets what net/http and TLS have to say of connections, and, if there is no
	// Recorder, which has a log of its own, one record for each request, at level
	// Debug. Default: [slog.Default].
	Log *slog.Logger

	// Network, if set, is where the server listens instead of a socket. There it
	// takes both http and https, told apart by the first byte.
	Network *Network

	// Host is the server's name in the network. Default: every name that no other
	// server has.
	Host string

	// Mounted says that requests come through [Server.Handler], mounted in another
	// server: rules and effects that need a connection or a second origin are refused.
	Mounted bool
}

// Server is a registry on the network.
type Server struct {
	config    Config
	log       *slog.Logger
	listener  *listener
	authority *Authority
	handler   http.Handler
	http      http.Server
	url       string
	inBubble  bool // it was started in one

	ctx    context.Context // of all requests
	cancel context.CancelFunc

	mu        sync.Mutex
	closing   bool
	conns     map[*Conn]struct{}
	accepted  uint64
	transport *http.Transport

	external external

	running sync.WaitGroup // accept loop, connections, handlers
	closed  chan struct{}  // when Close is done
	err     error          // of Close
}

// Start makes a server that listens and serves when it returns. It must be
// closed.
func Start(config Config) (*Server, error) {
	config.TLS = config.TLS || config.HTTP2
	if config.Network != nil {
		// One listener takes both schemes there, and one transport reaches both.
		config.HTTP2 = config.HTTP2 || config.H2C
	}
	for _, host := range config.Hosts {
		if !certifiable(host) {
			return nil, fmt.Errorf("server: no certificate can be made for %q: want IP addresses and host names", host)
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

		inBubble: bubble.Inside(),
	}
	if err := s.listen(); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.handler = s.chain(config.Registry, config.Auth, config.Control)
	s.http = http.Server{
		Handler:                      s.admit(s.handler, s.externalChain()),
		DisableGeneralOptionsHandler: true, // OPTIONS * takes the same way as all others
		ReadHeaderTimeout:            headerTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     log.New(errorLog{s.log}, "", 0),
		BaseContext:                  func(net.Listener) context.Context { return s.ctx },
		ConnContext:                  withConn,
		ConnState:                    s.connState,
		Protocols:                    s.protocols(),
	}
	config.Faults.Bind(s.site())
	s.running.Go(func() { s.serve(s.listener) })
	return s, nil
}

func (s *Server) listen() error {
	if s.config.Network != nil {
		host := cmp.Or(s.config.Host, memnet.Any)
		l, err := s.config.Network.Listen(host)
		if err != nil {
			return err
		}
		s.authority = &s.config.Network.authority
		s.url = s.scheme() + memoryHost(host)
		s.listener = &listener{Listener: l, server: s, both: true, tlsConfig: s.newTLSConfig(s.config.HTTP2, s.config.ClientCerts)}
		return nil
	}
	l, err := s.listenTCP()
	if err != nil {
		return err
	}
	s.authority = &Authority{hosts: s.config.Hosts}
	s.url = s.scheme() + reachable(l.Addr())
	s.listener = &listener{Listener: l, server: s, tlsConfig: s.newTLSConfig(s.config.HTTP2, s.config.ClientCerts)}
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

// anyHost is the name of a server in memory that takes every name. A client that
// looks it up has not been given the transport, and its error says so.
const anyHost = "use-registry-transport.test"

// memoryHost is the host to put in URLs of a server in memory.
func memoryHost(host string) string {
	if host == memnet.Any {
		return anyHost
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return "[" + host + "]"
	}
	return host
}

// reachable is the address to put in URLs of a server that listens on addr:
// loopback if that is every address of the machine.
func reachable(addr net.Addr) string {
	at, err := netip.ParseAddrPort(addr.String())
	if err == nil && at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return addr.String()
}

// protocols are those that net/http looks for in what connections deliver
// decrypted. Whether a connection may speak HTTP/2 is judged in [Conn.Read].
func (s *Server) protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(s.config.HTTP2 || s.config.H2C)
	return p
}

func (s *Server) serve(l *listener) {
	err := s.http.Serve(l)
	if s.enter() { // else that is how it ends
		defer s.running.Done()
		s.log.Error("no more connections are accepted", "address", l.Addr().String(), "error", err)
	}
}

// URL returns the URL under which clients reach the server, without a trailing
// slash: "http://127.0.0.1:40001", "https://use-registry-transport.test".
func (s *Server) URL() string { return s.url }

// Host returns the host of [Server.URL], with its port if it has one.
func (s *Server) Host() string {
	_, host, _ := strings.Cut(s.url, "://")
	return host
}

// CheckBubble returns an error if the server cannot be used by the caller, as one of
// them is in a bubble of [testing/synctest] and the other is not.
func (s *Server) CheckBubble() error { return bubble.Check(s.inBubble) }

// Handler returns what serves the requests, to be mounted elsewhere. There it has
// no connections of its own for faults to act on.
func (s *Server) Handler() http.Handler { return s.handler }

// Authority returns what certifies the server.
func (s *Server) Authority() *Authority { return s.authority }

// Close stops the server: all connections are closed, whatever their state, the
// contexts of requests cancelled, and their handlers waited for. It may be called several times and concurrently; each call returns when the
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
	for c := range conns { // first: no client takes what a cancelled handler says for an answer
		c.sever()
	}
	s.cancel()
	s.err = s.http.Close()
	if transport != nil {
		transport.CloseIdleConnections()
	}
	s.running.Wait()
	return s.err
}

// enter counts something that Close must wait for, unless that has begun.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.running.Add(1)
	}
	return !s.closing
}
