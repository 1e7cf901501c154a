// Package faultnames reads faults in the names of repositories, for clients that cannot
// be configured otherwise. A request for
//
//	fault/status-503/times-2/lib/app
//
// is a request for lib/app, and is answered with 503 the first two times. Between
// "fault/" and the repository stand faults: [Words], and known faults for which [Check]
// returns nil.
//
//	fault/reset-mid-blob/app                          a known fault
//	fault/delay-2s/status-429/retry-after-5/app       two faults that happen together
//	fault/reset-1000/of-request/on-upload.chunk/app   a fault, and words that describe it
//
// A repository whose own name begins with "fault/" cannot be reached while names are read.
package faultnames

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

const (
	prefix = "fault/" // of names with faults

	// maxFaults is the maximum number of faults in one name.
	maxFaults = 8
)

// Vocabulary is the words and known faults that names can contain. It implements
// the Names interface of internal/engine.
type Vocabulary struct {
	known map[string]known.Fault
	words []word
	names []string // of all
}

// New returns a vocabulary of [Words] and all known faults.
func New() *Vocabulary {
	v := &Vocabulary{known: map[string]known.Fault{}, words: wordTable()}
	for _, f := range known.All() {
		v.known[f.Name] = f
		v.names = append(v.names, f.Name)
	}
	for _, w := range v.words {
		v.names = append(v.names, w.form())
	}
	return v
}

// Repo returns the name of the repository without the faults. A name without faults, and
// an invalid name, are returned unchanged.
func (v *Vocabulary) Repo(name string) (string, error) {
	if !strings.HasPrefix(name, prefix) || !op.ValidRepository(name) {
		return name, nil
	}
	_, repo, err := v.split(name)
	return repo, err
}

// find returns the word for a segment of a name, and its value.
func (v *Vocabulary) find(segment string) (w word, value string, ok bool) {
	for _, w := range v.words {
		if value, ok := w.cut(segment); ok {
			return w, value, true
		}
	}
	return word{}, "", false
}

// split splits a name into the segments that are in the vocabulary and the repository
// behind them.
func (v *Vocabulary) split(name string) (segments []string, repo string, err error) {
	repo = strings.TrimPrefix(name, prefix)
	for repo != "" {
		segment, rest, _ := strings.Cut(repo, "/")
		_, isKnown := v.known[segment]
		_, _, isWord := v.find(segment)
		if !isKnown && !isWord {
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

// unknown returns the error for a segment that is not a fault. A number at its end does
// not count for similarity.
func (v *Vocabulary) unknown(segment string) error {
	err, text := fmt.Errorf("there is no fault %q", segment), segment
	if i := strings.LastIndexByte(segment, '-'); i > 0 && beginsWithDigit(segment[i+1:]) {
		text = segment[:i]
	}
	mean := near.Mean(text, v.names)
	if mean == "" {
		mean = "write one such as status-503 or reset-mid-blob"
	}
	return fmt.Errorf("%w: %s", err, mean)
}

// Rules returns the rules for the faults in a name. Each fault has its own counts, and
// the faults that are due happen together.
func (v *Vocabulary) Rules(name string) ([]faults.Rule, error) {
	segments, _, err := v.split(name)
	if err != nil {
		return nil, err
	}
	var all []faults.Rule
	var last *namedFault // nil behind a known fault
	count := 0
	for _, segment := range segments {
		if f, ok := v.known[segment]; ok {
			if err := Check(f); err != nil {
				return nil, err
			}
			all, last = append(last.appendTo(all), f.Rules()...), nil
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
		return nil, fmt.Errorf("%d faults in one name: use at most %d", count, maxFaults)
	}
	return under(name, last.appendTo(all))
}

// add applies a word: the fault itself, or a word that describes it.
func (f *namedFault) add(w word, value string) (err error) {
	switch {
	case f == nil:
		return errors.New("it describes the fault before it: put it behind one such as status-503; known faults have their own counts")
	case w.value.form != "" && !w.value.valid(value):
		return fmt.Errorf("write %s, %s", w.form(), w.value.hint)
	case w.change != nil:
		return w.change(f, value)
	}
	effect, err := w.effect(value)
	f.rule = f.rule.Do(effect)
	return err
}

// appendTo appends the rule of the fault, after all words that describe it.
func (f *namedFault) appendTo(rules []faults.Rule) []faults.Rule {
	if f == nil {
		return rules
	}
	on := f.on
	if len(on) == 0 {
		on = f.word.on
	}
	if len(on) > 0 {
		f.rule = f.rule.Where(record.Op(on...))
	}
	return append(rules, f.rule)
}

// under restricts rules to requests for a name.
func under(name string, rules []faults.Rule) ([]faults.Rule, error) {
	only := record.Alias(name)
	for i, rule := range rules {
		rule.Name = name
		if i > 0 {
			rule.Name += fmt.Sprintf("#%d", i+1)
		}
		if len(rule.When.Until) > 0 {
			rule = rule.Until(append(slices.Clone(rule.When.Until), only)...)
		}
		rule.Known = ""
		rules[i] = rule.Where(only).Continue().Optional()
		if err := rules[i].Check(); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// Check returns an error if a known fault cannot be chosen by name: it acts on
// connections, or on requests that name no repository.
func Check(f known.Fault) error {
	for _, rule := range f.Rules() {
		ops := filter.Allowed(rule.Filters)
		inside := func(o op.Op) bool { return ops.Has(o) && (o.InRepository() || o == op.External) }
		switch {
		case rule.Connect:
			return errors.New(f.Name + " acts on connections, which have no name of a repository")
		case ops.Has(op.Token) || ops.Has(op.TokenKeys) || ops.Has(op.Ping):
			return errors.New(f.Name + " acts on requests for tokens or for /v2/, which have no name of a repository")
		case !slices.ContainsFunc(op.All(), inside):
			return errors.New(f.Name + " acts on requests that have no name of a repository")
		}
	}
	return nil
}
