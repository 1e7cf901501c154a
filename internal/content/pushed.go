package content

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

// Image returns an image of the repository as a go-containerregistry value. It reads from the Store
// on demand.
func (to Repository) Image(ctx context.Context, ref string) (v1.Image, error) {
	m, err := to.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !m.mediaType.IsImage() {
		return nil, fmt.Errorf("%s in %s is not an image: its media type is %s", ref, to.Name, m.mediaType)
	}
	return &pushedImage{m}, nil
}

// Index is Image for an index.
func (to Repository) Index(ctx context.Context, ref string) (v1.ImageIndex, error) {
	m, err := to.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !m.mediaType.IsIndex() {
		return nil, fmt.Errorf("%s in %s is not an index: its media type is %s", ref, to.Name, m.mediaType)
	}
	return &pushedIndex{m}, nil
}

// pushedManifest is a manifest in a repository.
type pushedManifest struct {
	ctx       context.Context
	from      Repository
	stored    registry.Manifest
	mediaType types.MediaType
}

func (to Repository) open(ctx context.Context, ref string) (pushedManifest, error) {
	m, err := to.Store.Manifest(ctx, to.Name, ref)
	if err != nil {
		return pushedManifest{}, fmt.Errorf("manifest %s in %s: %w", ref, to.Name, err)
	}
	mediaType, _, _ := strings.Cut(m.Descriptor.MediaType, ";")
	return pushedManifest{context.WithoutCancel(ctx), to, m, types.MediaType(mediaType)}, nil
}

func (m *pushedManifest) MediaType() (types.MediaType, error) { return m.mediaType, nil }
func (m *pushedManifest) Size() (int64, error)                { return m.stored.Descriptor.Size, nil }
func (m *pushedManifest) RawManifest() ([]byte, error)        { return bytes.Clone(m.stored.Content), nil }
func (m *pushedManifest) Digest() (v1.Hash, error) {
	return v1.NewHash(string(m.stored.Descriptor.Digest))
}

// blob reads a blob of the repository.
func (m *pushedManifest) blob(h v1.Hash) (io.ReadCloser, error) {
	b, err := m.from.Store.OpenBlob(m.ctx, m.from.Name, fromHash(h))
	if err != nil {
		return nil, fmt.Errorf("blob %s in %s: %w", h, m.from.Name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(b, 0, b.Size()), b}, nil
}

func (m *pushedManifest) read(h v1.Hash) ([]byte, error) {
	b, err := m.blob(h)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(b)
}

// pushedImage implements [v1.Image].
type pushedImage struct{ pushedManifest }

func (i *pushedImage) Manifest() (*v1.Manifest, error) {
	return v1.ParseManifest(bytes.NewReader(i.stored.Content))
}

func (i *pushedImage) ConfigName() (v1.Hash, error) {
	m, err := i.Manifest()
	if err != nil {
		return v1.Hash{}, err
	}
	return m.Config.Digest, nil
}

func (i *pushedImage) RawConfigFile() ([]byte, error) {
	name, err := i.ConfigName()
	if err != nil {
		return nil, err
	}
	return i.read(name)
}

func (i *pushedImage) ConfigFile() (*v1.ConfigFile, error) {
	raw, err := i.RawConfigFile()
	if err != nil {
		return nil, err
	}
	return v1.ParseConfigFile(bytes.NewReader(raw))
}

func (i *pushedImage) Layers() ([]v1.Layer, error) {
	m, err := i.Manifest()
	if err != nil {
		return nil, err
	}
	layers := make([]v1.Layer, len(m.Layers))
	for n, desc := range m.Layers {
		layers[n] = &pushedLayer{i, n, desc}
	}
	return layers, nil
}

func (i *pushedImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	return i.layer(fmt.Sprintf("the digest %s", h), func(l v1.Layer) (v1.Hash, error) { return l.Digest() }, h)
}

func (i *pushedImage) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	return i.layer(fmt.Sprintf("the diff ID %s", h), func(l v1.Layer) (v1.Hash, error) { return l.DiffID() }, h)
}

func (i *pushedImage) layer(what string, hash func(v1.Layer) (v1.Hash, error), want v1.Hash) (v1.Layer, error) {
	layers, err := i.Layers()
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		got, err := hash(l)
		if err != nil {
			return nil, err
		}
		if got == want {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no layer has %s", what)
}

// pushedLayer implements [v1.Layer].
type pushedLayer struct {
	image *pushedImage
	n     int // index in the manifest
	desc  v1.Descriptor
}

func (l *pushedLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *pushedLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *pushedLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l *pushedLayer) Compressed() (io.ReadCloser, error)  { return l.image.blob(l.desc.Digest) }

// DiffID returns the diff ID in the image's config. For an artifact, whose config has none, it
// returns the digest of the uncompressed content.
func (l *pushedLayer) DiffID() (v1.Hash, error) {
	raw, err := l.image.RawConfigFile()
	if err != nil {
		return v1.Hash{}, err
	}
	var config struct {
		RootFS struct {
			DiffIDs []v1.Hash `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if json.Unmarshal(raw, &config) == nil && l.n < len(config.RootFS.DiffIDs) {
		return config.RootFS.DiffIDs[l.n], nil
	}
	content, err := l.Uncompressed()
	if err != nil {
		return v1.Hash{}, err
	}
	defer content.Close()
	d, err := digest.SHA256.FromReader(content)
	if err != nil {
		return v1.Hash{}, err
	}
	return v1.NewHash(string(d))
}

// Uncompressed decompresses gzip and fails for zstd.
func (l *pushedLayer) Uncompressed() (io.ReadCloser, error) {
	content, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	switch mediaType := string(l.desc.MediaType); {
	case strings.HasSuffix(mediaType, "zstd"):
		return nil, fmt.Errorf("layer %s: zstd decompression is not supported: use Compressed", l.desc.Digest)
	case !strings.HasSuffix(mediaType, "gzip"):
		return content, nil
	}
	plain, err := gzip.NewReader(content)
	if err != nil {
		return nil, fmt.Errorf("layer %s: %w", l.desc.Digest, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, content}, nil
}

// pushedIndex implements [v1.ImageIndex].
type pushedIndex struct{ pushedManifest }

func (x *pushedIndex) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(x.stored.Content))
}

func (x *pushedIndex) Image(h v1.Hash) (v1.Image, error) { return x.from.Image(x.ctx, h.String()) }

func (x *pushedIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	return x.from.Index(x.ctx, h.String())
}
