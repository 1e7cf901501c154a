package exam

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/internal/pulled"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// Run examines a client: it runs each action under each of many circumstances, and judges
// the content that it leaves and the requests that it sends. The circumstances are in groups:
//
//	none      nothing is wrong
//	duties    what the specification demands of clients
//	faults    the known faults, see package known
//	profiles  the registries of package profiles
//	traits    each value of each trait of package profiles, alone
//	sweep     a request of the plain run fails, see [Sweep]; all of them with [All]
//
// Each trial is a subtest, whose name is the ID of its result, as in "faults/blob-500/pull".
// It has a registry of its own, and fails if the verdict is a fault of the client:
// [Verdict.Fault]. Trials run in virtual time as those of Sweep, whose limits apply.
//
// If an action fails when nothing is wrong, the test fails and ends. If three functions do
// not return after their context ended, the rest of the exam does not take place.
//
// Of the options, [WithEffects] and [MustRecover] apply to the sweep, and WithStore and WithHandler
// are refused.
func Run(t *testing.T, client Client, opts ...Option) *Scorecard {
	if t == nil {
		panic("exam: Run: t is nil: Run needs a test, because each trial is a subtest")
	}
	t.Helper()
	begun := time.Now()
	e, err := newExam(client, opts)
	if err == nil {
		err = e.learn(func(attempts []*attempt) []*report { return e.learnIn(t, attempts) })
	}
	var trials []*trial
	if err == nil {
		trials, err = e.plan()
	}
	if err != nil {
		t.Fatalf("exam: Run: %v", err)
	}
	for _, group := range byGroup(trials) {
		row := make([]*attempt, len(group))
		for i, x := range group {
			row[i] = &x.attempt
		}
		t.Run(group[0].group, func(t *testing.T) {
			for _, x := range group {
				t.Run(strings.TrimPrefix(x.id(), x.group+"/"), func(t *testing.T) { e.try(t, row, x) })
			}
		})
	}
	card := e.card()
	card.Duration = time.Since(begun)
	return card
}

// exam is a client and what is known about it.
type exam struct {
	config
	client   Client
	examined []*examined
	trials   []*trial

	app, pushed, attached v1.Image // in the registry; to be pushed; to be pushed, with a subject
	appDigest             digest.Digest

	plainPull pulled.Result // what was found after the plain pull
	unended   atomic.Int32

	processes processes     // CPU time of the commands
	slots     *slots        // nil in a test
	idle      time.Duration // after which a command that does nothing has hung

	mu      sync.Mutex // guards what follows
	results []TrialResult
}

// examined is an action of the client.
type examined struct {
	action
	*subject
	equip  func(*Trial)
	plains map[string]*report // runs without a fault by the name of their access; those that failed are missing
}

// maxUnended is the number of functions that do not return at which an exam ends.
const maxUnended = 3

func newExam(client Client, opts []Option) (*exam, error) {
	e := &exam{config: newConfig(opts, client.Loopback, client.Serial, client.Timeout), client: client}
	if e.newStore != nil || e.newHandler != nil {
		e.errs = append(e.errs, errors.New("WithStore and WithHandler are for Sweep and Chaos: an exam brings its content"))
	}
	if err := errors.Join(e.errs...); err != nil {
		return nil, err
	}
	base, err := e.fill()
	if err != nil {
		return nil, err
	}
	virtual := new(virtualTime)
	for _, a := range allActions() {
		run := a.of(&client)
		if run == nil {
			continue
		}
		s := &subject{config: e.config, name: "Run", base: base, virtualTime: virtual}
		s.Scenario = Scenario{Run: run,
			Check: func(ctx context.Context, t *Trial) error { return a.check(e, ctx, t) }}
		if a.left != nil {
			s.CheckFailed = func(ctx context.Context, t *Trial) error { return a.left(e, ctx, t) }
		}
		e.examined = append(e.examined, &examined{action: a, subject: s, plains: map[string]*report{}, equip: func(t *Trial) { e.equip(a, t) }})
	}
	if len(e.examined) == 0 {
		return nil, errors.New("the client has no action: set Push, Pull, List, Copy, Referrers or Run")
	}
	return e, nil
}

