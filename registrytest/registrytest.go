package registrytest

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/apistore"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/memnet"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/internal/upstream"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

// Registry is a running registry. Its methods are safe for concurrent use.
type Registry struct {
	store    registry.Store
	began    *memstore.Store    // what a memstore had at the start
	registry *registry.Registry // nil if foreign
	foreign  string             // the option whose handler answers, and to which store speaks; empty: none
	upstream *upstream.Upstream // nil without WithUpstream
	replay   *replay.Host       // nil: nothing was kept
	faults   *engine.Engine
	service  *auth.Service // nil without authentication, or with another Authenticator
	server   *server.Server
	recorder *recorder.Recorder
	shown    shownJournal
	network  *Network // nil: none that others share
	inMemory bool
	name     string            // in messages; empty: the URL
	profile  *profiles.Profile // nil: strict
	log      *slog.Logger
	none     noTest           // stands in for a nil t
	lint     func(testing.TB) // of WithLint; nil without it
}

// New starts a registry for a test and closes it when the test and its subtests have ended.
// If the registry cannot be started, the test fails and ends. In a bubble of
// [testing/synctest] the registry is in memory, unless [WithAddr] is given.
//
// The registry logs to t.Log, from level Info on; [WithLogger] changes that. If the test
// fails, the journal of all requests is logged at its end, unless a failed assertion has
// shown it.
func New(t testing.TB, opts ...Option) *Registry {
	if must.IsNil(t) {
		r, err := Start(opts...)
		if err != nil {
			panic(err.Error())
		}
		return r
	}
	t.Helper()
	log := newTestLog(t)
	r, err := start(log.logger(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		t.Helper()
		if r.lint != nil {
			r.lint(t)
		}
		err := r.Close()
		log.end()
		if err != nil {
			t.Errorf("registrytest: close %s: %v", r.URL(), err)
		}
		r.logJournal(t)
	})
	return r
}

// Start starts a registry without a test, or for several tests: in TestMain, an Example or a
// program. The caller must close it. The registry logs to [slog.Default], unless
// [WithLogger] is given. In a bubble of [testing/synctest] the registry is in memory, unless
// [WithAddr] is given.
func Start(opts ...Option) (*Registry, error) {
	return withoutTest(start(slog.Default(), opts))
}

// withoutTest lets Close do what the end of a test does.
func withoutTest(r *Registry, err error) (*Registry, error) {
	if err == nil && r.lint != nil {
		r.none.Cleanup(func() { r.lint(nil) })
	}
	return r, err
}

func start(log *slog.Logger, opts []Option) (*Registry, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("registrytest: %w", err)
	}
	if c.server.Network == nil && c.server.Addr == "" && memnet.InBubble() {
		c.server.Network = new(server.Network) // virtual time does not pass while a goroutine waits for a socket
	}
	return c.start(log)
}

func (c config) start(log *slog.Logger) (_ *Registry, err error) {
	c.server.Log = cmp.Or(c.server.Log, log)
	r := &Registry{service: c.service, log: c.server.Log}
	if r.foreign = c.foreign(); r.foreign != "" {
		if c.upstream != nil {
			r.upstream = upstream.New(c.upstream, c.upstreamOptions())
			c.handler = r.upstream
		}
		handler := c.handler
		if h, ok := handler.(interface{ Direct() http.Handler }); ok {
			handler = h.Direct()
		}
		r.store, r.faults = apistore.New(handler, c.login), engine.New(nil)
	} else {
		r.store = cmp.Or[registry.Store](c.store, memstore.New(memstore.Options{}))
		r.faults = engine.New(r.store)
	}
	if memory, ok := r.store.(*memstore.Store); ok {
		r.began = memory.Clone()
	}
	c.server.Registry = c.handler
	if r.foreign == "" {
		r.serve(&c)
	}
	c.record.Log = c.server.Log
	if c.network != nil {
		c.record.Redactor = c.network.secrets()
	}
	r.recorder = recorder.New(c.record)
	r.network, r.inMemory, r.name, r.profile = c.network, c.server.Network != nil, c.name, c.profile
	c.server.Faults, c.server.Recorder = r.faults, r.recorder
	if r.server, err = server.Start(c.server); err != nil {
		return nil, fmt.Errorf("registrytest: %w", err)
	}
	if r.network != nil {
		r.network.join(r)
	}
	if c.lint != nil {
		r.lint = func(t testing.TB) { c.lint(r, t) }
	}
	return r, nil
}

