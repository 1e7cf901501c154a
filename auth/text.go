package auth

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/ocifake/ocifake/internal/yamlbound"
)

// ParseOptions reads options from YAML or JSON, with the names that the fields have
// in JSON, but durations are text: "5m", "1h30m". Errors give the line and the column,
// and never a value, which could be a password. Options that can be read but are wrong
// are an error, too, except for the content of htpasswd.
//
//	users: {alice: secret, ci: hunter2}
//	rules:
//	- users: [alice]         # everything
//	- users: [ci]
//	  repos: [team/*]
//	  actions: [pull, push]
//	- actions: [pull]        # everybody, without a password too
//	  repos: [public/*]
//	token: {ttl: 5m}
//
// A field without a value is an error, as are aliases, and text that YAML reads as
// a number or as true or false: a password of digits is written in quotes.
func ParseOptions(text []byte) (Options, error) {
	o, err := parseOptions(text)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return Options{}, fmt.Errorf("auth: %w", err)
	}
	return o, nil
}

// byteOrderMark is what some editors write at the start of a text.
const byteOrderMark = "\ufeff"

func parseOptions(text []byte) (o Options, err error) {
	switch {
	case len(text) > yamlbound.MaxBytes:
		return o, fmt.Errorf("options of %d bytes: want %d at most", len(text), yamlbound.MaxBytes)
	case !utf8.Valid(text):
		return o, errors.New("the options are not in UTF-8")
	}
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	tokens := lexer.Tokenize(string(text))
	if where, err := yamlbound.Check(tokens); err != nil {
		return o, at(where, err.Error())
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return o, located(err, "this is not YAML: look for wrong indentation, and for quotes and brackets that are not closed")
	}
	if err := checkFile(file); err != nil {
		return o, err
	}
	if err := yaml.UnmarshalWithOptions(text, &o, yaml.Strict()); err != nil {
		return Options{}, located(err, "this value does not belong here")
	}
	return o, nil
}

// located returns an error of the YAML library with its position and another message:
// the library's may quote the text, that is, passwords.
func located(err error, message string) error {
	var detailed yaml.Error
	if errors.As(err, &detailed) && detailed.GetToken() != nil && detailed.GetToken().Position != nil {
		return at(detailed.GetToken(), message)
	}
	return errors.New(message)
}

func at(t *token.Token, message string) error {
	if t == nil {
		return errors.New(message)
	}
	return fmt.Errorf("line %d, column %d: %s", t.Position.Line, t.Position.Column, message)
}

// checkFile refuses what decoding would accept, or would report without a position.
func checkFile(file *ast.File) error {
	switch {
	case len(file.Docs) > 1:
		return at(file.Docs[1].Start, "a second document: want one")
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		return nil
	}
	if _, comment := file.Docs[0].Body.(*ast.CommentGroupNode); comment {
		return nil
	}
	return checkNode(file.Docs[0].Body, reflect.TypeFor[Options]())
}

// checkNode checks that a value can be one of a type, as far as it matters that
// nothing else becomes one.
func checkNode(node ast.Node, want reflect.Type) error {
	if want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	switch n := node.(type) {
	case *ast.NullNode, nil:
		return at(tokenOf(node), "a value is missing")
	case *ast.AliasNode, *ast.AnchorNode, *ast.MergeKeyNode, *ast.TagNode:
		return at(tokenOf(node), "aliases, anchors and tags are not accepted: write text that begins with *, & or ! in quotes")
	case *ast.MappingNode:
		return checkMapping(n, n.Values, want)
	case *ast.MappingValueNode:
		return checkMapping(n, []*ast.MappingValueNode{n}, want)
	case *ast.SequenceNode:
		if want.Kind() != reflect.Slice {
			return at(tokenOf(node), "a list does not belong here")
		}
		for _, value := range n.Values {
			if err := checkNode(value, want.Elem()); err != nil {
				return err
			}
		}
		return nil
	}
	return checkScalar(node, want)
}

func checkMapping(node ast.Node, values []*ast.MappingValueNode, want reflect.Type) error {
	if want.Kind() != reflect.Struct && want.Kind() != reflect.Map {
		return at(tokenOf(node), "a mapping does not belong here")
	}
	seen := map[string]bool{}
	for _, value := range values {
		key, ok := value.Key.(*ast.StringNode)
		switch {
		case !ok:
			return at(tokenOf(value.Key), "a name must be text: write it in quotes if it is a number, or begins with *, & or !")
		case seen[key.Value]:
			return at(tokenOf(key), "this name is here twice")
		}
		seen[key.Value] = true
		field, err := fieldType(want, key)
		if err != nil {
			return err
		}
		if _, null := value.Value.(*ast.NullNode); null || value.Value == nil {
			return at(tokenOf(key), "a value is missing: give one behind a colon and a space, or leave this out")
		}
		if err := checkNode(value.Value, field); err != nil {
			return err
		}
	}
	return nil
}

// fieldType returns the type of a value of a mapping.
func fieldType(mapping reflect.Type, key *ast.StringNode) (reflect.Type, error) {
	if mapping.Kind() == reflect.Map {
		return mapping.Elem(), nil
	}
	var known []string
	for i := range mapping.NumField() {
		f := mapping.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == key.Value {
			return f.Type, nil
		}
		known = append(known, name)
	}
	message := "unknown field: want one of " + strings.Join(known, ", ")
	if !strings.ContainsAny(key.Value, ":\n") { // otherwise the space behind a colon is missing, and this is a value, too
		message = fmt.Sprintf("unknown field %q: want one of %s", key.Value, strings.Join(known, ", "))
	}
	return nil, at(tokenOf(key), message)
}

func checkScalar(node ast.Node, want reflect.Type) error {
	_, text := node.(*ast.StringNode)
	_, literal := node.(*ast.LiteralNode)
	_, boolean := node.(*ast.BoolNode)
	_, whole := node.(*ast.IntegerNode)
	switch kind := want.Kind(); {
	case want == reflect.TypeFor[time.Duration]():
		if _, err := time.ParseDuration(node.GetToken().Value); err != nil {
			return at(tokenOf(node), "want a duration with its unit, as 90s, 5m or 1h30m")
		}
	case kind == reflect.String && !text && !literal:
		return at(tokenOf(node), "want text: write it in quotes")
	case kind == reflect.Bool && !boolean:
		return at(tokenOf(node), "want true or false")
	case kind == reflect.Int && !whole:
		return at(tokenOf(node), "want a whole number")
	case kind == reflect.Struct, kind == reflect.Map:
		return at(tokenOf(node), "want a mapping of names to values")
	case kind == reflect.Slice:
		return at(tokenOf(node), "want a list")
	}
	return nil
}

// tokenOf returns the token to report for a node. That of a mapping is its first
// colon.
func tokenOf(node ast.Node) *token.Token {
	switch n := node.(type) {
	case nil:
		return nil
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return n.Values[0].Key.GetToken()
		}
	}
	return node.GetToken()
}
