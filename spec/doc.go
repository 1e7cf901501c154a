// Package spec is the OCI distribution specification as a suite of ginkgo: each
// sentence that says something of a registry is a node, and checks any registry.
// In three lines:
//
//	func TestConformance(t *testing.T) {
//		spec.Registry(func() spec.Target { return spec.Target{URL: "http://127.0.0.1:5000"} })
//		ginkgo.RunSpecs(t, "Conformance")
//	}
//
// Or without a line, against a registry that is running:
//
//	go test github.com/ocifake/ocifake/spec -registry=http://127.0.0.1:5000 -table=results.html
//
// [Store] does the same for implementations of [registry.Store], and [Run] checks
// a registry without ginkgo.
//
// # Statements
//
// A [Statement] is a sentence of the distribution specification 1.1.1, of its main
// branch (draft 1.2), of the image specification or an RFC, as far as it binds
// registries, or goes beyond them (ours): what holds when clients are many,
// careless or hostile. COVERAGE.md lists all sentences with their statements.
//
// ginkgo's label filters choose among them, by level, area, endpoint, version,
// source and ID:
//
//	go test ./spec -registry=… -ginkgo.label-filter='MUST && v1.1 && !ours'
//	go test ./spec -registry=… -ginkgo.label-filter='end-12a || subject-header'
//
// # Outcomes
//
// Besides passing and failing, a statement can be unsupported, if the registry
// lacks an optional feature and refuses it as the specification allows, and not
// applicable, if the case does not arise. Both are skipped nodes that say so.
// Features are found out unless [Target.Features] tells.
//
// A failure prints the sentence, what was expected, and each request and answer
// with a curl command that repeats it. Credentials are not printed.
//
// # The registry
//
// It must let the suite push. Statements work in repositories of their own, with
// random names below [Target.Prefix], in any order and at the same time (ginkgo
// -p). They can be repeated on a registry that keeps its content, and remove what
// they made as far as the registry lets them. A few megabytes are in use at a time.
package spec
