package registrytest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// ways are those in which tokens and passwords may be asked for.
func ways() map[string]auth.Options {
	users := map[string]string{"alice": "secret", "bob": "hunter2"}
	return map[string]auth.Options{
		"Basic":  {Users: users},
		"JWT":    {Users: users, Token: &auth.TokenOptions{}},
		"opaque": {Users: users, Token: &auth.TokenOptions{Opaque: true}},
	}
}

// guarded starts a registry with a token service that knows alice.
func guarded(t testing.TB, opts ...registrytest.Option) *registrytest.Registry {
	t.Helper()
	return registrytest.New(t, append([]registrytest.Option{registrytest.WithAuth(ways()["JWT"])}, opts...)...)
}

// as makes ggcr log in.
func as(c registrytest.Credentials) remote.Option {
	return remote.WithAuth(&authn.Basic{Username: c.Username, Password: c.Password})
}

// Every client that can log in can use the registry, wherever it is.
func TestAuthEverywhere(t *testing.T) {
	for place, options := range map[string][]registrytest.Option{
		"TCP":              nil,
		"TLS":              {registrytest.WithTLS()},
		"HTTP/2":           {registrytest.WithHTTP2()},
		"in memory":        {registrytest.WithInMemory()},
		"TLS in memory":    {registrytest.WithInMemory(), registrytest.WithTLS()},
		"HTTP/2 in memory": {registrytest.WithInMemory(), registrytest.WithHTTP2()},
	} {
		for way, o := range ways() {
			t.Run(way+" "+place, func(t *testing.T) {
				t.Parallel()
				reg := registrytest.New(t, append(options, registrytest.WithAuth(o))...)
				pushed := images.Random()
				ref, transport := remoteRef(t, reg, "app:v1")
				require.NoError(t, remote.Write(ref, pushed, transport, as(reg.Login(t, "alice"))))
				pulled, err := remote.Image(ref, transport, remote.WithAuth(&authn.Basic{Username: "alice", Password: "secret"}))
				require.NoError(t, err)
				want, err := pushed.Digest()
				require.NoError(t, err)
				got, err := pulled.Digest()
				require.NoError(t, err)
				assert.Equal(t, want, got)
				_, err = remote.Image(ref, transport)
				assert.ErrorContains(t, err, "UNAUTHORIZED")
				reg.Assert(t).CredentialsOnlyTo()
			})
		}
	}
}

// Under a prefix the token service is there, too.
func TestAuthUnderPrefix(t *testing.T) {
	reg := guarded(t)
	reg.Push(t, "app:v1", images.Random())
	mux := http.NewServeMux()
	mux.Handle("/some/prefix/", http.StripPrefix("/some/prefix", reg.Handler()))
	server := httptest.NewServer(mux)
	defer server.Close()
	c := client{t, server.Client(), server.URL + "/some/prefix", "alice", "secret"}
	challenge := c.ask("GET", "/v2/app/manifests/v1").Header.Get("WWW-Authenticate")
	assert.Equal(t, `Bearer realm="`+server.URL+`/some/prefix/v2/token",service="ocifake",scope="repository:app:pull"`, challenge)
	assert.Equal(t, 200, c.get("/v2/app/manifests/v1").StatusCode)
}

