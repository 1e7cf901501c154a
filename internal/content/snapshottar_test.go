package content

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The bytes do not depend on the order in which content came, nor on the Store.
func TestSnapshotDeterministic(t *testing.T) {
	var written [][]byte
	for _, order := range [][]string{{"b:v1", "a:{v2,v1} docker", "a:v3 index"}, {"a:v3 index", "a:{v1,v2} docker", "b:v1"}} {
		store := memstore.New(memstore.Options{})
		for _, text := range order {
			generate(t, store, text)
		}
		written = append(written, snapshotOf(t, store), snapshotOf(t, plain{store.Clone()}), snapshotOf(t, store, "b", "a", "b"))
	}
	for _, other := range written[1:] {
		assert.True(t, bytes.Equal(written[0], other))
	}

	var names []string
	r := tar.NewReader(bytes.NewReader(written[0]))
	for h, err := r.Next(); err != io.EOF; h, err = r.Next() {
		require.NoError(t, err)
		assert.Zero(t, h.ModTime.Unix(), h.Name)
		assert.Zero(t, h.Uid+h.Gid, h.Name)
		assert.Empty(t, h.Uname+h.Gname, h.Name)
		names = append(names, h.Name)
	}
	assert.Equal(t, []string{"oci-layout", "index.json", "blobs/", "blobs/sha256/"}, names[:4])
	assert.IsIncreasing(t, names[4:])
}

func TestSnapshotIndex(t *testing.T) {
	store := memstore.New(memstore.Options{})
	app := fill(t, store, "a.io/app")
	img := app.image(1, false, "v1", "v2")
	untagged := app.image(2, false)
	child := app.image(3, false)
	index := app.indexOf([]ocispec.Descriptor{child}, "index")
	signature := app.artifact("application/signature", &img)
	loose := app.blob("loose")

	a, err := readArchive(t.Context(), bytes.NewReader(snapshotOf(t, store)), int64(len(snapshotOf(t, store))))
	require.NoError(t, err)
	text, err := readSmall(a, ocispec.ImageIndexFile)
	require.NoError(t, err)
	named := func(desc ocispec.Descriptor, name string) ocispec.Descriptor {
		desc.Annotations, desc.ArtifactType = map[string]string{ocispec.AnnotationRefName: "localhost/a.io/app" + name}, ""
		return desc
	}
	byDigest := func(desc ocispec.Descriptor) ocispec.Descriptor { return named(desc, "@"+desc.Digest.String()) }
	list := []ocispec.Descriptor{named(index, ":index"), named(img, ":v1"), named(img, ":v2"), byDigest(untagged), byDigest(signature), byDigest(loose)}
	if signature.Digest < untagged.Digest {
		list[3], list[4] = list[4], list[3]
	}
	want := encode(ocispec.Index{Versioned: specsVersion, MediaType: ocispec.MediaTypeImageIndex, Manifests: list})
	assert.JSONEq(t, string(want), string(text))
}

func TestSnapshotRepositories(t *testing.T) {
	store := memstore.New(memstore.Options{})
	generate(t, store, "{a,b,c}:v1")
	loaded := memstore.New(memstore.Options{})
	_, err := Load(t.Context(), loaded, write(t, snapshotOf(t, store, "c", "a")), LoadOptions{})
	require.NoError(t, err)
	want := listAll(t, store)
	delete(want, "b")
	assert.Equal(t, want, listAll(t, loaded))

	var b bytes.Buffer
	err = Snapshot(t.Context(), store, &b, "a", "nowhere")
	require.ErrorIs(t, err, registry.NameUnknown)
	assert.ErrorContains(t, err, "snapshot: repository nowhere: list the tags: ")
	assert.Zero(t, b.Len(), "nothing is written")
}

// unpackTo writes the files of a tar into a directory.
func unpackTo(t *testing.T, dir string, content []byte) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(content))
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
}

