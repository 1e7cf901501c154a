package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/control"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/internal/upstream"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/profiles"
)

// standIns holds the flags for the hosts for which registries stand in.
type standIns struct {
	hosts  hostList
	passed passList
}

// check validates the combination of flags.
func (s *standIns) check(replayed bool) error {
	if len(s.hosts) == 0 && !replayed && len(s.passed) > 0 {
		return errors.New("--pass needs --hosts or --replay, which starts the forward proxy")
	}
	if err := replay.Distinct(s.hosts); err != nil {
		return fmt.Errorf("--hosts: %w", err)
	}
	return nil
}

// hostList is the values of --hosts.
type hostList []replay.StandIn

func (l *hostList) Type() string   { return "HOST[=PROFILE],..." }
func (l *hostList) String() string { return "" }

func (l *hostList) Set(s string) error {
	hosts, err := replay.ParseStandIns(s)
	*l = append(*l, hosts...)
	return err
}

// passList is the values of --pass.
type passList []replay.Passed

func (l *passList) Type() string   { return "HOST" }
func (l *passList) String() string { return "" }

func (l *passList) Set(s string) error {
	for one := range strings.SplitSeq(s, ",") {
		p, err := replay.ParsePassed(strings.TrimSpace(one))
		if err != nil {
			return err
		}
		*l = append(*l, p)
	}
	return nil
}

// matching returns the pattern that matches a host and a port: a name before a wildcard.
func (l passList) matching(host, port string) (replay.Passed, bool) {
	for _, exact := range []bool{true, false} {
		for _, p := range l {
			if p.Exact() == exact && p.Matches(host, port) {
				return p, true
			}
		}
	}
	return replay.Passed{}, false
}

// standIn is the registry that stands in for a host.
type standIn struct {
	replay.StandIn
	aliases []string
	profile *profiles.Profile // nil: strict
	faults  *engine.Engine
	use     control.Use
	server  *server.Server

	upstream *upstream.Upstream // nil: the host is not kept
	replay   *replay.Host       // nil: it is not replayed
}

// prepareHosts makes the stores of the hosts. f.store must be set.
func (f *fixture) prepareHosts(ctx context.Context) error {
	f.closers = append(f.closers, f.config.keeping.close)
	if err := f.config.keeping.open(&f.config.stand); err != nil {
		return err
	}
	for _, h := range f.config.stand.hosts {
		p, err := readProfile(ctx, h.Profile)
		if err != nil {
			return fmt.Errorf("--hosts %s: %w", h, err)
		}
		s := &standIn{StandIn: h, profile: p, aliases: h.Aliases(p)}
		store := memstore.New(f.config.store)
		f.content.Add(h.Name, s.aliases, store)
		if err := f.prepareKept(ctx, s, store); err != nil {
			return fmt.Errorf("--hosts %s: %w", h, err)
		}
		if s.upstream != nil {
			s.faults = f.faults.Beside(nil)
		} else {
			s.faults = f.faults.Beside(store)
		}
		f.hosts = append(f.hosts, s)
	}
	return nil
}

// serveHosts starts the registries of the hosts, and returns the forward proxy that leads to them, or
// nil if there are none.
func (f *fixture) serveHosts() (*server.Proxy, error) {
	if len(f.hosts) == 0 {
		return nil, nil
	}
	network := new(server.Network)
	for _, s := range f.hosts {
		if err := f.serveHost(network, s); err != nil {
			return nil, fmt.Errorf("--hosts %s: %w", s.StandIn, err)
		}
	}
	p := &server.Proxy{Hosts: network, Serves: f.serves}
	if passed := f.config.stand.passed; len(passed) > 0 {
		p.Passes = func(host, port string) bool {
			_, ok := passed.matching(host, port)
			return ok
		}
		p.Dial = f.dialPassed
	}
	return p, nil
}

// hostBackend returns what answers for a host.
func (f *fixture) hostBackend(s *standIn) (server.Backend, control.Use, error) {
	switch {
	case s.upstream != nil:
		return server.Backend{Registry: s.upstream}, control.Use{}, nil
	case s.replay != nil:
		return f.replayed(s)
	}
	return f.backend(s.faults, s.profile)
}

func (f *fixture) serveHost(network *server.Network, s *standIn) error {
	b, use, err := f.hostBackend(s)
	if err != nil {
		return wrongInput(err)
	}
	s.use = use
	s.server, err = server.Start(server.Config{
		Options:  server.Options{HTTP2: true, FaultNames: f.config.server.FaultNames, Limits: f.config.server.Limits},
		Registry: b.Registry, Authenticator: b.Authenticator, Rules: b.Rules,
		Faults: s.faults, Recorder: f.recorder, Log: f.log,
		Network: network, Host: s.Name, Aliases: s.aliases,
	})
	if err != nil {
		return wrongInput(err)
	}
	f.closers = append(f.closers, s.server.Close)
	return nil
}

// serves reports whether a port of a host of the network leads to its registry.
func (f *fixture) serves(host, port string) bool {
	named := slices.IndexFunc(f.hosts, func(s *standIn) bool { return s.Name == host })
	if named < 0 { // another name of a host, or the second origin of one
		return replay.StandIn{}.Serves(port)
	}
	return f.hosts[named].Serves(port)
}

// renewHosts begins the tokens and the limits of the hosts anew.
func (f *fixture) renewHosts() error {
	for _, s := range f.hosts {
		b, use, err := f.hostBackend(s)
		if err == nil {
			err = s.server.Use(b)
		}
		if err != nil {
			return fmt.Errorf("host %s: %w", s.Name, err)
		}
		s.use = use
	}
	return nil
}

// world describes the hosts for the control API.
func (f *fixture) world() control.Hosts {
	h := control.Hosts{Proxy: f.proxyURL(), CA: string(f.server.Authority().CertPEM()), Hosts: []control.Host{}, Asked: []control.Asked{}}
	for _, s := range f.hosts {
		name := strictName
		if s.profile != nil {
			name = s.profile.Name
		}
		h.Hosts = append(h.Hosts, control.Host{Name: s.Name, Port: s.Port, Aliases: append([]string{}, s.aliases...), Profile: name})
	}
	for _, a := range f.server.Asked() {
		h.Asked = append(h.Asked, control.Asked(a))
	}
	return h
}

// proxyURL returns the URL of the forward proxy. It is that of the registry, without TLS, which not
// every client supports for proxies.
func (f *fixture) proxyURL() string { return "http://" + f.server.Host() }

// sayRefused logs the hosts that clients asked the forward proxy for in vain.
func (f *fixture) sayRefused() error {
	var refused []string
	for _, a := range f.server.Asked() {
		if !a.Passed {
			refused = append(refused, fmt.Sprintf("%s (%d)", a.Host, a.Count))
		}
	}
	if len(refused) > 0 {
		f.log.Warn("the proxy refused hosts that are not mapped: add them to --hosts, or pass tunnels to them on with --pass", "hosts", strings.Join(refused, ", "))
	}
	return nil
}

// dialPassed connects to a host of --pass, through the user's own proxy if there is one. A host that
// only a wildcard matches must not be this machine or one on its link: whoever controls the names
// below the domain would reach services that trust them.
func (f *fixture) dialPassed(ctx context.Context, host, port string) (net.Conn, error) {
	p, _ := f.config.stand.passed.matching(host, port)
	return dialPassed(ctx, host, port, !p.Exact(), f.server.IsOwn)
}
