// Package must refuses arguments that a function cannot work with.
//
// The module has one rule for nil: an exported function or method documents what nil
// means and works with it, returns an error that names the argument, or panics at once
// by [NotNil].
package must

import "reflect"

// NotNil panics if a value is nil: a nil interface, or a nil pointer, function, map,
// slice or channel in one. What names the package, the function and the argument, as
// the message does: "op: Match: match is nil".
func NotNil(what string, value any) {
	if IsNil(value) {
		panic(what + " is nil")
	}
}

// IsNil reports whether a value is nil, by itself or in an interface.
func IsNil(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Chan, reflect.Func, reflect.Map, reflect.Pointer, reflect.Slice, reflect.UnsafePointer:
		return v.IsNil()
	}
	return false
}
