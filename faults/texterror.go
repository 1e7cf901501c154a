package faults

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// TextError says where in a text of rules something is wrong.
type TextError struct {
	Line, Column int    // from 1
	Field        string // "[0].do[1].status.code", or empty if the text cannot be parsed
	Err          error
}

func (e *TextError) Error() string {
	return fmt.Sprintf("line %d, column %d: %v", e.Line, e.Column, e.Err)
}

func (e *TextError) Unwrap() error { return e.Err }

// at adds where something stands to an error.
func at(node ast.Node, err error) error {
	switch m := node.(type) { // whose own token is the first colon
	case *ast.MappingNode:
		if len(m.Values) > 0 && !m.IsFlowStyle {
			return atToken(m.Values[0].Key.GetToken(), fieldOf(node), err)
		}
	case *ast.MappingValueNode:
		return atToken(m.Key.GetToken(), fieldOf(m.Key), err)
	case nil:
		return err
	}
	return atToken(node.GetToken(), fieldOf(node), err)
}

func atToken(t *token.Token, field string, err error) error {
	if t == nil || t.Position == nil {
		return err
	}
	return &TextError{t.Position.Line, t.Position.Column, field, err}
}

// fieldOf is the path that the parser has given a node, without its root.
func fieldOf(node ast.Node) string {
	return strings.TrimPrefix(strings.TrimPrefix(node.GetPath(), "$"), ".")
}

// plain makes one line of an error of the parser's.
func plain(err error) error {
	var detailed yaml.Error
	if errors.As(err, &detailed) {
		return atToken(detailed.GetToken(), "", message(err))
	}
	return message(err)
}

// message leaves out where it is.
func message(err error) error {
	var detailed yaml.Error
	if errors.As(err, &detailed) {
		return errors.New(detailed.GetMessage())
	}
	return err
}