// TestAuthOnRecord: who asked, how, for what, and what they got.
func TestAuthOnRecord(t *testing.T) {
	reg := guarded(t, registrytest.WithInMemory())
	reg.Push(t, "app:v1", images.Random(images.Layers(1)))
	pullAs := func(user string) {
		ref, transport := remoteRef(t, reg, "app:v1")
		image, err := remote.Image(ref, transport, as(reg.Login(t, user)))
		require.NoError(t, err)
		layers, err := image.Layers()
		require.NoError(t, err)
		content, err := layers[0].Compressed()
		require.NoError(t, err)
		require.NoError(t, content.Close())
	}
	pullAs("alice")
	reg.Assert(t, record.Op(op.Token)).Count(1)
	reg.Assert(t, record.Op(op.Token)).All(record.Subject("alice"))
	reg.Assert(t, record.Op(op.ManifestGet, op.BlobGet)).All(record.Subject("alice"), record.Authenticated())

	token := reg.Requests(record.Op(op.Token))[0]
	assert.Equal(t, "Basic", token.Scheme)
	assert.Equal(t, []string{"repository:app:pull"}, token.Scopes, "granted")
	assert.Contains(t, token.Target, "scope=repository%3Aapp%3Apull", "asked")
	ping := reg.Requests(record.Op(op.Ping))[0]
	assert.Equal(t, []any{401, "", "", []string(nil)}, []any{ping.Status, ping.Subject, ping.Scheme, ping.Scopes})
	manifest := reg.Requests(record.Op(op.ManifestGet))[0]
	assert.Equal(t, []any{200, "alice", "Bearer", []string{"repository:app:pull"}}, []any{manifest.Status, manifest.Subject, manifest.Scheme, manifest.Scopes})

	pullAs("bob")
	reg.Assert(t, record.Op(op.Token)).Count(2)
	reg.Assert(t, record.Op(op.Token), record.Subject("bob")).Count(1)
	assert.Equal(t, []string{"", "alice", "bob"}, slices.Sorted(maps.Keys(reg.Requests().By(func(x *record.Exchange) string { return x.Subject }))))
}

// Tokens that only the registry can read, and certificates, are on record as well.
func TestOpaqueTokensOnRecord(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithAuth(ways()["opaque"]))
	c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
	c.get("/v2/app/tags/list")
	x := reg.Requests(record.Op(op.TagList), record.Authenticated())[0]
	assert.Equal(t, []any{404, "alice", "Bearer", []string{"repository:app:pull"}}, []any{x.Status, x.Subject, x.Scheme, x.Scopes})
	narrow := reg.Requests(record.Op(op.Token))[0]
	assert.Equal(t, []string{"repository:app:pull"}, narrow.Scopes)
}

func TestLogin(t *testing.T) {
	reg := guarded(t)
	alice, again, bob := reg.Login(t, "alice"), reg.Login(t, "alice"), reg.Login(t, "bob")
	assert.Equal(t, registrytest.Credentials{Host: reg.Host(), Username: "alice", Password: alice.Password}, alice)
	assert.NotEqual(t, alice.Password, again.Password)
	for _, c := range []registrytest.Credentials{alice, again, bob, {Username: "alice", Password: "secret"}} {
		got := client{t, reg.Client(), reg.URL(), c.Username, c.Password}
		assert.Equal(t, 404, got.get("/v2/app/tags/list").StatusCode)
	}
	reg.AuthService().RevokeAll()
	got := client{t, reg.Client(), reg.URL(), alice.Username, alice.Password}
	assert.Equal(t, 401, got.get("/v2/app/tags/list").StatusCode)

	open := registrytest.New(t)
	assert.Nil(t, open.AuthService())
	ran := runTest(func(t testing.TB) { open.Login(t, "alice") })
	assert.Equal(t, []string{"registrytest: login as \"alice\": the registry has no authentication: start it with WithAuth"}, ran.failures)
}

// A user whom the options do not name is a typing error; options that name nobody allow
// any name.
func TestLoginUnknownUser(t *testing.T) {
	rules := []auth.Rule{{Users: []string{"team-*"}}, auth.Anonymous("public")}
	named := registrytest.New(t, registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}, Rules: rules}))
	assert.NotEmpty(t, named.Login(t, "ci").Password)
	assert.NotEmpty(t, named.Login(t, "team-a").Password)
	for user, hint := range map[string]string{
		"cii": "did you mean ci?", "CI": "did you mean ci?", "team": "did you mean team-*?", "*": "did you mean team-*?", "alice": "want one of ci, team-*",
	} {
		ran := runTest(func(t testing.TB) { named.Login(t, user) })
		assert.Equal(t, []string{fmt.Sprintf("registrytest: login as %q: the options of WithAuth name no such user: %s; for any other there is AuthService().Password(%[1]q, 0)", user, hint)}, ran.failures)
	}
	free := registrytest.New(t, registrytest.WithAuth(auth.Options{Rules: rules[1:]}))
	assert.NotEmpty(t, free.Login(t, "anybody").Password)
	ran := runTest(func(t testing.TB) { free.Login(t, "") })
	assert.Len(t, ran.failures, 1)
}

