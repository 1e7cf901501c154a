package exam

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"testing"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// Scenario is the work of a client, which [Sweep] runs with one fault after another.
type Scenario struct {
	// Setup fills the registry that each trial begins with. Only the content is kept:
	// rules and options of reg are not. Setup may be nil.
	Setup func(t testing.TB, reg *registrytest.Registry)

	// Run lets the client do its work, through [registrytest.Registry.Transport], and
	// returns the client's error. It must return when its context ends. Trials run in
	// parallel: Run keeps in [Trial.Got] what Check needs.
	Run func(ctx context.Context, reg *Trial) error

	// Check returns an error if the client's result or the registry's content is
	// wrong. It compares every byte. Sweep calls it if Run returned no error. The
	// fault is removed by then, so Check may send requests to the registry.
	Check func(ctx context.Context, reg *Trial) error
}

// Trial is one run of a [Scenario], on a registry of its own.
type Trial struct {
	*registrytest.Registry

	// Got passes a result from Run to Check.
	Got any

	t *testing.T
}

// Dir returns a new directory, which is removed when the trial ends. It panics if the
// directory cannot be created.
//
// Unlike that of [testing.T.TempDir], its name has no characters that clients
// misread in a reference to a directory.
func (t *Trial) Dir() string {
	dir, err := os.MkdirTemp("", "sweep-")
	if err != nil {
		panic(fmt.Errorf("exam: create a directory for a trial: %w", err))
	}
	t.t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.t.Logf("exam: remove the directory of a trial: %v", err)
		}
	})
	return dir
}

// Sweep runs a scenario once without a fault, and records its points: each request is
// a point, identified by operation, repository, tag or digest, and whether it is the
// first, second, … request of this kind. Then Sweep runs the scenario again for each
// point and each effect of [DefaultEffects], or of those given by [WithEffects]:
// once with the effect on that request only, and once with the effect on that request
// and all later ones of the same kind.
//
// In every run these must hold:
//
//   - Run returns, at the latest when its context ends, and leaves no goroutine behind;
//   - if Run returns no error, neither does Check;
//   - Run returns no error if it did not meet the fault;
//   - Run does not panic;
//   - the client does not flood the registry: at most 50 requests plus ten times
//     those of the run without a fault are less than 10 ms apart;
//   - the client sends credentials only to the registry and to hosts that it sent them
//     to without a fault;
//   - the registry's content is consistent, except for open uploads, and unchanged if
//     the run without a fault leaves it unchanged.
//
// Each combination is a cell of a table, and a subtest, which fails if one of these
// does not hold. Its name depends only on the request, the effect and how often it
// acts, and its message contains the command that runs this cell alone. Each cell has
// a registry of its own, in memory and over HTTP/1.1, with the content of Setup. It
// runs in a bubble of [testing/synctest], where waiting takes no time; the context of
// Run ends after an hour of virtual time.
//
// Two kinds of clients do not work in a bubble and need [WithLoopback]: clients that
// start goroutines which outlive Run, and clients that use DNS, because concurrent
// lookups of the same name are shared by the whole program. Sweep cannot recover a
// panic in a goroutine that the client started: it ends the program.
//
// Virtual time stands still while a goroutine waits for a mutex. If a client waits for
// the registry while it holds a mutex that another of its goroutines waits for, Sweep
// runs the cell again in real time, with a limit of ten seconds. The goroutines of the
// first run remain until the program ends.
//
// The subtests are parallel; [WithSerialTrials] runs one at a time. All have ended when
// Sweep returns. It logs the table and returns it.
func Sweep(t *testing.T, scenario Scenario, opts ...Option) *Result {
	if t == nil {
		panic("exam: Sweep: t is nil: Sweep needs a test, because each cell is a subtest")
	}
	t.Helper()
	s := &sweep{Scenario: scenario, config: newConfig(opts)}
	if err := errors.Join(s.errs...); err != nil {
		t.Fatalf("exam: Sweep: %v", err)
	}
	if scenario.Run == nil || scenario.Check == nil {
		t.Fatal("exam: Sweep: the scenario needs Run and Check: without Check, corrupted content goes unnoticed")
	}
	s.prepare(t)
	result := s.learn(t)
	for i := range result.Points {
		cells := result.at(i)
		t.Run(result.Points[i].String(), func(t *testing.T) {
			for i := range cells {
				if cell := &cells[i]; cell.Outcome != NotApplicable {
					t.Run(cell.name(), func(t *testing.T) { s.try(t, cell) })
				}
			}
		})
	}
	if result.Complete() {
		t.Log("exam: Sweep\n" + result.Text())
	}
	return result
}

// sweep is a scenario and what is known about it.
type sweep struct {
	Scenario
	config

	base *memstore.Store // content after Setup; nil for any other kind of store

	// Learned from the run without a fault.
	requests  int      // number of requests
	hosts     []string // that received credentials
	unchanged bool     // the run leaves the content unchanged
}

// prepare runs Setup once, if the store that it fills can be cloned.
func (s *sweep) prepare(t *testing.T) {
	t.Helper()
	store, ok := s.store().(*memstore.Store)
	if !ok {
		return
	}
	s.setUp(t, store)
	s.base = store
}

// setUp runs Setup on a store.
func (s *sweep) setUp(t *testing.T, store registry.Store) {
	t.Helper()
	if s.Setup == nil {
		return
	}
	reg := s.start(t, store)
	defer reg.Close()
	s.Setup(t, reg)
}

// start starts a registry with a store.
func (s *sweep) start(t *testing.T, store registry.Store) *registrytest.Registry {
	t.Helper()
	reg, err := registrytest.Start(append(s.registryOptions(), registrytest.WithStore(store))...)
	if err != nil {
		t.Fatalf("exam: Sweep: %v", err)
	}
	return reg
}

// filled returns a store with the content of Setup.
func (s *sweep) filled(t *testing.T) registry.Store {
	t.Helper()
	if s.base != nil {
		return s.base.Clone()
	}
	store := s.store()
	s.setUp(t, store)
	return store
}

// learn runs the scenario without a fault and returns an empty table for its points.
func (s *sweep) learn(t *testing.T) *Result {
	t.Helper()
	r := &report{}
	r.run(t, s, nil)
	if r.err != nil {
		r.violate("Run returned an error", r.err.Error())
	}
	if len(r.violations) > 0 {
		t.Fatalf("exam: Sweep: the run without a fault failed:\n%s%s", indented(r.violations), r.journal)
	}
	if len(r.log) == 0 {
		t.Fatal("exam: Sweep: the client sent no request: make it use the Transport of the trial")
	}
	s.requests, s.hosts, s.unchanged = len(r.log), credentialHosts(r.log), maps.Equal(r.before, r.after)
	return newResult(t.Name(), pointsOf(r.log), s.effects)
}
