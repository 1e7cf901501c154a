package e2e

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// suffering is a row of the table: a known fault, what clients do under it, and how
// each of them ends. docs/faults.md shows it: run go generate ./docs after a change.
//
//	"recovers"         it succeeded with the right content
//	"fails: text"      its error contains the text
//	"fooled: reason"   it reports success, but the result is wrong
//	"hangs"            it waits forever
//	"loops"            it sends requests forever
//	"leaks: text"      it sent credentials to another host, and its error contains the text
type suffering struct {
	fault   string
	deed    deed
	options []registrytest.Option // beside InMemory
	ends    ends
}

// ends are the possible results of clients, by name.
type ends map[string]string

func sufferings() []suffering {
	return slices.Concat(knownConnection(), knownThrottling(), knownStatus(), knownCredentials(), knownUploads(), knownReads(), knownLies(), knownLists())
}

func overTLS() []registrytest.Option   { return []registrytest.Option{registrytest.WithTLS()} }
func overHTTP2() []registrytest.Option { return []registrytest.Option{registrytest.WithHTTP2()} }

// TestKnown tests clients with every known fault, in virtual time.
func TestKnown(t *testing.T) {
	for _, row := range sufferings() {
		f, err := known.Find(row.fault)
		require.NoError(t, err)
		for name, end := range row.ends {
			t.Run(row.fault+"/"+row.deed.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				c, ok := sufferers()[name]
				require.True(t, ok, "no client is called %q", name)
				synctest.Test(t, func(t *testing.T) { c.suffer(t, f, row, end, injected) })
			})
		}
	}
}

// TestKnownTable checks that the table is complete.
func TestKnownTable(t *testing.T) {
	rows := sufferings()
	for _, f := range known.All() {
		ends := map[string][]string{} // by client
		for _, row := range rows {
			if row.fault == f.Name {
				for name, end := range row.ends {
					ends[name] = append(ends[name], end)
				}
			}
		}
		library, recovers, correct := false, false, false
		for name, all := range ends {
			library = library || !strings.HasPrefix(name, "careful")
			recovers = recovers || slices.Contains(all, "recovers")
			if strings.HasPrefix(name, "careful") {
				correct = true
				assert.Equal(t, f.Recovers, slices.Contains(all, "recovers"), "%s: %s", f.Name, all)
			}
		}
		assert.True(t, library, "no library meets %s", f.Name)
		assert.True(t, correct || f.Name == "forbidden-for-absent", "no correct client meets %s", f.Name)
		assert.True(t, !f.Recovers || recovers, "nobody recovers from %s", f.Name)
	}
}

// choice is how a known fault is chosen. It returns what the client writes before the
// names of repositories.
type choice func(t *testing.T, f known.Fault, r *registrytest.Registry) (under string)

func injected(t *testing.T, f known.Fault, r *registrytest.Registry) string {
	_, err := r.Faults().Inject(f.Rules()...)
	require.NoError(t, err)
	return ""
}

