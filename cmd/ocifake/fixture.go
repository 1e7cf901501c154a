package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/apistore"
	"github.com/ocifake/ocifake/internal/control"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/internal/upstream"
	"github.com/ocifake/ocifake/internal/worldstore"
	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

// fixture is a running registry with its servers and files.
type fixture struct {
	config    *serveConfig
	log       *slog.Logger
	store     registry.Store
	directory *layoutstore.Store // the same, if it is in a directory
	content   *worldstore.Store  // that of the registry and of the hosts
	upstream  *upstream.Upstream // nil: the registry of this program answers, with store
	shown     registry.Store     // content, or that of the upstream
	hosts     []*standIn
	faults    *engine.Engine
	recorder  *recorder.Recorder
	use       control.Use  // the profile at the start
	control   *control.API // nil: there is none
	server    *server.Server
	rules     ruleFiles
	reference string // a loaded image, or empty

	ending  context.Context // ends the waiting for readers of named pipes
	owned   bool            // the output files belong to this registry
	closers []func() error  // in order of creation; called in reverse
}

// start starts the registry: it reads the input files, listens, and only then changes output files.
// On an error, it closes what it has started.
func (c *serveConfig) start(ctx context.Context, stderr io.Writer) (_ *fixture, err error) {
	f := &fixture{config: c, ending: ctx, log: newLog(stderr, c.logFormat, c.logLevel)}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if f.rules, err = readRules(ctx, c.faults); err != nil {
		return nil, wrongInput(err)
	}
	if err := f.fill(ctx); err != nil {
		return nil, err
	}
	c.record.Log = f.log
	f.recorder = recorder.New(c.record)
	for _, step := range []func() error{ // listening before any file is touched
		f.serve, f.watch, f.openControl, f.clearTargets, f.stream,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	f.log.Info("serving", "url", f.server.URL())
	if isExposed(c.server.Addr) && f.use.Auth == nil && c.auth.clientCA == "" {
		f.log.Warn("other machines can reach the registry without authentication", "addr", c.server.Addr)
	}
	if isExposed(c.server.Addr) && len(c.stand.passed) > 0 {
		f.log.Warn("other machines can reach the hosts of --pass through the proxy", "addr", c.server.Addr)
	}
	return f, nil
}

// fill opens the upstream, or fills the stores of the registry and of the hosts.
func (f *fixture) fill(ctx context.Context) (err error) {
	c := f.config
	if c.upstream.base != nil {
		if f.upstream, err = c.upstream.open(ctx, c.auth.hasUsers(), c.registry.TrustForwarded); err != nil {
			return wrongInput(err)
		}
		f.closers = append(f.closers, f.upstream.Close)
		f.shown, f.faults = apistore.New(f.upstream.Direct(), apistore.Login{}), engine.New(nil)
		return nil
	}
	if err := f.openStore(); err != nil {
		return err
	}
	f.content = worldstore.NewStore(f.store)
	f.shown, f.faults = f.content, engine.New(f.store)
	if err := f.prepareHosts(ctx); err != nil {
		return wrongInput(err)
	}
	if f.reference, err = c.content.into(ctx, f.content, c.registry.AllowSparse, f.log); err != nil {
		return err
	}
	if repo, _, _ := strings.Cut(f.reference, ":"); f.content.Hosted(repo) {
		f.reference = "" // of another registry
	}
	return nil
}

func (f *fixture) serve() error {
	c := f.config
	p, err := readProfile(f.ending, c.profile)
	if err != nil {
		return wrongInput(err)
	}
	config := server.Config{Options: c.server, Faults: f.faults, Recorder: f.recorder, Log: f.log}
	if err := c.auth.read(f.ending, &config); err != nil {
		return wrongInput(err)
	}
	backend, use, err := f.backend(f.faults, p)
	if err != nil {
		return wrongInput(err)
	}
	if config.Proxy, err = f.serveHosts(); err != nil {
		return err
	}
	config.Registry, config.Authenticator, config.Rules = backend.Registry, backend.Authenticator, backend.Rules
	f.use, c.auth.started = use, use.Auth
	f.control = c.control.api(f)
	if f.control != nil && c.control.addr == "" {
		config.Control = f.control
	}
	if f.server, err = server.Start(config); err != nil {
		return explainListen("--addr", c.server.Addr, err)
	}
	f.closers = append(f.closers, f.sayMissing, f.server.Close, f.sayRefused)
	return nil
}

// backend returns what makes a registry like that of a profile, or strict for nil. Options and users
// of flags take precedence.
func (f *fixture) backend(e *engine.Engine, p *profiles.Profile) (server.Backend, control.Use, error) {
	c, use := f.config, control.Use{Profile: p}
	var settings profiles.Settings
	if p != nil {
		var err error
		if settings, err = p.Settings(); err != nil {
			return server.Backend{}, use, err
		}
	}
	settings = settings.With(c.registry, nil)
	settings.Registry.Log, settings.Registry.Allow = f.log, auth.Allow
	service, err := c.auth.service(settings.Auth, c.registry.TrustForwarded)
	if err != nil {
		return server.Backend{}, use, err
	}
	b := server.Backend{Registry: f.upstream, Rules: settings.Rules}
	if f.upstream == nil {
		b.Registry = registry.New(e.Store(), settings.Registry)
	}
	if service != nil {
		b.Authenticator = service
	}
	use.Auth, use.AllowSparse = service, settings.Registry.AllowSparse
	if settings.Auth != nil && !c.auth.hasLogin() {
		use.Warning = "the profile asks for a login, and there is no user: start ocifake with --user NAME:PASSWORD"
		f.log.Warn(use.Warning, "profile", p.Name)
	}
	return b, use, nil
}

// switchProfile makes the registry like that of a profile, or strict for nil, for requests that
// begin afterwards.
func (f *fixture) switchProfile(p *profiles.Profile) (control.Use, error) {
	if f.upstream != nil && p != nil {
		return control.Use{}, errors.New("the upstream registry cannot have a profile: start ocifake without --upstream")
	}
	b, use, err := f.backend(f.faults, p)
	if err == nil {
		err = f.server.Use(b)
	}
	return use, err
}

// Close stops the registry and writes its output files, even after an error.
func (f *fixture) Close() error {
	var errs []error
	for len(f.closers) > 0 {
		last := len(f.closers) - 1
		errs = append(errs, f.closers[last]())
		f.closers = f.closers[:last]
	}
	if f.owned {
		errs = append(errs, f.writeTargets())
		f.owned = false
	}
	if f.directory != nil {
		errs = append(errs, f.directory.Close())
	}
	return errors.Join(errs...)
}

// controlURL returns the URL of the control API, or "".
func (f *fixture) controlURL() string {
	switch {
	case f.control == nil:
		return ""
	case f.config.control.url != "":
		return f.config.control.url
	}
	return f.server.URL()
}
