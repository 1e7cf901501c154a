package engine

import (
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// active is a rule in an engine, and its counts.
type active struct {
	engine  *Engine
	repo    string          // the only repository that the filters allow, if that is simple to tell
	alias   string          // likewise, the only alias
	filters []record.Filter // the others on requests
	answer  []record.Filter // of a rule on answers, those to judge when the answer is known
	ops     filter.Ops      // that the filters allow
	rule    faults.Rule     // does not change
	effects []effect.Behaviour
	steps   []effect.Behaviour
	edits   bool // some effects change the request on its way, which is before authentication

	admitted atomic.Bool // of a rule for a name with faults: authentication has admitted a request for the name

	mu       sync.Mutex // guards what follows
	disabled bool
	over     bool
	seen     int
	chosen   int       // of those seen, how many its counts chose
	hits     int       // of those chosen, on how many an effect acted
	unable   int       // requests that match the filters, and on which no effect can act
	first    time.Time // when it first fired
	acted    []bool    // which of the effects, or steps, acted; nil: none
	asked    occurrences
	memory   map[kept]any // what effects keep between requests
	lost     int          // requests that match the filters, and that another rule took while this one had not fired
	lostTo   string       // that rule
	known    *knownState
}

func (e *Engine) newActive(rule faults.Rule) *active {
	a := &active{engine: e, rule: rule, effects: faults.Behaviours(rule.Effects), steps: faults.Behaviours(rule.Steps), disabled: rule.Flags.Disabled}
	a.edits = slices.ContainsFunc(slices.Concat(a.effects, a.steps), effect.EditsRequest)
	a.ops = filter.Allowed(rule.Filters)
	onAnswer := slices.ContainsFunc(rule.Filters, func(f record.Filter) bool { return f.Stage() == record.OnAnswer })
	a.filters = slices.DeleteFunc(slices.Clone(rule.Filters), func(f record.Filter) bool {
		if onAnswer && f.Stage() != record.OnRequest {
			a.answer = append(a.answer, f)
			return true
		}
		return onOperation(f) || only(f, "repo=", &a.repo) || only(f, "alias=", &a.alias)
	})
	return a
}

// onOperation reports whether the operation of a request decides what a filter matches.
func onOperation(f record.Filter) bool {
	return strings.HasPrefix(f.String(), "op=") || strings.HasPrefix(f.String(), "op!=")
}

// only stores the name that a filter matches in at, if the filter is of this kind and
// matches a single name, and at is empty. It reports whether it did.
func only(f record.Filter, kind string, at *string) bool {
	name, ok := strings.CutPrefix(f.String(), kind)
	if !ok || *at != "" || strings.ContainsAny(name, `*,"\`) {
		return false
	}
	*at = name
	return true
}

// matches reports whether the rule's filters match a request for one of its operations.
// exchange is called if it is needed.
func (a *active) matches(info *op.Info, exchange func() *record.Exchange) bool {
	return (a.repo == "" || a.repo == info.Repo) && (a.alias == "" || a.alias == info.Alias) && (len(a.filters) == 0 || exchange().Matches(a.filters...))
}

// prospect returns the prospect of the effects that act next, and how often the rule
// had fired. It asks the Store, so the lock is not held.
func (a *active) prospect(info *op.Info, r *http.Request, store registry.Store) (likely effect.Prospect, hits int) {
	a.mu.Lock()
	if a.disabled || a.ended() {
		a.mu.Unlock()
		return effect.Never, 0
	}
	effects, hits := a.next(), a.hits
	a.mu.Unlock()
	return effect.BestProspect(effects, info, r, store), hits
}

// aim counts a request that the filters match, and returns a shot if the rule chooses it.
func (a *active) aim(state *inflight.State, r *http.Request, store registry.Store) *shot {
	info := state.Info()
	likely, hits := a.prospect(info, r, store)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.disabled || a.ended() {
		return nil
	}
	if len(a.steps) > 0 && a.hits != hits { // another request took the step
		likely = effect.BestProspect(a.next(), info, r, nil)
	}
	if likely == effect.Never {
		a.unable++
		return nil
	}
	a.seen++
	if !a.due(a.seen, func() string { return Point(info) }, true) {
		return nil
	}
	a.chosen++
	s := &shot{rule: a, request: state, step: a.hits}
	if likely == effect.Surely {
		s.state = claimed
		a.count()
	}
	return s
}

// wouldAim reports whether aim would return a shot.
func (a *active) wouldAim(info *op.Info, r *http.Request, store registry.Store) bool {
	likely, _ := a.prospect(info, r, store)
	a.mu.Lock()
	defer a.mu.Unlock()
	return likely != effect.Never && !a.ended() && a.due(a.seen+1, func() string { return Point(info) }, false)
}

// letPass counts a request that the rule lets pass, and that another rule answers
// before this one sees it.
func (a *active) letPass(info *op.Info, r *http.Request, store registry.Store) {
	likely, _ := a.prospect(info, r, store)
	a.mu.Lock()
	defer a.mu.Unlock()
	if likely != effect.Never && !a.ended() {
		a.seen++
		a.due(a.seen, func() string { return Point(info) }, true)
	}
}

// next returns the effects that are to act next.
func (a *active) next() []effect.Behaviour {
	if len(a.steps) > 0 {
		return a.steps[a.hits : a.hits+1]
	}
	return a.effects
}

// count counts that the rule fires.
func (a *active) count() {
	a.hits++
	if a.first.IsZero() {
		a.first = time.Now()
	}
	a.over = a.hits == a.limit()
}

// fire counts a connection, and returns the effects on it. If the rule depends on whether
// the connection uses TLS, and encrypted is nil, fire only returns ask.
func (a *active) fire(encrypted *bool) (effects []effect.Behaviour, fired, ask bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.disabled || a.ended() {
		return nil, false, false
	}
	if effect.OnlyTLS(a.next()) {
		if encrypted == nil {
			return nil, false, true
		}
		if !*encrypted {
			a.unable++
			return nil, false, false
		}
	}
	a.seen++
	if !a.due(a.seen, func() string { return "connect" }, true) {
		return nil, false, false
	}
	effects = a.next()
	a.chosen++
	a.count()
	a.known.fired()
	return effects, true, false
}

// lose notes that another rule took a request or a connection that this rule matches.
func (a *active) lose(winner string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hits == 0 && !a.disabled && !a.over {
		a.lost++
		a.lostTo = winner
	}
}

// ended reports whether the rule will not fire any more.
func (a *active) ended() bool {
	w := &a.rule.When
	if w.For > 0 && !a.first.IsZero() && time.Since(a.first) >= w.For {
		a.over = true
	}
	return a.over
}

// due reports whether the request with this number is one to fire at. With remember,
// it counts how often the point was asked for.
func (a *active) due(number int, point func() string, remember bool) bool {
	w := &a.rule.When
	n := number - w.After - 1
	if n < 0 || w.Every > 1 && n%w.Every != 0 {
		return false
	}
	if w.Probability <= 0 || w.Probability >= 1 {
		return true
	}
	p := point()
	return chance(w.Seed, p, a.asked.count(p, remember)) < w.Probability
}

// chance returns a number between 0 and 1 that depends on its arguments alone.
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
func (a *active) limit() int {
	if len(a.steps) > 0 {
		return len(a.steps)
	}
	return a.rule.When.Times
}

// end ends the rule if the request is the one until which it lasts.
func (a *active) end(exchange func() *record.Exchange) {
	until := a.rule.When.Until
	if len(until) == 0 || !exchange().Matches(until...) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// idle returns the effects that never acted although the rule fired.
func (a *active) idle() (names []string) {
	effects := a.effects
	if len(a.steps) > 0 {
		effects = a.steps[:a.hits]
	}
	if a.hits == 0 || a.rule.Connect {
		return nil
	}
	for i, b := range effects {
		if !effect.IsGroup(b) && (a.acted == nil || !a.acted[i]) {
			names = append(names, b.Kind())
		}
	}
	return names
}

func (a *active) enable(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.disabled = !on
}

func (a *active) state() faults.State {
	a.mu.Lock()
	defer a.mu.Unlock()
	rule := a.rule
	rule.Flags.Disabled = a.disabled
	over := a.ended()
	return faults.State{Rule: rule, Seen: a.seen, Hits: a.hits, Over: over, Unfired: a.unfired()}
}
