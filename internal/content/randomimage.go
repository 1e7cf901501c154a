package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ImageOptions configures a random image or index. The same options result in the same digests on
// every machine and with every version of Go.
type ImageOptions struct {
	Seed        uint64            `json:"seed,omitempty"`
	Layers      int               `json:"layers,omitempty"`
	LayerSize   int64             `json:"layerSize,omitempty"`   // size of a layer's blob in bytes; at least 1559
	Platforms   []string          `json:"platforms,omitempty"`   // "linux/arm64/v8"; an image has one
	Annotations map[string]string `json:"annotations,omitempty"` // of the image's or the index's manifest
	Docker      bool              `json:"docker,omitempty"`      // use Docker's media types instead of OCI's
}

const defaultPlatform = "linux/amd64"

// mediaTypes are the media types of a format.
type mediaTypes struct{ index, manifest, config, layer types.MediaType }

func (o *ImageOptions) mediaTypes() mediaTypes {
	if o.Docker {
		return mediaTypes{types.DockerManifestList, types.DockerManifestSchema2, types.DockerConfigJSON, types.DockerLayer}
	}
	return mediaTypes{types.OCIImageIndex, types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayer}
}

func (o *ImageOptions) check() error {
	switch {
	case o.Layers < 0:
		return fmt.Errorf("random image: %d layers", o.Layers)
	case o.LayerSize < 0:
		return fmt.Errorf("random image: layers of %d bytes", o.LayerSize)
	case o.Docker && len(o.Annotations) > 0:
		return errors.New("random image: Docker's manifests have no annotations")
	}
	return nil
}

func parsePlatform(s string) (ocispec.Platform, error) {
	p, err := v1.ParsePlatform(s)
	if err != nil || p.OS == "" || p.Architecture == "" {
		return ocispec.Platform{}, fmt.Errorf("random image: platform %q: want os/architecture or os/architecture/variant", s)
	}
	return ocispec.Platform{OS: p.OS, OSVersion: p.OSVersion, Architecture: p.Architecture, Variant: p.Variant}, nil
}

// RandomImage returns an image whose layers are tars compressed with gzip, each with one file of
// random bytes. Content is generated and digests are computed on demand. The default platform is
// linux/amd64.
func RandomImage(o ImageOptions) (v1.Image, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	switch len(o.Platforms) {
	case 0:
		return newRandomImage(o, defaultPlatform)
	case 1:
		return newRandomImage(o, o.Platforms[0])
	}
	return nil, fmt.Errorf("random image: %d platforms: want one, or an index", len(o.Platforms))
}

// randomImage implements [v1.Image].
type randomImage struct {
	documents
	types    mediaTypes
	platform ocispec.Platform
	layers   []*randomLayer
}

func newRandomImage(o ImageOptions, platform string) (*randomImage, error) {
	p, err := parsePlatform(platform)
	if err != nil {
		return nil, err
	}
	img := &randomImage{types: o.mediaTypes(), platform: p}
	for i := range o.Layers {
		img.layers = append(img.layers, newRandomLayer(layerSeed(o.Seed, platform, i), o.LayerSize, img.types.layer))
	}
	img.mediaType = img.types.manifest
	img.config = sync.OnceValue(img.encodeConfig)
	img.manifest = sync.OnceValue(func() []byte { return img.encodeManifest(o.Annotations) })
	return img, nil
}

func layerSeed(seed uint64, platform string, layer int) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", seed, platform, layer)
	return h.Sum64()
}

func (i *randomImage) encodeConfig() []byte {
	created := time.Unix(0, 0).UTC()
	config := ocispec.Image{
		Created:  &created,
		Platform: i.platform,
		Config:   ocispec.ImageConfig{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{}},
	}
	for n, l := range i.layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.sums().diffID)
		config.History = append(config.History, ocispec.History{Created: &created, CreatedBy: fmt.Sprintf("random layer %d", n)})
	}
	return encode(config)
}

func (i *randomImage) encodeManifest(annotations map[string]string) []byte {
	config := i.config()
	m := ocispec.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   string(i.types.manifest),
		Config:      describe(i.types.config, config),
		Layers:      []ocispec.Descriptor{},
		Annotations: annotations,
	}
	for _, l := range i.layers {
		m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: string(l.mediaType), Digest: l.sums().digest, Size: l.stored.Size()})
	}
	return encode(m)
}

func describe(mediaType types.MediaType, content []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: string(mediaType), Digest: digest.FromBytes(content), Size: int64(len(content))}
}

// encode encodes values of image-spec types, which always have a JSON form.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (i *randomImage) Layers() ([]v1.Layer, error) { return layersOf(i.layers), nil }

func (i *randomImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if name, err := i.ConfigName(); err == nil && name == h {
		return documentLayer(i.types.config, i.config()), nil
	}
	return i.layerBy(h, (*randomLayer).Digest)
}

func (i *randomImage) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	return i.layerBy(h, (*randomLayer).DiffID)
}

func (i *randomImage) layerBy(h v1.Hash, key func(*randomLayer) (v1.Hash, error)) (v1.Layer, error) {
	for _, l := range i.layers {
		if k, err := key(l); err == nil && k == h {
			return l, nil
		}
	}
	return nil, fmt.Errorf("random image: no layer %s", h)
}
