package content

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
	"testing/iotest"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, c Content) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	require.NoError(t, err)
	return b
}

func TestRandom(t *testing.T) {
	for _, size := range []int64{0, 1, 7, 8, 9, 1000} {
		r := NewRandom(1, size)
		whole := read(t, r)
		assert.Len(t, whole, int(size))
		assert.NoError(t, iotest.TestReader(io.NewSectionReader(r, 0, size), whole), "size %d", size)
	}
	long, other := read(t, NewRandom(1, 1<<20)), read(t, NewRandom(2, 1<<20))
	assert.Equal(t, read(t, NewRandom(1, 1000)), long[:1000], "a longer one starts as a shorter one does")
	assert.NotEqual(t, long, other)
	assert.Equal(t, "sha256:a592ff88f4b602d971ef13344458b251", digest.FromBytes(long).String()[:39], "the content for a seed never changes")

	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(long)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	assert.Greater(t, packed.Len(), len(long), "it does not compress")
}

func TestRandomReadAt(t *testing.T) {
	r := NewRandom(1, 100<<30)
	p := make([]byte, 16)
	n, err := r.ReadAt(p, 100<<30-10)
	assert.Equal(t, 10, n)
	assert.Equal(t, io.EOF, err)
	q := make([]byte, 3)
	_, err = r.ReadAt(q, 100<<30-7)
	require.NoError(t, err)
	assert.Equal(t, p[3:6], q)
	_, err = r.ReadAt(p, 100<<30)
	assert.Equal(t, io.EOF, err)
	_, err = r.ReadAt(p, -1)
	assert.ErrorContains(t, err, "negative offset")
}

func TestStored(t *testing.T) {
	for _, size := range []int64{1, 1000, blockBody - 1, blockBody, blockBody + 1, 2 * blockBody, 200_000} {
		s := stored{header: gzipHead(int(size % 5)), body: NewRandom(9, size)}
		sum, err := s.sum(digest.SHA256.Hash(), digest.SHA256.Hash())
		require.NoError(t, err)
		s.crc = func() uint32 { return sum }
		whole := read(t, &s)
		require.Len(t, whole, int(s.Size()))
		z, err := gzip.NewReader(bytes.NewReader(whole))
		require.NoError(t, err)
		body, err := io.ReadAll(z)
		require.NoError(t, err, "size %d", size)
		assert.True(t, bytes.Equal(read(t, s.body), body), "size %d", size)
		for _, off := range []int64{0, 9, 10, 12, 15, 16, s.Size() - 9, s.Size() - 8, s.Size() - 1} {
			p := make([]byte, min(100, s.Size()-off))
			_, err := s.ReadAt(p, off)
			require.NoError(t, err)
			assert.Equal(t, whole[off:off+int64(len(p))], p, "size %d, offset %d", size, off)
		}
	}
}

func TestRandomLayerSize(t *testing.T) {
	check := func(size int64) {
		l := newRandomLayer(1, size, types.OCILayer)
		require.Equal(t, max(size, minLayer), l.stored.Size(), "layer of %d bytes", size)
		require.GreaterOrEqual(t, len(l.header), gzipHeader)
		require.Less(t, len(l.header), gzipHeader+tarBlock+2*blockHeader)
	}
	for size := int64(0); size < 3*tarBlock+minLayer; size++ {
		check(size)
	}
	for n := int64(1); n < 4; n++ {
		for d := int64(-1100); d < 1100; d++ {
			check(n*(blockBody+blockHeader) + d)
		}
	}
	check(100 << 30)
}

// TestRandomLayerHuge reads the end of a layer that nobody could hold: the tar
// ends in zeros.
func TestRandomLayerHuge(t *testing.T) {
	l := newRandomLayer(1, 100<<30, types.OCILayer)
	p := make([]byte, 100)
	_, err := l.ReadAt(p, l.stored.Size()-gzipTrailer-int64(len(p)))
	require.NoError(t, err)
	assert.Equal(t, make([]byte, 100), p)
}

