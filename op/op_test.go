package op_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sha = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParse(t *testing.T) {
	const get, head, post, put, patch, del = http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	tests := []struct {
		method, url string
		want        op.Info
	}{
		{get, "/v2/", op.Info{Op: op.Ping}},
		{head, "/v2/", op.Info{Op: op.Ping}},
		{get, "/v2/app/blobs/" + sha, op.Info{Op: op.BlobGet, Repo: "app", Digest: sha}},
		{head, "/v2/a/b/c/blobs/" + sha, op.Info{Op: op.BlobHead, Repo: "a/b/c", Digest: sha}},
		{del, "/v2/app/blobs/" + sha, op.Info{Op: op.BlobDelete, Repo: "app", Digest: sha}},
		{get, "/v2/app/blobs/nonsense", op.Info{Op: op.BlobGet, Repo: "app", Digest: "nonsense"}},
		{get, "/v2/app/blobs/sha256%3Aabc", op.Info{Op: op.BlobGet, Repo: "app", Digest: "sha256:abc"}},
		{get, "/v2/app/manifests/v1", op.Info{Op: op.ManifestGet, Repo: "app", Tag: "v1"}},
		{get, "/v2/app/manifests/v1?ns=docker.io", op.Info{Op: op.ManifestGet, Repo: "app", Tag: "v1", Namespace: "docker.io"}},
		{head, "/v2/app/manifests/" + sha, op.Info{Op: op.ManifestHead, Repo: "app", Digest: sha}},
		{put, "/v2/app/manifests/" + sha + "?tag=a&tag=b", op.Info{Op: op.ManifestPut, Repo: "app", Digest: sha, Tags: []string{"a", "b"}}},
		{del, "/v2/app/manifests/v1", op.Info{Op: op.TagDelete, Repo: "app", Tag: "v1"}},
		{del, "/v2/app/manifests/" + sha, op.Info{Op: op.ManifestDelete, Repo: "app", Digest: sha}},
		{get, "/v2/app/tags/list?n=1&last=a", op.Info{Op: op.TagList, Repo: "app"}},
		{get, "/v2/app/referrers/" + sha + "?artifactType=a/b", op.Info{Op: op.ReferrerList, Repo: "app", Digest: sha}},
		{get, "/v2/_catalog", op.Info{Op: op.RepositoryList}},
		{get, "/v2/token?service=a&scope=repository:app:pull", op.Info{Op: op.Token}},
		{post, "/v2/token", op.Info{Op: op.Token}},
		{get, "/v2/token/keys", op.Info{Op: op.TokenKeys}},
		{post, "/v2/app/blobs/uploads/", op.Info{Op: op.UploadStart, Repo: "app"}},
		{post, "/v2/app/blobs/uploads/?digest-algorithm=sha512", op.Info{Op: op.UploadStart, Repo: "app", Algorithm: "sha512"}},
		{post, "/v2/app/blobs/uploads/?digest=" + sha, op.Info{Op: op.BlobPost, Repo: "app", Digest: sha}},
		{post, "/v2/app/blobs/uploads/?mount=" + sha + "&from=lib/base", op.Info{Op: op.BlobMount, Repo: "app", Digest: sha, From: "lib/base"}},
		{post, "/v2/app/blobs/uploads/?mount=" + sha, op.Info{Op: op.BlobMount, Repo: "app", Digest: sha}},
		{post, "/v2/app/blobs/uploads/?mount=", op.Info{Op: op.BlobMount, Repo: "app"}},
		{patch, "/v2/app/blobs/uploads/id?_state=x", op.Info{Op: op.UploadChunk, Repo: "app", Session: "id"}},
		{put, "/v2/app/blobs/uploads/id?digest=" + sha, op.Info{Op: op.UploadCommit, Repo: "app", Session: "id", Digest: sha}},
		{get, "/v2/app/blobs/uploads/id", op.Info{Op: op.UploadStatus, Repo: "app", Session: "id"}},
		{del, "/v2/app/blobs/uploads/id", op.Info{Op: op.UploadCancel, Repo: "app", Session: "id"}},

		// Repositories whose names look like parts of the API.
		{get, "/v2/blobs/uploads/blobs/uploads/id", op.Info{Op: op.UploadStatus, Repo: "blobs/uploads", Session: "id"}},
		{get, "/v2/tags/list/tags/list", op.Info{Op: op.TagList, Repo: "tags/list"}},
		{get, "/v2/manifests/manifests/manifests", op.Info{Op: op.ManifestGet, Repo: "manifests", Tag: "manifests"}},
		{get, "/v2/a/blobs/manifests/v1", op.Info{Op: op.ManifestGet, Repo: "a/blobs", Tag: "v1"}},

		// Names are not judged here.
		{get, "/v2/UPPER/manifests/v1", op.Info{Op: op.ManifestGet, Repo: "UPPER", Tag: "v1"}},
		{get, "/v2/a/../b/manifests/v1", op.Info{Op: op.ManifestGet, Repo: "a/../b", Tag: "v1"}},
		{get, "/v2//a/manifests/v1", op.Info{Op: op.ManifestGet, Repo: "/a", Tag: "v1"}},

		// Known paths, other methods.
		{put, "/v2/", op.Info{Allow: []string{get, head}}},
		{put, "/v2/token", op.Info{Allow: []string{get, post}}},
		{post, "/v2/app/manifests/v1", op.Info{Repo: "app", Tag: "v1", Allow: []string{del, get, head, put}}},
		{put, "/v2/app/blobs/" + sha, op.Info{Repo: "app", Digest: sha, Allow: []string{del, get, head}}},
		{get, "/v2/app/blobs/uploads/", op.Info{Repo: "app", Allow: []string{post}}},
		{post, "/v2/app/blobs/uploads/id", op.Info{Repo: "app", Session: "id", Allow: []string{del, get, head, patch, put}}},

		// No paths of the API.
		{get, "/", op.Info{}},
		{get, "/v2", op.Info{}},
		{get, "/v1/_ping", op.Info{}},
		{get, "/v2/_catalog/", op.Info{}},
		{get, "/v2/app", op.Info{}},
		{get, "/v2/token/", op.Info{}},
		{get, "/v2/token/keys/x", op.Info{}},
		{get, "/v2/tokens", op.Info{}},
		{get, "/v2/app/tags/list/", op.Info{}},
		{get, "/v2/app/tags/", op.Info{}},
		{get, "/v2/tags/list", op.Info{}},
		{get, "/v2/manifests/v1", op.Info{}},
		{get, "/v2//manifests/v1", op.Info{}},
		{get, "/v2/app/manifests/", op.Info{}},
		{get, "/v2/app/manifests/v1/", op.Info{}},
		{get, "/v2/app/blobs/uploads/id/", op.Info{}},
		{get, "/v2/a%2Fb/manifests/v1", op.Info{}},
		{get, "/v2/a%2fb/manifests/v1", op.Info{}},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.url, func(t *testing.T) {
			u, err := url.Parse(tt.url)
			require.NoError(t, err)
			got := op.Parse(tt.method, u)
			tt.want.Method = tt.method
			wantPublic(t, tt.want, got)
		})
	}
}