// suffer performs one deed of a client under a known fault.
func (c sufferer) suffer(t *testing.T, f known.Fault, row suffering, want string, choose choice) {
	reg := registrytest.New(t, append([]registrytest.Option{registrytest.WithInMemory()}, row.options...)...)
	base, err := url.Parse(reg.URL())
	require.NoError(t, err)
	r := &target{base: base, transport: reg.Transport(), registry: reg}
	s := &session{target: r, t: t}
	if reg.AuthService() != nil {
		base.Host = addressHost
		s.login = &registrytest.Credentials{Host: base.Host, Username: userName, Password: userPassword}
	}
	w := &work{session: s, client: c.client, image: newSmallImage(t, "v1")}
	row.deed.prepare(w)
	synctest.Wait() // a transport may have dialled more connections than it needed
	reg.Transport().CloseIdleConnections()
	synctest.Wait()
	reg.Forget()
	w.under = choose(t, f, reg)
	r.transport = &guard{base: reg.Transport()}
	if c.transport != nil {
		r.transport = c.transport(r.transport)
	}

	err = row.deed.do(w)
	hits, rules := 0, reg.Faults().Rules()
	var unfired []string
	for _, state := range rules {
		hits += state.Hits
		if state.Unfired != "" {
			unfired = append(unfired, state.Rule.String()+" "+state.Unfired)
		}
	}
	reg.Faults().Clear()
	require.Empty(t, unfired, "the client said: %v", err)
	require.Positive(t, hits, "the fault did not fire; the client said: %v\n%s", err, reg.Requests().Journal())
	requireNamed(t, f, rules, reg)
	got := verdict(err, func() error { return errors.Join(row.deed.check(w), inTheClear(r)) })
	if leaked(r) {
		got = "leaks: " + got
	}
	kind, text, _ := strings.Cut(strings.ReplaceAll(want, knownRepo, w.under+knownRepo), ": ")
	gotKind, gotText, _ := strings.Cut(got, ": ")
	if kind != gotKind || !strings.Contains(gotText, text) {
		t.Errorf("want %q\ngot  %q\njournal:\n%s", want, got, reg.Requests().Journal())
	}
}

// requireNamed checks that the record tells which rule touched a request. One that
// ended a connection at its opening is on the record of that.
func requireNamed(t *testing.T, f known.Fault, rules []faults.State, r *registrytest.Registry) {
	t.Helper()
	for _, state := range rules {
		if state.Hits == 0 || state.Rule.Connect {
			continue
		}
		named := func(x record.Exchange) bool { return slices.Contains(x.Faults, state.Rule.Name) }
		require.True(t, slices.ContainsFunc(r.Requests(), named), "%s fired, and no exchange on the record names %s", f.Name, state.Rule.Name)
	}
}

// verdict formats the result of a client as in the table.
func verdict(err error, check func() error) string {
	switch {
	case errors.Is(err, errTooOften) || err != nil && strings.Contains(err.Error(), errTooOften.Error()):
		return "loops"
	case err != nil && strings.Contains(err.Error(), errTooLong.Error()):
		return "hangs"
	case err != nil:
		return "fails: " + err.Error()
	}
	if err := check(); err != nil {
		return "fooled: " + err.Error()
	}
	return "recovers"
}

// inTheClear reports whether a client used http instead of https.
func inTheClear(r *target) error {
	for _, x := range r.registry.Requests() {
		if r.tls() && !x.Secure {
			return errors.New("went on in the clear")
		}
	}
	return nil
}

// addressHost is the name under which registries with auth are asked. Clients look
// other names up in the DNS before they show credentials to a token service, which there
// is none of in a bubble.
const addressHost = "192.0.2.1"

// leaked reports whether another host received credentials of the user.
func leaked(r *target) bool {
	return len(r.registry.Requests(record.Op(op.External), record.Subject(userName))) > 0
}

var (
	errTooOften = errors.New("the client has asked often enough")
	errTooLong  = errors.New("the client has waited long enough")
)

const (
	patience    = 12 * time.Hour // virtual, for one request
	maxRequests = 300
)

// guard stops clients that would run forever.
type guard struct {
	base     http.RoundTripper
	requests atomic.Int64
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if g.requests.Add(1) > maxRequests {
		return nil, errTooOften
	}
	ctx, cancel := context.WithTimeoutCause(req.Context(), patience, errTooLong)
	res, err := g.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		defer cancel()
		return nil, because(ctx, err)
	}
	res.Body = guardedBody{res.Body, ctx, cancel}
	return res, nil
}

// because is an error, or its cause.
func because(ctx context.Context, err error) error {
	if err != nil && err != io.EOF && context.Cause(ctx) == errTooLong {
		return errTooLong
	}
	return err
}

type guardedBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel func()
}

func (b guardedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	return n, because(b.ctx, err)
}

func (b guardedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
