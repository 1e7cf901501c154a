package faults

import (
	"net/http"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// BeforeAuth returns a handler that applies the rules to requests for tokens and for
// /v2/, and rules with [Rule.BeforeAuth] to all requests. It belongs before
// authentication and behind the recorder.
func (e *Engine) BeforeAuth(next http.Handler) http.Handler {
	must.NotNil("faults: Engine.BeforeAuth: next", next)
	if e == nil {
		return next
	}
	return e.finish(e.handler(next, early))
}

// AfterAuth returns a handler that applies all other rules. It belongs between
// authentication and the registry.
func (e *Engine) AfterAuth(next http.Handler) http.Handler {
	must.NotNil("faults: Engine.AfterAuth: next", next)
	return e.handler(next, late)
}

// Wrap is [Engine.BeforeAuth] and [Engine.AfterAuth], for a registry without
// authentication.
func (e *Engine) Wrap(next http.Handler) http.Handler {
	must.NotNil("faults: Engine.Wrap: next", next)
	return e.BeforeAuth(e.AfterAuth(next))
}

// A stage is where on its way a request is.
type stage uint8

const (
	early stage = iota
	late
)

// stageOf is where requests for an operation meet the rules that are not marked.
func stageOf(o op.Op) stage {
	if o == op.Ping || o == op.Token || o == op.TokenKeys {
		return early
	}
	return late
}

// staged is a rule, and where it applies to requests for one operation.
type staged struct {
	*active
	at stage
}

// stageFor is where the rule applies to requests for an operation.
func (a *active) stageFor(o op.Op) stage {
	if a.rule.Flags.BeforeAuth {
		return early
	}
	return stageOf(o)
}

func (e *Engine) handler(next http.Handler, at stage) http.Handler {
	if e == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := e.plan.Load()
		if at == early {
			if d, ok := e.doomed.take(connOf(r.Context())); ok {
				_, state := inflight.Begin(r)
				state.AddFault(d.rule)
				d.acted()
				panic(http.ErrAbortHandler)
			}
		} else if a, _ := inflight.Value[admission](r.Context()); a.asked != nil {
			*a.asked = true
			return
		}
		if p == nil {
			next.ServeHTTP(w, r)
			return
		}
		r, state := inflight.Begin(r)
		if at == late {
			p.admit(state.Info().Alias)
		}
		c := choice{plan: p, at: at, state: state, info: state.Info(), r: r, next: next, store: e.store}
		if c.intercepted(w) {
			return
		}
		effects := c.choose()
		e.apply(&c, effects, w, c.behind(e))
	})
}

// apply serves a request with effects, the first outermost.
func (e *Engine) apply(c *choice, effects []chosen, w http.ResponseWriter, next http.Handler) {
	if len(effects) == 0 {
		next.ServeHTTP(w, c.r)
		return
	}
	x := &exchange{engine: e, state: c.state, info: c.info, conn: connOf(c.r.Context()), http2: c.r.ProtoMajor == 2}
	if missing := x.missing(effects); missing != "" {
		http.Error(w, "500 fault rule "+missing, http.StatusInternalServerError)
		return
	}
	x.run(effects, w, c.r, next)
}

// last keeps the rules behind the one that has won a request at the earlier stage
// from it at the later one.
type last struct{ winner *active }

func (last) kind() string { return "last" }

func (l last) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	inflight.Keep(x.state, l)
	next.ServeHTTP(w, r)
}

// missing says why one of the effects cannot act on this request, which came
// through another server than the one that the engine is bound to.
func (x *exchange) missing(effects []chosen) string {
	if x.conn != nil {
		return ""
	}
	for _, c := range effects {
		if needOf(c.do)&needConn != 0 {
			c.shot.touch()
			return c.shot.rule.rule.Name + ": " + c.do.kind() + " needs a connection of the registry's own server; this request came through another"
		}
	}
	return ""
}

// Point names what a request is about, whatever the order in which a client's
// parallel requests arrive: the operation, the repository, and the tag or digest.
func Point(info *op.Info) string {
	must.NotNil("faults: Point: info", info)
	text := info.Op.String()
	if info.Repo != "" {
		text += " " + info.Repo
	}
	switch {
	case info.Tag != "":
		text += ":" + info.Tag
	case info.Digest != "":
		text += "@" + string(info.Digest)
	}
	return text
}

// Open counts a connection, and returns what happens to it. encrypted reports whether
// the connection uses TLS; it is called only if a rule depends on that.
func (e *Engine) Open(encrypted func() bool) Opening {
	must.NotNil("faults: Engine.Open: encrypted", encrypted)
	var o Opening
	if e == nil {
		return o
	}
	p := e.plan.Load()
	if p == nil {
		return o
	}
	var known *bool
	for i, a := range p.connect {
		effects, ok, ask := a.fire(known)
		if ask {
			answer := encrypted()
			known = &answer
			effects, ok, _ = a.fire(known)
		}
		if !ok {
			continue
		}
		o.Rules = append(o.Rules, a.rule.Name)
		for _, effect := range effects {
			effect.(connectEffect).open(&o)
		}
		if !a.rule.Flags.Continue {
			for _, other := range p.connect[i+1:] {
				other.lose(a.rule.Name)
			}
			break
		}
	}
	return o
}
