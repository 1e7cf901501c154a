package faults

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// The time that the YAML library takes grows with the square of how much there is
// in one list, and of how deep lists lie in each other.
const (
	maxRules  = 1 << 20 // bytes of a text of rules
	maxTokens = 50_000  // in it: names, values and signs
	maxDepth  = 100     // lists and mappings in each other, in brackets or in one line
)

// checkBounds refuses what would take long to parse, or much of the stack.
func checkBounds(tokens token.Tokens) error {
	if len(tokens) > maxTokens {
		return fmt.Errorf("rules of %d names, values and signs: want %d at most", len(tokens), maxTokens)
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
			return atToken(t, "", fmt.Errorf("more than %d lists and mappings in each other", maxDepth))
		}
	}
	return nil
}

// withoutTabs replaces the tabs between the values of JSON, which YAML does not
// allow in all places, by spaces. In strings of JSON there are none.
func withoutTabs(text []byte) []byte {
	if bytes.IndexByte(text, '\t') < 0 || !json.Valid(text) {
		return text
	}
	return bytes.ReplaceAll(text, []byte{'\t'}, []byte{' '})
}

// alone returns a text without its neighbours, all of which the library would look
// at to decode it.
func alone(node ast.Node) ast.Node {
	text, ok := node.(*ast.StringNode)
	if !ok {
		return node
	}
	t := *text.Token
	t.Prev, t.Next = nil, nil
	return &ast.StringNode{BaseNode: &ast.BaseNode{}, Token: &t, Value: text.Value}
}
