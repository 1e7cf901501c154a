package spec

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
)

// WriteMarkdown writes a summary and a table of results in Markdown.
func WriteMarkdown(w io.Writer, results []Result) error {
	must.NotNil("spec: WriteMarkdown: w", w)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n| | Level | Statement | Source |\n|---|---|---|---|\n", Summary(results))
	for _, r := range results {
		outcome := r.Short()
		if r.Outcome == Failed {
			outcome = "**" + outcome + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` %s | %s |\n",
			cell(outcome), r.Statement.Level, r.Statement.ID, cell(r.Statement.Text), cell(r.Statement.Citation()))
	}
	_, err := io.WriteString(w, b.String())
	return err
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

// Summary counts results by level and outcome: "MUST: 90 pass, 1 fail".
func Summary(results []Result) string {
	var lines []string
	for _, level := range []Level{Must, Should, May} {
		var counts []string
		for _, outcome := range []Outcome{Passed, Failed, Unsupported, NotApplicable} {
			n := 0
			for _, r := range results {
				if r.Statement.Level == level && r.Outcome == outcome {
					n++
				}
			}
			if n > 0 {
				counts = append(counts, fmt.Sprintf("%d %s", n, outcome))
			}
		}
		if len(counts) > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s", level, strings.Join(counts, ", ")))
		}
	}
	return strings.Join(lines, "; ")
}

const pageHead = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Conformance</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3em .6em; border-bottom: 1px solid #8884 }
.pass td:first-child { color: #1a7f37 } .fail td:first-child { color: #cf222e; font-weight: bold }
.unsupported td:first-child, .not td:first-child { color: #888 }
pre { overflow-x: auto; max-height: 40em; background: #8881; padding: .5em }
</style>
<h1>Conformance</h1>
`

// WriteHTML writes a page with a table of results. The reports of failures can be
// unfolded in it.
func WriteHTML(w io.Writer, results []Result) error {
	must.NotNil("spec: WriteHTML: w", w)
	var b strings.Builder
	fmt.Fprintf(&b, "%s<p>%s</p>\n<table>\n<tr><th>Result<th>Level<th>Statement<th>Source\n", pageHead, html.EscapeString(Summary(results)))
	for _, r := range results {
		detail := ""
		switch {
		case r.Outcome == Failed:
			detail = "<details><summary>report</summary><pre>" + html.EscapeString(r.Detail) + "</pre></details>"
		case r.Detail != "":
			detail = " <em>(" + html.EscapeString(r.Detail) + ")</em>"
		}
		fmt.Fprintf(&b, "<tr class=\"%s\" id=\"%s\"><td>%[1]s<td>%s<td>%s%s<td>%s\n",
			html.EscapeString(string(r.Outcome)), html.EscapeString(r.Statement.ID), html.EscapeString(string(r.Statement.Level)),
			html.EscapeString(r.Statement.Text), detail, html.EscapeString(r.Statement.Citation()))
	}
	b.WriteString("</table>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
