package registry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPing(t *testing.T) {
	f := newFixture(t, registry.Options{})
	resp := f.get("/v2/")
	assert.JSONEq(t, `{}`, string(f.status(resp, http.StatusOK)))
	assert.Equal(t, "registry/2.0", resp.Header.Get("Docker-Distribution-Api-Version"))
	assert.Empty(t, f.status(f.do(http.MethodHead, "/v2/", nil), http.StatusOK))
}

func TestUnknownRequests(t *testing.T) {
	f := newFixture(t, registry.Options{})
	for _, target := range []string{"/", "/v2", "/v1/", "/v2/app", "/v2/app/tags/list/", "/v2/a%2Fb/tags/list"} {
		resp := f.get(target)
		body := f.status(resp, http.StatusNotFound)
		assert.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
		assert.Contains(t, string(body), "404 page not found")
	}
	resp := f.do(http.MethodPost, "/v2/app/tags/list", nil)
	f.status(resp, http.StatusMethodNotAllowed, "UNSUPPORTED")
	assert.Equal(t, "GET, HEAD", resp.Header.Get("Allow"))
}

func TestRefusals(t *testing.T) {
	blob := "/v2/app/blobs/" + string(textDigest)
	tests := []struct {
		name           string
		options        registry.Options
		method, target string
		status         int
		code           string
	}{
		{"read-only", registry.Options{ReadOnly: true}, "POST", "/v2/app/blobs/uploads/", 403, "DENIED"},
		{"read-only", registry.Options{ReadOnly: true}, "PUT", "/v2/app/manifests/v1", 403, "DENIED"},
		{"read-only", registry.Options{ReadOnly: true}, "DELETE", blob, 403, "DENIED"},
		{"no delete", registry.Options{NoDelete: true}, "DELETE", blob, 405, "UNSUPPORTED"},
		{"no delete", registry.Options{NoDelete: true}, "DELETE", "/v2/app/manifests/v1", 405, "UNSUPPORTED"},
		{"no delete", registry.Options{NoDelete: true}, "DELETE", "/v2/app/manifests/" + string(textDigest), 405, "UNSUPPORTED"},
		{"no catalog", registry.Options{NoCatalog: true}, "GET", "/v2/_catalog", 404, "UNSUPPORTED"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.method+" "+tt.target, func(t *testing.T) {
			f := newFixture(t, registry.Options{})
			f.pushBlob("app", text)
			f.SetOptions(tt.options)
			f.status(f.do(tt.method, tt.target, nil), tt.status, tt.code)
			f.status(f.get(blob), http.StatusOK)
		})
	}
}

// A 405 names the methods that are left.
func TestDisabledMethodHasAllow(t *testing.T) {
	f := newFixture(t, registry.Options{NoDelete: true})
	resp := f.do(http.MethodDelete, "/v2/app/manifests/v1", nil)
	f.status(resp, http.StatusMethodNotAllowed, "UNSUPPORTED")
	assert.Equal(t, "GET, HEAD, PUT", resp.Header.Get("Allow"))
}

func TestImmutableTags(t *testing.T) {
	f := newFixture(t, registry.Options{ImmutableTags: true})
	f.pushImage("app", "v1", "first")
	f.pushImage("app", "v1", "first")
	second := f.image("app", "second")
	f.status(f.put("app", "v1", ocispec.MediaTypeImageManifest, second), http.StatusForbidden, "DENIED")
	d := digest.FromBytes(encode(t, second))
	f.status(f.put("app", string(d)+"?tag=new&tag=v1", ocispec.MediaTypeImageManifest, second), http.StatusForbidden, "DENIED")
	f.status(f.get("/v2/app/manifests/new"), http.StatusNotFound, "MANIFEST_UNKNOWN")
}

func TestWarnings(t *testing.T) {
	f := newFixture(t, registry.Options{Warnings: []string{`old "client"`, "back\\slash"}})
	for _, target := range []string{"/v2/", "/v2/none/tags/list"} {
		assert.Equal(t, []string{`299 - "old \"client\""`, `299 - "back\\slash"`}, f.get(target).Header.Values("Warning"))
	}
}

