// Package ginkgospec is package spec as a suite of ginkgo: each statement is a node.
// A test of a registry has three lines:
//
//	func TestConformance(t *testing.T) {
//		ginkgospec.Registry(func() spec.Target { return spec.Target{URL: "http://127.0.0.1:5000"} })
//		ginkgo.RunSpecs(t, "Conformance")
//	}
//
// The labels of a node are those of [spec.Statement.Labels], for ginkgo's filters:
//
//	go test -ginkgo.label-filter='MUST && v1.1 && !ours'
package ginkgospec

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/onsi/ginkgo/v2"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
	"github.com/ocifake/ocifake/spec"
)

// Registry registers a node for each statement that can be checked, in a container
// for each area. The target is asked for when the first node runs, after
// BeforeSuite.
//
// What is not supported, or not applicable, is skipped with that as the message.
// Nodes are independent of each other and may run in parallel.
func Registry(target func() spec.Target) {
	must.NotNil("ginkgospec: Registry: target", target)
	start := sync.OnceValues(func() (*spec.Suite, error) { return spec.Open(context.Background(), target()) })
	for _, area := range []spec.Area{spec.Pull, spec.Push, spec.Discovery, spec.Management} {
		ginkgo.Describe(string(area), func() {
			for _, s := range spec.Statements() {
				if s.Area == area && s.Checked() {
					ginkgo.It(s.String(), ginkgo.Label(s.Labels()...), func(ctx ginkgo.SpecContext) {
						suite, err := start()
						if err != nil {
							ginkgo.AbortSuite(err.Error())
						}
						result, err := suite.Check(ctx, s)
						if err != nil {
							ginkgo.Fail(err.Error())
						}
						report(result)
					})
				}
			}
		})
	}
}

// report tells ginkgo what came of a statement.
func report(r spec.Result) {
	switch r.Outcome {
	case spec.Passed:
	case spec.Failed:
		ginkgo.Fail(r.Detail, 1)
	case spec.Unsupported, spec.NotApplicable:
		ginkgo.Skip(string(r.Outcome)+": "+r.Detail, 1)
	}
}

// Store registers a node for each check of package storetest, for implementations
// of [registry.Store]. newStore returns an empty one.
func Store(newStore func() (registry.Store, error)) {
	must.NotNil("ginkgospec: Store: newStore", newStore)
	ginkgo.Describe("store", ginkgo.Label("store"), func() {
		for _, check := range storetest.Checks() {
			subject, _, _ := strings.Cut(check.Name, "/")
			ginkgo.It(check.Name, ginkgo.Label(subject), func(ctx ginkgo.SpecContext) {
				if err := check.Run(context.Context(ctx), newStore); err != nil {
					ginkgo.Fail(err.Error())
				}
			})
		}
	})
}

// ReportTable registers a node that writes what came of all statements into a file
// when the suite ends: as HTML if its name ends in .html, else as Markdown.
func ReportTable(path string) {
	ginkgo.ReportAfterSuite("table", func(r ginkgo.Report) {
		write := spec.WriteMarkdown
		if strings.HasSuffix(path, ".html") {
			write = spec.WriteHTML
		}
		file, err := os.Create(path)
		if err == nil {
			err = write(file, "", Results(r))
		}
		if err == nil {
			err = file.Close()
		}
		if err != nil {
			ginkgo.Fail("table of results: " + err.Error())
		}
	})
}

// Results returns the results of all statements that ran, from a report of ginkgo.
func Results(r ginkgo.Report) []spec.Result {
	var results []spec.Result
	for _, node := range r.SpecReports {
		labels := node.LeafNodeLabels
		if len(labels) == 0 {
			continue
		}
		statement, ok := spec.Lookup(labels[0])
		if !ok {
			continue
		}
		switch message := node.Failure.Message; {
		case node.Failed():
			results = append(results, spec.Result{Statement: statement, Outcome: spec.Failed, Detail: message})
		case node.State.String() == "passed":
			results = append(results, spec.Result{Statement: statement, Outcome: spec.Passed})
		default:
			for _, outcome := range []spec.Outcome{spec.Unsupported, spec.NotApplicable} {
				if detail, ok := strings.CutPrefix(message, string(outcome)+": "); ok {
					results = append(results, spec.Result{Statement: statement, Outcome: outcome, Detail: detail})
				}
			}
		}
	}
	position := map[string]int{}
	for i, s := range spec.Statements() {
		position[s.ID] = i
	}
	slices.SortStableFunc(results, func(a, b spec.Result) int { return position[a.Statement.ID] - position[b.Statement.ID] })
	return results
}
