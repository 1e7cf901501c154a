package exam

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// judge returns the result of a trial that was run.
func (x *trial) judge(r *report) TrialResult {
	result := x.result(r)
	if r.failed != nil {
		result.Verdict, result.Reason = NotReached, "the trial could not begin: "+r.failed.Error()
		return result
	}
	if running := r.remaining + r.stacks; running != "" && result.Output == "" {
		result.Output = running[:min(len(running), maxOutput)]
	}
	result.Verdict, result.Reason = x.verdict(r)
	return result
}

// skipped returns the result of a trial that does not apply.
func (x *trial) skipped() TrialResult {
	return TrialResult{Group: x.group, Name: x.name, Action: x.action, Verdict: NotApplicable, Reason: x.skip}
}

// notRun returns the result of a trial after the end of the exam.
func (x *trial) notRun() TrialResult {
	return TrialResult{Group: x.group, Name: x.name, Action: x.action, Verdict: NotReached,
		Reason: fmt.Sprintf("the exam ended after %d functions that did not return", maxUnended)}
}

// result returns the result without a verdict.
func (x *trial) result(r *report) TrialResult {
	return TrialResult{Group: x.group, Name: x.name, Action: x.action, Journal: r.journal, Output: r.output, Duration: r.took}
}

// verdict returns the worst verdict on a trial and its reason, one sentence.
func (x *trial) verdict(r *report) (Verdict, string) {
	met := x.met(r)
	if met {
		r.hits = max(r.hits, 1)
	}
	e := &evidence{report: r, plain: x.plain, same: x.of.same && !x.changed, cell: x.cell, lie: lied(r.log)}
	if x.group == "sweep" {
		e.lie = x.cell.lie
	}
	if x.anyResult || lists(x.action) && x.excused(r) { // what the registry does not show, no client lists
		r.checkErr = nil
	}
	all := e.judge()
	if met {
		all = append(all, x.own(r)...)
	}
	if len(all) > 0 {
		worst := slices.MaxFunc(all, func(a, b Violation) int { return severity(a.Kind) - severity(b.Kind) })
		if why := e.presumes(); why != "" && worst.Kind == acceptedLie {
			return NotApplicable, "the specification does not require what shows the lie" + why
		}
		text, _, _ := strings.Cut(worst.Text, "\n")
		if worst.Kind == floods && x.of.loopback { // which of the two comes first depends on the time
			worst.Kind = triesForever
		}
		return Verdict(worst.Kind), text
	}
	switch {
	case !met && x.group == "sweep":
		return NotReached, "the client did not send the request"
	case !met:
		return NotApplicable, "nothing that the client asked for was different"
	case r.err != nil && r.timedOut && x.of.loopback:
		return NotReached, "the client had not ended when its time was over"
	case r.err != nil:
		first, _, _ := strings.Cut(r.err.Error(), "\n")
		return FailedCleanly, "the client returned an error: " + first
	case x.survived(r.log):
		return Recovered, "the client succeeded, although a request failed"
	}
	return passed, "the client succeeded, and its result is right"
}

// severity orders the kinds of violations.
func severity(kind string) int {
	for i, row := range verdicts {
		if row.verdict == Verdict(kind) {
			return i
		}
	}
	return len(verdicts)
}

// met reports whether the client met the circumstance.
func (x *trial) met(r *report) bool {
	switch {
	case x.binds != nil && !x.binds(r.log):
		return false
	case len(x.rules) > 0:
		return r.hits > 0
	case x.differs != "" && x.plain != nil:
		return slices.ContainsFunc(r.log, func(e record.Exchange) bool { return slices.Contains(e.Traits, x.differs) }) ||
			!includes(x.plain.answers, answers(r.log))
	}
	return true
}

var numbered = pattern.Regexp(`<([a-z]+)-\d+>`)

// includes reports whether a set has all elements of another one.
func includes(set, other map[string]bool) bool {
	for element := range other {
		if !set[element] {
			return false
		}
	}
	return true
}

