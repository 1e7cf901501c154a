package registrytest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	fixture "github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

func writeLayout(dir, ref string) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(images.RandomIndex(), layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": ref}))
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeLayout(dir, "v1"))
	archive := filepath.Join(t.TempDir(), "app")
	require.NoError(t, tarball.WriteToFile(archive, name.MustParseReference("team/app:v2"), images.Random()))

	reg := registrytest.New(t)
	loaded := reg.Load(t, "team/app", dir)
	require.Len(t, loaded, 1)
	assert.Equal(t, []string{"v1"}, loaded[0].Tags)
	assert.Equal(t, "team/app", loaded[0].Repository)
	assert.Len(t, loaded[0].Manifests, 2)
	loaded = reg.Load(t, "", archive)
	require.Len(t, loaded, 1)
	assert.Equal(t, []string{"v2"}, loaded[0].Tags)
	assert.Len(t, loaded[0].Layers, 3)
	reg.Check(t)

	ref, transport := remoteRef(t, reg, "team/app:v1")
	index, err := remote.Index(ref, transport)
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	ref, transport = remoteRef(t, reg, "team/app:v2")
	img, err := remote.Image(ref, transport)
	require.NoError(t, err)
	require.NoError(t, validate.Image(img))
}

func TestLoadSparse(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeLayout(dir, "v1"))
	children, err := images.RandomIndex().IndexManifest()
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "blobs", "sha256", children.Manifests[0].Digest.Hex)))

	reg := registrytest.New(t, registrytest.WithInMemory())
	failed := runTest(func(t testing.TB) { reg.Load(t, "app", dir) })
	require.Len(t, failed.failures, 1)
	assert.Contains(t, failed.failures[0], "registrytest: load "+dir+": blobs/sha256/"+children.Manifests[0].Digest.Hex+": missing")
	reg.SetOptions(registry.Options{AllowSparse: true})
	loaded := reg.Load(t, "app", dir)
	require.Len(t, loaded, 1)
	require.Len(t, loaded[0].Manifests, 2)
	assert.Empty(t, loaded[0].Manifests[0].Layers)
	assert.Len(t, loaded[0].Manifests[1].Layers, 3)
	reg.Check(t)
}

// A snapshot comes back into a strict registry whatever is in it: indexes that have
// each child twice, so that there are 2^40 ways down, and what is no manifest.
func TestLoadSnapshot(t *testing.T) {
	from := registrytest.New(t, registrytest.WithInMemory())
	to := fixture.Repository{Store: from.Store(), Name: "app"}
	index := func(children ...ocispec.Descriptor) ocispec.Descriptor {
		encoded, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: children})
		require.NoError(t, err)
		desc, err := to.PutManifest(t.Context(), ocispec.MediaTypeImageIndex, encoded)
		require.NoError(t, err)
		return desc
	}
	desc := index([]ocispec.Descriptor{}...)
	for range 40 {
		desc = index(desc, desc)
	}
	raw := registry.Manifest{Content: []byte("nothing"), Descriptor: ocispec.Descriptor{MediaType: "text/plain", Digest: digest.FromString("nothing"), Size: 7}}
	require.NoError(t, from.Store().PutManifest(t.Context(), "app", registry.PutManifest{Manifest: raw, Tags: []string{"raw"}}))
	var b bytes.Buffer
	require.NoError(t, fixture.Snapshot(t.Context(), from.Store(), &b))
	path := filepath.Join(t.TempDir(), "snapshot.tar")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))

	reg := registrytest.New(t, registrytest.WithInMemory())
	loaded := reg.Load(t, "", path)
	require.Len(t, loaded, 2)
	assert.Equal(t, []string{"raw"}, loaded[0].Tags)
	assert.Equal(t, "text/plain", loaded[0].MediaType)
	depth := 0
	for pushed := loaded[1]; len(pushed.Manifests) > 0; pushed = pushed.Manifests[1] {
		depth++
	}
	assert.Equal(t, 40, depth)
}

func TestLoadFails(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	path := filepath.Join(t.TempDir(), "none")
	failed := runTest(func(t testing.TB) { reg.Load(t, "", path) })
	require.Len(t, failed.failures, 1)
	assert.Contains(t, failed.failures[0], "registrytest: load "+path+": ")
	require.Panics(t, func() { reg.Load(nil, "", path) })
}

func ExampleRegistry_Load() {
	dir, err := os.MkdirTemp("", "layout-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := writeLayout(dir, "v1"); err != nil { // by any tool that writes OCI image layouts
		panic(err)
	}
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	for _, loaded := range reg.Load(nil, "app", dir) {
		fmt.Println(loaded.Repository, loaded.Tags, loaded.MediaType)
	}
	// Output: app [v1] application/vnd.oci.image.index.v1+json
}
