package faults

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/ocifake/ocifake/internal/yamlbound"
)

// checkBounds refuses what would take long to parse, or much of the stack.
func checkBounds(tokens token.Tokens) error {
	where, err := yamlbound.Check(tokens)
	switch {
	case err == nil:
		return nil
	case where == nil:
		return fmt.Errorf("rules of %w", err)
	}
	return atToken(where, "", err)
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
