package exam

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// HTML returns the table as one HTML page without external resources. The title of
// each cell is its verdict in words, and the page ends with the report of each violated
// cell.
func (r *Result) HTML() string { return render(pageTemplate, r.view()) }

// render returns the page of a template, which must fit the data.
func render(page string, data any) string {
	var text strings.Builder
	if err := template.Must(template.New("page").Parse(page)).Execute(&text, data); err != nil {
		panic(fmt.Errorf("exam: render the page: %w", err))
	}
	return text.String()
}

// pageView is the data of the page.
type pageView struct {
	Name     string
	Kind     string // "Sweep" or "Chaos"
	Notes    []string
	Kinds    []string // of the violations, with their meaning
	Effects  []string
	Legend   []legendView
	Rows     []rowView
	Violated []cellView
}

type legendView struct {
	Class, Name string
	Count       int
}

type rowView struct {
	Point string
	Cells [][]cellView // once, and forever
}

type cellView struct {
	ID, Class, Mark, Title, Name, Report string
}

func (r *Result) view() pageView {
	v := pageView{Name: r.Name, Kind: "Sweep", Notes: r.Notes, Effects: r.Effects}
	if len(r.Points) == 0 {
		v.Kind = "Chaos"
	}
	for _, m := range marks {
		if n := r.Count(m.verdict); n > 0 {
			v.Legend = append(v.Legend, legendView{cellClass(m.verdict), cellWords(m.verdict), n})
		}
	}
	for _, k := range kinds {
		if slices.ContainsFunc(r.Cells, func(c Cell) bool {
			return slices.ContainsFunc(c.Violations, func(v Violation) bool { return v.Kind == k.kind })
		}) {
			v.Kinds = append(v.Kinds, k.kind+": "+strings.ReplaceAll(k.words, "`", ""))
		}
	}
	number := 0
	for _, cells := range r.groups((*Cell).line) {
		row := rowView{Point: cells[0].line()}
		for i, c := range cells {
			cell := c.view(number)
			number++
			if cell.Report != "" {
				v.Violated = append(v.Violated, cell)
			}
			if c.Forever && i > 0 {
				last := len(row.Cells) - 1
				row.Cells[last] = append(row.Cells[last], cell)
			} else {
				row.Cells = append(row.Cells, []cellView{cell})
			}
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func (c *Cell) view(number int) cellView {
	v := cellView{ID: fmt.Sprintf("cell-%d", number), Class: cellClass(c.Verdict), Mark: cellMark(c.Verdict), Name: c.fullName(), Report: c.Report}
	v.Title = strings.ReplaceAll(c.name(), "/", ", ") + ": " + cellWords(c.Verdict)
	for _, violation := range c.Violations {
		v.Title += "\n" + violation.firstLine()
	}
	if c.Err != nil {
		v.Title += "\n" + c.Err.Error()
	}
	return v
}

// cellClass returns the class of a verdict in the style sheet.
func cellClass(v Verdict) string { return strings.ReplaceAll(cellWords(v), " ", "-") }

const pageTemplate = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{.Kind}}: {{.Name}}</title>
<style>
body { font: 14px sans-serif; margin: 2em; }
table { border-collapse: collapse; }
th, td { border: 1px solid #ccc; padding: 2px 6px; }
tbody th { text-align: left; font: 12px monospace; }
td { text-align: center; white-space: nowrap; }
span { display: inline-block; min-width: 1.4em; padding: 0 2px; }
pre { background: #f6f6f6; padding: 1em; overflow: auto; }
.recovered { background: #b7e4b7; }
.failed-cleanly { background: #d9ecf7; }
.timed-out { background: #f7e6b0; }
.not-reached, .not-applicable, .not-run { color: #999; }
.violated { background: #e06666; }
.violated a { color: #fff; font-weight: bold; text-decoration: none; }
</style>
</head>
<body>
<h1>{{.Kind}}: {{.Name}}</h1>
<p>{{if eq .Kind "Sweep"}}Each cell: once, and forever.{{end}}{{range .Legend}} <span class="{{.Class}}">{{.Name}}: {{.Count}}</span>{{end}}</p>
<table>
<thead><tr><th></th>{{range .Effects}}<th>{{.}}</th>{{end}}</tr></thead>
<tbody>
{{- range .Rows}}
<tr><th>{{.Point}}</th>{{range .Cells}}<td>{{range .}}<span class="{{.Class}}" title="{{.Title}}">{{if .Report}}<a href="#{{.ID}}">{{.Mark}}</a>{{else}}{{.Mark}}{{end}}</span>{{end}}</td>{{end}}</tr>
{{- end}}
</tbody>
</table>
{{- range .Notes}}
<p>{{.}}.</p>
{{- end}}
{{- range .Kinds}}
<p>{{.}}.</p>
{{- end}}
{{- range .Violated}}
<h2 id="{{.ID}}">{{.Name}}</h2>
<pre>{{.Report}}</pre>
{{- end}}
</body>
</html>
`
