package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

// magicHelp says how faults are chosen by name.
func magicHelp() string {
	var text strings.Builder
	text.WriteString(`With "ocifake serve --magic", or "ocifake run --magic", a client that cannot be
configured chooses faults by the name of the repository. This is app:v1, once its
first two requests were answered with 503, and app:v1 with a known fault:

  HOST/fault/status-503/times-2/app:v1
  HOST/fault/reset-mid-blob/app:v1

Between "fault/" and the repository stand known faults, but for those that act on
connections and on tokens, and these, which act on every request for the repository,
or on those for the operations that are named here:

`)
	writeWords(&text, true)
	text.WriteString(`
Behind one of these stands what is said about it:

`)
	writeWords(&text, false)
	text.WriteString(`
Each name counts for itself, from its first request on, and anew after
"ocifake reset" or when its rule was removed. Faults of one name that are due happen
together, the first outermost.`)
	return text.String()
}

// writeWords writes the words that are faults, or those that are about one.
func writeWords(text *strings.Builder, faultWords bool) {
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	for _, w := range faults.Words() {
		if w.Fault != faultWords {
			continue
		}
		doc := w.Doc
		if len(w.On) > 0 {
			doc += " (" + joinOps(w.On) + ")"
		}
		fmt.Fprintf(table, "  %s\t%s\n", w.Form, doc)
	}
	_ = table.Flush() // a strings.Builder takes everything
}

func joinOps(ops []op.Op) string {
	names := make([]string, len(ops))
	for i, o := range ops {
		names[i] = o.String()
	}
	return strings.Join(names, ", ")
}
