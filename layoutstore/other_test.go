package layoutstore_test

import (
	"io"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/spec"
)

// go-containerregistry reads the layout, and a store reads what go-containerregistry has added.
func TestGoContainerregistry(t *testing.T) {
	t.Parallel()
	dir := newDirectory(t)
	s := open(t, dir, layoutstore.Options{})
	for _, ref := range []string{"app:v1 layers=2", "multi:v2 index"} {
		g, err := content.ParseGenerate(ref)
		require.NoError(t, err)
		_, err = g.Into(t.Context(), s)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	path, err := layout.FromPath(dir)
	require.NoError(t, err)
	index, err := path.ImageIndex()
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 2)
	require.Equal(t, "app:v1", manifest.Manifests[0].Annotations[ocispec.AnnotationRefName])
	image, err := path.Image(manifest.Manifests[0].Digest)
	require.NoError(t, err)

	other := filepath.Join(newDirectory(t), "layout")
	path, err = layout.Write(other, index)
	require.NoError(t, err)
	require.NoError(t, path.AppendImage(image, layout.WithAnnotations(map[string]string{ocispec.AnnotationRefName: "v9"})))
	s = open(t, other, layoutstore.Options{Adopt: true, Repository: "app"})
	check(t, s)
	m, err := s.Manifest(t.Context(), "app", "v9")
	require.NoError(t, err)
	require.Equal(t, manifest.Manifests[0].Digest.String(), string(m.Descriptor.Digest))
}

// A registry over a store passes the specification.
func TestSpec(t *testing.T) {
	t.Parallel()
	s := open(t, newDirectory(t), layoutstore.Options{})
	server := httptest.NewServer(registry.New(s, registry.Options{}))
	defer server.Close()
	results, err := spec.Run(t.Context(), spec.Target{URL: server.URL}, thorough.Sample(spec.Statements(), 16, 5)...)
	require.NoError(t, err)
	passed := 0
	for _, r := range results {
		require.NotEqual(t, spec.Failed, r.Outcome, "%s: %s", r.Statement.ID, r.Short())
		if r.Outcome == spec.Passed {
			passed++
		}
	}
	require.NotZero(t, passed)
	require.NoError(t, content.Check(t.Context(), s, content.CheckOptions{AllowSparse: true, AllowUploads: true}))
}

// A large chunk is hashed beside the reading, in pieces of any length.
func TestLargeChunks(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, newDirectory(t), layoutstore.Options{})
	large := strings.Repeat("0123456789abcdef!", 5<<20/17)
	for _, reader := range []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r }, iotest.HalfReader, iotest.DataErrReader,
		func(r io.Reader) io.Reader { return &hesitant{r: r} },
	} {
		u, err := s.NewUpload(ctx, "app", digest.SHA256)
		require.NoError(t, err)
		require.NoError(t, u.Append(ctx, registry.Chunk{Body: reader(strings.NewReader(large)), Length: int64(len(large))}))
		require.NoError(t, u.Commit(ctx, chunk("end"), digest.FromString(large+"end")))
		u, err = s.NewUpload(ctx, "app", digest.SHA256)
		require.NoError(t, err)
		require.ErrorIs(t, u.Append(ctx, registry.Chunk{Body: reader(strings.NewReader(large)), Length: int64(len(large)) + 1}), registry.SizeInvalid)
		require.Zero(t, u.Size())
	}
	require.Equal(t, large+"end", read(t, s, "app", digest.FromString(large+"end")))
}

// hesitant returns nothing from every second Read.
type hesitant struct {
	r     io.Reader
	empty bool
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.empty = !h.empty; h.empty {
		clear(p)
		return 0, nil
	}
	return h.r.Read(p)
}
