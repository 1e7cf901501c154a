package content

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func snapshotOf(t *testing.T, store registry.Store, repos ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Snapshot(t.Context(), store, &b, repos...))
	return b.Bytes()
}

// everything is all that a Store lists.
type everything map[string]repositoryContent

type repositoryContent struct {
	tags      []registry.Tag
	manifests []registry.Manifest
	blobs     []ocispec.Descriptor
	referrers map[digest.Digest][]ocispec.Descriptor // by subject, of those that manifests name
}

func listAll(t *testing.T, store registry.Store) everything {
	t.Helper()
	all := make(everything)
	for repo, err := range store.Repositories(t.Context(), "") {
		require.NoError(t, err)
		var r repositoryContent
		for tag, err := range store.Tags(t.Context(), repo, "") {
			require.NoError(t, err)
			r.tags = append(r.tags, tag)
		}
		for desc, err := range store.Manifests(t.Context(), repo, "") {
			require.NoError(t, err)
			m, err := store.Manifest(t.Context(), repo, desc.Digest.String())
			require.NoError(t, err)
			m.Pushed = 0 // counts the pushes of this store
			r.manifests = append(r.manifests, m)
			var named struct {
				Subject ocispec.Descriptor `json:"subject"`
			}
			if json.Unmarshal(m.Content, &named) != nil {
				continue
			}
			for desc, err := range store.Referrers(t.Context(), repo, named.Subject.Digest, "") {
				require.NoError(t, err)
				if r.referrers == nil {
					r.referrers = make(map[digest.Digest][]ocispec.Descriptor)
				}
				r.referrers[named.Subject.Digest] = append(r.referrers[named.Subject.Digest], desc)
			}
		}
		for desc, err := range store.Blobs(t.Context(), repo, "") {
			require.NoError(t, err)
			r.blobs = append(r.blobs, desc)
		}
		all[repo] = r
	}
	return all
}

// requireRoundTrip loads a snapshot into another store, which then has the same, and
// the same violations of what Check holds.
func requireRoundTrip(t *testing.T, store registry.Store) {
	t.Helper()
	written := snapshotOf(t, store)
	loaded := memstore.New(memstore.Options{})
	_, err := Load(t.Context(), loaded, write(t, written), LoadOptions{})
	require.NoError(t, err)
	require.Equal(t, listAll(t, store), listAll(t, loaded))
	require.Equal(t, fmt.Sprint(Check(t.Context(), store, CheckOptions{})), fmt.Sprint(Check(t.Context(), loaded, CheckOptions{})))
	assert.True(t, bytes.Equal(written, snapshotOf(t, loaded)), "the same content gives the same bytes")
}

// filler puts content into a repository and fails the test if that fails.
type filler struct {
	*testing.T
	Repository
}

func fill(t *testing.T, store registry.Store, repo string) filler {
	return filler{t, Repository{Store: store, Name: repo}}
}

func (f filler) blob(content string) ocispec.Descriptor {
	f.Helper()
	desc, err := f.PutBlob(f.Context(), strings.NewReader(content))
	require.NoError(f, err)
	return desc
}

func (f filler) image(seed uint64, docker bool, tags ...string) ocispec.Descriptor {
	f.Helper()
	img, err := RandomImage(ImageOptions{Seed: seed, Layers: 2, Docker: docker})
	require.NoError(f, err)
	desc, err := f.PutImage(f.Context(), img, tags...)
	require.NoError(f, err)
	return desc
}

func (f filler) manifest(mediaType types.MediaType, m any, tags ...string) ocispec.Descriptor {
	f.Helper()
	desc, err := f.PutManifest(f.Context(), string(mediaType), encode(m), tags...)
	require.NoError(f, err)
	return ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
}

func (f filler) indexOf(children []ocispec.Descriptor, tags ...string) ocispec.Descriptor {
	f.Helper()
	index := ocispec.Index{Versioned: specsVersion, MediaType: ocispec.MediaTypeImageIndex, Manifests: append([]ocispec.Descriptor{}, children...)}
	return f.manifest(types.OCIImageIndex, index, tags...)
}

func (f filler) artifact(kind string, subject *ocispec.Descriptor, layers ...ocispec.Descriptor) ocispec.Descriptor {
	f.Helper()
	f.blob("{}")
	m := ocispec.Manifest{Versioned: specsVersion, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: kind, Config: ocispec.DescriptorEmptyJSON,
		Layers: append([]ocispec.Descriptor{}, layers...), Subject: subject, Annotations: map[string]string{"kind": kind}}
	return f.manifest(types.OCIManifestSchema1, m)
}

