package registry_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

func TestManifestPushPull(t *testing.T) {
	f := newFixture(t, registry.Options{})
	manifest := f.image("app", "layer")
	content := encode(t, manifest)
	d := digest.FromBytes(content)

	resp := f.put("app", "v1", ocispec.MediaTypeImageManifest+"; charset=utf-8", manifest)
	f.status(resp, http.StatusCreated)
	assert.Equal(t, "/v2/app/manifests/"+string(d), resp.Header.Get("Location"))
	assert.Equal(t, string(d), resp.Header.Get("Docker-Content-Digest"))
	assert.Empty(t, resp.Header.Values("OCI-Subject"))

	for _, ref := range []string{"v1", string(d)} {
		resp := f.get("/v2/app/manifests/" + ref)
		assert.Equal(t, content, f.status(resp, http.StatusOK))
		assert.Equal(t, ocispec.MediaTypeImageManifest, resp.Header.Get("Content-Type"))
		assert.Equal(t, fmt.Sprint(len(content)), resp.Header.Get("Content-Length"))
		assert.Equal(t, string(d), resp.Header.Get("Docker-Content-Digest"))

		resp = f.do(http.MethodHead, "/v2/app/manifests/"+ref, nil)
		assert.Empty(t, f.status(resp, http.StatusOK))
		assert.Equal(t, fmt.Sprint(len(content)), resp.Header.Get("Content-Length"))
	}
	for _, ref := range []string{"v2", string(digest.FromString("no")), ".bad", "sha256:bad", strings.Repeat("a", 129)} {
		f.status(f.get("/v2/app/manifests/"+ref), http.StatusNotFound, "MANIFEST_UNKNOWN")
	}
	f.status(f.get("/v2/none/manifests/v1"), http.StatusNotFound, "NAME_UNKNOWN")
	f.status(f.get("/v2/App/manifests/v1"), http.StatusNotFound, "NAME_INVALID")
}

func TestManifestByDigest(t *testing.T) {
	f := newFixture(t, registry.Options{MaxTags: 3})
	manifest := f.image("app", "layer")
	content := encode(t, manifest)
	for _, d := range []digest.Digest{digest.FromBytes(content), digest.SHA512.FromBytes(content)} {
		resp := f.put("app", string(d)+"?tag=a&tag=b", ocispec.MediaTypeImageManifest, manifest)
		f.status(resp, http.StatusCreated)
		assert.Equal(t, []string{"a", "b"}, resp.Header.Values("OCI-Tag"))
		for _, ref := range []string{"a", "b", string(d)} {
			resp := f.get("/v2/app/manifests/" + ref)
			assert.Equal(t, content, f.status(resp, http.StatusOK))
			assert.Equal(t, string(d), resp.Header.Get("Docker-Content-Digest"))
		}
	}
	other := string(digest.FromString("other"))
	good := string(digest.FromBytes(content))
	f.status(f.put("app", other, ocispec.MediaTypeImageManifest, manifest), http.StatusBadRequest, "DIGEST_INVALID")
	f.status(f.put("app", "sha256:bad", ocispec.MediaTypeImageManifest, manifest), http.StatusBadRequest, "DIGEST_INVALID")
	f.status(f.put("app", ".bad", ocispec.MediaTypeImageManifest, manifest), http.StatusBadRequest, "MANIFEST_INVALID")
	f.status(f.put("app", good+"?tag=.bad", ocispec.MediaTypeImageManifest, manifest), http.StatusBadRequest, "MANIFEST_INVALID")
	f.status(f.put("app", good+"?tag=1&tag=2&tag=3&tag=4", ocispec.MediaTypeImageManifest, manifest), http.StatusRequestURITooLong, "UNSUPPORTED")
	f.status(f.put("app", "v1?tag=v2", ocispec.MediaTypeImageManifest, manifest), http.StatusBadRequest, "UNSUPPORTED")
}

