package control_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/control"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/internal/worldstore"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// fixture is a registry on the network with a control API.
type fixture struct {
	*server.Server
	api      *control.API
	store    *memstore.Store
	recorder *recorder.Recorder
	faults   *engine.Engine
	access   *auth.Options // at the start; nil without authentication
}

type setup struct {
	server  server.Options
	network *server.Network
	record  recorder.Options
	store   memstore.Options
	auth    *auth.Options
	token   string
	hosts   []string
	maxLoad int64
	closed  bool // not opened
	world   func() control.Hosts
	renew   func() error
}

func start(t testing.TB, o setup) *fixture {
	t.Helper()
	f := &fixture{store: memstore.New(o.store), recorder: recorder.New(o.record), access: o.auth}
	f.faults = engine.New(f.store)
	log := slog.New(slog.DiscardHandler)
	b, use, err := f.backend(nil)
	require.NoError(t, err)
	config := server.Config{
		Options: o.server, Network: o.network, Recorder: f.recorder, Faults: f.faults, Log: log,
		Registry: b.Registry, Authenticator: b.Authenticator,
	}
	f.api = control.New(control.Config{
		ReadRules: conf.Rules, ReadProfile: conf.ReadProfile, Use: use, Switch: f.switchProfile,
		Store: worldstore.NewStore(f.store), Recorder: f.recorder, Faults: f.faults, Version: "v1.2.3",
		Token: o.token, Hosts: o.hosts, MaxLoad: o.maxLoad, Log: log,
		World: o.world, Renew: o.renew,
	})
	config.Control = f.api
	s, err := server.Start(config)
	require.NoError(t, err)
	f.Server = s
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	if !o.closed {
		f.api.Open(s.URL())
	}
	return f
}

// backend returns what makes the registry like that of a profile, in which everybody may do
// everything, or as it is at the start for nil.
func (f *fixture) backend(p *profiles.Profile) (b server.Backend, use control.Use, err error) {
	settings := profiles.Settings{Auth: f.access}
	if p != nil {
		if settings, err = p.Settings(); err != nil {
			return b, use, err
		}
		if settings.Auth != nil {
			settings.Auth.Rules = []auth.Rule{{}}
		}
	}
	settings.Registry.Log, settings.Registry.Allow = slog.New(slog.DiscardHandler), auth.Allow
	b = server.Backend{Registry: registry.New(f.faults.Store(), settings.Registry), Rules: settings.Rules}
	use.Profile = p
	if settings.Auth != nil {
		if use.Auth, err = auth.New(*settings.Auth); err != nil {
			return b, use, err
		}
		b.Authenticator = use.Auth
	}
	return b, use, nil
}

func (f *fixture) switchProfile(p *profiles.Profile) (control.Use, error) {
	b, use, err := f.backend(p)
	if err == nil {
		err = f.Use(b)
	}
	return use, err
}

// push puts a small random image into the store, and returns its digest.
func (f *fixture) push(t testing.TB, text string) []content.Loaded {
	t.Helper()
	g, err := content.ParseGenerate(text)
	require.NoError(t, err)
	loaded, err := g.Into(t.Context(), f.store)
	require.NoError(t, err)
	return loaded
}

// answer is a response whose body was read.
type answer struct {
	*http.Response
	body string
}

// ask sends a request to the server; edits change it before.
func (f *fixture) ask(t testing.TB, method, target, body string, edits ...func(*http.Request)) answer {
	t.Helper()
	a, err := f.try(t.Context(), method, target, strings.NewReader(body), edits...)
	require.NoError(t, err)
	return a
}

func (f *fixture) try(ctx context.Context, method, target string, body io.Reader, edits ...func(*http.Request)) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, f.URL()+target, body)
	if err != nil {
		return answer{}, err
	}
	for _, edit := range edits {
		edit(r)
	}
	response, err := f.Transport().RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response, string(text)}, err
}

// v1 asks the API, and wants a status.
func (f *fixture) v1(t testing.TB, status int, method, target, body string, edits ...func(*http.Request)) answer {
	t.Helper()
	a := f.ask(t, method, "/_ocifake/v1/"+target, body, edits...)
	require.Equal(t, status, a.StatusCode, "%s %s: %s", method, target, a.body)
	return a
}

// get asks the API for JSON.
func get[T any](t testing.TB, f *fixture, target string) (v T) {
	t.Helper()
	return decode[T](t, f.v1(t, http.StatusOK, "GET", target, "").body)
}

// decode reads JSON strictly.
func decode[T any](t testing.TB, text string) (v T) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&v), text)
	return v
}

// refusal is an answer that says what is wrong.
type refusal struct {
	Error struct {
		Message, Field string
		Line, Column   int
	}
}

// header sets a field of a request.
func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

// list is what the API says of requests.
type list struct {
	Requests record.Log
	Dropped  int
	Last     uint64
}

// pull asks the registry for something that is not there.
func (f *fixture) pull(t testing.TB, repos ...string) {
	t.Helper()
	for _, repo := range repos {
		f.ask(t, "GET", "/v2/"+cmp.Or(repo, "app")+"/tags/list", "")
	}
}
