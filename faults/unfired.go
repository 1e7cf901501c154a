package faults

import (
	"fmt"
	"slices"
	"strings"
)

// State is a rule in an engine, and its counts.
type State struct {
	Rule Rule
	Seen int  // requests that match the filters, or connections, on which an effect can act
	Hits int  // how often the rule fired, that is, an effect acted
	Over bool // the rule will not fire any more

	chosen, unable, lost int
	lostTo               string
	idle                 []string // effects that never acted
	satisfied            bool     // a rule of the same known fault fired
}

// Unfired describes how the rule fired less often than it should have: "fired 1 of 3
// times". It is empty if the rule fired often enough, or is optional or disabled. The
// rules of a known fault are done once one of them has fired, see [Rule.Known].
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
		return fmt.Sprintf("its counts chose none of %d connections", s.Seen)
	case s.Seen > 0:
		return fmt.Sprintf("its filters matched %d requests, and its counts chose none of them", s.Seen)
	case s.lost > 0:
		return fmt.Sprintf("rule %q took the %d %s that it matched: let that rule Continue, or add this rule before it", s.lostTo, s.lost, things)
	case s.unable > 0 && s.Rule.Connect:
		return fmt.Sprintf("%d connections had no TLS, and %s can act on none of them", s.unable, s.kinds())
	case s.unable > 0:
		return fmt.Sprintf("its filters matched %d requests, and %s can act on none of them", s.unable, s.kinds())
	case s.Rule.Connect:
		return "no connection was opened"
	}
	return "no request matched its filters"
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

// Unfired returns a line for each rule that fired less often than it should have, in the
// order of [Engine.Rules]: the rule, and the text of [State.Unfired]. The rules of a
// known fault have one line if none of them fired.
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