func TestRandomImage(t *testing.T) {
	tests := map[string]struct {
		options ImageOptions
		digest  string
	}{
		"nothing":   {ImageOptions{}, "sha256:75fd51fb61e707b7c53c6be3e0c9fa9a3fd51426b728ecf0ef1ed15bb139c639"},
		"defaults":  {ImageOptions{Layers: 3, LayerSize: 4096}, "sha256:18eff3da08cb40046b10667abb1809c6cdbcd16377c2a175120f85ecf1778336"},
		"seed":      {ImageOptions{Layers: 3, LayerSize: 4096, Seed: 1}, "sha256:9ceaa3624e8e908294b70fdd85e641501300f4d0c86a7698b21dcc392862b03e"},
		"platform":  {ImageOptions{Layers: 3, LayerSize: 4096, Platforms: []string{"linux/arm/v7"}}, "sha256:2616efe8c68a6ecff819e07d5212046e5e3d980cb0f94ff20909d190f1cab627"},
		"annotated": {ImageOptions{Layers: 1, LayerSize: 1 << 20, Annotations: map[string]string{"a": "b"}}, "sha256:b7035a79192adebd69272f729b2b8f1d2b24787f688c4ba5dd9f9ee6499bdbd8"},
		"docker":    {ImageOptions{Layers: 2, LayerSize: 100_000, Docker: true}, "sha256:9dd71b16eac89d0471fea2736906fbde1bdd79fb007b5f85d98aa8d7c20ba524"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			img, err := RandomImage(tt.options)
			require.NoError(t, err)
			require.NoError(t, validate.Image(img))
			d, err := img.Digest()
			require.NoError(t, err)
			assert.Equal(t, tt.digest, d.String(), "digests are the same for ever")
			layers, err := img.Layers()
			require.NoError(t, err)
			assert.Len(t, layers, tt.options.Layers)
			for _, l := range layers {
				size, err := l.Size()
				require.NoError(t, err)
				assert.Equal(t, max(tt.options.LayerSize, minLayer), size)
			}
		})
	}
}

func TestRandomIndex(t *testing.T) {
	o := ImageOptions{Seed: 7, Layers: 1, LayerSize: 2000, Platforms: []string{"linux/amd64", "linux/arm64/v8", "windows/amd64"},
		Annotations: map[string]string{"a": "b"}}
	index, err := RandomIndex(o)
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	d, err := index.Digest()
	require.NoError(t, err)
	assert.Equal(t, "sha256:60988d6560ebc3be632b4f398100f00e3222ed036638fae05f93a9219e553b2c", d.String(), "digests are the same for ever")

	m, err := index.IndexManifest()
	require.NoError(t, err)
	assert.Equal(t, o.Annotations, m.Annotations)
	require.Len(t, m.Manifests, 3)
	assert.Equal(t, &v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}, m.Manifests[1].Platform)
	o.Platforms, o.Annotations = o.Platforms[1:2], nil
	img, err := RandomImage(o)
	require.NoError(t, err)
	child, err := img.Digest()
	require.NoError(t, err)
	assert.Equal(t, child, m.Manifests[1].Digest, "a child is the random image for its platform")

	index, err = RandomIndex(ImageOptions{Docker: true})
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
}

func TestRandomImageErrors(t *testing.T) {
	tests := map[string]struct {
		options ImageOptions
		want    string
	}{
		"layers":      {ImageOptions{Layers: -1}, "random image: -1 layers"},
		"size":        {ImageOptions{LayerSize: -1}, "random image: layers of -1 bytes"},
		"platform":    {ImageOptions{Platforms: []string{"linux"}}, `random image: platform "linux": want os/architecture or os/architecture/variant`},
		"annotations": {ImageOptions{Docker: true, Annotations: map[string]string{"a": ""}}, "random image: Docker's manifests have no annotations"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := RandomImage(tt.options)
			assert.EqualError(t, err, tt.want)
			_, err = RandomIndex(tt.options)
			assert.EqualError(t, err, tt.want)
		})
	}
	_, err := RandomImage(ImageOptions{Platforms: []string{"linux/amd64", "linux/arm64"}})
	assert.EqualError(t, err, "random image: 2 platforms: want one, or an index")
}
