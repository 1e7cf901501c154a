package spec

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
)

// WriteMarkdown writes a heading with the name or the URL of the registry, which may be
// empty, a summary, and a table of the results in Markdown.
func WriteMarkdown(w io.Writer, registry string, results []Result) error {
	must.NotNil("spec: WriteMarkdown: w", w)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n| | Level | Statement | Source |\n|---|---|---|---|\n", cell(heading(registry)), strings.Join(Summary(results), "<br>\n"))
	for _, r := range results {
		outcome := cell(r.Short())
		if r.Outcome == Failed {
			outcome = "**" + outcome + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` %s | %s |\n",
			outcome, r.Statement.Level, r.Statement.ID, cell(r.Statement.Text), cell(r.Statement.Citation()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func heading(registry string) string {
	if registry == "" {
		return "Conformance"
	}
	return "Conformance of " + registry
}

// cell keeps text from ending a cell of a Markdown table, or from being markup
// outside of code.
func cell(text string) string {
	parts := strings.Split(strings.NewReplacer("|", `\|`, "\n", " ").Replace(text), "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("<", "&lt;", "*", `\*`, "_", `\_`).Replace(parts[i])
	}
	return strings.Join(parts, "`")
}

// Short returns a short form of the outcome: "fail", "unsupported: mount".
func (r Result) Short() string {
	if r.Outcome == Failed || r.Detail == "" {
		return string(r.Outcome)
	}
	return string(r.Outcome) + ": " + r.Detail
}

// Summary counts results by outcome, a line for each level, "MUST: 90 pass, 1 fail", and
// one for the statements of the source [Ours], of all levels, "beyond the specification:
// 75 pass".
func Summary(results []Result) []string {
	counts := map[string]map[Outcome]int{}
	for _, r := range results {
		kind := string(r.Statement.Level)
		if r.Statement.Source == Ours {
			kind = beyond
		}
		if counts[kind] == nil {
			counts[kind] = map[Outcome]int{}
		}
		counts[kind][r.Outcome]++
	}
	var lines []string
	for _, kind := range []string{string(Must), string(Should), string(May), beyond} {
		var parts []string
		for _, outcome := range []Outcome{Passed, Failed, Unsupported, NotApplicable} {
			if n := counts[kind][outcome]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
			}
		}
		if len(parts) > 0 {
			lines = append(lines, kind+": "+strings.Join(parts, ", "))
		}
	}
	return lines
}

// beyond names the statements of the source Ours in summaries.
const beyond = "beyond the specification"

const pageHead = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>%[1]s</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em }
table { border-collapse: collapse; width: 100%% }
th, td { text-align: left; vertical-align: top; padding: .3em .6em; border-bottom: 1px solid #8884 }
.pass td:first-child { color: #1a7f37 } .fail td:first-child { color: #cf222e; font-weight: bold }
.unsupported td:first-child, .not td:first-child { color: #888 }
pre { overflow-x: auto; max-height: 40em; background: #8881; padding: .5em }
</style>
<h1>%[1]s</h1>
`

// WriteHTML writes a page with the name or the URL of the registry, which may be empty, a
// summary, and a table of the results. The reports of failures can be unfolded in it.
func WriteHTML(w io.Writer, registry string, results []Result) error {
	must.NotNil("spec: WriteHTML: w", w)
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, html.EscapeString(heading(registry)))
	fmt.Fprintf(&b, "<p>%s</p>\n<table>\n<tr><th>Result<th>Level<th>Statement<th>Source\n", strings.Join(Summary(results), "<br>\n"))
	for _, r := range results {
		detail := ""
		switch {
		case r.Outcome == Failed:
			detail = "<details><summary>" + html.EscapeString(cmp.Or(r.Message, "report")) + "</summary><pre>" + html.EscapeString(r.Detail) + "</pre></details>"
		case r.Detail != "":
			detail = " <em>(" + html.EscapeString(r.Detail) + ")</em>"
		}
		s := r.Statement
		fmt.Fprintf(&b, "<tr class=\"%s\" id=\"%s\"><td>%s<td>%s<td><code>%s</code> %s%s<td>%s\n",
			r.Outcome, s.ID, r.Outcome, s.Level, s.ID, html.EscapeString(s.Text), detail, html.EscapeString(s.Citation()))
	}
	b.WriteString("</table>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
