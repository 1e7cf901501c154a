package exam

import "cmp"

// Grade sums up trials.
//
// Trials that are not applicable count for nothing. Of the others, at least 80 % must
// have been met, that is: not have the verdict "not reached". Otherwise there is no
// grade. A grade over all groups also needs 80 % of the known faults to be met.
//
//	A  no fault
//	B  at least 95 % are right
//	C  at least 85 %
//	D  at least 70 %
//	F  fewer
//
// With a serious fault, one that loses content or secrets, the best grade is D. Over
// several groups the percentage is the mean of theirs, so that a group with many trials
// does not outweigh the others. The run without any circumstance counts as a duty.
type Grade struct {
	Letter string // "A", "B", "C", "D" or "F"; empty if there is no grade

	Right   int // trials without a fault
	Wrong   int // trials with a fault
	Serious int // those of Wrong that lose content or secrets

	NotReached, NotApplicable int
}

// String returns the letter, or "–" if there is none.
func (g Grade) String() string { return cmp.Or(g.Letter, "–") }

// Grade returns the grade of the trials of a group, of a circumstance, or of an action.
// An empty argument stands for all: the grade of the client is Grade("", "", "").
func (s *Scorecard) Grade(group, name, action string) Grade {
	var trials []TrialResult
	for _, r := range s.Trials {
		if (group == "" || r.Group == group) && (name == "" || r.Name == name) && (action == "" || r.Action == action) {
			trials = append(trials, r)
		}
	}
	return grade(trials, group == "")
}

// percentages are the grades by the share of right trials.
var percentages = []struct {
	atLeast float64
	letter  string
}{{100, "A"}, {95, "B"}, {85, "C"}, {70, "D"}, {0, "F"}}

// grade sums up trials. With needFaults there must be known faults among them.
func grade(trials []TrialResult, needFaults bool) Grade {
	var all Grade
	groups := map[string]*Grade{}
	for i := range trials {
		name := trials[i].Group
		if name == "none" {
			name = "duties"
		}
		if groups[name] == nil {
			groups[name] = new(Grade)
		}
		all.count(trials[i].Verdict)
		groups[name].count(trials[i].Verdict)
	}
	if !all.met() || needFaults && (groups["faults"] == nil || !groups["faults"].met()) {
		return all
	}
	sum, n := 0.0, 0
	for _, g := range groups {
		if met := g.Right + g.Wrong; met > 0 {
			sum += 100 * float64(g.Right) / float64(met)
			n++
		}
	}
	const rounding = 1e-9
	for _, p := range percentages {
		tooGood := p.letter == "A" && all.Wrong > 0 || p.letter < "D" && all.Serious > 0
		if !tooGood && sum/float64(n) >= p.atLeast-rounding {
			all.Letter = p.letter
			break
		}
	}
	return all
}

func (g *Grade) count(v Verdict) {
	switch v.class() {
	case right:
		g.Right++
	case serious:
		g.Serious++
		g.Wrong++
	case wrong:
		g.Wrong++
	case uncounted:
		if v == NotApplicable {
			g.NotApplicable++
		} else {
			g.NotReached++
		}
	}
}

// met reports whether at least 80 % of the applicable trials are met, and one.
func (g *Grade) met() bool {
	met := g.Right + g.Wrong
	return met > 0 && 5*met >= 4*(met+g.NotReached)
}
