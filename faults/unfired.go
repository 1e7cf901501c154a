package faults

import (
	"fmt"
	"slices"
	"strings"
)

// State is a rule in an engine, and what became of it.
type State struct {
	Rule Rule
	Seen int  // requests, or connections, that the filters meant and on which an effect can act
	Hits int  // how often it fired: an effect acted
	Over bool // it will not fire any more

	chosen, unable, lost int
	lostTo               string
	idle                 []string // effects that never acted
	satisfied            bool     // a rule of the same known fault fired
}

// Unfired says in what the rule did less than it was to, "fired 1 of 3 times", or
// is empty if it did all, is optional, or is disabled. The rules of a known fault have
// done all once one of them fired; see [Rule.Known].
func (s State) Unfired() string {
	if s.Rule.Flags.Optional || s.Rule.Flags.Disabled || s.satisfied {
		return ""
	}
	wanted := max(s.Rule.limit(), 1)
	switch {
	case s.Hits >= wanted && len(s.idle) > 0:
		return fmt.Sprintf("fired, but %s never acted", strings.Join(slices.Compact(s.idle), " and "))
	case s.Hits >= wanted:
		return ""
	case s.Hits > 0:
		if s.Over && len(s.Rule.Steps) == 0 { // For or Until came first
			return ""
		}
		return fmt.Sprintf("fired %d of %d times", s.Hits, wanted)
	}
	return "never fired: " + s.why()
}

// why says why the rule never fired.
func (s State) why() string {
	things := "requests"
	if s.Rule.Connect {
		things = "connections"
	}
	switch {
	case s.chosen > 0:
		return fmt.Sprintf("it chose %d requests, and %s acted on none of them", s.chosen, s.kinds())
	case s.Seen > 0 && s.Rule.Connect:
		return fmt.Sprintf("its counts meant none of %d connections", s.Seen)
	case s.Seen > 0:
		return fmt.Sprintf("its filters meant %d requests, its counts none of them", s.Seen)
	case s.lost > 0:
		return fmt.Sprintf("rule %q won the %d %s that it was for: have that rule Continue, or add this one before it", s.lostTo, s.lost, things)
	case s.unable > 0 && s.Rule.Connect:
		return fmt.Sprintf("%d connections were in the clear, and %s can act on none of them", s.unable, s.kinds())
	case s.unable > 0:
		return fmt.Sprintf("its filters meant %d requests, and %s can act on none of them", s.unable, s.kinds())
	case s.Rule.Connect:
		return "no connection was opened"
	}
	return "no request was meant"
}

// kinds are the names of the rule's effects.
func (s State) kinds() string {
	var names []string
	for _, e := range slices.Concat(s.Rule.Effects, s.Rule.Steps) {
		if name := e.kind(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Unfired returns a line for each rule that did less than it was to, in the order of
// [Engine.Rules]: the rule, and what [State.Unfired] says of it. Of a known fault of which
// no rule fired there is one line, for its first rule.
func (e *Engine) Unfired() []string {
	var lines, known []string
	for _, s := range e.Rules() {
		text := s.Unfired()
		if text == "" || s.Rule.Known != "" && slices.Contains(known, s.Rule.Known) {
			continue
		}
		if s.Rule.Known != "" {
			known = append(known, s.Rule.Known)
		}
		lines = append(lines, s.Rule.String()+" "+text)
	}
	return lines
}

// Injected is a handle on a rule in an engine.
type Injected struct {
	engine *Engine
	active *active
}

// State tells what became of the rule.
func (i *Injected) State() State { return i.active.state() }

// Hits returns how often the rule fired.
func (i *Injected) Hits() int { return i.active.state().Hits }

// Remove removes the rule.
func (i *Injected) Remove() {
	i.engine.remove(func(a *active) bool { return a == i.active })
}

// Unfired says in what the rule did less than it was to; see [State.Unfired].
func (i *Injected) Unfired() string { return i.State().Unfired() }
