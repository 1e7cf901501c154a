package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/spec"
)

// TestConformanceHelp compares the features in the help text with those of the statements. The text
// is written down so that no other command has to make the statements when it starts.
func TestConformanceHelp(t *testing.T) {
	assert.Contains(t, newConformance().Long, wrapped(featureNames()))
}

// featureNames returns the features that statements need.
func featureNames() []string {
	names := map[string]bool{}
	for _, s := range spec.Statements() {
		for _, f := range s.Needs {
			names[string(f)] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// wrapped returns a list in indented lines.
func wrapped(names []string) string {
	const width = 90
	var b strings.Builder
	line := " "
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		if len(line)+1+len(name) > width {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + name
	}
	return b.String() + line
}
