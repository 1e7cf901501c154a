package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/stream"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plain hides what memstore has beyond a Store.
type plain struct{ registry.Store }

func newApp(store registry.Store) Repository { return Repository{Store: store, Name: "app"} }

// requireConsistent also tells that no session was left open.
func requireConsistent(t *testing.T, store registry.Store) {
	t.Helper()
	require.NoError(t, Check(t.Context(), store, CheckOptions{}))
}

// serve returns what parses references to the registry over store.
func serve(t *testing.T, store registry.Store) func(ref string) name.Reference {
	t.Helper()
	server := httptest.NewServer(registry.New(store, registry.Options{}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	return func(ref string) name.Reference {
		parsed, err := name.ParseReference(host + "/" + ref)
		require.NoError(t, err)
		return parsed
	}
}

func tagged(t *testing.T, store registry.Store, repo string) map[string]digest.Digest {
	t.Helper()
	tags := make(map[string]digest.Digest)
	for tag, err := range store.Tags(t.Context(), repo, "") {
		require.NoError(t, err)
		tags[tag.Name] = tag.Digest
	}
	return tags
}

func TestPutImage(t *testing.T) {
	fromGGCR, err := random.Image(1000, 3)
	require.NoError(t, err)
	fromSeed, err := RandomImage(ImageOptions{Layers: 2, LayerSize: 10_000})
	require.NoError(t, err)
	twice, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte("x"), types.OCILayer), static.NewLayer([]byte("x"), types.OCILayer))
	require.NoError(t, err)
	images := map[string]v1.Image{"ggcr": fromGGCR, "seed": fromSeed, "empty": empty.Image}
	for name, img := range images {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			desc, err := newApp(store).PutImage(t.Context(), img, "v1", "v2")
			require.NoError(t, err)
			want, err := img.Digest()
			require.NoError(t, err)
			assert.Equal(t, fromHash(want), desc.Digest)
			assert.Equal(t, map[string]digest.Digest{"v1": desc.Digest, "v2": desc.Digest}, tagged(t, store, "app"))
			requireConsistent(t, store)
			pulled, err := remote.Image(serve(t, store)("app:v1"))
			require.NoError(t, err)
			require.NoError(t, validate.Image(pulled))
		})
	}
	store := memstore.New(memstore.Options{})
	_, err = newApp(store).PutImage(t.Context(), twice, "v1")
	require.NoError(t, err)
	requireConsistent(t, store)
}

func TestPutImageStreamed(t *testing.T) {
	layer := stream.NewLayer(io.NopCloser(strings.NewReader("streamed")), stream.WithMediaType(types.OCILayer))
	img, err := mutate.AppendLayers(empty.Image, layer)
	require.NoError(t, err)
	store := memstore.New(memstore.Options{})
	_, err = newApp(store).PutImage(t.Context(), img, "v1")
	require.NoError(t, err)
	requireConsistent(t, store)
}

// TestPutImageStreamedFails must not leave the goroutine that compresses.
func TestPutImageStreamedFails(t *testing.T) {
	layer := stream.NewLayer(io.NopCloser(io.NewSectionReader(NewRandom(1, 1<<20), 0, 1<<20)))
	img, err := mutate.AppendLayers(empty.Image, layer)
	require.NoError(t, err)
	store := memstore.New(memstore.Options{MaxBytes: 1000})
	_, err = newApp(store).PutImage(t.Context(), img, "v1")
	require.ErrorIs(t, err, registry.Full)
	requireConsistent(t, store)
}

func TestPutImageWithoutForeignLayers(t *testing.T) {
	img, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte("x"), types.OCIRestrictedLayer))
	require.NoError(t, err)
	store := memstore.New(memstore.Options{})
	_, err = newApp(store).PutImage(t.Context(), img, "v1")
	require.NoError(t, err)
	_, err = store.OpenBlob(t.Context(), "app", digest.FromString("x"))
	assert.ErrorIs(t, err, registry.BlobUnknown)
	requireConsistent(t, store)
}

