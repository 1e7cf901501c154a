package spec_test

import (
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/spec"
)

// mutation breaks one thing in a registry that does all others right.
type mutation struct {
	name   string
	mutate func(*mutant)

	// fails are the statements that must fail. All others must pass, except for the
	// wide ones, and for those in may, which fail in some orders of requests.
	fails []string
	may   []string

	// broad is a mutation of what nearly every statement needs, so that others may
	// fail too.
	broad bool
}

func mutations() []mutation {
	return slices.Concat(
		generalMutations, manifestMutations, blobMutations, headMutations, rangeMutations, conditionMutations,
		uploadMutations, chunkMutations, statusMutations, mountMutations,
		pushManifestMutations, manifestContentMutations, tagParameterMutations,
		tagMutations, linkMutations, referrerMutations, deleteMutations, errorMutations(),
		kindMutations, isolationMutations, hostileMutations, limitMutations, streamMutations, answerMutations, contextMutations, raceMutations, raceManifestMutations,
	)
}

// heavy are statements that take as long as all others together. They are checked
// by TestRegistry, and where they must fail.
var heavy = []string{
	"manifest-limit", "manifest-limit-status", "manifest-4-megabytes", "referrers-link", "referrers-link-next", "upload-large",
}

// One of so many statements is checked by default: of those that a mutation must not
// break, and of all with a fixture. Each mutation and each fixture has another sample.
// With the flag -thorough, which .ci/run sets, all statements are checked, with all mutations.
const (
	mutationSample = 80
	fixtureSample  = 12
)

// affordable returns the statements to check with a fixture: a sample without the heavy
// ones, or all. Different numbers give different samples.
func affordable(number int) []spec.Statement {
	return thorough.Sample(slices.DeleteFunc(spec.Statements(), func(s spec.Statement) bool {
		return !thorough.Enabled() && slices.Contains(heavy, s.ID)
	}), fixtureSample, number)
}

// chosenMutations returns so many mutations that each statement has one that must break it, or
// all.
func chosenMutations() []mutation {
	if thorough.Enabled() {
		return mutations()
	}
	bitten := map[string]bool{}
	return slices.DeleteFunc(mutations(), func(m mutation) bool {
		known := true
		for _, id := range m.fails {
			known = known && bitten[id]
			bitten[id] = true
		}
		return known
	})
}

// TestMutations runs in bubbles, where a mutation can have other requests go first,
// and patience takes no time.
func TestMutations(t *testing.T) {
	if suite, _ := ginkgo.GinkgoConfiguration(); suite.ParallelTotal > 1 {
		t.Skip("is one process's work")
	}
	var seen matrix
	for i, mutation := range chosenMutations() {
		t.Run(mutation.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				failed := mutation.check(t, func(j int) bool { return thorough.Enabled() || (i+j)%mutationSample == 0 })
				seen.add(mutation, failed)
			})
		})
	}
	if *update && thorough.Enabled() {
		t.Cleanup(func() { seen.write(t) }) // when the subtests are done
	}
}

// othersFirst returns when all other goroutines have gone on as far as they can.
func othersFirst() { time.Sleep(time.Nanosecond) }

// check checks the statements that must fail, and of the others those at the
// positions that are chosen. It returns the IDs of those that fail.
func (m mutation) check(t *testing.T, chosen func(position int) bool) (failed []string) {
	target := startMutant(t, m.mutate)
	results, err := spec.Run(t.Context(), target, m.statements(t, chosen)...)
	require.NoError(t, err)
	var missed, more []string
	for _, r := range results {
		id, fails := r.Statement.ID, r.Outcome == spec.Failed
		expected := slices.Contains(m.fails, id)
		if fails {
			failed = append(failed, id)
		}
		switch {
		case expected && !fails:
			missed = append(missed, id)
			t.Logf("%s: %s %s", id, r.Outcome, r.Detail)
		case fails && !expected && !m.broad && !slices.Contains(m.may, id) && !slices.Contains(wide, id):
			more = append(more, id)
			t.Log(r.Detail)
		}
	}
	assert.Empty(t, missed, "statements that must fail, and do not")
	assert.Empty(t, more, "statements that fail, and must not")
	return failed
}

func (m mutation) statements(t *testing.T, chosen func(position int) bool) []spec.Statement {
	for _, id := range slices.Concat(m.fails, m.may) {
		_, ok := spec.Lookup(id)
		require.True(t, ok, "there is no statement %s", id)
	}
	var statements []spec.Statement
	for j, s := range spec.Statements() {
		if slices.Contains(m.fails, s.ID) || chosen(j) && !slices.Contains(heavy, s.ID) {
			statements = append(statements, s)
		}
	}
	return statements
}

// TestMutantIsGood checks that the mutants' mechanism itself breaks nothing.
func TestMutantIsGood(t *testing.T) {
	m := mutation{name: "nothing", mutate: func(m *mutant) { m.answers(func(*reply) {}) }}
	m.check(t, func(j int) bool { return thorough.Enabled() || j%fixtureSample == 0 })
}

// TestTeeth checks that there is a mutation for each statement.
func TestTeeth(t *testing.T) {
	bitten := map[string]bool{}
	names := map[string]bool{}
	for _, m := range mutations() {
		assert.False(t, names[m.name], "%s is there twice", m.name)
		assert.NotEmpty(t, m.fails, m.name)
		names[m.name] = true
		for _, id := range m.fails {
			bitten[id] = true
		}
	}
	for _, s := range spec.Statements() {
		if s.Checked() {
			assert.True(t, bitten[s.ID], "no mutation breaks %s %s", s.Level, s.ID)
		}
	}
}

// TestCoverageFile compares COVERAGE.md with the statements and the mutations. It comes after
// TestMutations, which counts with -thorough -update.
func TestCoverageFile(t *testing.T) {
	const path = "COVERAGE.md"
	counts := upToDate(t)
	want := spec.Coverage(t, func(id string) string {
		if c, ok := counts[id]; ok {
			return c.String()
		}
		return ""
	})
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "%s is stale: go test ./spec -update", path)
}
