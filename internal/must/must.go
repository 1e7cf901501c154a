// Package must checks arguments for nil.
//
// An exported function or method of this module that receives nil either works and documents its
// meaning, returns an error that names the argument, or panics at once with [NotNil].
package must

import "reflect"

// NotNil panics if value is nil: a nil interface, or an interface that holds a nil pointer,
// function, map, slice or channel. The panic message starts with what, which names the package, the
// function and the argument: "op: Match: match is nil".
func NotNil(what string, value any) {
	if IsNil(value) {
		panic(what + " is nil")
	}
}

// IsNil reports whether value is nil, or an interface that holds nil.
func IsNil(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Chan, reflect.Func, reflect.Map, reflect.Pointer, reflect.Slice, reflect.UnsafePointer:
		return v.IsNil()
	}
	return false
}
