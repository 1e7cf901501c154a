package exam

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Text returns the scorecard for a terminal: a table of grades by group and action, with
// the share of right trials; each fault with the command that repeats it; and the names of
// the trials that do not count.
//
//	crane 0.22.1: grade C
//	412 trials in 3m9s, with ocifake 0.1.0 and seed 1
//
//	          all        push      pull
//	duties    A 24/24    A 12/12   A 12/12
//	faults    C 88/101   C 38/44   B 50/57
//
//	Faults:
//	  faults/reset-mid-blob/pull: gave up: the blob is requested once
//	    ocifake exam --client crane --trial faults/reset-mid-blob/pull
func (s *Scorecard) Text() string {
	c := s.printable()
	text := fmt.Sprintf("%s: %s\n%s\n\n", c.title(), gradeWords(c.Grade("", "", "")), c.summary())
	actions := c.actions()
	rows := [][]string{append([]string{"", "all"}, actions...)}
	for _, group := range c.groups() {
		rows = append(rows, c.gradeRow(group, group, actions))
	}
	if len(rows) > 2 {
		rows = append(rows, c.gradeRow("", "all", actions))
	}
	text += aligned(rows)
	if faults := c.faults(); len(faults) > 0 {
		text += "\nFaults:\n"
		for _, r := range faults {
			text += fmt.Sprintf("  %s: %s%s\n", r.ID(), r.Verdict, after(": ", r.Reason))
			if r.Repeat != "" {
				text += "    " + r.Repeat + "\n"
			}
		}
	}
	for _, v := range []Verdict{NotApplicable, NotReached} {
		for i, row := range c.named(v) {
			if i == 0 {
				text += "\n" + strings.ToUpper(string(v[:1])) + string(v[1:]) + ":\n"
			}
			text += "  " + row.group + ": " + strings.Join(row.names, ", ") + "\n"
		}
	}
	if len(c.Notes) > 0 {
		text += "\n"
	}
	for _, note := range c.Notes {
		text += "Note: " + note + "\n"
	}
	return text
}

func (s *Scorecard) title() string {
	return cmp.Or(s.Client, "client") + after(" ", s.Version)
}

func (s *Scorecard) summary() string {
	return fmt.Sprintf("%s in %v, with ocifake %s and seed %d", count(len(s.Trials), "trial"), s.Duration.Round(time.Second), cmp.Or(s.Ocifake, "(no version)"), s.Seed)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func gradeWords(g Grade) string {
	if g.Letter == "" {
		return "no grade"
	}
	return "grade " + g.Letter
}

// gradeRow is the row of a group in the table of grades.
func (s *Scorecard) gradeRow(group, name string, actions []string) []string {
	row := []string{name, s.Grade(group, "", "").cell()}
	for _, action := range actions {
		row = append(row, s.Grade(group, "", action).cell())
	}
	return row
}

// cell is a grade in a table: "B 19/20".
func (g Grade) cell() string {
	if g.Right+g.Wrong == 0 {
		return g.String()
	}
	return fmt.Sprintf("%s %d/%d", g, g.Right, g.Right+g.Wrong)
}

// groups and actions return the names that the scorecard has, in order.
func (s *Scorecard) groups() (names []string) {
	for _, r := range s.Trials {
		if !slices.Contains(names, r.Group) {
			names = append(names, r.Group)
		}
	}
	return names
}

func (s *Scorecard) actions() (names []string) {
	for _, r := range s.Trials {
		if !slices.Contains(names, r.Action) {
			names = append(names, r.Action)
		}
	}
	slices.SortFunc(names, compareActions)
	return names
}

func (s *Scorecard) faults() (faults []TrialResult) {
	for _, r := range s.Trials {
		if r.Verdict.Fault() {
			faults = append(faults, r)
		}
	}
	return faults
}

// namedTrials are names of trials in a group, each with its actions: "ghcr (list, copy)".
type namedTrials struct {
	group string
	names []string
}

// named returns the trials with a verdict.
func (s *Scorecard) named(v Verdict) (all []namedTrials) {
	for _, group := range s.groups() {
		var names []string
		for _, row := range s.rows(group) {
			var actions []string
			for _, r := range row.results {
				if r.Verdict == v {
					actions = append(actions, r.Action)
				}
			}
			if len(actions) > 0 {
				names = append(names, cmp.Or(row.name, group)+" ("+strings.Join(actions, ", ")+")")
			}
		}
		if len(names) > 0 {
			all = append(all, namedTrials{group, names})
		}
	}
	return all
}

// cardRow is a row of a table: the results under one circumstance.
type cardRow struct {
	name    string
	results []TrialResult
}

// rows returns the circumstances of a group.
func (s *Scorecard) rows(group string) (rows []cardRow) {
	for _, r := range s.Trials {
		if r.Group != group {
			continue
		}
		if last := len(rows) - 1; last < 0 || rows[last].name != r.Name {
			rows = append(rows, cardRow{name: r.Name})
		}
		last := &rows[len(rows)-1]
		last.results = append(last.results, r)
	}
	return rows
}

// of returns the result of an action.
func (c *cardRow) of(action string) (TrialResult, bool) {
	i := slices.IndexFunc(c.results, func(r TrialResult) bool { return r.Action == action })
	if i < 0 {
		return TrialResult{}, false
	}
	return c.results[i], true
}
