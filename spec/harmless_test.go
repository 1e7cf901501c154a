package spec_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

// checkAll checks statements, and returns the suite.
func checkAll(t *testing.T, target spec.Target, statements []spec.Statement) *spec.Suite {
	t.Helper()
	suite, err := spec.Open(t.Context(), target)
	require.NoError(t, err)
	for _, s := range statements {
		_, err := suite.Check(t.Context(), s)
		require.NoError(t, err)
	}
	return suite
}

// contentOf returns what a registry holds, an item a line: "REPOSITORY blob DIGEST".
func contentOf(t *testing.T, reg *registrytest.Registry) (all []string) {
	t.Helper()
	store := reg.Store()
	for name, err := range store.Repositories(t.Context(), "") {
		require.NoError(t, err)
		for blob, err := range store.Blobs(t.Context(), name, "") {
			require.NoError(t, err)
			all = append(all, fmt.Sprintf("%s %s %s", name, spec.Blob, blob.Digest))
		}
		for m, err := range store.Manifests(t.Context(), name, "") {
			require.NoError(t, err)
			all = append(all, fmt.Sprintf("%s %s %s", name, spec.Manifest, m.Digest))
		}
		for tag, err := range store.Tags(t.Context(), name, "") {
			require.NoError(t, err)
			all = append(all, fmt.Sprintf("%s %s %s", name, spec.Tag, tag.Name))
		}
	}
	for id, err := range store.Uploads(t.Context(), "") {
		require.NoError(t, err)
		all = append(all, fmt.Sprintf("upload session %s", id))
	}
	slices.Sort(all)
	return all
}

// listed returns leftovers in the form of contentOf. Sessions have no names there.
func listed(left []spec.Leftover) (all []string) {
	for _, l := range left {
		if l.Kind != spec.UploadSession {
			all = append(all, fmt.Sprintf("%s %s %s", l.Repository, l.Kind, l.Reference))
		}
	}
	slices.Sort(all)
	return all
}

// TestLeavesWhatItLists checks that a registry has after a run what the suite says:
// well-known blobs, and all else only if deleting is disabled.
func TestLeavesWhatItLists(t *testing.T) {
	for name, options := range map[string]registry.Options{
		"deletes": {}, "deletes nothing": {NoDelete: true},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(t, silent(registrytest.WithInMemory(), registrytest.WithOptions(options))...)
			target := spec.Target{URL: reg.URL(), Client: reg.Client()}
			var left []spec.Leftover
			for i := range 2 {
				left = append(left, checkAll(t, target, affordable(i)).Left()...)
			}
			require.NotEmpty(t, left)
			assert.Equal(t, contentOf(t, reg), listed(left))
			for _, l := range left {
				if l.Reason == spec.WellKnown {
					assert.Contains(t, wellKnown(), l.Reference)
				} else {
					assert.Equal(t, "DELETE: status 405", l.Reason)
					assert.True(t, options.NoDelete, "%v", l)
				}
			}
		})
	}
}

// wellKnown returns the digests of the content that may be left.
func wellKnown() (all []string) {
	for _, content := range []string{"", "{}", "\x00"} {
		all = append(all, digest.FromString(content).String())
	}
	for c := range byte(128) {
		all = append(all, digest.FromBytes([]byte{c}).String())
	}
	return all
}

// TestDeletesItsOwn compares two runs on two registries: what both pushed is not
// random, and is deleted by neither. Every DELETE of a digest follows a 201 for it, or
// is of nothing.
func TestDeletesItsOwn(t *testing.T) {
	var deleted [2]map[string]bool
	for i := range deleted {
		deleted[i] = map[string]bool{}
		reg := registrytest.New(t, silent(registrytest.WithInMemory(), registrytest.WithOptions(registry.Options{ChunkMinLength: 100}))...)
		checkAll(t, spec.Target{URL: reg.URL(), Client: reg.Client()}, affordable(3))
		type content struct {
			repo   string
			digest digest.Digest
		}
		created := map[content]bool{}
		for _, x := range reg.Requests(record.Status("201")) {
			created[content{x.Repo, x.Digest}] = true
		}
		for _, x := range reg.Requests(record.Op(op.BlobDelete, op.ManifestDelete)) {
			assert.True(t, strings.HasPrefix(x.Repo, "ocifake-conformance-"), x.Repo)
			if x.Digest.Validate() != nil {
				continue // a tag, or a name that no content has
			}
			deleted[i][x.Digest.String()] = true
			assert.NotContains(t, wellKnown(), x.Digest.String())
			if x.Status < 300 && x.Op == op.BlobDelete {
				assert.True(t, created[content{x.Repo, x.Digest}], "%s %s", x.Repo, x.Digest)
			}
		}
		require.NotEmpty(t, deleted[i])
	}
	for d := range deleted[0] {
		assert.False(t, deleted[1][d], "%s is deleted in both runs: it is not random", d)
	}
}

