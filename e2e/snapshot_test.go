package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/plugins/content/local"
	fixture "github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/memstore"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/regclient/regclient"
	"github.com/regclient/regclient/types/ref"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	orasgo "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/content/oci"
)

// snapshotted is a snapshot with an image, an index, a signature of the image and
// a blob that belongs to nothing.
type snapshotted struct {
	tar              []byte
	image, signature ocispec.Descriptor
	index            ocispec.Descriptor
}

func newSnapshot(t *testing.T) snapshotted {
	t.Helper()
	ctx := t.Context()
	store := memstore.New(memstore.Options{})
	g, err := fixture.ParseGenerate("app:v1 layers=2")
	require.NoError(t, err)
	images, err := g.Into(ctx, store)
	require.NoError(t, err)
	g, err = fixture.ParseGenerate("multi:v2 index")
	require.NoError(t, err)
	indexes, err := g.Into(ctx, store)
	require.NoError(t, err)
	app := fixture.Repository{Store: store, Name: "app"}
	for _, blob := range []string{"{}", "loose"} {
		_, err := app.PutBlob(ctx, bytes.NewReader([]byte(blob)))
		require.NoError(t, err)
	}
	subject := ocispec.Descriptor{MediaType: images[0].Descriptor.MediaType, Digest: images[0].Descriptor.Digest, Size: images[0].Descriptor.Size}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/signature",
		Config: ocispec.DescriptorEmptyJSON, Layers: []ocispec.Descriptor{ocispec.DescriptorEmptyJSON}, Subject: &subject}
	m.SchemaVersion = 2
	content, err := json.Marshal(m)
	require.NoError(t, err)
	signature, err := app.PutManifest(ctx, m.MediaType, content)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, fixture.Snapshot(ctx, store, &b))
	return snapshotted{b.Bytes(), images[0].Descriptor, signature, indexes[0].Descriptor}
}

func (s snapshotted) file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.tar")
	require.NoError(t, os.WriteFile(path, s.tar, 0o600))
	return path
}

func (s snapshotted) directory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	r := tar.NewReader(bytes.NewReader(s.tar))
	for h, err := r.Next(); err != io.EOF; h, err = r.Next() {
		require.NoError(t, err)
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			require.NoError(t, os.Mkdir(path, 0o700))
			continue
		}
		file, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, file, 0o600))
	}
	return dir
}

func TestSnapshotOrasGo(t *testing.T) {
	s := newSnapshot(t)
	store, err := oci.NewFromTar(t.Context(), s.file(t))
	require.NoError(t, err)
	for name, want := range map[string]ocispec.Descriptor{"app:v1": s.image, "multi:v2": s.index, "app@" + s.signature.Digest.String(): s.signature} {
		copied, err := orasgo.Copy(t.Context(), store, name, memory.New(), "", orasgo.DefaultCopyOptions)
		require.NoError(t, err, name)
		assert.Equal(t, want.Digest, copied.Digest, name)
	}
	image, err := store.Resolve(t.Context(), "app:v1")
	require.NoError(t, err)
	referrers, err := store.Predecessors(t.Context(), image)
	require.NoError(t, err)
	require.Len(t, referrers, 1)
	assert.Equal(t, s.signature.Digest, referrers[0].Digest)
}

func TestSnapshotRegclient(t *testing.T) {
	s := newSnapshot(t)
	dir := s.directory(t)
	rc := regclient.New()
	for name, want := range map[string]ocispec.Descriptor{":app:v1": s.image, ":multi:v2": s.index, ":v1": s.image, ":v2": s.index, "@" + s.signature.Digest.String(): s.signature} {
		from, err := ref.New("ocidir://" + dir)
		require.NoError(t, err)
		if name[0] == '@' {
			from = from.SetDigest(name[1:])
		} else {
			from = from.SetTag(name[1:])
		}
		to, err := ref.New("ocidir://" + t.TempDir() + ":copied")
		require.NoError(t, err)
		require.NoError(t, rc.ImageCopy(t.Context(), from, to), name)
		copied, err := rc.ManifestHead(t.Context(), to)
		require.NoError(t, err, name)
		assert.Equal(t, want.Digest, copied.GetDescriptor().Digest, name)
	}
}

func TestSnapshotContainerd(t *testing.T) {
	s := newSnapshot(t)
	store, err := local.NewStore(t.TempDir())
	require.NoError(t, err)
	root, err := archive.ImportIndex(t.Context(), store, bytes.NewReader(s.tar))
	require.NoError(t, err)
	found := map[string]string{}
	require.NoError(t, images.Walk(t.Context(), images.ChildrenHandler(store), root))
	children, err := images.Children(t.Context(), store, root)
	require.NoError(t, err)
	for _, child := range children {
		found[child.Annotations[ocispec.AnnotationRefName]] = child.Digest.String()
	}
	assert.Equal(t, s.image.Digest.String(), found["app:v1"])
	assert.Equal(t, s.index.Digest.String(), found["multi:v2"])
	assert.Len(t, found, 4, slices.Collect(maps.Keys(found)))
}
