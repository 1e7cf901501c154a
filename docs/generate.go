// Package docs generates docs/faults.md and pages of docs/reference from the tables in the code.
//
//	go generate ./docs
package docs

//go:generate go test github.com/ocifake/ocifake/cmd/ocifake -count=1 -run ^TestReference$ -update-docs
