package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// fakeAuth says what it is told to.
type fakeAuth struct {
	who          auth.Identity
	authenticate error
	authorize    func(auth.Access) error
}

func (a fakeAuth) Authenticate(*http.Request) (auth.Identity, error) { return a.who, a.authenticate }

func (a fakeAuth) Authorize(_ context.Context, who auth.Identity, access auth.Access) error {
	if who.Subject != a.who.Subject {
		return fmt.Errorf("asked about %q", who.Subject)
	}
	return a.authorize(access)
}

func (a fakeAuth) Challenge(_ *http.Request, access auth.Access, failure error) []string {
	return []string{fmt.Sprintf("First %s", access.Action), fmt.Sprintf("Second %q", failure)}
}

func all(err error) func(auth.Access) error { return func(auth.Access) error { return err } }

// TestHandlerErrors: what an implementation of Auth says, and what the client gets.
func TestHandlerErrors(t *testing.T) {
	unauthorized := &registry.Error{Cause: registry.Unauthorized, Message: "log in"}
	for name, test := range map[string]struct {
		auth      fakeAuth
		status    int
		code      string
		message   string
		challenge string // the second
	}{
		"allowed":                    {fakeAuth{authorize: all(nil)}, 404, "NAME_UNKNOWN", "", ""},
		"bad credentials":            {fakeAuth{authenticate: errors.New("who?")}, 401, "UNAUTHORIZED", "who?", `Second "who?"`},
		"bad credentials, in detail": {fakeAuth{authenticate: unauthorized}, 401, "UNAUTHORIZED", "log in", `Second "log in"`},
		"wrapped":                    {fakeAuth{authenticate: fmt.Errorf("inner: %w", unauthorized)}, 401, "UNAUTHORIZED", "log in", `Second "inner: log in"`},
		"another cause":              {fakeAuth{authenticate: registry.NameUnknown}, 401, "UNAUTHORIZED", "repository name not known to registry", `Second "repository name not known to registry"`},
		"denied":                     {fakeAuth{authorize: all(errors.New("not you"))}, 403, "DENIED", "not you", ""},
		"hidden":                     {fakeAuth{authorize: all(registry.NameUnknown)}, 404, "NAME_UNKNOWN", "repository name not known to registry", ""},
		"log in first":               {fakeAuth{authorize: all(unauthorized)}, 401, "UNAUTHORIZED", "log in", `Second "log in"`},
		"too many":                   {fakeAuth{authorize: all(registry.TooManyUploads)}, 429, "TOOMANYREQUESTS", "too many requests", ""},
	} {
		t.Run(name, func(t *testing.T) {
			handler := auth.Handler(test.auth, registry.New(memstore.New(memstore.Options{}), registry.Options{Allow: auth.Allow}))
			a := send(t, handler, anonymous, "GET", "/v2/app/manifests/v1", "")
			assert.Equal(t, test.status, a.Status)
			assert.Equal(t, test.code, a.Code)
			assert.Contains(t, a.Body, test.message)
			assert.Equal(t, "registry/2.0", a.Header.Get("Docker-Distribution-Api-Version"))
			if test.challenge == "" {
				assert.Empty(t, a.Challenge)
			} else {
				assert.Equal(t, []string{"First pull", test.challenge}, a.Challenge)
			}
			head := send(t, handler, anonymous, "HEAD", "/v2/app/manifests/v1", "")
			assert.Equal(t, a.Status, head.Status)
			assert.Equal(t, a.Challenge, head.Challenge)
			assert.Empty(t, head.Body)
		})
	}
}

