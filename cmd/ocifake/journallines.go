package main

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// journalLines writes the lines of a journal, below a heading, as requests end. A column grows when
// a value does not fit. Times are relative to the start of the first request.
type journalLines struct {
	w       io.Writer
	heading string
	widest  record.Log // has a value of the full width for each column
}

// write writes the line of one exchange in one call of Write.
func (j *journalLines) write(x record.Exchange) error {
	if j.widest == nil {
		j.widest = usualWidths(x.Start)
	}
	x.Host = "" // there is no column for it
	page := append(slices.Clip(j.widest), x)
	lines := strings.SplitAfter(page.Journal(), "\n")
	heading, line := lines[0], lines[len(page)]
	if j.heading == "" {
		line = heading + line
	}
	if heading != j.heading {
		j.heading, j.widest = heading, page
	}
	_, err := io.WriteString(j.w, line)
	return err
}

// usualWidths returns a log whose columns have their usual width.
func usualWidths(start time.Time) record.Log {
	usual := record.Exchange{
		Seq: 1000, Conn: 1000, Start: start.Add(100 * time.Millisecond), Duration: 100 * time.Millisecond,
		Status: 200, RequestBytes: 1_000_000, ResponseBytes: 1_000_000,
	}
	usual.Op, usual.Repo = op.ManifestHead, strings.Repeat("x", 24)
	return record.Log{{Start: start}, usual}
}
