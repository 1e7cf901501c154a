// Package docs generates docs/faults.md and pages of docs/reference from the tables in the code, and
// e2e/pages from the Go code of all pages.
//
//	go generate ./docs
package docs

//go:generate go test github.com/ocifake/ocifake/cmd/ocifake -count=1 -run ^(TestReference|TestPagesCode)$ -update-docs
