package storetest_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
)

// mutation breaks one promise of a Store that keeps all others.
type mutation struct {
	name   string
	mutate func(*mutant)
	checks []string // that must find it
}

func mutations() []mutation {
	return slices.Concat(
		blobMutations(), uploadMutations(), manifestMutations(), listMutations(),
		algorithmMutations(), ownershipMutations(), limitMutations(), confusionMutations(),
	)
}

// othersFirst returns when all other goroutines have gone on as far as they can:
// it is only called in synctest bubbles, where time passes when nothing else does.
func othersFirst() { time.Sleep(time.Nanosecond) }

// TestMutations runs in bubbles, where a mutation can have others go first, and
// one that hangs takes no time.
func TestMutations(t *testing.T) {
	checks := map[string]storetest.Check{}
	for _, check := range storetest.Checks() {
		require.NotContains(t, checks, check.Name)
		checks[check.Name] = check
	}
	for _, mutation := range mutations() {
		newStore := func() (registry.Store, error) {
			m := newMutant()
			mutation.mutate(m)
			return m, nil
		}
		for _, name := range mutation.checks {
			t.Run(mutation.name+"/"+name, func(t *testing.T) {
				require.Contains(t, checks, name)
				synctest.Test(t, func(t *testing.T) {
					err := checks[name].Run(t.Context(), newStore)
					require.Error(t, err)
					assert.Contains(t, err.Error(), "storetest: "+name+": ")
					t.Log(err)
				})
			})
		}
	}
}

// TestMutantIsGood checks that the mutants' mechanism itself breaks nothing, in a sample of the
// checks by default. TestStore runs all of them on the store beneath.
func TestMutantIsGood(t *testing.T) {
	newStore := func() (registry.Store, error) {
		m := newMutant()
		m.editBlob = func(*mutantBlob, []byte) {}
		m.editUpload = func(*mutantUpload, *upload) {}
		return m, nil
	}
	for _, check := range thorough.Sample(storetest.Checks(), 8, 0) {
		t.Run(check.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { assert.NoError(t, check.Run(t.Context(), newStore)) })
		})
	}
}

// TestTeeth checks that there is a mutation for each check.
func TestTeeth(t *testing.T) {
	bitten := map[string]bool{}
	for _, mutation := range mutations() {
		for _, name := range mutation.checks {
			bitten[name] = true
		}
	}
	for _, check := range storetest.Checks() {
		assert.True(t, bitten[check.Name], "no mutation for %q", check.Name)
	}
}