// TestNeeded has every operation, with what an implementation is asked.
func TestNeeded(t *testing.T) {
	want := map[registry.Action][]op.Op{}
	for _, r := range everywhere() {
		want[r.needs] = append(want[r.needs], r.op)
	}
	got := map[registry.Action][]op.Op{}
	for _, o := range op.All() {
		access := auth.Needed(&op.Info{Op: o, Repo: "app"})
		switch {
		case access == auth.Access{Catalog: true}:
			got[auth.Catalog] = append(got[auth.Catalog], o)
		case access == auth.Access{}:
			got[useOnly] = append(got[useOnly], o)
		default:
			assert.Equal(t, auth.Access{Repo: "app", Action: access.Action}, access)
			got[access.Action] = append(got[access.Action], o)
		}
	}
	want[useOnly] = append(want[useOnly], op.Token, op.TokenKeys, op.External)
	assert.Equal(t, want, got)
	assert.Equal(t, auth.Access{}, auth.Needed(&op.Info{Op: op.Unknown, Repo: "app"}))
}

// TestAllow: the registry asks back in the name of who sent the request.
func TestAllow(t *testing.T) {
	var asked []auth.Access
	a := fakeAuth{who: auth.Identity{Subject: "alice"}, authorize: func(access auth.Access) error {
		asked = append(asked, access)
		return nil
	}}
	store := memstore.New(memstore.Options{})
	f := &fixture{t: t, store: store, open: registry.New(store, registry.Options{Allow: auth.Allow})}
	f.handler = auth.Handler(a, f.open)
	there := f.push("other")
	f.mount(anonymous, "app", "mount="+there.blob.String()+"&from=other")
	source := auth.Access{Repo: "other", Action: registry.Pull} // asked for by the handler, and by the registry
	assert.Equal(t, []auth.Access{{Repo: "app", Action: registry.Push}, source, source}, asked)
	asked = nil
	f.get(anonymous, "/v2/_catalog")
	assert.Equal(t, []auth.Access{{Catalog: true}, {Repo: "app", Action: registry.Pull, Entry: true}, {Repo: "other", Action: registry.Pull, Entry: true}}, asked)

	assert.NoError(t, auth.Allow(t.Context(), "app", registry.Delete), "nobody is asked who came past the handler")
}

// What auth learns of a request is in its state.
func TestIdentity(t *testing.T) {
	identity := auth.Identity{Subject: "alice", Scheme: "Bearer", Granted: []auth.Scope{{Type: "repository", Name: "app", Actions: []string{"pull", "push"}}}}
	served := false
	handler := auth.Handler(fakeAuth{who: identity, authorize: all(nil)}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		served = true
		state := inflight.Of(r.Context())
		require.NotNil(t, state)
		assert.Equal(t, op.Learned{Subject: "alice", Scopes: []string{"repository:app:pull,push"}}, state.Learned())
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v2/", nil))
	assert.True(t, served)
}

// A certificate secures the connection, and is a login only if the options say so. One
// that TLS has not verified never is.
func TestCertificates(t *testing.T) {
	users := map[string]string{"alice": "secret"}
	for _, token := range []*auth.TokenOptions{nil, {}} {
		f := newFixture(t, auth.Options{Users: users, Token: token})
		assert.Equal(t, 401, f.get(certificate("alice"), "/v2/").Status)
		if token != nil {
			assert.Empty(t, f.askToken(certificate("alice"), "repository:app:pull").token(t).Scope)
		}
	}
	f := newFixture(t, auth.Options{Users: users, CertificateLogin: true})
	assert.Equal(t, 200, f.get(certificate("alice"), "/v2/").Status)
	assert.Equal(t, 200, f.get(certificate("any name"), "/v2/").Status, "the authority vouches for it")
	assert.Equal(t, 401, f.get(certificate(""), "/v2/").Status)
	assert.Equal(t, 401, f.get(func(r *http.Request) {
		certificate("alice")(r)
		r.TLS.VerifiedChains = nil
	}, "/v2/").Status)
	assert.Equal(t, 401, f.get(func(r *http.Request) {
		certificate("alice")(r)
		r.SetBasicAuth("alice", "wrong")
	}, "/v2/").Status, "wrong credentials are not made good by a certificate")
}
