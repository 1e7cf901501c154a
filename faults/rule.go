package faults

import (
	"slices"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Rule says where, when and how a registry fails. Rules are plain values: the
// methods return changed copies, so that a rule can be written in one line and
// used again.
//
//	faults.On(op.BlobGet).Repo("app").After(1).Times(2).Do(faults.Status(503))
//
// Text is the same rule in JSON and YAML, see [ParseRules].
type Rule struct {
	// Name is the rule's name in the record and in messages. Names are unique in an
	// engine; without one, the engine gives a number: "fault-3".
	Name string

	// Filters choose the requests, all of them must hold; none means every
	// request. Those on answers are refused.
	Filters []record.Filter

	// Connect is a rule on connections, before their first request, rather than
	// on requests. It has no filters.
	Connect bool

	// When chooses among these.
	When When

	// Effects happen together, the first outermost; Steps happen one at each time
	// that the rule fires, and then the rule is over. A rule has one of both.
	Effects []Effect
	Steps   []Effect

	Flags Flags

	// Known is the name of the known fault that the rule belongs to, or empty; see
	// package known. It is enough that one of the rules of a known fault fires: which one
	// does depends on the client.
	Known string
}

// When chooses among the requests that a rule's filters mean, and on which its
// effects can act: [IgnoreRange] can act on a GET with Range only. They are counted
// from when the rule was added. The zero value means all.
//
// A rule fires when one of its effects acts. A request on which none can act is left to
// the rules after it, as far as that is known before the request is served: the method,
// the header and the length of the request, and whether the tag or the upload session
// exists. What depends on the answer is not known then: [Reset] after 100 bytes does not
// act on an answer of 50, and the rule does not fire, but rules after it do not apply to
// the request.
type When struct {
	After       int             // the first so many are let pass
	Every       int             // of those after, every so many'th, the first of them included; 0 and 1 mean all
	Times       int             // the rule is over once it has fired so often; 0: never
	For         time.Duration   // the rule is over so long after it first fired; 0: never
	Until       []record.Filter // the rule is over once a request that all of these mean has begun; none: never
	Probability float64         // of those left, this part, between 0 and 1; 0 means all

	// Seed decides which part. The decision depends on the seed, on the operation, on
	// what it is about, and on how often that was asked for before, not on the
	// order in which a client's parallel requests arrive. A rule remembers how often
	// for the first 16384 different things; those beyond share counters.
	Seed uint64
}

// Flags are what else may be said of a rule.
type Flags struct {
	Continue   bool // the rules after it apply too
	Optional   bool // it is no failure of the test if it does not fire
	BeforeAuth bool // it counts requests that will be challenged, too
	Disabled   bool // it neither counts nor fires
}

// On returns a rule on requests for one of the operations, or for any if none is
// given.
func On(ops ...op.Op) Rule {
	if len(ops) == 0 {
		return Rule{}
	}
	return Rule{Filters: []record.Filter{record.Op(ops...)}}
}

// OnConnect returns a rule on connections, as they are opened.
func OnConnect() Rule { return Rule{Connect: true} }

// Named sets the rule's name.
func (r Rule) Named(name string) Rule {
	r.Name = name
	return r
}

// Where adds filters, which must hold too.
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

// Times ends the rule once it has fired n times, at least once.
func (r Rule) Times(n int) Rule {
	r.When.Times = positive(n)
	return r
}

// Every fires at every n'th request only; at each of them if n is 1.
func (r Rule) Every(n int) Rule {
	r.When.Every = positive(n)
	return r
}

// For ends the rule some time after it first fired, more than 0.
func (r Rule) For(d time.Duration) Rule {
	r.When.For = positive(d)
	return r
}

// Until ends the rule once a request that all filters mean has begun.
func (r Rule) Until(filters ...record.Filter) Rule {
	r.When.Until = slices.Clone(filters)
	return r
}

// WithProbability fires at a part of the requests, more than 0 and at most 1, chosen
// by the seed; see [When].
func (r Rule) WithProbability(p float64, seed uint64) Rule {
	r.When.Probability, r.When.Seed = positive(p), seed
	return r
}

// positive returns a number that was given. 0, which means no bound in [When], becomes
// a negative number, which [Rule.Check] refuses: a rule that fires 0 times is a
// mistake, and not one that fires always.
func positive[N int | duration | time.Duration | float64](n N) N {
	if n == 0 {
		return -1
	}
	return n
}

// Do sets what happens, all of it at each time.
func (r Rule) Do(effects ...Effect) Rule {
	r.Effects = slices.Clone(effects)
	return r
}

// Seq sets what happens at the first time, at the second, and so on; after the
// last one the rule is over. [Pass] lets one time pass, [All] is several effects
// at one time.
func (r Rule) Seq(steps ...Effect) Rule {
	r.Steps = slices.Clone(steps)
	return r
}

// Continue lets the rules after it apply to the same request too.
func (r Rule) Continue() Rule {
	r.Flags.Continue = true
	return r
}

// Optional says that it is no failure of the test if the rule does not fire.
func (r Rule) Optional() Rule {
	r.Flags.Optional = true
	return r
}

// BeforeAuth applies the rule before credentials are looked at. Otherwise only
// requests that were let in count, but for those for tokens and for /v2/.
func (r Rule) BeforeAuth() Rule {
	r.Flags.BeforeAuth = true
	return r
}

// String returns the rule's name, and its filters.
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
