package engine

import (
	"context"
	"strings"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/inflight"
)

// layer is the place of an engine among those that a request passes.
type layer uint8

const (
	userLayer layer = iota
	quirkLayer
	layers
)

// Quirks returns an engine with the rules of a profile, for a place behind this one: its BeforeAuth
// within this one's, and its AfterAuth too. The rules must have passed [faults.Rule.Check]. site is what the server offers once the profile is in
// use; the rest of the environment is shared. The record has the traits of the rules, which are
// their names up to a "#", in place of faults.
func (e *Engine) Quirks(site effect.Site, rules ...faults.Rule) (*Engine, error) {
	env := e.env.At(site)
	q := &Engine{store: e.store, env: env, layer: quirkLayer, rules: newRules(env)}
	return q, q.Add(rules...)
}

// mark notes in the record that a rule acted.
func (e *Engine) mark(state *inflight.State, rule string) {
	if e.layer == quirkLayer {
		trait, _, _ := strings.Cut(rule, "#")
		state.AddTrait(trait)
		return
	}
	state.AddFault(rule)
}

// passage is what an engine keeps with a request between its stages.
type passage struct {
	winner   *active   // the rule that took the request at the earlier stage: later rules do not apply
	answered *answered // at the earlier stage
	asked    *bool     // set by [Engine.AfterAuth] in place of serving the request, unless it is nil
}

// passages are those of all engines that a request passes.
type passages [layers]passage

// passage returns what the engine has kept with a request.
func (e *Engine) passage(state *inflight.State) passage {
	if all := passagesOf(state); all != nil {
		return all[e.layer]
	}
	return passage{}
}

func passagesOf(state *inflight.State) *passages {
	all, _ := inflight.ValueOf[*passages](state)
	return all
}

// keep changes what the engine keeps with a request.
func (e *Engine) keep(state *inflight.State, set func(*passage)) {
	all := passagesOf(state)
	if all == nil {
		all = new(passages)
		inflight.Keep(state, all)
	}
	set(&all[e.layer])
}

// askedOf returns where to note that authentication has admitted a request, or nil if the request
// must be served.
func askedOf(ctx context.Context) *bool {
	all, _ := inflight.Value[*passages](ctx)
	if all == nil {
		return nil
	}
	for _, p := range all {
		if p.asked != nil {
			return p.asked
		}
	}
	return nil
}
