package exam

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// Sweep runs a scenario once without a fault, and records its points: each request is
// a point, identified by operation, repository, tag or digest, and whether it is the
// first, second, … request of this kind. Then Sweep runs the scenario again for each
// point and each effect of [DefaultEffects], or of those given by [WithEffects]:
// once with the effect on that request only, and once with the effect on that request
// and all later ones of the same kind.
//
// In every run these must hold:
//
//   - Run returns, at the latest when its context ends, does not panic, and leaves
//     neither goroutines nor connections in use behind;
//   - if Run returns no error, neither does Check;
//   - if Run returns an error, what is left is right or absent: neither CheckFailed
//     returns an error, nor is a tag moved, content deleted, or half a file left;
//   - Run returns no error if it did not meet the fault;
//   - the registry's content is consistent, except for open uploads, and unchanged if
//     the run without a fault leaves it unchanged;
//   - the client stops trying, waits as long as Retry-After says, and sends the whole
//     body again when it sends a request again;
//   - the client does not flood the registry: at most 200 requests plus ten times
//     those of the run without a fault are less than 10 ms apart;
//   - the client sends credentials only to the registry and to hosts that it sent them
//     to without a fault, and does not fall back from TLS to HTTP.
//
// What does not hold is a [Violation]. Whether the client recovers is its own choice,
// unless [MustRecover] demands it.
//
// Each combination is a cell of a table, and a subtest, which fails if one of these
// does not hold. Its name depends only on the request, the effect and how often it
// acts, and its message contains the command that runs this cell alone. Each cell has
// a registry of its own, in memory and over HTTP/1.1, with the content of Setup. It
// accepts manifests whose blobs are missing, since a registry that refuses them hides
// clients that push a manifest too early, and its lists have pages of two entries. A
// client that pushes the manifest first and expects the refusal gets a registry that
// refuses.
//
// Cells run in bubbles of [testing/synctest], where waiting takes no time, several at
// the same time; the context of Run ends after an hour of virtual time. Two kinds of
// clients do not work in a bubble and need [WithLoopback]: clients that start
// goroutines which outlive Run, and clients that use DNS, because concurrent lookups of
// the same name are shared by the whole program. Sweep cannot recover a panic in a
// goroutine that the client started: it ends the program.
//
// Virtual time stands still while a goroutine waits for a mutex. If a client waits for
// the registry while it holds a mutex that another of its goroutines waits for, nothing
// happens on the wire any more. After half a minute Sweep abandons the bubble, whose
// goroutines remain until the program ends, and runs this cell and all others on
// loopback, with a limit of ten seconds. The result mentions it.
//
// The subtests are parallel; [WithSerialTrials] runs one trial at a time. All have ended
// when Sweep returns. It logs the table and returns it.
func Sweep(t *testing.T, scenario Scenario, opts ...Option) *Result {
	if t == nil {
		panic("exam: Sweep: t is nil: Sweep needs a test, because each cell is a subtest")
	}
	t.Helper()
	s := newSweep(t, "Sweep", scenario, opts)
	s.learn(t)
	result := newResult(t.Name(), pointsOf(s.plain.log), s.effects)
	s.tryAll(t, result)
	return result
}

// sweep is a scenario and what is known about it.
type sweep struct {
	Scenario
	config
	name string // of the exported function

	base *memstore.Store // content after Setup; nil for any other kind of store

	// Learned from runs without a fault.
	plain  *report
	same   bool // another run left the same content
	strict bool // the registry refuses manifests whose blobs are missing

	mu        sync.Mutex // guards the fields below, and is held while a bubble runs
	frozen    bool       // virtual time stood still: everything runs on loopback
	abandoned string     // the cell in which it did
}

func newSweep(t *testing.T, name string, scenario Scenario, opts []Option) *sweep {
	t.Helper()
	s := &sweep{Scenario: scenario, config: newConfig(opts), name: name}
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
	realTime, loopback bool
	within             time.Duration
}

func (s *sweep) virtual() mode { return mode{within: s.within} }

// real is the mode for trials that do not run in a bubble.
func (s *sweep) real() mode {
	if s.loopback {
		return mode{true, true, s.within}
	}
	return mode{true, true, s.withinFrozen}
}

// setUp runs Setup on a store.
func (s *sweep) setUp(t *testing.T, store registry.Store) {
	t.Helper()
	if s.Setup == nil {
		return
	}
	reg, err := s.start(mode{loopback: s.loopback}, store)
	if err != nil {
		t.Fatalf("exam: %s: %v", s.name, err)
	}
	defer reg.Close()
	s.Setup(t, reg)
}

// start starts a registry with a store.
func (s *sweep) start(in mode, store registry.Store) (*registrytest.Registry, error) {
	opts := []registrytest.Option{registrytest.WithLogger(s.log), registrytest.WithStore(store)}
	if !in.loopback {
		opts = append(opts, registrytest.WithInMemory())
	}
	return registrytest.Start(append(opts, s.registry...)...)
}

// pageSize is the size of the pages of lists: a client that reads one page only should
// not pass because the lists of tests are short.
const pageSize = 2