func TestPutIndex(t *testing.T) {
	inner, err := RandomIndex(ImageOptions{Layers: 1, LayerSize: 2000, Platforms: []string{"linux/amd64", "linux/arm64"}})
	require.NoError(t, err)
	img, err := random.Image(100, 1)
	require.NoError(t, err)
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: inner},
		mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}}},
		mutate.IndexAddendum{Add: static.NewLayer([]byte("a cache"), "application/x-cache")},
	)
	store := memstore.New(memstore.Options{})
	to := newApp(store)
	desc, err := to.PutIndex(t.Context(), index, "v1")
	require.NoError(t, err)
	assert.Equal(t, ocispec.MediaTypeImageIndex, desc.MediaType)
	requireConsistent(t, store)

	pulled, err := remote.Index(serve(t, store)("app:v1"))
	require.NoError(t, err)
	children, err := pulled.IndexManifest()
	require.NoError(t, err)
	nested, err := pulled.ImageIndex(children.Manifests[0].Digest)
	require.NoError(t, err)
	require.NoError(t, validate.Index(nested))
	child, err := pulled.Image(children.Manifests[1].Digest)
	require.NoError(t, err)
	require.NoError(t, validate.Image(child))
}

// sparse is an index that has lost a child.
type sparse struct {
	wholeIndex
	lost v1.Hash
}

type wholeIndex = v1.ImageIndex // embedded under a name that is not its method's

func (s sparse) Image(h v1.Hash) (v1.Image, error) {
	if h == s.lost {
		return nil, errors.New("lost")
	}
	return s.wholeIndex.Image(h)
}

func TestPutIndexSparse(t *testing.T) {
	whole, err := random.Index(100, 1, 3)
	require.NoError(t, err)
	inner, err := random.Index(100, 1, 2)
	require.NoError(t, err)
	nested := mutate.AppendManifests(whole, mutate.IndexAddendum{Add: inner})
	m, err := nested.IndexManifest()
	require.NoError(t, err)
	index := sparse{nested, m.Manifests[1].Digest}

	store := memstore.New(memstore.Options{})
	to := newApp(store)
	_, err = to.PutIndex(t.Context(), index, "v1")
	require.EqualError(t, err, "put index into app: manifests: lost")
	to.AllowSparse = true
	_, err = to.PutIndex(t.Context(), index, "v1")
	require.NoError(t, err)
	require.NoError(t, Check(t.Context(), store, CheckOptions{AllowSparse: true}))
	require.ErrorContains(t, Check(t.Context(), store, CheckOptions{}), m.Manifests[1].Digest.String())
	for i, child := range m.Manifests {
		_, err := store.Manifest(t.Context(), "app", child.Digest.String())
		assert.Equal(t, i == 1, err != nil, "manifest %d", i)
	}
}

func TestPutManifest(t *testing.T) {
	store := memstore.New(memstore.Options{})
	to := newApp(store)
	_, err := to.PutBlob(t.Context(), strings.NewReader("{}"))
	require.NoError(t, err)
	raw := []byte(`{"schemaVersion":2,"artifactType":"application/x-test","config":` + string(encode(ocispec.DescriptorEmptyJSON)) +
		`,"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` +
		string(digest.FromString("subject")) + `","size":7}}`)
	desc, err := to.PutManifest(t.Context(), ocispec.MediaTypeImageManifest, raw, "v1")
	require.NoError(t, err)
	assert.Equal(t, digest.FromBytes(raw), desc.Digest)
	assert.Equal(t, "application/x-test", desc.ArtifactType)
	for d, err := range store.Referrers(t.Context(), "app", digest.FromString("subject"), "") {
		require.NoError(t, err)
		assert.Equal(t, desc, d)
	}
	clear(raw)
	requireConsistent(t, store)
}

func TestPutErrors(t *testing.T) {
	img, err := random.Image(100, 1)
	require.NoError(t, err)
	broken, err := mutate.AppendLayers(empty.Image, liar{static.NewLayer([]byte("x"), types.OCILayer)})
	require.NoError(t, err)
	ctx := context.Background()
	tests := map[string]struct {
		put  func(Repository) error
		want string
	}{
		"repository": {func(to Repository) error {
			to.Name = "127.0.0.1:5000/app"
			_, err := to.PutImage(ctx, img)
			return err
		}, `invalid repository name "127.0.0.1:5000/app"`},
		"tag": {func(to Repository) error {
			_, err := to.PutImage(ctx, img, "v 1")
			return err
		}, `invalid tag "v 1" for repository app`},
		"layer": {func(to Repository) error {
			_, err := to.PutImage(ctx, broken)
			return err
		}, "put image into app: layer 0: blob sha256:"},
		"media type": {func(to Repository) error {
			_, err := to.PutManifest(ctx, "text/plain", []byte("{}"))
			return err
		}, `put manifest into app: Content-Type "text/plain"`},
		"references": {func(to Repository) error {
			raw, err := img.RawManifest()
			require.NoError(t, err)
			_, err = to.PutManifest(ctx, string(types.DockerManifestSchema2), raw)
			return err
		}, "into app: "},
		"blob": {func(to Repository) error {
			_, err := to.PutBlob(ctx, failing{})
			return err
		}, ": broken"},
		"blob with another digest": {func(to Repository) error {
			_, err := to.PutBlob(ctx, known{strings.NewReader("x"), digest.FromString("y")})
			return err
		}, "put blob into app: blob " + string(digest.FromString("y"))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			assert.ErrorContains(t, tt.put(newApp(store)), tt.want)
			for range store.Manifests(ctx, "app", "") {
				assert.Fail(t, "a manifest was put")
			}
			for range store.Uploads(ctx, "app") {
				assert.Fail(t, "an upload was left open")
			}
			requireConsistent(t, store)
		})
	}
}

