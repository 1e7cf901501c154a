package registrytest

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/internal/update"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/profiles"
)

// World is a [Network] of registries in the place of real hosts. It is experimental.
type World struct {
	t       testing.TB
	network *Network
	names   map[string]*Registry // by the host as it was given or kept
	proxy   func() *url.URL
}

// WorldOption is an option of [NewWorld].
type WorldOption func(*worldConfig)

type worldConfig struct {
	dir   string
	hosts []worldHost
	errs  []error
}

type worldHost struct {
	name    string
	options []Option
}

// Replay serves what was kept in a directory, by keep.World or by "ocifake run --keep". The path is
// relative to the directory of the test. The hosts need no network, and answer requests in any order.
// When the test ends, it fails if a client asked for what is not in the directory, and lists that.
// What clients push stays in memory.
//
// Replay does not keep. If the environment variable OCIFAKE_UPDATE is 1, or the flag -update of the
// test is set, the test fails: call keep.World, which replays too, and keeps anew then.
func Replay(dir string) WorldOption {
	return func(c *worldConfig) {
		if c.dir != "" || dir == "" {
			c.errs = append(c.errs, errors.New("give Replay once, with a directory"))
		}
		c.dir = dir
	}
}

// Host puts a registry with the given options in the place of a host, "ghcr.io". [WithNetwork] and
// [WithHTTP2] are among them already. Other names of the host lead to the registry, too: all those of
// Docker Hub for "docker.io".
func Host(name string, options ...Option) WorldOption {
	for _, o := range options {
		must.NotNil("registrytest: Host: options", o)
	}
	return func(c *worldConfig) { c.hosts = append(c.hosts, worldHost{name, options}) }
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
	if err := c.check(); err != nil {
		t.Fatalf("registrytest: NewWorld: %v", err)
	}
	w := &World{t: t, network: NewNetwork(), names: map[string]*Registry{}}
	w.proxy = sync.OnceValue(func() *url.URL { return w.network.Proxy(t) })
	if err := w.begin(t, c); err != nil {
		t.Fatalf("registrytest: NewWorld: %v", err)
	}
	return w
}

func (c *worldConfig) check() error {
	if c.dir == "" && len(c.hosts) == 0 && len(c.errs) == 0 {
		c.errs = append(c.errs, errors.New("no hosts: give Replay, or Host for each"))
	}
	if c.dir != "" {
		keeps, err := update.Requested()
		if keeps {
			err = fmt.Errorf("%s=1 or -update is set, and Replay does not keep %s anew: call World of package github.com/ocifake/ocifake/keep, "+
				"keep.World(t, %q), or run this test without the variable and the flag", update.Variable, c.dir, c.dir)
		}
		c.errs = append(c.errs, err)
	}
	return errors.Join(c.errs...)
}

// begin starts the registries.
func (w *World) begin(t testing.TB, c worldConfig) error {
	t.Helper()
	if c.dir != "" {
		if err := w.replay(t, c.dir); err != nil {
			return err
		}
	}
	for _, h := range c.hosts {
		host, err := replay.ParseHost(h.name)
		if err != nil {
			return err
		}
		if w.names[h.name] != nil {
			return fmt.Errorf("host %s is there twice", h.name)
		}
		w.start(t, h.name, host.Name, host.Aliases(nil), h.options...)
	}
	return nil
}

// replay starts the registries with what was kept.
func (w *World) replay(t testing.TB, dir string) error {
	t.Helper()
	world, err := replay.Open(dir)
	if err != nil {
		return fmt.Errorf("%w (keep.World keeps it, with %s=1)", err, update.Variable)
	}
	t.Cleanup(func() { // after the registries are closed
		t.Helper()
		if missing := world.Missing(); len(missing) > 0 {
			t.Errorf("registrytest: the world in %s lacks what was asked for; keep it anew, by keep.World and %s=1:\n  %s", dir, update.Variable, strings.Join(missing, "\n  "))
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
func asReplay(host *replay.Host) Option {
	return func(c *config) {
		c.replay = host
		c.store = memstore.New(memstore.Options{})
	}
}

// start starts the registry of a host.
func (w *World) start(t testing.TB, name, host string, aliases []string, options ...Option) {
	t.Helper()
	w.names[name] = New(t, slices.Concat(options, []Option{WithNetwork(w.network, host), WithHTTP2(), func(c *config) { c.aliases = aliases }})...)
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
