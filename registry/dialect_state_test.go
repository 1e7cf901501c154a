package registry_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

func speaking(t *testing.T, d registry.Dialect) fixture {
	t.Helper()
	return newFixture(t, registry.Options{Dialect: &d})
}

func TestTagsOfDeletedManifest(t *testing.T) {
	for value, byTag := range map[string]int{
		registry.TagsDeleted: http.StatusNotFound,
		registry.TagsServe:   http.StatusOK,
		registry.TagsDangle:  http.StatusNotFound,
	} {
		t.Run(string(value), func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			f := fixture{registry.New(store, registry.Options{Dialect: &registry.Dialect{TagsOfDeleted: value}}), t}
			m := f.pushImage("app", "v1", "content")
			byDigest := "/v2/app/manifests/" + m.Digest.String()
			f.status(f.do(http.MethodDelete, byDigest, nil), http.StatusAccepted)
			f.status(f.do(http.MethodDelete, byDigest, nil), http.StatusNotFound, "MANIFEST_UNKNOWN")
			f.status(f.get(byDigest), http.StatusNotFound, "MANIFEST_UNKNOWN")
			assert.Equal(t, byTag, f.get("/v2/app/manifests/v1").StatusCode)
			list := f.status(f.get("/v2/app/tags/list"), http.StatusOK)
			assert.Equal(t, value != registry.TagsDeleted, strings.Contains(string(list), "v1"))
			if value == registry.TagsDeleted {
				return
			}

			f.pushImage("app", "v2", "content") // makes it known again
			f.status(f.get(byDigest), http.StatusOK)
			f.status(f.get("/v2/app/manifests/v1"), http.StatusOK)

			f.status(f.do(http.MethodDelete, byDigest, nil), http.StatusAccepted)
			for _, tag := range []string{"v1", "v2"} {
				f.status(f.do(http.MethodDelete, "/v2/app/manifests/"+tag, nil), http.StatusAccepted)
			}
			for range store.Manifests(t.Context(), "app", "") {
				t.Error("the manifest is deleted with its last tag")
			}
		})
	}
}

func TestAnySession(t *testing.T) {
	f := speaking(t, registry.Dialect{FixedLocation: true, AnySession: true})
	at := "/v2/app/blobs/uploads/mine"
	resp := f.do(http.MethodPatch, at, strings.NewReader("hel"))
	f.status(resp, http.StatusAccepted)
	assert.Equal(t, at, resp.Header.Get("Location"))
	resp = f.do(http.MethodPatch, at, strings.NewReader("lo"))
	f.status(resp, http.StatusAccepted)
	assert.Equal(t, "0-4", resp.Header.Get("Range"))
	f.status(f.do(http.MethodPut, withDigest(t, at, digest.FromString("hello")), nil), http.StatusCreated)
	f.status(f.do(http.MethodPatch, at, strings.NewReader("again")), http.StatusAccepted)
}

func TestFailedCommit(t *testing.T) {
	for value, want := range map[string]string{
		registry.CommitUndone: "0-1", registry.CommitEnds: "", registry.CommitAdvances: "0-4",
	} {
		f := speaking(t, registry.Dialect{FailedCommit: value})
		at := f.do(http.MethodPatch, f.startUpload("app"), strings.NewReader("he")).Header.Get("Location")
		f.status(f.do(http.MethodPut, withDigest(t, at, digest.FromString("other")), strings.NewReader("llo")), http.StatusBadRequest, "DIGEST_INVALID")
		assert.Equal(t, want, f.get(at).Header.Get("Range"), value)
	}
}

func TestStale(t *testing.T) {
	f := speaking(t, registry.Dialect{Stale: []op.Op{op.UploadChunk, op.UploadCancel}, StaleCancels: true, StateParameter: "state"})
	first := f.startUpload("app")
	assert.Contains(t, first, "?state=")
	second := f.do(http.MethodPatch, first, strings.NewReader("he")).Header.Get("Location")
	f.status(f.get(first), http.StatusNoContent)
	f.status(f.do(http.MethodPatch, first, strings.NewReader("llo")), http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
	f.status(f.get(second), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
}

func TestUploadCreatesRepository(t *testing.T) {
	f := speaking(t, registry.Dialect{UploadCreates: true})
	f.status(f.get("/v2/app/tags/list"), http.StatusNotFound, "NAME_UNKNOWN")
	f.startUpload("app")
	f.status(f.get("/v2/app/tags/list"), http.StatusOK)
	f.status(f.get("/v2/app/blobs/"+digest.FromString("").String()), http.StatusNotFound, "BLOB_UNKNOWN")
}

func TestRowsByReference(t *testing.T) {
	unknown := []registry.Cause{registry.ManifestUnknown}
	f := speaking(t, registry.Dialect{Answers: []registry.Answer{{Causes: unknown, By: registry.ByTag, Code: "T"}, {Causes: unknown, By: registry.ByDigestOnly, Code: "D"}}})
	f.pushImage("app", "v1", "content")
	f.status(f.get("/v2/app/manifests/v2"), http.StatusNotFound, "T")
	f.status(f.get("/v2/app/manifests/"+digest.FromString("v2").String()), http.StatusNotFound, "D")
}

func TestNoEntityTag(t *testing.T) {
	f := speaking(t, registry.Dialect{NoEntityTag: true, IgnorePrecondition: true, EachOCITag: true})
	m := f.pushImage("app", "v1", "content")
	resp := f.get("/v2/app/manifests/v1", "If-None-Match", `"`+m.Digest.String()+`"`)
	f.status(resp, http.StatusOK)
	assert.NotContains(t, resp.Header, "Etag")
	resp = f.put("app", "v1", m.MediaType, f.image("app", "content"), "If-None-Match", "*")
	f.status(resp, http.StatusCreated)
	assert.Equal(t, "v1", resp.Header.Get("OCI-Tag"))
}
