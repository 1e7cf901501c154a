package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/internal/terminal"
)

// examProgress shows how far an exam is: a line for each fault of the client, and on a terminal a
// table of the groups below them, which is drawn anew after each trial.
type examProgress struct {
	to     io.Writer
	width  int // of the terminal; 0: there is none
	groups []*groupProgress
	drawn  int // lines of the table that are on the terminal
	last   time.Time
}

// groupProgress counts the trials of a group.
type groupProgress struct {
	name                                    string
	trials, right, faults, unmet, uncounted int
}

// redraw is the time between two tables. Trials that do not apply end all at once.
const redraw = 100 * time.Millisecond

func newExamProgress(to io.Writer) *examProgress {
	p := &examProgress{to: to}
	if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		const usual = 80
		if p.width, _, _ = term.GetSize(int(f.Fd())); p.width <= 0 {
			p.width = usual
		}
	}
	return p
}

// add shows a result.
func (p *examProgress) add(r exam.TrialResult) {
	g := p.group(r.Group)
	g.trials++
	switch {
	case r.Verdict.Fault():
		g.faults++
	case r.Verdict == "not reached":
		g.unmet++
	case r.Verdict == "not applicable":
		g.uncounted++
	default:
		g.right++
	}
	text := ""
	if r.Verdict.Fault() {
		text = terminal.Escape(fmt.Sprintf("%s: %s: %s", r.ID(), r.Verdict, r.Reason)) + "\n"
	}
	switch now := time.Now(); {
	case p.width == 0:
		p.write(text)
	case text != "" || now.Sub(p.last) >= redraw:
		p.last = now
		p.draw(text, p.table())
	}
}

// group returns the counts of a group.
func (p *examProgress) group(name string) *groupProgress {
	for _, g := range p.groups {
		if g.name == name {
			return g
		}
	}
	g := &groupProgress{name: name}
	p.groups = append(p.groups, g)
	return g
}

// table returns the lines of the table.
func (p *examProgress) table() []string {
	lines := []string{fmt.Sprintf("%-10s%8s%8s%8s%13s%16s", "", "trials", "right", "faults", "not reached", "not applicable")}
	for _, g := range p.groups {
		lines = append(lines, fmt.Sprintf("%-10s%8d%8d%8d%13d%16d", g.name, g.trials, g.right, g.faults, g.unmet, g.uncounted))
	}
	return lines
}

// draw replaces the table on the terminal by a text and another table.
func (p *examProgress) draw(text string, lines []string) {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", p.drawn) // to its first line; erase all below
	}
	b.WriteString(text)
	for _, line := range lines {
		b.WriteString(line[:min(len(line), p.width-1)] + "\n")
	}
	p.drawn = len(lines)
	p.write(b.String())
}

// write ignores errors: the results are written at the end, too.
func (p *examProgress) write(text string) { _, _ = io.WriteString(p.to, text) }

// stop removes the table.
func (p *examProgress) stop() {
	if p.drawn > 0 {
		p.draw("", nil)
	}
}
