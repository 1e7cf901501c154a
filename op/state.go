package op

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/must"
)

// State is what is known of one request on its way through the layers: the facts,
// which do not change, what the layers learn, and the values that they keep for
// themselves. It is in the context of the request, see [Begin]. Its methods are
// safe for concurrent use.
type State struct {
	info Info // never written after Begin

	mu      sync.Mutex // guards what follows
	learned Learned
	values  []any
	room    [4]any // where the values are, if there are few
}

// Learned is what the layers find out about a request. The slices are not changed;
// neither must who gets them.
type Learned struct {
	Subject    string        // who sends the request, if auth accepts the credentials
	Scopes     []string      // what the token of the request allows; of Token, what was granted
	Faults     []string      // names of the rules that touched the request, in order
	Verified   digest.Digest // digest of the request body, once it was computed and found right
	StaleState bool          // the upload location used was not the latest one handed out
}

// Info returns the facts of the request. They are shared: nobody may change them.
func (s *State) Info() *Info { return &s.info }

// Learned returns what the layers have learned until now.
func (s *State) Learned() Learned {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.learned
}

// SetIdentity notes who sends the request, and what its token allows.
func (s *State) SetIdentity(subject string, scopes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.Subject, s.learned.Scopes = subject, scopes
}

// AddFault notes that a rule touched the request.
func (s *State) AddFault(rule string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.Faults = append(s.learned.Faults, rule)
}

// SetVerified notes that the request body has a digest.
func (s *State) SetVerified(d digest.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.Verified = d
}

// SetStaleState notes whether the upload location used was an old one.
func (s *State) SetStaleState(stale bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned.StaleState = stale
}

// Keep keeps a value with the request, in place of the one of the same type. A layer
// uses a type of its own, which no other layer can name.
func Keep[T any](s *State, value T) {
	must.NotNil("op: Keep: s", s)
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

// contextKey is the only key of this module in contexts. Under it is the *State of
// a request that has begun, or the values that a request is to begin with.
type contextKey struct{}

// values are those that a request is to begin with.
type values []any

// With returns a context with a value for the requests that begin in it, as those
// of a connection do: see [net/http.Server.ConnContext] and [Value].
func With(ctx context.Context, value any) context.Context {
	must.NotNil("op: With: ctx", ctx)
	before, _ := ctx.Value(contextKey{}).(values)
	return context.WithValue(ctx, contextKey{}, append(slices.Clip(before), value))
}

// Value returns the value of type T that the request with this context has: one
// kept by [Keep], or one that it began with, or, before it begins, is to begin with.
func Value[T any](ctx context.Context) (value T, ok bool) {
	must.NotNil("op: Value: ctx", ctx)
	switch at := ctx.Value(contextKey{}).(type) {
	case *State:
		at.mu.Lock()
		defer at.mu.Unlock()
		return find[T](at.values)
	case values:
		return find[T](at)
	}
	return value, false
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

// Begin returns the State of a request, and the request that carries it. The first
// call parses the request and adds the State to its context; later ones, in inner
// handlers, return the same.
//
// Begin belongs after whatever rewrites the request's URL. A prefix that
// [http.StripPrefix] removed is found by comparing with r.RequestURI.
func Begin(r *http.Request) (*http.Request, *State) {
	must.NotNil("op: Begin: r", r)
	return BeginWith(r, nil)
}

// BeginWith is [Begin] with a function that may change what was parsed, if this is
// the first call: to resolve names, say.
func BeginWith(r *http.Request, resolve func(*Info)) (*http.Request, *State) {
	must.NotNil("op: BeginWith: r", r)
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
		s.info = Parse(r.Method, r.URL)
		s.info.Prefix = prefix(r)
	}
	if resolve != nil {
		resolve(&s.info)
	}
	return r.WithContext(c), s
}

// StateOf returns the State of the request with this context, or nil if it has not
// begun.
func StateOf(ctx context.Context) *State {
	must.NotNil("op: StateOf: ctx", ctx)
	s, _ := ctx.Value(contextKey{}).(*State)
	return s
}
