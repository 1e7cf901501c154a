package engine

import (
	"net/http"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

// BeforeAuth returns a handler that applies the rules to requests for tokens and for
// /v2/, and rules with [faults.Rule.BeforeAuth] to all requests. It belongs before
// authentication and behind the recorder.
func (e *Engine) BeforeAuth(next http.Handler) http.Handler {
	if e == nil {
		return next
	}
	return e.finish(e.handler(next, early))
}

// AfterAuth returns a handler that applies all other rules. It belongs between
// authentication and the registry.
func (e *Engine) AfterAuth(next http.Handler) http.Handler {
	return e.handler(next, late)
}

// Wrap is [Engine.BeforeAuth] and [Engine.AfterAuth], for a registry without
// authentication.
func (e *Engine) Wrap(next http.Handler) http.Handler {
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
	if a.rule.Flags.BeforeAuth || a.edits {
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
			if rule, ends := e.env.EndConn(effect.ConnOf(r.Context())); ends {
				_, state := inflight.Begin(r)
				e.mark(state, rule)
				panic(http.ErrAbortHandler)
			}
		} else if asked := askedOf(r.Context()); asked != nil {
			*asked = true
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
		sent, asked := state.Sent(r)
		c := choice{engine: e, plan: p, at: at, state: asked, info: asked.Info(), r: sent, served: r, next: next}
		if c.intercepted(w) {
			return
		}
		effects := c.choose()
		e.apply(&c, effects, w, e.marking(c.state, c.winner, c.behind()))
	})
}

// apply serves a request with effects, the first outermost.
func (e *Engine) apply(c *choice, effects []effect.Chosen, w http.ResponseWriter, next http.Handler) {
	if len(effects) == 0 {
		next.ServeHTTP(w, c.served)
		return
	}
	effect.NewExchange(e.env, c.state, c.served).Serve(effects, w, c.served, next)
}

// marking returns a handler that keeps the rule that took a request, unless it is nil, for
// the later stage.
func (e *Engine) marking(state *inflight.State, winner *active, next http.Handler) http.Handler {
	if winner == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.keep(state, func(p *passage) { p.winner = winner })
		next.ServeHTTP(w, r)
	})
}

// Point names what a request is about, whatever the order in which a client's
// parallel requests arrive: the operation, the repository, and the tag or digest.
func Point(info *op.Info) string {
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
func (e *Engine) Open(encrypted func() bool) effect.Opening {
	var o effect.Opening
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
		for _, b := range effects {
			effect.Open(b, &o)
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

// Closed tells the engine that a connection has ended.
func (e *Engine) Closed(c effect.Conn) {
	if e != nil {
		e.env.Closed(c)
	}
}
