package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/ocifake/ocifake/internal/memnet"
	"github.com/ocifake/ocifake/internal/recorder"
)

const (
	// maxTunnels is the maximum number of tunnels that are open at a time.
	maxTunnels = 1024

	// idleTunnel is how long a tunnel stays open in which no byte moves.
	idleTunnel = 30 * time.Minute

	// maxAsked is the maximum number of hosts that [Server.Asked] lists.
	maxAsked = 1000
)

// Proxy makes a server a forward proxy, besides what else it is: it serves requests with an
// absolute URL, and tunnels, which CONNECT opens. They lead to the servers of a network, as a dial
// there does. Any other host is refused. A server that has TLS accepts requests to the proxy
// without TLS, too.
type Proxy struct {
	// Hosts are the servers.
	Hosts *Network

	// Serves reports whether a host of the network has a port. Default: each has all ports.
	Serves func(host, port string) bool

	// Passes reports whether tunnels lead to the real host. The servers of Hosts take precedence.
	// Default: none do.
	Passes func(host, port string) bool

	// Dial connects to a host that Passes. It is required with Passes.
	Dial func(ctx context.Context, host, port string) (net.Conn, error)
}

// Asked is a host that clients of the proxy asked for, and that is not one of the network.
type Asked struct {
	Host   string `json:"host"`             // with the port, unless it is that of the scheme
	Count  int    `json:"count"`            // number of requests and tunnels
	Passed bool   `json:"passed,omitempty"` // tunnels lead to the real host; otherwise they were refused
}

// proxy is the state of a [Proxy].
type proxy struct {
	Proxy
	server *Server

	mu      sync.Mutex
	tunnels int
	asked   map[string]*Asked
}

func newProxy(p Proxy, s *Server) *proxy {
	return &proxy{Proxy: p, server: s, asked: map[string]*Asked{}}
}

// Asked returns the hosts, sorted by name, that clients of the proxy asked for in vain, and those to
// which tunnels were passed on. It lists at most 1000 hosts.
func (s *Server) Asked() []Asked {
	if s.proxy == nil {
		return nil
	}
	s.proxy.mu.Lock()
	defer s.proxy.mu.Unlock()
	var list []Asked
	for _, a := range s.proxy.asked {
		list = append(list, *a)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Host < list[j].Host })
	return list
}

// ask notes that a client asked for a host.
func (p *proxy) ask(at authority, passed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.asked[at.short()]
	switch {
	case a == nil && len(p.asked) == maxAsked:
		return
	case a == nil:
		a = &Asked{Host: at.short(), Passed: passed}
		p.asked[a.Host] = a
	}
	a.Count++
}

// enter counts a tunnel, and reports false if there are too many.
func (p *proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tunnels == maxTunnels {
		return false
	}
	p.tunnels++
	return true
}

func (p *proxy) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tunnels--
}

// authority is the host and the port that a request to a proxy is for.
type authority struct {
	host string // in lower case, without a final dot
	port string
	http bool // of a request with an absolute URL
}

// parseAuthority parses "host:port". Without a default, it must have a port.
func parseAuthority(text, defaultPort string) (a authority, err error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil && defaultPort != "" {
		if host, port, err = net.SplitHostPort(text + ":" + defaultPort); err != nil {
			host, port, err = net.SplitHostPort("[" + text + "]:" + defaultPort)
		}
	}
	if err != nil {
		return a, errors.New("want host:port")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		return a, errors.New("it is not in ASCII")
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return a, errors.New("the address has a zone")
		}
		host = addr.String()
	} else if !certifiable(host) {
		return a, errors.New("it is neither an IP address nor a host name")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port != strconv.FormatUint(n, 10) {
		return a, errors.New("want a port from 1 to 65535")
	}
	return authority{host: host, port: port}, nil
}

// String returns the host and the port.
func (a authority) String() string { return net.JoinHostPort(a.host, a.port) }

