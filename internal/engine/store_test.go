package engine_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
)

// serve sends a request with a body to a handler and wants it to be accepted.
func serve(t *testing.T, handler http.Handler, request, body string, header ...string) {
	t.Helper()
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
}

// Without faults it is a Store like any other. By default, a sample of the checks shows it.
func TestStoreKeepsItsPromises(t *testing.T) {
	for _, check := range thorough.Sample(storetest.Checks(), 3, 1) {
		t.Run(check.Name, func(t *testing.T) {
			assert.NoError(t, check.Run(t.Context(), func() (registry.Store, error) {
				return engine.New(memstore.New(memstore.Options{})).Store(), nil
			}))
		})
	}
}

func TestVanish(t *testing.T) {
	h := newHost(t, faults.On(op.ManifestPut, op.BlobPost, op.BlobMount).Repo("app").Times(3).Do(faults.Vanish()))
	byDigest := h.push(tagV1, index("a"))
	h.want(404, "GET "+byDigest)
	h.want(404, "GET "+tagV1)
	blob := h.pushBlob("app", "content")
	h.want(404, "HEAD "+blob)
	h.pushBlob("lib", "content")
	h.want(201, "POST /v2/app/blobs/uploads/?from=lib&mount="+digest.FromString("content").String())
	h.want(404, "HEAD "+blob)
	h.want(200, "HEAD "+strings.Replace(blob, "/app/", "/lib/", 1))
	h.push(tagV1, index("a"))
	h.want(200, "GET "+tagV1)
}

func TestVanishOfUpload(t *testing.T) {
	h := newHost(t, faults.On(op.UploadCommit).Times(1).Do(faults.Vanish()))
	d := digest.FromString("content").String()
	for _, status := range []int{404, 200} {
		location := h.want(202, "POST /v2/app/blobs/uploads/").header.Get("Location")
		a := h.do("PUT "+location+"&digest="+d, "content")
		require.Equal(t, 201, a.status)
		h.want(status, "HEAD /v2/app/blobs/"+d)
	}
	assert.Equal(t, 1, h.engine.Rules()[0].Hits)
}

// A push that failed is not deleted: what is there stays.
func TestVanishOfNothing(t *testing.T) {
	h := newHost(t)
	h.push(tagV1, index("a"))
	blob := h.pushBlob("app", "content")
	require.NoError(t, h.engine.Add(faults.On().Do(faults.Vanish())))
	d := digest.FromString(index("a")).String()
	a := h.do("PUT /v2/app/manifests/"+d, index("b"), "Content-Type", "application/vnd.oci.image.index.v1+json")
	assert.Equal(t, 400, a.status)
	h.want(200, "GET "+tagV1)
	h.want(200, "GET "+blob)
	h.want(404, "DELETE /v2/app/blobs/"+d)
}

func TestDropChunk(t *testing.T) {
	h := newHost(t, faults.On(op.UploadChunk).After(1).Times(1).Do(faults.DropChunk()))
	patch := func(location, body, want string) string {
		t.Helper()
		a := h.do("PATCH "+location, body)
		require.Equal(t, 202, a.status, a.body)
		require.Equal(t, want, a.header.Get("Range"))
		return a.header.Get("Location")
	}
	location := h.want(202, "POST /v2/app/blobs/uploads/").header.Get("Location")
	location = patch(location, "first", "0-4")
	location = patch(location, "second", "0-4")
	d := digest.FromString("firstsecond").String()
	a := h.do("PUT "+location+"&digest="+d, "")
	assert.Equal(t, 400, a.status)
	assert.Contains(t, a.body, "DIGEST_INVALID")
	location = patch(location, "second", "0-10")
	a = h.do("PUT "+location+"&digest="+d, "")
	assert.Equal(t, 201, a.status, a.body)
	assert.Equal(t, "firstsecond", h.want(200, "GET /v2/app/blobs/"+d).body)
}

func TestDropLastChunk(t *testing.T) {
	h := newHost(t, faults.On(op.UploadCommit).Times(1).Do(faults.DropChunk()))
	location := h.want(202, "POST /v2/app/blobs/uploads/").header.Get("Location")
	d := digest.FromString("content").String()
	a := h.do("PUT "+location+"&digest="+d, "content")
	assert.Equal(t, 400, a.status)
	assert.Contains(t, a.body, "DIGEST_INVALID")
	assert.Equal(t, 201, h.do("PUT "+location+"&digest="+d, "content").status)
}

func TestLoseUpload(t *testing.T) {
	h := newHost(t, faults.On(op.UploadChunk, op.UploadStatus).After(1).Times(1).Do(faults.LoseUpload()))
	location := h.want(202, "POST /v2/app/blobs/uploads/").header.Get("Location")
	a := h.do("PATCH "+location, "first")
	require.Equal(t, 202, a.status)
	location = a.header.Get("Location")
	a = h.do("PATCH "+location, "second")
	assert.Equal(t, 404, a.status)
	assert.Contains(t, a.body, "BLOB_UPLOAD_UNKNOWN")
	h.want(404, "GET "+location)
	h.want(202, "POST /v2/app/blobs/uploads/")
}