// TestSnapshotLayout has go-containerregistry read all that it knows.
func TestSnapshotLayout(t *testing.T) {
	store := memstore.New(memstore.Options{})
	generate(t, store, "app:{v1,v2} layers=2")
	generate(t, store, "multi index docker")
	app := fill(t, store, "app")
	img := app.image(1, false)
	app.artifact("application/signature", &img)

	dir := t.TempDir()
	unpackTo(t, dir, snapshotOf(t, store))
	path, err := layout.FromPath(dir)
	require.NoError(t, err)
	root, err := path.ImageIndex()
	require.NoError(t, err)
	m, err := root.IndexManifest()
	require.NoError(t, err)
	names := make(map[string]bool)
	for _, desc := range m.Manifests {
		names[desc.Annotations[ocispec.AnnotationRefName]] = true
		switch {
		case desc.MediaType.IsIndex():
			index, err := root.ImageIndex(desc.Digest)
			require.NoError(t, err)
			require.NoError(t, validate.Index(index))
		case desc.Annotations[ocispec.AnnotationRefName] != "":
			read, err := path.Image(desc.Digest)
			require.NoError(t, err)
			d, err := read.Digest()
			require.NoError(t, err)
			assert.Equal(t, desc.Digest, d)
		}
	}
	for _, name := range []string{"app:v1", "app:v2", "multi:latest", "app@" + img.Digest.String()} {
		assert.Contains(t, names, name)
	}
	for _, tag := range []string{"v1", "v2"} {
		read, err := path.Image(toHash(tagged(t, store, "app")[tag]))
		require.NoError(t, err)
		require.NoError(t, validate.Image(read))
	}
}

// Content is not held in memory on its way.
func TestSnapshotStreams(t *testing.T) {
	store := memstore.New(memstore.Options{})
	generate(t, store, "app layers=1 size=100MiB")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, Snapshot(t.Context(), store, io.Discard))
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
}

// spoiled is a Store in which something happens to blobs.
type spoiled struct {
	registry.Store
	open func(registry.Blob) (registry.Blob, error)
}

func (s spoiled) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	b, err := s.Store.OpenBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	return s.open(b)
}

// short is a blob that ends too early.
type short struct{ registry.Blob }

func (b short) WriteRange(w io.Writer, off, n int64) (int64, error) {
	return b.Blob.WriteRange(w, off, n-1)
}

// limited fails once it is full.
type limited struct{ left int }

var errNoSpace = errors.New("no space left")

func (w *limited) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errNoSpace
	}
	return len(p), nil
}

func TestSnapshotErrors(t *testing.T) {
	store := memstore.New(memstore.Options{})
	fill(t, store, "app").blob(strings.Repeat("long", 100_000))
	size := len(snapshotOf(t, store))

	gone := spoiled{store, func(b registry.Blob) (registry.Blob, error) { return nil, errors.Join(registry.BlobUnknown, b.Close()) }}
	assert.ErrorIs(t, Snapshot(t.Context(), gone, io.Discard), registry.BlobUnknown)
	tooShort := spoiled{store, func(b registry.Blob) (registry.Blob, error) { return short{b}, nil }}
	err := Snapshot(t.Context(), tooShort, io.Discard)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.ErrorContains(t, err, "snapshot: blob sha256:")

	for _, left := range []int{0, 1, size / 2, size - 1} {
		assert.ErrorIs(t, Snapshot(t.Context(), store, &limited{left}), errNoSpace, "after %d bytes", left)
	}
	require.NoError(t, Snapshot(t.Context(), store, &limited{size}))

	ctx, cancel := context.WithCancel(t.Context())
	stopped := spoiled{store, func(b registry.Blob) (registry.Blob, error) { cancel(); return b, nil }}
	assert.ErrorIs(t, Snapshot(ctx, stopped, io.Discard), context.Canceled)
	assert.ErrorIs(t, Snapshot(ctx, store, io.Discard), context.Canceled)
}