// What WithAuth is given is asked; if it is a Service, Login works as well.
func TestWithAuth(t *testing.T) {
	service, err := auth.New(ways()["Basic"])
	require.NoError(t, err)
	reg := registrytest.New(t, registrytest.WithAuthenticator(service))
	assert.Same(t, service, reg.AuthService())
	own := registrytest.New(t, registrytest.WithAuthenticator(struct{ auth.Authenticator }{service}))
	assert.Nil(t, own.AuthService())
	for _, r := range []*registrytest.Registry{reg, own} {
		_, _, err := get(t.Context(), r.Client(), r.URL()+"/v2/")
		require.NoError(t, err)
		r.Assert(t).All(record.Status("401"))
	}
}

func TestBadAuthOptions(t *testing.T) {
	_, err := registrytest.Start(registrytest.WithAuth(auth.Options{Hide: 500}))
	assert.EqualError(t, err, "registrytest: auth: hide with status 500: want 401, 403 or 404")
}

// crane, and all that read Docker's configuration, find the credentials in it.
func TestDockerConfig(t *testing.T) {
	reg := guarded(t)
	reg.Push(t, "app:v1", images.Random())
	ref, transport := remoteRef(t, reg, "app:v1")
	_, err := remote.Image(ref, transport, remote.WithAuthFromKeychain(authn.DefaultKeychain))
	require.ErrorContains(t, err, "UNAUTHORIZED")
	login := reg.Login(t, "alice")
	t.Run("logged in", func(t *testing.T) {
		t.Setenv("DOCKER_CONFIG", login.DockerConfig(t))
		_, err := remote.Image(ref, transport, remote.WithAuthFromKeychain(authn.DefaultKeychain))
		require.NoError(t, err)
		other, err := name.NewRegistry("other.example")
		require.NoError(t, err)
		found, err := authn.DefaultKeychain.Resolve(other)
		require.NoError(t, err)
		assert.Equal(t, authn.Anonymous, found, "nobody else gets them")
	})
	_, err = remote.Image(ref, transport, remote.WithAuthFromKeychain(authn.DefaultKeychain))
	assert.ErrorContains(t, err, "UNAUTHORIZED", "the end of a test logs out")

	dir := login.DockerConfig(t)
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	var config struct {
		Auths map[string]struct{ Auth []byte }
	}
	require.NoError(t, json.Unmarshal(text, &config))
	assert.Equal(t, "alice:"+login.Password, string(config.Auths[reg.Host()].Auth))
	info, err := os.Stat(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&0o077, "others cannot read it")
}

// A password of a cloud registry's is a token for a fixed user.
func TestCloudLogin(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithAuth(auth.Options{}))
	c := client{t, reg.Client(), reg.URL(), "AWS", reg.AuthService().Password("AWS", 12*time.Hour)}
	assert.Equal(t, 404, c.get("/v2/app/tags/list").StatusCode)
	c.password = "made up"
	assert.Equal(t, 401, c.get("/v2/app/tags/list").StatusCode)
	assert.Equal(t, 1, len(reg.Requests(record.Status("404"))))
}

// SetOptions does not let everybody into the catalog.
func TestSetOptionsKeepsAuth(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithAuth(auth.Options{Rules: []auth.Rule{{Actions: []registry.Action{auth.Catalog}}, auth.Anonymous("public")}}))
	reg.Push(t, "public:v1", images.Random())
	reg.Push(t, "private:v1", images.Random())
	for range 2 {
		_, body, err := get(t.Context(), reg.Client(), reg.URL()+"/v2/_catalog")
		require.NoError(t, err)
		assert.JSONEq(t, `{"repositories":["public"]}`, body)
		options := reg.Options()
		options.Allow, options.PageSize = nil, 10
		reg.SetOptions(options)
	}
}
