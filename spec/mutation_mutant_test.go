package spec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/spec"
)

// mutant is a registry in the making that has all features: its options, the rules
// by which it fails, what its handlers do around the registry, the last one
// outermost, and what its Store does otherwise.
type mutant struct {
	options  registry.Options
	auth     *auth.Options
	rules    []faults.Rule
	handlers []handler
	*store
}

// handler answers a request, or has next answer it.
type handler func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler)

func startMutant(t *testing.T, mutate func(*mutant)) spec.Target {
	t.Helper()
	m := &mutant{
		options: registry.Options{
			ChunkMinLength: 100, PageSize: 50, MaxManifest: 4 << 20, Warnings: []string{`a "test" registry`},
			Log: slog.New(slog.DiscardHandler),
		},
		store: newStore(memstore.New(memstore.Options{})),
	}
	mutate(m)
	engine := engine.New(m.store)
	m.options.Allow = auth.Allow
	var root http.Handler = registry.New(engine.Store(), m.options)
	for _, handle := range m.handlers {
		next := root
		root = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r, state := inflight.Begin(r)
			handle(w, r, state.Info(), next)
		})
	}
	config := server.Config{Registry: root, Faults: engine, Log: m.options.Log, Network: new(server.Network)}
	if m.auth != nil {
		service, err := auth.New(*m.auth)
		require.NoError(t, err)
		config.Authenticator = service
	}
	s, err := server.Start(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	require.NoError(t, engine.Add(m.rules...))
	return spec.Target{URL: s.URL(), Client: &http.Client{Transport: s.Transport()}, Username: user, Password: secret}
}

// handle adds a handler for some operations, or for all.
func (m *mutant) handle(h handler, ops ...op.Op) {
	m.handlers = append(m.handlers, func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
		if len(ops) > 0 && !slices.Contains(ops, info.Op) {
			next.ServeHTTP(w, r)
			return
		}
		h(w, r, info, next)
	})
}

// reply is an answer of the registry that can be changed before it is sent.
type reply struct {
	*op.Info
	request *http.Request
	status  int
	header  http.Header
	body    []byte
}

// answers changes the answers to some operations, or to all.
func (m *mutant) answers(change func(*reply), ops ...op.Op) {
	m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
		recorder := httptest.NewRecorder()
		next.ServeHTTP(recorder, r)
		a := &reply{info, r, recorder.Code, w.Header(), recorder.Body.Bytes()}
		for name, values := range recorder.Header() {
			a.header[name] = values
		}
		length := len(a.body)
		change(a)
		if len(a.body) != length {
			a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
		}
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
	}, ops...)
}

// refuses answers with the errors of a cause to requests that it is said of.
func (m *mutant) refuses(cause registry.Cause, means func(*http.Request, *op.Info) bool, ops ...op.Op) {
	m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
		if means(r, info) {
			registry.WriteError(w, r, cause)
			return
		}
		next.ServeHTTP(w, r)
	}, ops...)
}

// rules is a mutation by rules.
func rules(all ...faults.Rule) func(*mutant) {
	return func(m *mutant) { m.rules = all }
}

// answered is a mutation of answers.
func answered(change func(*reply), ops ...op.Op) func(*mutant) {
	return func(m *mutant) { m.answers(change, ops...) }
}

// status is a mutation of the answers that have a status.
func status(from, to int, ops ...op.Op) func(*mutant) {
	return answered(func(a *reply) {
		if a.status == from {
			a.become(to)
		}
	}, ops...)
}

// become changes the status. One of success has no body here.
func (a *reply) become(status int) {
	a.status = status
	if status < 300 {
		a.body = nil
	}
}

// dropping is a mutation that leaves out a field of some answers.
func dropping(name string, ops ...op.Op) func(*mutant) {
	return rules(faults.On(ops...).Do(faults.DropHeader(name)))
}

// setting is a mutation that sets a field of some answers.
func setting(name, value string, ops ...op.Op) func(*mutant) {
	return rules(faults.On(ops...).Do(faults.SetHeader(name, value)))
}

// asked is a mutation that takes some requests for others.
func asked(change func(*http.Request, *op.Info), ops ...op.Op) func(*mutant) {
	return func(m *mutant) {
		m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
			changed := *info
			change(r, &changed)
			next.ServeHTTP(w, as(r, changed))
		}, ops...)
	}
}

// as returns a request that inner handlers take for another.
func as(r *http.Request, info op.Info) *http.Request {
	r, _ = inflight.BeginWith(r.WithContext(unbegun{r.Context()}), func(parsed *op.Info) { *parsed = info })
	return r
}

// unbegun is the context of a request that begins anew.
type unbegun struct{ context.Context }

func (unbegun) Value(any) any { return nil }

// ignoring is a mutation that does not look at a field of some requests.
func ignoring(name string, ops ...op.Op) func(*mutant) {
	return asked(func(r *http.Request, _ *op.Info) { r.Header.Del(name) }, ops...)
}

// refusing is a mutation that refuses some requests.
func refusing(cause registry.Cause, means func(*http.Request, *op.Info) bool, ops ...op.Op) func(*mutant) {
	return func(m *mutant) { m.refuses(cause, means, ops...) }
}

// refusingManifests is a mutation that refuses some manifests.
func refusingManifests(means func(m pushed) bool) func(*mutant) {
	return refusing(registry.ManifestInvalid, func(r *http.Request, _ *op.Info) bool {
		var m pushed
		_ = json.Unmarshal(bodyOf(r), &m) // what is no manifest is refused anyway
		return means(m)
	}, op.ManifestPut)
}

// failing is a mutation that answers some requests with 500.
func failing(means func(*http.Request, *op.Info) bool, ops ...op.Op) func(*mutant) {
	return func(m *mutant) {
		m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
			if means(r, info) {
				_, _ = io.Copy(io.Discard, r.Body)
				http.Error(w, "broken", http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(w, r)
		}, ops...)
	}
}

// bodyOf reads the body of a request, and lets it be read again.
func bodyOf(r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failed{err}))
	return body
}

// failed is the end of a body.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

// crowd counts what is under way at once.
type crowd struct {
	mu sync.Mutex
	n  map[string]int
}

// enter joins what is under way with a key, and returns how many were there before,
// and what leaves it.
func (c *crowd) enter(key string) (before int, leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	before = c.n[key]
	c.n[key]++
	return before, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.n[key]--
	}
}

// among returns how many are under way with a key.
func (c *crowd) among(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[key]
}

// replaced is a text with the first of something replaced.
func replaced(text []byte, from, to string) []byte {
	return []byte(strings.Replace(string(text), from, to, 1))
}