// fill makes the content of the registries.
func (e *exam) fill() (*memstore.Store, error) {
	e.app = images.Random(images.Seed(e.seed+1), images.Layers(2), images.LayerSize(2048))
	e.pushed = images.Random(images.Seed(e.seed+2), images.Layers(2), images.LayerSize(2048))
	store := memstore.New(memstore.Options{})
	reg, err := registrytest.Start(registrytest.WithInMemory(), registrytest.WithStore(store), registrytest.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	defer reg.Close()
	for _, tag := range appTags {
		e.appDigest = reg.Push(nil, appRepo+":"+tag, e.app).Digest
	}
	reg.Push(nil, copyRepo+":other", referrer(0))
	reg.Push(nil, signed+":"+appTags[0], e.app)
	for range 2 { // in the list of referrers, and under the tag for clients of registries without one
		for i := range referrerCount {
			reg.Attach(nil, signed+":"+appTags[0], referrer(i))
		}
		reg.SetOptions(registry.Options{NoReferrers: true})
	}
	e.attached, err = withSubject(e.pushed, e.app)
	return store, err
}

// equip sets what a function of the client needs.
func (e *exam) equip(a action, t *Trial) {
	t.exam, t.image = e, e.app
	a.equip(e, t)
	switch service := t.AuthService(); {
	case service == nil:
	case slices.Contains(service.Users(), user):
		t.Username, t.Password = user, password
	default:
		login := t.Login(nil, user)
		t.Username, t.Password = login.Username, login.Password
	}
}

// learn runs the actions without a fault, with each access that a trial needs: once to learn
// their requests, and once more to learn what differs between runs.
func (e *exam) learn(run func([]*attempt) []*report) error {
	unlearned, err := e.plan()
	if err != nil {
		return err
	}
	needed := slices.DeleteFunc(slices.Clone(accesses), func(a *access) bool {
		return a != openAccess && !slices.ContainsFunc(unlearned, func(x *trial) bool { return x.access == a })
	})
	var attempts []*attempt
	for _, of := range e.examined {
		for _, a := range needed {
			plain := &attempt{of: of.subject, circumstance: circumstance{options: a.options(), prepare: of.equip}}
			again := *plain
			attempts = append(attempts, plain, &again)
		}
	}
	reports := run(attempts)
	for _, of := range e.examined {
		for _, a := range needed {
			r, again := reports[0], reports[1]
			reports = reports[2:]
			violations := (&evidence{report: r}).judge()
			ok := r.failed == nil && len(violations) == 0 && len(r.log) > 0
			if ok {
				r.answers = answers(r.log)
				maps.Copy(r.answers, answers(again.log))
				of.plains[a.name] = r
			}
			if a != openAccess {
				continue
			}
			switch {
			case r.failed != nil:
				return r.failed
			case len(violations) > 0:
				return fmt.Errorf("%s fails when nothing is wrong, which ends the exam:\n%s%s%s", of.action.name, indented(violations), r.journal, quotedOutput(r.output))
			case !ok:
				return fmt.Errorf("%s: the client sent no request to the registry, which ends the exam", of.action.name)
			}
			if of.action.name == "pull" {
				e.plainPull = r.found
			}
			of.same = again.err == nil && sameListing(again.after, r.after)
			of.again = again.tries
			result := (&trial{group: "none", action: of.action.name}).result(r)
			result.Verdict, result.Reason = passed, "the client succeeded, and its result is right"
			e.put(result)
		}
	}
	return nil
}

// quotedOutput returns what a client printed, for a message.
func quotedOutput(output string) string {
	if output == "" {
		return ""
	}
	return "output:\n" + output
}

// learnIn runs attempts in bubbles of a test, or on loopback.
func (e *exam) learnIn(t *testing.T, attempts []*attempt) []*report {
	t.Helper()
	var reports []*report
	for batch := range slices.Chunk(attempts, batchSize) {
		for i, r := range batch[0].of.together(t, "the run without a fault", batch...) {
			if r == nil {
				r = batch[i].of.onLoopback(t, batch[i])
			}
			reports = append(reports, r)
		}
	}
	return reports
}

// byGroup divides trials into those of the same group.
func byGroup(trials []*trial) (groups [][]*trial) {
	for _, x := range trials {
		if last := len(groups) - 1; last >= 0 && groups[last][0].group == x.group {
			groups[last] = append(groups[last], x)
		} else {
			groups = append(groups, []*trial{x})
		}
	}
	return groups
}

// try runs a trial of a test.
func (e *exam) try(t *testing.T, row []*attempt, x *trial) {
	t.Helper()
	if x.skip != "" {
		e.put(x.skipped())
		t.Skip("not applicable: " + x.skip)
	}
	x.wanted = true
	if !e.serial {
		t.Parallel() // until all trials of the group know whether they are wanted
	}
	if e.unended.Load() >= maxUnended {
		result := x.notRun()
		e.put(result)
		t.Skip(result.Reason)
	}
	r := x.of.inBubble(t, x.id(), row, &x.attempt)
	if r == nil {
		r = x.of.onLoopback(t, &x.attempt)
	}
	if !r.ended {
		e.unended.Add(1)
	}
	result := x.judge(r)
	result.Repeat = "go test -run '" + runPattern(t.Name()) + "'"
	e.put(result)
	if !result.Verdict.Fault() {
		return
	}
	text := fmt.Sprintf("exam: Run: %s: %s: %s\n%sto run it again: %s", result.ID(), result.Verdict, result.Reason, r.journal, result.Repeat)
	if e.reportOnly {
		t.Log(text)
	} else {
		t.Error(text)
	}
}

// put adds a result.
func (e *exam) put(result TrialResult) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.results = append(e.results, result)
	if e.progress != nil {
		e.progress(result)
	}
}

// card returns the scorecard.
func (e *exam) card() *Scorecard {
	card := &Scorecard{Client: e.client.Name, Version: e.client.Version, Seed: e.seed, Trials: e.results}
	for _, of := range e.examined[:1] {
		if of.abandoned != "" {
			card.Notes = append(card.Notes, fmt.Sprintf("virtual time stood still in %s: one bubble was abandoned, and all further trials were on loopback, in real time", of.abandoned))
		}
	}
	for _, of := range e.examined {
		if of.action.name == "pull" && e.plainPull.State != pulled.Found && e.client.Check == nil {
			card.Notes = append(card.Notes, "what the client pulled is not in its directory, and there is no check: wrong content goes unnoticed")
		}
	}
	card.Sort()
	return card
}