func TestSnapshotRoundTrip(t *testing.T) {
	tests := map[string]func(*testing.T, registry.Store){
		"nothing": func(*testing.T, registry.Store) {},
		"images": func(t *testing.T, store registry.Store) {
			app := fill(t, store, "app")
			app.image(1, false, "v1", "latest")
			app.image(2, true, "docker")
			app.image(3, false)
			app.image(4, true)
		},
		"indexes": func(t *testing.T, store registry.Store) {
			for _, text := range []string{"app index annotation.a=b", "app:docker index docker", "other:{v1,v2} platforms=linux/arm/v7,linux/s390x"} {
				generate(t, store, text)
			}
			app := fill(t, store, "app")
			tagged := app.image(1, false, "v1")
			nested := app.indexOf([]ocispec.Descriptor{tagged, app.image(2, false)})
			app.indexOf([]ocispec.Descriptor{nested, app.indexOf(nil)}, "nested")
			app.indexOf([]ocispec.Descriptor{nested})
		},
		"artifacts": func(t *testing.T, store registry.Store) {
			app := fill(t, store, "app")
			img := app.image(1, false, "v1")
			signature := app.artifact("application/signature", &img, app.blob("signed"))
			app.artifact("application/countersignature", &signature)
			missing := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString("no such"), Size: 7}
			app.artifact("application/sbom", &missing)
			blob := app.blob("a subject that is a blob")
			app.artifact("application/attestation", &blob)
		},
		"sha512": func(t *testing.T, store registry.Store) {
			content := "of another kind"
			layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.SHA512.FromString(content), Size: int64(len(content))}
			u, err := store.NewUpload(t.Context(), "app", digest.SHA512)
			require.NoError(t, err)
			require.NoError(t, u.Commit(t.Context(), registry.Chunk{Body: strings.NewReader(content), Length: layer.Size}, layer.Digest))
			app := fill(t, store, "app")
			body := encode(ocispec.Manifest{Versioned: specsVersion, Config: app.blob(`{"a":"config"}`), Layers: []ocispec.Descriptor{layer}})
			m, err := registry.ParseManifest(ocispec.MediaTypeImageManifest, body)
			require.NoError(t, err)
			m.Descriptor.Digest = digest.SHA512.FromBytes(body)
			require.NoError(t, app.putParsed(t.Context(), m, []string{"v1"}))
			m.Descriptor.Digest = digest.SHA256.FromBytes(body)
			require.NoError(t, app.putParsed(t.Context(), m, nil))
			app.indexOf([]ocispec.Descriptor{{MediaType: m.Descriptor.MediaType, Digest: digest.SHA512.FromBytes(body), Size: int64(len(body))}})
		},
		"several repositories": func(t *testing.T, store registry.Store) {
			for _, repo := range []string{"a", "b/c", "b/d", "e"} {
				fill(t, store, repo).image(1, false, "v1")
				fill(t, store, repo).blob("everywhere")
			}
			fill(t, store, "e").image(1, false, "v2")
			fill(t, store, "f").image(1, false)
			fill(t, store, "g").blob("everywhere")
		},
		"names like hosts": func(t *testing.T, store registry.Store) {
			for i, repo := range []string{"localhost", "localhost/app", "localhost/localhost", "a.b", "a.b/app", "a.b/c.d/app", "sha256"} {
				app := fill(t, store, repo)
				app.image(uint64(i), false, "v1", "sha256")
				app.image(uint64(i+100), false)
				app.blob("loose")
			}
		},
		"blobs without manifest": func(t *testing.T, store registry.Store) {
			app := fill(t, store, "app")
			app.blob("")
			app.blob("loose")
			foreign := app.blob("that need not be here")
			foreign.MediaType, foreign.URLs = ocispec.MediaTypeImageLayerGzip, []string{"https://a.example/layer"}
			app.manifest(types.OCIManifestSchema1, ocispec.Manifest{Versioned: specsVersion, Config: app.blob("{}"), Layers: []ocispec.Descriptor{foreign}})
			img := app.image(1, false, "v1")
			m, err := store.Manifest(t.Context(), "app", "v1")
			require.NoError(t, err)
			require.Equal(t, img.Digest, app.blob(string(m.Content)).Digest, "a manifest that is a blob too")
			require.Equal(t, img.Digest, fill(t, store, "only/blobs").blob(string(m.Content)).Digest)
		},
		"layers in an index": func(t *testing.T, store registry.Store) {
			app := fill(t, store, "app")
			layer := app.blob("cached")
			layer.MediaType = ocispec.MediaTypeImageLayerGzip
			app.indexOf([]ocispec.Descriptor{layer}, "cache")
		},
		"data in a descriptor": func(t *testing.T, store registry.Store) {
			app := fill(t, store, "app")
			config := app.blob("{}")
			config.Data = []byte("{}")
			app.manifest(types.OCIManifestSchema1, ocispec.Manifest{Versioned: specsVersion, Config: config, Layers: []ocispec.Descriptor{}})
		},
		"large manifest": func(t *testing.T, store registry.Store) {
			app := fill(t, store, "app")
			app.manifest(types.OCIImageIndex, ocispec.Index{Versioned: specsVersion, Manifests: []ocispec.Descriptor{},
				Annotations: map[string]string{"a": strings.Repeat("b", 5<<20)}}, "large")
		},
		"many tags": func(t *testing.T, store registry.Store) {
			app := fill(t, store, "app")
			img := app.image(1, false)
			m, err := store.Manifest(t.Context(), "app", img.Digest.String())
			require.NoError(t, err)
			generate(t, store, "many:{1..300} layers=1")
			for _, tag := range []string{"UPPER", "_", strings.Repeat("t", 128), "1.2.3-rc.1"} {
				_, err = app.PutManifest(t.Context(), m.Descriptor.MediaType, m.Content, tag)
				require.NoError(t, err)
			}
		},
		"deepest": func(t *testing.T, store registry.Store) {
			app := fill(t, store, "app")
			child := app.image(1, false)
			for range maxDepth {
				child = app.indexOf([]ocispec.Descriptor{child})
			}
		},
	}
	for name, fill := range tests {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			fill(t, store)
			requireRoundTrip(t, store)
		})
	}
}

var specsVersion = specs.Versioned{SchemaVersion: 2}
