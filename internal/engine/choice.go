package engine

import (
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// choice is the choosing of rules for one request at one stage.
type choice struct {
	engine *Engine
	plan   *plan
	at     stage
	state  *inflight.State
	info   *op.Info         // of the state
	r      *http.Request    // as the client sent it: rules match that
	served *http.Request    // as effects of the stage before have changed it
	next   http.Handler     // behind this stage
	facts  *record.Exchange // nil until they are needed

	winner *active // the rule that took the request, if it does not continue
}

// exchange returns what is known of the exchange before the request is served.
func (c *choice) exchange() *record.Exchange {
	if c.facts == nil {
		at := c.state.Arrival()
		c.facts = &record.Exchange{
			Info:    *c.info,
			Learned: c.state.Learned(),
			Host:    c.r.Host,
			Target:  targetOf(c.r),
			Proto:   c.r.Proto,
			Secure:  c.r.TLS != nil,
			Header:  c.r.Header,
			Seq:     at.Seq,
			Attempt: at.Attempt,
			Elapsed: at.Elapsed,
			Conn:    at.Conn,
			ConnSeq: at.ConnSeq,
			ConnAge: at.ConnAge,
		}
	}
	return c.facts
}

// targetOf returns the request target, also of a request that no server has made.
func targetOf(r *http.Request) string {
	if r.RequestURI == "" {
		return r.URL.RequestURI()
	}
	return r.RequestURI
}

func (c *choice) intercepted(w http.ResponseWriter) bool {
	if stageOf(c.info.Op) != c.at {
		return false
	}
	for _, i := range c.plan.intercepts {
		if own := *inflight.Of(c.served.Context()).Info(); i.handle(w, c.served, &own) {
			return true
		}
	}
	return false
}

// choose asks the rules in turn, up to the first that chooses the request and does
// not continue. A rule of the other stage is not asked, but keeps its place: one that
// applies after auth comes before a later one that applies before auth, if auth lets
// the request in.
func (c *choice) choose() (effects []effect.Chosen) {
	if c.plan.until && c.at == early {
		for _, a := range c.plan.all() {
			a.end(c.exchange)
		}
	}
	rules := c.plan.byOp[c.info.Op]
	won := c.engine.passage(c.state).winner
	var waiting []*active // rules of the later stage that let this request pass
	for i, a := range rules {
		switch {
		case a.active == won: // at the stage before
			return effects
		case !a.matches(c.info, c.exchange):
			continue
		case a.at > c.at:
			if !a.rule.Flags.Continue && c.contested(rules[i+1:]) && a.wouldAim(c.info, c.r, c.engine.store) && c.admitted() {
				c.lost(rules[i+1:], a.active)
				return effects
			}
			waiting = append(waiting, a.active)
			continue
		case a.at < c.at:
			continue
		}
		s := a.aim(c.state, c.r, c.engine.store)
		if s == nil {
			continue
		}
		mine := s.effects()
		effects = append(effects, mine...)
		if len(waiting) > 0 && slices.ContainsFunc(mine, func(f effect.Chosen) bool { return effect.Ends(f.Do) }) && c.admitted() {
			for _, w := range waiting {
				w.letPass(c.info, c.r, c.engine.store)
			}
			waiting = nil
		}
		if !a.rule.Flags.Continue {
			c.lost(rules[i+1:], a.active)
			c.winner = a.active
			return effects
		}
	}
	return effects
}

// effects are those that the rule has for the request.
func (s *shot) effects() []effect.Chosen {
	list, first := s.rule.effects, 0
	if steps := s.rule.steps; len(steps) > 0 {
		list, first = steps[s.step:s.step+1], s.step
	}
	effects := make([]effect.Chosen, len(list))
	for i, b := range list {
		effects[i] = effect.Chosen{Shot: s, Index: first + i, Do: b}
	}
	return effects
}

// contested reports whether one of the rules that follow applies at this stage.
func (c *choice) contested(following []staged) bool {
	for _, a := range following {
		if a.at == c.at && a.matches(c.info, c.exchange) {
			return true
		}
	}
	return false
}

// lost notes in the rules that follow that another one took the request.
func (c *choice) lost(following []staged, winner *active) {
	for _, a := range following {
		if a.at >= c.at && a.matches(c.info, c.exchange) {
			a.lose(winner.rule.Name)
		}
	}
}

// admitted reports whether what is between the stages lets the request in. It is
// asked without its body, and its answer goes nowhere.
func (c *choice) admitted() (ok bool) {
	c.engine.keep(c.state, func(p *passage) { p.asked = &ok })
	defer c.engine.keep(c.state, func(p *passage) { p.asked = nil })
	r := c.served.WithContext(c.served.Context())
	r.Body = http.NoBody
	c.next.ServeHTTP(&effect.Nowhere{}, r)
	return ok
}
