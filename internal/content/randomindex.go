package content

import (
	"bytes"
	"fmt"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// RandomIndex returns an index with an image for each platform, by default linux/amd64 and
// linux/arm64. Each image equals that of [RandomImage] for the platform, without annotations.
func RandomIndex(o ImageOptions) (v1.ImageIndex, error) {
	index, err := newRandomIndex(o)
	if err != nil {
		return nil, err
	}
	return index, nil
}

// indexPlatforms are the default platforms of an index.
var indexPlatforms = []string{defaultPlatform, "linux/arm64"}

func newRandomIndex(o ImageOptions) (*randomIndex, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	platforms := o.Platforms
	if len(platforms) == 0 {
		platforms = indexPlatforms
	}
	annotations := o.Annotations
	o.Annotations = nil
	index := &randomIndex{mediaType: o.mediaTypes().index}
	for _, p := range platforms {
		img, err := newRandomImage(o, p)
		if err != nil {
			return nil, err
		}
		index.images = append(index.images, img)
	}
	index.manifest = sync.OnceValue(func() []byte { return index.encode(annotations) })
	return index, nil
}

type randomIndex struct {
	mediaType types.MediaType
	images    []*randomImage
	manifest  func() []byte
}

func (x *randomIndex) encode(annotations map[string]string) []byte {
	index := ocispec.Index{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   string(x.mediaType),
		Manifests:   []ocispec.Descriptor{},
		Annotations: annotations,
	}
	for _, img := range x.images {
		child := describe(img.types.manifest, img.manifest())
		child.Platform = &img.platform
		index.Manifests = append(index.Manifests, child)
	}
	return encode(index)
}

// The methods of [v1.ImageIndex].

func (x *randomIndex) MediaType() (types.MediaType, error) { return x.mediaType, nil }
func (x *randomIndex) RawManifest() ([]byte, error)        { return x.manifest(), nil }
func (x *randomIndex) Digest() (v1.Hash, error)            { return hashOf(x.manifest()) }
func (x *randomIndex) Size() (int64, error)                { return int64(len(x.manifest())), nil }

func (x *randomIndex) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(x.manifest()))
}

func (x *randomIndex) Image(h v1.Hash) (v1.Image, error) {
	for _, img := range x.images {
		if d, err := img.Digest(); err == nil && d == h {
			return img, nil
		}
	}
	return nil, fmt.Errorf("random index: no image %s", h)
}

func (x *randomIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	return nil, fmt.Errorf("random index: no index %s", h)
}
