package registry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inProcess sends a request as [http.NewRequest] makes it, without a server: its body
// may be nil, and ContentLength 0 stands for unknown.
func (f fixture) inProcess(method, target string, body io.Reader, header ...string) *http.Response {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, "http://registry.test"+target, body)
	require.NoError(f.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result()
}

// stream hides how long a reader is.
func stream(text string) io.Reader { return struct{ io.Reader }{strings.NewReader(text)} }

func TestRequestsInProcess(t *testing.T) {
	f := newFixture(t, registry.Options{})
	location := func(resp *http.Response) string { return resp.Header.Get("Location") }

	post := "/v2/app/blobs/uploads/?digest=" + string(textDigest)
	f.status(f.inProcess(http.MethodPost, post, stream(text)), http.StatusCreated)
	assert.Equal(t, text, string(f.status(f.get("/v2/app/blobs/"+string(textDigest)), http.StatusOK)))

	resp := f.inProcess(http.MethodPost, "/v2/other/blobs/uploads/", nil)
	f.status(resp, http.StatusAccepted)
	resp = f.inProcess(http.MethodPatch, location(resp), stream(text[:4]))
	f.status(resp, http.StatusAccepted)
	assert.Equal(t, "0-3", resp.Header.Get("Range"))
	resp = f.inProcess(http.MethodPatch, location(resp), nil)
	f.status(resp, http.StatusAccepted)
	assert.Equal(t, "0-3", resp.Header.Get("Range"))
	f.status(f.inProcess(http.MethodPut, withDigest(t, location(resp), textDigest), stream(text[4:])), http.StatusCreated)
	assert.Equal(t, text, string(f.status(f.get("/v2/other/blobs/"+string(textDigest)), http.StatusOK)))

	resp = f.inProcess(http.MethodPost, "/v2/app/blobs/uploads/", nil)
	f.status(f.inProcess(http.MethodPut, withDigest(t, location(resp), digest.FromString("")), nil), http.StatusCreated)
	f.status(f.inProcess(http.MethodPost, "/v2/app/blobs/uploads/?digest="+string(digest.FromString("")), nil), http.StatusCreated)

	manifest := encode(t, f.image("app", "layer"))
	f.status(f.inProcess(http.MethodPut, "/v2/app/manifests/v1", stream(string(manifest)), "Content-Type", ocispec.MediaTypeImageManifest), http.StatusCreated)
	f.status(f.inProcess(http.MethodPut, "/v2/app/manifests/v1", nil, "Content-Type", ocispec.MediaTypeImageManifest), http.StatusBadRequest, "MANIFEST_INVALID")
}

// A body that would not be used is refused, whether its length is known or not.
func TestUnusedBody(t *testing.T) {
	for _, target := range []string{"/v2/app/blobs/uploads/", "/v2/app/blobs/uploads/?from=lib&mount=" + string(digest.FromString("other"))} {
		f := newFixture(t, registry.Options{})
		f.pushBlob("lib", text)
		for _, body := range []io.Reader{strings.NewReader(text), stream(text)} {
			f.status(f.do(http.MethodPost, target, body), http.StatusBadRequest, "SIZE_INVALID")
		}
		requireNoUploads(t, f)
		f.status(f.do(http.MethodPost, target, stream("")), http.StatusAccepted)
		f.status(f.do(http.MethodPost, target, strings.NewReader("")), http.StatusAccepted)
	}
}

