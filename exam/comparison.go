package exam

import (
	"fmt"

	"github.com/ocifake/ocifake/internal/must"
)

// Comparison compares a scorecard with an earlier one. The trials are those of the new
// scorecard, except for Gone.
type Comparison struct {
	Worse  []TrialResult // a worse verdict than before
	Better []TrialResult // a better verdict than before
	Known  []TrialResult // a fault, as before
	New    []TrialResult // was not judged before
	Gone   []TrialResult // was judged before and is not now

	was map[string]Verdict
}

// Compare compares the scorecard with an earlier one of the same client, the baseline. A
// trial is worse if it
//   - has a fault and had none, or has a serious fault and had another
//   - failed cleanly, and passed or recovered before
//
// Trials with the verdicts "not applicable" and "not reached" are not judged.
func (s *Scorecard) Compare(baseline *Scorecard) Comparison {
	must.NotNil("exam: Scorecard.Compare: baseline", baseline)
	c := Comparison{was: map[string]Verdict{}}
	for i := range baseline.Trials {
		if r := &baseline.Trials[i]; r.Verdict.class() != uncounted {
			c.was[r.ID()] = r.Verdict
		}
	}
	now := map[string]bool{}
	for _, r := range s.Trials {
		if r.Verdict.class() == uncounted {
			continue
		}
		now[r.ID()] = true
		was, judged := c.was[r.ID()]
		switch {
		case !judged:
			c.New = append(c.New, r)
		case r.Verdict.rank() > was.rank():
			c.Worse = append(c.Worse, r)
		case r.Verdict.rank() < was.rank():
			c.Better = append(c.Better, r)
		case r.Verdict.Fault():
			c.Known = append(c.Known, r)
		}
	}
	for _, r := range baseline.Trials {
		if r.Verdict.class() != uncounted && !now[r.ID()] {
			c.Gone = append(c.Gone, r)
		}
	}
	return c
}

// rank orders verdicts that are judged, from the best.
func (v Verdict) rank() int {
	if v == FailedCleanly {
		return 1
	}
	return 2 * int(v.class()-right)
}

// Text lists the trials that are worse, better, new and gone, and counts the faults that
// are as before.
func (c Comparison) Text() string {
	text := ""
	for _, part := range []struct {
		title  string
		trials []TrialResult
	}{
		{"Worse than the baseline", c.Worse},
		{"Better than the baseline", c.Better},
		{"New, and not in the baseline", c.New},
		{"In the baseline, and no longer judged", c.Gone},
	} {
		if len(part.trials) == 0 {
			continue
		}
		text += part.title + ":\n"
		for i := range part.trials {
			r := &part.trials[i]
			text += "  " + line(r.ID()) + ": " + string(r.Verdict)
			if was := c.was[r.ID()]; was != "" && was != r.Verdict {
				text += ", was " + string(was)
			}
			text += after(": ", line(r.Reason)) + "\n"
		}
	}
	if len(c.Known) > 0 {
		text += fmt.Sprintf("Faults as in the baseline: %d\n", len(c.Known))
	}
	return text
}

// after puts a separator before a text that is not empty.
func after(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}
