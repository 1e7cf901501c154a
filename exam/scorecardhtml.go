package exam

import (
	"fmt"
	"strings"
	"time"
)

// HTML returns the scorecard as one HTML page without external resources and without
// scripts. Each cell leads to the reason for its verdict, the requests, the client's
// output, and the command that repeats the trial.
func (s *Scorecard) HTML() string { return render(scorecardPage, s.printable().page()) }

// scorecardView is the data of the page.
type scorecardView struct {
	Title, Summary string
	Grade          gradeView
	Actions        []string
	Grades         []gradeRowView
	Verdicts       []verdictView
	Groups         []groupView
	Notes          []string
	Faults         []*trialView
	Trials         []*trialView
}

type gradeView struct{ Letter, Words, Share, Class string }

type gradeRowView struct {
	Name   string
	Grades []gradeView // of all actions, and of each
}

type verdictView struct {
	Class, Mark, Words string
	Name               Verdict
	Count              int
}

type groupView struct {
	Name, Words string
	Open        bool // unfolded
	Rows        []trialRowView
}

type trialRowView struct {
	Name  string
	Fault bool
	Grade gradeView
	Cells []*trialView // by action; nil if there is no trial
}

type trialView struct {
	TrialResult
	Number          int
	ID, Class, Mark string
	Took            time.Duration
}

// groupWords describes the groups.
var groupWords = map[string]string{
	"none":     "the client with a registry that works",
	"duties":   "what the specification demands of clients",
	"faults":   "faults that real registries have shown",
	"profiles": "real registries",
	"traits":   "what registries do differently, one thing at a time",
	"sweep":    "each request of the client, failing in each way",
}

// unfolded is the number of rows up to which the table of a group is shown at first.
const unfolded = 100

func (s *Scorecard) page() scorecardView {
	v := scorecardView{Title: s.title(), Summary: s.summary(), Grade: s.Grade("", "", "").view(), Actions: s.actions(), Notes: s.Notes}
	counts := map[Verdict]int{}
	for _, group := range s.groups() {
		v.Grades = append(v.Grades, s.gradesOf(group, group, v.Actions))
		g := groupView{Name: group, Words: groupWords[group]}
		for _, row := range s.rows(group) {
			r := trialRowView{Name: row.name, Grade: grade(row.results, false).view()}
			if row.name == "" {
				r.Name = "no circumstance"
			}
			for _, action := range v.Actions {
				result, ok := row.of(action)
				if !ok {
					r.Cells = append(r.Cells, nil)
					continue
				}
				counts[result.Verdict]++
				trial := result.view(len(v.Trials))
				v.Trials, r.Cells = append(v.Trials, trial), append(r.Cells, trial)
				if result.Verdict.Fault() {
					v.Faults, r.Fault = append(v.Faults, trial), true
				}
			}
			g.Rows = append(g.Rows, r)
		}
		g.Open = len(g.Rows) <= unfolded
		v.Groups = append(v.Groups, g)
	}
	v.Grades = append(v.Grades, s.gradesOf("", "all", v.Actions))
	for _, row := range verdicts {
		if n := counts[row.verdict]; n > 0 {
			v.Verdicts = append(v.Verdicts, verdictView{row.verdict.cssClass(), row.mark, row.words, row.verdict, n})
		}
	}
	return v
}

func (s *Scorecard) gradesOf(group, name string, actions []string) gradeRowView {
	row := gradeRowView{name, []gradeView{s.Grade(group, "", "").view()}}
	for _, action := range actions {
		row.Grades = append(row.Grades, s.Grade(group, "", action).view())
	}
	return row
}

func (g Grade) view() gradeView {
	v := gradeView{Letter: g.String(), Words: gradeWords(g), Class: "grade-" + strings.ToLower(g.Letter)}
	if met := g.Right + g.Wrong; met > 0 {
		v.Share = fmt.Sprintf("%d of %d", g.Right, met)
	}
	return v
}

