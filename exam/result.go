package exam

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/ocifake/ocifake/faults"
)

// Outcome is the result of one run of a scenario with a fault.
type Outcome string

// Outcomes of a [Sweep]. The outcome is empty if the cell was not run, because the
// flag -run excluded it.
const (
	Recovered     Outcome = "recovered"      // neither Run nor Check returned an error
	FailedCleanly Outcome = "failed cleanly" // Run returned an error
	TimedOut      Outcome = "timed out"      // Run returned an error, but only when its context ended
	NotReached    Outcome = "not reached"    // the client did not send the request of the point
	NotApplicable Outcome = "not applicable" // the effect has no meaning at the point
	Violated      Outcome = "violated"       // something that must hold does not
)

// marks are the abbreviations of outcomes in the table.
var marks = []struct {
	outcome Outcome
	mark    string
}{{Recovered, "r"}, {FailedCleanly, "f"}, {TimedOut, "t"}, {NotReached, "n"}, {NotApplicable, "·"}, {Violated, "X"}, {"", "?"}}

func (o Outcome) mark() string {
	for _, m := range marks {
		if m.outcome == o {
			return m.mark
		}
	}
	return "?"
}

func (o Outcome) words() string {
	if o == "" {
		return "not run"
	}
	return string(o)
}

// Cell is one run of a scenario: a point, an effect, and whether it acts once or
// forever.
type Cell struct {
	Point   Point
	Effect  string
	Forever bool

	Outcome    Outcome
	Err        error    // returned by Run
	Violations []string // what does not hold; only the first line of each is the same in every run
	Report     string   // for a violated cell: the violations, the fault, the journal, and the command that runs it again

	rule faults.Rule
}

// name is the name of the cell's subtest, which is one of the point's subtest.
func (c *Cell) name() string { return c.Effect + "/" + c.when() }

func (c *Cell) when() string {
	if c.Forever {
		return "forever"
	}
	return "once"
}

// fullName is the name of the cell's subtest in the test that called Sweep.
func (c *Cell) fullName() string { return c.Point.String() + "/" + c.name() }

// fill sets the outcome from the report of the run.
func (c *Cell) fill(r *report, test string) {
	c.Err, c.Violations = r.err, r.violations
	switch {
	case len(r.violations) > 0:
		c.Outcome = Violated
		c.Report = c.report(r, test)
	case r.hits == 0:
		c.Outcome = NotReached
	case r.err == nil:
		c.Outcome = Recovered
	case r.timedOut:
		c.Outcome = TimedOut
	default:
		c.Outcome = FailedCleanly
	}
}

func (c *Cell) report(r *report, test string) string {
	fault := c.rule.String()
	if text, err := json.Marshal(c.rule); err == nil {
		fault = string(text)
	}
	if r.err != nil {
		fault += "\nRun returned: " + r.err.Error()
	}
	return fmt.Sprintf("%s:\n%sfault: %s\n%sto run it again: go test -run '%s'",
		c.fullName(), indented(c.Violations), fault, r.journal, runPattern(test))
}

// runPattern returns the value of the flag -run that selects one test.
func runPattern(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

func indented(texts []string) string {
	var all strings.Builder
	for _, text := range texts {
		all.WriteString("    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n")
	}
	return all.String()
}

// Result is the table of a [Sweep].
type Result struct {
	Name    string // of the test
	Points  []Point
	Effects []string
	Cells   []Cell // ordered by point, by effect, and once before forever
}

// newResult returns a table of cells that are not run yet.
func newResult(name string, points []Point, effects []Effect) *Result {
	result := &Result{Name: name, Points: points}
	for _, e := range effects {
		result.Effects = append(result.Effects, e.Name)
	}
	for _, p := range points {
		for _, e := range effects {
			for _, forever := range []bool{false, true} {
				cell := Cell{Point: p, Effect: e.Name, Forever: forever, Outcome: NotApplicable}
				if effect := e.at(p); effect != nil {
					cell.Outcome, cell.rule = "", p.rule(e.Name, effect, forever)
				}
				result.Cells = append(result.Cells, cell)
			}
		}
	}
	return result
}

// at returns the cells of the point with this index.
func (r *Result) at(point int) []Cell {
	n := 2 * len(r.Effects)
	return r.Cells[point*n : (point+1)*n]
}

// Complete reports whether all cells were run. It is false if the flag -run excluded
// some.
func (r *Result) Complete() bool { return r.Count("") == 0 }

// Count returns the number of cells with an outcome.
func (r *Result) Count(outcome Outcome) int {
	n := 0
	for i := range r.Cells {
		if r.Cells[i].Outcome == outcome {
			n++
		}
	}
	return n
}

// Text returns the table, with a line for each point and a column for each effect,
// followed by each violation with its cells. It depends only on the outcomes and the
// first lines of the violations, so that it can be compared with a file.
//
//	                        500  close-body  corrupt
//	blob.get_app@sha256:…   r/f  r/f         X/X
//	manifest.get_app:v1     r/f  f/f         f/f
//
//	Once / forever: 3 r recovered, 7 f failed cleanly, 2 X violated
//
//	Run returned no error, but Check failed: layer 1 differs
//	    blob.get_app@sha256:…/corrupt/once, forever
func (r *Result) Text() string {
	rows := [][]string{append([]string{""}, r.Effects...)}
	for i, p := range r.Points {
		row, cells := []string{p.String()}, r.at(i)
		for k := range r.Effects {
			row = append(row, cells[2*k].Outcome.mark()+"/"+cells[2*k+1].Outcome.mark())
		}
		rows = append(rows, row)
	}
	var counts []string
	for _, m := range marks {
		if n := r.Count(m.outcome); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s %s", n, m.mark, m.outcome.words()))
		}
	}
	return aligned(rows) + "\nOnce / forever: " + strings.Join(counts, ", ") + "\n" + r.violationsText()
}

// violationsText lists the violations, each with its cells.
func (r *Result) violationsText() string {
	var order []string
	cells := map[string][]string{}
	for _, c := range r.Cells {
		for _, v := range c.Violations {
			first, _, _ := strings.Cut(v, "\n")
			if cells[first] == nil {
				order = append(order, first)
			}
			name := c.Point.String() + "/" + c.Effect + "/once"
			if last := len(cells[first]) - 1; c.Forever && last >= 0 && cells[first][last] == name {
				cells[first][last] += ", forever"
			} else {
				cells[first] = append(cells[first], c.fullName())
			}
		}
	}
	text := ""
	for _, v := range order {
		text += "\n" + v + "\n    " + strings.Join(cells[v], "\n    ") + "\n"
	}
	return text
}

// aligned returns the lines of a table whose columns are padded with spaces.
func aligned(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
		}
		text.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return text.String()
}
