// Package thorough has the flag of tests that check a sample by default:
//
//	go test ./spec -thorough
//
// Only tests import it. .ci/run sets the flag for every package that has it.
package thorough

import "flag"

var enabled = flag.Bool("thorough", false, "check everything, not only a sample")

// Enabled reports whether the flag is set.
func Enabled() bool { return *enabled }

// Sample selects every nth element, beginning with the one at index first%n, or every
// element if the flag is set. Tests pass another first to each of several samples, so
// that together they select each element.
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
