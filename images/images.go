// Package images makes images, indexes and artifacts for tests. The same arguments give
// the same digests on every machine.
//
//	reg := registrytest.New(t)
//	reg.Push(t, "app:v1", images.Random(images.Layers(2)))
//	reg.Attach(t, "app:v1", images.Artifact("application/vnd.example.signature"))
//
// Images are values of go-containerregistry, so that other tools can use them too. Their
// content is computed when it is read: a layer of 100 GiB takes no memory.
//
// This package is experimental: its names may change in any release.
package images

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ocifake/ocifake/internal/content"
)

// Random returns an image that clients accept as a real one: its layers are
// gzip-compressed tars, each with a file of random bytes, and its config has their diff
// IDs. By default it has the seed 0, three layers of 4 KiB, OCI media types and the
// platform linux/amd64. Random panics if an option is invalid or is given twice.
func Random(opts ...Option) v1.Image {
	c := newConfig("Random", opts)
	return made("Random", content.RandomImage, c.ImageOptions)
}

// RandomIndex returns an index with one image for each platform: the image that [Random]
// returns for it. The default platforms are linux/amd64 and linux/arm64. RandomIndex
// panics if an option is invalid or is given twice.
func RandomIndex(opts ...Option) v1.ImageIndex {
	c := newConfig("RandomIndex", opts)
	return made("RandomIndex", content.RandomIndex, c.ImageOptions)
}

// Artifact returns content that is not a container image: an image manifest with an
// artifact type, which is a media type, an empty config, and the layers that [Layer]
// adds, or one layer with the empty JSON object (image specification, "Guidelines for
// Artifact Usage"). The options are [Layer] and [Annotations]. Artifact panics if an
// option is invalid or is given twice.
func Artifact(artifactType string, opts ...Option) v1.Image {
	c := newConfig("Artifact", opts)
	return made("Artifact", content.Artifact, content.ArtifactOptions{Type: artifactType, Annotations: c.Annotations, Layers: c.layers})
}
