package auth_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// request is one for each operation: what it needs, the scope that says so, and
// the status if it is let in. In the target, <blob>, <manifest> and <location>
// stand for content that is there.
type request struct {
	op             op.Op
	method, target string
	body           string
	needs          registry.Action
	scope          string
	status         int
}

const useOnly registry.Action = ""

// everywhere has every operation that auth lets through to the registry.
func everywhere() []request {
	const (
		repo = "/v2/team/app"
		pull = "repository:team/app:pull"
		push = "repository:team/app:pull,push"
		del  = "repository:team/app:delete"
	)
	hello := digest.FromString("hello").String()
	return []request{
		{op.Ping, "GET", "/v2/", "", useOnly, "", 200},
		{op.BlobGet, "GET", repo + "/blobs/<blob>", "", registry.Pull, pull, 200},
		{op.BlobHead, "HEAD", repo + "/blobs/<blob>", "", registry.Pull, pull, 200},
		{op.ManifestGet, "GET", repo + "/manifests/v1", "", registry.Pull, pull, 200},
		{op.ManifestHead, "HEAD", repo + "/manifests/<manifest>", "", registry.Pull, pull, 200},
		{op.UploadStart, "POST", repo + "/blobs/uploads/", "", registry.Push, push, 202},
		{op.BlobPost, "POST", repo + "/blobs/uploads/?digest=" + hello, "hello", registry.Push, push, 201},
		{op.UploadChunk, "PATCH", "<location>", "hello", registry.Push, push, 202},
		{op.UploadCommit, "PUT", "<location>&digest=" + hello, "hello", registry.Push, push, 201},
		{op.ManifestPut, "PUT", repo + "/manifests/v2", "<image>", registry.Push, push, 201},
		{op.TagList, "GET", repo + "/tags/list", "", registry.Pull, pull, 200},
		{op.ManifestDelete, "DELETE", repo + "/manifests/<manifest>", "", registry.Delete, del, 202},
		{op.TagDelete, "DELETE", repo + "/manifests/v1", "", registry.Delete, del, 202},
		{op.BlobDelete, "DELETE", repo + "/blobs/<blob>", "", registry.Delete, del, 202},
		{op.BlobMount, "POST", repo + "/blobs/uploads/?mount=<blob>&from=team/app", "", registry.Push, push, 202}, // 201 who may pull, too
		{op.ReferrerList, "GET", repo + "/referrers/<manifest>", "", registry.Pull, pull, 200},
		{op.UploadStatus, "GET", "<location>", "", registry.Push, push, 204},
		{op.UploadCancel, "DELETE", "<location>", "", registry.Push, push, 204},
		{op.RepositoryList, "GET", "/v2/_catalog", "", auth.Catalog, "registry:catalog:*", 200},
	}
}

func TestEverywhereIsComplete(t *testing.T) {
	var ops []op.Op
	for _, r := range everywhere() {
		ops = append(ops, r.op)
	}
	others := []op.Op{op.Token, op.TokenKeys, op.External}
	assert.Equal(t, slices.DeleteFunc(op.All(), func(o op.Op) bool { return slices.Contains(others, o) }), ops)
}

// people are users, all with the password "secret", and what they may do.
func people() map[string][]registry.Action {
	return map[string][]registry.Action{
		"puller":  {registry.Pull},
		"pusher":  {registry.Push},
		"deleter": {registry.Delete},
		"lister":  {auth.Catalog},
		"boss":    {registry.Pull, registry.Push, registry.Delete, auth.Catalog},
	}
}

func peopleOptions(token *auth.TokenOptions) auth.Options {
	o := auth.Options{Users: map[string]string{}, Token: token, CertificateLogin: true}
	for name, actions := range people() {
		o.Users[name] = "secret"
		o.Rules = append(o.Rules, auth.Rule{Users: []string{name}, Repos: []string{"team/*"}, Actions: actions})
	}
	return o
}

// everyScheme calls a function for each kind of credentials.
func everyScheme(t *testing.T, check func(t *testing.T, token *auth.TokenOptions, certificates bool)) {
	t.Run("Basic", func(t *testing.T) { check(t, nil, false) })
	t.Run("JWT", func(t *testing.T) { check(t, &auth.TokenOptions{}, false) })
	t.Run("opaque", func(t *testing.T) { check(t, &auth.TokenOptions{Opaque: true}, false) })
	t.Run("certificate and Basic", func(t *testing.T) { check(t, nil, true) })
	t.Run("certificate and Bearer", func(t *testing.T) { check(t, &auth.TokenOptions{}, true) })
}

