package ginkgospec_test

import (
	"fmt"
	"testing"

	"github.com/onsi/ginkgo/v2"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/spec"
	"github.com/ocifake/ocifake/spec/ginkgospec"
)

// The nodes are registered before the suite runs; the registry may be started later.
func ExampleRegistry() {
	var target spec.Target
	_ = ginkgo.BeforeSuite(func() {
		target = spec.Target{URL: "http://127.0.0.1:5000"}
	})
	ginkgospec.Registry(func() spec.Target { return target })
}

func ExampleStore() {
	ginkgospec.Store(func() (registry.Store, error) { return memstore.New(memstore.Options{}), nil })
	ginkgo.RunSpecs(&testing.T{}, "Store")
}

func ExampleReportTable() {
	ginkgospec.Registry(func() spec.Target { return spec.Target{URL: "http://127.0.0.1:5000"} })
	ginkgospec.ReportTable("results.html")
}

// A report of one's own, in place of [ginkgospec.ReportTable].
func ExampleResults() {
	ginkgo.ReportAfterSuite("failures", func(r ginkgo.Report) {
		for _, result := range ginkgospec.Results(r) {
			if result.Outcome == spec.Failed {
				fmt.Println(result.Statement.ID)
			}
		}
	})
}
