// Package control is the control API of a registry, and its page: what was asked,
// what goes wrong and what is stored, seen and changed over HTTP. The API is
// described by the OpenAPI document that it serves; see the table of routes.
package control

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/memstore"
)

// Config is what an API shows and changes. Store, Recorder and Faults must be
// there.
type Config struct {
	Store    *memstore.Store    // what the registry keeps content in, without faults
	Recorder *recorder.Recorder // of the registry's requests
	Faults   *faults.Engine
	Auth     *auth.Service // of the registry; nil: nobody is asked

	// ReadRules reads a list of rules, or one, from the body of a request. An error
	// may have a method Place() (field string, line, column int).
	ReadRules func(text []byte) ([]faults.Rule, error)

	// AllowSparse accepts manifests to load whose references are missing.
	AllowSparse bool

	// MaxLoad is how many bytes an archive to load may have, and decompressed.
	// Default: 4 GiB.
	MaxLoad int64

	// Token is what clients must show to use the API, as "Authorization: Bearer
	// TOKEN". If it is empty, only clients on loopback may use it.
	Token string

	// Hosts are further names, with or without a port, under which clients may ask
	// for the API, beside IP addresses, localhost and the host of the registry.
	Hosts []string

	FaultNames bool // names of repositories can choose faults; shown only
	Version    string

	// Log gets what goes wrong on the server's side. Default: [slog.Default].
	Log *slog.Logger
}

const defaultMaxLoad = 4 << 30

// API is an [http.Handler] for the path "/_ocifake" and what is below it, and for "/",
// from which it leads to the page. It is safe for concurrent use.
type API struct {
	config  Config
	guard   guard
	started time.Time
	origin  uint64              // added to positions, so that those of another API are not taken for its own
	routes  func() http.Handler // made for the first request
	page    http.Handler
	open    atomic.Pointer[opened]

	closing sync.Once
	closed  chan struct{}
}

// opened is what is known once the registry is on the network.
type opened struct {
	url   string
	store *memstore.Store // the content to go back to
	rules []faults.Rule   // those to go back to
}

// New returns an API for a registry that is not ready yet.
func New(config Config) *API {
	config.MaxLoad = cmp.Or(config.MaxLoad, defaultMaxLoad)
	config.Log = cmp.Or(config.Log, slog.Default())
	now := time.Now()
	a := &API{
		config:  config,
		started: now,
		origin:  uint64(now.UnixMicro()),
		page:    newPage(),
		closed:  make(chan struct{}),
	}
	a.guard = newGuard(config.Token, config.Hosts, a.host)
	a.routes = sync.OnceValue(a.newMux)
	return a
}

// Open says that the registry is ready under a URL. The content and the rules that
// it has now are those that a reset goes back to.
func (a *API) Open(url string) {
	o := &opened{url: url, store: a.config.Store.Clone()}
	for _, state := range a.config.Faults.Rules() {
		o.rules = append(o.rules, state.Rule)
	}
	a.open.Store(o)
}

// SetRules sets the rules that a reset goes back to: those of a file that has
// changed, say. It does nothing before [API.Open].
func (a *API) SetRules(rules []faults.Rule) {
	if o := a.open.Load(); o != nil {
		a.open.Store(&opened{url: o.url, store: o.store, rules: rules})
	}
}

// Close ends the streams of events, and whoever else waits for something to happen.
// It does not wait for them.
func (a *API) Close() { a.closing.Do(func() { close(a.closed) }) }

// host is that of the registry, empty as long as it is not open.
func (a *API) host() string {
	o := a.open.Load()
	if o == nil {
		return ""
	}
	_, host, _ := strings.Cut(o.url, "://")
	return host
}

const (
	root   = "/_ocifake"
	prefix = root + "/v1/"
)

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	below, inside := strings.CutPrefix(r.URL.Path, root+"/")
	switch {
	case inside && (below == "v1" || strings.HasPrefix(below, "v1/")):
		w.Header().Set("Cache-Control", "no-store")
		a.routes().ServeHTTP(w, r)
	case inside || r.URL.Path == root || r.URL.Path == "/":
		a.servePage(w, r, inside)
	default:
		fail(w, r, notFound("there is nothing at %s: the page is at %s/, the API below %s", r.URL.Path, root, prefix))
	}
}
