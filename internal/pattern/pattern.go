// Package pattern matches texts with patterns, in which a star stands for any
// characters, slashes included, and a backslash makes a star or a backslash literal. It also has
// regular expressions that are compiled when they are first used.
package pattern

import (
	"slices"
	"strings"
)

// Matcher returns a function that reports whether a text matches one of the patterns.
func Matcher(patterns []string) func(string) bool {
	all := make([]pattern, len(patterns))
	for i, text := range patterns {
		all[i] = newPattern(text)
	}
	return func(s string) bool {
		return slices.ContainsFunc(all, func(p pattern) bool { return p.match(s) })
	}
}

// pattern is the parts of a text between its stars.
type pattern []string

func newPattern(text string) pattern {
	var p pattern
	var part []byte
	for i := 0; i < len(text); i++ {
		switch next := text[i+1:]; {
		case text[i] == '*':
			p, part = append(p, string(part)), nil
		case text[i] == '\\' && next != "" && (next[0] == '*' || next[0] == '\\'):
			i++
			part = append(part, text[i])
		default:
			part = append(part, text[i])
		}
	}
	return append(p, string(part))
}

// match takes each part at its first occurrence, which leaves the most for the rest.
// Only the empty pattern matches the empty text.
func (p pattern) match(s string) bool {
	first, last := p[0], p[len(p)-1]
	if len(p) == 1 {
		return s == first
	}
	if s == "" || len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range p[1 : len(p)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
