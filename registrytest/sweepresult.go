package registrytest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ocifake/ocifake/faults"
)

// SweepOutcome is what became of a scenario with one fault.
type SweepOutcome string

// Outcomes of a [Sweep]. The empty one is that of a cell that was not run, because
// the flag -run left it out.
const (
	Recovered     SweepOutcome = "recovered"      // Run returned no error, and Check neither
	FailedCleanly SweepOutcome = "failed cleanly" // Run returned an error
	TimedOut      SweepOutcome = "timed out"      // the same, but only when its context ended
	NotReached    SweepOutcome = "not reached"    // the client did not come to the point
	Senseless     SweepOutcome = "makes no sense" // the effect cannot act at the point
	Violated      SweepOutcome = "violated"       // something does not hold
)

// marks are the outcomes in the table.
var marks = []struct {
	outcome SweepOutcome
	mark    string
}{{Recovered, "r"}, {FailedCleanly, "f"}, {TimedOut, "t"}, {NotReached, "n"}, {Senseless, "·"}, {Violated, "X"}, {"", "?"}}

func (o SweepOutcome) mark() string {
	for _, m := range marks {
		if m.outcome == o {
			return m.mark
		}
	}
	return "?"
}

func (o SweepOutcome) words() string {
	if o == "" {
		return "not run"
	}
	return string(o)
}

// SweepCell is one run of a scenario: a point, an effect, once or for ever.
type SweepCell struct {
	Point   SweepPoint
	Effect  string
	Forever bool

	Outcome    SweepOutcome
	Err        error    // of Run
	Violations []string // what does not hold; from the second line on it may differ from run to run
	Report     string   // if something does not: that, the fault, the journal, and how to run it again

	rule faults.Rule
}

// name is that of the subtest below the one of the point.
func (c *SweepCell) name() string { return c.Effect + "/" + c.when() }

func (c *SweepCell) when() string {
	if c.Forever {
		return "forever"
	}
	return "once"
}

// String names the cell, as the subtest is named.
func (c *SweepCell) String() string { return c.Point.String() + "/" + c.name() }

// fill notes what became of the run.
func (c *SweepCell) fill(r *trialReport, test string) {
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

func (c *SweepCell) report(r *trialReport, test string) string {
	fault := c.rule.String()
	if text, err := json.Marshal(c.rule); err == nil {
		fault = string(text)
	}
	if r.err != nil {
		fault += "\nRun returned: " + r.err.Error()
	}
	return fmt.Sprintf("%s:\n%sfault: %s\n%sto run it again: go test -run '%s'",
		c, indented(c.Violations), fault, r.journal, runPattern(test))
}

// runPattern is what selects a test alone.
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

// SweepResult is the table of a [Sweep].
type SweepResult struct {
	Name    string // of the test
	Points  []SweepPoint
	Effects []string
	Cells   []SweepCell // by point, by effect, once before for ever
}

// newSweepResult makes the table to be filled.
func newSweepResult(name string, points []SweepPoint, effects []SweepEffect) *SweepResult {
	result := &SweepResult{Name: name, Points: points}
	for _, e := range effects {
		result.Effects = append(result.Effects, e.Name)
	}
	for _, p := range points {
		for _, e := range effects {
			for _, forever := range []bool{false, true} {
				cell := SweepCell{Point: p, Effect: e.Name, Forever: forever, Outcome: Senseless}
				if effect := e.at(p); effect != nil {
					cell.Outcome, cell.rule = "", p.rule(e.Name, effect, forever)
				}
				result.Cells = append(result.Cells, cell)
			}
		}
	}
	return result
}

// at returns the cells of a point.
func (r *SweepResult) at(point int) []SweepCell {
	n := 2 * len(r.Effects)
	return r.Cells[point*n : (point+1)*n]
}

// Violations returns the cells in which something does not hold.
func (r *SweepResult) Violations() []SweepCell {
	var found []SweepCell
	for _, c := range r.Cells {
		if c.Outcome == Violated {
			found = append(found, c)
		}
	}
	return found
}

// Complete tells whether all cells were run: not so if the flag -run left some out.
func (r *SweepResult) Complete() bool {
	return !slices.ContainsFunc(r.Cells, func(c SweepCell) bool { return c.Outcome == "" })
}

// Count returns how many cells have an outcome.
func (r *SweepResult) Count(outcome SweepOutcome) int {
	n := 0
	for i := range r.Cells {
		if r.Cells[i].Outcome == outcome {
			n++
		}
	}
	return n
}

// Text returns the table, a line for each point and a column for each effect, and
// below it what does not hold, with the cells in which it does not. It is the same
// for the same outcomes, and so can be compared with a file.
//
//	                        500  close-body  corrupt
//	blob.get_app@sha256:…   r/f  r/f         X/X
//	manifest.get_app:v1     r/f  f/f         f/f
//
//	Once / for ever: 3 r recovered, 7 f failed cleanly, 2 X violated
//
//	Run returned no error, and Check says: layer 1 differs
//	    blob.get_app@sha256:…/corrupt/once, forever
func (r *SweepResult) Text() string {
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
	return aligned(rows) + "\nOnce / for ever: " + strings.Join(counts, ", ") + "\n" + r.violationsText()
}

// violationsText lists the violations, each with its cells.
func (r *SweepResult) violationsText() string {
	var order []string
	cells := map[string][]string{}
	for _, c := range r.Violations() {
		for _, v := range c.Violations {
			first, _, _ := strings.Cut(v, "\n")
			if cells[first] == nil {
				order = append(order, first)
			}
			name := c.Point.String() + "/" + c.Effect + "/once"
			if last := len(cells[first]) - 1; c.Forever && last >= 0 && cells[first][last] == name {
				cells[first][last] += ", forever"
			} else {
				cells[first] = append(cells[first], c.String())
			}
		}
	}
	text := ""
	for _, v := range order {
		text += "\n" + v + "\n    " + strings.Join(cells[v], "\n    ") + "\n"
	}
	return text
}

// aligned writes a table with columns that are as wide as they need to be.
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