const everyScope = "repository:team/app:pull,push,delete registry:catalog:*"

// TestEveryOperation goes through what anybody may and may not do, and how they
// are told.
func TestEveryOperation(t *testing.T) {
	pristine := memstore.New(memstore.Options{})
	there := newFixtureOn(t, auth.Options{}, pristine).push("team/app")
	everyScheme(t, func(t *testing.T, token *auth.TokenOptions, certificates bool) {
		for _, r := range everywhere() {
			for user, may := range people() {
				f := newFixtureOn(t, peopleOptions(token), pristine.Clone())
				as := basic(user, "secret")
				switch {
				case certificates:
					as = certificate(user)
				case token != nil:
					as = bearer(f.token(as, everyScope))
				}
				want := answer{Status: r.status}
				allowed := r.needs == useOnly || slices.Contains(may, r.needs)
				switch {
				case !allowed && token != nil && !certificates:
					want = answer{Status: 401, Code: "UNAUTHORIZED", Challenge: []string{bearerChallenge(r.scope, "insufficient_scope")}}
				case !allowed:
					want = answer{Status: 403, Code: "DENIED"}
				case r.op == op.BlobMount && slices.Contains(may, registry.Pull):
					want.Status = 201
				}
				assert.Equal(t, want, f.try(r, as, there), "%s of %s", r.op, user)
			}
		}
	})
}

// try sends a request, and returns what is compared of its answer.
func (f *fixture) try(r request, as who, there content) answer {
	f.t.Helper()
	in := strings.NewReplacer("<blob>", there.blob.String(), "<manifest>", there.manifest.String(),
		"<image>", image(f.t, digest.FromString("{}"), there.blob, len("layer of team/app")))
	target := in.Replace(r.target)
	if strings.Contains(target, "<location>") {
		target = strings.ReplaceAll(target, "<location>", f.session(there.repo))
	}
	var header []string
	if r.op == op.ManifestPut {
		header = []string{"Content-Type", ocispec.MediaTypeImageManifest}
	}
	a := f.do(as, r.method, target, in.Replace(r.body), header...)
	got := answer{Status: a.Status, Code: a.Code, Challenge: a.Challenge}
	if r.method == http.MethodHead {
		require.Empty(f.t, a.Body)
		got.Code = map[int]string{401: "UNAUTHORIZED", 403: "DENIED"}[a.Status] // it has no body to say so
	}
	return got
}

func bearerChallenge(scope, problem string) string {
	text := `Bearer realm="http://example.com/v2/token",service="ocifake"`
	if scope != "" {
		text += `,scope="` + scope + `"`
	}
	if problem != "" {
		text += `,error="` + problem + `"`
	}
	return text
}

// TestUnknown goes through what those are told who are not known, or not yet.
func TestUnknown(t *testing.T) {
	pristine := memstore.New(memstore.Options{})
	there := newFixtureOn(t, auth.Options{}, pristine).push("team/app")
	wrong := map[string]who{
		"wrong password":   basic("boss", "guess"),
		"no password":      basic("boss", ""),
		"unknown user":     basic("nobody", "secret"),
		"no user":          basic("", "secret"),
		"user in capitals": basic("BOSS", "secret"),
	}
	everyScheme(t, func(t *testing.T, token *auth.TokenOptions, certificates bool) {
		if certificates {
			return
		}
		challenge := func(r request, problem string) []string {
			if token == nil {
				return []string{`Basic realm="ocifake"`}
			}
			return []string{bearerChallenge(r.scope, problem)}
		}
		for _, r := range everywhere() {
			f := newFixtureOn(t, peopleOptions(token), pristine.Clone())
			assert.Equal(t, answer{401, "UNAUTHORIZED", challenge(r, ""), nil, ""}, f.try(r, anonymous, there), "%s of nobody", r.op)
			for name, as := range wrong {
				assert.Equal(t, answer{401, "UNAUTHORIZED", challenge(r, ""), nil, ""}, f.try(r, as, there), "%s with %s", r.op, name)
			}
			other := authorization("Bearer abc")
			want := answer{401, "UNAUTHORIZED", challenge(r, "invalid_token"), nil, ""}
			assert.Equal(t, want, f.try(r, other, there), "%s with another token", r.op)
			// The handler has let nothing through: the content is as it was.
			assert.Equal(t, 200, send(t, f.open, anonymous, "GET", "/v2/team/app/manifests/v1", "").Status)
			assert.Equal(t, 404, send(t, f.open, anonymous, "GET", "/v2/team/app/manifests/v2", "").Status)
		}
		if token == nil {
			return
		}
		f := newFixtureOn(t, peopleOptions(token), pristine.Clone())
		for name, as := range wrong {
			a := f.askToken(as, everyScope)
			assert.Equal(t, answer{401, "UNAUTHORIZED", []string{`Basic realm="ocifake"`}, nil, ""},
				answer{a.Status, a.Code, a.Challenge, nil, ""}, "token for %s", name)
		}
	})
}

