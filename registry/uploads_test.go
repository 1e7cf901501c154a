package registry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const text = "0123456789"

var textDigest = digest.FromString(text)

func TestUploadInOnePut(t *testing.T) {
	f := newFixture(t, registry.Options{})
	resp := f.do(http.MethodPost, "/v2/app/blobs/uploads/", nil)
	f.status(resp, http.StatusAccepted)
	assert.Equal(t, "0-0", resp.Header.Get("Range"))
	id := resp.Header.Get("Docker-Upload-UUID")
	assert.Contains(t, resp.Header.Get("Location"), "/v2/app/blobs/uploads/"+id+"?")

	target := withDigest(t, resp.Header.Get("Location"), textDigest)
	resp = f.do(http.MethodPut, target, strings.NewReader(text), "Content-Type", "application/octet-stream")
	f.status(resp, http.StatusCreated)
	assert.Equal(t, "/v2/app/blobs/"+string(textDigest), resp.Header.Get("Location"))
	assert.Equal(t, string(textDigest), resp.Header.Get("Docker-Content-Digest"))
	assert.Equal(t, text, string(f.status(f.get(resp.Header.Get("Location")), http.StatusOK)))

	f.status(f.do(http.MethodPut, target, strings.NewReader(text)), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
}

func TestUploadInChunks(t *testing.T) {
	for _, d := range []digest.Digest{textDigest, digest.SHA512.FromString(text)} {
		for _, last := range []string{"", "789"} {
			t.Run(d.Algorithm().String()+" last "+last, func(t *testing.T) {
				f := newFixture(t, registry.Options{})
				location := f.startUpload("app")
				send := func(chunk, contentRange string) {
					resp := f.do(http.MethodPatch, location, strings.NewReader(chunk), "Content-Range", contentRange)
					f.status(resp, http.StatusAccepted)
					require.NotEqual(t, location, resp.Header.Get("Location"))
					location = resp.Header.Get("Location")
					end := strings.Split(contentRange, "-")[1]
					assert.Equal(t, "0-"+end, resp.Header.Get("Range"))

					resp = f.get(location)
					f.status(resp, http.StatusNoContent)
					assert.Equal(t, "0-"+end, resp.Header.Get("Range"))
					location = resp.Header.Get("Location")
				}
				send("0123", "0-3")
				send("456", "4-6")
				header := []string{}
				if last == "" {
					send("789", "7-9")
				} else {
					header = []string{"Content-Range", "7-9"}
				}
				resp := f.do(http.MethodPut, withDigest(t, location, d), strings.NewReader(last), header...)
				f.status(resp, http.StatusCreated)
				assert.Equal(t, text, string(f.status(f.get("/v2/app/blobs/"+string(d)), http.StatusOK)))
			})
		}
	}
}

// As the Docker engine does it: chunked transfer encoding, no Content-Range.
func TestUploadStreamed(t *testing.T) {
	f := newFixture(t, registry.Options{})
	server := httptest.NewServer(f)
	defer server.Close()
	request, err := http.NewRequest(http.MethodPatch, server.URL+f.startUpload("app"), io.NopCloser(strings.NewReader(text)))
	require.NoError(t, err)
	require.EqualValues(t, 0, request.ContentLength, "unknown")
	resp, err := server.Client().Do(request)
	require.NoError(t, err)
	f.status(resp, http.StatusAccepted)
	assert.Equal(t, "0-9", resp.Header.Get("Range"))
	f.status(f.do(http.MethodPut, withDigest(t, resp.Header.Get("Location"), textDigest), nil), http.StatusCreated)
}

func TestChunkRefused(t *testing.T) {
	tests := []struct {
		name, body string
		header     []string
		status     int
		code       string
	}{
		{"skips ahead", "456", []string{"Content-Range", "5-7"}, 416, "BLOB_UPLOAD_INVALID"},
		{"goes back", "012", []string{"Content-Range", "0-2"}, 416, "BLOB_UPLOAD_INVALID"},
		{"with unit", "456", []string{"Content-Range", "bytes=4-6"}, 416, "BLOB_UPLOAD_INVALID"},
		{"with total", "456", []string{"Content-Range", "4-6/10"}, 416, "BLOB_UPLOAD_INVALID"},
		{"reversed", "456", []string{"Content-Range", "6-4"}, 416, "BLOB_UPLOAD_INVALID"},
		{"no numbers", "456", []string{"Content-Range", "-"}, 416, "BLOB_UPLOAD_INVALID"},
		{"beyond int64", "456", []string{"Content-Range", "4-99999999999999999999"}, 416, "BLOB_UPLOAD_INVALID"},
		{"longer than said", "4567", []string{"Content-Range", "4-6"}, 400, "SIZE_INVALID"},
		{"shorter than said", "45", []string{"Content-Range", "4-6"}, 400, "SIZE_INVALID"},
		{"form", "456", []string{"Content-Type", "application/x-www-form-urlencoded"}, 400, "BLOB_UPLOAD_INVALID"},
	}
	for _, tt := range tests {
		for _, method := range []string{http.MethodPatch, http.MethodPut} {
			t.Run(method+" "+tt.name, func(t *testing.T) {
				f := newFixture(t, registry.Options{})
				resp := f.do(http.MethodPatch, f.startUpload("app"), strings.NewReader("0123"))
				f.status(resp, http.StatusAccepted)
				location := resp.Header.Get("Location")

				resp = f.do(method, withDigest(t, location, textDigest), strings.NewReader(tt.body), tt.header...)
				f.status(resp, tt.status, tt.code)
				if tt.status == http.StatusRequestedRangeNotSatisfiable {
					assert.Equal(t, "0-3", resp.Header.Get("Range"))
					location = resp.Header.Get("Location")
				}
				// Nothing has changed: the upload goes on where it was.
				resp = f.do(http.MethodPut, withDigest(t, location, textDigest), strings.NewReader("456789"), "Content-Range", "4-9")
				f.status(resp, http.StatusCreated)
			})
		}
	}
}

// A chunk with chunked transfer encoding is measured as it arrives.
func TestStreamedChunkMustBeAsLongAsItsRange(t *testing.T) {
	for _, body := range []string{"01", "01234"} {
		f := newFixture(t, registry.Options{})
		location := f.startUpload("app")
		resp := f.do(http.MethodPatch, location, io.NopCloser(strings.NewReader(body)), "Content-Range", "0-3")
		f.status(resp, http.StatusBadRequest, "SIZE_INVALID")
		resp = f.get(location)
		f.status(resp, http.StatusNoContent)
		assert.Equal(t, "0-0", resp.Header.Get("Range"), "nothing was kept of %q", body)
	}
}

func TestCommitRefused(t *testing.T) {
	f := newFixture(t, registry.Options{})
	resp := f.do(http.MethodPatch, f.startUpload("app"), strings.NewReader("01234"))
	location := resp.Header.Get("Location")

	f.status(f.do(http.MethodPut, location, nil), http.StatusBadRequest, "DIGEST_INVALID")
	f.status(f.do(http.MethodPut, withDigest(t, location, "sha256:short"), nil), http.StatusBadRequest, "DIGEST_INVALID")
	body := f.status(f.do(http.MethodPut, withDigest(t, location, textDigest), strings.NewReader("XXXXX")), http.StatusBadRequest, "DIGEST_INVALID")
	assert.Equal(t, string(textDigest), errorsIn(t, body)[0].Detail["digest"])

	// The session stays as it was before the last chunk.
	resp = f.get(location)
	f.status(resp, http.StatusNoContent)
	assert.Equal(t, "0-4", resp.Header.Get("Range"))
	f.status(f.do(http.MethodPut, withDigest(t, location, textDigest), strings.NewReader("56789")), http.StatusCreated)
}

func TestUploadLocationMustBeUsedAsItIs(t *testing.T) {
	f := newFixture(t, registry.Options{})
	location := f.startUpload("app")
	u, err := url.Parse(location)
	require.NoError(t, err)
	state := u.Query().Get("_state")
	require.NotEmpty(t, state)

	for name, target := range map[string]string{
		"query replaced":     u.Path + "?digest=" + string(textDigest),
		"state garbled":      u.Path + "?_state=x" + state,
		"other session":      "/v2/app/blobs/uploads/5d4c1e1e-8f9c-4f6c-9a34-0d6a3f0c9b11?_state=" + state,
		"other repository":   strings.Replace(location, "/app/", "/other/", 1),
		"rebuilt from UUID":  u.Path,
		"appended blindly":   location + "?digest=" + string(textDigest),
		"state of no fields": u.Path + "?_state=.",
	} {
		for _, method := range []string{http.MethodPatch, http.MethodPut, http.MethodGet, http.MethodDelete} {
			t.Run(method+" "+name, func(t *testing.T) {
				f := fixture{f.Registry, t}
				f.status(f.do(method, target, nil), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
			})
		}
	}
	f.status(f.get(location), http.StatusNoContent)
}

// An older location still works; Content-Range decides.
func TestOlderUploadLocation(t *testing.T) {
	f := newFixture(t, registry.Options{})
	first := f.startUpload("app")
	f.status(f.do(http.MethodPatch, first, strings.NewReader("01234"), "Content-Range", "0-4"), http.StatusAccepted)
	f.status(f.do(http.MethodPatch, first, strings.NewReader("01234"), "Content-Range", "0-4"), http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
	f.status(f.do(http.MethodPatch, first, strings.NewReader("56789"), "Content-Range", "5-9"), http.StatusAccepted)
	f.status(f.do(http.MethodPut, withDigest(t, first, textDigest), nil), http.StatusCreated)
}

func TestUploadCancel(t *testing.T) {
	f := newFixture(t, registry.Options{})
	location := f.startUpload("app")
	f.status(f.do(http.MethodDelete, location, nil), http.StatusNoContent)
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch} {
		f.status(f.do(method, location, nil), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
	}
	f.status(f.do(http.MethodPut, withDigest(t, location, textDigest), nil), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
}

func TestUploadStart(t *testing.T) {
	f := newFixture(t, registry.Options{})
	const target = "/v2/app/blobs/uploads/"
	f.status(f.do(http.MethodPost, target+"?digest-algorithm=sha512", nil), http.StatusAccepted)
	f.status(f.do(http.MethodPost, target+"?digest-algorithm=md5", nil), http.StatusBadRequest, "UNSUPPORTED")
	f.status(f.do(http.MethodPost, target, strings.NewReader("lost")), http.StatusBadRequest, "SIZE_INVALID")
	f.status(f.do(http.MethodPost, "/v2/App/blobs/uploads/", nil), http.StatusBadRequest, "NAME_INVALID")
}

func TestBlobInPost(t *testing.T) {
	const target = "/v2/app/blobs/uploads/?digest="
	f := newFixture(t, registry.Options{})
	resp := f.do(http.MethodPost, target+string(textDigest), strings.NewReader(text))
	f.status(resp, http.StatusCreated)
	assert.Equal(t, "/v2/app/blobs/"+string(textDigest), resp.Header.Get("Location"))
	f.status(f.do(http.MethodPost, target+"sha256:short", strings.NewReader(text)), http.StatusBadRequest, "DIGEST_INVALID")
	f.status(f.do(http.MethodPost, target+string(textDigest), strings.NewReader("other")), http.StatusBadRequest, "DIGEST_INVALID")
	empty := digest.FromString("")
	f.status(f.do(http.MethodPost, target+string(empty), nil), http.StatusCreated)
	f.status(f.get("/v2/app/blobs/"+string(empty)), http.StatusOK)
	requireNoUploads(t, f)

	f.SetOptions(registry.Options{NoSinglePost: true})
	resp = f.do(http.MethodPost, target+string(textDigest), strings.NewReader(text))
	f.status(resp, http.StatusAccepted)
	f.status(f.do(http.MethodPut, withDigest(t, resp.Header.Get("Location"), textDigest), strings.NewReader(text)), http.StatusCreated)
}

func requireNoUploads(t *testing.T, f fixture) {
	t.Helper()
	for id, err := range registry.StoreOf(f.Registry).Uploads(t.Context(), "") {
		require.NoError(t, err)
		t.Errorf("upload session %s was left open", id)
	}
}

func TestMount(t *testing.T) {
	tests := []struct {
		name, query string
		options     registry.Options
		status      int
	}{
		{"from", "mount=" + string(textDigest) + "&from=lib/base", registry.Options{}, 201},
		{"from a repository without it", "mount=" + string(textDigest) + "&from=empty", registry.Options{}, 202},
		{"from an unknown repository", "mount=" + string(textDigest) + "&from=none", registry.Options{}, 202},
		{"from no repository name", "mount=" + string(textDigest) + "&from=../lib", registry.Options{}, 202},
		{"anonymous", "mount=" + string(textDigest), registry.Options{}, 201},
		{"anonymous, unknown", "mount=" + string(digest.FromString("no")), registry.Options{}, 202},
		{"no digest", "mount=nonsense&from=lib/base", registry.Options{}, 202},
		{"turned off", "mount=" + string(textDigest) + "&from=lib/base", registry.Options{NoMount: true}, 202},
		{"source not allowed", "mount=" + string(textDigest) + "&from=lib/base", registry.Options{Allow: deny("lib/base")}, 202},
		{"anonymous, no source allowed", "mount=" + string(textDigest), registry.Options{Allow: deny("lib/base")}, 202},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, tt.options)
			f.pushBlob("lib/base", text)
			f.pushBlob("empty", "")
			resp := f.do(http.MethodPost, "/v2/app/blobs/uploads/?"+tt.query, nil)
			f.status(resp, tt.status)
			blob := "/v2/app/blobs/" + string(textDigest)
			if tt.status == http.StatusCreated {
				assert.Equal(t, blob, resp.Header.Get("Location"))
				assert.Equal(t, string(textDigest), resp.Header.Get("Docker-Content-Digest"))
				assert.Equal(t, text, string(f.status(f.get(blob), http.StatusOK)))
				return
			}
			f.status(f.get(blob), http.StatusNotFound, "NAME_UNKNOWN")
			f.status(f.do(http.MethodPut, withDigest(t, resp.Header.Get("Location"), textDigest), strings.NewReader(text)), http.StatusCreated)
		})
	}
}

func TestChunkMinLength(t *testing.T) {
	f := newFixture(t, registry.Options{ChunkMinLength: 4})
	resp := f.do(http.MethodPost, "/v2/app/blobs/uploads/", nil)
	assert.Equal(t, "4", resp.Header.Get("OCI-Chunk-Min-Length"))
	resp = f.do(http.MethodPatch, resp.Header.Get("Location"), strings.NewReader("0123"))
	f.status(resp, http.StatusAccepted)
	resp = f.do(http.MethodPatch, resp.Header.Get("Location"), strings.NewReader("456"))
	f.status(resp, http.StatusAccepted)

	for _, location := range []string{resp.Header.Get("Location"), f.get(resp.Header.Get("Location")).Header.Get("Location")} {
		f.status(f.do(http.MethodPatch, location, strings.NewReader("789")), http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
		f.status(f.do(http.MethodPut, withDigest(t, location, textDigest), strings.NewReader("789")), http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
	}
	d := digest.FromString("0123456")
	f.status(f.do(http.MethodPut, withDigest(t, resp.Header.Get("Location"), d), nil), http.StatusCreated)
}
