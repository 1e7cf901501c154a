// Package learn makes a profile of a recording of what a registry answered to its clients.
//
//	result, err := learn.From("", learn.Recording{Name: "mine.har", Log: log})
//
// What the recording shows becomes facts. Traits that it does not show stay unknown, and so do
// those of which it shows two values. Answers that a fault rule changed, failures of the server and
// refusals for too many requests are left out. No credentials reach a fact: of the header fields,
// only those of a table are learned, and all texts pass package redact.
//
// Two tables say which exchanges show a trait: answers and observations. Package evidence says
// which value an answer shows, for this package and for the probes.
package learn

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/evidence"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
)

// Recording is a log with the name of its file, which the evidence of facts cites.
type Recording struct {
	Name string
	Log  record.Log
}

// Result is what recordings show.
type Result struct {
	Host      string // of the registry
	Exchanges int    // with it
	Facts     []profiles.Fact
	Conflicts []Conflict
}

// Conflict is a trait that stays unknown because the recordings contradict one another or
// themselves, or because no profile can have the value.
type Conflict struct {
	Trait string
	Why   string
}

// MaxExchanges is the largest number of exchanges in all recordings.
const MaxExchanges = 100_000

// From returns what recordings show of the registry with a host. An empty host is that of all
// requests of the distribution API, which must be the same.
func From(host string, recordings ...Recording) (Result, error) {
	host, err := chooseHost(host, recordings)
	if err != nil {
		return Result{}, err
	}
	l := &learner{seen: map[string][]sighting{}, Result: Result{Host: host}}
	for _, r := range recordings {
		s := newState()
		for i := range r.Log {
			x := &r.Log[i]
			if l.Exchanges++; l.Exchanges > MaxExchanges {
				return Result{}, fmt.Errorf("learn: more than %d exchanges: cut the recording", MaxExchanges)
			}
			l.exchange(s, newExchange(r.Name, x))
		}
	}
	l.conclude()
	return l.Result, nil
}

// chooseHost returns the host whose registry is learned.
func chooseHost(host string, recordings []Recording) (string, error) {
	var hosts []string
	for _, r := range recordings {
		for i := range r.Log {
			switch x := &r.Log[i]; x.Op {
			case op.Unknown, op.External, op.Token, op.TokenKeys:
			default:
				if !slices.Contains(hosts, x.Host) && len(hosts) < maxHosts {
					hosts = append(hosts, x.Host)
				}
			}
		}
	}
	slices.Sort(hosts)
	switch {
	case len(hosts) == 0:
		return "", errors.New("learn: the recording has no request of the distribution API")
	case host == "" && len(hosts) > 1:
		return "", fmt.Errorf("learn: the recording has several registries: choose one of %s", strings.Join(hosts, ", "))
	case host != "" && !slices.Contains(hosts, host):
		return "", fmt.Errorf("learn: the recording has no request to %q: it has those to %s", host, strings.Join(hosts, ", "))
	}
	return cmp.Or(host, hosts[0]), nil
}

const maxHosts = 20 // in a message

// sighting is an exchange that shows a value of a trait.
type sighting struct {
	evidence.Value
	*exchange
	answer bool // the trait is about the answer as a whole: its header and its body are learned, too
}

// learner collects sightings.
type learner struct {
	Result
	seen map[string][]sighting // by trait
}

const maxSightings = 200 // of a trait and a value

// exchange adds what an exchange shows.
func (l *learner) exchange(s *state, x *exchange) {
	switch {
	case x.isToken(s):
		for _, r := range tokens {
			l.add(r, s, x, r.trait == "auth.token-fields")
		}
	case x.Host != l.Host || !x.judged():
	default:
		for _, r := range answers {
			if r.fits(s, x) {
				l.add(r, s, x, true)
				break
			}
		}
		for _, r := range observations {
			l.add(r, s, x, false)
		}
		s.learn(x)
	}
}

// fits reports whether an exchange shows the trait of a row.
func (r *row) fits(s *state, x *exchange) bool {
	return (len(r.ops) == 0 || slices.Contains(r.ops, x.Op)) && (r.when == nil || r.when(s, x))
}

// add adds a sighting if the exchange shows the trait of a row.
func (l *learner) add(r row, s *state, x *exchange, answer bool) {
	if !r.fits(s, x) {
		return
	}
	show := r.show
	if show == nil {
		show = func(*state, *exchange) (evidence.Value, bool) { return x.Shows(r.trait) }
	}
	v, ok := show(s, x)
	if ok && len(v.Value) <= maxValue && clean(v.Value) == v.Value {
		l.see(r.trait, sighting{v, x, answer})
	}
}

const maxValue = 250 // bytes

func (l *learner) see(trait string, new sighting) {
	same := 0
	for _, old := range l.seen[trait] {
		if old.Value.Value == new.Value.Value {
			same++
		}
	}
	if same < maxSightings {
		l.seen[trait] = append(l.seen[trait], new)
	}
}

// conclude turns sightings into facts.
func (l *learner) conclude() {
	for _, trait := range profiles.Traits() {
		all := l.seen[trait.Name]
		if len(all) == 0 {
			continue
		}
		chosen, why := agree(trait, all)
		if why != "" {
			l.Conflicts = append(l.Conflicts, Conflict{trait.Name, why})
			continue
		}
		fact := profiles.Fact{
			Trait: trait.Name, Value: profiles.Value(chosen.Value.Value), Seen: clean(chosen.Seen),
			Source: chosen.ref, Grade: profiles.FromWire, Date: chosen.date(),
		}
		l.describe(&fact, all)
		l.Facts = append(l.Facts, fact)
	}
	if l.check() != nil {
		l.drop()
	}
}

func (l *learner) check() error {
	p := profiles.Profile{Name: "learned", Facts: l.Facts}
	return p.Check()
}

// drop takes out the facts with which a profile does not work, such as one on tokens without the
// challenge that asks for them.
func (l *learner) drop() {
	all := l.Facts
	l.Facts = nil
	for _, f := range all {
		l.Facts = append(l.Facts, f)
		if err := l.check(); err != nil {
			l.Facts = l.Facts[:len(l.Facts)-1]
			l.Conflicts = append(l.Conflicts, Conflict{f.Trait, clean(fmt.Sprintf("%s cannot be: %v (%s)", f.Value, err, f.Source))})
		}
	}
}

// agree returns the sighting that a fact cites, or why there is no fact.
func agree(trait profiles.Trait, all []sighting) (sighting, string) {
	chosen := all[0]
	for _, s := range all[1:] {
		value, ok := evidence.Join(trait.Name, chosen.Value.Value, s.Value.Value)
		if !ok {
			return chosen, fmt.Sprintf("%s (%s), but %s (%s)", chosen.Value.Value, chosen.ref, s.Value.Value, s.ref)
		}
		if value == s.Value.Value && value != chosen.Value.Value {
			chosen = s
		}
	}
	return chosen, ""
}

// Shown returns, for each exchange of a recording, what it shows: the traits, and of an outcome
// with an error code also "code of " and the trait.
func Shown(r Recording) [][]string {
	s := newState()
	all := make([][]string, len(r.Log))
	for i := range r.Log {
		x := newExchange(r.Name, &r.Log[i])
		l := &learner{seen: map[string][]sighting{}, Result: Result{Host: x.Host}}
		l.exchange(s, x)
		for trait, seen := range l.seen {
			all[i] = append(all[i], trait)
			if strings.Contains(seen[0].Value.Value, " ") && seen[0].answer {
				all[i] = append(all[i], "code of "+trait)
			}
		}
		slices.Sort(all[i])
	}
	return all
}
