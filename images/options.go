package images

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/must"
)

// Option sets a property of an image, an index or an artifact.
type Option func(*config)

type config struct {
	content.ImageOptions
	layers []content.ArtifactLayer
	names  []string // of the options that were given
}

// newConfig applies options. It panics if one of them is nil, is given twice, or is not
// an option of the function.
func newConfig(function string, opts []Option) config {
	c := config{ImageOptions: content.ImageOptions{Layers: 3, LayerSize: 4096}}
	for i, option := range opts {
		if option == nil {
			panic(fmt.Sprintf("images: %s: option %d of %d is nil", function, i+1, len(opts)))
		}
		option(&c)
	}
	artifact := function == "Artifact"
	for i, name := range c.names {
		switch {
		case name != "Layer" && slices.Contains(c.names[:i], name):
			panic(fmt.Sprintf("images: %s: %s is given twice: give it once", function, name))
		case name != "Annotations" && artifact != (name == "Layer"):
			panic(fmt.Sprintf("images: %s: %s is not one of its options", function, name))
		}
	}
	return c
}

// made returns what a function makes from options, and panics if it fails.
func made[O, T any](function string, make func(O) (T, error), options O) T {
	value, err := make(options)
	if err != nil {
		panic(fmt.Sprintf("images: %s: %s", function, strings.TrimPrefix(err.Error(), "random image: ")))
	}
	return value
}

func setting(name string, set func(*config)) Option {
	return func(c *config) {
		c.names = append(c.names, name)
		set(c)
	}
}

// Seed sets the seed of the random content.
func Seed(seed uint64) Option {
	return setting("Seed", func(c *config) { c.Seed = seed })
}

// Layers sets the number of layers.
func Layers(n int) Option {
	return setting("Layers", func(c *config) { c.Layers = n })
}

// LayerSize sets the exact size in bytes of each layer's blob; a size below 1559 bytes
// gives a blob of 1559. Layers above 64 MiB are computed when they are read, so that they
// take no memory, but the time to compute their digest grows with their size.
func LayerSize(n int64) Option {
	return setting("LayerSize", func(c *config) { c.LayerSize = n })
}

// Platforms sets the platforms of an index, or the one platform of an image:
// "linux/amd64", "linux/arm64/v8".
func Platforms(platforms ...string) Option {
	return setting("Platforms", func(c *config) { c.Platforms = platforms })
}

// Annotations sets the annotations of the manifest of an image, an index or an artifact.
func Annotations(annotations map[string]string) Option {
	return setting("Annotations", func(c *config) { c.Annotations = annotations })
}

// DockerMediaTypes gives an image or an index the media types of Docker's schema 2.
func DockerMediaTypes() Option {
	return setting("DockerMediaTypes", func(c *config) { c.Docker = true })
}

// Layer adds a layer to an [Artifact]. An empty media type means
// "application/octet-stream".
func Layer(mediaType string, c Content) Option {
	must.NotNil("images: Layer: c", c)
	return setting("Layer", func(to *config) {
		to.layers = append(to.layers, content.ArtifactLayer{MediaType: mediaType, Content: c})
	})
}
