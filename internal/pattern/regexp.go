package pattern

import (
	"regexp"
	"sync"
)

// Regexp returns a function that returns the compiled expression. It compiles the expression when
// it is first called, so that a program that does not use it does not pay for it at its start. It
// panics then if the expression is invalid.
func Regexp(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
