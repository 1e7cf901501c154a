package faults

import (
	"context"
	"net/http"
	"time"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// A prospect says whether an effect acts on a request, as far as that is known
// before the request is served.
type prospect uint8

const (
	never   prospect = iota
	perhaps          // the answer, the body or the Store decides
	surely
)

// A choosyEffect does not act on every request. Effects that are not choosy act on
// all of them.
type choosyEffect interface {
	requestEffect
	prospect(info *op.Info, r *http.Request) prospect
}

// A storedEffect acts only if the Store has what the request asks for.
type storedEffect interface {
	requestEffect
	finds(ctx context.Context, store registry.Store, info *op.Info) bool
}

// A limitedEffect can act on requests for some operations only.
type limitedEffect interface {
	requestEffect
	actsOn() opset.Set
}

// prospectOf returns the prospect of an effect, and for [All] the best of its effects.
// The store is nil if it need not be asked.
func prospectOf(e Effect, info *op.Info, r *http.Request, store registry.Store) prospect {
	if group, ok := e.(all); ok {
		return bestProspect(group.effects, info, r, store)
	}
	if l, ok := e.(limitedEffect); ok && !l.actsOn().Has(info.Op) {
		return never
	}
	likely := surely
	if c, ok := e.(choosyEffect); ok {
		likely = c.prospect(info, r)
	}
	if s, ok := e.(storedEffect); ok && likely != never && store != nil && !s.finds(r.Context(), store, info) {
		return never
	}
	return likely
}

func bestProspect(effects []Effect, info *op.Info, r *http.Request, store registry.Store) prospect {
	best := never
	for _, e := range effects {
		best = max(best, prospectOf(e, info, r, store))
	}
	return best
}

// shot is a rule that has chosen a request. The rule fires when the first of its
// effects acts, and that is when it is counted: a rule that may fire once fires at
// the first request on which it acts, of those that it has chosen.
type shot struct {
	rule    *active
	request *inflight.State
	step    int       // of the rule's sequence
	state   shotState // guarded by the rule's mutex, as the next
	touched bool      // the record says so
}

type shotState uint8

const (
	aimed   shotState = iota
	claimed           // counted
	missed            // the rule was over before an effect could act
)

// claim counts the rule, unless this request did already, and reports whether its
// effects may act.
func (s *shot) claim() bool {
	a := s.rule
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.state == aimed {
		s.state = claimed
		if a.ended() || len(a.rule.Steps) > 0 && a.hits != s.step {
			s.state = missed
		} else {
			a.count()
		}
	}
	return s.state == claimed
}

// release takes a claim back: the effect could not act after all.
func (s *shot) release() {
	a := s.rule
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.state != claimed || s.touched {
		return
	}
	s.state = aimed
	a.hits--
	a.over = false
	if a.hits == 0 {
		a.first = time.Time{}
	}
}

// touch has the record say that the rule touched the request.
func (s *shot) touch() {
	a := s.rule
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known.fired()
	if !s.touched {
		s.touched = true
		s.request.AddFault(a.rule.Name)
	}
}

// mark notes that an effect acted, by its index among the rule's effects.
func (s *shot) mark(effect int) {
	s.rule.mu.Lock()
	defer s.rule.mu.Unlock()
	if s.rule.acted == nil {
		s.rule.acted = make([]bool, max(len(s.rule.rule.Effects), len(s.rule.rule.Steps)))
	}
	s.rule.acted[effect] = true
}

// act has the rule fire, and reports whether it may. An effect calls it when it is
// about to act.
func (x *exchange) act() bool {
	if !x.start() {
		return false
	}
	x.shot.mark(x.effect)
	return true
}

// start is act for effects that begin with this request, and act on a later one;
// then they call mark.
func (x *exchange) start() bool {
	if !x.shot.claim() {
		return false
	}
	x.shot.touch()
	return true
}

// acted returns a function that notes, later, that the effect acted.
func (x *exchange) acted() func() {
	s, effect := x.shot, x.effect
	return func() { s.mark(effect) }
}
