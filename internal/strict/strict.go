// Package strict decodes JSON into Go values. Unlike encoding/json, it refuses unknown fields,
// field names in another case, duplicate fields, and null in a list or a map. Errors have the
// position in the text.
//
//	var o struct {
//		TTL time.Duration `json:"ttl"` // text: "5m"
//	}
//	err := strict.Decode([]byte(`{"tll": "5m"}`), &o)
//	// tll: unknown field: did you mean ttl?
package strict

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/near"
)

// Error is an error at a position in a text.
type Error struct {
	Path   []any // field names (string) and list indexes (int), outermost first
	Key    bool  // the error is about the name of the field at Path, not its value
	Offset int   // byte offset in the text
	Err    error
}

// Field formats the path: "[0].do[1].status.code".
func (e *Error) Field() string {
	var text strings.Builder
	for i, part := range e.Path {
		switch part := part.(type) {
		case int:
			fmt.Fprintf(&text, "[%d]", part)
		case string:
			if i > 0 {
				text.WriteByte('.')
			}
			text.WriteString(shown(part))
		}
	}
	return text.String()
}

// shown returns a name for messages. It hides a name with a colon: that is a name and a value,
// possibly a password, without a space between them.
func shown(name string) string {
	if strings.ContainsAny(name, ":\n") {
		return "…"
	}
	return name
}

func (e *Error) Error() string {
	if field := e.Field(); field != "" {
		return field + ": " + e.Err.Error()
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// At returns an error about the value of a field, for an UnmarshalJSON method.
func At(field string, err error) error { return &Error{Path: []any{field}, Err: err} }

// Decode decodes JSON into the value that the pointer into points to. Types with UnmarshalJSON or
// UnmarshalText decode themselves, UnmarshalText from any scalar. A [time.Duration] is a string
// such as "1m30s". Null is valid only as the whole text, and then changes nothing. Numbers for
// integer types must have no fraction and no exponent. An error at a position in the text is an
// [*Error].
func Decode(text []byte, into any) error {
	root, err := parse(text)
	if err != nil {
		return err
	}
	if root.kind == null {
		return nil
	}
	return root.decode(reflect.ValueOf(into).Elem())
}

// Bare reports whether text is neither an object nor a list nor null.
func Bare(text []byte) bool {
	text = []byte(strings.TrimLeft(string(text), " \t\r\n"))
	return len(text) > 0 && text[0] != '{' && text[0] != '[' && text[0] != 'n'
}

// decode sets v, which must be addressable.
func (n *node) decode(v reflect.Value) error {
	if n.kind == null && v.Kind() != reflect.Interface && v.Type() != reflect.TypeFor[json.RawMessage]() {
		return n.fail(errors.New("missing value"))
	}
	switch target := v.Addr().Interface().(type) {
	case *time.Duration:
		return n.decodeDuration(target)
	case json.Unmarshaler:
		return n.within(target.UnmarshalJSON(n.raw))
	case encoding.TextUnmarshaler:
		if n.kind == list || n.kind == object {
			return n.want("text")
		}
		return n.within(target.UnmarshalText([]byte(n.text)))
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return n.decode(v.Elem())
	case reflect.Struct:
		return n.decodeStruct(v)
	case reflect.Map:
		return n.decodeMap(v)
	case reflect.Slice:
		return n.decodeList(v)
	case reflect.Interface:
		return n.within(json.Unmarshal(n.raw, v.Addr().Interface()))
	}
	return n.decodeScalar(v)
}

func (n *node) decodeDuration(into *time.Duration) (err error) {
	if n.kind == text {
		*into, err = time.ParseDuration(n.text)
	}
	if n.kind != text || err != nil {
		return n.fail(errors.New("want a duration with a unit, such as 500ms, 2s or 1h"))
	}
	return nil
}

func (n *node) decodeStruct(v reflect.Value) error {
	if n.kind != object {
		return n.want("fields with names and values")
	}
	fields := fieldsOf(v.Type())
	for i := range n.fields {
		f := &n.fields[i]
		at := slices.IndexFunc(fields, func(name string) bool { return name == f.name && name != "" })
		if at < 0 {
			return f.fail(unknownField(f.name, fields))
		}
		if err := f.value.decode(v.Field(at)); err != nil {
			return in(f.name, err)
		}
	}
	return nil
}

// fieldsOf returns the JSON names of the fields of a struct, or "" for fields without one.
func fieldsOf(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "":
			names[i] = f.Name
		default:
			names[i] = name
		}
	}
	return names
}

