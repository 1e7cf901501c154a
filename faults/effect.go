package faults

import (
	"net/http"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

// Effect is what a fault does to a request or to a connection. The functions of this
// package return effects. An effect is a value that any number of rules can use.
type Effect interface {
	// kind is the name of the effect in text.
	kind() string
}

// A requestEffect acts on a request. It calls next, or answers in its place.
type requestEffect interface {
	Effect
	serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler)
}

// A connectEffect acts on a connection before its first request.
type connectEffect interface {
	Effect
	open(*Opening)
}

// A siteEffect needs something that not every server has.
type siteEffect interface {
	Effect
	needs() need
}

// A checkedEffect can be made wrongly.
type checkedEffect interface {
	Effect
	check() error
}

// need is what an effect cannot do without.
type need uint8

const (
	needConn     need = 1 << iota // the connection of the request
	needStore                     // the Store, and that the registry works on [Engine.Store]
	needExternal                  // a second origin
	needDead                      // a host that refuses connections
	needTokens                    // auth
	needTLS                       // a server that speaks TLS
)

// exchange is a request on which an effect acts.
type exchange struct {
	engine *Engine
	state  *inflight.State
	info   *op.Info // of the state
	conn   Conn     // nil in a mux of somebody else's
	http2  bool
	shot   *shot // of the rule whose effect it is
	effect int   // its index among the rule's effects
}

// rule is the name of the rule.
func (x *exchange) rule() string { return x.shot.rule.rule.Name }

// run serves a request with effects, the first outermost.
func (x *exchange) run(effects []chosen, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if len(effects) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	first, rest := effects[0], effects[1:]
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { x.run(rest, w, r, next) })
	if first.shot == nil {
		first.do.serve(x, w, r, inner)
		return
	}
	mine := *x
	mine.shot, mine.effect = first.shot, first.index
	switch prospectOf(first.do, x.info, r, nil) {
	case never:
		inner(w, r)
		return
	case surely:
		if _, group := first.do.(all); !group && !mine.act() {
			inner(w, r)
			return
		}
	}
	first.do.serve(&mine, w, r, inner)
}

// chosen is an effect that may act on a request, and the rule that says so.
type chosen struct {
	shot  *shot // nil for [last]
	index int
	do    requestEffect
}

// Pass does nothing. In a sequence it lets a request pass; in a rule of its own it keeps
// later rules from the requests that the rule matches.
func Pass() Effect { return pass{} }

type pass struct{}

func (pass) kind() string { return "pass" }

func (pass) serve(_ *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(w, r)
}

func (pass) open(*Opening) {}

// All combines effects, for a step of a sequence. The first effect is the outermost.
func All(effects ...Effect) Effect { return all{effects} }

type all struct{ effects []Effect }

func (all) kind() string { return "all" }

func (a all) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	list := make([]chosen, len(a.effects))
	for i, e := range a.effects {
		list[i] = chosen{x.shot, x.effect, e.(requestEffect)}
	}
	x.run(list, w, r, next)
}

func (a all) open(o *Opening) {
	for _, e := range a.effects {
		if c, ok := e.(connectEffect); ok {
			c.open(o)
		}
	}
}
