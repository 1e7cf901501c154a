// Package thorough defines a flag for tests that check only a sample by default:
//
//	go test ./spec -thorough
//
// Only tests import it. .ci/run sets the flag for every package that defines it.
package thorough

import "flag"

var enabled = flag.Bool("thorough", false, "check everything, not only a sample")

// Enabled reports whether the flag is set.
func Enabled() bool { return *enabled }

// Sample returns every nth element, beginning with index first%n, or every element if the flag is
// set. Tests pass a different first for each of several samples, so that together they cover all
// elements.
func Sample[E any](all []E, n, first int) []E {
	if Enabled() {
		return all
	}
	var some []E
	for i := first % n; i < len(all); i += n {
		some = append(some, all[i])
	}
	return some
}
