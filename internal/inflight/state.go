// Package inflight has the state of a request while the layers serve it: the parsed facts,
// what the layers learn, and the values that they keep.
//
//	r, state := inflight.Begin(r) // the first layer parses; the others get the same State
//	if state.Info().Op == op.BlobGet { … }
package inflight

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// State is what is known about one request on its way through the layers: the facts,
// which do not change, what the layers learn, and the values that they keep for
// themselves. [Begin] puts it into the context of the request. Its methods are safe for
// concurrent use.
type State struct {
	info op.Info       // never written after Begin
	sent *http.Request // as the client sent it, if this is the state of an edited request

	mu      sync.Mutex // guards what follows
	arrival Arrival
	learned op.Learned
	changed bool // by a rule that did more than delay
	values  []any
	room    [4]any // backs values while there are few
}

// Info returns the facts of the request. They are shared and must not be changed.
func (s *State) Info() *op.Info { return &s.info }

// Arrival is what the recorder knows about a request when it comes. The fields are those of
// [github.com/ocifake/ocifake/record.Exchange]. It is zero without a recorder.
type Arrival struct {
	Seq, Conn        uint64
	Attempt, ConnSeq int
	Elapsed, ConnAge time.Duration
}

// SetArrival sets what the recorder knows about the request.
func (s *State) SetArrival(a Arrival) {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrival = a
}

// Arrival returns what the recorder knows about the request.
func (s *State) Arrival() Arrival {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrival
}

// Learned returns what the layers have learned so far.
func (s *State) Learned() op.Learned {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.learned
}

// SetIdentity sets the user name of the request and the scopes of its token.
func (s *State) SetIdentity(subject string, scopes []string) {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.Subject, s.learned.Scopes = subject, scopes
}

// AddFault adds the name of a rule that acted on the request.
func (s *State) AddFault(rule string) {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.Faults = append(s.learned.Faults, rule)
}

// SetDelayed sets that a rule acted on the request, and whether it did nothing but delay.
func (s *State) SetDelayed(only bool) {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = s.changed || !only
	s.learned.Delayed = !s.changed
}

// AddTrait adds the trait of a profile that decided the answer.
func (s *State) AddTrait(trait string) {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.learned.Traits, trait) {
		s.learned.Traits = append(s.learned.Traits, trait)
	}
}

// AddServed adds a change that a rule made to the request before it was served.
func (s *State) AddServed(change string) {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.Served = append(s.learned.Served, change)
}

// SetVerified sets the digest of the request body.
func (s *State) SetVerified(d digest.Digest) {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.Verified = d
}

// SetStaleState sets whether the upload location of the request is an old one.
func (s *State) SetStaleState(stale bool) {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.StaleState = stale
}

// SetUpstreamError sets why the upstream registry gave no answer that could pass.
func (s *State) SetUpstreamError(why string) {
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.UpstreamError = why
}

// Keep stores a value with the request and replaces the one of the same type. A layer uses
// an unexported type of its own, so that no other layer can read the value.
func Keep[T any](s *State, value T) {
	must.NotNil("inflight: Keep: s", s)
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, v := range s.values {
		if _, ok := v.(T); ok {
			s.values[i] = value
			return
		}
	}
	s.values = append(s.values, value)
}

// contextKey is the only key of this module in contexts. Its value is the *State of a
// request that has begun, or the initial values of requests that have not.
type contextKey struct{}

// values are the initial values of a request.
type values []any

// With returns a context with an initial value for the requests that begin in it, such as
// those of a connection: see [net/http.Server.ConnContext] and [Value].
func With(ctx context.Context, value any) context.Context {
	must.NotNil("inflight: With: ctx", ctx)
	before, _ := ctx.Value(contextKey{}).(values)
	return context.WithValue(ctx, contextKey{}, append(slices.Clip(before), value))
}

// Value returns the value of type T of the request with this context: one that [Keep] has
// stored, or an initial one. It also finds the initial values before the request begins.
func Value[T any](ctx context.Context) (value T, ok bool) {
	must.NotNil("inflight: Value: ctx", ctx)
	switch at := ctx.Value(contextKey{}).(type) {
	case *State:
		return ValueOf[T](at)
	case values:
		return find[T](at)
	}
	return value, false
}

// ValueOf returns the value of type T of a request: one that [Keep] has stored, or an initial one.
func ValueOf[T any](s *State) (value T, ok bool) {
	must.NotNil("inflight: ValueOf: s", s)
	s = s.first()
	s.mu.Lock()
	defer s.mu.Unlock()
	return find[T](s.values)
}

func find[T any](all []any) (value T, ok bool) {
	for _, v := range all {
		if value, ok = v.(T); ok {
			return value, true
		}
	}
	return value, false
}

// carrier is the context of a request that has begun.
type carrier struct {
	context.Context
	state State
}

func (c *carrier) Value(key any) any {
	if key == (contextKey{}) {
		return &c.state
	}
	return c.Context.Value(key)
}

// Begin returns the State of a request, and the request that carries it. The first call
// parses the request and adds the State to its context. Later calls, in inner handlers,
// return the same.
//
// Call Begin after handlers that rewrite the URL of the request. A prefix that
// [http.StripPrefix] removed is found by comparison with r.RequestURI.
func Begin(r *http.Request) (*http.Request, *State) {
	must.NotNil("inflight: Begin: r", r)
	return BeginWith(r, nil)
}

// BeginWith is like [Begin]. The first call also calls resolve, which may change the parsed
// facts, for example to resolve names.
func BeginWith(r *http.Request, resolve func(*op.Info)) (*http.Request, *State) {
	must.NotNil("inflight: BeginWith: r", r)
	given := r.Context().Value(contextKey{})
	if s, ok := given.(*State); ok {
		return r, s
	}
	c := &carrier{Context: r.Context()}
	s := &c.state
	before, _ := given.(values)
	s.values = append(s.room[:0], before...)
	if _, external := find[secondOrigin](before); external {
		s.info = parseExternal(r)
	} else {
		s.info = s.parse(r.Method, r.URL)
		s.info.Prefix = prefix(r)
	}
	if resolve != nil {
		resolve(&s.info)
	}
	return r.WithContext(c), s
}

// Of returns the State of the request with this context, or nil if the request has not
// begun.
func Of(ctx context.Context) *State {
	must.NotNil("inflight: Of: ctx", ctx)
	s, _ := ctx.Value(contextKey{}).(*State)
	return s
}

// prefix returns the part of the request target before the path that is served.
func prefix(r *http.Request) string {
	if r.RequestURI == "" || strings.HasPrefix(r.RequestURI, r.URL.EscapedPath()) {
		return ""
	}
	target, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return ""
	}
	before, ok := strings.CutSuffix(target.EscapedPath(), r.URL.EscapedPath())
	if !ok {
		return ""
	}
	return before
}
