package faults

import (
	"net/http"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/must"
)

// Func returns an effect that calls a function with each request that the rule chooses. The
// function serves the request: it calls next, with another ResponseWriter or another request if it
// likes, or answers itself. It reports whether it acted: then the rule fires. While it runs, the
// rule counts as fired, so that a rule with Times(1) does not call it for two requests at a time.
// It must be safe for concurrent use, and must not use w and r after it has returned.
//
// A function that panics has acted. As with any handler of net/http, the panic ends the request
// and not the process: the connection or the stream is closed, and the exchange is recorded as cut.
// The panic is logged, unless it is [http.ErrAbortHandler].
//
// The name is for lists: JSON, YAML and the control API show the effect as {"func": {"name": name}}.
// They cannot read it back, because text has no functions.
//
// Func is experimental: its signature may change.
func Func(name string, serve func(w http.ResponseWriter, r *http.Request, next http.Handler) (acted bool)) Effect {
	must.NotNil("faults: Func: serve", serve)
	return of(effect.Func{FuncArgs: effect.FuncArgs{Name: name}, Do: serve})
}
