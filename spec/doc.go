// Package spec is the OCI distribution specification as checks of any registry: each
// sentence that says something of a registry is a [Statement].
//
//	results, err := spec.Run(ctx, spec.Target{URL: "http://127.0.0.1:5000"})
//
// [Suite] does the same step by step. Package
// [github.com/ocifake/ocifake/spec/ginkgospec] is the same as a suite of ginkgo. From
// any module, or without one, against a registry that is running:
//
//	go run github.com/ocifake/ocifake/cmd/ocifake@latest conformance http://127.0.0.1:5000
//
// # Statements
//
// A statement is a sentence of the distribution specification 1.1.1, of its main
// branch (draft 1.2), of the image specification or an RFC, as far as it binds
// registries, or goes beyond them (ours): what holds when clients are many, careless
// or hostile. COVERAGE.md lists all sentences with their statements. [Select] chooses
// among them by level, area, endpoint, version, source and ID:
//
//	spec.Select("MUST && v1.1 && !ours")
//	spec.Select("end-12a || subject-header")
//
// # Outcomes
//
// Besides passing and failing, a statement can be unsupported, if the registry lacks
// an optional feature and refuses it as the specification allows, and not applicable,
// if the case does not arise. Features are found out unless [Target.Features] tells.
//
// The detail of a failure has the sentence, what was expected, and each request and
// answer with a curl command. The URL of an upload is that of a session that has ended:
// to repeat such a command, replace it by the Location that the command before it
// receives. There are no credentials in it.
//
// # The registry
//
// It must let the suite push. Statements work in repositories of their own, with
// random names below [Target.Repository], in any order and at the same time. They can
// be repeated on a registry that keeps its content. A few megabytes are in use at a
// time.
//
// A suite deletes what it has made, and nothing else: what was answered with 201
// Created in this run, under a digest of random content. Content that others may have,
// such as the empty blob and {}, is pushed and never deleted. [Suite.Left] lists what
// is left.
package spec