// short returns the host, and the port unless it is that of the scheme.
func (a authority) short() string {
	if a.http && a.port == "80" || !a.http && a.port == "443" {
		return a.host
	}
	return a.String()
}

// isProxied reports whether a request is for a proxy.
func isProxied(r *http.Request) bool { return r.Method == http.MethodConnect || r.URL.Host != "" }

// admit serves a request if it is for a proxy, and otherwise returns it, for the handlers of other
// requests.
func (p *proxy) admit(w http.ResponseWriter, r *http.Request, c *Conn) *http.Request {
	if isProxied(r) {
		return p.serve(w, r, c)
	}
	if p.server.config.TLS && r.TLS == nil {
		c.record.Failed(plainOnTLS)
		http.Error(w, "Client sent an HTTP request to an HTTPS server.", http.StatusBadRequest)
		return nil
	}
	return r
}

// serve serves a request for a proxy. If it is for the server itself, it returns the request without
// the absolute URL, for the handlers of other requests.
func (p *proxy) serve(w http.ResponseWriter, r *http.Request, c *Conn) (own *http.Request) {
	connect := r.Method == http.MethodConnect
	at, err := targetOf(r)
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "UNSUPPORTED", "", err.Error())
	case p.isSelf(at, c) && connect:
		refuse(w, http.StatusForbidden, "DENIED", at.String(), "this is the proxy itself: connect to it without a proxy, as NO_PROXY tells clients to")
	case p.isSelf(at, c):
		return inOrigin(r)
	default:
		p.serveHost(w, r, c, at)
	}
	return nil
}

// targetOf returns what a request to a proxy is for. Its errors do not repeat the request, which may
// have a password.
func targetOf(r *http.Request) (authority, error) {
	if r.URL.User != nil {
		return authority{}, errors.New("the request target has a user name, which RFC 9110 (section 4.2.4) forbids: send credentials in Authorization")
	}
	if r.Method == http.MethodConnect {
		switch {
		case r.ProtoMajor > 1:
			return authority{}, errors.New("CONNECT needs HTTP/1.1: tunnels in HTTP/2 are not supported")
		case r.ContentLength != 0:
			return authority{}, errors.New("a request with CONNECT has no content (RFC 9110, section 9.3.6)")
		}
		at, err := parseAuthority(r.RequestURI, "")
		if err != nil {
			return at, fmt.Errorf("the target of CONNECT is malformed: %w", err)
		}
		return at, nil
	}
	if r.URL.Scheme != "http" {
		return authority{}, errors.New("the request target is not an http URL: use CONNECT for https")
	}
	at, err := parseAuthority(r.URL.Host, "80")
	at.http = true
	if err != nil {
		return at, fmt.Errorf("the host of the request target is malformed: %w", err)
	}
	return at, nil
}

