package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ocifake/ocifake/record"
)

// verdict is what became of an expectation, or of a fault rule that has to fire.
type verdict struct {
	what    string
	err     error  // why it does not hold
	journal string // if it does not: the requests
}

type verdicts []verdict

// err is an error that says what does not hold, with the journal; nil if all does.
func (v verdicts) err() error {
	var failed []string
	journal := ""
	for _, one := range v {
		if one.err != nil {
			if failed == nil {
				journal = one.journal
			}
			failed = append(failed, one.err.Error())
		}
	}
	if failed == nil {
		return nil
	}
	return errors.New(strings.Join(failed, "\n") + "\n" + journal)
}

// judge judges what the command asked of the registry, and with --strict-faults the
// rules; without, it logs which of them have not fired.
func (c *runConfig) judge(f *fixture) verdicts {
	log := f.recorder.Log()
	all := c.expect.judge(log, f.recorder.Dropped())
	for _, rule := range f.unfired() {
		if !c.strictFaults {
			f.log.Warn("a fault rule has not done what it is there for", "rule", rule.name, "faults", rule.source, "but", rule.why)
			continue
		}
		what := "fault rule " + rule.name
		all = append(all, verdict{what, fmt.Errorf("want %s of --faults %s to fire: it %s", what, rule.source, rule.why), journalText(log.Journal())})
	}
	return all
}

// judge judges all that is on record. If that is not complete, nothing can be said.
func (e *expectations) judge(log record.Log, dropped int) verdicts {
	all := make(verdicts, len(e.all))
	for i, expectation := range e.all {
		err := expectation.Judge(log)
		if dropped > 0 {
			err = fmt.Errorf("want %s: the oldest %d requests are forgotten; remember more with --max-record", expectation, dropped)
		}
		all[i] = verdict{what: expectation.String(), err: err}
		if err != nil {
			all[i].journal = journalText(expectation.Journal(log))
		}
	}
	return all
}

func journalText(journal string) string { return strings.TrimSuffix(journal, "\n") }

// unfiredRule is a rule of --faults that has not done what it is there for.
type unfiredRule struct{ name, source, why string }

// unfired returns the rules of the command line that have not fired as often as they
// should. Of a known fault, one rule is enough.
func (f *fixture) unfired() (list []unfiredRule) {
	states := map[string]int{}
	all := f.faults.Rules()
	for i, state := range all {
		states[state.Rule.Name] = i + 1
	}
	for _, file := range f.rules {
		var silent []unfiredRule
		fired := false
		for _, rule := range file.rules {
			i := states[rule.Name]
			if i == 0 || file.optional[rule.Name] {
				continue // it was removed, or need not fire
			}
			state := all[i-1]
			state.Rule.Flags.Optional = false
			fired = fired || state.Hits > 0
			if why := state.Unfired(); why != "" {
				silent = append(silent, unfiredRule{rule.Name, file.path, why})
			}
		}
		if _, known := file.known(); !known || !fired {
			list = append(list, silent...)
		}
	}
	return list
}
