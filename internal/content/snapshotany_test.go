package content

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// What is there is carried, what is missing is not needed.
func TestSnapshotSparse(t *testing.T) {
	tests := map[string]func(*testing.T, filler){
		"layer deleted": func(t *testing.T, app filler) {
			app.image(1, false, "v1")
			for desc, err := range app.Store.Blobs(t.Context(), "app", "") {
				require.NoError(t, err)
				require.NoError(t, app.Store.DeleteBlob(t.Context(), "app", desc.Digest))
				break
			}
		},
		"nothing but the manifest": func(t *testing.T, app filler) {
			app.image(1, false)
			for desc, err := range app.Store.Blobs(t.Context(), "app", "") {
				require.NoError(t, err)
				require.NoError(t, app.Store.DeleteBlob(t.Context(), "app", desc.Digest))
			}
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
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			spoil(t, fill(t, store, "app"))
			requireRoundTrip(t, store, true)
			_, err := Load(t.Context(), memstore.New(memstore.Options{}), write(t, snapshotOf(t, store)), LoadOptions{})
			require.ErrorContains(t, err, "missing, and blobs/sha256/")
		})
	}
}

// Whatever clients may have made of a registry is carried.
func TestSnapshotAnyContent(t *testing.T) {
	for seed := range uint64(60) {
		store := memstore.New(memstore.Options{})
		random := rand.New(rand.NewPCG(seed, 0))
		repos := []string{"app", "team/app", "a.io/app"}
		sparse := seed%2 == 1
		if sparse {
			repos = repos[:1] // of several, one may get what another has
		}
		for range 1 + random.IntN(40) {
			changeRandomly(fill(t, store, repos[random.IntN(len(repos))]), random, sparse)
		}
		requireRoundTrip(t, store, sparse)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// changeRandomly does to a repository what some request may.
func changeRandomly(app filler, random *rand.Rand, deletes bool) {
	app.Helper()
	var manifests []ocispec.Descriptor
	for desc, err := range app.Store.Manifests(app.Context(), app.Name, "") {
		require.NoError(app, err)
		manifests = append(manifests, ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size})
	}
	random.Shuffle(len(manifests), func(i, j int) { manifests[i], manifests[j] = manifests[j], manifests[i] })
	some := manifests[:random.IntN(len(manifests)+1)]
	tags := [][]string{nil, {"v1"}, {"v2", "latest"}}[random.IntN(3)]
	switch n := random.IntN(6); {
	case n == 0:
		app.image(random.Uint64N(10), random.IntN(2) == 0, tags...)
	case n == 1:
		app.indexOf(some, tags...)
	case n == 2 && len(some) > 0:
		app.artifact("application/x", &some[0], app.blob("attached"))
	case n == 3 && deletes && len(some) > 0:
		require.NoError(app, app.Store.DeleteManifest(app.Context(), app.Name, some[0].Digest.String(), registry.Precondition{}))
	case n == 4 && deletes:
		for desc, err := range app.Store.Blobs(app.Context(), app.Name, "") {
			require.NoError(app, err)
			if random.IntN(3) == 0 {
				require.NoError(app, app.Store.DeleteBlob(app.Context(), app.Name, desc.Digest))
			}
		}
		app.blob("so that the repository has something")
	default:
		app.blob(strings.Repeat("loose", random.IntN(3)))
	}
}