// wantPublic compares what other packages see.
func wantPublic(t *testing.T, want, got op.Info) {
	t.Helper()
	w, err := json.Marshal(want)
	require.NoError(t, err)
	g, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, string(w), string(g))
}

func TestOpText(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range append(op.All(), op.Unknown) {
		text, err := o.MarshalText()
		require.NoError(t, err)
		assert.False(t, seen[string(text)], "%s stands for two operations", text)
		seen[string(text)] = true
		var back op.Op
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, o, back)
		assert.Equal(t, o.String(), string(text))
	}
	var o op.Op
	assert.ErrorContains(t, o.UnmarshalText([]byte("blob.fetch")), "blob.get")
	_, err := op.Op(200).MarshalText()
	assert.Error(t, err)
	assert.Equal(t, "op(200)", op.Op(200).String())
}

// Each operation but those that have no path is reached by some request.
func TestEveryOpIsParsed(t *testing.T) {
	requests := []string{
		"GET /v2/", "GET /v2/_catalog", "GET /v2/a/tags/list", "GET /v2/a/referrers/" + sha,
		"GET /v2/a/blobs/" + sha, "HEAD /v2/a/blobs/" + sha, "DELETE /v2/a/blobs/" + sha,
		"GET /v2/a/manifests/t", "HEAD /v2/a/manifests/t", "PUT /v2/a/manifests/t", "DELETE /v2/a/manifests/t", "DELETE /v2/a/manifests/" + sha,
		"POST /v2/a/blobs/uploads/", "POST /v2/a/blobs/uploads/?digest=x", "POST /v2/a/blobs/uploads/?mount=x",
		"POST /v2/token", "GET /v2/token/keys",
		"GET /v2/a/blobs/uploads/s", "PATCH /v2/a/blobs/uploads/s", "PUT /v2/a/blobs/uploads/s", "DELETE /v2/a/blobs/uploads/s",
	}
	var reached []op.Op
	for _, request := range requests {
		method, target, _ := strings.Cut(request, " ")
		u, err := url.Parse(target)
		require.NoError(t, err)
		reached = append(reached, op.Parse(method, u).Op)
	}
	want := slices.DeleteFunc(op.All(), func(o op.Op) bool { return o == op.External })
	assert.ElementsMatch(t, want, reached)
}

