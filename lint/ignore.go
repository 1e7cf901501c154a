package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/near"
)

// Ignored is a rule whose findings are ignored, and why.
type Ignored struct {
	Rule   string // its ID
	Reason string
}

// Ignore returns an Ignored for [Report.Ignoring].
func Ignore(rule, reason string) Ignored { return Ignored{rule, reason} }

// ParseIgnored parses "RULE=REASON", the form of the command line.
func ParseIgnored(text string) (Ignored, error) {
	rule, reason, _ := strings.Cut(text, "=")
	i := Ignored{rule, strings.TrimSpace(reason)}
	return i, i.check()
}

// String returns the form of the command line.
func (i Ignored) String() string { return i.Rule + "=" + i.Reason }

func (i Ignored) check() error {
	var ids []string
	for _, r := range Rules() {
		ids = append(ids, r.ID)
	}
	if !slices.Contains(ids, i.Rule) {
		return fmt.Errorf("lint: unknown rule %q%s", i.Rule, mean(i.Rule, ids))
	}
	if i.Reason == "" {
		return fmt.Errorf("lint: rule %s is ignored without a reason: want for example %q", i.Rule, i.Rule+"=fixed in the next release")
	}
	return nil
}

// Ignoring returns the report without the findings of some rules, which are counted in
// [Report.Ignored]. It fails if a rule does not exist or a reason is missing.
func (r Report) Ignoring(rules ...Ignored) (Report, error) {
	for _, i := range rules {
		if err := i.check(); err != nil {
			return r, err
		}
	}
	is := func(rule string) bool {
		return slices.ContainsFunc(rules, func(i Ignored) bool { return i.Rule == rule })
	}
	kept := slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return is(f.Rule) })
	r.Ignored += len(r.Findings) - len(kept)
	r.Findings = kept
	r.Unjudged = slices.DeleteFunc(slices.Clone(r.Unjudged), func(u Unjudged) bool { return is(u.Rule) })
	return r, nil
}

func mean(wrote string, words []string) string {
	if hint := near.Mean(wrote, words); hint != "" {
		return ": " + hint
	}
	return "; see Rules"
}
