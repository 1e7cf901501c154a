package exam

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// trial is one action of a client under one circumstance, and what a correct client does.
type trial struct {
	attempt
	group, name, action string
	access              *access

	mustSucceed bool
	excuses     []string // traits: a client that meets one of them may fail
	mustFail    bool
	anyResult   bool
	correct     string // what a correct client does, as the end of a reason

	differs string                       // the trial applies if answers differ from those of the plain run, or have this trait
	changed bool                         // the content is not that of the plain run
	lint    []string                     // rules of package lint that must not find anything
	holds   func(*trial, *report) string // returns what is wrong with the requests or the content, or ""
	binds   func(record.Log) bool        // the trial applies if the requests are such; nil: any
	cell    *Cell                        // of a sweep; for others, a cell that acts forever

	skip string // why the trial does not apply, if that is known without a run
}

// id is that of the result.
func (x *trial) id() string {
	return (&TrialResult{Group: x.group, Name: x.name, Action: x.action}).ID()
}

// chooses reports whether a trial is chosen: without [Only] all are.
func (c *config) chooses(group, name, action string) bool {
	if len(c.only) == 0 {
		return true
	}
	id := (&TrialResult{Group: group, Name: name, Action: action}).ID()
	return slices.ContainsFunc(c.only, func(chosen string) bool {
		return id == chosen || strings.HasPrefix(id, strings.TrimSuffix(chosen, "/")+"/")
	})
}

// plan returns the trials of all groups but "none", which the plain runs are. Before the plain
// runs are known, it lacks the sweep, and all trials do not apply.
func (e *exam) plan() ([]*trial, error) {
	e.trials = nil
	if err := e.planDuties(); err != nil {
		return nil, err
	}
	e.planFaults()
	if err := e.planProfiles(); err != nil {
		return nil, err
	}
	if err := e.planTraits(); err != nil {
		return nil, err
	}
	e.planSweep()
	return e.trials, nil
}

// add adds a trial of an action, on a registry with an access, if the options choose it.
func (e *exam) add(x trial, of *examined, a *access) {
	if !e.chooses(x.group, x.name, of.action.name) {
		return
	}
	x.action, x.of, x.access = of.action.name, of.subject, a
	x.plain = of.plains[a.name]
	if x.plain == nil && x.skip == "" {
		x.skip = "the client fails on a registry with this authentication when nothing else is wrong"
	}
	if x.cell == nil {
		x.cell = &Cell{Forever: !actOnce(x.rules)}
	}
	if x.options == nil {
		x.options = a.options()
	}
	prepare := x.prepare
	x.changed = prepare != nil
	x.prepare = func(t *Trial) {
		of.equip(t)
		if prepare != nil {
			prepare(t)
		}
	}
	e.trials = append(e.trials, &x)
}

// actOnce reports whether there are rules, and each acts on one request.
func actOnce(rules []faults.Rule) bool {
	return len(rules) > 0 && !slices.ContainsFunc(rules, func(r faults.Rule) bool { return r.When.Times != 1 })
}

// planDuties adds the duties that the specification gives to clients.
func (e *exam) planDuties() error {
	for _, d := range duties {
		for _, of := range e.examined {
			if len(d.actions) > 0 && !slices.Contains(d.actions, of.action.name) {
				continue
			}
			x := trial{group: "duties", name: d.name, mustSucceed: d.expect == succeed, mustFail: d.expect == fail,
				correct: d.source + ": " + d.sentence, lint: d.lint, holds: d.holds, binds: d.binds}
			x.rules, x.dense = d.rules, true
			a := d.access
			if a == nil {
				a = openAccess
			}
			x.options = a.options(d.facts...)
			x.options = append(x.options, d.options...)
			if d.prepare != nil {
				x.prepare = func(t *Trial) { d.prepare(e, t) }
			}
			if plain := of.plains[a.name]; plain != nil && !touches(d.rules, plain.log) {
				x.skip = "the client sends no request that it concerns"
			}
			e.add(x, of, a)
		}
	}
	return nil
}

// planFaults adds the known faults.
func (e *exam) planFaults() {
	for _, f := range known.All() {
		rules := f.Rules()
		a, differs := accessFor(rules), faultsThatDiffer[f.Name]
		for _, of := range e.examined {
			if differs.only != "" && of.action.name != differs.only {
				continue
			}
			x := trial{group: "faults", name: f.Name, mustSucceed: f.Recovers && !differs.mayFail, anyResult: differs.anyResult, correct: "a correct one " + f.Correct}
			x.rules, x.dense, x.whole = rules, true, true
			if plain := of.plains[a.name]; plain != nil && !touches(rules, plain.log) {
				x.skip = "the client sends no request that the fault concerns"
			}
			e.add(x, of, a)
		}
	}
}

