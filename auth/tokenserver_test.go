package auth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/registry"
)

const formType = "application/x-www-form-urlencoded"

// post asks for a token with POST; fields lists names and values in turn.
func (f *fixture) post(fields ...string) answer {
	f.t.Helper()
	return f.do(anonymous, "POST", "/v2/token", form(fields...), "Content-Type", formType)
}

func form(fields ...string) string {
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	return values.Encode()
}

func (f *fixture) refresh(token string, more ...string) answer {
	f.t.Helper()
	return f.post(append([]string{"grant_type", "refresh_token", "refresh_token", token, "service", "ocifake", "client_id", "test"}, more...)...)
}

func (f *fixture) login(user, password string, more ...string) answer {
	f.t.Helper()
	return f.post(append([]string{"grant_type", "password", "username", user, "password", password, "service", "ocifake", "client_id", "test"}, more...)...)
}

// teamOptions: alice may do everything in team/*, anybody may pull public.
func teamOptions(token auth.TokenOptions) auth.Options {
	return auth.Options{
		Users: map[string]string{"alice": "secret"},
		Rules: []auth.Rule{{Users: []string{"alice"}, Repos: []string{"team/*"}}, auth.Anonymous("public")},
		Token: &token, CertificateLogin: true,
	}
}

func TestGrantedScopes(t *testing.T) {
	alice := basic("alice", "secret")
	for _, test := range []struct {
		name   string
		as     who
		scopes []string
		want   string
	}{
		{"none", alice, nil, ""},
		{"all of it", alice, []string{"repository:team/a:pull,push,delete"}, "repository:team/a:delete,pull,push"},
		{"a part of it", alice, []string{"repository:public:pull,push"}, "repository:public:pull"},
		{"nothing of it", alice, []string{"repository:other:pull"}, ""},
		{"everything", alice, []string{"repository:team/a:*"}, "repository:team/a:delete,pull,push"},
		{"everything, of anybody", anonymous, []string{"repository:public:*"}, "repository:public:pull"},
		{"several parameters", alice, []string{"repository:team/a:pull", "repository:team/b:push"}, "repository:team/a:pull repository:team/b:push"},
		{"several in one", alice, []string{"repository:team/a:pull  repository:other:pull repository:team/b:push"}, "repository:team/a:pull repository:team/b:push"},
		{"one twice", alice, []string{"repository:team/a:pull,pull"}, "repository:team/a:pull"},
		{"catalog", alice, []string{"registry:catalog:*"}, "registry:catalog:*"},
		{"catalog, of anybody", anonymous, []string{"registry:catalog:*"}, ""},
		{"no action of ours", alice, []string{"repository:team/a:pull,fly", "repository:team/b:fly", "registry:catalog:pull"}, "repository:team/a:pull"},
		{"no action", alice, []string{"repository:team/a:", "repository:team/b:pull,"}, "repository:team/b:pull"},
		{"no type of ours", alice, []string{"repository(plugin):team/a:pull", "artifact:team/a:pull", "registry:team/a:*"}, ""},
		{"no name of ours", alice, []string{"repository:team/A:pull", "repository:team/../a:pull", "repository:team//a:pull", "repository:team/a/:pull", "repository:host:80/team/a:pull", "repository:team/*:pull"}, ""},
		{"anonymous", anonymous, []string{"repository:team/a:pull", "repository:public:pull"}, "repository:public:pull"},
		{"certificate", certificate("alice"), []string{"repository:team/a:pull"}, "repository:team/a:pull"},
		{"certificate of another", certificate("bob"), []string{"repository:team/a:pull"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, opaque := range []bool{false, true} {
				f := newFixture(t, teamOptions(auth.TokenOptions{Opaque: opaque}))
				assert.Equal(t, test.want, f.askToken(test.as, test.scopes...).token(t).Scope)
			}
		})
	}
}

func TestFirstScopeOnly(t *testing.T) {
	f := newFixture(t, teamOptions(auth.TokenOptions{FirstScopeOnly: true}))
	two := []string{"repository:team/a:pull", "repository:team/b:pull"}
	assert.Equal(t, two[0], f.askToken(basic("alice", "secret"), two...).token(t).Scope)
	assert.Equal(t, two[1], f.askToken(basic("alice", "secret"), two[1]+" "+two[0]).token(t).Scope)
	assert.Equal(t, two[0], f.login("alice", "secret", "scope", strings.Join(two, " ")).token(t).Scope)
}

func TestField(t *testing.T) {
	for field, want := range map[string][]string{"": {"token", "access_token"}, "token": {"token"}, "access_token": {"access_token"}} {
		f := newFixture(t, teamOptions(auth.TokenOptions{Field: field}))
		assert.Contains(t, f.login("alice", "secret").Body, `"scope":""`, "POST requires it")
		for _, a := range []answer{f.askToken(basic("alice", "secret")), f.login("alice", "secret")} {
			var fields map[string]any
			require.NoError(t, json.Unmarshal([]byte(a.Body), &fields))
			var found []string
			for _, name := range []string{"token", "access_token"} {
				if text, ok := fields[name].(string); ok {
					found = append(found, name)
					assert.Equal(t, 200, f.get(bearer(text), "/v2/").Status)
				}
			}
			assert.Equal(t, want, found)
			assert.NotContains(t, fields, "refresh_token")
			if scope, ok := fields["scope"]; ok {
				assert.Empty(t, scope)
			}
			assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
			assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		}
	}
}

