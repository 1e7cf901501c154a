package registrytest

import (
	"cmp"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ocifake/ocifake/internal/content"
)

// ImageOption is how a random image or index differs from the default one: seed
// 0, three layers of 4 KiB, OCI media types, and the platform linux/amd64, or for
// an index those of linux/amd64 and linux/arm64.
type ImageOption func(*imageConfig)

type imageConfig struct {
	content.ImageOptions
	names map[string]bool // options with a value that were given
	err   error
}

// setting is an option that has a value, and so cannot be given twice.
func setting(name string, set func(*content.ImageOptions)) ImageOption {
	return func(c *imageConfig) {
		if c.names[name] {
			c.err = fmt.Errorf("%s is given twice: give it once", name)
		}
		c.names[name] = true
		set(&c.ImageOptions)
	}
}

// Seed makes another image. The same seed and options give the same digests
// always, on every machine.
func Seed(seed uint64) ImageOption {
	return setting("Seed", func(o *content.ImageOptions) { o.Seed = seed })
}

// Layers sets the number of layers.
func Layers(n int) ImageOption {
	return setting("Layers", func(o *content.ImageOptions) { o.Layers = n })
}

// LayerSize sets the size in bytes of each layer's blob, exactly; one of less than
// 1559 bytes has 1559. Layers of more than 64 MiB are not held in memory but made
// when they are read, so that their size does not matter; but the digest takes the
// time that it takes.
func LayerSize(n int64) ImageOption {
	return setting("LayerSize", func(o *content.ImageOptions) { o.LayerSize = n })
}

// Platforms sets the platforms of an index, or the one of an image:
// "linux/amd64", "linux/arm64/v8".
func Platforms(platforms ...string) ImageOption {
	return setting("Platforms", func(o *content.ImageOptions) { o.Platforms = platforms })
}

// Annotations sets the annotations of the image's manifest, or of the index.
func Annotations(annotations map[string]string) ImageOption {
	return setting("Annotations", func(o *content.ImageOptions) { o.Annotations = annotations })
}

// DockerMediaTypes gives the image or index the media types of Docker's schema 2.
func DockerMediaTypes() ImageOption {
	return func(c *imageConfig) { c.Docker = true }
}

// RandomImage makes an image that clients take for a real one: its layers are
// gzip-compressed tars, each with a file of random bytes, and its config has their
// diff IDs. It panics if an option makes no sense, or is given twice.
func RandomImage(opts ...ImageOption) v1.Image { return random(content.RandomImage, opts) }

// RandomIndex makes an index of one image for each platform, the same image that
// [RandomImage] makes for it.
func RandomIndex(opts ...ImageOption) v1.ImageIndex { return random(content.RandomIndex, opts) }

func random[T any](make func(content.ImageOptions) (T, error), opts []ImageOption) T {
	c := imageConfig{ImageOptions: content.ImageOptions{Layers: 3, LayerSize: 4096}, names: map[string]bool{}}
	for i, option := range opts {
		if option == nil {
			panic(fmt.Sprintf("registrytest: random image: option %d of %d is nil", i+1, len(opts)))
		}
		option(&c)
	}
	made, err := make(c.ImageOptions)
	if err = cmp.Or(c.err, err); err != nil {
		panic("registrytest: random image: " + strings.TrimPrefix(err.Error(), "random image: "))
	}
	return made
}
