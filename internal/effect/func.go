package effect

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/ocifake/ocifake/op"
)

// Func calls a function.
type Func struct {
	FuncArgs
	Do func(w http.ResponseWriter, r *http.Request, next http.Handler) (acted bool)
}

// FuncArgs are the arguments of [Func] in text.
type FuncArgs struct {
	Name string `json:"name" doc:"name of the function"`
}

// Kind implements [Behaviour].
func (Func) Kind() string { return "func" }

func (e Func) check() error {
	switch {
	case e.Name == "":
		return errors.New("name is missing: want a name for lists of rules")
	case e.Do == nil:
		return fmt.Errorf("%q is a function of a Go program, which text can only list by its name: use faults.Func in Go", e.Name)
	}
	return nil
}

func (Func) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

// serve counts the rule before the call, so that a rule that fires once does not call its
// function for two requests at a time, and takes that back if the function did not act. A
// function that panics has acted.
func (e Func) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !x.shot.Claim() {
		next.ServeHTTP(w, r)
		return
	}
	acted := true
	defer func() {
		if acted {
			x.act()
		} else {
			x.shot.Release()
		}
	}()
	acted = e.Do(w, r, next)
}
