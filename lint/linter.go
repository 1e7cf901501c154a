package lint

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/record"
)

// Finding is a violation of a rule by a client.
type Finding struct {
	Rule     string   // its ID
	Severity Severity //
	Client   string   // the User-Agent of the client; empty if it sent none
	Message  string   // what the client did, the first time, in one line
	Seqs     []uint64 // numbers of the requests that violate the rule, at most the first 100
	Also     []uint64 // numbers of the earlier requests that explain the first one
	Count    int      // number of requests that violate the rule
}

// String returns the finding in one line.
func (f Finding) String() string {
	s := fmt.Sprintf("%s: %s: %s", f.Severity, f.Rule, f.Message)
	if f.Count > 1 {
		s += fmt.Sprintf(" (and %d more)", f.Count-1)
	}
	return s
}

// Is reports whether an exchange is one of those that violate the rule.
func (f Finding) Is(x *record.Exchange) bool {
	must.NotNil("lint: Finding.Is: x", x)
	return slices.Contains(f.Seqs, x.Seq)
}

// Unjudged says why a rule could not judge some requests.
type Unjudged struct {
	Rule   string   // its ID
	Reason string   // what the recording lacks
	Seqs   []uint64 // numbers of the requests, at most the first 100; empty: the whole recording
}

// Report is the judgement of a recording.
type Report struct {
	Findings []Finding  // by severity, rule and client
	Unjudged []Unjudged // by rule
	Requests int        // number of requests that were read
	Ignored  int        // number of findings that were ignored
}

// Failing returns the findings of some severities; by default, those that fail a test: [Must] and
// [Portability].
func (r Report) Failing(severities ...Severity) []Finding {
	if len(severities) == 0 {
		severities = []Severity{Must, Portability}
	}
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return !slices.Contains(severities, f.Severity) })
}

// Check judges a recording, which must be in the order in which the requests began.
func Check(log record.Log) Report {
	l := New()
	for i := range log {
		l.Add(&log[i])
	}
	return l.Report()
}

// Linter judges a recording while it is read. Its memory is bounded: it forgets what it has
// not needed for the longest time. It is not safe for concurrent use.
type Linter struct {
	rules    []Rule
	found    map[finding]*Finding
	unjudged map[unjudged]*Unjudged
	state
}

// maxFindings bounds the number of findings, one for each rule and client.
const maxFindings = 10_000

type (
	finding  struct{ rule, client string }
	unjudged struct{ rule, reason string }
)

// New returns a Linter that has read nothing.
func New() *Linter {
	return &Linter{rules: Rules(), found: map[finding]*Finding{}, unjudged: map[unjudged]*Unjudged{}, state: newState()}
}

// Add judges an exchange and remembers what the client learned from it. Exchanges are added in
// the order in which their requests began, that of [record.Exchange.Seq]. The Linter keeps
// references to x, which must not change afterwards.
func (l *Linter) Add(x *record.Exchange) {
	must.NotNil("lint: Linter.Add: x", x)
	e := l.begin(x)
	for i := range l.rules {
		if r := &l.rules[i]; r.judge != nil {
			if f := r.judge(l, e); f != nil {
				l.report(r, *f)
			}
		}
	}
	l.learn(e)
}

// Miss tells the Linter that exchanges are missing. What it would say about something that the
// client did not do is then not judged.
func (l *Linter) Miss(exchanges int) { l.missing += uint64(max(exchanges, 0)) }

// Report returns the judgement of all exchanges that were added.
func (l *Linter) Report() Report {
	report := Report{Requests: l.requests}
	ended := &Linter{rules: l.rules, found: map[finding]*Finding{}, unjudged: map[unjudged]*Unjudged{}}
	for key, f := range l.found {
		f := *f
		ended.found[key] = &f
	}
	for i := range l.rules {
		r := &l.rules[i]
		if r.finish == nil {
			continue
		}
		for _, f := range r.finish(l) {
			ended.report(r, f)
		}
	}
	for _, f := range ended.found {
		if reason := l.lacks(l.rule(f.Rule)); reason != "" {
			l.skip(f.Rule, reason, 0)
			continue
		}
		report.Findings = append(report.Findings, *f)
	}
	for _, u := range l.unjudged {
		report.Unjudged = append(report.Unjudged, *u)
	}
	// Package sort, because the functions of package slices are compiled for each type.
	sort.Slice(report.Findings, func(i, j int) bool {
		a, b := &report.Findings[i], &report.Findings[j]
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Client, b.Client)) < 0
	})
	sort.Slice(report.Unjudged, func(i, j int) bool {
		a, b := &report.Unjudged[i], &report.Unjudged[j]
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason)) < 0
	})
	return report
}

// lacks says why the recording is not sufficient for the findings of a rule, or "".
func (l *Linter) lacks(r *Rule) string {
	switch {
	case r.history && l.missing > 0:
		return fmt.Sprintf("%d exchanges are not in the recording, which can change the judgement", l.missing)
	case r.history && l.met > maxClients:
		return fmt.Sprintf("there are more than %d clients, of which the first are forgotten", maxClients)
	case r.past && l.first > 1:
		return fmt.Sprintf("the recording begins with request %d", l.first)
	}
	return ""
}

func (l *Linter) rule(id string) *Rule {
	return &l.rules[slices.IndexFunc(l.rules, func(r Rule) bool { return r.ID == id })]
}

// maxSeqs bounds the numbers of requests in a finding.
const maxSeqs = 100

func (l *Linter) report(r *Rule, f found) {
	key := finding{r.ID, f.x.agent()}
	known := l.found[key]
	if known == nil {
		if len(l.found) >= maxFindings {
			return
		}
		known = &Finding{Rule: r.ID, Severity: r.Severity, Client: key.client, Message: terminal.Escape(f.message()), Also: f.also}
		l.found[key] = known
	}
	known.Count++
	if len(known.Seqs) < maxSeqs {
		known.Seqs = append(known.Seqs, f.x.Seq)
	}
}

// skip notes that a rule cannot judge a request. Seq 0 stands for the whole recording.
func (l *Linter) skip(rule, reason string, seq uint64) {
	key := unjudged{rule, reason}
	u := l.unjudged[key]
	if u == nil {
		u = &Unjudged{Rule: rule, Reason: reason}
		l.unjudged[key] = u
	}
	if seq != 0 && len(u.Seqs) < maxSeqs {
		u.Seqs = append(u.Seqs, seq)
	}
}
