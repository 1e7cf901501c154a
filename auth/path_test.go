package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/registry"
)

// guarded is a registry in which alice may do everything in team/*, may push to
// inbox, and must see nothing of secret/app, which no answer may show.
func guarded(t testing.TB, token *auth.TokenOptions) (f *fixture, alice who, secret content) {
	t.Helper()
	f = newFixture(t, auth.Options{
		Users: map[string]string{"alice": "secret"},
		Rules: []auth.Rule{
			{Users: []string{"alice"}, Repos: []string{"team/*"}, Actions: []registry.Action{registry.Pull, registry.Push, registry.Delete}},
			{Users: []string{"alice"}, Repos: []string{"inbox"}, Actions: []registry.Action{registry.Push}},
		},
		Token: token,
	})
	f.push("team/app")
	f.push("inbox")
	secret = f.push("secret/app")
	alice = basic("alice", "secret")
	if token != nil {
		alice = bearer(f.token(alice, "repository:team/app:* repository:team/other:* repository:inbox:*"))
	}
	return f, alice, secret
}

// TestPathTricks: no path means one repository to auth and another to the registry.
func TestPathTricks(t *testing.T) {
	for _, token := range []*auth.TokenOptions{nil, {}} {
		f, alice, secret := guarded(t, token)
		layer := "layer of secret/app"
		for _, way := range []string{
			"/v2/secret/app/<end>",
			"/v2/team/../secret/app/<end>",
			"/v2/team/%2e%2e/secret/app/<end>",
			"/v2/team/..%2fsecret/app/<end>",
			"/v2/team/app/../../secret/app/<end>",
			"/v2/team%2f..%2f..%2fv2%2fsecret%2fapp/<end>",
			"/v2/team/app/..;/..;/secret/app/<end>",
			"/v2/team/app\\..\\..\\secret\\app/<end>",
			"/v2//secret/app/<end>",
			"/v2/./secret/app/<end>",
			"//v2/secret/app/<end>",
			"/./v2/secret/app/<end>",
			"/V2/secret/app/<end>",
			"/v2/Secret/app/<end>",
			"/v2/SECRET/APP/<end>",
			"/v2/secret%2Fapp/<end>",
			"/v2/secret//app/<end>",
			"/v2/secret/app//<end>",
			"/v2/%73ecret/app/<end>",
			"/v2/secret/app%00/<end>",
			"/v2/team%00/../secret/app/<end>",
			"/v2/secret%20/app/<end>",
			"/v2/team/app/<end>/../../../../secret/app/<end>",
			"/v2/team/app/manifests/../../../secret/app/<end>",
			"/v2/token/../secret/app/<end>",
			"/v2/token/keys/../../secret/app/<end>",
			"/v2/_catalog/../secret/app/<end>",
			"http://example.com/v2/secret/app/<end>",
			"http://example.com//v2/secret/app/<end>",
			"/v2/secret/app/<end>?repo=team/app",
			"/v2/secret/app/<end>?ns=team/app",
			"/v2/secret/app/<end>/",
			"/v2/secret/app/<end>%3f",
			"/v2/secret/app/<end>;/team/app",
		} {
			for _, end := range []string{"manifests/v1", "manifests/" + secret.manifest.String(), "blobs/" + secret.blob.String(), "tags/list", "referrers/" + secret.manifest.String()} {
				target := strings.ReplaceAll(way, "<end>", end)
				for _, method := range []string{"GET", "HEAD", "DELETE", "PUT", "POST", "PATCH"} {
					a := f.do(alice, method, target, "")
					assert.GreaterOrEqual(t, a.Status, 400, "%s %s", method, target)
					assert.NotContains(t, a.Body, layer)
					assert.NotEqual(t, http.StatusInternalServerError, a.Status, "%s %s", method, target)
				}
			}
		}
		assert.Equal(t, 200, send(t, f.open, anonymous, "GET", "/v2/secret/app/manifests/v1", "").Status, "it is still there")
	}
}

// Only the token service is served to everybody, under its own path.
func TestTokenPathTricks(t *testing.T) {
	f, _, _ := guarded(t, &auth.TokenOptions{})
	for target, status := range map[string]int{
		"/v2/token": 200, "/v2/%74oken": 200, "/v2/token?scope=": 200, "/v2/token/keys": 200,
		"/v2//token": 401, "/v2/token/": 401, "/V2/token": 401, "/v2/Token": 401, "/v2/./token": 401, "/v2/x/../token": 401,
		"/v2/token%2fkeys": 401, "/v2/token/keys/": 401, "/v2/token//keys": 401, "/v2/token%00": 401, "/v2/token;x": 401, "/token": 401,
		"/v2/token/manifests/v1": 401, "/v2/token/tags/list": 401, "/v2": 401, "/": 401, "/v2/token/blobs/uploads/": 401,
	} {
		assert.Equal(t, status, f.get(anonymous, target).Status, target)
	}
}

// A method is the request's own, whatever else it says.
func TestMethodOverrides(t *testing.T) {
	f, _, _ := guarded(t, nil)
	as := basic("alice", "secret")
	there := "/v2/inbox/manifests/v1"
	for _, header := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		for _, method := range []string{"POST", "PUT", "GET", "PATCH"} {
			a := f.do(as, method, there+"?_method=DELETE", "_method=DELETE", header, "DELETE", "Content-Type", formType)
			assert.GreaterOrEqual(t, a.Status, 400)
		}
	}
	assert.Equal(t, 403, f.do(as, "DELETE", there, "").Status)
	assert.Equal(t, 200, send(t, f.open, anonymous, "GET", there, "").Status)
	assert.Equal(t, 405, f.do(as, "delete", there, "").Status, "methods are case-sensitive")
}

// Headers by which proxies rewrite requests change nothing.
func TestRewritingHeaders(t *testing.T) {
	f, alice, _ := guarded(t, nil)
	for _, header := range []string{"X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-For", "Forwarded"} {
		assert.Equal(t, 403, f.do(alice, "GET", "/v2/secret/app/manifests/v1", "", header, "/v2/team/app/manifests/v1").Status, header)
	}
}

// Whatever path and method, nobody gets what they may not, and nothing changes.
func FuzzPath(f *testing.F) {
	fix, _, secret := guarded(f, nil)
	for _, seed := range []string{
		"/v2/secret/app/manifests/v1", "/v2/team/../secret/app/tags/list", "/v2/secret%2fapp/blobs/" + secret.blob.String(),
		"/v2/inbox/blobs/uploads/?mount=" + secret.blob.String() + "&from=secret/app", "/v2/_catalog?n=1", "/v2/token?scope=repository:secret/app:pull",
	} {
		for _, method := range []string{"GET", "DELETE", "POST"} {
			f.Add(method, seed)
		}
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL, r.RequestURI = method, u, target
		r.SetBasicAuth("alice", "secret")
		w := httptest.NewRecorder()
		fix.handler.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), "layer of secret") || digest.FromBytes(w.Body.Bytes()) == secret.manifest || w.Code >= 500 {
			t.Errorf("%s %q: %d %s", method, target, w.Code, w.Body)
		}
		_, state := inflight.Begin(r)
		if state.Info().Repo == "secret/app" && w.Code < 400 {
			t.Errorf("%s %q: %d", method, target, w.Code)
		}
		if send(t, fix.open, anonymous, "HEAD", "/v2/secret/app/manifests/v1", "").Status != 200 {
			t.Errorf("%s %q has deleted it", method, target)
		}
	})
}