// TestHarmsNobody runs beside foreign content that shares well-known blobs, on a
// registry whose blobs are those of all repositories.
func TestHarmsNobody(t *testing.T) {
	reg := registrytest.New(t, silent(registrytest.WithInMemory(), registrytest.WithOptions(registry.Options{SharedBlobs: true}))...)
	reg.Push(t, "team/app:v1", images.Random())
	for _, content := range []string{"", "{}", "x"} {
		reg.PushBlob(t, "team/app", strings.NewReader(content))
	}
	before := contentOf(t, reg)
	suite := checkAll(t, spec.Target{URL: reg.URL(), Client: reg.Client(), Repository: "team"}, affordable(4))
	assert.Equal(t, "team", suite.Repository())
	var after []string
	for _, line := range contentOf(t, reg) {
		if strings.HasPrefix(line, "team/app ") {
			after = append(after, line)
		}
	}
	assert.Equal(t, before, after)
	for _, x := range reg.Requests(record.Repo("team/app*")) {
		t.Errorf("%s %s", x.Method, x.Target)
	}
}

// TestNamedRepositoryIsEmpty checks that nothing is sent to a repository that has
// tags, or of which nothing is known, but a question.
func TestNamedRepositoryIsEmpty(t *testing.T) {
	reg := registrytest.New(t, silent(registrytest.WithInMemory())...)
	reg.Push(t, "team/app:v1", images.Random())
	reg.Forget()
	target := spec.Target{URL: reg.URL(), Client: reg.Client(), Repository: "team/app"}
	_, err := spec.Run(t.Context(), target)
	require.ErrorContains(t, err, "the repository team/app is not empty: it has tags")
	reg.Require(t, record.Repo("team/app")).Count(1)

	for answer, want := range map[string]string{"500": "status 500", "403": "status 403", "200": "want JSON"} {
		target := breaking(t, func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/tags/list") {
				return false
			}
			status := map[string]int{"500": 500, "403": 403, "200": 200}[answer]
			w.WriteHeader(status)
			_, _ = w.Write([]byte("nonsense"))
			return true
		})
		target.Repository = "team"
		_, err := spec.Open(t.Context(), target)
		require.ErrorContains(t, err, "cannot tell whether the repository team is empty")
		require.ErrorContains(t, err, want)
	}
}

// TestInterruptedRunLeavesNothing ends runs in the middle of uploads, pushes and
// deletions.
func TestInterruptedRunLeavesNothing(t *testing.T) {
	for _, interrupted := range []record.Filter{
		record.Op(op.UploadStart), record.Op(op.UploadChunk), record.Op(op.UploadCommit), record.Op(op.ManifestPut), record.Op(op.ManifestDelete),
	} {
		for _, after := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			reg := registrytest.New(t, silent(registrytest.WithInMemory())...)
			client := reg.Client()
			n := 0
			client.Transport = around{client.Transport, func(r *http.Request, answered bool) {
				if answered == after && len(reg.Requests(interrupted)) > 0 {
					n++
					cancel()
				}
			}}
			statements, err := spec.Select("chunk-order, manifest-delete-gone")
			require.NoError(t, err)
			suite, err := spec.Open(t.Context(), spec.Target{URL: reg.URL(), Client: client})
			require.NoError(t, err)
			for _, s := range statements {
				_, err = suite.Check(ctx, s)
				if err != nil {
					break
				}
			}
			require.ErrorIs(t, err, context.Canceled)
			assert.Positive(t, n)
			assert.Empty(t, suite.Left())
			assert.Empty(t, contentOf(t, reg))
			cancel()
		}
	}
}

// TestUnansweredPushIsListed loses the answers to pushes: what was made is not deleted, as
// nobody knows that it is of this run, and is listed.
func TestUnansweredPushIsListed(t *testing.T) {
	reg := registrytest.New(t, silent(registrytest.WithInMemory())...)
	client := reg.Client()
	client.Transport = losing{client.Transport}
	suite := checkAll(t, spec.Target{URL: reg.URL(), Client: client}, lookUp(t, "manifest-get", "blob-get"))
	var left []string
	for _, l := range suite.Left() {
		assert.Equal(t, "its push was not answered", l.Reason)
		left = append(left, fmt.Sprintf("%s %s %s", l.Repository, l.Kind, l.Reference))
	}
	require.NotEmpty(t, left)
	assert.Equal(t, contentOf(t, reg), left)
	reg.Require(t, record.Op(op.BlobDelete, op.ManifestDelete)).Count(0)
}

