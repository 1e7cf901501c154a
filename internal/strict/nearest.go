package strict

import "strings"

// Nearest returns the word that differs least from what somebody wrote, if it
// differs so little that it may have been meant: by at most a third of its letters,
// whatever their case.
func Nearest(wrote string, words []string) (string, bool) {
	const long = 64 // no word that was meant is longer
	best, least := "", long
	if len(wrote) > long {
		return "", false
	}
	for _, word := range words {
		if d := distance(strings.ToLower(wrote), strings.ToLower(word)); d < least {
			best, least = word, d
		}
	}
	if best == "" || least > max(1, len(best)/3) {
		return "", false
	}
	return best, true
}

// distance is the number of letters to insert, delete, replace or swap with their
// neighbour (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
