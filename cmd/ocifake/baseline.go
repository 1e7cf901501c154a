package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/ocifake/ocifake/spec"
)

// baseline is the IDs of statements that are known to fail.
type baseline map[string]bool

// comparison is what a baseline says about results, by the IDs of statements.
type comparison struct {
	failed []string // not in the baseline
	known  []string // failed, and in the baseline
	mended []string // in the baseline, and did not fail
}

// compare compares results with the baseline. Statements that were not checked do not count.
func (b baseline) compare(results []checked) (j comparison) {
	for _, r := range results {
		switch id, failed := r.Statement.ID, r.Outcome == spec.Failed; {
		case failed && b[id]:
			j.known = append(j.known, id)
		case failed:
			j.failed = append(j.failed, id)
		case b[id]:
			j.mended = append(j.mended, id)
		}
	}
	return j
}

// writeBaseline writes the failures as a baseline.
func writeBaseline(w io.Writer, results []checked) error {
	var b strings.Builder
	b.WriteString("# Statements that are known to fail: ocifake conformance --baseline\n")
	for _, r := range results {
		if r.Outcome == spec.Failed {
			fmt.Fprintf(&b, "%s # %s: %s\n", r.Statement.ID, r.Statement.Level, r.Statement.Text)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
