package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/record"
)

// verdict is the result of an expectation or a required fault rule.
type verdict struct {
	what    string
	err     error  // nil if it holds
	journal string // the requests, if it fails
}

type verdicts []verdict

// err returns an error with the failed expectations and the journal, or nil.
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

// judge checks the expectations and, with --strict-faults, the rules. Otherwise it logs the rules
// that have not acted as configured.
func (c *runConfig) judge(f *fixture) verdicts {
	log := f.recorder.Log()
	all := c.expect.judge(log, f.recorder.Dropped())
	for _, rule := range f.unfired(log) {
		if !c.strictFaults {
			f.log.Warn("fault rule did not act as configured", "rule", rule.name, "faults", rule.source, "but", rule.why)
			continue
		}
		what := "fault rule " + rule.name
		all = append(all, verdict{what, fmt.Errorf("%s of --faults %s did not act as configured: it %s", what, rule.source, rule.why), journalText(log.Journal())})
	}
	return all
}

// judge checks the expectations against the record. If the record is incomplete, all fail.
func (e *expectations) judge(log record.Log, dropped int) verdicts {
	all := make(verdicts, len(e.all))
	for i, expectation := range e.all {
		err := expectation.Judge(log)
		if dropped > 0 {
			err = fmt.Errorf("want %s: the oldest %d requests were dropped from the record: raise --max-record", expectation, dropped)
		}
		all[i] = verdict{what: expectation.String(), err: err}
		if err != nil {
			all[i].journal = journalText(expectation.Journal(log))
		}
	}
	return all
}

func journalText(journal string) string { return strings.TrimSuffix(journal, "\n") }

// unfiredRule is a rule of --faults that has not acted as configured.
type unfiredRule struct{ name, source, why string }

// unfired returns the rules of --faults that have not acted as configured.
func (f *fixture) unfired(log record.Log) (list []unfiredRule) {
	why := map[string]string{}
	for _, state := range f.faults.Rules() {
		text := state.Unfired
		if text != "" && state.Seen == 0 {
			text += engine.Refused(state.Rule, log)
		}
		why[state.Rule.Name] = text
	}
	for _, file := range f.rules {
		for _, rule := range file.rules {
			if why := why[rule.Name]; why != "" {
				list = append(list, unfiredRule{rule.Name, file.path, why})
			}
		}
	}
	return list
}
