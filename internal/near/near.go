// Package near suggests corrections of misspelled words for error messages: "unknown flag --jsn:
// did you mean json?".
package near

import (
	"slices"
	"strings"
)

const (
	longest = 64 // maximum length of a word in bytes
	many    = 8  // minimum number of words that are too many to suggest
)

// Hint returns "did you mean a, b or c?" with the words that are similar to wrote, or "want one of"
// all words if there are none.
func Hint(wrote string, words []string) string {
	if mean := Mean(wrote, words); mean != "" {
		return mean
	}
	return "want one of " + strings.Join(words, ", ")
}

// Mean is [Hint] that returns "" if no word is similar.
func Mean(wrote string, words []string) string {
	near := find(wrote, words)
	if len(near) == 0 {
		return ""
	}
	last := len(near) - 1
	text := near[last]
	if last > 0 {
		text = strings.Join(near[:last], ", ") + " or " + text
	}
	return "did you mean " + text + "?"
}

// find returns the words with the smallest distance to wrote, if that is at most a third of their
// letters. Otherwise it returns the words that share the most parts with it, or else those that
// begin with it. It ignores case.
func find(wrote string, words []string) []string {
	if wrote == "" || len(wrote) > longest {
		return nil
	}
	wrote = strings.ToLower(wrote)
	var near []string
	least := longest
	for _, word := range words {
		d := distance(wrote, strings.ToLower(word))
		if d > least || d > max(1, len(word)/3) || d >= len(word) {
			continue
		}
		if d < least {
			near, least = nil, d
		}
		near = append(near, word)
	}
	if near == nil {
		near = sharing(wrote, words)
	}
	if near == nil {
		near = beginning(wrote, words)
	}
	if len(near) > many {
		return nil
	}
	return near
}

// sharing returns the words that share the most parts with text, at least one.
func sharing(text string, words []string) (near []string) {
	wanted := parts(text)
	best := 1
	for _, word := range words {
		shared := 0
		for _, part := range parts(strings.ToLower(word)) {
			if slices.Contains(wanted, part) {
				shared++
			}
		}
		if shared > best {
			best, near = shared, nil
		}
		if shared == best {
			near = append(near, word)
		}
	}
	return near
}

// beginning returns the words that begin with text.
func beginning(text string, words []string) (near []string) {
	for _, word := range words {
		if strings.HasPrefix(strings.ToLower(word), text) {
			near = append(near, word)
		}
	}
	return near
}

// parts splits a word at hyphens, dots and other punctuation.
func parts(word string) []string {
	return strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune("-_. /", r) })
}

// distance returns the number of letters to insert, delete, replace or swap with their neighbour
// (optimal string alignment).
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
