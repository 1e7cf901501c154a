package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

const tagV1 = "/v2/app/manifests/v1"

func TestHideManifest(t *testing.T) {
	h := newHost(t, faults.On(op.ManifestPut).Do(faults.Hide(3, 0)))
	byDigest := h.push(tagV1, index("a"))
	h.want(404, "GET "+byDigest)
	h.want(404, "HEAD "+tagV1)
	h.want(404, "GET "+tagV1)
	h.wants("GET "+byDigest, 200, 200)
	h.want(200, "GET "+tagV1)
}

func TestHideBlob(t *testing.T) {
	h := newHost(t, faults.On(op.BlobPost).Repo("app").Times(1).Do(faults.Hide(2, 0)))
	blob := h.pushBlob("app", "content")
	h.wants("HEAD "+blob, 404, 404, 200)
	other := h.pushBlob("app", "other content")
	h.wants("GET "+other, 200)
}

// What refers to a blob, or mounts it, asks for it too.
func TestHiddenBlobIsUnknownToAll(t *testing.T) {
	h := newHost(t, faults.On(op.UploadCommit, op.BlobPost).Do(faults.Hide(0, time.Hour)))
	d := digest.FromString("{}")
	h.pushBlob("app", "{}")
	image := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":2},"layers":[]}`,
		ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig, d)
	a := h.put(tagV1, image)
	assert.Equal(t, 400, a.status)
	assert.Contains(t, a.body, "MANIFEST_BLOB_UNKNOWN")
	assert.Contains(t, a.body, "does not show "+string(d)+" yet")
	h.want(202, "POST /v2/lib/blobs/uploads/?mount="+string(d)+"&from=app")
	h.engine.Clear()
	assert.Equal(t, 201, h.put(tagV1, image).status, "clearing shows all")
	h.want(201, "POST /v2/lib/blobs/uploads/?mount="+string(d)+"&from=app")
}

func TestStaleTag(t *testing.T) {
	h := newHost(t, faults.On(op.ManifestPut).After(1).Times(1).Do(faults.StaleTag(2, 0)))
	first := h.push(tagV1, index("first"))
	second := h.push(tagV1, index("second"))
	assert.Equal(t, index("first"), h.want(200, "GET "+tagV1).body)
	assert.Equal(t, index("second"), h.want(200, "GET "+second).body, "by digest nothing is stale")
	stale := h.want(200, "HEAD "+tagV1)
	assert.Equal(t, digest.FromString(index("first")).String(), stale.header.Get("Docker-Content-Digest"))
	assert.Equal(t, index("second"), h.want(200, "GET "+tagV1).body)
	h.want(200, "GET "+first)
}

func TestStaleNewTag(t *testing.T) {
	h := newHost(t, faults.On(op.ManifestPut).Do(faults.StaleTag(2, 0)))
	byDigest := h.push(tagV1, index("a"))
	h.wants("GET "+byDigest, 200)
	h.wants("GET "+tagV1, 404, 404, 200)
}

// A manifest that is put by its digest can set more than one tag.
func TestStaleTagParameters(t *testing.T) {
	h := newHost(t, faults.On(op.ManifestPut).After(1).Do(faults.StaleTag(1, 0)))
	h.push("/v2/app/manifests/old", index("first"))
	d := digest.FromString(index("second")).String()
	h.push("/v2/app/manifests/"+d+"?tag=old&tag=new", index("second"))
	assert.Equal(t, index("first"), h.want(200, "GET /v2/app/manifests/old").body)
	h.wants("GET /v2/app/manifests/new", 404, 200)
	assert.Equal(t, index("second"), h.want(200, "GET /v2/app/manifests/old").body)
}

func TestLagTags(t *testing.T) {
	h := newHost(t, faults.On(op.ManifestPut).After(1).Times(1).Do(faults.LagTags(2, 0)))
	h.push("/v2/app/manifests/a", index("a"))
	h.push("/v2/app/manifests/b", index("b"))
	h.push("/v2/app/manifests/c", index("c"))
	h.want(200, "GET /v2/app/manifests/b")
	const list = "GET /v2/app/tags/list"
	for _, want := range []string{`["a","c"]`, `["a","c"]`, `["a","b","c"]`} {
		assert.JSONEq(t, `{"name":"app","tags":`+want+`}`, h.want(200, list).body)
	}
}

