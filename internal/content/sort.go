package content

import "sort"

// Package sort is used because the functions of package slices are compiled for each type, in every
// package.

// sortedKeys returns the keys of a map.
func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	return keys
}

// distinct returns texts in order, each once.
func distinct(texts []string) []string {
	set := make(map[string]bool, len(texts))
	for _, text := range texts {
		set[text] = true
	}
	return sortedKeys(set)
}
