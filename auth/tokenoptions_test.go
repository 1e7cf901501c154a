package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/registry"
)

// TestRequiredToken has anonymous clients get a token for what everybody may do.
func TestRequiredToken(t *testing.T) {
	for _, required := range []bool{false, true} {
		f := newFixture(t, auth.Options{
			Users: map[string]string{"alice": "secret"},
			Rules: []auth.Rule{{Users: []string{"alice"}}, auth.Anonymous("public/*")},
			Token: &auth.TokenOptions{Required: required, AllowBasic: true},
		})
		const target = "/v2/public/app/manifests/v1" // which does not exist
		bare := f.get(anonymous, target)
		if !required {
			assert.Equal(t, 404, bare.Status)
			continue
		}
		require.Equal(t, 401, bare.Status)
		require.Len(t, bare.Challenge, 2)
		assert.Contains(t, bare.Challenge[0], `scope="repository:public/app:pull"`)
		assert.NotContains(t, bare.Challenge[0], "error=")
		token := f.get(anonymous, "/v2/token?service=ocifake&scope=repository:public/app:pull").token(t).Token
		assert.Equal(t, 404, f.get(bearer(token), target).Status)
		assert.Equal(t, 401, f.get(anonymous, "/v2/").Status)
		assert.Equal(t, 200, f.get(bearer(token), "/v2/").Status)
		assert.Equal(t, 404, f.get(basic("alice", "secret"), target).Status, "a password is no less than a token")
	}
}

// TestBasicBesideBearer has a registry that takes both.
func TestBasicBesideBearer(t *testing.T) {
	for _, both := range []bool{false, true} {
		f := newFixture(t, teamOptions(auth.TokenOptions{AllowBasic: both}))
		refused := f.get(anonymous, "/v2/")
		require.Equal(t, 401, refused.Status)
		assert.True(t, strings.HasPrefix(refused.Challenge[0], "Bearer "), refused.Challenge)
		token := f.get(basic("alice", "secret"), "/v2/token").token(t).Token
		assert.Equal(t, 200, f.get(bearer(token), "/v2/").Status)
		if !both {
			assert.Len(t, refused.Challenge, 1)
			assert.Equal(t, 401, f.get(basic("alice", "secret"), "/v2/").Status)
			continue
		}
		require.Len(t, refused.Challenge, 2)
		assert.Equal(t, `Basic realm="ocifake"`, refused.Challenge[1])
		assert.Equal(t, 200, f.get(basic("alice", "secret"), "/v2/").Status)
		assert.Equal(t, 401, f.get(basic("alice", "wrong"), "/v2/").Status)
	}
}

// TestRotatedRefreshTokens has a refresh token work until the one that replaced it was used: a client
// that lost the answer tries again.
func TestRotatedRefreshTokens(t *testing.T) {
	f := newFixture(t, teamOptions(auth.TokenOptions{RotateRefresh: true}))
	first := f.login("alice", "secret", "access_type", "offline").token(t).RefreshToken
	other := f.login("alice", "secret", "access_type", "offline").token(t).RefreshToken
	lost := f.refresh(first).token(t).RefreshToken
	second := f.refresh(first).token(t).RefreshToken
	require.NotEqual(t, first, second)
	require.NotEqual(t, lost, second)
	third := f.refresh(second).token(t).RefreshToken
	assert.Equal(t, 401, f.refresh(first).Status)
	assert.Equal(t, 200, f.refresh(second).Status, "the third is not used yet")
	assert.Equal(t, 200, f.refresh(third).Status)
	assert.Equal(t, 401, f.refresh(second).Status)
	assert.Equal(t, 401, f.refresh(lost).Status)
	assert.Equal(t, 200, f.refresh(other).Status, "that of another login")
	f.service.RevokeAll()
	assert.Equal(t, 401, f.refresh(third).Status)
}

// TestLargeTokens has tokens of a minimum size.
func TestLargeTokens(t *testing.T) {
	for _, opaque := range []bool{false, true} {
		for _, size := range []int{1, 1000, 16 << 10, 48 << 10} {
			f := newFixture(t, teamOptions(auth.TokenOptions{Size: size, Opaque: opaque}))
			token := f.get(basic("alice", "secret"), "/v2/token").token(t).Token
			assert.GreaterOrEqual(t, len(token), size)
			assert.Less(t, len(token), size+1200)
			assert.Equal(t, 200, f.get(bearer(token), "/v2/").Status)
		}
	}
	for _, size := range []int{-1, 48<<10 + 1} {
		_, err := auth.New(auth.Options{Token: &auth.TokenOptions{Size: size}})
		assert.ErrorContains(t, err, "want at most 49152 bytes")
	}
}

// TestNarrowedScopes has a token that allows less than the client asked for, and then one that
// allows all.
func TestNarrowedScopes(t *testing.T) {
	f := newFixture(t, teamOptions(auth.TokenOptions{}))
	f.service.Next(auth.Life{Actions: []registry.Action{registry.Pull}}, auth.Life{Actions: []registry.Action{registry.Delete}})
	const ask = "/v2/token?scope=repository:team/a:pull,push"
	for _, want := range []string{"repository:team/a:pull", "", "repository:team/a:pull,push"} {
		got := f.get(basic("alice", "secret"), ask).token(t)
		assert.Equal(t, want, got.Scope)
		refused := f.do(bearer(got.Token), "POST", "/v2/team/a/blobs/uploads/", "")
		if strings.Contains(want, "push") {
			assert.Equal(t, 202, refused.Status)
			continue
		}
		assert.Equal(t, 401, refused.Status)
		assert.Contains(t, refused.Challenge[0], `error="insufficient_scope"`)
	}
}

// The service can be the host of the request, which differs between names of the registry.
func TestServiceOfHost(t *testing.T) {
	f := newFixture(t, teamOptions(auth.TokenOptions{Service: "{host}"}))
	at := func(host string, as who, target string) answer {
		return f.get(func(r *http.Request) { as(r); r.Host = host }, target)
	}
	alice := basic("alice", "secret")
	for _, host := range []string{"a.example", "b.example:5000"} {
		assert.Contains(t, at(host, anonymous, "/v2/").Challenge[0], `service="`+host+`"`)
		token := at(host, alice, "/v2/token?service="+host).token(t).Token
		assert.Equal(t, 200, at(host, bearer(token), "/v2/").Status)
		assert.Equal(t, 400, at(host, alice, "/v2/token?service=other").Status)
		assert.Equal(t, 400, at(host, alice, "/v2/token?service={host}").Status)
	}
	assert.Equal(t, "{host}", f.service.ServiceName())
}

// The detail of a refusal can have an entry for each action, with the fields of a real registry.
func TestDetailFields(t *testing.T) {
	options := teamOptions(auth.TokenOptions{MountSource: "named"})
	options.Detail = []string{"Type", "Class", "Name", "Action"}
	f := newFixture(t, options)
	entry := func(repo, action string) string {
		return `{"Action":"` + action + `","Class":"","Name":"` + repo + `","Type":"repository"}`
	}
	refused := f.get(anonymous, "/v2/team/app/tags/list")
	assert.Contains(t, refused.Body, `"detail":[`+entry("team/app", "pull")+`]`)
	mount := f.do(anonymous, "POST", "/v2/team/other/blobs/uploads/?mount=sha256:"+strings.Repeat("0", 64)+"&from=team/app", "")
	assert.Contains(t, mount.Body, `"detail":[`+entry("team/other", "pull")+","+entry("team/other", "push")+","+entry("team/app", "pull")+`]`)
	assert.NotContains(t, f.get(anonymous, "/v2/").Body, "detail")
}
