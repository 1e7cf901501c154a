// Package suites runs the tests of other projects with ocifake in the place of the registry that
// they were written for. Under the profile of that registry, a suite passes as it does with the
// original.
//
//	cd e2e && OCIFAKE_SUITES=all OCIFAKE_UPDATE=1 go test -timeout 60m ./suites
//
// By default only the smallest suite runs. testdata/fixtures has the packages that replace
// fixtures, and testdata/suites.md the results.
package suites
