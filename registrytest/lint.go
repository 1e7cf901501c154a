package registrytest

import (
	"slices"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/record"
)

// Lint judges the clients of the registry by all requests on record; see package lint. It fails the
// test with the findings that a specification requires or that a real registry refuses, and logs
// the others. Rules can be ignored by ID, with a reason:
//
//	reg.Lint(t, lint.Ignore("manifest-before-content", "example/app#12"))
func (r *Registry) Lint(t testing.TB, ignored ...lint.Ignored) lint.Report {
	t = r.test(t)
	t.Helper()
	return recorded{r}.lint(t, ignored)
}

// Lint judges the clients of all registries on the network; see [Registry.Lint]. Only so is seen
// what a client does with the credentials of one host at another.
func (n *Network) Lint(t testing.TB, ignored ...lint.Ignored) lint.Report {
	t = testOr(t, &n.none)
	t.Helper()
	return recorded(n.all()).lint(t, ignored)
}

// WithLint calls [Registry.Lint] at the end of the test, or in [Registry.Close] without a test.
func WithLint(ignored ...lint.Ignored) Option {
	return once("WithLint", func(c *config) error {
		c.lint = func(r *Registry, t testing.TB) { r.Lint(t, ignored...) }
		_, err := lint.Report{}.Ignoring(ignored...)
		return err
	})
}

// lint judges the requests to registries.
func (rs recorded) lint(t testing.TB, ignored []lint.Ignored) lint.Report {
	t.Helper()
	log, all := rs.requests(nil)
	report, err := lint.Check(log).Ignoring(ignored...)
	if err != nil {
		t.Fatalf("registrytest: Lint: %v", err)
	}
	var text strings.Builder
	_ = report.WriteText(&text) // a Builder does not fail
	failing := report.Failing()
	if len(failing) == 0 {
		if len(report.Findings)+len(report.Unjudged) > 0 {
			t.Log("registrytest: Lint:\n" + text.String())
		}
		return report
	}
	wrong := func(x *record.Exchange) bool {
		return slices.ContainsFunc(failing, func(f lint.Finding) bool { return f.Is(x) })
	}
	v := verdict{mark: wrong, say: "is what the client did wrong"}
	t.Errorf("registrytest: Lint: the client fails %d rules:\n%s\n%s", len(failing), text.String(), rs.journal(t, &v, rs.whole(all)))
	return report
}