func TestManifestRefused(t *testing.T) {
	f := newFixture(t, registry.Options{MaxManifest: 4096})
	image := f.image("app", "layer")
	with := func(change func(*ocispec.Manifest)) ocispec.Manifest {
		m := image
		m.Layers = append([]ocispec.Descriptor{}, image.Layers...)
		change(&m)
		return m
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	unknown := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromString("1"), Size: 1}
	second := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromString("2"), Size: 1}
	both := strings.Replace(string(encode(t, image)), `{`, `{"manifests":[],`, 1)

	tests := []struct {
		name, mediaType string
		manifest        any
		status          int
		codes           []string
	}{
		{"no content type", "", image, 400, []string{"MANIFEST_INVALID"}},
		{"unknown content type", "text/plain", image, 400, []string{"MANIFEST_INVALID"}},
		{"schema 1", "application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1}`, 400, []string{"MANIFEST_INVALID"}},
		{"oci artifact manifest", "application/vnd.oci.artifact.manifest.v1+json", `{}`, 400, []string{"MANIFEST_INVALID"}},
		{"empty", ocispec.MediaTypeImageManifest, "", 400, []string{"MANIFEST_INVALID"}},
		{"no JSON", ocispec.MediaTypeImageManifest, "<html>", 400, []string{"MANIFEST_INVALID"}},
		{"no object", ocispec.MediaTypeImageManifest, "[]", 400, []string{"MANIFEST_INVALID"}},
		{"null", ocispec.MediaTypeImageManifest, "null", 400, []string{"MANIFEST_INVALID"}},
		{"data behind", ocispec.MediaTypeImageManifest, string(encode(t, image)) + "{}", 400, []string{"MANIFEST_INVALID"}},
		{"wrong types", ocispec.MediaTypeImageManifest, `{"schemaVersion":2,"layers":"x"}`, 400, []string{"MANIFEST_INVALID"}},
		{"schema version", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.SchemaVersion = 1 }), 400, []string{"MANIFEST_INVALID"}},
		{"media type differs", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.MediaType = dockerManifest }), 400, []string{"MANIFEST_INVALID"}},
		{"docker without media type", dockerManifest, with(func(m *ocispec.Manifest) { m.MediaType = "" }), 400, []string{"MANIFEST_INVALID"}},
		{"image sent as index", ocispec.MediaTypeImageIndex, with(func(m *ocispec.Manifest) { m.MediaType = "" }), 400, []string{"MANIFEST_INVALID"}},
		{"index sent as image", ocispec.MediaTypeImageManifest, strings.Replace(string(encode(t, index)), ocispec.MediaTypeImageIndex, "", 1), 400, []string{"MANIFEST_INVALID"}},
		{"image and index at once", ocispec.MediaTypeImageManifest, both, 400, []string{"MANIFEST_INVALID"}},
		{"index without manifests", ocispec.MediaTypeImageIndex, `{"schemaVersion":2}`, 400, []string{"MANIFEST_INVALID"}},
		{"no config", ocispec.MediaTypeImageManifest, `{"schemaVersion":2,"layers":[]}`, 400, []string{"MANIFEST_INVALID"}},
		{"empty config without artifact type", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Config = ocispec.DescriptorEmptyJSON }), 400, []string{"MANIFEST_INVALID"}},
		{"layer without media type", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Layers[0].MediaType = "" }), 400, []string{"MANIFEST_INVALID"}},
		{"negative size", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Layers[0].Size = -1 }), 400, []string{"MANIFEST_INVALID"}},
		{"data of another blob", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Config.Data = []byte("[]") }), 400, []string{"MANIFEST_INVALID"}},
		{"malformed digest", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Layers[0].Digest = "sha256:bad" }), 400, []string{"DIGEST_INVALID"}},
		{"malformed subject", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Subject = &ocispec.Descriptor{MediaType: "a/b", Digest: "x"} }), 400, []string{"DIGEST_INVALID"}},
		{"malformed digest of an unknown algorithm", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Layers[0].Digest = "md5:" }), 400, []string{"DIGEST_INVALID"}},
		{"layer of an unknown algorithm", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Layers[0].Digest = "md5:x" }), 400, []string{"MANIFEST_BLOB_UNKNOWN"}},
		{"data of an unknown algorithm", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) {
			m.Layers[0].Digest, m.Layers[0].Size, m.Layers[0].Data = "md5:x", 1, []byte("x")
		}), 400, []string{"MANIFEST_BLOB_UNKNOWN"}},
		{"data of another size, and of an unknown algorithm", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) {
			m.Layers[0].Digest, m.Layers[0].Size, m.Layers[0].Data = "md5:x", 2, []byte("x")
		}), 400, []string{"MANIFEST_INVALID"}},
		{"too large", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Annotations = map[string]string{"a": strings.Repeat("a", 4096)} }), 413, []string{"SIZE_INVALID"}},
		{"missing config", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Config.Digest = unknown.Digest }), 400, []string{"MANIFEST_BLOB_UNKNOWN"}},
		{"missing layers", ocispec.MediaTypeImageManifest, with(func(m *ocispec.Manifest) { m.Layers = append(m.Layers, unknown, second, unknown) }), 400,
			[]string{"MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fixture{f.Registry, t}
			body := f.status(f.put("app", "v1", tt.mediaType, tt.manifest), tt.status, tt.codes...)
			for _, e := range errorsIn(t, body) {
				assert.NotEmpty(t, e.Message)
				if e.Code == "MANIFEST_BLOB_UNKNOWN" {
					assert.Contains(t, e.Detail, "digest")
					assert.Contains(t, e.Detail, "mediaType")
				}
			}
			f.status(f.get("/v2/app/manifests/v1"), http.StatusNotFound, "MANIFEST_UNKNOWN")
		})
	}
}

