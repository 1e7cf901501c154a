package registrytest

import (
	"net/http"
	"testing"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

// Inject adds rules by which the registry fails, until t and its subtests have
// ended. A rule that has done less by then than it says fails t, unless it is
// optional; see [faults.Rule.Optional]. Inject fails t at once if a rule makes no
// sense, or if one of its effects cannot act on this registry.
//
// Rules apply in the order in which they were added, and the first one that fires
// wins, unless it says Continue. The handles, one for each rule, tell what became
// of them.
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

// judgeFault fails a test of which a rule has not done what it was to do. It is
// silent after a skip, and after a failure no further one.
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

// Faults returns the engine with the rules by which the registry fails, for those
// who have no t, or who want to look at rules and change them. Nobody checks that
// rules which are added to it fire.
func (r *Registry) Faults() *faults.Engine { return r.faults }

// Intercept calls a function with every request, until t and its subtests have
// ended, before rules apply to it: see [faults.Engine.Intercept].
func (r *Registry) Intercept(t testing.TB, handle func(w http.ResponseWriter, r *http.Request, info *op.Info) (handled bool)) {
	t = r.test(t)
	t.Helper()
	if handle == nil {
		t.Fatalf("registrytest: Intercept: handle is nil: give it a function to call with every request")
	}
	t.Cleanup(r.faults.Intercept(handle))
}
