package registrytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/record"
)

// Step is a request of a sequence: one that matches all of these filters.
type Step []record.Filter

// Sequence asserts that among the requests there is one for each step, in this
// order. Others may come before, between and after them.
//
//	reg.Assert(t, record.Repo("app")).Sequence(
//		registrytest.Step{record.Op(op.ManifestHead), record.Status("404")},
//		registrytest.Step{record.Op(op.UploadStart, op.BlobPost)},
//		registrytest.Step{record.Op(op.ManifestPut)},
//	)
func (a *Assertions) Sequence(steps ...Step) bool {
	a.t.Helper()
	return a.check(func(log record.Log) verdict {
		v := verdict{want: a.order(steps)}
		var found record.Log
		for i := range log {
			if n := len(found); n < len(steps) && steps[n].matches(&log[i]) {
				found = append(found, log[i])
			}
		}
		if n := len(found); n < len(steps) {
			v.got = fmt.Sprintf("no step %d%s", n+1, after(found))
			v.near(slices.Concat(a.filters, steps[n]), found)
		}
		return v
	})
}

func (s Step) matches(x *record.Exchange) bool { return x.Matches(s...) }

// order lists the steps.
func (a *Assertions) order(steps []Step) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s in this order", a.requests())
	for i, step := range steps {
		fmt.Fprintf(&text, "\n  %d. %s", i+1, texts(step))
	}
	return text.String()
}

// after names the requests of the steps that were found.
func after(found record.Log) string {
	if len(found) == 0 {
		return ""
	}
	return " after " + seqs(found)
}