// liar is a layer with another content than its digest says.
type liar struct{ v1.Layer }

func (liar) Compressed() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("y")), nil }

// failing is content that cannot be read.
type failing struct{}

func (failing) Size() int64                       { return 10 }
func (failing) ReadAt([]byte, int64) (int, error) { return 0, errors.New("broken") }

// known is content whose digest is claimed.
type known struct {
	Content
	digest digest.Digest
}

func (k known) Digest() digest.Digest { return k.digest }

func TestPutBlob(t *testing.T) {
	huge := digest.FromString("the digest of so much is taken on trust")
	zeros := make([]byte, copied+1)
	digestOfZeros := digest.FromBytes(zeros)
	tests := map[string]struct {
		store   registry.Store
		content Content
		digest  digest.Digest
		held    bool
	}{
		"small":            {memstore.New(memstore.Options{}), strings.NewReader("small"), digest.FromString("small"), true},
		"empty":            {memstore.New(memstore.Options{}), bytes.NewReader(nil), digest.FromString(""), false},
		"large":            {memstore.New(memstore.Options{}), bytes.NewReader(zeros), digestOfZeros, false},
		"large, no adding": {plain{memstore.New(memstore.Options{})}, bytes.NewReader(zeros), digestOfZeros, true},
		"known":            {memstore.New(memstore.Options{}), known{NewRandom(1, 100<<30), huge}, huge, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			desc, err := newApp(tt.store).PutBlob(t.Context(), tt.content)
			require.NoError(t, err)
			assert.Equal(t, ocispec.Descriptor{MediaType: octets, Digest: tt.digest, Size: tt.content.Size()}, desc)
			b, err := tt.store.OpenBlob(t.Context(), "app", desc.Digest)
			require.NoError(t, err)
			defer b.Close()
			assert.Equal(t, desc.Size, b.Size())
			n := min(b.Size(), 100)
			var got bytes.Buffer
			_, err = b.WriteRange(&got, b.Size()-n, n)
			require.NoError(t, err)
			want, err := io.ReadAll(io.NewSectionReader(tt.content, desc.Size-n, n))
			require.NoError(t, err)
			assert.True(t, bytes.Equal(want, got.Bytes()))
			if store, ok := tt.store.(*memstore.Store); ok {
				assert.Equal(t, tt.held, store.Bytes() > 0)
			}
		})
	}
}

func TestPutImageNotHeld(t *testing.T) {
	img, err := RandomImage(ImageOptions{Layers: 1, LayerSize: copied + 1})
	require.NoError(t, err)
	store := memstore.New(memstore.Options{MaxBytes: 1 << 20})
	_, err = newApp(store).PutImage(t.Context(), img, "v1")
	require.NoError(t, err)
	requireConsistent(t, store)
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store := memstore.New(memstore.Options{})
	_, err := newApp(store).PutBlob(ctx, strings.NewReader("x"))
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, Check(ctx, store, CheckOptions{}), context.Canceled)
	_, err = io.ReadAll(contextReader{ctx, iotest.ErrReader(io.ErrClosedPipe)})
	assert.ErrorIs(t, err, context.Canceled)
}

// sizelessLayer is a layer whose size is not known for another reason than that it is streamed.
type sizelessLayer struct{ v1.Layer }

func (sizelessLayer) Size() (int64, error) { return 0, errRefused }

func TestPutLayerWithoutSize(t *testing.T) {
	err := newApp(memstore.New(memstore.Options{})).putLayer(t.Context(), sizelessLayer{static.NewLayer([]byte("layer"), types.OCILayer)})
	require.ErrorIs(t, err, errRefused)
	assert.ErrorContains(t, err, "size: ")
}