// An operation is in a repository if its requests have one.
func TestInRepository(t *testing.T) {
	var outside []op.Op
	for _, o := range append(op.All(), op.Unknown, op.Op(200)) {
		if !o.InRepository() {
			outside = append(outside, o)
		}
	}
	assert.Equal(t, []op.Op{op.Ping, op.RepositoryList, op.Token, op.TokenKeys, op.External, op.Unknown, op.Op(200)}, outside)
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 255)
	repositories := map[string]bool{
		"a": true, "a/b": true, "a.b": true, "a_b": true, "a__b": true, "a-b": true, "a---b": true, "0/1": true, long: true,
		"": false, "A": false, "a/": false, "/a": false, "a//b": false, "a..b": false, "a___b": false, "a._b": false, "a-": false,
		".a": false, "a/.": false, "a/../b": false, "a b": false, "é": false, "_catalog": false, long + "a": false,
	}
	for name, want := range repositories {
		assert.Equal(t, want, op.ValidRepository(name), "repository %q", name)
	}
	tags := map[string]bool{
		"a": true, "V1.0-rc_2": true, "_a": true, strings.Repeat("a", 128): true,
		"": false, ".a": false, "-a": false, "a/b": false, "a:b": false, "a b": false, strings.Repeat("a", 129): false,
	}
	for tag, want := range tags {
		assert.Equal(t, want, op.ValidTag(tag), "tag %q", tag)
	}
	digests := map[string]bool{
		sha: true, "sha512:" + strings.Repeat("0f", 64): true,
		"": false, "sha256": false, "sha256:": false, "sha256:abc": false, strings.ToUpper(sha): false,
		"sha256:" + strings.Repeat("G", 64): false, "sha256:" + strings.Repeat("A", 64): false,
		"sha384:" + strings.Repeat("0", 96): false, "md5:" + strings.Repeat("0", 32): false, sha + "0": false,
	}
	for d, want := range digests {
		assert.Equal(t, want, op.ValidDigest(digest.Digest(d)), "digest %q", d)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"/v2/", "/v2/a/blobs/uploads/?mount=x&from=y", "/v2/a/b/manifests/sha256:00?tag=a", "/v2/a/tags/list", "/v2/%2e%2e/blobs/x"} {
		f.Add("GET", seed)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		info := op.Parse(method, u)
		if info.Op == op.Unknown {
			return
		}
		require.Empty(t, info.Allow)
		require.True(t, strings.HasPrefix(u.Path, "/v2/"))
		require.True(t, info.Repo == "" || strings.HasPrefix(u.Path, "/v2/"+info.Repo+"/"))
		for _, part := range []string{info.Tag, info.Session} {
			require.NotContains(t, part, "/")
		}
		// What is valid is read back from the path that it makes.
		if op.ValidRepository(info.Repo) && op.ValidTag(info.Tag) {
			again := op.Parse(method, &url.URL{Path: "/v2/" + info.Repo + "/manifests/" + info.Tag, RawQuery: u.RawQuery})
			require.Equal(t, info, again)
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add("a/b", "v1", sha)
	f.Fuzz(func(t *testing.T, repository, tag, d string) {
		require.Equal(t, repositoryGrammar.MatchString(repository) && len(repository) < 256, op.ValidRepository(repository))
		require.Equal(t, tagGrammar.MatchString(tag), op.ValidTag(tag))
		require.Equal(t, digestGrammar.MatchString(d), op.ValidDigest(digest.Digest(d)))
	})
}

func ExampleParse() {
	u, _ := url.Parse("/v2/library/app/manifests/v1")
	info := op.Parse(http.MethodPut, u)
	fmt.Println(info.Op, info.Repo, info.Tag)
	// Output: manifest.put library/app v1
}
