package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/op"
)

const (
	magicPrefix = "fault/" // of the names of repositories
	magicRule   = "magic:" // of the names of rules

	// maxFaults is how many there may be in one name.
	maxFaults = 8
)

// isMagic reports whether a name of a repository may have faults in it. One that is
// not valid is left to the registry to refuse.
func isMagic(name string) bool {
	return strings.HasPrefix(name, magicPrefix) && op.ValidRepository(name)
}

// vocabulary is what may stand in magic names.
type vocabulary struct {
	presets map[string]Preset
	words   []word
	names   []string // of all
}

func newVocabulary() *vocabulary {
	v := &vocabulary{presets: map[string]Preset{}, words: wordTable()}
	for _, p := range Known() {
		v.presets[p.Name] = p
		v.names = append(v.names, p.Name)
	}
	for _, w := range v.words {
		v.names = append(v.names, w.form())
	}
	return v
}

// find returns the word that a segment of a name is, and its value.
func (v *vocabulary) find(segment string) (w word, value string, ok bool) {
	for _, w := range v.words {
		if value, ok := w.cut(segment); ok {
			return w, value, true
		}
	}
	return word{}, "", false
}

// split cuts a magic name into the segments that are of the vocabulary and the
// repository behind them.
func (v *vocabulary) split(name string) (segments []string, repo string, err error) {
	repo = strings.TrimPrefix(name, magicPrefix)
	for repo != "" {
		segment, rest, _ := strings.Cut(repo, "/")
		_, preset := v.presets[segment]
		_, _, word := v.find(segment)
		if !preset && !word {
			break
		}
		segments, repo = append(segments, segment), rest
	}
	switch {
	case len(segments) == 0:
		segment, _, _ := strings.Cut(repo, "/")
		return nil, "", v.unknown(segment)
	case repo == "":
		return nil, "", fmt.Errorf("the name of a repository is missing: want it last, as in %s/app", strings.TrimRight(name, "/"))
	}
	return segments, repo, nil
}

// unknown is the error of a segment that is no fault. Numbers are not what it is
// near to others by.
func (v *vocabulary) unknown(segment string) error {
	err, text := fmt.Errorf("there is no fault %q", segment), segment
	if i := strings.LastIndexByte(segment, '-'); i > 0 && beginsWithDigit(segment[i+1:]) {
		text = segment[:i]
	}
	mean := near.Mean(text, v.names)
	if mean == "" {
		mean = "want one as status-503 or reset-mid-blob"
	}
	return fmt.Errorf("%w: %s", err, mean)
}

// rules are what a magic name asks for, on requests under it. Each fault has its
// own counts, and those that are due happen together.
func (v *vocabulary) rules(name string, segments []string) ([]Rule, error) {
	var all []Rule
	var last *namedFault // nil behind a preset
	count := 0
	for _, segment := range segments {
		if p, ok := v.presets[segment]; ok {
			if err := p.Magic(); err != nil {
				return nil, err
			}
			all, last = append(last.appendTo(all), p.Rules()...), nil
			count++
			continue
		}
		w, value, _ := v.find(segment)
		if w.change == nil {
			all, last = last.appendTo(all), &namedFault{word: w}
			count++
		}
		if err := last.add(w, value); err != nil {
			return nil, fmt.Errorf("%s: %w", segment, err)
		}
	}
	if count > maxFaults {
		return nil, fmt.Errorf("%d faults in one name: want %d at most", count, maxFaults)
	}
	return under(name, last.appendTo(all))
}

// add takes in a word: the fault's own, or one that says something about it.
func (f *namedFault) add(w word, value string) (err error) {
	switch {
	case f == nil:
		return errors.New("want it behind a fault as status-503, of which it says when or how; presets have counts of their own")
	case w.value.form != "" && !w.value.valid(value):
		return fmt.Errorf("want %s, %s", w.form(), w.value.hint)
	case w.change != nil:
		return w.change(f, value)
	}
	effect, err := w.effect(value)
	f.rule = f.rule.Do(effect)
	return err
}

// appendTo adds the rule, once everything was said about it.
func (f *namedFault) appendTo(rules []Rule) []Rule {
	if f == nil {
		return rules
	}
	on := f.on
	if len(on) == 0 {
		on = f.word.on
	}
	if len(on) > 0 {
		f.rule = f.rule.Where(op.Is(on...))
	}
	return append(rules, f.rule)
}

// under returns rules as they are for requests under a magic name.
func under(name string, rules []Rule) ([]Rule, error) {
	only := op.Alias(name)
	for i, rule := range rules {
		rule.Name = magicRule + strings.TrimPrefix(name, magicPrefix)
		if i > 0 {
			rule.Name += fmt.Sprintf("#%d", i+1)
		}
		if len(rule.When.Until) > 0 {
			rule = rule.Until(append(slices.Clone(rule.When.Until), only)...)
		}
		rule.Preset = ""
		rules[i] = rule.Where(only).Continue().Optional()
		if err := rules[i].Check(); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// Magic tells why the preset cannot be chosen by its name in a reference, see
// [Engine.Magic]; nil if it can.
func (p Preset) Magic() error {
	for _, rule := range p.Rules() {
		ops, _ := op.Split(rule.Filters)
		inside := func(o op.Op) bool { return ops.Has(o) && (o.InRepository() || o == op.External) }
		outside := func(o op.Op) bool { return ops.Has(o) && stageOf(o) == early }
		switch {
		case rule.Connect:
			return errors.New(p.Name + " acts on connections, in which there is no name of a repository")
		case slices.ContainsFunc(op.All(), outside):
			return errors.New(p.Name + " acts on requests for tokens, or for /v2/, in which there is no name of a repository")
		case !slices.ContainsFunc(op.All(), inside):
			return errors.New(p.Name + " acts on requests in which there is no name of a repository")
		}
	}
	return nil
}
