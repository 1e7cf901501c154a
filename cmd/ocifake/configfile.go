package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/pflag"
)

// readConfig sets the flags that a file of names and values has, in YAML, but for
// those that the command line has.
func readConfig(ctx context.Context, path string, flags *pflag.FlagSet) error {
	text, err := readFile(ctx, path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return fmt.Errorf("--config %s: %s", path, yaml.FormatError(err, false, false))
	}
	given := map[string]bool{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	for _, document := range file.Docs {
		for _, field := range fieldsOf(document.Body) {
			if err := setFlag(flags, given, field); err != nil {
				at := field.Key.GetToken().Position
				return fmt.Errorf("--config %s: line %d, column %d: %s: %w", path, at.Line, at.Column, field.Key, err)
			}
		}
		if document.Body != nil && document.Body.Type() != ast.MappingType && document.Body.Type() != ast.MappingValueType {
			return fmt.Errorf("--config %s: want the names of flags, without dashes, and their values", path)
		}
	}
	return nil
}

func fieldsOf(body ast.Node) []*ast.MappingValueNode {
	switch node := body.(type) {
	case *ast.MappingNode:
		return node.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{node}
	}
	return nil
}

func setFlag(flags *pflag.FlagSet, given map[string]bool, field *ast.MappingValueNode) error {
	name := field.Key.String()
	f := flags.Lookup(name)
	switch {
	case f == nil:
		return errors.New("there is no such flag" + didYouMean(name, flagNames(flags)) + "; see --help")
	case name == "config" || name == "help":
		return errors.New("there is no such flag in a file; see --help")
	}
	if given[name] {
		return nil
	}
	values := []ast.Node{field.Value}
	if list, ok := field.Value.(*ast.SequenceNode); ok {
		values = list.Values
		if !isRepeatable(f.Value) && len(values) != 1 {
			return fmt.Errorf("want one value, have a list of %d", len(values))
		}
	}
	for _, value := range values {
		scalar, ok := value.(ast.ScalarNode)
		if !ok || value.Type() == ast.NullType {
			return errors.New("want text, a number, true or false")
		}
		if err := flags.Set(name, fmt.Sprint(scalar.GetValue())); err != nil {
			return err
		}
	}
	return nil
}

// isRepeatable tells whether a flag may be given several times.
func isRepeatable(value pflag.Value) bool {
	switch value.(type) {
	case *texts, *loads, *generates, *expectations:
		return true
	}
	return false
}
