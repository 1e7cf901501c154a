package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/spec"
)

// conformanceReport is a run with its results.
type conformanceReport struct {
	url     string
	began   time.Time
	results []checked
	outcome comparison
	left    []spec.Leftover
}

// writers returns what writes the output files, by their flags.
func (r conformanceReport) writers() map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		newBaselineFlag: func(w io.Writer) error { return writeBaseline(w, r.results) },
		junitFlag:       r.junit().writeTo,
		htmlFlag:        func(w io.Writer) error { return spec.WriteHTML(w, r.url, resultsOf(r.results)) },
		markdownFlag:    func(w io.Writer) error { return spec.WriteMarkdown(w, r.url, resultsOf(r.results)) },
	}
}

// junit returns the results with a test case for each statement. Only failures that are not in
// the baseline are failures: CI systems have no word for the others.
func (r conformanceReport) junit() *junitSuite {
	suite := &junitSuite{
		Name: "ocifake conformance", Time: seconds(time.Since(r.began)), Begin: r.began.UTC().Format(time.RFC3339),
		Output: newJUnitText(strings.Join(slices.Concat([]string{r.url}, spec.Summary(resultsOf(r.results)), leftLines(r.left, true)), "\n")),
	}
	for _, c := range r.results {
		s := c.Statement
		test := junitCase{Class: "conformance." + string(s.Area), Name: terminal.Escape(s.ID + ": " + s.Text), Time: seconds(c.took)}
		switch c.Outcome {
		case spec.Passed:
		case spec.Failed:
			if slices.Contains(r.outcome.known, s.ID) {
				test.Skipped = &junitSkipped{"fails, as in the baseline"}
			} else {
				test.Failure = &junitFailure{terminal.Escape(fmt.Sprintf("%s: %s", s.Level, s.Text)), newJUnitText(c.Detail)}
			}
		case spec.Unsupported, spec.NotApplicable:
			test.Skipped = &junitSkipped{terminal.Escape(c.Short())}
		}
		if test.Failure != nil {
			suite.Failures++
		}
		if test.Skipped != nil {
			suite.Skipped++
		}
		suite.Tests++
		suite.Cases = append(suite.Cases, test)
	}
	return suite
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