// faultsThatDiffer are known faults of which an exam judges clients in another way.
var faultsThatDiffer = map[string]struct {
	only      string // the action that can succeed
	mayFail   bool   // a correct client may fail, too
	anyResult bool   // the result cannot be right
}{
	"forbidden-for-absent":   {only: "push"},
	"link-without-brackets":  {mayFail: true},
	"page-size-405-ecr":      {mayFail: true}, // it does not depend on the size
	"referrers-tag-no-index": {anyResult: true},
	"retry-after-huge":       {mayFail: true},
	"tags-null":              {anyResult: true},
}

// accessWords tell which access the rules of a known fault need. The first row with a word
// in them is right.
var accessWords = []struct {
	word   string
	access *access
}{
	{"BASIC", basicAccess}, {"Negotiate", basicAccess},
	{`"scheme":"http"`, tlsAccess}, {"Bearer", bearerAccess}, {"op=token", bearerAccess}, {"revoke-tokens", bearerAccess}, {"!auth", bearerAccess},
}

func accessFor(rules []faults.Rule) *access {
	text, err := json.Marshal(rules)
	if err != nil {
		return openAccess // rules with functions
	}
	for _, row := range accessWords {
		if strings.Contains(string(text), row.word) {
			return row.access
		}
	}
	return openAccess
}

// touches reports whether rules concern a request of a log. Without rules it does.
func touches(rules []faults.Rule, log record.Log) bool {
	return len(rules) == 0 || slices.ContainsFunc(rules, func(rule faults.Rule) bool {
		return rule.Connect || len(log.Filter(rule.Filters...)) > 0
	})
}

// planProfiles adds the profiles.
func (e *exam) planProfiles() error {
	for _, name := range profiles.Names() {
		p, err := profiles.Find(name)
		if err != nil {
			return err
		}
		a, err := accessOf(p)
		if err != nil {
			return err
		}
		facts, err := p.AllFacts()
		if err != nil {
			return err
		}
		var excuses []string
		for _, f := range facts {
			if profiles.MayFail(f.Trait, f.Value) {
				excuses = append(excuses, f.Trait)
			}
		}
		for _, of := range e.examined {
			x := trial{group: "profiles", name: name, mustSucceed: true, excuses: excuses, correct: "a correct one works with " + p.Title}
			x.options, x.dense, x.whole = []registrytest.Option{registrytest.WithCustomProfile(p)}, true, true
			if of.plains[a.name] == nil {
				x.plain = of.plains[openAccess.name]
			}
			e.add(x, of, a)
		}
	}
	return nil
}

// planTraits adds the values of the traits.
func (e *exam) planTraits() error {
	all, err := variants()
	if err != nil {
		return err
	}
	for _, v := range all {
		for _, of := range e.examined {
			x := trial{group: "traits", name: v.name, mustSucceed: !v.mayFail, correct: "a correct one works with such a registry", differs: v.trait}
			if v.mayFail {
				x.excuses = []string{v.trait}
			}
			x.options, x.dense, x.whole = v.access.options(v.fact), true, v.mayFail && v.family().lists // of short pages, some have no link
			if plain := of.plains[v.access.name]; plain != nil && !v.touches(plain.log) {
				x.skip = "the client sends no request that it concerns"
			}
			e.add(x, of, v.access)
		}
	}
	return nil
}

// chosenPoints is the number of points of an action at which each effect acts, unless [All]
// is given.
const chosenPoints = 2

// planSweep adds the requests of the plain run, each failing in each way, or some of them.
func (e *exam) planSweep() {
	for i, of := range e.examined {
		plain := of.plains[openAccess.name]
		if plain == nil {
			continue
		}
		points := slices.DeleteFunc(pointsOf(plain.log), func(p Point) bool { // of content that differs each time
			return p.Occurrence > of.again[engine.Point(&p.Info)]
		})
		cells := slices.DeleteFunc(newResult("", points, e.effects).Cells, func(c Cell) bool { return c.Verdict == NotApplicable })
		if !e.all {
			cells = choose(cells, seeded(e.seed, uint64(i)))
		}
		for k := range cells {
			x := trial{group: "sweep", name: cells[k].fullName(), cell: &cells[k]}
			x.rules = cells[k].rules
			x.correct = "the option MustRecover demands that it recovers"
			x.mustSucceed = of.subject.demands(&cells[k])
			e.add(x, of, openAccess)
		}
	}
}

// seeded returns random numbers for an action.
func seeded(seed, action uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, action)) }

// choose returns some cells of each effect, in order.
func choose(cells []Cell, random *rand.Rand) []Cell {
	chosen, count := map[int]bool{}, map[string]int{}
	for _, i := range random.Perm(len(cells)) {
		c := &cells[i]
		kind := c.Effect + c.when()
		limit := chosenPoints
		if c.Forever {
			limit = 1
		}
		if count[kind] < limit {
			count[kind]++
			chosen[i] = true
		}
	}
	var some []Cell
	for i := range cells {
		if chosen[i] {
			some = append(some, cells[i])
		}
	}
	return some
}
