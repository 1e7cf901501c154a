package faults

import (
	"net/http"

	"github.com/ocifake/ocifake/op"
)

// BeforeAuth returns a handler that applies the rules to requests for tokens and
// for /v2/, and those that are marked so to every request. It belongs before what
// looks at credentials, and inside of what records.
func (e *Engine) BeforeAuth(next http.Handler) http.Handler {
	if e == nil {
		return next
	}
	return e.finish(e.handler(next, early))
}

// AfterAuth returns a handler that applies all other rules. It belongs behind what
// looks at credentials, in front of the registry.
func (e *Engine) AfterAuth(next http.Handler) http.Handler { return e.handler(next, late) }

// Wrap is both, for those who have no auth.
func (e *Engine) Wrap(next http.Handler) http.Handler { return e.BeforeAuth(e.AfterAuth(next)) }

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

func (e *Engine) handler(next http.Handler, at stage) http.Handler {
	if e == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := e.plan.Load()
		if at == early {
			if name, ok := e.doomed.take(r); ok {
				_, state := op.Begin(r)
				state.AddFault(name)
				panic(http.ErrAbortHandler)
			}
		}
		if p == nil {
			next.ServeHTTP(w, r)
			return
		}
		r, state := op.Begin(r)
		if at == late {
			p.admit(state.Info().Alias)
		}
		effects, handled := e.choose(p, w, r, state, at)
		if handled {
			return
		}
		if len(effects) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		x := &exchange{engine: e, state: state, info: state.Info(), conn: connOf(r.Context()), http2: r.ProtoMajor == 2}
		if missing := x.missing(effects); missing != "" {
			http.Error(w, "500 fault rule "+missing, http.StatusInternalServerError)
			return
		}
		x.run(effects, w, r, next)
	})
}

// choose asks the interceptors, and then the rules in turn.
func (e *Engine) choose(p *plan, w http.ResponseWriter, r *http.Request, state *op.State, at stage) (effects []chosen, handled bool) {
	info := state.Info()
	mine := stageOf(info.Op) == at
	var facts *op.Request
	request := func() *op.Request {
		if facts == nil {
			made := op.NewRequest(r)
			facts = &made
		}
		return facts
	}
	if mine {
		for _, i := range p.intercepts {
			if own := *info; i.handle(w, r, &own) {
				return nil, true
			}
		}
	}
	if at == late {
		if _, won := op.Value[last](r.Context()); won {
			return nil, false
		}
	}
	if p.until && at == early {
		for _, a := range p.all() {
			a.end(request)
		}
	}
	point := func() string { return Point(info) }
	for _, a := range p.rulesAt(at, info.Op) {
		if !a.means(info, request) {
			continue
		}
		fired, ok := a.fire(point)
		if !ok {
			continue
		}
		state.AddFault(a.rule.Name)
		effects = append(effects, flatten(a.rule.Name, fired)...)
		if !a.rule.Flags.Continue {
			return append(effects, chosen{a.rule.Name, last{}}), false
		}
	}
	return effects, false
}

// last keeps the rules of the later stage from a request that a rule of the
// earlier one has won.
type last struct{}

func (last) kind() string { return "last" }

func (last) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	op.Keep(x.state, last{})
	next.ServeHTTP(w, r)
}

// appliesAt tells whether the rule applies at a stage to requests for an operation.
func (a *active) appliesAt(at stage, o op.Op) bool {
	if !a.ops.Has(o) {
		return false
	}
	if a.rule.Flags.BeforeAuth {
		return at == early
	}
	return stageOf(o) == at
}

// missing says why one of the effects cannot act on this request, which came
// through another server than the one that the engine is bound to.
func (x *exchange) missing(effects []chosen) string {
	if x.conn != nil {
		return ""
	}
	for _, c := range effects {
		if needOf(c.effect)&needConn != 0 {
			return c.rule + ": " + c.effect.kind() + " needs a connection of the registry's own server; this request came through another"
		}
	}
	return ""
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

// Open counts a connection, and says what is to be done to it.
func (e *Engine) Open() Opening {
	var o Opening
	if e == nil {
		return o
	}
	p := e.plan.Load()
	if p == nil {
		return o
	}
	for _, a := range p.connect {
		effects, ok := a.fire(func() string { return "connect" })
		if !ok {
			continue
		}
		o.Rules = append(o.Rules, a.rule.Name)
		for _, effect := range effects {
			effect.(connectEffect).open(&o)
		}
		if !a.rule.Flags.Continue {
			break
		}
	}
	return o
}
