package spec

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write COVERAGE.md")

func TestCoverageFileIsUpToDate(t *testing.T) {
	const path = "COVERAGE.md"
	want := coverage(t)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "%s is stale: go test ./spec -update", path)
}

// coverage makes COVERAGE.md: every sentence with the statements that check it, or
// why none does; then what is checked beyond the distribution specification.
func coverage(t *testing.T) string {
	t.Helper()
	clients := readList(t, clientsFile)
	var b strings.Builder
	b.WriteString("# Coverage\n\nMade from the statements of package spec by `go test ./spec -update`.\n")
	checked := 0
	for _, s := range statements() {
		if s.Checked() {
			checked++
		}
	}
	fmt.Fprintf(&b, "%d statements: %d are checked, and %d cannot be by a client.\n", len(statements()), checked, len(statements())-checked)
	for _, source := range sources {
		if source.complete {
			fmt.Fprintf(&b, "\n## %s %s\n", source.source, source.version)
			writeSentences(&b, source, readList(t, source.file), clients)
		}
	}
	for _, source := range []Source{Image, RFC9110, RFC8288, Ours} {
		fmt.Fprintf(&b, "\n## %s\n\n| Level | Statement | Section | Checked as |\n|---|---|---|---|\n", source)
		for _, s := range statements() {
			if s.Source == source {
				fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", s.Level, cell(s.Text), cell(s.Section), s.ID)
			}
		}
	}
	return b.String()
}

func writeSentences(b *strings.Builder, source text, all, clients []sentence) {
	section := ""
	for _, x := range all {
		answer := answerTo(x, source, clients)
		if answer == "" {
			continue // it neither binds nor is it stated
		}
		if x.section != section {
			section = x.section
			fmt.Fprintf(b, "\n### %s\n\n| Sentence | Checked as |\n|---|---|\n", section)
		}
		fmt.Fprintf(b, "| %s | %s |\n", cell(x.text), answer)
	}
}

func answerTo(x sentence, source text, clients []sentence) string {
	var answers []string
	for _, s := range statements() {
		if s.Source != source.source || !slices.Contains(s.Versions, source.version) || !s.states(x, source.version) {
			continue
		}
		if s.Checked() {
			answers = append(answers, "`"+s.ID+"`")
		} else {
			answers = append(answers, "*not: "+s.Reason+"*")
		}
	}
	if slices.ContainsFunc(clients, x.is) {
		answers = append(answers, "*binds clients*")
	}
	return strings.Join(answers, ", ")
}
