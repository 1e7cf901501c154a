package registrytest

import (
	"fmt"
	"strings"

	"github.com/ocifake/ocifake/record"
)

// verdict is what an assertion finds.
type verdict struct {
	want string
	got  string                      // empty if it is what is wanted
	mark func(*record.Exchange) bool // the requests to mark in the journal
	say  string                      // what the marks mean
}

// judge finds whether requests are as wanted.
type judge func(record.Log) verdict

// check judges the requests that are on record now.
func (a *Assertions) check(judge judge) bool {
	a.t.Helper()
	a.begin()
	meant, all := a.of.requests(a.filters)
	return a.judgeIn(a.of, meant, all, judge)
}

// judgeIn judges the selected requests among all those of registries; see
// [recorded.requests].
func (a *Assertions) judgeIn(of recorded, meant, all record.Log, judge judge) bool {
	a.t.Helper()
	v := judge(meant)
	if dropped := of.dropped(); dropped > 0 {
		v.got = fmt.Sprintf("a record that is not complete: %d dropped; give it more MaxBytes by WithRecording, or Forget earlier", dropped)
	}
	if v.got == "" {
		return true
	}
	text := fmt.Sprintf("want %s\ngot %s\n%s", v.want, v.got, of.journal(a.t, &v, of.whole(all)))
	a.t.Errorf("registrytest: %s", strings.TrimSuffix(text, "\n"))
	if a.fatal {
		a.t.FailNow()
	}
	return false
}

// near marks the near misses of filters, if there are two or more, among the
// requests that are not accounted for.
func (v *verdict) near(filters []record.Filter, except record.Log) {
	if len(filters) < 2 {
		return
	}
	v.say = "meets all filters but one"
	found := seqSet(except)
	v.mark = func(x *record.Exchange) bool {
		if found[x.Seq] {
			return false
		}
		missed := 0
		for _, f := range filters {
			if !f.Match(x) {
				missed++
			}
		}
		return missed == 1
	}
}

// markAll marks the requests of a log.
func (v *verdict) markAll(log record.Log) {
	marked := seqSet(log)
	v.say = "is one of them"
	v.mark = func(x *record.Exchange) bool { return marked[x.Seq] }
}

func seqSet(log record.Log) map[uint64]bool {
	set := map[uint64]bool{}
	for i := range log {
		set[log[i].Seq] = true
	}
	return set
}

// requests names the selected requests.
func (a *Assertions) requests() string { return a.noun("requests") }

// number names as many of them.
func (a *Assertions) number(n int) string {
	if n == 1 {
		return "1 " + a.noun("request")
	}
	return fmt.Sprintf("%d %s", n, a.requests())
}

func (a *Assertions) noun(noun string) string {
	if len(a.filters) == 0 {
		return noun
	}
	return noun + " with " + texts(a.filters)
}

func texts(filters []record.Filter) string {
	all := make([]string, len(filters))
	for i, f := range filters {
		all[i] = f.String()
	}
	return strings.Join(all, " ")
}

// numbers says how many there are, and which.
func numbers(log record.Log) string {
	if len(log) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: %s", len(log), seqs(log))
}

// maxSeqs is how many numbers of requests stand in a text.
const maxSeqs = 10

// seqs are the numbers of requests, as in the journal.
func seqs(log record.Log) string {
	var text []string
	for i := range log[:min(len(log), maxSeqs)] {
		text = append(text, fmt.Sprintf("#%d", log[i].Seq))
	}
	if len(log) > maxSeqs {
		text = append(text, "…")
	}
	return strings.Join(text, " ")
}