func TestAbsoluteURLs(t *testing.T) {
	tests := []struct {
		name    string
		options registry.Options
		header  []string
		want    string
	}{
		{"relative", registry.Options{}, nil, "/reg/v2/app/"},
		{"absolute", registry.Options{AbsoluteURLs: true}, nil, "http://example.com/reg/v2/app/"},
		{"proxy not trusted", registry.Options{AbsoluteURLs: true}, []string{"X-Forwarded-Proto", "https"}, "http://example.com/reg/v2/app/"},
		{"proxy trusted", registry.Options{AbsoluteURLs: true, TrustForwarded: true},
			[]string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "out", "X-Forwarded-Prefix", "/p"}, "https://out/p/reg/v2/app/"},
		{"proxy trusted, relative", registry.Options{TrustForwarded: true}, []string{"X-Forwarded-Prefix", "/p"}, "/p/reg/v2/app/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := registry.New(memstore.New(memstore.Options{}), tt.options)
			handler := http.StripPrefix("/reg", g)
			do := func(method, target, body, contentType string) *httptest.ResponseRecorder {
				r := httptest.NewRequest(method, target, strings.NewReader(body))
				r.Header.Set("Content-Type", contentType)
				for i := 0; i < len(tt.header); i += 2 {
					r.Header.Set(tt.header[i], tt.header[i+1])
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				return w
			}
			const octets = "application/octet-stream"
			w := do("POST", "/reg/v2/app/blobs/uploads/", "", "")
			assert.True(t, strings.HasPrefix(w.Header().Get("Location"), tt.want+"blobs/uploads/"), w.Header().Get("Location"))
			w = do("POST", "/reg/v2/app/blobs/uploads/?digest="+string(textDigest), text, octets)
			assert.Equal(t, tt.want+"blobs/"+string(textDigest), w.Header().Get("Location"))
			index := `{"schemaVersion":2,"manifests":[]}`
			for _, tag := range []string{"a", "b"} {
				w = do("PUT", "/reg/v2/app/manifests/"+tag, index, ocispec.MediaTypeImageIndex)
				assert.Equal(t, tt.want+"manifests/"+string(digest.FromString(index)), w.Header().Get("Location"))
			}
			w = do("GET", "/reg/v2/app/tags/list?n=1", "", "")
			assert.Equal(t, "<"+tt.want+`tags/list?last=a&n=1>; rel="next"`, w.Header().Get("Link"))
		})
	}
}

// brokenStore fails in ways that are no cause of the specification.
type brokenStore struct{ registry.Store }

var errBroken = errors.New("disk on fire")

func (brokenStore) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	return nil, errBroken
}

func TestStoreFailureIs500(t *testing.T) {
	var log strings.Builder
	store := brokenStore{memstore.New(memstore.Options{})}
	f := fixture{registry.New(store, registry.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}), t}
	resp := f.get("/v2/app/blobs/" + string(textDigest))
	body := f.status(resp, http.StatusInternalServerError)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	assert.JSONEq(t, `{"errors":[{"code":"UNKNOWN","message":"unknown error: internal error"}]}`, string(body))
	assert.NotContains(t, string(body), "fire")
	assert.Contains(t, log.String(), "disk on fire")
	assert.Contains(t, log.String(), "blob.get")
}

// cutStore has blobs whose end cannot be read.
type cutStore struct{ registry.Store }

type cutBlob struct{ registry.Blob }

func (s cutStore) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	blob, err := s.Store.OpenBlob(ctx, repo, d)
	return cutBlob{blob}, err
}

func (b cutBlob) WriteRange(w io.Writer, off, n int64) (int64, error) {
	written, err := b.Blob.WriteRange(w, off, n/2)
	if err == nil {
		err = errBroken
	}
	return written, err
}

// A body that the Store cannot complete never looks complete to the client.
func TestBrokenBodyAbortsTheResponse(t *testing.T) {
	f := fixture{registry.New(cutStore{memstore.New(memstore.Options{})}, registry.Options{}), t}
	blob := f.pushBlob("app", strings.Repeat(text, 10_000))
	server := httptest.NewServer(f)
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/v2/app/blobs/" + string(blob.Digest))
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// Options that make no sense are refused in one place.
func TestOptionsValidate(t *testing.T) {
	for name, options := range map[string]registry.Options{
		"PageSize":       {PageSize: -1},
		"ChunkMinLength": {ChunkMinLength: -1},
		"MaxManifest":    {MaxManifest: -1},
		"MaxTags":        {MaxTags: -1},
	} {
		want := name + " is -1: want a positive number, or 0 for the default"
		require.EqualError(t, options.Validate(), want)
		assert.PanicsWithValue(t, "registry: invalid options: "+want, func() { registry.New(memstore.New(memstore.Options{}), options) })
	}
	assert.NoError(t, new(registry.Options).Validate())
}