// Refresh tokens are for those who ask for one, and have a name.
func TestRefreshTokens(t *testing.T) {
	const pull = "repository:team/a:pull"
	f := newFixture(t, teamOptions(auth.TokenOptions{}))
	fromGet := f.get(basic("alice", "secret"), "/v2/token?offline_token=true").token(t).RefreshToken
	fromPost := f.login("alice", "secret", "access_type", "offline").token(t).RefreshToken
	require.NotEmpty(t, fromGet)
	require.NotEmpty(t, fromPost)
	assert.NotEqual(t, fromGet, fromPost)
	for _, refresh := range []string{fromGet, fromPost, fromGet} {
		got := f.refresh(refresh, "scope", pull).token(t)
		assert.Equal(t, pull, got.Scope)
		assert.Equal(t, refresh, got.RefreshToken, "it is good for longer")
		assert.Equal(t, 404, f.get(bearer(got.Token), "/v2/team/a/manifests/v1").Status)
		assert.Equal(t, 401, f.get(bearer(refresh), "/v2/").Status, "it is no token")
	}
	assert.Equal(t, fromGet, f.refresh(fromGet, "access_type", "offline").token(t).RefreshToken, "no other is given out for it")

	assert.Empty(t, f.get(anonymous, "/v2/token?offline_token=true").token(t).RefreshToken)
	for _, no := range []string{"", "false", "1"} {
		assert.Empty(t, f.get(basic("alice", "secret"), "/v2/token?offline_token="+no).token(t).RefreshToken)
	}
	assert.Empty(t, f.login("alice", "secret", "access_type", "online").token(t).RefreshToken)
}

func TestPostErrors(t *testing.T) {
	f := newFixture(t, teamOptions(auth.TokenOptions{}))
	invalid := func(text string) string {
		return `{"error":"invalid_request","error_description":` + text + `}`
	}
	for name, test := range map[string]struct {
		body, contentType string
		status            int
		want              string
	}{
		"nothing":       {"", formType, 400, invalid(`"grant_type is missing"`)},
		"no form":       {`{"grant_type":"password"}`, "application/json", 400, invalid(`"grant_type is missing"`)},
		"no type":       {form("grant_type", "password"), "", 400, invalid(`"grant_type is missing"`)},
		"bad escape":    {"grant_type=%zz", formType, 400, invalid(`"the body is no form, or too long"`)},
		"too long":      {"grant_type=" + strings.Repeat("x", 100_000), formType, 400, invalid(`"the body is no form, or too long"`)},
		"no service":    {form("grant_type", "password", "client_id", "c", "username", "alice", "password", "secret"), formType, 400, invalid(`"service is missing"`)},
		"no client":     {form("grant_type", "password", "service", "ocifake", "username", "alice", "password", "secret"), formType, 400, invalid(`"client_id is missing"`)},
		"other service": {form("grant_type", "password", "service", "other", "client_id", "c"), formType, 400, invalid(`"service \"other\": this is \"ocifake\""`)},
		"bad scope": {form("grant_type", "password", "service", "ocifake", "client_id", "c", "scope", "all"), formType, 400,
			`{"error":"invalid_scope","error_description":"scope \"all\": want type:name:actions, as repository:app:pull,push"}`},
		"other grant": {form("grant_type", "authorization_code", "service", "ocifake", "client_id", "c"), formType, 400,
			`{"error":"unsupported_grant_type","error_description":"want password or refresh_token"}`},
		"twice":        {form("grant_type", "password", "service", "ocifake", "client_id", "c", "username", "alice", "password", "wrong", "password", "secret"), formType, 400, invalid(`"password is there more than once"`)},
		"in the query": {"", formType, 400, invalid(`"grant_type is missing"`)},
	} {
		target := "/v2/token"
		if name == "in the query" {
			target += "?" + form("grant_type", "password", "service", "ocifake", "client_id", "c", "username", "alice", "password", "secret")
		}
		a := f.do(anonymous, "POST", target, test.body, "Content-Type", test.contentType)
		assert.Equal(t, test.status, a.Status, name)
		assert.JSONEq(t, test.want, a.Body, name)
		assert.Empty(t, a.Challenge, name)
		assert.Equal(t, "no-store", a.Header.Get("Cache-Control"), name)
	}
	for name, a := range map[string]answer{
		"wrong password":     f.login("alice", "wrong"),
		"unknown user":       f.login("bob", "secret"),
		"nobody":             f.login("", ""),
		"wrong refresh":      f.refresh("x"),
		"no refresh":         f.refresh(""),
		"a token to refresh": f.refresh(f.token(basic("alice", "secret"))),
	} {
		assert.Equal(t, 401, a.Status, name)
		assert.Equal(t, "UNAUTHORIZED", a.Code, name)
		assert.Equal(t, []string{`Basic realm="ocifake"`}, a.Challenge, name)
	}
}

