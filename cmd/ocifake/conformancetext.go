package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/spec"
)

// conformanceText prints a run for people: failures as they occur, and a summary.
type conformanceText struct {
	out     io.Writer
	line    io.Writer // shows progress in one line of a terminal; or nil
	known   baseline
	details bool  // of failures, instead of one line for each
	err     error // the first error of writing
}

// statusLine returns the writer if it is a terminal.
func statusLine(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

func (t *conformanceText) printf(format string, args ...any) {
	if t.line != nil {
		fmt.Fprint(t.line, t.clearLine())
	}
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.out, format, args...)
	}
}

// clearLine returns what removes the line of the progress.
func (t *conformanceText) clearLine() string {
	if t.line == nil {
		return ""
	}
	return "\r\x1b[K"
}

func (t *conformanceText) begin(target spec.Target, repository string, n int) {
	separator := "/"
	if target.Flat {
		separator = "-"
	}
	t.printf("Checking %d statements on %s, in repositories %s%sRANDOM\n", n, target.URL, repository, separator)
}

// next shows the statement that is checked next.
func (t *conformanceText) next(i, n int, s spec.Statement) {
	if t.line != nil {
		fmt.Fprintf(t.line, "\r%d of %d: %s\x1b[K", i+1, n, s.ID)
	}
}

// result prints a failure. Those in the baseline are only in the summary.
func (t *conformanceText) result(r spec.Result) {
	switch {
	case r.Outcome != spec.Failed || t.known[r.Statement.ID]:
	case t.details:
		t.printf("\nFAIL %s\n", strings.TrimSuffix(r.Detail, "\n"))
	default:
		t.printf("FAIL %s: %s\n", titleOf(r.Statement.ID), r.Message)
	}
}

// titleOf returns the ID of a statement with its level and source.
func titleOf(id string) string {
	s, _ := spec.Lookup(id)
	return fmt.Sprintf("%s (%s, %s)", id, s.Level, s.Source)
}

// end prints the summary, after what is left in the registry, which may be long. The failures are
// listed if they are far above, with their details.
func (t *conformanceText) end(results []checked, j comparison, left []spec.Leftover) {
	t.printf("\n")
	t.left(left)
	t.printf("%s\n", strings.Join(spec.Summary(resultsOf(results)), "\n"))
	if t.details {
		t.list("Failed", j.failed)
	}
	t.list("Failed, as in the baseline", j.known)
	t.list("In the baseline, and no longer failing: remove them from it", j.mended)
}

// list prints statements.
func (t *conformanceText) list(title string, ids []string) {
	if len(ids) > 0 {
		t.printf("%s:\n", title)
	}
	for _, id := range ids {
		t.printf("  %s\n", titleOf(id))
	}
}

func (t *conformanceText) left(left []spec.Leftover) {
	for _, line := range leftLines(left, false) {
		t.printf("%s\n", line)
	}
}

func resultsOf(all []checked) (results []spec.Result) {
	for _, r := range all {
		results = append(results, r.Result)
	}
	return results
}

// leftLines describes what is left in the registry. Well-known blobs are only counted, and so are
// upload sessions, unless all is to be listed.
func leftLines(left []spec.Leftover, all bool) (lines []string) {
	wellKnown, sessions, more := 0, 0, 0
	for _, l := range left {
		switch {
		case l.Reason == spec.WellKnown:
			wellKnown++
			continue
		case l.Kind == spec.UploadSession && !all:
			sessions++
			continue
		}
		if more++; more == 1 {
			lines = []string{"Left in the registry, as it could not be deleted:"}
		}
		lines = append(lines, fmt.Sprintf("  %s %s (%s)", l.Kind, leftReference(l), l.Reason))
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("  %d in total", more))
	}
	if sessions > 0 {
		lines = append(lines, fmt.Sprintf("Upload sessions that the registry did not cancel: %d", sessions))
	}
	if wellKnown > 0 {
		lines = append(lines, fmt.Sprintf("Well-known blobs, such as {}, that were pushed and are never deleted: %d", wellKnown))
	}
	return lines
}

// leftReference returns a reference, or the URL of an upload session without its query, which may
// have secrets.
func leftReference(l spec.Leftover) string {
	switch l.Kind {
	case spec.Blob, spec.Manifest:
		return l.Repository + "@" + l.Reference
	case spec.Tag:
		return l.Repository + ":" + l.Reference
	case spec.UploadSession:
	}
	where, _, _ := strings.Cut(l.Reference, "?")
	return where
}

// writeStatements prints a table of statements.
func writeStatements(w io.Writer, statements []spec.Statement) error {
	table := tabwriter.NewWriter(terminal.Writer(w), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tLEVEL\tSOURCE\tSECTION\tSENTENCE")
	for _, s := range statements {
		text := s.Text
		if !s.Checked() {
			text += " (not checked: " + s.Reason + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", s.ID, s.Level, s.Source, s.Section, text)
	}
	return table.Flush()
}
