package exam

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/record"
)

// marks are the abbreviations of the verdicts on cells in the table.
var marks = []struct {
	verdict Verdict
	mark    string
}{{Recovered, "r"}, {FailedCleanly, "f"}, {TimedOut, "t"}, {NotReached, "n"}, {NotApplicable, "·"}, {Violated, "X"}, {"", "?"}}

func cellMark(v Verdict) string {
	for _, m := range marks {
		if m.verdict == v {
			return m.mark
		}
	}
	return "?"
}

func cellWords(v Verdict) string { return cmp.Or(string(v), "not run") }

// Cell is one run of a scenario: of [Sweep] a point, an effect, and whether it acts once
// or forever; of [Chaos] a seed.
type Cell struct {
	Point   Point
	Effect  string
	Forever bool
	Seed    uint64

	Verdict    Verdict     // empty if the cell was not run, because the flag -run excluded it
	Err        error       // returned by Run
	Violations []Violation // what does not hold
	Report     string      // for a violated cell: the violations, the fault, the journal, and the command that runs it again

	attempt
	lie     bool
	refused bool // the fault was a status that asks for another try
	retried bool // the client sent the request again
}

// group is the name of the subtest that has that of the cell.
func (c *Cell) group() string {
	if c.Seed != 0 {
		return chaosName
	}
	return c.Point.String()
}

// line is the name of the cell's line in the table.
func (c *Cell) line() string {
	if c.Seed != 0 {
		return c.name()
	}
	return c.Point.String()
}

// name is the name of the cell's subtest in its group.
func (c *Cell) name() string {
	if c.Seed != 0 {
		return fmt.Sprintf("seed-%d", c.Seed)
	}
	return c.Effect + "/" + c.when()
}

func (c *Cell) when() string {
	if c.Forever {
		return "forever"
	}
	return "once"
}

// fullName is the name of the cell's subtest in the test that called Sweep.
func (c *Cell) fullName() string { return c.group() + "/" + c.name() }

// fill sets the verdict from the report of the run.
func (c *Cell) fill(violations []Violation, r *report, test string) {
	c.Err, c.Violations = r.err, violations
	c.retried, c.refused = (&evidence{report: r, cell: c}).retried(), refused(r.log)
	switch {
	case len(violations) > 0:
		c.Verdict = Violated
		c.Report = c.report(r, test)
	case r.hits == 0:
		c.Verdict = NotReached
	case r.err == nil:
		c.Verdict = Recovered
	case r.timedOut:
		c.Verdict = TimedOut
	default:
		c.Verdict = FailedCleanly
	}
}

func (c *Cell) report(r *report, test string) string {
	fault := ""
	for _, rule := range c.rules {
		if c.Seed == 0 {
			fault += "fault: " + ruleText(rule) + "\n"
		}
	}
	if r.err != nil {
		fault += "Run returned: " + r.err.Error() + "\n"
	}
	return fmt.Sprintf("%s:\n%s%s%sto run it again: go test -run '%s'",
		c.fullName(), indented(c.Violations), fault, r.journal, runPattern(test))
}

// refused reports whether the first request with a fault was answered with a status
// that asks for another try.
func refused(log record.Log) bool {
	for _, x := range log {
		if len(x.Faults) > 0 {
			return x.Status == http.StatusTooManyRequests || x.Status >= 500
		}
	}
	return false
}

func ruleText(rule faults.Rule) string {
	text, err := json.Marshal(rule)
	if err != nil {
		return rule.String()
	}
	return string(text)
}

// runPattern returns the value of the flag -run that selects one test.
func runPattern(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

func indented(violations []Violation) string {
	var all strings.Builder
	for _, v := range violations {
		all.WriteString("    " + strings.ReplaceAll(v.String(), "\n", "\n    ") + "\n")
	}
	return all.String()
}

// Result is the table of a [Sweep] or of [Chaos].
type Result struct {
	Name    string // of the test
	Points  []Point
	Effects []string
	Cells   []Cell   // ordered by point, by effect, and once before forever; or by seed
	Notes   []string // about the runs as a whole
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
				cell := Cell{Point: p, Effect: e.Name, Forever: forever, Verdict: NotApplicable}
				if cell.rules = e.rules(p, forever); cell.rules != nil {
					cell.Verdict, cell.lie = "", e.Lie
				}
				result.Cells = append(result.Cells, cell)
			}
		}
	}
	return result
}

// rows returns the cells by the subtest that they are in.
func (r *Result) rows() [][]*Cell { return r.groups((*Cell).group) }

// groups returns the cells that follow each other and have the same name.
func (r *Result) groups(name func(*Cell) string) (groups [][]*Cell) {
	for i := range r.Cells {
		c := &r.Cells[i]
		if last := len(groups) - 1; last >= 0 && name(groups[last][0]) == name(c) {
			groups[last] = append(groups[last], c)
		} else {
			groups = append(groups, []*Cell{c})
		}
	}
	return groups
}

// notes are what the verdicts show together.
func (r *Result) notes() []string {
	failed, retried := 0, 0
	for i := range r.Cells {
		switch c := &r.Cells[i]; {
		case c.Seed != 0 || c.Forever || !c.refused:
		case c.Verdict == Recovered && c.retried:
			retried++
		case c.Verdict == FailedCleanly && !c.retried:
			failed++
		}
	}
	if failed == 0 || retried > 0 {
		return nil
	}
	return []string{"the client never sends a request again: MustRecover demands it"}
}

// Complete reports whether all cells were run. It is false if the flag -run excluded
// some.
func (r *Result) Complete() bool { return r.Count("") == 0 }

// Count returns the number of cells with a verdict.
func (r *Result) Count(verdict Verdict) int {
	n := 0
	for i := range r.Cells {
		if r.Cells[i].Verdict == verdict {
			n++
		}
	}
	return n
}

// Text returns the table, with a line for each point and a column for each effect,
// followed by the notes, and by each violation with its cells. It depends only on the verdicts and the
// first lines of the violations, so that it can be compared with a file.
//
//	                        500  close-body  corrupt
//	blob.get_app@sha256:…   r/f  r/f         X/X
//	manifest.get_app:v1     r/f  f/f         f/f
//
//	Once / forever: 3 r recovered, 7 f failed cleanly, 2 X violated
//
//	accepted a lie: Run returned no error, but Check failed: layer 1 differs
//	    blob.get_app@sha256:…/corrupt/once, forever
func (r *Result) Text() string {
	rows := [][]string{append([]string{""}, r.Effects...)}
	for _, cells := range r.groups((*Cell).line) {
		row := []string{cells[0].line()}
		for i, c := range cells {
			if c.Forever && i > 0 {
				row[len(row)-1] += "/" + cellMark(c.Verdict)
			} else {
				row = append(row, cellMark(c.Verdict))
			}
		}
		rows = append(rows, row)
	}
	var counts []string
	for _, m := range marks {
		if n := r.Count(m.verdict); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s %s", n, m.mark, cellWords(m.verdict)))
		}
	}
	text := aligned(rows) + "\n"
	if len(r.Points) > 0 {
		text += "Once / forever: "
	}
	text += strings.Join(counts, ", ") + "\n"
	for _, note := range r.Notes {
		text += "Note: " + note + ".\n"
	}
	return text + r.violationsText()
}

// violationsText lists the violations, each with its cells.
func (r *Result) violationsText() string {
	var order []string
	cells := map[string][]string{}
	for _, c := range r.Cells {
		for _, v := range c.Violations {
			first := v.firstLine()
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
