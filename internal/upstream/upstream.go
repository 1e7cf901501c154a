package upstream

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// Options are the options of an Upstream. The zero value passes on the credentials of clients.
type Options struct {
	// CAs verify the certificates of the registry and of the hosts that it names. Default: the
	// system's.
	CAs *x509.CertPool

	// Credentials returns the user name and the password for a registry by its host,
	// "registry.example:5000", or empty ones for anonymous access. The user name "<token>" marks the
	// password as an identity token (OAuth2 refresh token). If the function is set, the credentials
	// of clients are not passed on, and tokens are requested here. Docker Hub's host is "docker.io".
	// The token service that the registry names in its challenge receives the credentials, too.
	Credentials func(host string) (username, password string, err error)

	// AllowHosts are the hosts, with or without a port, that the registry may name although their
	// addresses are not public.
	AllowHosts []string

	// TokenPaths lets clients that use the registry under its own name request tokens without a
	// challenge, at the path of the token service that the registry names. It has no effect if
	// Credentials is set.
	TokenPaths bool

	// TrustForwarded takes scheme and host of URLs for clients from the Forwarded or X-Forwarded-*
	// fields of a request.
	TrustForwarded bool

	// Tap receives each answer as it came, before rewriting, with its Request, and may replace its
	// Body; or the error if there was no answer. info has the facts of the client's request; it is
	// nil if the Upstream made the request itself, to log in. Tap is called concurrently.
	Tap func(info *op.Info, answer *http.Response, err error)
}

// Anonymous are credentials for access without a login.
func Anonymous(string) (username, password string, err error) { return "", "", nil }

// Upstream is an [http.Handler] that forwards requests to a registry. It is safe for concurrent use.
type Upstream struct {
	base      *url.URL // scheme and host
	options   Options
	sealer    *sealer
	services  *services
	network   *http.Transport
	transport http.RoundTripper // over network
}

// ParseURL parses the URL of a registry: a scheme, a host and an optional port. The names of Docker
// Hub stand for its registry.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the URL of an upstream cannot be parsed: %w", errors.Unwrap(err))
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("%q is not the URL of an upstream: want https://HOST or http://HOST", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("the URL of upstream %s contains a user: configure credentials instead", u.Host)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the URL of upstream %s contains a path, a query or a fragment: want only scheme and host; the path of a registry is part of the names of its repositories", u.Host)
	}
	host := strings.ToLower(u.Host)
	switch host {
	case dockerHub, "index.docker.io":
		host = dockerHubRegistry
	}
	return &url.URL{Scheme: u.Scheme, Host: host}, nil
}

const (
	dockerHub         = "docker.io"
	dockerHubRegistry = "registry-1.docker.io"
)

// New returns an Upstream for a URL that [ParseURL] returned. The caller must close it.
func New(base *url.URL, options Options) *Upstream {
	must.NotNil("upstream: New: base", base)
	u := &Upstream{base: base, options: options, sealer: newSealer(time.Now), services: newServices(), network: newNetwork(base, options)}
	u.transport = u.network
	if options.Tap != nil {
		u.transport = tapped{u.network, options.Tap}
	}
	if options.Credentials != nil {
		u.transport = newLogin(u.transport, base, options.Credentials)
	}
	return u
}

// URL returns the URL of the registry.
func (u *Upstream) URL() string { return u.base.String() }

// Direct returns a handler for requests that are not those of a client: it requests tokens itself,
// anonymously without [Options.Credentials].
func (u *Upstream) Direct() http.Handler {
	if u.options.Credentials != nil {
		return u
	}
	direct := *u
	direct.options.Credentials = Anonymous
	direct.transport = newLogin(u.transport, u.base, Anonymous)
	return &direct
}

// Close closes the idle connections to the registry. Requests must have ended.
func (u *Upstream) Close() error {
	u.network.CloseIdleConnections()
	return nil
}

// ServeHTTP implements [http.Handler].
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := newPassage(u, r)
	r = p.client
	to, err := u.target(r)
	if err != nil {
		p.refuse(w, err)
		return
	}
	p.to = to
	r = p.follow(r)
	proxy := httputil.ReverseProxy{
		Rewrite: p.request, ModifyResponse: p.answer, ErrorHandler: p.fail,
		Transport: u.transport, BufferPool: buffers, ErrorLog: discard,
	}
	defer func() {
		if p.broken() {
			_ = http.NewResponseController(w).Flush() // what has come reaches the client, if it is there
			panic(http.ErrAbortHandler)               // httputil does that only for requests of a server
		}
	}()
	proxy.ServeHTTP(provisional{w}, r)
}

// discard is the log of httputil: the record has what goes wrong.
var discard = log.New(io.Discard, "", 0)

// buffers are for copying bodies.
var buffers = &bufferPool{sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}}

const bufferSize = 32 << 10

type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) Get() []byte { return *b.pool.Get().(*[]byte) }

func (b *bufferPool) Put(p []byte) { b.pool.Put(&p) }
