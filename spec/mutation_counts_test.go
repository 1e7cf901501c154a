package spec_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/spec"
)

var update = flag.Bool("update", false, "write COVERAGE.md; with -thorough, count mutations first")

// countsFile has a line for each statement that is checked: its ID, and its count.
const countsFile = "testdata/mutations.txt"

// count is how many mutations a statement catches and misses.
type count struct {
	named  int // mutations that must make it fail, which TestMutations checks
	others int // more that made it fail
	missed int // that can make it fail, and did not
}

// matrix counts what TestMutations sees.
type matrix struct {
	mu     sync.Mutex
	counts map[string]count
}

// add counts the statements that failed with a mutation.
func (x *matrix) add(m mutation, failed []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.counts == nil {
		x.counts = map[string]count{}
	}
	for _, s := range spec.Statements() {
		c := x.counts[s.ID]
		switch fails := slices.Contains(failed, s.ID); {
		case slices.Contains(m.fails, s.ID):
		case fails:
			c.others++
		case slices.Contains(m.may, s.ID):
			c.missed++
		}
		x.counts[s.ID] = c
	}
}

// write writes what was counted.
func (x *matrix) write(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		writeCounts(t, x.counts)
	}
}

func writeCounts(t *testing.T, counts map[string]count) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# Mutations that a statement catches, of those named for it; more that it catches; those that it misses.\n")
	for _, s := range spec.Statements() {
		if s.Checked() {
			fmt.Fprintf(&b, "%s %d %d %d\n", s.ID, named()[s.ID], counts[s.ID].others, counts[s.ID].missed)
		}
	}
	require.NoError(t, os.WriteFile(countsFile, []byte(b.String()), 0o644))
}

// named counts the mutations that must make each statement fail.
func named() map[string]int {
	all := map[string]int{}
	for _, m := range mutations() {
		for _, id := range m.fails {
			all[id]++
		}
	}
	return all
}

func readCounts(t *testing.T) map[string]count {
	t.Helper()
	text, err := os.ReadFile(countsFile)
	require.NoError(t, err)
	counts := map[string]count{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var id string
		var c count
		_, err := fmt.Sscanf(line, "%s %d %d %d", &id, &c.named, &c.others, &c.missed)
		require.NoError(t, err, line)
		require.NotContains(t, counts, id)
		counts[id] = c
	}
	return counts
}

func (c count) String() string {
	if c.missed > 0 {
		return fmt.Sprintf(" (%d, misses %d)", c.named+c.others, c.missed)
	}
	return fmt.Sprintf(" (%d)", c.named+c.others)
}

// upToDate returns the counts, and checks them as far as no mutation has to run for that.
func upToDate(t *testing.T) map[string]count {
	t.Helper()
	counts := readCounts(t)
	if *update {
		writeCounts(t, counts)
		counts = readCounts(t)
	}
	for _, s := range spec.Statements() {
		c, ok := counts[s.ID]
		assert.Equal(t, s.Checked(), ok, "%s: %s is stale: go test ./spec -update", s.ID, countsFile)
		assert.Equal(t, named()[s.ID], c.named, "%s: %s is stale: go test ./spec -update", s.ID, countsFile)
		delete(counts, s.ID)
	}
	assert.Empty(t, counts, "%s has statements that do not exist", countsFile)
	return readCounts(t)
}
