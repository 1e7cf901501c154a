package lint_test

import (
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/op"
)

// mutant is a right client but for one fault.
type mutant struct {
	id      string // of the rule that finds the fault
	variant string
	in      *scenario
	login   *auth.Options // authentication of the strict registry

	// The fault is a switch of the client of the same name, a change to its requests or its
	// settings, or something else that it does in place of the scenario.
	edit func(*http.Request, op.Op)
	set  func(*client)
	run  func(*client, *world) error

	check   func(*world) error // in place of the scenario's
	implied string             // other rules that find the fault
	skip    string             // why the rules cannot find it yet
}

// mutants are the faults, in the order of the rules.
var mutants = slices.Concat(uploadMutants, manifestMutants, readMutants, authMutants, robustMutants)

// name identifies a mutant.
func (m *mutant) name() string { return m.id + "/" + m.variant + "/" + m.in.name }

func (m *mutant) apply(c *client) {
	c.id, c.variant, c.edit = m.id, m.variant, m.edit
	if m.set != nil {
		m.set(c)
	}
}
