package record

import (
	"sort"
	"time"
)

// Package sort is used in place of slices.Sort and slices.SortFunc, which are
// compiled again for each type of element: 10 to 20 kB of code each, in every
// package. Everybody who tests with this package would compile them.

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func sortTimes(times []time.Time) {
	sort.Slice(times, func(i, j int) bool { return times[i].Before(times[j]) })
}
