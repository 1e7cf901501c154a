package pattern

import (
	"regexp"
	"sync"
)

// Regexp returns a function that returns the compiled expression. It compiles the expression when
// it is first called, so that a program that does not use it does not pay for it at its start. It
// panics then if the expression is invalid.
// It is not inlined, because a copy of it for each expression takes long to compile.
//
//go:noinline
func Regexp(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