// serve makes the registry of this module.
func (r *Registry) serve(c *config) {
	store := r.faults.Store()
	if r.replay = c.replay; r.replay != nil {
		store = r.replay.Store(store)
	}
	r.registry = registry.New(store, registry.Options{})
	r.SetOptions(c.registry)
	c.server.Registry = r.registry
	if r.replay == nil {
		return
	}
	r.replay.Into(r.store.(*memstore.Store)) // of asReplay
	c.server.Registry = r.replay.Handler(r.registry)
}

// NewHandler returns a registry without a listener, for a server of the caller's. Its handler,
// [Registry.Handler], has the recorder, the faults, authentication and the registry. The
// caller must close the registry when the server has stopped. Rules for connections, and
// effects that need a connection, are refused. So are the options for the listener:
// [WithAddr], [WithTLS], [WithHTTP2], [WithH2C], [WithClientCerts] and [WithNetwork].
//
//	reg, err := registrytest.NewHandler(registrytest.WithAuth(options))
//	mux.Handle("/v2/", reg.Handler())
func NewHandler(opts ...Option) (*Registry, error) {
	c, err := newConfig(opts)
	if err == nil && (c.server.Addr != "" || c.server.TLS || c.server.HTTP2 || c.server.H2C || c.network != nil) {
		err = errors.New("NewHandler has no listener: leave out WithAddr, WithTLS, WithHTTP2, WithH2C, WithClientCerts and WithNetwork")
	}
	if err != nil {
		return nil, fmt.Errorf("registrytest: %w", err)
	}
	if c.server.Network == nil {
		c.server.Network = new(server.Network)
	}
	c.server.Mounted = true
	return withoutTest(c.start(slog.Default()))
}

// Close stops the registry: it closes all connections, cancels the contexts of the requests,
// and waits for their handlers. The content stays in the store. Close may be called more than
// once.
//
// Close also does what the end of a test does for methods that were given a nil t, and
// returns what would have failed the test. See "Without a test" in the documentation of the
// package.
func (r *Registry) Close() error {
	err := r.server.Close()
	if r.upstream != nil {
		err = errors.Join(err, r.upstream.Close())
	}
	return errors.Join(err, r.none.end())
}

// URL returns the URL of the registry, "http://127.0.0.1:40001".
func (r *Registry) URL() string { return r.server.URL() }

// Host returns the host of the registry in references, "127.0.0.1:40001".
func (r *Registry) Host() string { return r.server.Host() }

// Ref returns the full reference of a repository, a tag or a digest:
// "127.0.0.1:40001/app:v1" for "app:v1".
func (r *Registry) Ref(name string) string { return r.Host() + "/" + name }

// Client returns a new client that uses [Registry.Transport] and has no timeout.
func (r *Registry) Client() *http.Client { return &http.Client{Transport: r.Transport()} }

// Transport returns a transport that reaches the registry and trusts its certificates. It
// uses HTTP/2 if the registry was started with [WithHTTP2] or [WithH2C], and never a proxy. A
// registry in memory, and the others on its network, can be reached only through it.
func (r *Registry) Transport() *http.Transport { return r.server.Transport() }

// CertPool returns a new pool with the certificate of the authority that signs the
// certificates of the registry, or of all registries on its network.
func (r *Registry) CertPool() *x509.CertPool { return r.server.Authority().CertPool() }

// CertPEM returns the certificate of the authority that signs the registry's certificate in PEM
// form, for the files of other programs.
func (r *Registry) CertPEM() []byte { return r.server.Authority().CertPEM() }

// Handler returns the handler of the registry's requests, for another server. It works after
// Close, too.
func (r *Registry) Handler() http.Handler { return r.server.Handler() }

// Store returns the store of the registry, unaffected by faults. With [WithHandler] and
// [WithUpstream] it calls the distribution API.
func (r *Registry) Store() registry.Store { return r.store }

// Options returns the current options of the registry, or the zero value with
// [WithHandler] and [WithUpstream].
func (r *Registry) Options() registry.Options {
	if r.foreign != "" {
		return registry.Options{}
	}
	return r.registry.Options()
}

// SetOptions replaces the options for requests that begin afterwards. The default Log is that
// of the registry, and the default Allow is [auth.Allow]. SetOptions panics if
// [registry.Options.Validate] returns an error, and with [WithHandler] and [WithUpstream],
// whose registries do not have these options.
func (r *Registry) SetOptions(options registry.Options) {
	if r.foreign != "" {
		panic("registrytest: SetOptions: " + r.contentOf() + " does not have these options")
	}
	if options.Log == nil {
		options.Log = r.log
	}
	if options.Allow == nil {
		options.Allow = auth.Allow
	}
	r.registry.SetOptions(options)
}
