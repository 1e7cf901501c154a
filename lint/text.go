package lint

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/terminal"
)

// maxShownSeqs bounds the numbers of requests in a text.
const maxShownSeqs = 10

// WriteText writes the report for people: each finding with the sentence that it is based on, the
// profiles on which such a client fails, and how to fix it. Control characters are escaped.
func (r Report) WriteText(w io.Writer) error {
	must.NotNil("lint: Report.WriteText: w", w)
	var b strings.Builder
	rules := byID()
	for _, f := range r.Findings {
		describe(&b, &f, rules[f.Rule])
	}
	for _, u := range r.Unjudged {
		fmt.Fprintf(&b, "not judged: %s: %s%s\n", u.Rule, u.Reason, requests(", requests ", u.Seqs))
	}
	fmt.Fprintf(&b, "%s\n", r.summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// describe writes a finding. It is not a method, because packages that use a Finding would read the
// types of the Linter, too, by way of Rule, and compile what is generic in them.
func describe(b *strings.Builder, f *Finding, rule Rule) {
	fmt.Fprintf(b, "%s %s: %s\n", f.Severity, f.Rule, rule.Title)
	fmt.Fprintf(b, "  client    %s\n", terminal.Escape(orNone(f.Client)))
	fmt.Fprintf(b, "  seen      %s%s\n", f.Message, requests("; requests ", f.Seqs))
	if rule.Sentence != "" {
		fmt.Fprintf(b, "  text      %s: %q\n", rule.Source, rule.Sentence)
	}
	if len(rule.Profiles) > 0 {
		fmt.Fprintf(b, "  fails on  %s\n", strings.Join(rule.Profiles, ", "))
	}
	fmt.Fprintf(b, "  why       %s\n  fix       %s\n\n", rule.Why, rule.Fix)
}

func orNone(agent string) string {
	if agent == "" {
		return "(without User-Agent)"
	}
	return agent
}

// requests returns numbers of requests as text, or "" without any.
func requests(before string, seqs []uint64) string {
	if len(seqs) == 0 {
		return ""
	}
	var words []string
	for _, seq := range seqs[:min(len(seqs), maxShownSeqs)] {
		words = append(words, fmt.Sprint(seq))
	}
	if len(seqs) > maxShownSeqs {
		words = append(words, "…")
	}
	return before + strings.Join(words, ", ")
}

// summary counts the findings by severity.
func (r Report) summary() string {
	var words []string
	for s := Must; s <= Waste; s++ {
		n := 0
		for _, f := range r.Findings {
			if f.Severity == s {
				n++
			}
		}
		words = append(words, fmt.Sprintf("%d %s", n, s))
	}
	text := fmt.Sprintf("%d requests, %d rules: %s", r.Requests, len(Rules()), strings.Join(words, ", "))
	if r.Ignored > 0 {
		text += fmt.Sprintf("; %d ignored", r.Ignored)
	}
	if n := len(slices.CompactFunc(slices.Clone(r.Unjudged), func(a, b Unjudged) bool { return a.Rule == b.Rule })); n > 0 {
		text += fmt.Sprintf("; %d rules could not judge all requests", n)
	}
	return text
}

func byID() map[string]Rule {
	all := map[string]Rule{}
	for _, r := range Rules() {
		all[r.ID] = r
	}
	return all
}
