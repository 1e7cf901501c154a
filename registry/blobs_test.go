package registry_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
)

func TestBlobPull(t *testing.T) {
	f := newFixture(t, registry.Options{})
	blob := f.pushBlob("app", "0123456789")
	f.pushBlob("other", "x")
	target := "/v2/app/blobs/" + string(blob.Digest)

	resp := f.get(target)
	assert.Equal(t, "0123456789", string(f.status(resp, http.StatusOK)))
	assert.Equal(t, "10", resp.Header.Get("Content-Length"))
	assert.Equal(t, "application/octet-stream", resp.Header.Get("Content-Type"))
	assert.Equal(t, string(blob.Digest), resp.Header.Get("Docker-Content-Digest"))
	assert.Equal(t, "bytes", resp.Header.Get("Accept-Ranges"))
	assert.Equal(t, "registry/2.0", resp.Header.Get("Docker-Distribution-Api-Version"))

	resp = f.do(http.MethodHead, target, nil)
	assert.Empty(t, f.status(resp, http.StatusOK))
	assert.Equal(t, "10", resp.Header.Get("Content-Length"))

	f.status(f.get("/v2/other/blobs/"+string(blob.Digest)), http.StatusNotFound, "BLOB_UNKNOWN")
	f.status(f.get("/v2/none/blobs/"+string(blob.Digest)), http.StatusNotFound, "NAME_UNKNOWN")
	f.status(f.get("/v2/app/blobs/nonsense"), http.StatusNotFound, "BLOB_UNKNOWN")
	body := f.status(f.get("/v2/app/blobs/"+string(digest.FromString("no"))), http.StatusNotFound, "BLOB_UNKNOWN")
	assert.Equal(t, map[string]any{"name": "app", "digest": string(digest.FromString("no"))}, errorsIn(t, body)[0].Detail)

	manifest := f.pushImage("app", "v1", "layer")
	f.status(f.get("/v2/app/blobs/"+string(manifest.Digest)), http.StatusNotFound, "BLOB_UNKNOWN")
}

func TestBlobRange(t *testing.T) {
	f := newFixture(t, registry.Options{})
	blob := f.pushBlob("app", "0123456789")
	empty := f.pushBlob("app", "")
	etag := `"` + string(blob.Digest) + `"`
	const outside = "bytes */10"
	tests := []struct {
		name         string
		header       []string
		status       int
		body         string
		contentRange string
	}{
		{"closed", []string{"Range", "bytes=2-5"}, 206, "2345", "bytes 2-5/10"},
		{"open", []string{"Range", "bytes=5-"}, 206, "56789", "bytes 5-9/10"},
		{"suffix", []string{"Range", "bytes=-3"}, 206, "789", "bytes 7-9/10"},
		{"long suffix", []string{"Range", "bytes=-30"}, 206, "0123456789", "bytes 0-9/10"},
		{"end beyond", []string{"Range", "bytes=8-99"}, 206, "89", "bytes 8-9/10"},
		{"end beyond int64", []string{"Range", "bytes=8-99999999999999999999"}, 206, "89", "bytes 8-9/10"},
		{"unit in capitals", []string{"Range", "BYTES=0-0"}, 206, "0", "bytes 0-0/10"},
		{"several", []string{"Range", "bytes=0-1,3-4"}, 200, "0123456789", ""},
		{"other unit", []string{"Range", "items=0-1"}, 200, "0123456789", ""},
		{"if-range holds", []string{"Range", "bytes=0-1", "If-Range", etag}, 206, "01", "bytes 0-1/10"},
		{"if-range fails", []string{"Range", "bytes=0-1", "If-Range", `"sha256:other"`}, 200, "0123456789", ""},
		{"if-range weak", []string{"Range", "bytes=0-1", "If-Range", "W/" + etag}, 200, "0123456789", ""},
		{"start at end", []string{"Range", "bytes=10-"}, 416, "", outside},
		{"start beyond", []string{"Range", "bytes=11-12"}, 416, "", outside},
		{"start beyond int64", []string{"Range", "bytes=99999999999999999999-"}, 416, "", outside},
		{"reversed", []string{"Range", "bytes=5-2"}, 416, "", outside},
		{"suffix of nothing", []string{"Range", "bytes=-0"}, 416, "", outside},
		{"no numbers", []string{"Range", "bytes=-"}, 416, "", outside},
		{"negative", []string{"Range", "bytes=--3"}, 416, "", outside},
		{"signs", []string{"Range", "bytes=+1-+2"}, 416, "", outside},
		{"no dash", []string{"Range", "bytes=3"}, 416, "", outside},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fixture{f.Registry, t}
			resp := f.get("/v2/app/blobs/"+string(blob.Digest), tt.header...)
			if tt.status == http.StatusRequestedRangeNotSatisfiable {
				f.status(resp, tt.status, "UNSUPPORTED")
			} else {
				assert.Equal(t, tt.body, string(f.status(resp, tt.status)))
				assert.Equal(t, strconv.Itoa(len(tt.body)), resp.Header.Get("Content-Length"))
			}
			assert.Equal(t, tt.contentRange, resp.Header.Get("Content-Range"))
		})
	}
	t.Run("empty blob", func(t *testing.T) {
		resp := f.get("/v2/app/blobs/"+string(empty.Digest), "Range", "bytes=0-0")
		assert.Empty(t, f.status(resp, http.StatusOK))
		assert.Equal(t, "0", resp.Header.Get("Content-Length"))
	})
	t.Run("head", func(t *testing.T) {
		resp := f.do(http.MethodHead, "/v2/app/blobs/"+string(blob.Digest), nil, "Range", "bytes=2-5")
		f.status(resp, http.StatusOK)
		assert.Equal(t, "10", resp.Header.Get("Content-Length"))
	})
}

