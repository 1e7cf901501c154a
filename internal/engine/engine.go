// Package engine applies the rules of package faults to requests and connections, in front
// of any registry.
package engine

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// Engine applies rules to the requests that pass its handlers. It is safe for concurrent
// use, and rules can change while requests run. A nil Engine has no rules, and its
// handlers pass every request on.
type Engine struct {
	store registry.Store // without faults
	env   *effect.Env
	layer layer
	*rules
}

// rules are the rules of an engine and of those beside it.
type rules struct {
	mu      sync.Mutex // guards changes of the plan
	envs    []*effect.Env
	number  int
	changed chan struct{}        // closed at the next change; nil if nothing waits for it
	plan    atomic.Pointer[plan] // nil: nothing to do
}

// plan is what to do with requests. It does not change once it is in use.
type plan struct {
	rules      []*active   // on requests
	byOp       [][]staged  // those that apply to requests for each operation, in order
	answers    [][]*active // those that apply to answers to each operation, in order
	connect    []*active
	intercepts []*intercept
	until      bool               // some rule ends at a request
	names      map[string]*active // the first of the rules for each name, see [Engine.ByName]
}

type intercept struct {
	handle func(http.ResponseWriter, *http.Request, *op.Info) bool
}

func newRules(env *effect.Env) *rules { return &rules{envs: []*effect.Env{env}} }

// New returns an engine without rules. The registry must use [Engine.Store] in place of
// the store. The store can be nil if no effect on content is needed.
func New(store registry.Store) *Engine {
	env := effect.NewEnv(store)
	return &Engine{store: store, env: env, rules: newRules(env)}
}

// Beside returns an engine with the same rules, which count together, for another server with a
// Store of its own. A rule is accepted if it can act on one of the servers. The engine is never
// forgotten.
func (e *Engine) Beside(store registry.Store) *Engine {
	beside := &Engine{store: store, env: effect.NewEnv(store), layer: e.layer, rules: e.rules}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.envs = append(e.envs, beside.env)
	return beside
}

