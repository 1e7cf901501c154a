// Package keep keeps what real registries answer in a directory, from which tests replay it without a
// network.
//
//	func TestPull(t *testing.T) {
//		world := keep.World(t, "testdata/world", keep.Hosts("docker.io", "ghcr.io"))
//		transport := &http.Transport{
//			Proxy:           world.Proxy(),
//			TLSClientConfig: &tls.Config{RootCAs: world.CertPool()},
//		}
//		…
//	}
//
//	$ OCIFAKE_UPDATE=1 go test    # once, with the network
//	$ go test                     # without
//
// A package whose tests only replay needs only package registrytest, which takes less time to compile:
// registrytest.NewWorld(t, registrytest.Replay("testdata/world")).
//
// This package is experimental: it may change in any release.
package keep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ocifake/ocifake/internal/kept"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/internal/update"
	"github.com/ocifake/ocifake/internal/upstream"
	"github.com/ocifake/ocifake/registrytest"
)

// Option is an option of [World].
type Option func(*config)

type config struct {
	hosts []string
	from  map[string]source
}

type source struct {
	url     string
	options registrytest.UpstreamOptions
}

// Hosts sets the hosts to keep: "ghcr.io" or "registry.example:5000". Default: those in the directory.
func Hosts(names ...string) Option {
	return func(c *config) { c.hosts = append(c.hosts, names...) }
}

// From sets from where a host is kept: from a mirror, or with credentials. Default: from https and the
// name of the host, without credentials of its own.
func From(host, url string, options registrytest.UpstreamOptions) Option {
	return func(c *config) { c.from[host] = source{url, options} }
}

// World returns a world with what is kept in a directory, whose path is relative to that of the test. It
// is the same as [registrytest.NewWorld] with [registrytest.Replay], except if the environment variable
// OCIFAKE_UPDATE is 1, or the flag -update of the test is set. Then clients reach the real hosts, and
// what passes replaces the directory when the test ends and has not failed. A directory belongs to one
// test.
//
// The directory has no credentials and no tokens. What clients read is in it whole; what they did not
// ask for is missing.
func World(t testing.TB, dir string, options ...Option) *registrytest.World {
	must.NotNil("keep: World: t", t)
	t.Helper()
	c := config{from: map[string]source{}}
	for _, o := range options {
		must.NotNil("keep: World: options", o)
		o(&c)
	}
	keeps, err := update.Requested()
	if err == nil && !keeps {
		return registrytest.NewWorld(t, registrytest.Replay(dir))
	}
	var hosts []registrytest.WorldOption
	if err == nil {
		hosts, err = c.keep(t, dir)
	}
	if err != nil {
		t.Fatalf("keep: World: %v", err)
	}
	return registrytest.NewWorld(t, hosts...)
}

// keep begins to keep a world, and returns its hosts.
func (c *config) keep(t testing.TB, dir string) ([]registrytest.WorldOption, error) {
	t.Helper()
	if dir == "" {
		return nil, errors.New("give the directory of the world")
	}
	names, err := c.names(dir)
	if err != nil {
		return nil, err
	}
	keeper, err := kept.Keep(dir, kept.Options{})
	if err != nil {
		return nil, err
	}
	var upstreams []*upstream.Upstream
	t.Cleanup(func() { // after the registries are closed
		t.Helper()
		if err := errors.Join(end(t, keeper), closeAll(upstreams)); err != nil {
			t.Errorf("keep: World: %v", err)
		}
	})
	var hosts []registrytest.WorldOption
	for _, name := range names {
		u, err := c.connect(keeper, name)
		if err != nil {
			return nil, err
		}
		upstreams = append(upstreams, u)
		hosts = append(hosts, registrytest.Host(name, registrytest.WithHandler(u)))
	}
	return hosts, nil
}

// names returns the hosts to keep.
func (c *config) names(dir string) ([]string, error) {
	names := c.hosts
	if len(names) == 0 {
		before, err := replay.Open(dir)
		if err != nil {
			return nil, fmt.Errorf("%w (give the hosts to keep with Hosts)", err)
		}
		for _, host := range before.Hosts {
			names = append(names, host.String())
		}
		if err := before.Close(); err != nil {
			return nil, err
		}
	}
	left := len(c.from)
	for _, name := range names {
		if _, ok := c.from[name]; ok {
			left--
		}
	}
	if left > 0 {
		return nil, fmt.Errorf("From has a host that is not one of %q", names)
	}
	return names, nil
}

// connect returns a handler that reaches a host, and of which what passes is kept.
func (c *config) connect(keeper *kept.Keeper, name string) (*upstream.Upstream, error) {
	from := c.from[name]
	base, err := upstream.ParseURL(cmp.Or(from.url, "https://"+name))
	if err != nil {
		return nil, err
	}
	host, err := keeper.Add(name)
	if err != nil {
		return nil, err
	}
	u := upstream.New(base, upstream.Options{
		CAs: from.options.CAs, Credentials: from.options.Credentials, AllowHosts: from.options.AllowHosts,
		TokenPaths: true, // clients know the token service of the host
		Tap:        host.Tap,
	})
	host.Upstream = u
	return u, nil
}

// end replaces the directory, or leaves it as it was if the test has failed.
func end(t testing.TB, keeper *kept.Keeper) error {
	if t.Failed() || t.Skipped() {
		return keeper.Abort()
	}
	return keeper.Finish(context.WithoutCancel(t.Context()))
}

func closeAll(upstreams []*upstream.Upstream) error {
	var errs []error
	for _, u := range upstreams {
		errs = append(errs, u.Close())
	}
	return errors.Join(errs...)
}