// A client that leaves before the first byte of a chunked body is told so.
func TestBodyBreaksOff(t *testing.T) {
	w := newWire(t, memstore.New(memstore.Options{}))
	for _, target := range []string{"/v2/app/blobs/uploads/", "/v2/app/blobs/uploads/?mount=" + string(textDigest)} {
		conn := w.send("POST " + target + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
		w.status(readResponse(t, conn), http.StatusBadRequest, "BLOB_UPLOAD_INVALID")
	}
	requireNoUploads(t, w.fixture)
}

// A closing PUT without a body has no range, whatever Content-Range says.
func TestCommitIgnoresRangeOfNothing(t *testing.T) {
	for _, contentRange := range []string{"10-9", "0-9", "9-9", "-", "x"} {
		for _, body := range []io.Reader{nil, strings.NewReader(""), stream("")} {
			f := newFixture(t, registry.Options{ChunkMinLength: 100})
			resp := f.do(http.MethodPatch, f.startUpload("app"), strings.NewReader(text))
			f.status(resp, http.StatusAccepted)
			f.status(f.do(http.MethodPut, withDigest(t, resp.Header.Get("Location"), textDigest), body, "Content-Range", contentRange), http.StatusCreated)
		}
	}
}

func TestContentHeaders(t *testing.T) {
	f := newFixture(t, registry.Options{})
	manifest := string(encode(t, f.image("app", "layer")))
	post := "/v2/app/blobs/uploads/?digest=" + string(textDigest)
	for _, coding := range []string{"gzip", "zstd", "identity, gzip", "deflate"} {
		for _, resp := range []*http.Response{
			f.do(http.MethodPost, post, strings.NewReader(text), "Content-Encoding", coding),
			f.do(http.MethodPatch, f.startUpload("app"), strings.NewReader(text), "Content-Encoding", coding),
			f.do(http.MethodPut, withDigest(t, f.startUpload("app"), textDigest), strings.NewReader(text), "Content-Encoding", coding),
			f.put("app", "v1", ocispec.MediaTypeImageManifest, manifest, "Content-Encoding", coding),
		} {
			f.status(resp, http.StatusUnsupportedMediaType, "UNSUPPORTED")
			assert.Equal(t, "identity", resp.Header.Get("Accept-Encoding"))
		}
	}
	f.status(f.do(http.MethodPost, post, strings.NewReader(text), "Content-Encoding", "Identity"), http.StatusCreated)
	f.status(f.put("app", "v1", ocispec.MediaTypeImageManifest, manifest, "Content-Type", ocispec.MediaTypeImageIndex), http.StatusBadRequest, "UNSUPPORTED")
	f.status(f.put("app", "v1", ocispec.MediaTypeImageManifest, manifest, "Content-Range", "bytes 0-9/10"), http.StatusBadRequest, "UNSUPPORTED")
	f.status(f.do(http.MethodPatch, f.startUpload("app"), strings.NewReader(text), "Content-Range", "0-9", "Content-Range", "1-9"), http.StatusBadRequest, "UNSUPPORTED")
	f.status(f.put("app", "v1", ocispec.MediaTypeImageManifest, manifest), http.StatusCreated)
}

// A query that is malformed, or that has two values where there is one, is refused
// rather than read in one of several ways.
func TestQueries(t *testing.T) {
	f := newFixture(t, registry.Options{})
	f.pushImage("app", "v1", "layer")
	for _, request := range []string{
		"GET /v2/app/tags/list?n=1&n=2", "GET /v2/app/tags/list?n=%zz", "GET /v2/app/tags/list?n=1;last=x", "GET /v2/_catalog?last=a&last=b",
		"POST /v2/app/blobs/uploads/?mount=%zz", "POST /v2/app/blobs/uploads/?digest=a&digest=b", "DELETE /v2/app/manifests/v1?x=%",
	} {
		method, target, _ := strings.Cut(request, " ")
		f.status(f.do(method, target, nil), http.StatusBadRequest, "UNSUPPORTED")
	}
	requireNoUploads(t, f)
	f.status(f.get("/v2/app/tags/list?n=1&other="), http.StatusOK)
}

func TestStrictAcceptWeights(t *testing.T) {
	const docker = "application/vnd.docker.distribution.manifest.v2+json"
	f := newFixture(t, registry.Options{StrictAccept: true})
	f.pushImage("app", "v1", "layer")
	oci := ocispec.MediaTypeImageManifest
	for accept, status := range map[string]int{
		oci:                           200,
		oci + ";q=0.001":              200,
		strings.ToUpper(oci):          200,
		docker + ", " + oci:           200,
		"*/*;q=0.1":                   200,
		"application/*":               200,
		"*/*;q=0, " + oci:             200,
		"application/*;q=0," + oci:    200,
		oci + ";q=0":                  404,
		oci + ";q=0.000":              404,
		"*/*, " + oci + ";q=0":        404,
		oci + ";q=0, application/*":   404,
		"*/*, application/*;q=0":      404,
		oci + ";q=0, " + oci + ";q=1": 200,
		oci + ";q=2":                  404,
		oci + ";q=0.0001":             404,
		oci + ";q=NaN":                404,
		oci + ";q=":                   404,
		docker:                        404,
		"text/*":                      404,
		"application/*+json":          404,
		"":                            404,
		", ,":                         404,
	} {
		assert.Equal(t, status, f.get("/v2/app/manifests/v1", "Accept", accept).StatusCode, accept)
	}
	assert.Equal(t, 404, f.get("/v2/app/manifests/v1", "Accept", "*/*", "Accept", oci+";q=0").StatusCode)
}

// Lists have empty elements, entity tags have quotes, and a star in them is none.
func TestHeaderGrammar(t *testing.T) {
	f := newFixture(t, registry.Options{})
	blob := f.pushBlob("app", text)
	target, etag := "/v2/app/blobs/"+string(blob.Digest), `"`+string(blob.Digest)+`"`
	for _, test := range []struct {
		header []string
		status int
	}{
		{[]string{"Range", "bytes=0-4,"}, 206},
		{[]string{"Range", "bytes=, 0-4 ,"}, 206},
		{[]string{"Range", "Bytes=0-4"}, 206},
		{[]string{"Range", "bytes=0-4,6-7"}, 200},
		{[]string{"Range", "bytes=0-4", "Range", "bytes=6-7"}, 200},
		{[]string{"Range", "bytes="}, 416},
		{[]string{"Range", "bytes=,"}, 416},
		{[]string{"If-Match", `"*"`}, 412},
		{[]string{"If-Match", string(blob.Digest)}, 412},
		{[]string{"If-Match", etag[1:]}, 412},
		{[]string{"If-Match", ", " + etag}, 200},
		{[]string{"If-None-Match", `"*"`}, 200},
		{[]string{"If-None-Match", string(blob.Digest)}, 200},
		{[]string{"If-None-Match", `W/"*"`}, 200},
		{[]string{"If-None-Match", ", W/" + etag}, 304},
	} {
		assert.Equal(t, test.status, f.get(target, test.header...).StatusCode, "%q", test.header)
	}
}

// Messages begin with the words of the specification, and are not escaped for HTML.
func TestMessages(t *testing.T) {
	f := newFixture(t, registry.Options{ImmutableTags: true})
	f.pushImage("app", "v1", "layer")
	begins := func(resp *http.Response, status int, code, message string) {
		t.Helper()
		got := errorsIn(t, f.status(resp, status, code))[0].Message
		assert.True(t, strings.HasPrefix(got, message), got)
	}
	other := "/v2/app/blobs/" + string(digest.FromString("other"))
	begins(f.get("/v2/app/manifests/none"), 404, "MANIFEST_UNKNOWN", "manifest unknown to registry: ")
	begins(f.get(other), 404, "BLOB_UNKNOWN", "blob unknown to registry: ")
	begins(f.get("/v2/none/tags/list"), 404, "NAME_UNKNOWN", "repository name not known to registry: ")
	begins(f.get("/v2/APP/tags/list"), 404, "NAME_INVALID", `invalid repository name "APP"`)
	begins(f.put("app", "v2", "a/b", "{}"), 400, "MANIFEST_INVALID", "manifest invalid: ")
	begins(f.put("app", "v1", ocispec.MediaTypeImageManifest, f.image("app", "other layer")), 403, "DENIED", "requested access to the resource is denied: ")
	begins(f.do(http.MethodPost, "/v2/app/blobs/uploads/?digest="+string(textDigest), strings.NewReader("x")), 400, "DIGEST_INVALID", "provided digest did not match uploaded content: ")
	begins(f.do(http.MethodDelete, "/v2/app/tags/list", nil), 405, "UNSUPPORTED", "the operation is unsupported: ")

	body := f.status(f.get("/v2/app/tags/list?n="+url.QueryEscape("<a>&")), http.StatusBadRequest, "UNSUPPORTED")
	assert.Contains(t, string(body), "<a>&")
}

// A repository that never was is said to be unknown, whatever is asked of it; one that
// is empty is not.
func TestRepositoryThatNeverWas(t *testing.T) {
	f := newFixture(t, registry.Options{})
	blob := f.pushBlob("empty", text)
	f.status(f.do(http.MethodDelete, "/v2/empty/blobs/"+string(blob.Digest), nil), http.StatusAccepted)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		for target, code := range map[string]string{
			"/blobs/" + string(blob.Digest):     "BLOB_UNKNOWN",
			"/manifests/v1":                     "MANIFEST_UNKNOWN",
			"/manifests/" + string(blob.Digest): "MANIFEST_UNKNOWN",
		} {
			f.status(f.do(method, "/v2/empty"+target, nil), http.StatusNotFound, code)
			f.status(f.do(method, "/v2/none"+target, nil), http.StatusNotFound, "NAME_UNKNOWN")
		}
	}
	f.status(f.do(http.MethodHead, "/v2/none/manifests/v1", nil), http.StatusNotFound)
}

// The subject of a Docker manifest is as good as that of an OCI one.
func TestDockerSubject(t *testing.T) {
	const docker = "application/vnd.docker.distribution.manifest.v2+json"
	f := newFixture(t, registry.Options{})
	subject := f.pushImage("app", "v1", "layer")
	manifest := f.image("app", "signature")
	manifest.MediaType, manifest.Subject = docker, &subject
	manifest.Annotations = map[string]string{"a": "<b>"}
	resp := f.put("app", "v2", docker, manifest)
	f.status(resp, http.StatusCreated)
	assert.Equal(t, string(subject.Digest), resp.Header.Get("OCI-Subject"))
	list := string(f.status(f.get("/v2/app/referrers/"+string(subject.Digest)), http.StatusOK))
	assert.Contains(t, list, string(digest.FromBytes(encode(t, manifest))))
	assert.Contains(t, list, `"annotations":{"a":"<b>"}`)
}
