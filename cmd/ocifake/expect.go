package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ocifake/ocifake/record"
)

// expectations are the values of --expect.
type expectations []record.Expectation

func (e *expectations) Type() string   { return "EXPECTATION" }
func (e *expectations) String() string { return "" }

// Set reads an expectation, or, if there is a file with that name, one in each of
// its lines.
func (e *expectations) Set(s string) error {
	expectation, err := record.ParseExpectation(s)
	if err == nil {
		*e = append(*e, expectation)
		return nil
	}
	text, fileErr := os.ReadFile(s)
	if fileErr != nil {
		return fmt.Errorf("%w, and no file: %w", err, fileErr)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if expectation, err = record.ParseExpectation(line); err != nil {
			return fmt.Errorf("%s: line %d: %w", s, i+1, err)
		}
		*e = append(*e, expectation)
	}
	return nil
}

// verdict is an expectation, and why it does not hold.
type verdict struct {
	record.Expectation
	err error
}

// judge judges all that is on record. If that is not complete, nothing can be said.
func (e expectations) judge(recorder *record.Recorder) []verdict {
	log, dropped := recorder.Log(), recorder.Dropped()
	verdicts := make([]verdict, len(e))
	for i, expectation := range e {
		verdicts[i] = verdict{expectation, expectation.Judge(log)}
		if dropped > 0 {
			verdicts[i].err = fmt.Errorf("want %s: the oldest %d requests are forgotten; remember more with --max-record", expectation, dropped)
		}
	}
	return verdicts
}

// report says which expectations do not hold, with the journal; nil if all do.
func report(verdicts []verdict, recorder *record.Recorder) error {
	var failed []string
	var first *verdict
	for i := range verdicts {
		if verdicts[i].err != nil {
			failed = append(failed, verdicts[i].err.Error())
			if first == nil {
				first = &verdicts[i]
			}
		}
	}
	if first == nil {
		return nil
	}
	return errors.New(strings.Join(failed, "\n") + "\n" + strings.TrimSuffix(first.Journal(recorder.Log()), "\n"))
}
