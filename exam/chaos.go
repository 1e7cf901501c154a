package exam

import (
	"testing"

	"github.com/ocifake/ocifake/faults"
)

// chaosName is the name of the effect of [Chaos] in results and for [MustRecover].
const chaosName = "chaos"

// Chaos runs a scenario once without a fault, and then with the rules of [faults.Chaos]
// for each seed from 1 to a number: a part of all requests, the rate between 0 and 1,
// fails in ways that pass. It judges the runs as [Sweep] does. Each seed is a subtest:
// "chaos/seed-17". Chaos ignores [WithEffects].
//
// With MustRecover("chaos") the client must recover in each run: the rate must be small
// enough for its number of tries.
func Chaos(t *testing.T, scenario Scenario, seeds int, rate float64, opts ...Option) *Result {
	if t == nil {
		panic("exam: Chaos: t is nil: Chaos needs a test, because each seed is a subtest")
	}
	t.Helper()
	if seeds < 1 || !(rate > 0 && rate <= 1) {
		t.Fatalf("exam: Chaos: %d seeds at a rate of %v: want at least 1, and a rate above 0 and at most 1", seeds, rate)
	}
	s := newSubject(t, "Chaos", scenario, opts)
	s.learn(t)
	result := &Result{Name: t.Name(), Effects: []string{chaosName}}
	for seed := range uint64(seeds) {
		result.Cells = append(result.Cells, Cell{Effect: chaosName, Seed: seed + 1, attempt: attempt{circumstance: circumstance{rules: faults.Chaos(seed+1, rate)}}})
	}
	s.tryAll(t, result)
	return result
}
