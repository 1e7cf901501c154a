package inflight_test

import (
	"net/http/httptest"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

func TestExternal(t *testing.T) {
	const some = digest.Digest("sha256:abc")
	for path, want := range map[string]struct {
		repo     string
		digest   digest.Digest
		manifest bool
	}{
		inflight.ExternalPath(&op.Info{Op: op.BlobGet, Repo: "app", Digest: some}):                     {repo: "app", digest: some},
		inflight.ExternalPath(&op.Info{Op: op.BlobHead, Repo: "a/manifests/blobs", Digest: some}):      {repo: "a/manifests/blobs", digest: some},
		inflight.ExternalPath(&op.Info{Op: op.ManifestGet, Repo: "a/blobs/manifests", Digest: some}):   {repo: "a/blobs/manifests", digest: some, manifest: true},
		inflight.ExternalPath(&op.Info{Op: op.ManifestHead, Repo: "manifests/blobs/b", Digest: some}):  {repo: "manifests/blobs/b", digest: some, manifest: true},
		inflight.ExternalPath(&op.Info{Op: op.BlobGet, Repo: "app", Alias: "other/app", Digest: some}): {repo: "other/app", digest: some},

		"/external/app/blobs/": {}, "/external/blobs/sha256:abc": {}, "/external/": {}, "/": {},
		"/v2/app/blobs/sha256:abc": {}, "/external/app/blobs/sha256:abc/more": {},
	} {
		r := httptest.NewRequest("GET", path, nil)
		r, state := inflight.Begin(r.WithContext(inflight.WithExternal(r.Context())))
		assert.Equal(t, op.Info{Op: op.External, Method: "GET", Repo: want.repo, Digest: want.digest}, *state.Info(), path)
		assert.Equal(t, want.manifest, inflight.IsExternalManifest(r), path)
		_, again := inflight.Begin(r)
		assert.Same(t, state, again)
	}
}
