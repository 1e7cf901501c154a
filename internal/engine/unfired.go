package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/record"
)

// unfired returns [faults.State.Unfired]. a.mu is held.
func (a *active) unfired() string {
	if a.rule.Flags.Optional || a.disabled || a.known.satisfied() {
		return ""
	}
	wanted, idle := max(a.limit(), 1), a.idle()
	switch {
	case a.hits >= wanted && len(idle) > 0:
		return fmt.Sprintf("fired, but %s never acted", strings.Join(slices.Compact(idle), " and "))
	case a.hits >= wanted:
		return ""
	case a.hits > 0:
		if a.over && len(a.steps) == 0 { // For or Until ended the rule first
			return ""
		}
		return fmt.Sprintf("fired %d of %d times", a.hits, wanted)
	}
	return "never fired: " + a.whyNot()
}

// whyNot describes why the rule never fired.
func (a *active) whyNot() string {
	things := "requests"
	if a.rule.Connect {
		things = "connections"
	}
	switch {
	case a.chosen > 0:
		return fmt.Sprintf("it chose %d requests, and %s acted on none of them", a.chosen, a.kinds())
	case a.seen > 0 && a.rule.Connect:
		return fmt.Sprintf("its counts chose none of %d connections", a.seen)
	case a.seen > 0:
		return fmt.Sprintf("its filters matched %d requests, and its counts chose none of them", a.seen)
	case a.lost > 0:
		return fmt.Sprintf("rule %q took the %d %s that it matched: let that rule Continue, or add this rule before it", a.lostTo, a.lost, things)
	case a.unable > 0 && a.rule.Connect:
		return fmt.Sprintf("%d connections had no TLS, and %s can act on none of them", a.unable, a.kinds())
	case a.unable > 0:
		return fmt.Sprintf("its filters matched %d requests, and %s can act on none of them", a.unable, a.kinds())
	case a.rule.Connect:
		return "no connection was opened"
	}
	return "no request matched its filters"
}

// Refused explains why a rule never fired if authentication refused a request of the log that
// matches its filters. Otherwise it returns "".
func Refused(rule faults.Rule, log record.Log) string {
	if rule.Connect || rule.Flags.BeforeAuth {
		return ""
	}
	refused := log.Filter(append(slices.Clone(rule.Filters), record.Status("401", "403"), record.Not(record.Faulted()))...)
	if len(refused) == 0 {
		return ""
	}
	return fmt.Sprintf("; #%d matches them, but authentication refused it: let the rule apply before authentication (BeforeAuth, or beforeAuth in YAML), or check the credentials", refused[0].Seq)
}

// kinds returns the names of the rule's effects.
func (a *active) kinds() string {
	var names []string
	for _, b := range slices.Concat(a.effects, a.steps) {
		if name := b.Kind(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// injected is a handle on a rule in an engine.
type injected struct {
	engine *Engine
	active *active
}

// State implements [faults.Injected].
func (i *injected) State() faults.State { return i.active.state() }

// Hits implements [faults.Injected].
func (i *injected) Hits() int { return i.active.state().Hits }

// Remove implements [faults.Injected].
func (i *injected) Remove() {
	i.engine.remove(func(a *active) bool { return a == i.active })
}
