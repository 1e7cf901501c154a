package registrytest

import (
	"net/http"
	"testing"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// Inject adds fault rules to the registry, until t and its subtests have ended. A rule that
// has not fired as often as it says fails t then, unless it is optional; see
// [faults.Rule.Optional]. Inject fails t immediately if a rule is invalid, or if one of its
// effects does not work with this registry.
//
// Rules apply in the order in which they were added. The first rule that fires wins, unless
// it has Continue. Inject returns a handle for each rule.
func (r *Registry) Inject(t testing.TB, rules ...faults.Rule) []faults.Injected {
	t = r.test(t)
	t.Helper()
	injected, err := r.faults.Inject(rules...)
	if err != nil {
		t.Fatalf("registrytest: inject: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		for _, i := range injected {
			i.Remove()
			r.judgeFault(t, i)
		}
	})
	return injected
}

// judgeFault fails a test if a rule has not fired as often as it says. It does nothing after
// a skip, and only logs after a failure.
func (r *Registry) judgeFault(t testing.TB, i faults.Injected) {
	t.Helper()
	state := i.State()
	if state.Unfired == "" || t.Skipped() {
		return
	}
	log := r.recorder.Log()
	text := "registrytest: fault rule " + state.Rule.String() + " " + state.Unfired
	if state.Seen == 0 {
		text += engine.Refused(state.Rule, log)
	}
	if t.Failed() {
		t.Log(text)
		return
	}
	of := recorded{r}
	t.Errorf("%s; if that is expected, add Optional() to the rule\n%s", text, of.journal(t, &verdict{}, log))
}

// Intercept calls a function with every request before rules apply to it, until t and its
// subtests have ended. See [Faults.Intercept].
func (r *Registry) Intercept(t testing.TB, handle func(w http.ResponseWriter, r *http.Request, info *op.Info) (handled bool)) {
	t = r.test(t)
	t.Helper()
	if handle == nil {
		t.Fatalf("registrytest: Intercept: handle is nil: give it a function to call with every request")
	}
	t.Cleanup(r.faults.Intercept(handle))
}

// Faults is the rules of a registry, for programs without a t. No test fails if a rule that
// is added to it does not fire. It is safe for concurrent use.
type Faults struct{ engine *engine.Engine }

// Faults returns the rules of the registry.
func (r *Registry) Faults() Faults { return Faults{r.faults} }

// Inject adds rules after the existing ones, and returns a handle for each. It adds all of
// them or, if it returns an error, none. A rule is refused if its name is taken, if
// [faults.Rule.Check] returns an error, or if one of its effects does not work with this
// registry.
func (f Faults) Inject(rules ...faults.Rule) ([]faults.Injected, error) {
	return f.engine.Inject(rules...)
}

// Rules returns the rules in the order in which they apply, rules on connections last.
func (f Faults) Rules() []faults.State { return f.engine.Rules() }

// Clear removes all rules and interceptors, and shows all content that effects such as
// [faults.Hide] have hidden.
func (f Faults) Clear() { f.engine.Clear() }

// Intercept calls a function with every request before the rules apply to it, until the
// returned function is called. If it returns true, it has answered the request. It receives
// requests that authentication has admitted, and requests for tokens and for /v2/. It can be
// called concurrently. info is a copy. Of several interceptors, the last one is called
// first.
func (f Faults) Intercept(handle func(w http.ResponseWriter, r *http.Request, info *op.Info) (handled bool)) (remove func()) {
	must.NotNil("registrytest: Faults.Intercept: handle", handle)
	return f.engine.Intercept(handle)
}
