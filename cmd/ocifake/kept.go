package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/internal/control"
	"github.com/ocifake/ocifake/internal/kept"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/internal/upstream"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

// keeping holds the flags for a kept world.
type keeping struct {
	replay  string // directory
	missing bool   // what is missing does not fail run
	keep    string // directory
	shallow bool
	from    []string // HOST=URL

	at     map[string]*url.URL // of from
	world  *replay.World
	keeper *kept.Keeper
}

// check validates the combination of flags.
func (k *keeping) check(c *serveConfig, flags *pflag.FlagSet) error {
	refuse := func(flag string, excluded ...string) error {
		for _, name := range excluded {
			if flags.Changed(name) {
				return fmt.Errorf("--%s excludes --%s", flag, name)
			}
		}
		return nil
	}
	switch {
	case k.keep == "" && (k.shallow || len(k.from) > 0):
		return errors.New("--shallow and --keep-from need --keep")
	case k.replay == "" && k.missing:
		return errors.New("--allow-missing needs --replay")
	case k.replay != "":
		return refuse("replay", "keep", "upstream", "snapshot", "allow-host", "upstream-ca", "upstream-user", "upstream-docker-login")
	case k.keep == "":
		return nil
	case len(c.stand.hosts) == 0:
		return errors.New("--keep needs --hosts, the hosts to keep")
	}
	for _, h := range c.stand.hosts {
		if h.Profile != "" {
			return fmt.Errorf("--keep learns the profile of a host: leave out that of %s", h)
		}
	}
	if err := k.parseFrom(c.stand.hosts); err != nil {
		return fmt.Errorf("--keep-from: %w", err)
	}
	return refuse("keep", "upstream", "upstream-user", "snapshot", "load", "generate", "profile", "user", "bearer", "htpasswd", "token-auth")
}

// parseFrom finds the URL of each host.
func (k *keeping) parseFrom(hosts hostList) error {
	k.at = map[string]*url.URL{}
	given := map[string]string{}
	for _, text := range k.from {
		host, at, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("%q: want HOST=URL", text)
		}
		given[host] = at
	}
	for _, h := range hosts {
		u, err := upstream.ParseURL(cmp.Or(given[h.String()], "https://"+h.String()))
		if err != nil {
			return err
		}
		k.at[h.String()] = u
		delete(given, h.String())
	}
	for host := range given {
		return fmt.Errorf("%s is not one of --hosts", host)
	}
	return nil
}

// open opens the world that is replayed, whose hosts are added to those of --hosts, or begins to keep
// one.
func (k *keeping) open(s *standIns) (err error) {
	switch {
	case k.replay != "":
		if k.world, err = replay.Open(k.replay); err != nil {
			return fmt.Errorf("--replay: %w", err)
		}
		for _, r := range k.world.Hosts {
			s.hosts = append(s.hosts, r.StandIn)
		}
		if err := replay.Distinct(s.hosts); err != nil {
			return fmt.Errorf("--replay and --hosts: %w", err)
		}
	case k.keep != "":
		if k.keeper, err = kept.Keep(k.keep, kept.Options{Shallow: k.shallow}); err != nil {
			return fmt.Errorf("--keep: %w", err)
		}
	}
	return nil
}

// close closes the world that is replayed.
func (k *keeping) close() error {
	if k.world == nil {
		return nil
	}
	return k.world.Close()
}

// prepareKept makes a stand-in one that keeps or replays its host, if there is a kept world.
func (f *fixture) prepareKept(ctx context.Context, s *standIn, store *memstore.Store) (err error) {
	k := &f.config.keeping
	if k.keeper != nil {
		return f.prepareKeep(ctx, s)
	}
	if k.world == nil {
		return nil
	}
	for _, r := range k.world.Hosts {
		if r.StandIn != s.StandIn {
			continue
		}
		s.replay = r
		r.Into(store)
		f.content.FillLater(r)
		if len(r.Profile) > 0 {
			if s.profile, err = config.ReadProfile(r.Profile); err != nil {
				return fmt.Errorf("--replay: %s of %s: %w", "profile.yaml", r.StandIn, err)
			}
		}
	}
	return nil
}

func (f *fixture) prepareKeep(ctx context.Context, s *standIn) error {
	k := &f.config.keeping
	host, err := k.keeper.Add(s.String())
	if err != nil {
		return err
	}
	options, err := f.config.upstream.options(ctx, false, f.config.registry.TrustForwarded)
	if err != nil {
		return err
	}
	options.Tap = host.Tap
	options.TokenPaths = true // clients know the token service of the host
	s.upstream = upstream.New(k.at[s.String()], options)
	host.Upstream = s.upstream
	f.closers = append(f.closers, s.upstream.Close)
	return nil
}

// replayed returns what answers for a host that is replayed. Without users of flags, everybody may do
// everything.
func (f *fixture) replayed(s *standIn) (b server.Backend, use control.Use, err error) {
	var settings profiles.Settings
	if s.profile != nil {
		if settings, err = s.profile.Settings(); err != nil {
			return b, use, err
		}
	}
	if f.config.auth.hasUsers() {
		b, use, err = f.backend(s.faults, s.profile)
	} else {
		b.Rules, use.Profile = settings.Rules, s.profile
		if settings.Auth != nil {
			b.Authenticator, err = replay.Access(*settings.Auth)
		}
	}
	if err != nil {
		return b, use, err
	}
	settings = settings.With(f.config.registry, nil)
	settings.Registry.Log, settings.Registry.Allow = f.log, auth.Allow
	b.Registry = s.replay.Handler(registry.New(s.replay.Store(s.faults.Store()), settings.Registry))
	return b, use, nil
}

// sayMissing logs what clients asked for and is not in the world.
func (f *fixture) sayMissing() error {
	if f.config.keeping.world == nil {
		return nil
	}
	for _, what := range f.config.keeping.world.Missing() {
		f.log.Warn("the kept world lacks what was asked for", "what", what)
	}
	return nil
}

// judge returns an error if clients asked for what is not in the world.
func (k *keeping) judge() error {
	if k.world == nil || k.missing {
		return nil
	}
	if n := len(k.world.Missing()); n > 0 {
		return fmt.Errorf("the kept world %s lacks %d of what was asked for: keep it anew, or allow that with --allow-missing", k.replay, n)
	}
	return nil
}

// finish replaces the directory of the kept world if all went well. A signal interrupts it.
func (k *keeping) finish(ctx context.Context, well bool, signals <-chan os.Signal) error {
	keeper := k.keeper
	if keeper == nil {
		return nil
	}
	k.keeper = nil
	if !well {
		return errors.Join(fmt.Errorf("the world in %s is as it was: the run has failed", filepath.Clean(k.keep)), keeper.Abort())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return keeper.Finish(ctx)
}
