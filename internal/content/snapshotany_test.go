package content

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// raw puts a manifest as it is.
func (f filler) raw(desc ocispec.Descriptor, content string, subject digest.Digest, tags ...string) ocispec.Descriptor {
	f.Helper()
	raw := []byte(content)
	desc.Digest, desc.Size = digest.FromBytes(raw), int64(len(raw))
	require.NoError(f, f.Store.PutManifest(f.Context(), f.Name, registry.PutManifest{
		Manifest: registry.Manifest{Descriptor: desc, Content: raw}, Subject: subject, Tags: tags, Ref: string(desc.Digest)}))
	return ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
}

// lie puts an index with whatever descriptors.
func (f filler) lie(children []ocispec.Descriptor, tags ...string) ocispec.Descriptor {
	f.Helper()
	index := ocispec.Index{Versioned: specsVersion, MediaType: ocispec.MediaTypeImageIndex, Manifests: children}
	return f.raw(ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex}, string(encode(index)), "", tags...)
}

func (f filler) deleteBlobs() {
	f.Helper()
	for desc, err := range f.Store.Blobs(f.Context(), f.Name, "") {
		require.NoError(f, err)
		require.NoError(f, f.Store.DeleteBlob(f.Context(), f.Name, desc.Digest))
	}
}

// nested puts n indexes in one another around an image.
func (f filler) nested(n int, tags ...string) {
	f.Helper()
	desc := f.image(1, false)
	for range n {
		desc = f.indexOf([]ocispec.Descriptor{desc})
	}
	f.indexOf([]ocispec.Descriptor{desc}, tags...)
}

