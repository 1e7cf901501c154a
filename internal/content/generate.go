package content

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"

	"github.com/ocifake/ocifake/registry"
)

// Generate describes random content; see [ParseGenerate].
type Generate struct {
	text       string
	references []reference
	options    ImageOptions // of each image; all seeds are derived from its seed
	index      bool         // even for a single platform
}

type reference struct{ repository, tag string }

func (r reference) String() string { return r.repository + ":" + r.tag }

// String returns the parsed text.
func (g Generate) String() string { return g.text }

// Into generates the content and puts it into a Store. It returns the content in the order of the
// text. The same text results in the same digests on every machine and with every version of Go.
//
// If the content exceeds 64 MiB, layers larger than 16 KiB are not held in memory if the Store has
// a method AddBlob, like that of memstore: they are generated when they are read. Computing the
// digests takes time for large layers; ctx cancels it.
//
// On an error, Into removes the manifests and tags; blobs may remain.
func (g Generate) Into(ctx context.Context, store registry.Store) ([]Loaded, error) {
	places := make([]placed, 0, len(g.references))
	for _, ref := range g.references {
		to := Repository{Store: store, Name: ref.repository}
		img, err := g.put(ctx, to, ref)
		if err != nil {
			return nil, fmt.Errorf("generate %s: %w", ref, err)
		}
		places = append(places, placed{img, ref.repository, []string{ref.tag}})
	}
	if err := putManifests(ctx, store, places, false); err != nil {
		return nil, fmt.Errorf("generate %s: %w", g, err)
	}
	return loadedFrom(places), nil
}

// put puts the blobs of a reference, and returns its manifests.
func (g Generate) put(ctx context.Context, to Repository, ref reference) (*image, error) {
	o := g.options
	o.Seed = referenceSeed(o.Seed, ref)
	made := &image{}
	if !g.isIndex() {
		img, err := newRandomImage(o, g.platforms()[0])
		if err != nil {
			return nil, err
		}
		return made, g.putImage(ctx, to, img, made)
	}
	index, err := newRandomIndex(o)
	if err != nil {
		return nil, err
	}
	for _, img := range index.images {
		if err := g.putImage(ctx, to, img, made); err != nil {
			return nil, err
		}
	}
	return made, made.addManifest(index)
}

// referenceSeed derives a seed for a reference that does not depend on other references.
func referenceSeed(seed uint64, ref reference) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", seed, ref)
	return h.Sum64()
}

func (g Generate) putImage(ctx context.Context, to Repository, img *randomImage, made *image) error {
	put := to.putContent
	if g.size() > copied && g.options.LayerSize > tiny {
		put = to.addContent
	}
	for i, layer := range img.layers {
		err := layer.sumNow(ctx)
		if err == nil {
			_, err = put(ctx, layer.blob())
		}
		if err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	if _, err := to.putContent(ctx, bytes.NewReader(img.config())); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return made.addManifest(img)
}

// tiny is the layer size in bytes up to which the content takes no more memory than its generator.
const tiny = 16 << 10

// addManifest appends a manifest after the manifests that it refers to.
func (i *image) addManifest(m typedManifest) error {
	raw, err := m.RawManifest()
	if err != nil {
		return err
	}
	mediaType, err := m.MediaType()
	if err != nil {
		return err
	}
	parsed, err := registry.ParseManifest(string(mediaType), raw)
	i.manifests = append(i.manifests, parsed)
	return err
}

func (g Generate) isIndex() bool { return g.index || len(g.options.Platforms) > 1 }

// platforms returns the platforms of each reference.
func (g Generate) platforms() []string {
	switch {
	case len(g.options.Platforms) > 0:
		return g.options.Platforms
	case g.index:
		return indexPlatforms
	}
	return indexPlatforms[:1]
}

// layers returns the number of layers of all references.
func (g Generate) layers() int { return len(g.references) * len(g.platforms()) * g.options.Layers }

// size returns the total size of all layers in bytes.
func (g Generate) size() int64 { return int64(g.layers()) * max(g.options.LayerSize, minLayer) }
