package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// MaxDepth is the maximum nesting depth of objects and lists.
const MaxDepth = 100

type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "text", "a list", "fields"}[k]
}

// node is a value of a text.
type node struct {
	kind   kind
	raw    json.RawMessage
	text   string // unquoted text of a scalar
	items  []node
	fields []field
	offset int
}

type field struct {
	name   string
	offset int // of the name
	value  node
}

func (n *node) fail(err error) error { return &Error{Offset: n.offset, Err: err} }

func (n *node) want(what string) error {
	return n.fail(fmt.Errorf("want %s, not %s", what, n.kind))
}

func (f *field) fail(err error) error {
	return &Error{Path: []any{f.name}, Key: true, Offset: f.offset, Err: err}
}

// in prefixes the path of an error with the name or index of a value.
func in(part any, err error) error {
	if at, ok := err.(*Error); ok {
		at.Path = append([]any{part}, at.Path...)
	}
	return err
}

// within adds the position of n to an error of a decoding method.
func (n *node) within(err error) error {
	if err == nil {
		return nil
	}
	var inner *Error
	if !errors.As(err, &inner) {
		return n.fail(err)
	}
	return &Error{Path: inner.Path, Key: inner.Key, Offset: n.offset + inner.Offset, Err: inner.Err}
}

// parser parses a text to a tree of nodes.
type parser struct {
	text    []byte
	decoder *json.Decoder
}

func parse(text []byte) (*node, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("the text is not UTF-8")
	}
	p := parser{text, json.NewDecoder(bytes.NewReader(text))}
	p.decoder.UseNumber()
	n, err := p.value(0)
	if err != nil {
		return nil, err
	}
	end := p.skipSpace()
	if _, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{Offset: end, Err: errors.New("unexpected data after the value")}
	}
	return n, nil
}

// value reads the next value.
func (p *parser) value(depth int) (*node, error) {
	begin := p.skipSpace()
	if depth > MaxDepth {
		return nil, &Error{Offset: begin, Err: fmt.Errorf("nesting of lists and objects exceeds %d levels", MaxDepth)}
	}
	token, err := p.token()
	if err != nil {
		return nil, err
	}
	n := &node{offset: begin}
	switch token := token.(type) {
	case nil:
		n.kind = null
	case bool:
		n.kind, n.text = boolean, fmt.Sprint(token)
	case json.Number:
		n.kind, n.text = number, token.String()
	case string:
		n.kind, n.text = text, token
	case json.Delim:
		if token == '[' {
			err = p.list(n, depth)
		} else {
			err = p.object(n, depth)
		}
	}
	n.raw = p.text[begin:p.decoder.InputOffset()]
	return n, err
}

func (p *parser) list(n *node, depth int) error {
	n.kind = list
	for p.decoder.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return in(len(n.items), err)
		}
		n.items = append(n.items, *item)
	}
	_, err := p.token()
	return err
}

func (p *parser) object(n *node, depth int) error {
	n.kind = object
	seen := map[string]bool{}
	for p.decoder.More() {
		offset := p.skipSpace()
		token, err := p.token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		f := field{name: name, offset: offset}
		if seen[name] {
			return f.fail(errors.New("duplicate field"))
		}
		seen[name] = true
		value, err := p.value(depth + 1)
		if err != nil {
			return in(name, err)
		}
		f.value = *value
		n.fields = append(n.fields, f)
	}
	_, err := p.token()
	return err
}

// token reads the next token.
func (p *parser) token() (json.Token, error) {
	token, err := p.decoder.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, &Error{Offset: min(int(syntax.Offset), len(p.text)), Err: errors.New(syntax.Error())}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Error{Offset: len(p.text), Err: errors.New("unexpected end of the text")}
	}
	return token, err
}

// skipSpace returns the offset of the next token.
func (p *parser) skipSpace() int {
	i := int(p.decoder.InputOffset())
	for i < len(p.text) && bytes.IndexByte([]byte(" \t\r\n,:"), p.text[i]) >= 0 {
		i++
	}
	return i
}