// A session that is gone already, and a request for none, are no failure of the
// fault.
func TestLoseNoUpload(t *testing.T) {
	h := newHost(t, faults.On().Do(faults.LoseUpload()))
	location := h.want(202, "POST /v2/app/blobs/uploads/").header.Get("Location")
	h.want(404, "GET "+location)
	h.want(404, "GET "+location)
	h.want(200, "GET /v2/")
}

func TestDigestTags(t *testing.T) {
	h := newHost(t, faults.On(op.ManifestGet, op.ManifestHead).Do(faults.DigestTags()))
	subject := h.push("/v2/app/manifests/v1", index("subject"))
	tag := strings.Replace(subject, "sha256:", "sha256-", 1)
	h.push(tag, index("referrers"))

	a := h.want(http.StatusOK, "GET "+tag)
	assert.Equal(t, index("subject"), a.body)
	assert.Equal(t, digest.FromString(index("subject")).String(), a.header.Get("Docker-Content-Digest"))
	h.want(http.StatusOK, "HEAD "+tag)
	h.want(http.StatusNotFound, "GET /v2/app/manifests/sha256-"+strings.Repeat("0", 64))
	assert.Equal(t, index("subject"), h.want(http.StatusOK, "GET /v2/app/manifests/v1").body)
	assert.Equal(t, 2, h.engine.Rules()[0].Hits)
}

func TestRefuseMount(t *testing.T) {
	h := newHost(t, faults.On(op.BlobMount).Times(2).Do(faults.RefuseMount()))
	h.pushBlob("lib", "content")
	d := digest.FromString("content").String()
	for _, query := range []string{"?mount=" + d + "&from=lib", "?mount=" + d} {
		a := h.want(202, "POST /v2/app/blobs/uploads/"+query)
		h.want(404, "HEAD /v2/app/blobs/"+d)
		put := h.do("PUT "+a.header.Get("Location")+"&digest="+d, "content")
		assert.Equal(t, 201, put.status, "the session takes the content")
		require.NoError(t, h.store.DeleteBlob(t.Context(), "app", digest.Digest(d)))
	}
	h.want(201, "POST /v2/app/blobs/uploads/?mount="+d+"&from=lib")
	h.want(200, "HEAD /v2/app/blobs/"+d)
}

func TestContentOf(t *testing.T) {
	h := newHost(t)
	blob, other := h.pushBlob("app", "content"), h.pushBlob("app", "other bytes")
	manifest := h.push(tagV1, index("a"))
	h.push("/v2/app/manifests/v2", index("another one"))
	add := func(name string, o op.Op, d digest.Digest) {
		require.NoError(t, h.engine.Add(faults.On(o).Named(name).Times(1).Do(faults.ContentOf(d))))
	}
	add("blob", op.BlobGet, digest.FromString("other bytes"))
	a := h.want(200, "GET "+blob)
	assert.Equal(t, "other bytes", a.body)
	assert.Equal(t, digest.FromString("content").String(), a.header.Get("Docker-Content-Digest"))
	assert.Equal(t, "content", h.want(200, "GET "+blob).body)
	assert.Equal(t, "other bytes", h.want(200, "GET "+other).body)

	add("manifest", op.ManifestGet, digest.FromString(index("another one")))
	a = h.want(200, "GET "+tagV1)
	assert.Equal(t, index("another one"), a.body)
	assert.Equal(t, digest.FromString(index("a")).String(), a.header.Get("Docker-Content-Digest"))
	assert.Equal(t, index("a"), h.want(200, "GET "+manifest).body)

	add("none", op.BlobGet, digest.FromString("never pushed"))
	assert.Equal(t, "content", h.want(200, "GET "+blob).body, "there is nothing to send in its place")
}

// A request goes on as its rule said although the rule is removed meanwhile.
func TestRuleIsRemovedMeanwhile(t *testing.T) {
	h := newHost(t)
	blob := h.pushBlob("app", "content")
	h.pushBlob("app", "other bytes")
	require.NoError(t, h.engine.Add(faults.On(op.BlobGet).Do(faults.ContentOf(digest.FromString("other bytes")))))
	removing := h.engine.AfterAuth(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.engine.Clear()
		registry.New(h.engine.Store(), registry.Options{}).ServeHTTP(w, r)
	}))
	w, _ := send(removing, "GET "+blob)
	assert.Equal(t, "other bytes", w.Body.String())
	w, _ = send(removing, "GET "+blob)
	assert.Equal(t, "content", w.Body.String())
}

func TestImmutable(t *testing.T) {
	h := newHost(t, faults.On().Do(faults.Immutable(faults.Status(409).Error("TAG_IMMUTABLE", "{tag} of {repo} stays"))))
	byDigest := h.push(tagV1, index("a"))
	for _, name := range []string{"a", "b"} {
		a := h.put(tagV1, index(name))
		assert.Equal(t, 409, a.status)
		assert.JSONEq(t, `{"errors":[{"code":"TAG_IMMUTABLE","message":"v1 of app stays"}]}`, a.body)
	}
	assert.Equal(t, index("a"), h.want(200, "GET "+tagV1).body)
	h.push(byDigest, index("a"))
	h.push("/v2/app/manifests/v2", index("b"))
	h.push("/v2/lib/manifests/v1", index("b"))
}
