package spec

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Coverage makes COVERAGE.md: every sentence with the statements that check it, or
// why none does; then what is checked beyond the distribution specification. A note
// stands behind the ID of each statement that is checked.
func Coverage(t *testing.T, note func(id string) string) string {
	t.Helper()
	clients := readList(t, clientsFile)
	var b strings.Builder
	b.WriteString("# Coverage\n\nMade from the statements of package spec by `go test ./spec -update`.\n" +
		"The number after a statement is the number of mutations that it catches: a mutation is a registry with one thing broken.\n" +
		"Some mutations show only in some orders of requests; the number of those that it missed follows.\n" +
		"`go test ./spec -thorough -update` counts them.\n\n")
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
			writeSentences(&b, source, readList(t, source.file), clients, note)
		}
	}
	for _, source := range []Source{Image, RFC9110, RFC8288, Ours} {
		fmt.Fprintf(&b, "\n## %s\n\n| Level | Statement | Section | Checked as |\n|---|---|---|---|\n", source)
		for _, s := range statements() {
			if s.Source == source {
				fmt.Fprintf(&b, "| %s | %s | %s | `%s`%s |\n", s.Level, cell(s.Text), cell(s.Section), s.ID, note(s.ID))
			}
		}
	}
	return b.String()
}

func writeSentences(b *strings.Builder, source text, all, clients []sentence, note func(string) string) {
	section := ""
	for _, x := range all {
		answer := answerTo(x, source, clients, note)
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

func answerTo(x sentence, source text, clients []sentence, note func(string) string) string {
	var answers []string
	for _, s := range statements() {
		if s.Source != source.source || !slices.Contains(s.Versions, source.version) || !s.states(x, source.version) {
			continue
		}
		if s.Checked() {
			answers = append(answers, "`"+s.ID+"`"+note(s.ID))
		} else {
			answers = append(answers, "*not: "+s.Reason+"*")
		}
	}
	if slices.ContainsFunc(clients, x.is) {
		answers = append(answers, "*binds clients*")
	}
	return strings.Join(answers, ", ")
}
