package faults

import (
	"encoding"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// suits says what the field of a struct wants, if a value in text is something
// else. The YAML library takes 1.5 and "1" for a whole number.
func suits(target any, field string, value ast.Node) error {
	switch value.(type) {
	case *ast.NullNode, nil:
		return nil
	}
	_, whole := value.(*ast.IntegerNode)
	_, number := value.(*ast.FloatNode)
	_, boolean := value.(*ast.BoolNode)
	t := reflect.TypeOf(target).Elem()
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != field || reflect.PointerTo(f.Type).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
			continue
		}
		switch kind := f.Type.Kind(); {
		case (kind == reflect.Int || kind == reflect.Int64 || kind == reflect.Uint32 || kind == reflect.Uint64) && !whole:
			return errors.New("want a whole number")
		case kind == reflect.Float64 && !whole && !number && !isFloat(value):
			return errors.New("want a number")
		case kind == reflect.Bool && !boolean:
			return errors.New("want true or false")
		}
	}
	return nil
}

// isFloat tells whether a value is a number in a form that only JSON has: 1e-9.
func isFloat(value ast.Node) bool {
	text, ok := value.(*ast.StringNode)
	if !ok || text.Token.Type != token.StringType {
		return false
	}
	_, err := strconv.ParseFloat(text.Value, 64)
	return err == nil
}

// lossy tells whether a text in JSON has the mark that stands for bytes which are
// not UTF-8, and so cannot be written.
func lossy(text []byte) bool {
	const mark = `\ufffd`
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if strings.HasPrefix(string(text[i:min(i+len(mark), len(text))]), mark) {
			return true
		}
		i++ // what is escaped
	}
	return false
}
