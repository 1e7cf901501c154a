// Package control implements the control API of a registry and its page. The API shows and changes
// the recorded requests, the fault rules, the profile and the content over HTTP. It serves an OpenAPI document
// that describes it; see the table of routes.
package control

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/worldstore"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

// Config configures an API. Store, Recorder and Faults are required.
type Config struct {
	Store    registry.Store     // the content of the registry and of its hosts, without faults; a [worldstore.Store] can be reset
	Recorder *recorder.Recorder // records the registry's requests
	Faults   *engine.Engine

	// World describes the hosts for which registries stand in, with the forward proxy that leads to
	// them. Default: there are none.
	World func() Hosts

	// Renew begins the tokens and the limits of the hosts anew. It is required with World.
	Renew func() error

	// ReadRules parses one rule or a list of rules from the body of a request. Its error may have a
	// method Place() (field string, line, column int).
	ReadRules func(text []byte) ([]faults.Rule, error)

	// Use is the profile at the start. A reset restores it.
	Use Use

	// Switch makes the registry like that of a profile for requests that begin afterwards, or strict
	// for nil. With an error, nothing changes. It is required.
	Switch func(*profiles.Profile) (Use, error)

	// ReadProfile parses a profile from the body of a request. Its error is like that of ReadRules.
	ReadProfile func(text []byte) (*profiles.Profile, error)

	// MaxLoad is the maximum size of a loaded archive in bytes, both compressed and decompressed.
	// Default: 4 GiB.
	MaxLoad int64

	// Token is the bearer token that clients must send, as "Authorization: Bearer TOKEN". If it is
	// empty, only clients on loopback may use the API.
	Token string

	// Hosts are additional host names, with or without a port, for requests to the API. IP
	// addresses, localhost and the host of the registry are always allowed.
	Hosts []string

	FaultNames bool // names of repositories can choose faults; shown only
	Version    string

	// Log receives server-side errors. Default: [slog.Default].
	Log *slog.Logger
}

const defaultMaxLoad = 4 << 30

// API is an [http.Handler] for the path "/_ocifake" and below, and for "/", which redirects to the
// page. It is safe for concurrent use.
type API struct {
	config  Config
	guard   guard
	started time.Time
	origin  uint64              // added to positions to distinguish them from those of another API
	routes  func() http.Handler // made on the first request
	page    http.Handler
	open    atomic.Pointer[opened]

	switching sync.Mutex // held while the profile changes
	use       atomic.Pointer[Use]
	switched  changes // of use

	closing sync.Once
	closed  chan struct{}
}

// opened is the state that is known once the registry is on the network.
type opened struct {
	url   string
	store *worldstore.Store // restored by a reset; nil if the content is another Store
	rules []faults.Rule     // restored by a reset
}

// New returns an API. Its registry is not ready until [API.Open] is called.
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
	a.use.Store(&config.Use)
	a.guard = newGuard(config.Token, config.Hosts, a.host)
	a.routes = sync.OnceValue(a.newMux)
	return a
}

// Open marks the registry as ready under a URL. A reset restores the content and the rules of this
// moment.
func (a *API) Open(url string) {
	o := &opened{url: url}
	if own, ok := a.config.Store.(*worldstore.Store); ok {
		o.store = own.Clone()
	}
	for _, state := range a.config.Faults.Rules() {
		o.rules = append(o.rules, state.Rule)
	}
	a.open.Store(o)
}

// SetRules sets the rules that a reset restores, for example after a file of rules has changed. It
// does nothing before [API.Open].
func (a *API) SetRules(rules []faults.Rule) {
	if o := a.open.Load(); o != nil {
		a.open.Store(&opened{url: o.url, store: o.store, rules: rules})
	}
}

// Close ends the streams of events and the requests that wait for an expectation. It does not wait
// for them to end.
func (a *API) Close() { a.closing.Do(func() { close(a.closed) }) }

// host returns the host of the registry. It is empty before Open.
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
		fail(w, r, notFound("%s not found: the page is at %s/, the API below %s", r.URL.Path, root, prefix))
	}
}
