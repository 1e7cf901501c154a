package registry_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// putAs puts a manifest with a Content-Type, without one if that is empty, and returns
// what it is served with.
func (f fixture) putAs(contentType, manifest string) (status int, served string) {
	f.t.Helper()
	var header []string
	if contentType != "" {
		header = []string{"Content-Type", contentType}
	}
	resp := f.do(http.MethodPut, "/v2/app/manifests/v1", strings.NewReader(manifest), header...)
	if resp.StatusCode != http.StatusCreated {
		return resp.StatusCode, ""
	}
	got := f.get("/v2/app/manifests/v1")
	assert.Equal(f.t, manifest, string(f.status(got, http.StatusOK)))
	return resp.StatusCode, got.Header.Get("Content-Type")
}

func TestAllowUnchecked(t *testing.T) {
	strict, f := newFixture(t, registry.Options{}), newFixture(t, registry.Options{AllowUnchecked: true})
	missing := `{"mediaType":"a/b","digest":"` + string(textDigest) + `","size":1}`
	for _, manifest := range []string{"{}", "", "no JSON", `{"schemaVersion":0}`, `{"schemaVersion":1,"mediaType":"other/type"}`, `{"schemaVersion":2,"config":` + missing + `,"layers":null}`} {
		for _, contentType := range []string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, "application/vnd.docker.distribution.manifest.v2+json"} {
			status, _ := strict.putAs(contentType, manifest)
			assert.Equal(t, http.StatusBadRequest, status, manifest)
			status, served := f.putAs(contentType, manifest)
			assert.Equal(t, http.StatusCreated, status, manifest)
			assert.Equal(t, contentType, served)
		}
	}
	for _, contentType := range []string{"", "a/b", "application/vnd.docker.distribution.manifest.v1+json"} {
		status, _ := f.putAs(contentType, "{}")
		assert.Equal(t, http.StatusBadRequest, status, "the type is still checked")
	}
	f.status(f.put("app", string(textDigest), ocispec.MediaTypeImageManifest, "{}"), http.StatusBadRequest, "DIGEST_INVALID")

	// What is well-formed is read.
	signature := `{"subject":` + missing + `,"artifactType":"x/signature","annotations":{"a":"b"}}`
	resp := f.put("app", "signature", ocispec.MediaTypeImageManifest, signature)
	f.status(resp, http.StatusCreated)
	assert.Equal(t, string(textDigest), resp.Header.Get("OCI-Subject"))
	list := string(f.status(f.get("/v2/app/referrers/"+string(textDigest)+"?artifactType=x/signature"), http.StatusOK))
	assert.Contains(t, list, `"annotations":{"a":"b"},"artifactType":"x/signature"`)
	for _, odd := range []string{`{"subject":1,"annotations":[],"artifactType":{}}`, `{"subject":{"digest":"x"}}`, `[]`} {
		resp := f.put("app", "odd", ocispec.MediaTypeImageManifest, odd)
		f.status(resp, http.StatusCreated)
		assert.Empty(t, resp.Header.Get("OCI-Subject"))
	}
}

func TestAllowAnyType(t *testing.T) {
	strict, f := newFixture(t, registry.Options{}), newFixture(t, registry.Options{AllowAnyType: true})
	image := f.image("app", "layer")
	strict.image("app", "layer")
	typed := string(encode(t, image))
	image.MediaType = ""
	bare := string(encode(t, image))
	docker := strings.Replace(typed, ocispec.MediaTypeImageManifest, "application/vnd.docker.distribution.manifest.v2+json", 1)
	for _, test := range []struct{ contentType, manifest, served string }{
		{"", typed, ocispec.MediaTypeImageManifest},
		{"", bare, ocispec.MediaTypeImageManifest},
		{"", docker, "application/vnd.docker.distribution.manifest.v2+json"},
		{"", `{"schemaVersion":2,"manifests":[]}`, ocispec.MediaTypeImageIndex},
		{"", `{"mediaType":"x/y"}`, "x/y"},
		{"text/plain; charset=utf-8", typed, "text/plain"},
		{"application/json", "{}", "application/json"},
		{"application/vnd.oci.artifact.manifest.v1+json", "{}", "application/vnd.oci.artifact.manifest.v1+json"},
	} {
		status, _ := strict.putAs(test.contentType, test.manifest)
		assert.Equal(t, http.StatusBadRequest, status, test)
		status, served := f.putAs(test.contentType, test.manifest)
		assert.Equal(t, http.StatusCreated, status, test)
		assert.Equal(t, test.served, served)
	}
	for contentType, manifest := range map[string]string{"": "{}", ocispec.MediaTypeImageManifest: docker, ocispec.MediaTypeImageIndex: typed} {
		status, _ := f.putAs(contentType, manifest)
		assert.Equal(t, http.StatusBadRequest, status, "what is of a known type is checked")
	}
	both := newFixture(t, registry.Options{AllowAnyType: true, AllowUnchecked: true})
	status, served := both.putAs("", "no JSON")
	assert.Equal(t, []any{http.StatusCreated, ocispec.MediaTypeImageManifest}, []any{status, served})
}

func TestSharedBlobs(t *testing.T) {
	const secret = "a secret"
	f := newFixture(t, registry.Options{SharedBlobs: true, Allow: func(_ context.Context, repo string, action registry.Action) error {
		if repo == "private" || action != registry.Pull {
			return errors.New("no")
		}
		return nil
	}})
	hidden := f.pushBlob("private", secret)
	manifest := f.image("lib", text)
	blob := "/v2/app/blobs/" + string(textDigest)
	assert.Equal(t, text, string(f.status(f.get(blob), http.StatusOK)))
	f.status(f.do(http.MethodHead, blob, nil), http.StatusOK)
	f.status(f.get("/v2/app/blobs/"+string(hidden.Digest)), http.StatusNotFound, "NAME_UNKNOWN")
	f.status(f.do(http.MethodDelete, blob, nil), http.StatusNotFound, "NAME_UNKNOWN")

	f.status(f.put("app", "v1", ocispec.MediaTypeImageManifest, manifest), http.StatusCreated)
	f.status(f.do(http.MethodDelete, "/v2/lib/blobs/"+string(textDigest), nil), http.StatusAccepted)
	f.status(f.get(blob), http.StatusOK)
	manifest.Layers = append(manifest.Layers, hidden)
	f.status(f.put("app", "v2", ocispec.MediaTypeImageManifest, manifest), http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN")

	f.SetOptions(registry.Options{})
	f.status(f.get("/v2/lib/blobs/"+string(textDigest)), http.StatusNotFound, "BLOB_UNKNOWN")
	f.status(f.get(blob), http.StatusOK)
	require.Equal(t, textDigest, digest.FromString(text))
}
