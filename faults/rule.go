package faults

import (
	"slices"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Rule defines which requests fail, at which of them, and how. Rules are values: the
// methods return changed copies.
//
//	faults.On(op.BlobGet).Repo("app").After(1).Times(2).Do(faults.Status(503))
//
// [Rule.UnmarshalJSON] documents the text form.
type Rule struct {
	// Name is the name of the rule in the record and in messages. Names are unique in an
	// engine, which gives a rule without a name a number: "fault-3".
	Name string

	// Filters choose the requests: a request must match all of them. Without filters
	// every request matches. With a filter on the answer, such as [record.Status], the
	// rule acts on what the registry and its auth answer, not on what another rule
	// answers. Filters on exchanges that have ended are refused.
	Filters []record.Filter

	// Connect makes this a rule on connections when they are opened, not on requests. It
	// has no filters.
	Connect bool

	// When chooses some of the requests that match.
	When When

	// Effects happen together each time that the rule fires, the first outermost. Steps
	// happen one each time, and the rule ends after the last one. A rule has either
	// Effects or Steps.
	Effects []Effect
	Steps   []Effect

	Flags Flags

	// Known is the name of the known fault that the rule belongs to, or empty; see
	// package known. It is enough that one of the rules of a known fault fires: which one
	// does depends on the client.
	Known string
}

// When chooses some of the requests that match a rule's filters and on which its effects
// can act: [IgnoreRange] can act on a GET with Range only. Requests are counted from when
// the rule was added. The zero value chooses all of them.
//
// A rule fires when one of its effects acts. If none of them can act on a request, later
// rules apply to it. This is decided before the request is served, by its method, header
// and length, and by whether the tag or the upload session exists. An effect that depends
// on the answer can turn out not to act: [Reset] after 100 bytes does not act on an answer
// of 50. Then the rule does not fire, and later rules do not apply to the request either.
type When struct {
	After       int             // lets this many requests pass first
	Every       int             // chooses every n-th of the requests after those, from the first on; 0 and 1: all
	Times       int             // ends the rule after it has fired this many times; 0: no limit
	For         time.Duration   // ends the rule this long after it first fired; 0: no limit
	Until       []record.Filter // ends the rule when a request begins that matches all of these; none: no limit
	Probability float64         // chooses this fraction of the remaining requests, at most 1; 0: all

	// Seed chooses the fraction. The choice depends on the seed, on the point of the
	// request, and on the number of earlier requests with the same point, but not on the
	// order of a client's parallel requests. The point is the operation, the repository,
	// and the tag or digest. A rule counts the first 16384 points separately; further ones
	// share counters.
	Seed uint64
}

// Flags are further properties of a rule.
type Flags struct {
	Continue   bool // later rules apply to the same request too
	Optional   bool // a test does not fail if the rule never fires
	BeforeAuth bool // the rule applies before authentication
	Disabled   bool // the rule neither counts nor fires
}

// On returns a rule on requests for any of the operations, or on all requests if there
// are none.
func On(ops ...op.Op) Rule {
	if len(ops) == 0 {
		return Rule{}
	}
	return Rule{Filters: []record.Filter{record.Op(ops...)}}
}

// OnConnect returns a rule on connections when they are opened.
func OnConnect() Rule { return Rule{Connect: true} }

// Named sets the rule's name.
func (r Rule) Named(name string) Rule {
	r.Name = name
	return r
}

// Where adds filters. A request must match all filters of a rule. A filter on the answer
// makes the rule one on answers: see [Rule].
func (r Rule) Where(filters ...record.Filter) Rule {
	r.Filters = slices.Concat(r.Filters, filters)
	return r
}

// Repo is Where with [record.Repo].
func (r Rule) Repo(patterns ...string) Rule { return r.Where(record.Repo(patterns...)) }

// Tag is Where with [record.Tag].
func (r Rule) Tag(patterns ...string) Rule { return r.Where(record.Tag(patterns...)) }

// Digest is Where with [record.Digest].
func (r Rule) Digest(digests ...digest.Digest) Rule { return r.Where(record.Digest(digests...)) }

// After lets the first n requests pass.
func (r Rule) After(n int) Rule {
	r.When.After = n
	return r
}

// Times ends the rule after it has fired n times, at least once.
func (r Rule) Times(n int) Rule {
	r.When.Times = positive(n)
	return r
}

// Every makes the rule fire at every n-th request only, from the first on.
func (r Rule) Every(n int) Rule {
	r.When.Every = positive(n)
	return r
}

// For ends the rule a duration, more than 0, after it first fired.
func (r Rule) For(d time.Duration) Rule {
	r.When.For = positive(d)
	return r
}

// Until ends the rule when a request begins that matches all filters.
func (r Rule) Until(filters ...record.Filter) Rule {
	r.When.Until = slices.Clone(filters)
	return r
}

// WithProbability makes the rule fire at a fraction of the requests, more than 0 and at
// most 1, which the seed chooses; see [When].
func (r Rule) WithProbability(p float64, seed uint64) Rule {
	r.When.Probability, r.When.Seed = positive(p), seed
	return r
}

// positive returns a number that was given. 0, which means no bound in [When], becomes
// a negative number, which [Rule.Check] refuses: a rule that fires 0 times is a
// mistake, and not one that fires always.
func positive[N int | effect.Duration | time.Duration | float64](n N) N {
	if n == 0 {
		return -1
	}
	return n
}

// Do sets the effects, which happen together each time that the rule fires.
func (r Rule) Do(effects ...Effect) Rule {
	r.Effects = slices.Clone(effects)
	return r
}

// Seq sets one effect for each time that the rule fires; the rule ends after the last
// one. [Pass] lets a request pass, and [All] combines effects.
func (r Rule) Seq(steps ...Effect) Rule {
	r.Steps = slices.Clone(steps)
	return r
}

// Continue makes later rules apply to the same request too.
func (r Rule) Continue() Rule {
	r.Flags.Continue = true
	return r
}

// Optional makes the rule optional: a test does not fail if it never fires.
func (r Rule) Optional() Rule {
	r.Flags.Optional = true
	return r
}

// BeforeAuth applies the rule before authentication. By default, only requests that were
// admitted count, except those for tokens and for /v2/. A rule with an effect that changes the
// request on its way, such as [DropRequestHeader], always applies before authentication.
func (r Rule) BeforeAuth() Rule {
	r.Flags.BeforeAuth = true
	return r
}

// String returns the name of the rule and its filters.
func (r Rule) String() string {
	text := strconv.Quote(r.Name)
	if r.Connect {
		return text + " on connections"
	}
	for i, f := range r.Filters {
		if i == 0 {
			text += " on"
		}
		text += " " + f.String()
	}
	return text
}