// isSelf reports whether a target is the address at which the client reached the server, or another
// name of it.
func (p *proxy) isSelf(at authority, c *Conn) bool {
	local, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil || at.port != strconv.Itoa(int(local.Port())) {
		return false
	}
	if at.host == "localhost" || strings.HasSuffix(at.host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(at.host)
	return err == nil && (addr.Unmap() == local.Addr().Unmap() || addr.IsLoopback() || addr.IsUnspecified())
}

// IsOwn reports whether an address is that at which the server listens.
func (s *Server) IsOwn(at netip.AddrPort) bool {
	own, err := netip.ParseAddrPort(s.listener.Addr().String())
	return err == nil && at.Port() == own.Port() && (own.Addr().Unmap() == at.Addr() || own.Addr().IsUnspecified() || at.Addr().IsUnspecified())
}

// inOrigin returns a request as the server itself would have received it: with a path as its
// target, and without fields for proxies.
func inOrigin(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "", ""
	if r.URL.Path == "" && r.Method != http.MethodOptions {
		r.URL.Path = "/"
	}
	r.RequestURI = r.URL.RequestURI()
	r.Header.Del("Proxy-Authorization")
	r.Header.Del("Proxy-Connection")
	return r
}

// serveHost serves a request for another host.
func (p *proxy) serveHost(w http.ResponseWriter, r *http.Request, c *Conn, at authority) {
	to := p.Hosts.at(at.host)
	served := to != nil && (p.Serves == nil || p.Serves(at.host, at.port))
	switch {
	case at.host == memnet.Dead: // where faults lead clients
		refuse(w, http.StatusBadGateway, "UNKNOWN", at.String(), "connection refused")
	case served && r.Method == http.MethodConnect:
		p.tunnel(w, c, at)
	case served:
		r = inOrigin(r)
		r.TLS = nil // the URL is an http URL, however the client reached the proxy
		to.server.serveProxied(w, r, c, to)
	case r.Method == http.MethodConnect && to == nil && p.Passes != nil && p.Passes(at.host, at.port):
		p.ask(at, true)
		p.pass(w, r, c, at)
	default:
		p.ask(at, false)
		p.server.log.Debug("proxy refused a host", "host", at.short())
		c.record.Led(at.String())
		refuse(w, http.StatusForbidden, "DENIED", at.short(), p.why(at, to != nil))
	}
}

// why returns why a host is refused.
func (p *proxy) why(at authority, known bool) string {
	switch {
	case known:
		return fmt.Sprintf("port %s of %s leads to no registry: map the host with this port", at.port, at.host)
	case at.http && p.Passes != nil && (p.Passes(at.host, at.port) || p.Passes(at.host, "443")):
		return "the host is passed on for https only, not for http"
	}
	return "no registry is mapped to the host " + at.short() + ", and the proxy connects to no other hosts"
}

// refuse answers a request with an error in the form of the distribution specification ("Error
// Codes").
func refuse(w http.ResponseWriter, status int, code, host, message string) {
	type problem struct {
		Code    string            `json:"code"`
		Message string            `json:"message"`
		Detail  map[string]string `json:"detail,omitempty"`
	}
	one := problem{Code: code, Message: "ocifake proxy: " + message}
	if host != "" {
		one.Detail = map[string]string{"host": host}
	}
	// It cannot fail: all fields are texts.
	body, _ := json.Marshal(map[string][]problem{"errors": {one}})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails if the client has left
}

// serveProxied serves a request that came to a proxy on the connection c, as if the connection were
// one to the listener.
func (s *Server) serveProxied(w http.ResponseWriter, r *http.Request, c *Conn, at *listener) {
	if !s.enter() {
		refuse(w, http.StatusBadGateway, "UNKNOWN", r.Host, "the registry of this host is closed")
		return
	}
	defer s.running.Done()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	defer context.AfterFunc(r.Context(), cancel)()
	defer context.AfterFunc(s.ctx, c.sever)()
	for _, key := range []any{http.ServerContextKey, http.LocalAddrContextKey} {
		ctx = context.WithValue(ctx, key, r.Context().Value(key))
	}
	s.dispatch(w, r.WithContext(inContext(ctx, c, c.recordFor(s))), at.external)
}

// recordFor returns the record of a connection to a proxy for the requests to a server.
func (c *Conn) recordFor(s *Server) *recorder.Accepted {
	c.proxied.mu.Lock()
	defer c.proxied.mu.Unlock()
	record, ok := c.proxied.records[s]
	if !ok {
		record = c.record
		if s.config.Recorder != c.server.config.Recorder {
			record = s.config.Recorder.Accept(c.RemoteAddr().String(), c.Bytes)
		}
		if c.proxied.records == nil {
			c.proxied.records = map[*Server]*recorder.Accepted{}
		}
		c.proxied.records[s] = record
	}
	return record
}

// endProxied ends the records of a connection to a proxy, and what servers keep for it.
func (c *Conn) endProxied() {
	c.proxied.mu.Lock()
	defer c.proxied.mu.Unlock()
	for s, record := range c.proxied.records {
		s.config.Faults.Closed(c)
		record.Closed()
	}
}
