package registrytest

import (
	"net/http"
	"testing"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

// Inject adds fault rules to the registry, until t and its subtests have ended. A rule that
// has not fired as often as it says fails t then, unless it is optional; see
// [faults.Rule.Optional]. Inject fails t immediately if a rule is invalid, or if one of its
// effects does not work with this registry.
//
// Rules apply in the order in which they were added. The first rule that fires wins, unless
// it has Continue. Inject returns a handle for each rule.
func (r *Registry) Inject(t testing.TB, rules ...faults.Rule) []*faults.Injected {
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
func (r *Registry) judgeFault(t testing.TB, i *faults.Injected) {
	t.Helper()
	unfired := i.Unfired()
	if unfired == "" || t.Skipped() {
		return
	}
	text := "registrytest: fault rule " + i.State().Rule.String() + " " + unfired
	if t.Failed() {
		t.Log(text)
		return
	}
	of := recorded{r}
	t.Errorf("%s; if that is as it should be, say Optional()\n%s", text, of.journal(t, &verdict{}, r.recorder.Log()))
}

// Faults returns the engine that applies the rules, for programs without a t, and to list and
// change rules. Rules that are added to it need not fire.
func (r *Registry) Faults() *faults.Engine { return r.faults }

// Intercept calls a function with every request before rules apply to it, until t and its
// subtests have ended. See [faults.Engine.Intercept].
func (r *Registry) Intercept(t testing.TB, handle func(w http.ResponseWriter, r *http.Request, info *op.Info) (handled bool)) {
	t = r.test(t)
	t.Helper()
	if handle == nil {
		t.Fatalf("registrytest: Intercept: handle is nil: give it a function to call with every request")
	}
	t.Cleanup(r.faults.Intercept(handle))
}