func (r *TrialResult) view(number int) *trialView {
	return &trialView{*r, number, r.ID(), r.Verdict.cssClass(), r.Verdict.mark(), r.Duration.Round(time.Millisecond)}
}

// cssClass is the verdict's class in the style sheet.
func (v Verdict) cssClass() string {
	switch {
	case v.class() == serious:
		return "serious"
	case v.Fault():
		return "wrong"
	case v.class() == uncounted:
		return "uncounted"
	case v == FailedCleanly:
		return "clean"
	}
	return "right"
}

const scorecardPage = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Title}}: {{.Grade.Words}}</title>
<style>
:root { --text: #1f2328; --dim: #59636e; --back: #fff; --panel: #f6f8fa; --line: #d1d9e0; --link: #0757ba;
  --right: #116329; --right-back: #dafbe1; --clean: #0a4b8f; --clean-back: #ddf4ff; --wrong: #8a2c00; --wrong-back: #ffe3d1; --serious: #fff; --serious-back: #b3151f; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --dim: #9aa4af; --back: #0d1117; --panel: #161b22; --line: #3d444d; --link: #79b8ff;
    --right: #7ee2a0; --right-back: #12351f; --clean: #a5d0ff; --clean-back: #122d4d; --wrong: #ffb58a; --wrong-back: #45210d; --serious: #fff; --serious-back: #b3151f; }
}
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 0 auto; max-width: 80rem; padding: 1.5rem; }
a { color: var(--link); }
h1 { margin: 0; font-size: 1.8rem; }
h2 { margin: 2rem 0 .5rem; font-size: 1.2rem; }
p { margin: .4rem 0; }
.dim { color: var(--dim); }
header { display: flex; gap: 1.2rem; align-items: center; }
.badge { flex: none; width: 4.5rem; height: 4.5rem; border-radius: .8rem; font-size: 2.6rem; font-weight: 700; display: grid; place-content: center; border: 1px solid var(--line); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .7rem; text-align: left; vertical-align: top; }
thead th { font-weight: 600; }
tbody th { font-weight: 400; overflow-wrap: anywhere; }
.names tbody th, code { font: 13px/1.5 ui-monospace, monospace; }
.grade-a, .grade-b { color: var(--right); background: var(--right-back); }
.grade-c { color: var(--clean); background: var(--clean-back); }
.grade-d { color: var(--wrong); background: var(--wrong-back); }
.grade-f { color: var(--serious); background: var(--serious-back); }
.letter { display: inline-block; min-width: 1.6em; text-align: center; border-radius: .3rem; font-weight: 700; }
.cell { display: inline-block; border-radius: .3rem; padding: 0 .5em; text-decoration: none; white-space: nowrap; }
.cell:hover, .cell:focus-visible { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.right { color: var(--right); background: var(--right-back); }
.clean { color: var(--clean); background: var(--clean-back); }
.wrong { color: var(--wrong); background: var(--wrong-back); font-weight: 600; }
.serious { color: var(--serious); background: var(--serious-back); font-weight: 600; }
.uncounted { color: var(--dim); }
summary { cursor: pointer; margin: 1.5rem 0 .5rem; }
summary h2 { display: inline; }
.faults li { margin: .3rem 0; overflow-wrap: anywhere; }
body:has(#only:checked) .rows tr:not(.fault) { display: none; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .3rem; padding: .7rem; margin: .3rem 0 1rem; overflow: auto; font: 12px/1.45 ui-monospace, monospace; }
.repeat { white-space: pre-wrap; overflow-wrap: anywhere; }
.trial { display: none; }
.trial:target { display: block; position: fixed; inset: 0 0 0 auto; width: min(62rem, 100%); overflow: auto; padding: 1.2rem 1.5rem; background: var(--back); border-left: 1px solid var(--line); box-shadow: 0 0 2rem #0006; }
.trial h2 { margin-top: 0; overflow-wrap: anywhere; }
.trial h2 code { font-size: 1.05rem; }
.trial p { overflow-wrap: anywhere; }
.trial h3 { margin: 1rem 0 0; font-size: 1rem; }
.close { float: right; }
@media print { .trial { display: none !important; } }
</style>
</head>
<body>
<main>
<header>
<div class="badge {{.Grade.Class}}" aria-hidden="true">{{.Grade.Letter}}</div>
<div>
<h1>{{.Title}}: {{.Grade.Words}}</h1>
<p class="dim">{{.Summary}}</p>
</div>
</header>
{{- range .Notes}}
<p>{{.}}</p>
{{- end}}
<h2 id="grades">Grades</h2>
<div class="wide"><table>
<thead><tr><td></td><th scope="col">all</th>{{range .Actions}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody>
{{- range .Grades}}
<tr><th scope="row">{{.Name}}</th>{{range .Grades}}<td><span class="letter {{.Class}}">{{.Letter}}</span> <span class="dim">{{.Share}}</span></td>{{end}}</tr>
{{- end}}
</tbody>
</table></div>
<p class="dim">A: no fault. B: at least 95 % of the trials are right. C: 85 %. D: 70 %. F: fewer. A serious fault, one that loses content or secrets, permits at most D.
Over several groups the percentage is the mean of theirs. –: no grade, because fewer than 80 % of the applicable trials were met. Trials that are not applicable do not count.</p>
<h2>Verdicts</h2>
<div class="wide"><table>
<thead><tr><th scope="col">verdict</th><th scope="col">trials</th><th scope="col">the client</th></tr></thead>
<tbody>
{{- range .Verdicts}}
<tr><td><span class="cell {{.Class}}">{{.Mark}} {{.Name}}</span></td><td>{{.Count}}</td><td>{{.Words}}</td></tr>
{{- end}}
</tbody>
</table></div>
{{- if .Faults}}
<h2>Faults</h2>
<ol class="faults">
{{- range .Faults}}
<li><a href="#trial-{{.Number}}"><code>{{.ID}}</code></a> <span class="cell {{.Class}}">{{.Verdict}}</span> {{.Reason}}</li>
{{- end}}
</ol>
<p><input type="checkbox" id="only"> <label for="only">Show only circumstances with a fault in the tables below</label></p>
{{- end}}
{{- $actions := .Actions}}
{{- range .Groups}}
<details{{if .Open}} open{{end}}>
<summary><h2>{{.Name}}</h2> <span class="dim">{{.Words}}</span></summary>
<div class="wide"><table class="names">
<thead><tr><td></td><th scope="col">grade</th>{{range $actions}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody class="rows">
{{- range .Rows}}
<tr{{if .Fault}} class="fault"{{end}}><th scope="row">{{.Name}}</th><td><span class="letter {{.Grade.Class}}">{{.Grade.Letter}}</span></td>{{range .Cells}}<td>{{if .}}<a class="cell {{.Class}}" id="cell-{{.Number}}" href="#trial-{{.Number}}">{{.Mark}} {{.Verdict}}</a>{{end}}</td>{{end}}</tr>
{{- end}}
</tbody>
</table></div>
</details>
{{- end}}
</main>
{{- range .Trials}}
<section class="trial" id="trial-{{.Number}}" aria-labelledby="title-{{.Number}}">
<a class="close" href="#cell-{{.Number}}">Close</a>
<h2 id="title-{{.Number}}"><code>{{.ID}}</code></h2>
<p><span class="cell {{.Class}}">{{.Mark}} {{.Verdict}}</span> {{.Reason}} <span class="dim">({{.Took}})</span></p>
{{- if .Repeat}}
<h3>To repeat it</h3>
<pre class="repeat">{{.Repeat}}</pre>
{{- end}}
<h3>Requests</h3>
{{if .Journal}}<pre tabindex="0">{{.Journal}}</pre>{{else}}<p class="dim">none</p>{{end}}
<h3>Output of the client</h3>
{{if .Output}}<pre tabindex="0">{{.Output}}</pre>{{else}}<p class="dim">none</p>{{end}}
</section>
{{- end}}
</body>
</html>
`
