package registrytest

import (
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/record"
)

// Assertions assert something about the requests that [Registry.Assert], [Registry.Require]
// or [Network.Assert] selected. A method reports whether the assertion holds. If it does not,
// the test fails with what was wanted, what was found, and the journal, which has a line for
// each recorded request.
//
// Requests whose answer has not ended count, with what is known of them. If a full record has
// dropped requests, every assertion fails. See [WithRecording].
type Assertions struct {
	t       testing.TB
	of      recorded
	filters []record.Filter
	fatal   bool
	method  string      // that made it
	asserts atomic.Bool // a method was called
}

// Assert selects the requests that match all filters, for an assertion that fails the test
// without ending it. Without filters it selects all requests.
//
//	reg.Assert(t, record.Op(op.BlobGet), record.Digest(layer)).Count(1)
//
// If tests share a registry, filters select the requests of one test: [record.Header],
// [record.UserAgent], [record.Repo], [record.Subject], [record.Since].
//
// Assert fails t, even if the registry belongs to another test. It also fails t at its end if
// no method of the Assertions was called.
func (r *Registry) Assert(t testing.TB, filters ...record.Filter) *Assertions {
	t = r.test(t)
	t.Helper()
	return newAssertions(t, recorded{r}, "Assert", filters)
}

// Require is like [Registry.Assert] for assertions that end the test when they fail. It must
// be called from the goroutine of the test.
func (r *Registry) Require(t testing.TB, filters ...record.Filter) *Assertions {
	t = r.test(t)
	t.Helper()
	a := newAssertions(t, recorded{r}, "Require", filters)
	a.fatal = true
	return a
}

// newAssertions returns Assertions that fail the test at its end if none of their methods was called.
func newAssertions(t testing.TB, of recorded, method string, filters []record.Filter) *Assertions {
	t.Helper()
	a := &Assertions{t: t, of: of, filters: filters, method: method}
	if filter.Allowed(filters) == 0 {
		t.Fatalf("registrytest: %s: together they match no request: %s", method, texts(filters))
	}
	_, file, line, _ := runtime.Caller(2)
	t.Cleanup(func() {
		t.Helper()
		if !a.asserts.Load() && !t.Failed() && !t.Skipped() {
			t.Errorf("registrytest: %s at %s:%d asserts nothing about %s: end it with what must hold, such as .Count(1) or .Count(0)",
				a.method, filepath.Base(file), line, a.requests())
		}
	})
	return a
}

// begin begins a method that asserts something.
func (a *Assertions) begin() {
	a.t.Helper()
	a.asserts.Store(true)
	for _, r := range a.of {
		r.mustBeUsable(a.t)
	}
}

// Count asserts that there are exactly n of the requests.
func (a *Assertions) Count(n int) bool {
	a.t.Helper()
	return a.check(a.count("exactly "+a.number(n), n, n))
}

// AtLeast asserts that there are n of the requests or more.
func (a *Assertions) AtLeast(n int) bool {
	a.t.Helper()
	return a.check(a.count("at least "+a.number(n), n, math.MaxInt))
}

// AtMost asserts that there are n of the requests or fewer.
func (a *Assertions) AtMost(n int) bool {
	a.t.Helper()
	return a.check(a.count("at most "+a.number(n), 0, n))
}

// count compares the number of requests with a range.
func (a *Assertions) count(want string, least, most int) judge {
	return func(log record.Log) verdict {
		v := verdict{want: want}
		switch n := len(log); {
		case n < least:
			v.got = numbers(log)
			v.near(a.filters, nil)
		case n > most:
			v.got = numbers(log)
			v.markAll(log)
		}
		return v
	}
}

// All asserts that every one of the requests meets these filters too, and that
// there is one:
//
//	reg.Assert(t).All(record.UserAgent("myclient/*"))
//	reg.Assert(t).All(record.Secure())
func (a *Assertions) All(filters ...record.Filter) bool {
	a.t.Helper()
	return a.check(func(log record.Log) verdict {
		v := verdict{want: fmt.Sprintf("all %s to have %s", a.requests(), texts(filters))}
		others := slices.DeleteFunc(slices.Clone(log), func(x record.Exchange) bool {
			return x.Matches(filters...)
		})
		switch {
		case len(log) == 0:
			v.got = "none at all"
			v.near(a.filters, nil)
		case len(others) > 0:
			v.got = fmt.Sprintf("%d of %d without: %s", len(others), len(log), seqs(others))
			v.markAll(others)
		}
		return v
	})
}

// BackoffAtLeast asserts that each of the requests except the first began at least this long
// after the answers to the earlier ones had ended. There must be two requests or more.
func (a *Assertions) BackoffAtLeast(pause time.Duration) bool {
	a.t.Helper()
	return a.check(func(log record.Log) verdict {
		v := verdict{want: fmt.Sprintf("at least %v between two %s", pause, a.requests())}
		if len(log) < 2 {
			v.got = numbers(log)
			v.near(a.filters, nil)
			return v
		}
		var found []string
		var late record.Log
		for i, gap := range log.Gaps() {
			if gap < pause {
				late = append(late, log[i+1])
				found = append(found, fmt.Sprintf("%v before #%d", gap, log[i+1].Seq))
			}
		}
		v.got = strings.Join(found, ", ")
		v.markAll(late)
		return v
	})
}

// CredentialsOnlyTo asserts that none of the requests carried credentials to another host:
// "hub.example", or "127.0.0.1:40001" if only that port may receive them. Without hosts, the
// host is the registry's own [Registry.Host].
//
// Credentials are those that [record.Log.Leaks] finds, in any header field, in the URL, or in
// the body of a token request. For a registry on a [Network], the requests to all registries
// of the network are checked.
func (a *Assertions) CredentialsOnlyTo(hosts ...string) bool {
	a.t.Helper()
	a.begin()
	of := a.of
	if len(of) == 1 {
		if len(hosts) == 0 {
			hosts = []string{of[0].Host()}
		}
		of = of[0].neighbours()
	}
	meant, all := of.requests(a.filters)
	all = of.whole(all)
	return a.judgeIn(of, meant, all, func(meant record.Log) verdict {
		v := verdict{want: fmt.Sprintf("no %s with credentials for a host other than %s", a.requests(), strings.Join(hosts, ", "))}
		if len(hosts) == 0 {
			v.got = "no host: a network has none of its own, so say which hosts may get credentials"
			return v
		}
		chosen := seqSet(meant)
		leaks := slices.DeleteFunc(all.Leaks(hosts...), func(x record.Exchange) bool { return !chosen[x.Seq] })
		if len(leaks) > 0 {
			v.got = numbers(leaks)
			v.markAll(leaks)
		}
		return v
	})
}