func TestConditionalRequests(t *testing.T) {
	f := newFixture(t, registry.Options{})
	blob := f.pushBlob("app", "content")
	manifest := f.pushImage("app", "v1", "layer")
	for target, d := range map[string]digest.Digest{
		"/v2/app/blobs/" + string(blob.Digest): blob.Digest,
		"/v2/app/manifests/v1":                 manifest.Digest,
	} {
		etag := `"` + string(d) + `"`
		tests := []struct {
			header, value string
			status        int
		}{
			{"If-None-Match", etag, 304},
			{"If-None-Match", "W/" + etag, 304},
			{"If-None-Match", `"a", ` + etag, 304},
			{"If-None-Match", "*", 304},
			{"If-None-Match", `"sha256:other"`, 200},
			{"If-Match", etag, 200},
			{"If-Match", "*", 200},
			{"If-Match", "W/" + etag, 412},
			{"If-Match", `"sha256:other"`, 412},
			{"If-Match", "", 412},
		}
		for _, tt := range tests {
			t.Run(target+" "+tt.header+" "+tt.value, func(t *testing.T) {
				f := fixture{f.Registry, t}
				resp := f.get(target, tt.header, tt.value)
				body := f.status(resp, tt.status)
				assert.Equal(t, etag, resp.Header.Get("Etag"))
				assert.Equal(t, tt.status == 304, len(body) == 0)
			})
		}
	}
}

func TestBlobDelete(t *testing.T) {
	f := newFixture(t, registry.Options{})
	blob := f.pushBlob("app", "content")
	f.pushBlob("other", "content")
	target := "/v2/app/blobs/" + string(blob.Digest)
	f.status(f.do(http.MethodDelete, target, nil), http.StatusAccepted)
	f.status(f.do(http.MethodDelete, target, nil), http.StatusNotFound, "BLOB_UNKNOWN")
	f.status(f.get(target), http.StatusNotFound, "BLOB_UNKNOWN")
	f.status(f.get(strings.Replace(target, "app", "other", 1)), http.StatusOK)
	f.status(f.do(http.MethodDelete, "/v2/app/blobs/nonsense", nil), http.StatusBadRequest, "DIGEST_INVALID")
}
