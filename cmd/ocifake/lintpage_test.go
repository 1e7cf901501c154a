package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/lint"
)

// lintPage is the reference of the rules of lint.
func lintPage(*testing.T) string {
	var b strings.Builder
	b.WriteString("# Rules on clients\n\nWhat `ocifake lint` and `Registry.Lint` find. See [Judge a client by its requests](../guides/lint.md).\n" +
		"The profiles on which a client with a fault fails are measured: `go test ./lint -run TestFails`. Where nothing is known of a\nregistry, its profile is strict.\n\n")
	b.WriteString(markdownHead("Rule", "Severity", "Finds that"))
	for _, r := range lint.Rules() {
		b.WriteString(markdownRow(fmt.Sprintf("[%s](#%s)", r.ID, strings.ReplaceAll(r.ID, ".", "")), r.Severity.String(), r.Title))
	}
	for _, r := range lint.Rules() {
		fmt.Fprintf(&b, "\n## %s\n\n%s: %s.\n\n%s\n", r.ID, upperFirst(r.Severity.String()), r.Title, r.Why)
		if r.Sentence != "" {
			fmt.Fprintf(&b, "\n> %s\n>\n> %s\n", r.Sentence, r.Source)
		}
		if len(r.Profiles) > 0 {
			fmt.Fprintf(&b, "\nA client with this fault alone fails on the profiles %s.\n", strings.Join(r.Profiles, ", "))
		}
		fmt.Fprintf(&b, "\nWrong:\n\n```text\n%s\n```\n\nRight:\n\n```text\n%s\n```\n\n%s\n", r.Wrong, r.Right, r.Fix)
	}
	return b.String()
}
