package spec_test

import (
	"sync/atomic"
	"testing"

	"github.com/onsi/ginkgo/v2"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/spec"
	"github.com/ocifake/ocifake/spec/ginkgospec"
)

// ran is set by TestRegistry: ginkgo runs one suite in a process, whatever -count says.
var ran atomic.Bool

// TestRegistry checks the registry that the flags choose, or a fixture, and the
// store in memory along with it.
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
	ginkgo.RunSpecs(t, "Registry")
}

// skipsNothing fails if there is a statement that says nothing of the fixture.
func skipsNothing(r ginkgo.Report) {
	for _, result := range ginkgospec.Results(r) {
		if result.Outcome == spec.Unsupported || result.Outcome == spec.NotApplicable {
			ginkgo.Fail(result.Statement.ID + ": " + result.Short())
		}
	}
}
