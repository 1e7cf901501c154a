package engine

import (
	"time"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/inflight"
)

// shot is a rule that has chosen a request. The rule fires when the first of its
// effects acts, and that is when it is counted: a rule that may fire once fires at
// the first request on which it acts, of those that it has chosen.
type shot struct {
	rule    *active
	request *inflight.State
	step    int       // of the rule's sequence
	state   shotState // guarded by the rule's mutex, as the next
	touched bool      // the record has the rule for the request
}

type shotState uint8

const (
	aimed   shotState = iota
	claimed           // counted
	missed            // the rule was over before an effect could act
)

// Rule implements [effect.Shot].
func (s *shot) Rule() string { return s.rule.rule.Name }

// Claim implements [effect.Shot].
func (s *shot) Claim() bool {
	a := s.rule
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.state == aimed {
		s.state = claimed
		if a.ended() || len(a.steps) > 0 && a.hits != s.step {
			s.state = missed
		} else {
			a.count()
		}
	}
	return s.state == claimed
}

// Release implements [effect.Shot].
func (s *shot) Release() {
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

// Touch implements [effect.Shot].
func (s *shot) Touch() {
	a := s.rule
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known.fired()
	if !s.touched {
		s.touched = true
		a.engine.mark(s.request, a.rule.Name)
	}
}

// kept is an effect that keeps something between requests.
type kept struct {
	index int
	value effect.Behaviour
}

// Memory implements [effect.Shot].
func (s *shot) Memory(index int, value effect.Behaviour, make func() any) any {
	a := s.rule
	a.mu.Lock()
	defer a.mu.Unlock()
	key := kept{index, value}
	if a.memory[key] == nil {
		if a.memory == nil {
			a.memory = map[kept]any{}
		}
		a.memory[key] = make()
	}
	return a.memory[key]
}

// Mark implements [effect.Shot].
func (s *shot) Mark(effect int) {
	s.rule.mu.Lock()
	defer s.rule.mu.Unlock()
	if s.rule.acted == nil {
		s.rule.acted = make([]bool, max(len(s.rule.effects), len(s.rule.steps)))
	}
	s.rule.acted[effect] = true
}
