package faults

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/op"
)

// active is a rule in an engine, and its counts.
type active struct {
	repo    string      // the only repository that the filters allow, if that is simple to tell
	alias   string      // likewise, the only alias
	filters []op.Filter // the others
	ops     op.Set      // that the filters allow
	rule    Rule        // does not change

	admitted atomic.Bool // of a rule for a magic name: auth has let in a request under it

	mu       sync.Mutex // guards what follows
	disabled bool
	over     bool
	seen     int
	hits     int
	first    time.Time      // when it first fired
	asked    map[string]int // how often each point was seen, if it matters
}

func newActive(rule Rule) *active {
	a := &active{rule: rule, disabled: rule.Flags.Disabled}
	a.ops, a.filters = op.Split(rule.Filters)
	a.filters = slices.DeleteFunc(a.filters, func(f op.Filter) bool {
		return only(f, "repo=", &a.repo) || only(f, "alias=", &a.alias)
	})
	return a
}

// only notes the name that a filter means, if it is of this kind and means a single
// one, and none was noted.
func only(f op.Filter, kind string, at *string) bool {
	name, ok := strings.CutPrefix(f.String(), kind)
	if !ok || *at != "" || strings.ContainsAny(name, `*,"\`) {
		return false
	}
	*at = name
	return true
}

// means tells whether the rule's filters mean a request for one of its operations.
// The request is made when it is needed.
func (a *active) means(info *op.Info, request func() *op.Request) bool {
	return (a.repo == "" || a.repo == info.Repo) && (a.alias == "" || a.alias == info.Alias) && (len(a.filters) == 0 || op.MatchAll(a.filters, request(), nil))
}

// fire counts a request or connection that is meant, and returns what is to
// happen to it.
func (a *active) fire(point func() string) (effects []Effect, fired bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.disabled || a.ended() {
		return nil, false
	}
	a.seen++
	if !a.due(point) {
		return nil, false
	}
	a.hits++
	if a.first.IsZero() {
		a.first = time.Now()
	}
	if len(a.rule.Steps) > 0 {
		effects = a.rule.Steps[a.hits-1 : a.hits]
	} else {
		effects = a.rule.Effects
	}
	a.over = a.hits == a.rule.limit()
	return effects, true
}

// ended tells whether the rule will not fire any more.
func (a *active) ended() bool {
	w := &a.rule.When
	if w.For > 0 && !a.first.IsZero() && time.Since(a.first) >= w.For {
		a.over = true
	}
	return a.over
}

// due tells whether the request that was just counted is one to fire at.
func (a *active) due(point func() string) bool {
	w := &a.rule.When
	n := a.seen - w.After - 1
	if n < 0 || w.Every > 1 && n%w.Every != 0 {
		return false
	}
	if w.Probability <= 0 || w.Probability >= 1 {
		return true
	}
	if a.asked == nil {
		a.asked = map[string]int{}
	}
	p := point()
	a.asked[p]++
	return chance(w.Seed, p, a.asked[p]) < w.Probability
}

// chance returns a number between 0 and 1 that hangs on its arguments alone.
func chance(seed uint64, point string, occurrence int) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d\x00%s\x00%d", seed, point, occurrence)
	return float64(mix(h.Sum64())) / (math.MaxUint64 + 1.0)
}

// mix is the finalizer of splitmix64: FNV alone leaves high bits that are alike.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// limit is how often the rule can fire, 0 if there is no limit.
func (r Rule) limit() int {
	if len(r.Steps) > 0 {
		return len(r.Steps)
	}
	return r.When.Times
}

// end ends the rule if the request is the one until which it lasts.
func (a *active) end(request func() *op.Request) {
	until := a.rule.When.Until
	if len(until) == 0 || !op.MatchAll(until, request(), nil) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

func (a *active) enable(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.disabled = !on
}

func (a *active) state() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	rule := a.rule
	rule.Flags.Disabled = a.disabled
	return State{Rule: rule, Seen: a.seen, Hits: a.hits, Over: a.ended()}
}
