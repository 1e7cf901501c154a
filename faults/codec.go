package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/strict"
)

// UnmarshalJSON implements [json.Unmarshaler]. The fields of a rule are name, where
// and until (filters, see [record.ParseFilters]), connect, after, every, times, for,
// probability, seed, continue, optional, beforeAuth, disabled, known, and do or seq, which
// are lists of effects. An effect is its name, or an object whose one field is the
// name, with the arguments as its value: see
// docs/reference/rules.md.
//
//	{"where": "op=blob.get repo=lib/*", "after": 1, "times": 2,
//	 "do": [{"delay": "2s"}, {"status": {"code": 503, "retryAfter": "1s"}}]}
//
// It checks everything that [Rule.Check] checks. Errors name the field.
func (r *Rule) UnmarshalJSON(text []byte) error {
	var t effect.RuleText
	if err := strict.Decode(text, &t); err != nil {
		return err
	}
	rule := ruleOf(t)
	if err := rule.Check(); err != nil {
		if rule.Name != "" {
			err = fmt.Errorf("rule %q: %w", rule.Name, err)
		}
		return err
	}
	*r = rule
	return nil
}

func ruleOf(t effect.RuleText) Rule {
	return Rule{
		Name:    t.Name,
		Filters: t.Where,
		Connect: t.Connect,
		When: When{
			After: t.After, Every: bound(t.Every), Times: bound(t.Times), For: time.Duration(bound(t.For)), Until: t.Until,
			Probability: bound(t.Probability), Seed: t.Seed,
		},
		Effects: effectsOf(t.Do),
		Steps:   effectsOf(t.Seq),
		Flags:   Flags{Continue: t.Continue, Optional: t.Optional, BeforeAuth: t.BeforeAuth, Disabled: t.Disabled},
		Known:   t.Known,
	}
}

// bound returns a bound of [When]: 0 if the text has none.
func bound[N int | effect.Duration | float64](given *N) (none N) {
	if given == nil {
		return none
	}
	return positive(*given)
}

// boundText returns a bound for text, which has none if it is 0.
func boundText[N int | effect.Duration | float64](n N) *N {
	if n == 0 {
		return nil
	}
	return &n
}

func effectsOf(texts []effect.Text) []Effect {
	var effects []Effect
	for _, t := range texts {
		effects = append(effects, of(t.Behaviour))
	}
	return effects
}

// MarshalJSON implements [json.Marshaler]. It fails if one of the filters has no
// text, as one made by [record.Match], or if something in it is not UTF-8.
func (r Rule) MarshalJSON() ([]byte, error) {
	w, f := r.When, r.Flags
	text, err := json.Marshal(effect.RuleText{
		Name: r.Name, Where: r.Filters, Connect: r.Connect,
		After: w.After, Every: boundText(w.Every), Times: boundText(w.Times), For: boundText(effect.Duration(w.For)), Until: w.Until,
		Probability: boundText(w.Probability), Seed: w.Seed,
		Continue: f.Continue, Optional: f.Optional, BeforeAuth: f.BeforeAuth, Disabled: f.Disabled, Known: r.Known,
		Do: effect.Texts(Behaviours(r.Effects)), Seq: effect.Texts(Behaviours(r.Steps)),
	})
	var failed *json.MarshalerError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return nil, fmt.Errorf("faults: rule %q: %w", r.Name, err)
	}
	if lossy(text) {
		return nil, fmt.Errorf("faults: rule %q has bytes that are not UTF-8, and so no text", r.Name)
	}
	return text, nil
}

// lossy reports whether a text in JSON has the mark that stands for bytes which are
// not UTF-8, and so cannot be written.
func lossy(text []byte) bool {
	const mark = `\ufffd`
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if strings.HasPrefix(string(text[i:min(i+len(mark), len(text))]), mark) {
			return true
		}
		i++ // what is escaped
	}
	return false
}
