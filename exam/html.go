package exam

import (
	"fmt"
	"html/template"
	"strings"
)

// HTML returns the table as one HTML page without external resources. The title of
// each cell is its outcome in words, and the page ends with the report of each violated
// cell.
func (r *Result) HTML() string {
	page := template.Must(template.New("sweep").Parse(pageTemplate))
	var text strings.Builder
	if err := page.Execute(&text, r.view()); err != nil {
		panic(fmt.Errorf("exam: render the page of a sweep: %w", err))
	}
	return text.String()
}

// pageView is the data of the page.
type pageView struct {
	Name     string
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
	Cells [][2]cellView // once, forever
}

type cellView struct {
	ID, Class, Mark, Title, Name, Report string
}

func (r *Result) view() pageView {
	v := pageView{Name: r.Name, Effects: r.Effects}
	for _, m := range marks {
		if n := r.Count(m.outcome); n > 0 {
			v.Legend = append(v.Legend, legendView{m.outcome.class(), m.outcome.words(), n})
		}
	}
	n := len(r.Effects)
	for i := range r.Cells {
		cell := r.Cells[i].view(i)
		if cell.Report != "" {
			v.Violated = append(v.Violated, cell)
		}
		if i%(2*n) == 0 {
			v.Rows = append(v.Rows, rowView{Point: r.Cells[i].Point.String()})
		}
		row := &v.Rows[len(v.Rows)-1]
		if i%2 == 0 {
			row.Cells = append(row.Cells, [2]cellView{cell})
		} else {
			row.Cells[len(row.Cells)-1][1] = cell
		}
	}
	return v
}

func (c *Cell) view(number int) cellView {
	v := cellView{ID: fmt.Sprintf("cell-%d", number), Class: c.Outcome.class(), Mark: c.Outcome.mark(), Name: c.fullName(), Report: c.Report}
	v.Title = c.Effect + ", " + c.when() + ": " + c.Outcome.words()
	for _, text := range c.Violations {
		first, _, _ := strings.Cut(text, "\n")
		v.Title += "\n" + first
	}
	if c.Err != nil {
		v.Title += "\n" + c.Err.Error()
	}
	return v
}

// class is the outcome's class in the style sheet.
func (o Outcome) class() string { return strings.ReplaceAll(o.words(), " ", "-") }

const pageTemplate = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Sweep: {{.Name}}</title>
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
<h1>Sweep: {{.Name}}</h1>
<p>Each cell: once, and forever.{{range .Legend}} <span class="{{.Class}}">{{.Name}}: {{.Count}}</span>{{end}}</p>
<table>
<thead><tr><th></th>{{range .Effects}}<th>{{.}}</th>{{end}}</tr></thead>
<tbody>
{{- range .Rows}}
<tr><th>{{.Point}}</th>{{range .Cells}}<td>{{range .}}<span class="{{.Class}}" title="{{.Title}}">{{if .Report}}<a href="#{{.ID}}">{{.Mark}}</a>{{else}}{{.Mark}}{{end}}</span>{{end}}</td>{{end}}</tr>
{{- end}}
</tbody>
</table>
{{- range .Violated}}
<h2 id="{{.ID}}">{{.Name}}</h2>
<pre>{{.Report}}</pre>
{{- end}}
</body>
</html>
`
