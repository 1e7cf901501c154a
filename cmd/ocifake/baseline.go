package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/spec"
)

// baseline is the IDs of statements that are known to fail.
type baseline map[string]bool

// parseBaseline parses a file with an ID per line, and comments from # on.
func parseBaseline(text string) (baseline, error) {
	known := baseline{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		id := strings.TrimSpace(line)
		switch _, ok := spec.Lookup(id); {
		case id == "":
		case !ok:
			return nil, fmt.Errorf("line %d: no statement has the ID %.80q%s", n, id, meant(id))
		case known[id]:
			return nil, fmt.Errorf("line %d: %s is there twice", n, id)
		default:
			known[id] = true
		}
	}
	return known, nil
}

// meant returns a suggestion for an unknown ID.
func meant(id string) string {
	var ids []string
	for _, s := range spec.Statements() {
		ids = append(ids, s.ID)
	}
	if mean := near.Mean(id, ids); mean != "" {
		return ": " + mean
	}
	return ": see ocifake conformance --statements"
}

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
