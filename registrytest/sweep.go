package registrytest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"testing"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// Scenario is what a client does with a registry, to be tried with one fault
// after the other; see [Sweep].
type Scenario struct {
	// Setup puts content into the registry that each trial begins with. Nothing
	// but the content is taken over. It may be nil.
	Setup func(t testing.TB, reg *Registry)

	// Run lets the client do its work, through [Registry.Transport], and returns
	// its error. It ends when its context does. Trials run in parallel: what Run
	// leaves for Check belongs into the trial.
	Run func(ctx context.Context, reg *Trial) error

	// Check tells what is wrong with what the client has, or with what the
	// registry has, down to the bytes. It is called if Run returned no error, and
	// without a fault: it may ask the registry.
	Check func(ctx context.Context, reg *Trial) error
}

// Trial is one run of a [Scenario], on a registry of its own.
type Trial struct {
	*Registry

	// Got is for what Run has to show to Check.
	Got any

	t *testing.T
}

// Dir returns a new directory, which is removed when the trial is over. Keep its
// name in Got. It panics if there cannot be one.
func (t *Trial) Dir() string {
	dir, err := os.MkdirTemp("", "sweep-") // the name of a test has characters that clients read otherwise
	if err != nil {
		panic(fmt.Errorf("registrytest: sweep: %w", err))
	}
	t.t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.t.Logf("registrytest: sweep: %v", err)
		}
	})
	return dir
}

// Sweep runs a scenario once without faults and learns the points at which it asks
// something of the registry: an operation on a repository, tag or digest, for the
// first, second, … time. Then it runs it again for every point and every effect of
// [DefaultSweepEffects], or of those that [SweepEffects] gives: once with the effect
// on that request alone, and once on that and all later ones like it.
//
// Whatever the registry does, this must hold:
//
//   - the client ends, at the latest when its context does, and leaves no goroutine
//     behind;
//   - if it says that all is well, Check says so too;
//   - it returns no error if it did not meet the fault;
//   - it does not panic;
//   - it makes no storm of requests, more than 50 and ten times those of the run
//     without a fault, with less than 10 ms between one and the next;
//   - it shows credentials to no host that did not get them without a fault;
//   - the registry's content is consistent, but for uploads that are still open, and
//     unchanged if the run without a fault does not change it.
//
// Each cell of the table is a subtest, which fails if something of this does not
// hold. Its name goes by what is asked for, and so is the same always: the message
// has the command that runs it alone. A cell has a registry of its own in memory,
// over HTTP/1.1, with the content that Setup left, in a [synctest] bubble: waiting
// costs no time. The context of Run ends after an hour. Clients that do not work in
// a bubble need [SweepOnLoopback]: those that start goroutines which outlive Run, and
// those that ask DNS, since lookups of the same name are shared by the whole program.
// A panic of a goroutine that the client started cannot be caught: it ends the
// program.
//
// In a bubble time cannot pass while a goroutine waits for a mutex. If a client
// waits for the registry with a mutex held, and another of its goroutines wants
// that, the cell is run again in real time, ten seconds long; what it left in its
// bubble stays there until the program ends.
//
// The subtests are parallel; use [SweepInTurn] if there must be one at a time. When
// Sweep returns, they have all ended. It logs the table, and returns it.
//
// [synctest]: https://pkg.go.dev/testing/synctest
func Sweep(t *testing.T, scenario Scenario, opts ...SweepOption) *SweepResult {
	if t == nil {
		panic("registrytest: Sweep: t is nil: it needs a test, of which the cells are subtests")
	}
	t.Helper()
	s := &sweep{Scenario: scenario, sweepConfig: newSweepConfig(opts)}
	if err := errors.Join(s.errs...); err != nil {
		t.Fatalf("registrytest: sweep: %v", err)
	}
	if scenario.Run == nil || scenario.Check == nil {
		t.Fatal("registrytest: sweep: the scenario has no Run or no Check: without Check nobody finds what was corrupted silently")
	}
	s.prepare(t)
	result := s.learn(t)
	for i := range result.Points {
		cells := result.at(i)
		t.Run(result.Points[i].String(), func(t *testing.T) {
			for i := range cells {
				if cell := &cells[i]; cell.Outcome != Senseless {
					t.Run(cell.name(), func(t *testing.T) { s.try(t, cell) })
				}
			}
		})
	}
	if result.Complete() {
		t.Log("registrytest: sweep\n" + result.Text())
	}
	return result
}

// sweep is a scenario that is being swept.
type sweep struct {
	Scenario
	sweepConfig

	base *memstore.Store // content after Setup; nil if the store is of another kind

	// Learned from the run without a fault.
	requests int      // that it made
	hosts    []string // that were shown credentials
	unmoved  bool     // it leaves the content as it was
}

// prepare makes the content that trials begin with, if it can be cloned.
func (s *sweep) prepare(t *testing.T) {
	t.Helper()
	store, ok := s.store().(*memstore.Store)
	if !ok {
		return
	}
	s.setUp(t, store)
	s.base = store
}

// setUp lets Setup fill a store.
func (s *sweep) setUp(t *testing.T, store registry.Store) {
	t.Helper()
	if s.Setup == nil {
		return
	}
	reg := s.start(t, store)
	defer reg.Close()
	s.Setup(t, reg)
}

// start starts a registry on a store.
func (s *sweep) start(t *testing.T, store registry.Store) *Registry {
	t.Helper()
	reg, err := start(slog.New(slog.DiscardHandler), append(s.registryOptions(), WithStore(store)))
	if err != nil {
		t.Fatalf("registrytest: sweep: %v", err)
	}
	return reg
}

// filled returns a store with what Setup puts into it.
func (s *sweep) filled(t *testing.T) registry.Store {
	t.Helper()
	if s.base != nil {
		return s.base.Clone()
	}
	store := s.store()
	s.setUp(t, store)
	return store
}

// learn runs the scenario without a fault and returns the table to fill.
func (s *sweep) learn(t *testing.T) *SweepResult {
	t.Helper()
	r := &trialReport{}
	r.run(t, s, nil)
	if r.err != nil {
		r.violate("Run returned an error", r.err.Error())
	}
	if len(r.violations) > 0 {
		t.Fatalf("registrytest: sweep: it does not hold without a fault:\n%s%s", indented(r.violations), r.journal)
	}
	if len(r.log) == 0 {
		t.Fatal("registrytest: sweep: the client made no request: let it use the Transport of the trial")
	}
	s.requests, s.hosts, s.unmoved = len(r.log), credentialHosts(r.log), maps.Equal(r.before, r.after)
	return newSweepResult(t.Name(), pointsOf(r.log), s.effects)
}

// consistent is what [Registry.Check] says, but for uploads.
func (r *Registry) consistent(ctx context.Context) error {
	return content.Check(ctx, r.Store(), content.CheckOptions{AllowSparse: r.Options().AllowSparse, AllowUploads: true})
}