// Whatever a repository is like, it comes back so, and other repositories that have
// the same content do too.
func TestSnapshotIrregular(t *testing.T) {
	tests := map[string]func(*testing.T, filler){
		"layer deleted": func(t *testing.T, app filler) {
			app.image(1, false, "v1")
			for desc, err := range app.Store.Blobs(t.Context(), "app", "") {
				require.NoError(t, err)
				require.NoError(t, app.Store.DeleteBlob(t.Context(), "app", desc.Digest))
				break
			}
		},
		"nothing but the manifest": func(_ *testing.T, app filler) {
			app.image(1, false)
			app.deleteBlobs()
		},
		"index of an image without layers": func(_ *testing.T, app filler) {
			app.indexOf([]ocispec.Descriptor{app.indexOf([]ocispec.Descriptor{app.image(1, false), app.image(2, false)})}, "v1")
			app.deleteBlobs()
		},
		"child deleted": func(t *testing.T, app filler) {
			child := app.image(1, false)
			app.indexOf([]ocispec.Descriptor{child, app.image(2, false)}, "v1")
			require.NoError(t, app.Store.DeleteManifest(t.Context(), "app", child.Digest.String(), registry.Precondition{}))
		},
		"never there": func(_ *testing.T, app filler) {
			app.AllowSparse = true
			missing := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("missing"), Size: 3}
			app.indexOf([]ocispec.Descriptor{missing}, "v1")
			missing.MediaType = "application/octet-stream"
			app.indexOf([]ocispec.Descriptor{missing}, "v2")
		},
		"entry with another media type": func(_ *testing.T, app filler) {
			child := app.image(1, false)
			child.MediaType = ocispec.MediaTypeImageIndex
			app.lie([]ocispec.Descriptor{child}, "v1")
			child.MediaType = "application/vnd.example+json"
			app.lie([]ocispec.Descriptor{child}, "v2")
		},
		"entry with another size": func(_ *testing.T, app filler) {
			child, blob := app.image(1, false), app.blob("a blob")
			child.Size, blob.Size = 1, 999
			app.lie([]ocispec.Descriptor{child}, "v1")
			app.lie([]ocispec.Descriptor{blob}, "v2")
		},
		"subject that is wrong": func(_ *testing.T, app filler) {
			subject := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: app.image(1, false).Digest, Size: 1}
			m := ocispec.Manifest{Versioned: specsVersion, Config: ocispec.DescriptorEmptyJSON, ArtifactType: "a/b",
				Layers: []ocispec.Descriptor{}, Subject: &subject}
			app.blob("{}")
			app.raw(ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "a/b"}, string(encode(m)), subject.Digest)
		},
		"indexes at the limit":   func(_ *testing.T, app filler) { app.nested(maxDepth-1, "v1") },
		"indexes over the limit": func(_ *testing.T, app filler) { app.nested(maxDepth+3, "v1") },
		"many nested indexes":    func(_ *testing.T, app filler) { app.nested(3*maxDepth, "v1") },
		"no content any more": func(t *testing.T, app filler) {
			d := app.image(1, false, "v1").Digest
			app.deleteBlobs()
			require.NoError(t, app.Store.DeleteManifest(t.Context(), "app", d.String(), registry.Precondition{}))
		},
		"no valid manifests": func(_ *testing.T, app filler) {
			app.raw(ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest}, `{}`, "", "empty")
			app.raw(ocispec.Descriptor{MediaType: "text/html"}, "<html>\xff", "", "html")
			app.raw(ocispec.Descriptor{}, "nothing", "", "no-type")
			app.raw(ocispec.Descriptor{MediaType: octets}, "octets", "", "octets")
			app.raw(ocispec.Descriptor{MediaType: "not a\nmedia type", ArtifactType: "a b", Annotations: map[string]string{"a": "b"}}, "anything", "", "type")
			d := digest.FromString("subject")
			app.raw(ocispec.Descriptor{MediaType: "a/b"}, `{"schemaVersion":0,"subject":{"digest":"`+string(d)+`"}}`, d, "subject")
			app.raw(ocispec.Descriptor{MediaType: "a/b"}, `{"schemaVersion":1,"subject":{"digest":"`+string(d)+`"}}`, "", "no-subject")
		},
		"described otherwise": func(_ *testing.T, app filler) {
			m := string(encode(ocispec.Index{Versioned: specsVersion, Manifests: []ocispec.Descriptor{}, Annotations: map[string]string{"a": "b"}}))
			app.raw(ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, ArtifactType: "a/b"}, m, "")
		},
		"manifest and blob in one": func(t *testing.T, app filler) {
			desc := app.image(1, false, "v1")
			m, err := app.Store.Manifest(t.Context(), "app", "v1")
			require.NoError(t, err)
			app.blob(string(m.Content))
			desc.MediaType = "application/vnd.example+json"
			app.indexOf([]ocispec.Descriptor{desc})
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			change(t, fill(t, store, "app"))
			requireRoundTrip(t, store)
			for _, repo := range []string{"a.io/other", "other"} {
				other := fill(t, store, repo)
				other.nested(3)
				other.indexOf([]ocispec.Descriptor{other.image(1, false), other.image(2, false)}, "v1")
				other.blob("{}")
				requireRoundTrip(t, store)
			}
		})
	}
}

// What could not be loaded is not written.
func TestSnapshotTooLarge(t *testing.T) {
	long := strings.Repeat("a", maxDocument+1)
	for name, change := range map[string]func(filler){
		"manifest": func(app filler) { app.raw(ocispec.Descriptor{MediaType: "a/b"}, long, "", "v1") },
		"index.json": func(app filler) {
			app.raw(ocispec.Descriptor{MediaType: "a/b", Annotations: map[string]string{"a": long}}, "{}", "", "v1")
		},
	} {
		store := memstore.New(memstore.Options{})
		change(fill(t, store, "app"))
		require.ErrorContains(t, Snapshot(t.Context(), store, io.Discard), "exceeds the limit of 67108864", name)
	}
}

