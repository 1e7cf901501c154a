package exam

import (
	"fmt"
	"slices"
	"testing"
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
//   - the client sends credentials only to the registry, to token services that the
//     registry names, and to hosts that it sent them to without a fault, and does not
//     fall back from TLS to HTTP.
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
// clients do not work in a bubble and need [Scenario.Loopback]: clients that start
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
// The subtests are parallel, unless [Scenario.Serial] is set. All have ended
// when Sweep returns. It logs the table and returns it.
func Sweep(t *testing.T, scenario Scenario, opts ...Option) *Result {
	if t == nil {
		panic("exam: Sweep: t is nil: Sweep needs a test, because each cell is a subtest")
	}
	t.Helper()
	s := newSubject(t, "Sweep", scenario, opts)
	s.learn(t)
	result := newResult(t.Name(), pointsOf(s.plain.log), s.effects)
	s.tryAll(t, result)
	return result
}

// tryAll runs the cells of a table, each as a subtest.
func (s *subject) tryAll(t *testing.T, result *Result) {
	t.Helper()
	for _, row := range result.rows() {
		attempts := s.attempts(row)
		t.Run(row[0].group(), func(t *testing.T) {
			for _, cell := range row {
				if cell.Verdict != NotApplicable {
					t.Run(cell.name(), func(t *testing.T) { s.try(t, attempts, cell) })
				}
			}
		})
	}
	result.Notes = append(s.notes(), result.notes()...)
	if result.Complete() {
		t.Logf("exam: %s\n%s", s.name, result.Text())
	}
}

// attempts returns the attempts of cells.
func (s *subject) attempts(cells []*Cell) []*attempt {
	row := make([]*attempt, len(cells))
	for i, c := range cells {
		c.of, c.plain = s, s.plain
		row[i] = &c.attempt
	}
	return row
}

// try runs a cell and sets its verdict.
func (s *subject) try(t *testing.T, row []*attempt, cell *Cell) {
	t.Helper()
	cell.wanted = true
	if !s.serial {
		t.Parallel() // until all cells of the row know whether they are wanted
	}
	r := s.inBubble(t, cell.fullName(), row, &cell.attempt)
	if r == nil {
		r = s.onLoopback(t, &cell.attempt)
	}
	cell.fill(s.judged(cell, r), r, t.Name())
	switch {
	case cell.Verdict != Violated:
	case s.reportOnly:
		t.Logf("exam: %s: %s", s.name, cell.Report)
	default:
		t.Errorf("exam: %s: %s", s.name, cell.Report)
	}
}

// judged returns the violations of a run.
func (s *subject) judged(cell *Cell, r *report) []Violation {
	e := evidence{report: r, plain: cell.plain, same: s.same, cell: cell, lie: cell.lie, must: s.demands(cell)}
	return e.judge()
}

// demands reports whether the client must recover.
func (s *subject) demands(cell *Cell) bool {
	return !cell.Forever && slices.Contains(s.must, cell.Effect)
}

// notes are what the result says once.
func (s *subject) notes() []string {
	var notes []string
	if s.abandoned != "" {
		notes = append(notes, fmt.Sprintf("virtual time stood still in %s: one bubble was abandoned, and all further runs were on loopback, in real time", s.abandoned))
	}
	if s.strict {
		notes = append(notes, "the client pushes manifests before their blobs: the registry refuses manifests whose blobs are missing")
	}
	return notes
}
