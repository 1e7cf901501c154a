package exam

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// subject is a scenario and what is known about it.
type subject struct {
	Scenario
	config
	name string // of the exported function

	base *memstore.Store // content after Setup; nil for any other kind of store

	// Learned from runs without a fault.
	plain  *report
	same   bool           // another run left the same content
	again  map[string]int // requests of each kind in another run
	strict bool           // the registry refuses manifests whose blobs are missing

	*virtualTime
}

// virtualTime is shared by the subjects of a test, which has one bubble at a time.
type virtualTime struct {
	mu        sync.Mutex // guards the fields below, and is held while a bubble runs
	frozen    bool       // virtual time stood still: everything runs on loopback
	abandoned string     // the run in which it did
}

// circumstance is what a run has that the run without a fault does not have.
type circumstance struct {
	rules   []faults.Rule
	options []registrytest.Option
	dense   bool         // the registry refuses manifests whose blobs are missing
	whole   bool         // lists are not divided into small pages
	prepare func(*Trial) // before the client runs; nil: nothing
	plain   *report      // the run without a fault; nil if this is the one
}

// attempt is a run of a client under a circumstance.
type attempt struct {
	of *subject
	circumstance

	slot   *slot   // of a command, unless it runs by itself
	wanted bool    // the flag -run does not exclude it
	begun  bool    // it ran, or runs
	ran    *report // until it is judged
}

func newSubject(t *testing.T, name string, scenario Scenario, opts []Option) *subject {
	t.Helper()
	s := &subject{
		Scenario: scenario, config: newConfig(opts, scenario.Loopback, scenario.Serial, scenario.Timeout),
		name: name, virtualTime: new(virtualTime),
	}
	if err := errors.Join(s.errs...); err != nil {
		t.Fatalf("exam: %s: %v", name, err)
	}
	if scenario.Run == nil || scenario.Check == nil {
		t.Fatalf("exam: %s: the scenario needs Run and Check: without Check, corrupted content goes unnoticed", name)
	}
	if store, ok := s.store().(*memstore.Store); ok {
		s.setUp(t, store)
		s.base = store
	}
	return s
}

// mode is how a trial runs.
type mode struct {
	loopback bool // and in real time
	within   time.Duration
}

func (s *subject) virtual() mode { return mode{within: s.within} }

// real is the mode for trials that do not run in a bubble.
func (s *subject) real() mode {
	if s.loopback {
		return mode{true, s.within}
	}
	return mode{true, s.withinFrozen}
}

// setUp runs Setup on a store.
func (s *subject) setUp(t *testing.T, store registry.Store) {
	t.Helper()
	if s.Setup == nil {
		return
	}
	reg, err := s.start(mode{loopback: s.loopback}, store, nil)
	if err != nil {
		t.Fatalf("exam: %s: %v", s.name, err)
	}
	defer reg.Close()
	s.Setup(t, reg)
}

// start starts a registry with a store, and with options beside those of the config.
func (s *subject) start(in mode, store registry.Store, more []registrytest.Option) (*registrytest.Registry, error) {
	opts := []registrytest.Option{registrytest.WithLogger(slog.New(slog.DiscardHandler))}
	if f, ok := store.(foreign); ok {
		opts = append(opts, registrytest.WithHandler(f.handler))
	} else {
		opts = append(opts, registrytest.WithStore(store))
	}
	if !in.loopback {
		opts = append(opts, registrytest.WithInMemory())
	}
	return registrytest.Start(slices.Concat(opts, s.registry, more)...)
}

// pageSize is the size of the pages of lists: a client that reads one page only should
// not pass because the lists of tests are short.
const pageSize = 2

// relax sets the options of a registry, and reports whether those of the user allow manifests
// whose blobs are missing.
func (s *subject) relax(reg *registrytest.Registry, c *circumstance) (sparse bool) {
	if s.newHandler != nil {
		return false
	}
	options := reg.Options()
	sparse = options.AllowSparse
	options.AllowSparse = sparse || !s.strict && !c.dense
	if options.PageSize == 0 && !c.whole {
		options.PageSize = pageSize
	}
	reg.SetOptions(options)
	return sparse
}

// filled returns a store with the content of Setup.
func (s *subject) filled(t *testing.T) registry.Store {
	t.Helper()
	if s.base != nil {
		return s.base.Clone()
	}
	store := s.store()
	s.setUp(t, store)
	return store
}

// planned returns the number of requests of each kind in the run without a fault, or nil
// if this is that run.
func (c *circumstance) planned() map[string]int {
	if c.plain == nil {
		return nil
	}
	return c.plain.tries
}

// learn runs the scenario without a fault: once to learn its requests, and once more to
// learn whether it always leaves the same content.
func (s *subject) learn(t *testing.T) {
	t.Helper()
	plain := s.alone(t)
	if plain.content != nil && plain.err == nil {
		s.strict = true
		plain = s.alone(t)
	}
	violations := (&evidence{report: plain}).judge()
	if len(violations) > 0 {
		t.Fatalf("exam: %s: the run without a fault failed:\n%s%s", s.name, indented(violations), plain.journal)
	}
	if len(plain.log) == 0 {
		t.Fatalf("exam: %s: the client sent no request: make it use the Transport of the trial", s.name)
	}
	again := s.alone(t)
	s.plain, s.same = plain, again.err == nil && sameListing(plain.after, again.after)
}

// alone runs the scenario without a fault, in a bubble if possible.
func (s *subject) alone(t *testing.T) *report {
	t.Helper()
	a := &attempt{of: s}
	if r := s.together(t, "the run without a fault", a)[0]; r != nil {
		return r
	}
	return s.onLoopback(t, a)
}

// together runs attempts in a bubble. The reports of those that need loopback are nil.
func (v *virtualTime) together(t *testing.T, name string, attempts ...*attempt) []*report {
	t.Helper()
	if v.frozen || attempts[0].of.loopback {
		return make([]*report, len(attempts))
	}
	reports := bubble(t, attempts)
	for i, r := range reports {
		switch {
		case r == nil:
			v.frozen, v.abandoned = true, name
		case r.failed != nil:
			t.Fatalf("exam: %s: %v", attempts[i].of.name, r.failed)
		}
	}
	return reports
}

func (s *subject) onLoopback(t *testing.T, a *attempt) *report {
	t.Helper()
	r := &report{}
	r.run(a, s.real(), s.filled(t), &watch{})
	if r.failed != nil {
		t.Fatalf("exam: %s: %v", s.name, r.failed)
	}
	return r
}

// inBubble returns the report of an attempt that ran in a bubble, or nil if it needs
// loopback. Others of a row that wait run in the same bubble.
func (v *virtualTime) inBubble(t *testing.T, name string, row []*attempt, a *attempt) *report {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if a.ran == nil {
		batch := batchOf(row, a)
		for i, r := range v.together(t, name, batch...) {
			batch[i].ran = r
		}
	}
	r := a.ran
	a.ran = nil // its log takes memory
	return r
}

// batchOf returns an attempt and others that wait.
func batchOf(row []*attempt, first *attempt) []*attempt {
	batch := []*attempt{first}
	for _, a := range row {
		if !a.of.serial && a != first && a.wanted && !a.begun && len(batch) < batchSize {
			batch = append(batch, a)
		}
	}
	for _, a := range batch {
		a.begun = true
	}
	return batch
}
