// Package effect has what faults do to requests and to connections: the effects, their
// arguments, and their names in text.
//
// Package faults has a constructor for each effect. Package engine decides when an effect
// acts, and calls it through an [Exchange] or an [Opening].
//
// A new effect is a type with its arguments as fields and with the methods that apply to
// it, a row in the table of kinds, and a constructor in package faults.
package effect

import (
	"context"
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Behaviour is an effect. It also is a [requestEffect], a [connectEffect] or both, and
// implements those of the other interfaces that apply to it. It does not change, so that
// several rules can share it.
type Behaviour interface {
	// Kind returns the name of the effect in text.
	Kind() string
}

// requestEffect acts on a request. It calls next, or answers in its place.
type requestEffect interface {
	Behaviour
	serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler)
}

// connectEffect acts on a connection before its first request.
type connectEffect interface {
	Behaviour
	open(*Opening)
}

// siteEffect needs something that some servers do not have.
type siteEffect interface {
	Behaviour
	needs() need
}

// checkedEffect has arguments that can be wrong.
type checkedEffect interface {
	Behaviour
	check() error
}

// earlyEffect can act before a request is answered, which is too early for a rule on
// answers.
type earlyEffect interface {
	requestEffect
	// early completes the sentence that begins with the kind: how the effect acts before,
	// and what to use with a rule on answers. It is empty for an effect that does not.
	early() string
}

// endingEffect may answer in the registry's place or end the connection, without serving
// a request. Then the effects after it do not act.
type endingEffect interface {
	Behaviour
	ends() bool
}

// choosyEffect does not act on every request.
type choosyEffect interface {
	requestEffect
	prospect(info *op.Info, r *http.Request) Prospect
}

// storedEffect acts only if the Store has what the request asks for.
type storedEffect interface {
	requestEffect
	finds(ctx context.Context, store registry.Store, info *op.Info) bool
}

// limitedEffect can act only on requests for some operations.
type limitedEffect interface {
	requestEffect
	actsOn() filter.Ops
}

// need is a set of things that an effect needs.
type need uint8

const (
	needConn     need = 1 << iota // the connection of the request
	needStore                     // the Store, and a registry that uses [Env.FaultyStore]
	needExternal                  // a second origin
	needDead                      // a host that refuses connections
	needTokens                    // authentication
	needTLS                       // a server with TLS
	needLimit                     // a [Limit], of which the effect is a part
)

// needOf returns what an effect needs.
func needOf(b Behaviour) need {
	if group, ok := b.(All); ok {
		var n need
		for _, b := range group {
			n |= needOf(b)
		}
		return n
	}
	if s, ok := b.(siteEffect); ok {
		return s.needs()
	}
	return 0
}

// Ends reports whether an effect, or one of its effects, may answer in the registry's place
// or end the connection, without serving a request.
func Ends(b Behaviour) bool {
	if group, ok := b.(All); ok {
		return slices.ContainsFunc(group, Ends)
	}
	end, ok := b.(endingEffect)
	return ok && end.ends()
}

// Pass does nothing.
type Pass struct{}

// Kind implements [Behaviour].
func (Pass) Kind() string { return "pass" }

func (Pass) serve(_ *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(w, r)
}

func (Pass) open(*Opening) {}

// All is several effects, the first outermost.
type All []Behaviour

// Kind implements [Behaviour].
func (All) Kind() string { return "all" }

func (a All) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	list := make([]Chosen, len(a))
	for i, b := range a {
		list[i] = Chosen{x.shot, x.effect, b}
	}
	x.run(list, w, r, next)
}

func (a All) open(o *Opening) {
	for _, b := range a {
		Open(b, o)
	}
}
