package spec

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
)

// Registry registers a node for each statement that can be checked, in a container
// for each area. The target is asked for when the first node runs, after
// BeforeSuite.
//
// What is not supported, or not applicable, is skipped with that as the message.
// Nodes are independent of each other and may run in parallel.
func Registry(target func() Target) {
	must.NotNil("spec: Registry: target", target)
	start := sync.OnceValues(func() (*suite, error) { return open(target()) })
	for _, area := range []Area{Pull, Push, Discovery, Management} {
		ginkgo.Describe(string(area), func() {
			for _, s := range statements {
				if s.Area == area && s.Checked() {
					ginkgo.It(s.String(), ginkgo.Label(s.labels()...), func(ctx ginkgo.SpecContext) {
						suite, err := start()
						if err != nil {
							ginkgo.AbortSuite(err.Error())
						}
						report(suite.run(ctx, s))
					})
				}
			}
		})
	}
}

// report tells ginkgo what came of a statement.
func report(r Result) {
	switch r.Outcome {
	case Passed:
	case Failed:
		ginkgo.Fail(r.Detail, 1)
	case Unsupported, NotApplicable:
		ginkgo.Skip(string(r.Outcome)+": "+r.Detail, 1)
	}
}

// Store registers a node for each check of package storetest, for implementations
// of [registry.Store]. newStore returns an empty one.
func Store(newStore func() (registry.Store, error)) {
	must.NotNil("spec: Store: newStore", newStore)
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
		write := WriteMarkdown
		if strings.HasSuffix(path, ".html") {
			write = WriteHTML
		}
		file, err := os.Create(path)
		if err == nil {
			err = write(file, Results(r))
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
func Results(r ginkgo.Report) []Result {
	var results []Result
	for _, node := range r.SpecReports {
		labels := node.LeafNodeLabels
		if len(labels) == 0 {
			continue
		}
		statement, ok := Lookup(labels[0])
		if !ok {
			continue
		}
		switch message := node.Failure.Message; {
		case node.Failed():
			results = append(results, Result{statement, Failed, message})
		case node.State.String() == "passed":
			results = append(results, Result{statement, Passed, ""})
		default:
			for _, outcome := range []Outcome{Unsupported, NotApplicable} {
				if detail, ok := strings.CutPrefix(message, string(outcome)+": "); ok {
					results = append(results, Result{statement, outcome, detail})
				}
			}
		}
	}
	slices.SortStableFunc(results, func(a, b Result) int { return position(a) - position(b) })
	return results
}

func position(r Result) int {
	return slices.IndexFunc(statements, func(s Statement) bool { return s.ID == r.Statement.ID })
}