// A token allows what was asked for, and no more than its user may do.
func TestTokensAllowWhatWasAsked(t *testing.T) {
	for _, opaque := range []bool{false, true} {
		f := newFixture(t, peopleOptions(&auth.TokenOptions{Opaque: opaque}))
		there := f.push("team/app")
		f.push("team/other")
		boss := basic("boss", "secret")
		as := bearer(f.token(boss, "repository:team/app:pull"))
		assert.Equal(t, 200, f.get(as, "/v2/team/app/blobs/"+there.blob.String()).Status)
		assert.Equal(t, 200, f.get(as, "/v2/").Status)
		for _, refused := range []struct{ method, target, scope string }{
			{"POST", "/v2/team/app/blobs/uploads/", "repository:team/app:pull,push"},
			{"GET", "/v2/team/other/manifests/v1", "repository:team/other:pull"},
			{"DELETE", "/v2/team/app/manifests/v1", "repository:team/app:delete"},
			{"GET", "/v2/_catalog", "registry:catalog:*"},
			{"GET", "/v2/team/app/x/manifests/v1", "repository:team/app/x:pull"},
			{"GET", "/v2/team/ap/manifests/v1", "repository:team/ap:pull"},
			{"GET", "/v2/team/App/manifests/v1", ""}, // no name of a repository
		} {
			a := f.do(as, refused.method, refused.target, "")
			assert.Equal(t, []string{bearerChallenge(refused.scope, "insufficient_scope")}, a.Challenge, refused.target)
			assert.Equal(t, 401, a.Status)
		}
		without := bearer(f.token(boss))
		assert.Equal(t, 200, f.get(without, "/v2/").Status)
		assert.Equal(t, 401, f.get(without, "/v2/team/app/manifests/v1").Status)
	}
}

// A repository that is hidden is answered as one that never was.
func TestHiddenIsAsMissing(t *testing.T) {
	f := newFixture(t, auth.Options{
		Users: map[string]string{"alice": "secret", "bob": "secret"}, Hide: 404,
		Rules: []auth.Rule{{Users: []string{"alice"}}, {Users: []string{"bob"}, Repos: []string{"bob/*"}}},
	})
	there := f.push("app")
	for _, path := range []string{"/tags/list", "/manifests/v1", "/manifests/" + string(there.manifest), "/blobs/" + string(there.blob)} {
		hidden, missing := f.get(basic("bob", "secret"), "/v2/app"+path), f.get(basic("alice", "secret"), "/v2/qqq"+path)
		assert.Equal(t, 404, missing.Status, path)
		assert.Equal(t, "NAME_UNKNOWN", missing.Code, path)
		missing.Body = strings.ReplaceAll(missing.Body, "qqq", "app")
		assert.Equal(t, missing, hidden, path)
	}
}

// SharedBlobs shows what the user may pull, although the token is for another repository.
func TestSharedBlobs(t *testing.T) {
	for _, token := range []*auth.TokenOptions{nil, {}} {
		service, err := auth.New(auth.Options{
			Users: map[string]string{"alice": "secret"}, Token: token,
			Rules: []auth.Rule{{Users: []string{"alice"}, Repos: []string{"app", "lib"}}},
		})
		require.NoError(t, err)
		reg := registry.New(memstore.New(memstore.Options{}), registry.Options{Allow: auth.Allow, SharedBlobs: true})
		f := &fixture{t, service, nil, auth.Handler(service, reg), reg}
		as := basic("alice", "secret")
		if token != nil {
			as = bearer(f.token(as, "repository:app:pull"))
		}
		assert.Equal(t, 200, f.get(as, "/v2/app/blobs/"+string(f.pushBlob("lib", "shared"))).Status)
		assert.Equal(t, 404, f.get(as, "/v2/app/blobs/"+string(f.pushBlob("secret", "not shared"))).Status)
	}
}