func TestGetErrors(t *testing.T) {
	f := newFixture(t, teamOptions(auth.TokenOptions{}))
	many := strings.Repeat("+repository:team/a:pull", 101)
	for query, want := range map[string]string{
		"scope=all":              `scope "all": want type:name:actions, as repository:app:pull,push`,
		"scope=repository::pull": `scope "repository::pull": type and name must not be empty, and nothing may have spaces or quotes`,
		"service=other":          `service "other": this is "ocifake"`,
		"scope=" + many:          `more than 100 scopes`,
		"scope=a:" + strings.Repeat("x", 5000) + ":c": `scope "a:` + strings.Repeat("x", 98) + `": want type:name:actions, as repository:app:pull,push`,
	} {
		a := f.get(basic("alice", "secret"), "/v2/token?"+query)
		assert.Equal(t, 400, a.Status, query)
		var body map[string]string
		require.NoError(t, json.Unmarshal([]byte(a.Body), &body))
		assert.Equal(t, map[string]string{"error": "invalid_request", "error_description": want}, body)
	}
	for name, as := range map[string]who{
		"a token":         bearer(f.token(basic("alice", "secret"))),
		"two headers":     authorization("Basic YWxpY2U6c2VjcmV0", "Basic YWxpY2U6c2VjcmV0"),
		"one more, empty": authorization("", "Basic YWxpY2U6c2VjcmV0"),
		"an empty header": authorization(""),
		"another scheme":  authorization("Digest username=alice"),
		"a wrong password, and a certificate": func(r *http.Request) {
			certificate("alice")(r)
			r.SetBasicAuth("alice", "wrong")
		},
	} {
		a := f.askToken(as, "repository:team/a:pull")
		assert.Equal(t, 401, a.Status, name)
		assert.Equal(t, []string{`Basic realm="ocifake"`}, a.Challenge, name)
	}
}

func TestPostStatus(t *testing.T) {
	for _, status := range []int{400, 401, 404, 405} {
		f := newFixture(t, teamOptions(auth.TokenOptions{PostStatus: status}))
		a := f.login("alice", "secret")
		assert.Equal(t, status, a.Status)
		assert.JSONEq(t, `{"error":"unsupported_grant_type","error_description":"tokens are given to GET"}`, a.Body)
		assert.Equal(t, status == 405, a.Header.Get("Allow") == "GET")
		assert.Equal(t, 200, f.askToken(basic("alice", "secret")).Status)
	}
}

func TestAnonymousStatus(t *testing.T) {
	for status, code := range map[int]string{401: "UNAUTHORIZED", 403: "DENIED"} {
		f := newFixture(t, teamOptions(auth.TokenOptions{AnonymousStatus: status}))
		for _, scopes := range [][]string{nil, {"repository:team/a:pull"}, {"repository:public:push"}} {
			a := f.askToken(anonymous, scopes...)
			assert.Equal(t, status, a.Status)
			assert.Equal(t, code, a.Code)
			assert.Equal(t, status == 401, a.Challenge != nil)
		}
		assert.Equal(t, 200, f.askToken(anonymous, "repository:team/a:pull", "repository:public:pull").Status)
		assert.Equal(t, 200, f.askToken(basic("alice", "secret"), "repository:other:pull").Status)
	}
}

// Other methods are none of the token service's.
func TestTokenMethods(t *testing.T) {
	f := newFixture(t, teamOptions(auth.TokenOptions{}))
	for _, method := range []string{"HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		assert.Equal(t, 401, f.do(anonymous, method, "/v2/token", "").Status, method)
		a := f.do(bearer(f.token(anonymous)), method, "/v2/token", "")
		assert.Equal(t, 405, a.Status, method)
		assert.Equal(t, "GET, POST", a.Header.Get("Allow"))
	}
}

// A registry that takes passwords has no token service, nor has one whose Auth
// gives out none.
func TestNoTokenService(t *testing.T) {
	f := newFixture(t, auth.Options{Users: map[string]string{"alice": "secret"}})
	for _, target := range []string{"/v2/token", "/v2/token/keys"} {
		a := f.get(anonymous, target)
		assert.Equal(t, 404, a.Status)
		assert.Equal(t, "UNSUPPORTED", a.Code)
	}
	f.handler = auth.Handler(struct{ auth.Authenticator }{f.service}, registry.New(f.store, registry.Options{}))
	assert.Equal(t, 401, f.get(anonymous, "/v2/token").Status)
	assert.Equal(t, 404, f.get(basic("alice", "secret"), "/v2/token").Status)
}
