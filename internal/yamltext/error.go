package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/ocifake/ocifake/internal/strict"
)

// Error is an error at one place of a text.
type Error struct {
	Line, Column int    // from 1; Column is 0 if only the line is known
	Field        string // "[0].do[1].status.code"; empty if the text cannot be parsed
	Err          error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("line %d", e.Line)
	if e.Column > 0 {
		text += fmt.Sprintf(", column %d", e.Column)
	}
	if e.Field != "" && len(e.Field) < maxField {
		text += ": " + e.Field
	}
	return fmt.Sprintf("%s: %v", text, e.Err)
}

// maxField is how long a field may be that is part of a message.
const maxField = 100

func (e *Error) Unwrap() error { return e.Err }

// Place returns where in the text the error is.
func (e *Error) Place() (field string, line, column int) { return e.Field, e.Line, e.Column }

func at(n *yaml.Node, err error) error { return &Error{Line: n.Line, Column: n.Column, Err: err} }

// place adds where a value stands to an error of package strict.
func (d *document) place(err error) error {
	var where *strict.Error
	if !errors.As(err, &where) {
		return err
	}
	placed := &Error{Field: where.Field(), Err: where.Err}
	if d.root == nil {
		before := d.json[:min(where.Offset, len(d.json))]
		placed.Line = 1 + bytes.Count(before, []byte("\n"))
		placed.Column = len(before) - bytes.LastIndexByte(before, '\n')
		return placed
	}
	n := find(d.root, where.Path, where.Key)
	placed.Line, placed.Column = n.Line, n.Column
	return placed
}

// find returns the node at a path, or the last one on the way to it; with key, the
// node of the last name rather than that of its value.
func find(n *yaml.Node, path []any, key bool) *yaml.Node {
	for i, part := range path {
		switch part := part.(type) {
		case int:
			if n.Kind != yaml.SequenceNode || part >= len(n.Content) {
				return n
			}
			n = n.Content[part]
		case string:
			k, v := pair(n, part)
			if k == nil {
				return n
			}
			if key && i == len(path)-1 {
				return k
			}
			n = v
		}
	}
	return n
}

func pair(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := len(n.Content) - 2; i >= 0; i -= 2 { // of two with one name, the second is wrong
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax returns an error of the YAML parser as one of ours.
func syntax(err error) error {
	parts := yamlError.FindStringSubmatch(err.Error())
	switch {
	case parts == nil:
		return err
	case unknownAnchor.MatchString(parts[2]): // the name of an alias may be a password
		return errAnchor
	}
	line, _ := strconv.Atoi(parts[1]) // digits, or nothing in the first line
	return &Error{Line: max(line, 1), Err: errors.New(parts[2])}
}

var unknownAnchor = regexp.MustCompile(`^unknown anchor`)
