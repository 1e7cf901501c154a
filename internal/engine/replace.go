package engine

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/ocifake/ocifake/faults"
)

// Replace removes the rules with these names, as far as there are any, and adds
// rules in the place of the first of them, in one step: no request sees a state
// between. A rule that is there again with the same name and text keeps its counts.
// With an error, everything is as it was; see [Engine.Add].
func (e *Engine) Replace(names []string, rules ...faults.Rule) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	old, next := e.plan.Load().copy(), e.plan.Load().copy()
	named := func(a *active) bool { return slices.Contains(names, a.rule.Name) }
	next.rules = slices.DeleteFunc(next.rules, named)
	next.connect = slices.DeleteFunc(next.connect, named)
	kept := len(next.rules)
	if _, err := e.addTo(next, rules); err != nil {
		return err
	}
	at := slices.IndexFunc(old.rules, named)
	if at < 0 {
		at = kept
	}
	next.rules = slices.Concat(next.rules[:at], next.rules[kept:], next.rules[at:kept])
	goOn(next.rules, old.rules)
	goOn(next.connect, old.connect)
	e.use(next)
	return nil
}

// goOn puts rules that were there before in the place of those that are the same.
func goOn(rules, before []*active) {
	for i, a := range rules {
		at := slices.IndexFunc(before, func(b *active) bool { return b.rule.Name == a.rule.Name })
		if at >= 0 && sameText(before[at].rule, a.rule) {
			rules[i] = before[at]
		}
	}
}

// sameText reports whether two rules are written alike. Those that cannot be written
// are like no other.
func sameText(a, b faults.Rule) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false
	}
	other, err := json.Marshal(b)
	return err == nil && bytes.Equal(one, other)
}

// Changed returns a channel that is closed at the next change of the rules: they
// are added, removed, replaced, or switched on or off. Ask for it before you look at
// the rules, lest you miss the change.
func (e *Engine) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return e.changed
}

// announce tells those who wait that the rules have changed. e.mu is held.
func (e *Engine) announce() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}
