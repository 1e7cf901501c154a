package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/ocifake/ocifake/internal/faultnames"
	"github.com/ocifake/ocifake/op"
)

// faultNamesHelp describes how to choose faults by name.
func faultNamesHelp() string {
	var text strings.Builder
	text.WriteString(`With "ocifake serve --fault-names" or "ocifake run --fault-names", a client that
cannot be configured chooses faults by the name of the repository. This is app:v1
whose first two requests are answered with 503, and app:v1 with a known fault:

  HOST/fault/status-503/times-2/app:v1
  HOST/fault/reset-mid-blob/app:v1

Between "fault/" and the repository stand known faults, except those that act on
connections or on tokens, and the following faults. They act on every request for the
repository, or on the operations in parentheses:

`)
	writeWords(&text, true)
	text.WriteString(`
These words describe the fault before them:

`)
	writeWords(&text, false)
	text.WriteString(`
Each name has its own counts. They begin at its first request, and again after
"ocifake reset" or when its rule was removed. Faults of one name that are due happen
together, the first outermost.`)
	return text.String()
}

// writeWords writes the words that are faults, or those that describe one.
func writeWords(text *strings.Builder, faultWords bool) {
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	for _, w := range faultnames.Words() {
		if w.Fault != faultWords {
			continue
		}
		doc := w.Doc
		if len(w.On) > 0 {
			doc += " (" + joinOps(w.On) + ")"
		}
		fmt.Fprintf(table, "  %s\t%s\n", w.Form, doc)
	}
	_ = table.Flush() // a strings.Builder does not fail
}

func joinOps(ops []op.Op) string {
	names := make([]string, len(ops))
	for i, o := range ops {
		names[i] = o.String()
	}
	return strings.Join(names, ", ")
}