func TestManifestAccepted(t *testing.T) {
	f := newFixture(t, registry.Options{})
	image := f.image("app", "layer")
	child := f.pushImage("app", "child", "layer")
	empty := f.pushBlob("app", "{}")
	missing := digest.FromString("missing")
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{child}}
	nested := index
	indexContent := encode(t, index)
	nested.Manifests = []ocispec.Descriptor{{MediaType: index.MediaType, Digest: digest.FromBytes(indexContent), Size: int64(len(indexContent))}}
	cache := index
	cache.Manifests = []ocispec.Descriptor{image.Layers[0]}
	retyped := func(v any, from, to string) string { return strings.Replace(string(encode(t, v)), from, to, 1) }
	foreign := image
	foreign.Layers = []ocispec.Descriptor{
		{MediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Digest: missing, Size: 1},
		{MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Digest: missing, Size: 1},
		{MediaType: ocispec.MediaTypeImageLayer, URLs: []string{"https://example.com/layer"}, Digest: missing, Size: 1},
	}
	withData := image
	withData.Config.Data = []byte("{}")
	artifact := fmt.Sprintf(`{"schemaVersion":2,"artifactType":"a/b","config":{"mediaType":%q,"digest":%q,"size":2},"layers":%%s,"x-custom":[1]}`,
		ocispec.MediaTypeEmptyJSON, empty.Digest)
	subject := image
	subject.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: missing, Size: 1}

	tests := []struct {
		name, mediaType string
		manifest        any
	}{
		{"index", ocispec.MediaTypeImageIndex, index},
		{"nested index", ocispec.MediaTypeImageIndex, nested},
		{"empty index", ocispec.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[]}`},
		{"build cache with a layer in its index", ocispec.MediaTypeImageIndex, cache},
		{"docker manifest", dockerManifest, retyped(image, ocispec.MediaTypeImageManifest, dockerManifest)},
		{"docker list", dockerList, retyped(index, ocispec.MediaTypeImageIndex, dockerList)},
		{"layers not to be pushed", ocispec.MediaTypeImageManifest, foreign},
		{"data", ocispec.MediaTypeImageManifest, withData},
		{"artifact without layers", ocispec.MediaTypeImageManifest, fmt.Sprintf(artifact, "[]")},
		{"missing subject", ocispec.MediaTypeImageManifest, subject},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fixture{f.Registry, t}
			f.status(f.put("app", "v1", tt.mediaType, tt.manifest), http.StatusCreated)
			resp := f.get("/v2/app/manifests/v1")
			assert.Equal(t, encode(t, tt.manifest), f.status(resp, http.StatusOK))
			assert.Equal(t, tt.mediaType, resp.Header.Get("Content-Type"))
		})
	}
}

func TestIndexChildren(t *testing.T) {
	f := newFixture(t, registry.Options{})
	child := f.pushImage("other", "v1", "layer")
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispec.Descriptor{child}}
	f.status(f.put("app", "v1", ocispec.MediaTypeImageIndex, index), http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN")

	// A blob of that digest is no manifest.
	f.pushBlob("app", string(encode(t, f.image("app", "layer"))))
	f.status(f.put("app", "v1", ocispec.MediaTypeImageIndex, index), http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN")

	f.SetOptions(registry.Options{AllowSparse: true})
	f.status(f.put("app", "v1", ocispec.MediaTypeImageIndex, index), http.StatusCreated)
}

func TestManifestConditions(t *testing.T) {
	f := newFixture(t, registry.Options{})
	first := f.pushImage("app", "v1", "first")
	manifest := f.image("app", "second")
	const mediaType = ocispec.MediaTypeImageManifest
	etag := `"` + string(first.Digest) + `"`
	f.status(f.put("app", "v1", mediaType, manifest, "If-None-Match", "*"), http.StatusPreconditionFailed, "DENIED")
	f.status(f.put("app", "v1", mediaType, manifest, "If-Match", `"sha256:other"`), http.StatusPreconditionFailed, "DENIED")
	f.status(f.put("app", "new", mediaType, manifest, "If-Match", "*"), http.StatusPreconditionFailed, "DENIED")
	f.status(f.put("app", "new", mediaType, manifest, "If-None-Match", "*"), http.StatusCreated)
	f.status(f.put("app", "v1", mediaType, manifest, "If-Match", etag), http.StatusCreated)
	f.status(f.do(http.MethodDelete, "/v2/app/manifests/v1", nil, "If-Match", etag), http.StatusPreconditionFailed, "DENIED")
	f.status(f.do(http.MethodDelete, "/v2/app/manifests/v1", nil, "If-Match", "*"), http.StatusAccepted)
}

func TestManifestDelete(t *testing.T) {
	f := newFixture(t, registry.Options{})
	d := f.pushImage("app", "v1", "layer").Digest
	f.pushImage("app", "v2", "layer")
	del := func(ref string) *http.Response { return f.do(http.MethodDelete, "/v2/app/manifests/"+ref, nil) }

	f.status(del("v1"), http.StatusAccepted)
	f.status(del("v1"), http.StatusNotFound, "MANIFEST_UNKNOWN")
	f.status(f.get("/v2/app/manifests/"+string(d)), http.StatusOK)
	f.status(f.get("/v2/app/manifests/v2"), http.StatusOK)

	f.status(del(string(d)), http.StatusAccepted)
	f.status(del(string(d)), http.StatusNotFound, "MANIFEST_UNKNOWN")
	f.status(f.get("/v2/app/manifests/v2"), http.StatusNotFound, "MANIFEST_UNKNOWN")
	assert.JSONEq(t, `{"name":"app","tags":[]}`, string(f.status(f.get("/v2/app/tags/list"), http.StatusOK)))

	f.status(del("sha256:bad"), http.StatusBadRequest, "DIGEST_INVALID")
	f.status(del(".bad"), http.StatusBadRequest, "MANIFEST_INVALID")
	f.status(f.do(http.MethodDelete, "/v2/none/manifests/v1", nil), http.StatusNotFound, "NAME_UNKNOWN")
}

func TestStrictAccept(t *testing.T) {
	f := newFixture(t, registry.Options{StrictAccept: true})
	f.pushImage("app", "v1", "layer")
	tests := []struct {
		accept []string
		status int
	}{
		{nil, 200},
		{[]string{"*/*"}, 200},
		{[]string{"application/*"}, 200},
		{[]string{dockerManifest + ", " + ocispec.MediaTypeImageManifest + ";q=0.5"}, 200},
		{[]string{dockerManifest, ocispec.MediaTypeImageManifest}, 200},
		{[]string{dockerManifest}, 404},
		{[]string{ocispec.MediaTypeImageManifest + ";q=0"}, 404},
		{[]string{""}, 404},
	}
	for _, tt := range tests {
		var header []string
		for _, value := range tt.accept {
			header = append(header, "Accept", value)
		}
		assert.Equal(t, tt.status, f.get("/v2/app/manifests/v1", header...).StatusCode, "Accept: %q", tt.accept)
	}
	f.SetOptions(registry.Options{})
	f.status(f.get("/v2/app/manifests/v1", "Accept", dockerManifest), http.StatusOK)
}

func TestParseManifest(t *testing.T) {
	config := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromString("{}"), Size: 2}
	subject := ocispec.Descriptor{MediaType: "a/b", Digest: digest.FromString("subject")}
	content := encode(t, ocispec.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		Config:      config,
		Layers:      []ocispec.Descriptor{config, config},
		Subject:     &subject,
		Annotations: map[string]string{"a": "b"},
	})
	m, err := registry.ParseManifest(ocispec.MediaTypeImageManifest, content)
	require.NoError(t, err)
	assert.Equal(t, ocispec.Descriptor{
		MediaType:    ocispec.MediaTypeImageManifest,
		Digest:       digest.FromBytes(content),
		Size:         int64(len(content)),
		ArtifactType: ocispec.MediaTypeImageConfig,
		Annotations:  map[string]string{"a": "b"},
	}, m.Descriptor)
	assert.Equal(t, digest.FromString("subject"), m.Subject)
	assert.Equal(t, []registry.Reference{
		{Descriptor: config, Name: "config", Blob: true},
		{Descriptor: subject, Name: "subject", Manifest: true, Optional: true},
	}, m.Require)

	_, err = registry.ParseManifest("text/html", content)
	assert.ErrorIs(t, err, registry.ManifestInvalid)
}

// FuzzParseManifest holds that what is accepted has one meaning: another parser, for
// which the last of two names wins and case matters, reads the same from it.
func FuzzParseManifest(f *testing.F) {
	descriptor := `{"mediaType":"a/b","digest":"` + string(textDigest) + `","size":1}`
	f.Add(ocispec.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"config":`+descriptor+`,"layers":[]}`))
	f.Add(ocispec.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"config":`+descriptor+`,"layers":[`+descriptor+`],"subject":`+descriptor+`,"annotations":{"a":"\ud83d\ude00"}}`))
	f.Add(ocispec.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"config":`+descriptor+`,"layers":[],"LAYERS":null,"\u006cayers":[]}`))
	f.Add(ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[`+descriptor+`],"artifactType":"a/b"}`))
	f.Add(dockerList, []byte(`{"schemaVersion":2,"manifests":null,"subject":{}}`))
	f.Add(ocispec.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha2584:6d89","size":1},"layers":[]}`))
	f.Fuzz(func(t *testing.T, mediaType string, content []byte) {
		m, err := registry.ParseManifest(mediaType, content)
		if err != nil {
			require.True(t, errors.Is(err, registry.ManifestInvalid) || errors.Is(err, registry.DigestInvalid), "%v", err)
			return
		}
		require.Equal(t, digest.FromBytes(content), m.Descriptor.Digest)
		for _, r := range m.Require {
			requireWellFormed(t, r.Digest)
			require.True(t, r.Blob || r.Manifest)
		}
		if m.Subject != "" {
			requireWellFormed(t, m.Subject)
		}
		other, err := registry.ParseManifest(mediaType, reencode(t, content))
		require.NoError(t, err)
		require.Equal(t, m.Require, other.Require)
		require.Equal(t, m.Subject, other.Subject)
		require.Equal(t, m.Descriptor.ArtifactType, other.Descriptor.ArtifactType)
		require.Equal(t, m.Descriptor.Annotations, other.Descriptor.Annotations)
	})
}

