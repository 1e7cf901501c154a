package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/internal/terminal"
)

// examProgress shows how far an exam is: on a terminal in one line, and otherwise by a line for
// each fault of the client.
type examProgress struct {
	to              io.Writer
	line            bool
	trials, faults  int
	group           string
	inGroup, failed int
}

func newExamProgress(to io.Writer) *examProgress {
	f, ok := to.(*os.File)
	return &examProgress{to: to, line: ok && term.IsTerminal(int(f.Fd()))}
}

// add shows a result.
func (p *examProgress) add(r exam.TrialResult) {
	if p.group != r.Group {
		p.group, p.inGroup, p.failed = r.Group, 0, 0
	}
	p.trials++
	p.inGroup++
	if r.Verdict.Fault() {
		p.faults++
		p.failed++
		p.show(fmt.Sprintf("%s: %s: %s", r.ID(), r.Verdict, r.Reason))
	}
	if p.line {
		fmt.Fprintf(p.to, "\r\x1b[K%d trials, %d with a fault; %s: %d, %d with a fault", p.trials, p.faults, p.group, p.inGroup, p.failed)
	}
}

// show writes a line. Errors are ignored: the results are written at the end, too.
func (p *examProgress) show(text string) {
	if p.line {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
	fmt.Fprintln(p.to, terminal.Escape(text))
}

// stop removes the line.
func (p *examProgress) stop() {
	if p.line {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