// answers returns the answers in a log, with the method and the path of the request, without
// what differs between runs.
func answers(log record.Log) map[string]bool {
	all := map[string]bool{}
	if len(log) == 0 {
		return all
	}
	for text := range strings.SplitSeq(log.Transcript(), "\n\n") {
		answer := ""
		for i, line := range strings.Split(text, "\n") {
			if i == 0 || strings.HasPrefix(line, "<") {
				answer += numbered().ReplaceAllString(line, "<$1>") + "\n"
			}
		}
		all[answer] = true
	}
	for i := range log {
		switch x := &log[i]; x.Op {
		case op.Ping, op.TagList, op.ReferrerList, op.RepositoryList:
			all[x.Op.String()+" "+string(x.ResponseBody)] = true
		case op.Token: // which differ by their token
			var fields map[string]json.RawMessage
			err := json.Unmarshal(x.ResponseBody, &fields)
			all[fmt.Sprint(x.Op, " ", sortedNames(fields), " ", err)] = true
		}
	}
	return all
}

// lied reports whether an answer that a fault changed looked like a success, or no answer
// failed at all.
func lied(log record.Log) bool {
	failed := false
	for i := range log {
		x := &log[i]
		ok := x.Status >= 200 && x.Status < 300 && !x.Cut
		if ok && len(x.Faults) > 0 && !x.Delayed {
			return true
		}
		failed = failed || !ok && len(x.Faults) > 0
	}
	return !failed
}

// survived reports whether a fault made a request fail.
func (x *trial) survived(log record.Log) bool {
	return slices.ContainsFunc(x.rules, func(r faults.Rule) bool { return r.Connect }) ||
		slices.ContainsFunc(log, func(x record.Exchange) bool {
			return len(x.Faults) > 0 && (x.Status == 0 || x.Status >= 400 || x.Cut || x.Left)
		})
}

// own returns what does not hold beside what must hold in each run.
func (x *trial) own(r *report) []Violation {
	var all []Violation
	if !r.ended || r.panicked != "" {
		return nil
	}
	switch {
	case x.mustSucceed && r.err != nil && !x.excused(r):
		all = append(all, Violation{string(gaveUp), "the client returned an error; " + x.correct})
	case x.mustFail && r.err == nil:
		all = append(all, Violation{string(breaksRule), "the client succeeded, and must not; " + x.correct})
	}
	if x.holds != nil {
		if text := x.holds(x, r); text != "" {
			all = append(all, Violation{string(breaksRule), text})
		}
	}
	if len(x.lint) > 0 {
		for _, f := range lint.Check(r.log).Findings {
			if slices.Contains(x.lint, f.Rule) {
				all = append(all, Violation{string(verdictOn(f)), f.Rule + ": " + f.Message})
			}
		}
	}
	return all
}

// excused reports whether a client that must succeed may fail all the same: its time was over,
// or it met a trait with which it may fail.
func (x *trial) excused(r *report) bool {
	return r.timedOut && x.of.loopback || slices.ContainsFunc(r.log, func(e record.Exchange) bool {
		return slices.ContainsFunc(e.Traits, func(trait string) bool { return slices.Contains(x.excuses, trait) })
	})
}

func lists(action string) bool { return action == "list" || action == "referrers" }

// verdictOn returns the verdict on a client with a finding.
func verdictOn(f lint.Finding) Verdict {
	if strings.HasPrefix(f.Rule, "credentials-") {
		return Verdict(leaksSecrets)
	}
	return breaksRule
}

// conform judges the requests by the rules of lint that are based on a specification, or on
// real registries.
func conform(_ *trial, r *report) string {
	for _, f := range lint.Check(r.log).Failing() {
		return f.Rule + ": " + f.Message
	}
	return ""
}

// sameRequests compares the requests with those of the plain run. If the client leaves other
// content in each run, it compares their operations only.
func sameRequests(x *trial, r *report) string {
	kind := func(e *record.Exchange) string {
		if x.of.same {
			return engine.Point(&e.Info)
		}
		return e.Op.String()
	}
	planned := map[string]bool{}
	for i := range x.plain.log {
		planned[kind(&x.plain.log[i])] = true
	}
	for i := range r.log {
		if name := kind(&r.log[i]); !planned[name] {
			return "the client sends a request that it does not send without the warning: " + name
		}
	}
	return ""
}
