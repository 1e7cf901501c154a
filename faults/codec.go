package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/internal/strict"
	"github.com/ocifake/ocifake/record"
)

// ruleText is a rule in JSON.
type ruleText struct {
	Name        string     `json:"name,omitempty" doc:"name in the record and in messages, unique; by default fault-N"`
	Where       filterText `json:"where,omitempty" doc:"filters on requests, all of which must match; by default every request matches"`
	Connect     bool       `json:"connect,omitempty" doc:"acts on connections as they are opened; takes no filters"`
	After       int        `json:"after,omitempty" doc:"lets this many matching requests pass first"`
	Every       *int       `json:"every,omitempty" doc:"fires at every n-th matching request"`
	Times       *int       `json:"times,omitempty" doc:"the rule ends after firing this many times"`
	For         *duration  `json:"for,omitempty" doc:"the rule ends this long after it first fired"`
	Until       filterText `json:"until,omitempty" doc:"the rule ends when a request that matches these filters begins"`
	Probability *float64   `json:"probability,omitempty" doc:"fires at this fraction of the matching requests, between 0 and 1"`
	Seed        uint64     `json:"seed,omitempty" doc:"chooses the fraction; the same seed chooses the same requests"`
	Continue    bool       `json:"continue,omitempty" doc:"later rules apply to the same request too"`
	Optional    bool       `json:"optional,omitempty" doc:"a rule that never fires does not fail the test"`
	BeforeAuth  bool       `json:"beforeAuth,omitempty" doc:"matches requests before authentication"`
	Disabled    bool       `json:"disabled,omitempty" doc:"neither counts nor fires"`
	Known       string     `json:"known,omitempty" doc:"name of the known fault that the rule belongs to; one of its rules must fire"`

	Do  []effectText `json:"do,omitempty" doc:"effects, all at once, the first outermost"`
	Seq []effectText `json:"seq,omitempty" doc:"one effect each time that the rule fires; the rule ends after the last one"`
}

// UnmarshalJSON implements [json.Unmarshaler]. The fields of a rule are name, where
// and until (filters, see [record.ParseFilters]), connect, after, every, times, for,
// probability, seed, continue, optional, beforeAuth, disabled, known, and do or seq, which
// are lists of effects. An effect is its name, or an object whose one field is the
// name, with the arguments as its value: those of [Kinds].
//
//	{"where": "op=blob.get repo=lib/*", "after": 1, "times": 2,
//	 "do": [{"delay": "2s"}, {"status": {"code": 503, "retryAfter": "1s"}}]}
//
// Everything is checked that can be without an engine. Errors name the field.
func (r *Rule) UnmarshalJSON(text []byte) error {
	var t ruleText
	if err := strict.Decode(text, &t); err != nil {
		return err
	}
	rule := t.rule()
	if err := rule.Check(); err != nil {
		if rule.Name != "" {
			err = fmt.Errorf("rule %q: %w", rule.Name, err)
		}
		return err
	}
	*r = rule
	return nil
}

func (t ruleText) rule() Rule {
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
func bound[N int | duration | float64](given *N) (none N) {
	if given == nil {
		return none
	}
	return positive(*given)
}

// boundText returns a bound for text, which has none if it is 0.
func boundText[N int | duration | float64](n N) *N {
	if n == 0 {
		return nil
	}
	return &n
}

// filterText is a list of filters as text.
type filterText []record.Filter

func (t *filterText) UnmarshalText(text []byte) (err error) {
	*t, err = record.ParseFilters(string(text))
	return err
}

// MarshalText fails if one of the filters has no text.
func (t filterText) MarshalText() ([]byte, error) {
	texts := make([]string, len(t))
	for i, f := range t {
		texts[i] = f.String()
	}
	text := strings.Join(texts, " ")
	_, err := record.ParseFilters(text)
	return []byte(text), err
}

// effectText is an effect in JSON: "name", or {"name": arguments}.
type effectText struct{ effect Effect }

func textsOf(effects []Effect) []effectText {
	texts := make([]effectText, len(effects))
	for i, e := range effects {
		texts[i].effect = e
	}
	return texts
}

func effectsOf(texts []effectText) []Effect {
	var effects []Effect
	for _, t := range texts {
		effects = append(effects, t.effect)
	}
	return effects
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *effectText) UnmarshalJSON(text []byte) error {
	decode := func(name string, arguments []byte) (err error) {
		t.effect, err = decodeEffect(name, arguments)
		return err
	}
	if !strict.Bare(text) {
		return strict.DecodeOne(text, decode)
	}
	var name string
	if strict.Decode(text, &name) != nil {
		return errors.New("want the name of an effect, or a name with arguments")
	}
	return decode(name, nil)
}

func decodeEffect(name string, arguments []byte) (Effect, error) {
	table := kinds()
	i := slices.IndexFunc(table, func(k kind) bool { return k.name == name })
	if i >= 0 {
		return table[i].decode(arguments)
	}
	names := make([]string, len(table))
	for i, k := range table {
		names[i] = k.name
	}
	return nil, &strict.Error{Key: true, Err: fmt.Errorf("there is no effect %q: %s", name, near.Hint(name, names))}
}

func decodeAll(arguments []byte) (Effect, error) {
	var effects []effectText
	if arguments == nil {
		return nil, errors.New("want a list of effects")
	}
	err := strict.Decode(arguments, &effects)
	return all{effectsOf(effects)}, err
}

// noArguments refuses arguments other than null and an empty object.
func noArguments(arguments []byte) error {
	if arguments == nil {
		return nil
	}
	if err := strict.DecodeArguments(arguments, "", &struct{}{}); err != nil {
		return errors.New("this effect has no arguments")
	}
	return nil
}

// MarshalJSON implements [json.Marshaler]. It fails if one of the filters has no
// text, as one made by [record.Match], or if something in it is not UTF-8.
func (r Rule) MarshalJSON() ([]byte, error) {
	w, f := r.When, r.Flags
	text, err := json.Marshal(ruleText{
		Name: r.Name, Where: r.Filters, Connect: r.Connect,
		After: w.After, Every: boundText(w.Every), Times: boundText(w.Times), For: boundText(duration(w.For)), Until: w.Until,
		Probability: boundText(w.Probability), Seed: w.Seed,
		Continue: f.Continue, Optional: f.Optional, BeforeAuth: f.BeforeAuth, Disabled: f.Disabled, Known: r.Known,
		Do: textsOf(r.Effects), Seq: textsOf(r.Steps),
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

// MarshalJSON implements [json.Marshaler].
func (t effectText) MarshalJSON() ([]byte, error) {
	for _, k := range kinds() {
		if k.name != t.effect.kind() {
			continue
		}
		if k.encode == nil {
			return json.Marshal(k.name)
		}
		return json.Marshal(map[string]any{k.name: k.encode(t.effect)})
	}
	return nil, fmt.Errorf("effect %s has no text", t.effect.kind())
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