// losing loses the answers to PUT.
type losing struct{ http.RoundTripper }

func (l losing) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(r)
	if err == nil && r.Method == http.MethodPut {
		return nil, errors.Join(errors.New("the answer is lost"), response.Body.Close())
	}
	return response, err
}

// around calls a function before and after each request.
type around struct {
	http.RoundTripper
	call func(r *http.Request, answered bool)
}

func (a around) RoundTrip(r *http.Request) (*http.Response, error) {
	a.call(r, false)
	response, err := a.RoundTripper.RoundTrip(r)
	a.call(r, true)
	return response, err
}

// TestDeleteIsNotRedirected checks that a registry cannot have a DELETE repeated
// elsewhere.
func TestDeleteIsNotRedirected(t *testing.T) {
	target := breaking(t, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/v2/victim/") {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if r.Method != http.MethodDelete {
			return false
		}
		http.Redirect(w, r, "/v2/victim/manifests/v1", http.StatusTemporaryRedirect)
		return true
	})
	suite := checkAll(t, target, lookUp(t, "manifest-delete", "tag-delete", "blob-delete"))
	require.NotEmpty(t, suite.Left())
	assert.Equal(t, "DELETE: status 307", suite.Left()[0].Reason)
}

func lookUp(t *testing.T, ids ...string) (all []spec.Statement) {
	t.Helper()
	for _, id := range ids {
		s, ok := spec.Lookup(id)
		require.True(t, ok, id)
		all = append(all, s)
	}
	return all
}

// TestReady checks what is said of a registry that cannot be checked.
func TestReady(t *testing.T) {
	gone := breaking(t, func(http.ResponseWriter, *http.Request) bool { return false })
	gone.URL = "http://127.0.0.1:1"
	for _, tt := range []struct {
		name   string
		target spec.Target
		want   string
	}{
		{"nobody", gone, "GET http://127.0.0.1:1/v2/: "},
		{"another server", breaking(t, func(w http.ResponseWriter, r *http.Request) bool { http.NotFound(w, r); return true }), "there is no registry at http://"},
		{"no pushing", breaking(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusForbidden)
			}
			return r.Method == http.MethodPost
		}), "does not let the suite push to repositories such as ocifake-conformance-"},
		{"no credentials", guarded(t, nil, "", ""), "it wants credentials"},
		{"wrong password", guarded(t, nil, user, "not-this-one"), "does not let the suite in"},
		{"wrong password for tokens", guarded(t, &auth.TokenOptions{}, user, "not-this-one"), "401"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			suite, err := spec.Open(t.Context(), tt.target)
			require.NoError(t, err)
			err = suite.Ready(t.Context())
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "not-this-one")
		})
	}
	for _, target := range []spec.Target{guarded(t, nil, user, secret), guarded(t, &auth.TokenOptions{}, user, secret)} {
		suite, err := spec.Open(t.Context(), target)
		require.NoError(t, err)
		require.NoError(t, suite.Ready(t.Context()))
	}
}

func guarded(t *testing.T, token *auth.TokenOptions, name, password string) spec.Target {
	t.Helper()
	reg := registrytest.New(t, silent(registrytest.WithInMemory(), registrytest.WithAuth(auth.Options{Users: map[string]string{user: secret}, Token: token}))...)
	return spec.Target{URL: reg.URL(), Client: reg.Client(), Username: name, Password: password}
}

// TestCredentialsAreHidden has the registry repeat what it was sent.
func TestCredentialsAreHidden(t *testing.T) {
	target := breaking(t, func(w http.ResponseWriter, r *http.Request) bool {
		given := r.Header.Get("Authorization")
		if given == "" {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		_, password, _ := r.BasicAuth()
		w.Header().Set("X-Authorization", given)
		w.Header().Set("Set-Cookie", "session=of-the-user")
		http.Error(w, password+" "+given, http.StatusTeapot)
		return true
	})
	target.Username, target.Password = user, "hunter2/π"
	r := check(t, target, "blob-get")
	assert.Equal(t, spec.Failed, r.Outcome)
	assert.Contains(t, r.Detail, "[redacted] Basic [redacted]")
	for _, word := range []string{"of-the-user", "hunter2", "aHVudGVyM", "dXNlcjpodW50ZXIy"} {
		assert.NotContains(t, r.Detail, word)
	}
}
