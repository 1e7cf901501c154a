package effect

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Kind describes an effect as it is written in JSON and YAML.
type Kind struct {
	Name string     `json:"name"` // "status"
	Doc  string     `json:"doc"`
	Main string     `json:"main,omitempty"` // the argument that may be given without its name
	Args []Argument `json:"args,omitempty"`
}

// Argument describes an argument of an effect, or a field of a rule.
type Argument struct {
	Name string `json:"name"`
	Type string `json:"type"` // "integer", "number", "text", "boolean", "duration", "size", "list", "mapping" or "any"
	Doc  string `json:"doc"`
}

// Kinds returns the effects that can be written in text.
func Kinds() []Kind {
	var list []Kind
	for i := range kinds {
		k := &kinds[i]
		list = append(list, Kind{k.effect.Kind(), k.doc, k.main, k.arguments()})
	}
	return list
}

func (k *kind) arguments() []Argument {
	args := k.argsOf(reflect.ValueOf(k.effect))
	if !args.IsValid() {
		return nil
	}
	return slices.DeleteFunc(Arguments(args.Type()), func(a Argument) bool { return slices.Contains(k.without, a.Name) })
}

// Arguments describes the fields of a struct.
func Arguments(t reflect.Type) (list []Argument) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(list, Argument{name, typeName(f.Type), f.Tag.Get("doc")})
	}
	return list
}

func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Duration](), reflect.TypeFor[*RetryAfter]():
		return "duration"
	case reflect.TypeFor[json.RawMessage]():
		return "any"
	case reflect.TypeFor[Size]():
		return "size"
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "text"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "boolean"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list"
	case reflect.Map, reflect.Struct:
		return "mapping"
	case reflect.Interface:
		return "any"
	}
	return "integer"
}
