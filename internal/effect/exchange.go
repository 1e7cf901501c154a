package effect

import (
	"net/http"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

// Shot is a rule that has chosen a request. The rule fires when the first of its effects
// acts on the request.
type Shot interface {
	// Rule returns the name of the rule.
	Rule() string

	// Claim counts that the rule fires, once per request, and reports whether its effects
	// may act. They may not if the rule has ended in the meantime.
	Claim() bool

	// Release undoes Claim, unless Touch was called.
	Release()

	// Touch records that the rule has affected the request.
	Touch()

	// Memory returns what an effect of the rule keeps between requests. It calls make at
	// the first request for the effect with this index and value.
	Memory(effect int, value Behaviour, make func() any) any

	// Mark notes that the effect with this index among the rule's effects has acted.
	Mark(effect int)
}

// Chosen is an effect that may act on a request.
type Chosen struct {
	Shot  Shot
	Index int // among the effects of the rule
	Do    Behaviour
}

// Exchange is a request on which effects act.
type Exchange struct {
	env    *Env
	state  *inflight.State
	info   *op.Info // of the request as it is served
	conn   Conn     // nil if the server is not the registry's own
	http2  bool
	shot   Shot      // of the rule whose effect acts
	effect int       // its index among the rule's effects
	does   Behaviour // the effect

	quota *quota // of the limit that answers
}

// NewExchange returns the exchange for a request.
func NewExchange(env *Env, state *inflight.State, r *http.Request) *Exchange {
	return &Exchange{env: env, state: state, info: inflight.Of(r.Context()).Info(), conn: ConnOf(r.Context()), http2: r.ProtoMajor == 2}
}

// Serve serves a request with effects, the first outermost.
func (x *Exchange) Serve(effects []Chosen, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if missing := x.missing(effects); missing != "" {
		http.Error(w, "500 fault rule "+missing, http.StatusInternalServerError)
		return
	}
	x.run(effects, w, r, next)
}

// missing describes why one of the effects cannot act on this request. That happens if the
// request came through another server than the one that the engine is bound to.
func (x *Exchange) missing(effects []Chosen) string {
	if x.conn != nil {
		return ""
	}
	for _, c := range effects {
		if needOf(c.Do)&needConn != 0 {
			c.Shot.Touch()
			return c.Shot.Rule() + ": " + c.Do.Kind() + " needs a connection of the registry's own server; this request came through another"
		}
	}
	return ""
}

func (x *Exchange) run(effects []Chosen, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if len(effects) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	first, rest := effects[0], effects[1:]
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { x.run(rest, w, r, next) })
	mine := *x
	mine.shot, mine.effect, mine.does = first.Shot, first.Index, first.Do
	mine.info = inflight.Of(r.Context()).Info() // an effect before may have changed the request
	switch prospectOf(first.Do, mine.info, r, nil) {
	case Never:
		inner(w, r)
		return
	case Surely:
		if !IsGroup(first.Do) && !mine.act() {
			inner(w, r)
			return
		}
	}
	first.Do.(requestEffect).serve(&mine, w, r, inner)
}

// act makes the rule fire, and reports whether the effect may act. An effect calls it
// immediately before it acts.
func (x *Exchange) act() bool {
	if !x.start() {
		return false
	}
	x.shot.Mark(x.effect)
	return true
}

// start is act for an effect that begins with this request and acts on a later one. The
// effect calls the function that acted returns when it acts.
func (x *Exchange) start() bool {
	if !x.shot.Claim() {
		return false
	}
	x.shot.Touch()
	x.state.SetDelayed(delays(x.does))
	return true
}

// acted returns a function that notes that the effect has acted.
func (x *Exchange) acted() func() {
	s, effect := x.shot, x.effect
	return func() { s.Mark(effect) }
}
