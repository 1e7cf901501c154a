package registry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/internal/testmain"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testmain.Run(m) }

// fixture is a registry and a client that looks at raw requests and responses.
type fixture struct {
	*registry.Registry
	t *testing.T
}

func newFixture(t *testing.T, options registry.Options) fixture {
	t.Helper()
	return fixture{registry.New(memstore.New(memstore.Options{}), options), t}
}

// header lists names and values in turn.
func (f fixture) do(method, target string, body io.Reader, header ...string) *http.Response {
	f.t.Helper()
	r := httptest.NewRequest(method, target, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result()
}

func (f fixture) get(target string, header ...string) *http.Response {
	f.t.Helper()
	return f.do(http.MethodGet, target, nil, header...)
}

// status fails the test unless the response has the status, and the error code
// if one is wanted; it returns the body.
func (f fixture) status(resp *http.Response, status int, codes ...string) []byte {
	f.t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	require.Equal(f.t, status, resp.StatusCode, "body: %s", body)
	if len(codes) == 0 {
		return body
	}
	require.Equal(f.t, "application/json", resp.Header.Get("Content-Type"))
	var got []string
	for _, e := range errorsIn(f.t, body) {
		got = append(got, e.Code)
	}
	require.Equal(f.t, codes, got, "body: %s", body)
	return body
}

type wireError struct {
	Code    string
	Message string
	Detail  map[string]any
}

func errorsIn(t *testing.T, body []byte) []wireError {
	t.Helper()
	var envelope struct{ Errors []wireError }
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&envelope), "body: %s", body)
	return envelope.Errors
}

func (f fixture) pushBlob(repo, content string) ocispec.Descriptor {
	f.t.Helper()
	d := digest.FromString(content)
	resp := f.do(http.MethodPost, "/v2/"+repo+"/blobs/uploads/?digest="+string(d), strings.NewReader(content))
	f.status(resp, http.StatusCreated)
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: d, Size: int64(len(content))}
}

// image pushes a config and a layer, and returns the manifest that names them.
func (f fixture) image(repo, content string) ocispec.Manifest {
	f.t.Helper()
	config := f.pushBlob(repo, "{}")
	config.MediaType = ocispec.MediaTypeImageConfig
	return ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config,
		Layers:    []ocispec.Descriptor{f.pushBlob(repo, content)},
	}
}

func (f fixture) put(repo, ref, mediaType string, manifest any, header ...string) *http.Response {
	f.t.Helper()
	return f.do(http.MethodPut, "/v2/"+repo+"/manifests/"+ref, bytes.NewReader(encode(f.t, manifest)),
		append([]string{"Content-Type", mediaType}, header...)...)
}

func encode(t *testing.T, manifest any) []byte {
	t.Helper()
	if raw, ok := manifest.(string); ok {
		return []byte(raw)
	}
	content, err := json.Marshal(manifest)
	require.NoError(t, err)
	return content
}

func (f fixture) pushImage(repo, ref, content string) ocispec.Descriptor {
	f.t.Helper()
	manifest := f.image(repo, content)
	f.status(f.put(repo, ref, ocispec.MediaTypeImageManifest, manifest), http.StatusCreated)
	encoded := encode(f.t, manifest)
	return ocispec.Descriptor{MediaType: manifest.MediaType, Digest: digest.FromBytes(encoded), Size: int64(len(encoded))}
}

// startUpload opens a session and returns its location.
func (f fixture) startUpload(repo string) string {
	f.t.Helper()
	resp := f.do(http.MethodPost, "/v2/"+repo+"/blobs/uploads/", nil)
	f.status(resp, http.StatusAccepted)
	return resp.Header.Get("Location")
}

func withDigest(t *testing.T, location string, d digest.Digest) string {
	t.Helper()
	u, err := url.Parse(location)
	require.NoError(t, err)
	query := u.Query()
	query.Set("digest", string(d))
	u.RawQuery = query.Encode()
	return u.String()
}