// What a layout says of a manifest on its own is read strictly.
func TestLoadStandalone(t *testing.T) {
	store := memstore.New(memstore.Options{})
	fill(t, store, "app").raw(ocispec.Descriptor{MediaType: "a/b"}, "content", "", "v1")
	written := snapshotOf(t, store)
	const value = `{\"unchecked\":true,\"mediaType\":\"a/b\"}`
	for name, tt := range map[string]struct{ value, want string }{
		"no JSON":        {`{`, "annotation io.github.ocifake.manifest: unexpected EOF"},
		"something more": {`{} {}`, "unexpected data after the JSON object"},
		"unknown name":   {`{\"x\":1}`, `unknown field "x"`},
		"no digest":      {`{\"subject\":\"x\"}`, `the subject "x" is not a digest`},
		"checked":        {`{}`, `not the media type of a manifest`},
	} {
		t.Run(name, func(t *testing.T) {
			padded := tt.value + strings.Repeat(" ", len(value)-len(tt.value)) // the tar's sizes stay
			require.Contains(t, string(written), value)
			_, err := Load(t.Context(), memstore.New(memstore.Options{}), write(t, bytes.Replace(written, []byte(value), []byte(padded), 1)), LoadOptions{})
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// Whatever clients may have made of a registry is carried.
func TestSnapshotAnyContent(t *testing.T) {
	for seed := range uint64(60) {
		store := memstore.New(memstore.Options{})
		random := rand.New(rand.NewPCG(seed, 0))
		repos := []string{"app", "team/app", "a.io/app"}
		for range 1 + random.IntN(40) {
			changeRandomly(fill(t, store, repos[random.IntN(len(repos))]), random)
		}
		requireRoundTrip(t, store)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// changeRandomly does to a repository what some request may.
func changeRandomly(app filler, random *rand.Rand) {
	app.Helper()
	var manifests []ocispec.Descriptor
	for desc, err := range app.Store.Manifests(app.Context(), app.Name, "") {
		require.NoError(app, err)
		manifests = append(manifests, ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size})
	}
	random.Shuffle(len(manifests), func(i, j int) { manifests[i], manifests[j] = manifests[j], manifests[i] })
	some := manifests[:random.IntN(len(manifests)+1)]
	tags := [][]string{nil, {"v1"}, {"v2", "latest"}}[random.IntN(3)]
	switch n := random.IntN(7); {
	case n == 0:
		app.image(random.Uint64N(10), random.IntN(2) == 0, tags...)
	case n == 1:
		app.indexOf(some, tags...)
	case n == 2 && len(some) > 0:
		app.artifact("application/x", &some[0], app.blob("attached"))
	case n == 3 && len(some) > 0:
		require.NoError(app, app.Store.DeleteManifest(app.Context(), app.Name, some[0].Digest.String(), registry.Precondition{}))
	case n == 4:
		for desc, err := range app.Store.Blobs(app.Context(), app.Name, "") {
			require.NoError(app, err)
			if random.IntN(3) == 0 {
				require.NoError(app, app.Store.DeleteBlob(app.Context(), app.Name, desc.Digest))
			}
		}
	case n == 5 && len(some) > 0:
		some[0].Size++
		app.lie(some, tags...)
	default:
		app.blob(strings.Repeat("loose", random.IntN(3)))
	}
}

// counting counts the manifests that are put into a Store.
type counting struct {
	registry.Store
	puts int
}

func (s *counting) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	s.puts++
	return s.Store.PutManifest(ctx, repo, m)
}

// Images that have the same child have it put once for each repository.
func TestLoadShared(t *testing.T) {
	store := memstore.New(memstore.Options{})
	const images, indexes = 20, 30
	for _, repo := range []string{"app", "other"} {
		app := fill(t, store, repo)
		var children []ocispec.Descriptor
		for seed := range uint64(images) {
			children = append(children, app.image(seed, false))
		}
		shared := app.indexOf(children, "shared")
		for range indexes {
			shared = app.indexOf([]ocispec.Descriptor{shared, children[0]}, fmt.Sprint("v", shared.Digest.Encoded()))
		}
	}
	loaded := &counting{Store: memstore.New(memstore.Options{})}
	_, err := Load(t.Context(), loaded, write(t, snapshotOf(t, store)), LoadOptions{})
	require.NoError(t, err)
	require.Equal(t, listAll(t, store), listAll(t, loaded.Store))
	require.LessOrEqual(t, loaded.puts, 2*(images+2*(indexes+1)))
}
