// Package yamlbound refuses YAML that would take long to parse.
package yamlbound

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// The time that the YAML library takes grows with the square of the number of
// entries in one list, and of the depth of nested lists.
const (
	// MaxBytes bounds a text. The caller checks it before it makes tokens.
	MaxBytes = 1 << 20

	maxTokens = 50_000 // names, values and signs
	maxDepth  = 100    // nested lists and mappings, in brackets or in one line
)

// Check reports what is too much for the YAML library, and the token where it is;
// the token is nil if it is the whole text.
func Check(tokens token.Tokens) (*token.Token, error) {
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("%d names, values and signs: want %d at most", len(tokens), maxTokens)
	}
	line, open, entries := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open = max(open-1, 0)
		case token.SequenceEntryType, token.MappingKeyType:
			entries++
		}
		if open+entries > maxDepth {
			return t, fmt.Errorf("more than %d lists and mappings in each other", maxDepth)
		}
	}
	return nil, nil
}