// Pushes that fail, and pushes of what is no manifest, hide nothing.
func TestLagOfNothing(t *testing.T) {
	h := newHost(t, faults.On().Do(faults.Hide(1, 0), faults.StaleTag(1, 0), faults.LagTags(1, 0)))
	d := digest.FromString("content").String()
	assert.Equal(t, 400, h.do("PUT "+tagV1, "{", "Content-Type", ocispec.MediaTypeImageIndex).status)
	h.want(404, "GET "+tagV1)
	h.want(202, "POST /v2/app/blobs/uploads/")
	assert.Equal(t, 400, h.do("POST /v2/app/blobs/uploads/?digest="+d, "other").status)
	assert.Zero(t, h.engine.Rules()[0].Hits)
}

// With a number of requests and a duration, whichever is over first counts.
func TestLagEnds(t *testing.T) {
	for name, test := range map[string]struct {
		lag  func(n int, d time.Duration) faults.Effect
		n    int
		d    time.Duration
		want string // what is asked at 0 s, 4 s, 8 s, 10 s
	}{
		"hide: requests":               {faults.Hide, 2, 0, "hidden hidden shown shown"},
		"hide: duration":               {faults.Hide, 0, 8 * time.Second, "hidden hidden shown shown"},
		"hide: requests are first":     {faults.Hide, 1, 8 * time.Second, "hidden shown shown shown"},
		"hide: duration is first":      {faults.Hide, 9, 3 * time.Second, "hidden shown shown shown"},
		"hide: to the moment":          {faults.Hide, 0, 10 * time.Second, "hidden hidden hidden shown"},
		"stale tag: requests":          {faults.StaleTag, 2, 0, "hidden hidden shown shown"},
		"stale tag: duration":          {faults.StaleTag, 0, 8 * time.Second, "hidden hidden shown shown"},
		"stale tag: requests first":    {faults.StaleTag, 1, time.Hour, "hidden shown shown shown"},
		"stale tag: duration is first": {faults.StaleTag, 9, time.Second, "hidden shown shown shown"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memstore.New(memstore.Options{})
				e := engine.New(store)
				require.NoError(t, e.Add(faults.On(op.ManifestPut).Do(test.lag(test.n, test.d))))
				handler := e.Wrap(registry.New(e.Store(), registry.Options{}))
				serve(t, handler, "PUT "+tagV1, index("a"), "Content-Type", ocispec.MediaTypeImageIndex)
				var got string
				for _, pause := range []time.Duration{0, 4, 4, 2} {
					time.Sleep(pause * time.Second)
					w, _ := send(handler, "GET "+tagV1)
					got += map[int]string{404: " hidden", 200: " shown"}[w.Code]
				}
				assert.Equal(t, " "+test.want, got)
			})
		})
	}
}

func TestLagTagsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Options{})
		e := engine.New(store)
		require.NoError(t, e.Add(faults.On(op.ManifestPut).Do(faults.LagTags(3, time.Minute))))
		handler := e.Wrap(registry.New(e.Store(), registry.Options{}))
		for _, tag := range []string{"a", "b"} {
			serve(t, handler, "PUT /v2/app/manifests/"+tag, index("a"), "Content-Type", ocispec.MediaTypeImageIndex)
			time.Sleep(30 * time.Second)
		}
		var got []string
		for _, pause := range []time.Duration{0, 29, 1} {
			time.Sleep(pause * time.Second)
			w, _ := send(handler, listTags)
			got = append(got, w.Body.String())
		}
		assert.Equal(t, []string{
			`{"name":"app","tags":["a"]}`, `{"name":"app","tags":["a"]}`, `{"name":"app","tags":["a","b"]}`,
		}, got)
	})
}