// Bind tells the engine what its server offers. If a rule cannot act there, it returns an error,
// and nothing changes.
func (e *Engine) Bind(site effect.Site) error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	envs := slices.Clone(e.envs)
	envs[slices.Index(envs, e.env)] = e.env.At(site)
	var errs []error
	for _, a := range e.plan.Load().all() {
		if err := canActIn(a.rule, envs); err != nil {
			errs = append(errs, fmt.Errorf("faults: rule %q: %w", a.rule.Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	e.env.Bind(site)
	return nil
}

// Store returns the Store for the registry: the engine's Store with the effects on content.
func (e *Engine) Store() registry.Store { return e.env.FaultyStore() }

// External returns the handler of the second origin; see [effect.Env.External].
func (e *Engine) External(registry http.Handler) http.Handler { return e.env.External(registry) }

// Add adds rules after the existing ones. It adds all of them or, if it returns an
// error, none. A rule is refused if its name is taken, if it has no effects, if a filter
// matches only exchanges that have ended, if an effect can never act here, or if a filter
// is on the answer and an effect acts before.
func (e *Engine) Add(rules ...faults.Rule) error {
	_, err := e.add(rules)
	return err
}

// Inject is Add, and returns handles for the rules.
func (e *Engine) Inject(rules ...faults.Rule) ([]faults.Injected, error) {
	added, err := e.add(rules)
	if err != nil {
		return nil, err
	}
	handles := make([]faults.Injected, len(added))
	for i, a := range added {
		handles[i] = &injected{e, a}
	}
	return handles, nil
}

func (e *Engine) add(rules []faults.Rule) ([]*active, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.plan.Load().copy()
	added, err := e.addTo(p, rules)
	if err != nil {
		return nil, err
	}
	e.use(p)
	return added, nil
}

// addTo adds rules to a plan that is not in use yet. e.mu is held.
func (e *Engine) addTo(p *plan, rules []faults.Rule) ([]*active, error) {
	known := p.known()
	var added []*active
	var errs []error
	for _, rule := range rules {
		if rule.Name == "" {
			rule.Name = e.newName(p)
		}
		if err := e.check(rule, p); err != nil {
			errs = append(errs, fmt.Errorf("faults: rule %q: %w", rule.Name, err))
			continue
		}
		a := e.newActive(rule)
		if rule.Known != "" {
			if known[rule.Known] == nil {
				known[rule.Known] = &knownState{}
			}
			a.known = known[rule.Known]
		}
		added = append(added, a)
		p.add(a)
	}
	return added, errors.Join(errs...)
}

// check returns an error if a rule cannot be added to a plan.
func (e *Engine) check(rule faults.Rule, p *plan) error {
	if p.has(rule.Name) {
		return errors.New("there is a rule with this name already")
	}
	if e.layer == userLayer { // the rules of a profile are checked with the profile
		if err := rule.Check(); err != nil {
			return err
		}
	}
	return canActIn(rule, e.envs)
}

// canActIn returns an error if a rule can act with none of the environments: that of the first. It
// prepares those in which the rule can act.
func canActIn(rule faults.Rule, envs []*effect.Env) error {
	var errs []error
	for _, env := range envs {
		if err := canAct(rule, env); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == len(envs) {
		return errs[0]
	}
	return nil
}

// canAct returns an error if a rule can never act with what a server offers.
func canAct(rule faults.Rule, env *effect.Env) error {
	if !env.Site().Connections {
		if rule.Connect {
			return errors.New("it acts on connections, which a handler in another server's mux does not have: use registrytest.New or ocifake serve")
		}
		if f, ok := onConnection(rule); ok {
			return fmt.Errorf("filter %s is on the connection, which a handler in another server's mux does not know: use registrytest.New or ocifake serve", f)
		}
	}
	for _, b := range faults.Behaviours(slices.Concat(rule.Effects, rule.Steps)) {
		if err := env.Use(b); err != nil {
			return err
		}
	}
	return nil
}

// onConnection returns the first filter of a rule that is on the connection of a request.
func onConnection(rule faults.Rule) (f record.Filter, ok bool) {
	for _, f := range slices.Concat(rule.Filters, rule.When.Until) {
		if strings.HasPrefix(strings.TrimPrefix(f.String(), "!"), "conn") {
			return f, true
		}
	}
	return f, false
}

// known returns the states of the known faults that the rules of a plan belong to, by name.
func (p *plan) known() map[string]*knownState {
	states := map[string]*knownState{}
	for _, a := range p.all() {
		if a.known != nil {
			states[a.rule.Known] = a.known
		}
	}
	return states
}

// newName returns a name that no rule has. e.mu is held.
func (e *Engine) newName(p *plan) string {
	for {
		e.number++
		if name := "fault-" + strconv.Itoa(e.number); !p.has(name) {
			return name
		}
	}
}

func (p *plan) has(name string) bool {
	return slices.ContainsFunc(p.all(), func(a *active) bool { return a.rule.Name == name })
}

// use makes a plan the one in force. e.mu is held.
func (e *Engine) use(p *plan) {
	if len(p.rules) == 0 && len(p.connect) == 0 && len(p.intercepts) == 0 {
		p = nil
	} else {
		p.sumUp()
	}
	e.plan.Store(p)
	e.announce()
}

func (p *plan) copy() *plan {
	if p == nil {
		return &plan{}
	}
	return &plan{rules: slices.Clone(p.rules), connect: slices.Clone(p.connect), intercepts: slices.Clone(p.intercepts)}
}

func (p *plan) add(a *active) {
	if a.rule.Connect {
		p.connect = append(p.connect, a)
	} else {
		p.rules = append(p.rules, a)
	}
}

func (p *plan) sumUp() {
	p.byOp = make([][]staged, len(op.All())+1)
	p.answers = make([][]*active, len(p.byOp))
	for _, a := range p.rules {
		for o := range p.byOp {
			switch {
			case !a.ops.Has(op.Op(o)):
			case len(a.answer) > 0:
				p.answers[o] = append(p.answers[o], a)
			default:
				p.byOp[o] = append(p.byOp[o], staged{a, a.stageFor(op.Op(o))})
			}
		}
	}
	p.names = map[string]*active{}
	for _, a := range p.rules {
		if name := a.byName(); name != "" && p.names[name] == nil {
			p.names[name] = a
		}
	}
	p.until = slices.ContainsFunc(p.all(), func(a *active) bool { return len(a.rule.When.Until) > 0 })
}

// all returns the rules in the order in which they were added.
func (p *plan) all() []*active {
	if p == nil {
		return nil
	}
	return slices.Concat(p.rules, p.connect)
}

// remove removes the rules for which a function returns true, and returns their number.
func (e *Engine) remove(gone func(*active) bool) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.plan.Load().copy()
	before := len(p.all())
	p.rules = slices.DeleteFunc(p.rules, gone)
	p.connect = slices.DeleteFunc(p.connect, gone)
	e.use(p)
	return before - len(p.all())
}

// Remove removes the rule with this name, and reports whether it existed. Requests on
// which it acts already are not affected.
func (e *Engine) Remove(name string) bool {
	return e.remove(func(a *active) bool { return a.rule.Name == name }) > 0
}

// Clear removes all rules and interceptors, and shows all content that effects such as
// [Hide] have hidden.
func (e *Engine) Clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.use(&plan{})
	for _, env := range e.envs {
		env.Clear()
	}
}

// Close releases deleted content that effects kept visible. The rules stay.
func (e *Engine) Close() {
	if e != nil {
		e.env.Clear()
	}
}

// Enable enables or disables the rule with this name, and reports whether it exists. The
// rule keeps its counts.
func (e *Engine) Enable(name string, on bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.plan.Load().all() {
		if a.rule.Name == name {
			a.enable(on)
			e.announce()
			return true
		}
	}
	return false
}

// Rules returns the rules in the order in which they apply, rules on connections last.
func (e *Engine) Rules() []faults.State {
	var list []faults.State
	for _, a := range e.plan.Load().all() {
		list = append(list, a.state())
	}
	return list
}

// Intercept calls a function with every request before the rules apply to it, until the
// returned function is called. If it returns true, it has answered the request. It
// receives requests that authentication has admitted, and requests for tokens and for
// /v2/. It can be called concurrently. info is a copy. Of several interceptors, the last
// one is called first.
func (e *Engine) Intercept(handle func(w http.ResponseWriter, r *http.Request, info *op.Info) (handled bool)) (remove func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := &intercept{handle}
	p := e.plan.Load().copy()
	p.intercepts = slices.Insert(p.intercepts, 0, i)
	e.use(p)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		p := e.plan.Load().copy()
		p.intercepts = slices.DeleteFunc(p.intercepts, func(other *intercept) bool { return other == i })
		e.use(p)
	}
}