// reencode returns the JSON that a parser understands which knows no struct.
func reencode(t *testing.T, content []byte) []byte {
	t.Helper()
	var value map[string]any
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&value))
	return encode(t, value)
}

// requireWellFormed wants a digest of any algorithm, which is right if the registry
// computes digests of it.
func requireWellFormed(t *testing.T, d digest.Digest) {
	t.Helper()
	require.Regexp(t, digest.DigestRegexpAnchored, string(d))
	if op.ValidAlgorithm(d.Algorithm()) {
		require.NoError(t, d.Validate())
	}
}

// What a manifest says about content that exists must be right.
func TestManifestDescriptorsAgree(t *testing.T) {
	f := newFixture(t, registry.Options{})
	image := f.image("app", "layer")
	child := f.pushImage("app", "child", "layer")
	with := func(change func(*ocispec.Manifest)) ocispec.Manifest {
		m := image
		m.Layers = slices.Clone(image.Layers)
		change(&m)
		return m
	}
	indexOf := func(change func(*ocispec.Descriptor)) ocispec.Index {
		entry := child
		change(&entry)
		return ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{child, entry}}
	}
	subject := func(change func(*ocispec.Descriptor)) ocispec.Manifest {
		return with(func(m *ocispec.Manifest) {
			entry := child
			change(&entry)
			m.Subject = &entry
		})
	}
	docker := func(size int64) ocispec.Manifest {
		m := subject(func(d *ocispec.Descriptor) { d.Size = size })
		m.MediaType = dockerManifest
		return m
	}
	artifact := "application/vnd.example+json"
	tests := []struct {
		name     string
		manifest any
		message  string
	}{
		{"config", with(func(m *ocispec.Manifest) { m.Config.Size = 1 }),
			"config (" + string(image.Config.Digest) + ") has the size 1 in the manifest, but the blob in repository app has 2 bytes"},
		{"layer", with(func(m *ocispec.Manifest) { m.Layers[0].Size = 999 }), "layers[0] (" + string(image.Layers[0].Digest) + ") has the size 999"},
		{"layer that need not be here", with(func(m *ocispec.Manifest) {
			m.Layers[0].URLs, m.Layers[0].Size = []string{"https://example.com"}, 0
		}), "has the size 0 in the manifest"},
		{"size of a subject", subject(func(d *ocispec.Descriptor) { d.Size++ }), "subject (" + string(child.Digest) + ") has the size"},
		{"media type of a subject", subject(func(d *ocispec.Descriptor) { d.MediaType = artifact }), `subject (` + string(child.Digest) + `) has the mediaType "` + artifact},
		{"media type of a child", indexOf(func(d *ocispec.Descriptor) { d.MediaType = ocispec.MediaTypeImageIndex }),
			"manifests[1] (" + string(child.Digest) + `) has the mediaType "` + ocispec.MediaTypeImageIndex + `" in the manifest, but the manifest in repository app is a ` + child.MediaType},
		{"size of a docker manifest's subject", docker(child.Size + 1), "subject (" + string(child.Digest) + ") has the size"},
		{"docker media type of a child", indexOf(func(d *ocispec.Descriptor) { d.MediaType = dockerManifest }), "manifests[1]"},
	}
	for _, sparse := range []bool{false, true} {
		f.SetOptions(registry.Options{AllowSparse: sparse})
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, sparse %v", tt.name, sparse), func(t *testing.T) {
				f := fixture{f.Registry, t}
				mediaType := ocispec.MediaTypeImageManifest
				switch m := tt.manifest.(type) {
				case ocispec.Index:
					mediaType = ocispec.MediaTypeImageIndex
				case ocispec.Manifest:
					mediaType = cmp.Or(m.MediaType, mediaType)
				}
				body := f.status(f.put("app", "wrong", mediaType, tt.manifest), http.StatusBadRequest, "MANIFEST_INVALID")
				assert.Contains(t, errorsIn(t, body)[0].Message, tt.message)
				assert.Contains(t, errorsIn(t, body)[0].Detail, "digest")
				f.status(f.get("/v2/app/manifests/wrong"), http.StatusNotFound, "MANIFEST_UNKNOWN")
			})
		}
		for _, size := range []int64{child.Size, child.Size + 1} {
			index := indexOf(func(d *ocispec.Descriptor) { d.Size = size })
			index.Manifests = index.Manifests[1:]
			status := http.StatusCreated
			if size != child.Size {
				status = http.StatusBadRequest
			}
			f.status(f.put("app", "index", ocispec.MediaTypeImageIndex, index), status)
		}
	}
	missing := subject(func(d *ocispec.Descriptor) { d.Digest, d.Size = digest.FromString("missing"), 999 })
	f.SetOptions(registry.Options{})
	f.status(f.put("app", "subject", ocispec.MediaTypeImageManifest, missing), http.StatusCreated)
}

// A generic media type in an index is a blob's: the child is no manifest then.
func TestIndexGenericChild(t *testing.T) {
	f := newFixture(t, registry.Options{})
	child := f.pushImage("app", "child", "layer")
	child.MediaType = "application/vnd.example+json"
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispec.Descriptor{child}}
	f.status(f.put("app", "v1", ocispec.MediaTypeImageIndex, index), http.StatusBadRequest, "MANIFEST_INVALID")
	f.pushBlob("app", string(f.status(f.get("/v2/app/manifests/child"), http.StatusOK)))
	f.status(f.put("app", "v1", ocispec.MediaTypeImageIndex, index), http.StatusCreated)
}
