package spec_test

import (
	"regexp"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/onsi/ginkgo/v2"

	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
	"github.com/ocifake/ocifake/spec"
	"github.com/ocifake/ocifake/spec/ginkgospec"
)

// ran is set by TestRegistry: ginkgo runs one suite in a process, whatever -count says.
var ran atomic.Bool

// TestRegistry checks the registry that the flags choose, or a fixture, and the
// store in memory along with it, whose own tests have all checks: here it has a sample by default.
func TestRegistry(t *testing.T) {
	if ran.Swap(true) {
		t.Skip("ginkgo has run in this process")
	}
	target := chosen(t)
	ginkgospec.Registry(func() spec.Target { return target })
	if *table != "" {
		ginkgospec.ReportTable(*table)
	}
	if *registryURL == "" && *fixture == full {
		ginkgospec.Store(func() (registry.Store, error) { return memstore.New(memstore.Options{}), nil })
		ginkgo.ReportAfterSuite("nothing is skipped", skipsNothing)
	}
	suite, reporter := ginkgo.GinkgoConfiguration()
	if sample := thorough.Sample(storetest.Checks(), 4, 0); *registryURL == "" && *fixture == full {
		for _, check := range storetest.Checks() {
			if !slices.ContainsFunc(sample, func(c storetest.Check) bool { return c.Name == check.Name }) {
				suite.SkipStrings = append(suite.SkipStrings, "^Registry store "+regexp.QuoteMeta(check.Name)+"$")
			}
		}
	}
	ginkgo.RunSpecs(t, "Registry", suite, reporter)
}

// skipsNothing fails if there is a statement that says nothing of the fixture.
func skipsNothing(r ginkgo.Report) {
	for _, result := range ginkgospec.Results(r) {
		if result.Outcome == spec.Unsupported || result.Outcome == spec.NotApplicable {
			ginkgo.Fail(result.Statement.ID + ": " + result.Short())
		}
	}
}
