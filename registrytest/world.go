package registrytest

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/ocifake/ocifake/internal/kept"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/upstream"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/profiles"
)

// World is a [Network] of registries in the place of real hosts, with what was kept of them. It is
// experimental.
type World struct {
	t       testing.TB
	network *Network
	names   map[string]*Registry // by the host as it was kept
	proxy   func() *url.URL
}

// WorldOption is an option of [NewWorld].
type WorldOption func(*worldConfig)

type worldConfig struct {
	dir   string
	hosts []string
	from  map[string]upstreamAt
	errs  []error
}

type upstreamAt struct {
	url   string
	reach UpstreamOptions
}

// Replay serves what was kept in a directory, by this function or by "ocifake run --keep". The path is
// relative to the directory of the test. The hosts need no network, and answer requests in any order.
// When the test ends, it fails if a client asked for what is not in the directory, and lists that.
// What clients push stays in memory.
//
// If the environment variable OCIFAKE_UPDATE is 1, or the flag -update of the test is set, the
// directory is kept anew: clients reach the real hosts, and what passes replaces the directory when
// the test ends and has not failed. The hosts are those given, or else those in the directory. A
// directory belongs to one test.
func Replay(dir string, hosts ...string) WorldOption {
	return func(c *worldConfig) {
		if c.dir != "" || dir == "" {
			c.errs = append(c.errs, errors.New("give Replay once, with a directory"))
		}
		c.dir, c.hosts = dir, hosts
	}
}

// KeepFrom sets from where [Replay] keeps a host, "ghcr.io": from a mirror, or with credentials.
// Default: from https and the name of the host, without credentials of its own.
func KeepFrom(host, url string, options UpstreamOptions) WorldOption {
	return func(c *worldConfig) {
		if c.from == nil {
			c.from = map[string]upstreamAt{}
		}
		c.from[host] = upstreamAt{url, options}
	}
}

// NewWorld starts registries in the place of hosts, with the content that [Replay] has of them.
//
//	world := registrytest.NewWorld(t, registrytest.Replay("testdata/world"))
//	client := &http.Client{Transport: &http.Transport{
//		Proxy:           world.Proxy(),
//		TLSClientConfig: &tls.Config{RootCAs: world.CertPool()},
//	}}
//	response, err := client.Get("https://ghcr.io/v2/org/app/manifests/v1")
//
// If the world cannot be read, the test fails and ends.
func NewWorld(t testing.TB, options ...WorldOption) *World {
	must.NotNil("registrytest: NewWorld: t", t)
	t.Helper()
	var c worldConfig
	for _, o := range options {
		must.NotNil("registrytest: NewWorld: options", o)
		o(&c)
	}
	if c.dir == "" && len(c.errs) == 0 {
		c.errs = append(c.errs, errors.New("no directory: give it with Replay"))
	}
	update, err := updating()
	if err := errors.Join(append(c.errs, err)...); err != nil {
		t.Fatalf("registrytest: NewWorld: %v", err)
	}
	w := &World{t: t, network: NewNetwork(), names: map[string]*Registry{}}
	w.proxy = sync.OnceValue(func() *url.URL { return w.network.Proxy(t) })
	if update {
		err = w.keep(t, c)
	} else {
		err = w.replay(t, c)
	}
	if err != nil {
		t.Fatalf("registrytest: NewWorld: %v", err)
	}
	return w
}

// replay starts the registries with what was kept.
func (w *World) replay(t testing.TB, c worldConfig) error {
	t.Helper()
	world, err := kept.Open(c.dir)
	if err != nil {
		return fmt.Errorf("%w (set %s=1 to keep it)", err, updateVariable)
	}
	t.Cleanup(func() { // after the registries are closed
		t.Helper()
		if missing := world.Missing(); len(missing) > 0 {
			t.Errorf("registrytest: the world in %s lacks what was asked for; set %s=1 to keep it anew:\n  %s", c.dir, updateVariable, strings.Join(missing, "\n  "))
		}
		if err := world.Close(); err != nil {
			t.Errorf("registrytest: %v", err)
		}
	})
	for _, host := range world.Hosts {
		options := []Option{asReplay(host)}
		if len(host.Profile) > 0 {
			p, err := profiles.Read(host.Profile)
			if err != nil {
				return fmt.Errorf("host %s: profile.yaml, of which a Go test reads the JSON form: %w", host, err)
			}
			options = append(options, WithCustomProfile(p))
		}
		w.start(t, host.String(), host.Name, host.Aliases(nil), options...)
	}
	return nil
}