func unknownField(name string, fields []string) error {
	known := slices.DeleteFunc(slices.Clone(fields), func(name string) bool { return name == "" })
	sort.Strings(known)
	return fmt.Errorf("unknown field: %s", near.Hint(name, known))
}

func (n *node) decodeMap(v reflect.Value) error {
	if n.kind != object {
		return n.want("names and values")
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for i := range n.fields {
		f := &n.fields[i]
		value := reflect.New(v.Type().Elem()).Elem()
		if err := f.value.decode(value); err != nil {
			return in(f.name, err)
		}
		v.SetMapIndex(reflect.ValueOf(f.name).Convert(v.Type().Key()), value)
	}
	return nil
}

func (n *node) decodeList(v reflect.Value) error {
	switch n.kind {
	case list:
	case text, number, boolean:
		return n.fail(fmt.Errorf("want a list, not %v: put it in [brackets]", n.kind))
	default:
		return n.want("a list")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i := range n.items {
		if err := n.items[i].decode(v.Index(i)); err != nil {
			return in(i, err)
		}
	}
	return nil
}

func (n *node) decodeScalar(v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		if n.kind != text {
			return n.wantText()
		}
		v.SetString(n.text)
	case reflect.Bool:
		if n.kind != boolean {
			return n.want("true or false")
		}
		v.SetBool(n.text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(n.text, 10, v.Type().Bits())
		if n.kind != number || err != nil {
			return n.wantWhole(err)
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(n.text, 10, v.Type().Bits())
		if n.kind != number || err != nil {
			return n.wantWhole(err)
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(n.text, v.Type().Bits())
		if n.kind != number || err != nil {
			return n.want("a number")
		}
		v.SetFloat(f)
	default:
		return n.fail(fmt.Errorf("cannot decode a %s", v.Type()))
	}
	return nil
}

func (n *node) wantText() error {
	if n.kind == number || n.kind == boolean {
		return n.fail(errors.New("want text: write it in quotes"))
	}
	return n.want("text")
}

func (n *node) wantWhole(err error) error {
	switch {
	case n.kind != number:
		return n.want("a whole number")
	case errors.Is(err, strconv.ErrRange):
		return n.fail(errors.New("the number is too large"))
	case strings.HasPrefix(n.text, "-") && !strings.ContainsAny(n.text, ".eE"):
		return n.fail(errors.New("want a number that is not negative"))
	}
	return n.fail(errors.New("want a whole number"))
}

// DecodeOne calls decode with the name and value of the only field of an object.
func DecodeOne(text []byte, decode func(name string, value []byte) error) error {
	root, err := parse(text)
	if err != nil {
		return err
	}
	if root.kind != object {
		return root.want("a name and a value")
	}
	if len(root.fields) != 1 {
		return root.fail(fmt.Errorf("want one name, not %d", len(root.fields)))
	}
	f := &root.fields[0]
	err = decode(f.name, f.value.raw)
	if at, ok := err.(*Error); ok && at.Key && len(at.Path) == 0 {
		return f.fail(at.Err)
	}
	return in(f.name, f.value.within(err))
}

// DecodeArguments is Decode, but it decodes a text that is [Bare] into the field main.
func DecodeArguments(text []byte, main string, into any) error {
	if !Bare(text) {
		return Decode(text, into)
	}
	if main == "" {
		return errors.New("want arguments by name")
	}
	before := strconv.Quote(main)
	err := Decode(slices.Concat([]byte("{"+before+":"), text, []byte("}")), into)
	if at, ok := err.(*Error); ok {
		at.Offset = max(0, at.Offset-len(before)-len("{:"))
	}
	return err
}