// relax sets the options of a registry, and reports whether those of the user allow
// manifests whose blobs are missing.
func (s *sweep) relax(reg *registrytest.Registry) (sparse bool) {
	options := reg.Options()
	sparse = options.AllowSparse
	options.AllowSparse = sparse || !s.strict
	if options.PageSize == 0 {
		options.PageSize = pageSize
	}
	reg.SetOptions(options)
	return sparse
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

// planned returns the number of requests of each kind in the run without a fault, or nil
// if it is not known yet.
func (s *sweep) planned() map[string]int {
	if s.plain == nil {
		return nil
	}
	return s.plain.tries
}

// learn runs the scenario without a fault: once to learn its requests, and once more to
// learn whether it always leaves the same content.
func (s *sweep) learn(t *testing.T) {
	t.Helper()
	plain := s.alone(t, "the run without a fault", nil)
	if plain.content != nil && plain.err == nil {
		s.strict = true
		plain = s.alone(t, "the run without a fault", nil)
	}
	violations := (&evidence{report: plain}).judge()
	if len(violations) > 0 {
		t.Fatalf("exam: %s: the run without a fault failed:\n%s%s", s.name, indented(violations), plain.journal)
	}
	if len(plain.log) == 0 {
		t.Fatalf("exam: %s: the client sent no request: make it use the Transport of the trial", s.name)
	}
	again := s.alone(t, "the run without a fault", nil)
	s.plain, s.same = plain, again.err == nil && sameListing(plain.after, again.after)
}

// alone runs the scenario with rules, in a bubble if possible.
func (s *sweep) alone(t *testing.T, name string, rules []faults.Rule) *report {
	t.Helper()
	if r := s.together(t, name, rules)[0]; r != nil {
		return r
	}
	return s.onLoopback(t, rules)
}

// together runs trials in a bubble. The reports of those that need loopback are nil.
func (s *sweep) together(t *testing.T, name string, trials ...[]faults.Rule) []*report {
	t.Helper()
	if s.frozen || s.loopback {
		return make([]*report, len(trials))
	}
	reports := s.bubble(t, trials)
	for _, r := range reports {
		switch {
		case r == nil:
			s.frozen, s.abandoned = true, name
		case r.failed != nil:
			t.Fatalf("exam: %s: %v", s.name, r.failed)
		}
	}
	return reports
}

func (s *sweep) onLoopback(t *testing.T, rules []faults.Rule) *report {
	t.Helper()
	r := &report{}
	r.run(s, s.real(), s.filled(t), rules, &watch{})
	if r.failed != nil {
		t.Fatalf("exam: %s: %v", s.name, r.failed)
	}
	return r
}

// tryAll runs the cells of a table, each as a subtest.
func (s *sweep) tryAll(t *testing.T, result *Result) {
	t.Helper()
	for _, row := range result.rows() {
		t.Run(row[0].group(), func(t *testing.T) {
			for _, cell := range row {
				if cell.Outcome != NotApplicable {
					t.Run(cell.name(), func(t *testing.T) { s.try(t, row, cell) })
				}
			}
		})
	}
	result.Notes = append(s.notes(), result.notes()...)
	if result.Complete() {
		t.Logf("exam: %s\n%s", s.name, result.Text())
	}
}

// try runs a cell and sets its outcome.
func (s *sweep) try(t *testing.T, row []*Cell, cell *Cell) {
	t.Helper()
	cell.wanted = true
	if !s.serial {
		t.Parallel() // until all cells of the row know whether they are wanted
	}
	r := s.inBubble(t, row, cell)
	if r == nil {
		r = s.onLoopback(t, cell.rules)
	}
	cell.fill(s.judged(cell, r), r, t.Name())
	switch {
	case cell.Outcome != Violated:
	case s.reportOnly:
		t.Logf("exam: %s: %s", s.name, cell.Report)
	default:
		t.Errorf("exam: %s: %s", s.name, cell.Report)
	}
}

// inBubble returns the report of a cell that ran in a bubble, or nil if it needs
// loopback. Further cells of the row run in the same bubble.
func (s *sweep) inBubble(t *testing.T, row []*Cell, cell *Cell) *report {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if cell.ran == nil {
		cells := s.batch(row, cell)
		var trials [][]faults.Rule
		for _, c := range cells {
			trials = append(trials, c.rules)
		}
		for i, r := range s.together(t, cell.fullName(), trials...) {
			cells[i].ran = r
		}
	}
	r := cell.ran
	cell.ran = nil // its log takes memory
	return r
}

// batch returns a cell and others that wait.
func (s *sweep) batch(row []*Cell, cell *Cell) []*Cell {
	cells := []*Cell{cell}
	for _, c := range row {
		if !s.serial && c != cell && c.wanted && !c.begun && len(cells) < batchSize {
			cells = append(cells, c)
		}
	}
	for _, c := range cells {
		c.begun = true
	}
	return cells
}

// judged returns the violations of a run.
func (s *sweep) judged(cell *Cell, r *report) []Violation {
	e := evidence{report: r, plain: s.plain, same: s.same, cell: cell, lie: cell.lie, must: s.demands(cell)}
	return e.judge()
}

// demands reports whether the client must recover.
func (s *sweep) demands(cell *Cell) bool {
	return !cell.Forever && slices.Contains(s.must, cell.Effect)
}

// notes are what the result says once.
func (s *sweep) notes() []string {
	var notes []string
	if s.abandoned != "" {
		notes = append(notes, fmt.Sprintf("virtual time stood still in %s: one bubble was abandoned, and all further runs were on loopback, in real time", s.abandoned))
	}
	if s.strict {
		notes = append(notes, "the client pushes manifests before their blobs: the registry refuses manifests whose blobs are missing")
	}
	return notes
}