// asReplay gives a registry the content of a kept host.
func asReplay(host *kept.Replay) Option {
	return func(c *config) {
		c.replay = host
		c.store = memstore.New(memstore.Options{})
	}
}

// start starts the registry of a host.
func (w *World) start(t testing.TB, name, host string, aliases []string, options ...Option) *Registry {
	t.Helper()
	r := New(t, append(options, WithNetwork(w.network, host), WithHTTP2(), func(c *config) { c.aliases = aliases })...)
	w.names[name] = r
	return r
}

// keep starts registries in front of the real hosts, and keeps what passes.
func (w *World) keep(t testing.TB, c worldConfig) error {
	t.Helper()
	hosts := c.hosts
	if len(hosts) == 0 {
		before, err := kept.Open(c.dir)
		if err != nil {
			return fmt.Errorf("%w (give the hosts to keep to Replay)", err)
		}
		for _, host := range before.Hosts {
			hosts = append(hosts, host.String())
		}
		if err := before.Close(); err != nil {
			return err
		}
	}
	keeper, err := kept.Keep(c.dir, kept.Options{})
	if err != nil {
		return err
	}
	var upstreams []*upstream.Upstream
	t.Cleanup(func() { // after the registries are closed
		t.Helper()
		end := keeper.Abort
		if !t.Failed() && !t.Skipped() {
			end = func() error { return keeper.Finish(contextOf(t)) }
		}
		err := end()
		for _, u := range upstreams {
			err = errors.Join(err, u.Close())
		}
		if err != nil {
			t.Errorf("registrytest: keep a world: %v", err)
		}
	})
	for _, name := range hosts {
		host, err := keeper.Add(name)
		if err != nil {
			return err
		}
		from := c.from[name]
		at := cmp.Or(from.url, "https://"+name)
		r := w.start(t, name, host.Name, host.Aliases(nil), WithUpstream(at), WithUpstreamOptions(from.reach),
			func(c *config) { c.keep = host })
		upstreams = append(upstreams, r.upstream)
	}
	return nil
}

// Host returns the registry of a host, "ghcr.io". It fails and ends the test if the world does not have
// the host.
func (w *World) Host(name string) *Registry {
	w.t.Helper()
	r := w.names[name]
	if r == nil {
		r = w.network.Registry(w.t, name)
	}
	if r.replay != nil {
		if err := r.replay.Fill(); err != nil {
			w.t.Fatalf("registrytest: %v", err)
		}
	}
	return r
}

// Network returns the network of the registries, for assertions on the requests to all of them.
func (w *World) Network() *Network { return w.network }

// Proxy returns the Proxy of an [http.Transport] that reaches the hosts by their names. The transport
// must trust [World.CertPool]. See [Network.Proxy].
func (w *World) Proxy() func(*http.Request) (*url.URL, error) {
	w.t.Helper()
	return http.ProxyURL(w.proxy())
}

// Transport returns a transport that reaches the hosts without a proxy; see [Network.Transport].
func (w *World) Transport() *http.Transport { return w.network.Transport() }

// CertPool returns a new pool with the authority of the hosts' certificates.
func (w *World) CertPool() *x509.CertPool { return w.network.CertPool() }

// Environ returns the environment of a command that reaches the hosts by their names; see
// [Network.Environ].
func (w *World) Environ() []string {
	w.t.Helper()
	return w.network.Environ(w.t)
}
