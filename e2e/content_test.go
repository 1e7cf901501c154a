package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// content is an OCI image layout on disk, the form in which every client under
// test can be given an image or can be told to leave one.
type content struct {
	dir   string
	tag   string
	root  ocispec.Descriptor       // what the tag is on
	blobs map[digest.Digest][]byte // what a client must carry unchanged, by digest
}

// The media types of a Helm chart.
const (
	chartConfigType = "application/vnd.cncf.helm.config.v1+json"
	chartLayerType  = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// A layer is several chunks long, and no multiple of one.
const (
	chunkSize = 64 << 10
	layerSize = 3*chunkSize + 1000
)

// newImage makes an image of two layers. Images of the same test and tag are
// equal, others share no layer, so that no client finds it in the registry already.
func newImage(t *testing.T, tag string) content {
	t.Helper()
	b := newBuilder(t, digest.SHA256)
	return b.close(tag, b.image(tag, "amd64"))
}

// newSHA512Image makes an image in which every digest is a SHA-512.
func newSHA512Image(t *testing.T, tag string) content {
	t.Helper()
	b := newBuilder(t, digest.SHA512)
	return b.close(tag, b.image(tag, "amd64"))
}

// newIndex makes an index of two images that share a layer.
func newIndex(t *testing.T, tag string) content {
	t.Helper()
	b := newBuilder(t, digest.SHA256)
	return b.close(tag, b.json(ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{b.image(tag, "amd64"), b.image(tag, "arm64")},
	}))
}

// newChart makes a Helm chart whose version is the tag. Config and manifest are
// made by the client that pushes it, so that only the archive stays unchanged.
func newChart(t *testing.T, tag string) content {
	t.Helper()
	b := newBuilder(t, digest.SHA256)
	config := fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\n", chartName, tag)
	archive := b.blob(chartLayerType, tarball(t, chartName+"/Chart.yaml", config))
	unchanged := map[digest.Digest][]byte{archive.Digest: b.blobs[archive.Digest]}
	c := b.close(tag, b.manifest(b.blob(chartConfigType, []byte("{}")), archive))
	c.blobs = unchanged
	return c
}

// newArtifact makes an artifact without a tag that refers to a subject.
func newArtifact(t *testing.T, subject ocispec.Descriptor, artifactType string) content {
	t.Helper()
	b := newBuilder(t, digest.SHA256)
	empty := b.blob(ocispec.MediaTypeEmptyJSON, ocispec.DescriptorEmptyJSON.Data)
	return b.close("", b.json(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType,
		Config:       empty,
		Layers:       []ocispec.Descriptor{empty},
		Subject:      &subject,
	}))
}

func tarball(t *testing.T, name, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	require.NoError(t, tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}))
	_, err := tw.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, tw.Close())
	require.NoError(t, gz.Close())
	return buf.Bytes()
}

// builder writes an OCI image layout.
type builder struct {
	t         *testing.T
	dir       string
	algorithm digest.Algorithm
	blobs     map[digest.Digest][]byte
}

func newBuilder(t *testing.T, algorithm digest.Algorithm) *builder {
	return &builder{t: t, dir: t.TempDir(), algorithm: algorithm, blobs: map[digest.Digest][]byte{}}
}

func (b *builder) blob(mediaType string, data []byte) ocispec.Descriptor {
	b.t.Helper()
	d := b.algorithm.FromBytes(data)
	b.blobs[d] = data
	b.write(filepath.Join(ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded()), data)
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
}

func (b *builder) json(mediaType string, v any) ocispec.Descriptor {
	b.t.Helper()
	data, err := json.Marshal(v)
	require.NoError(b.t, err)
	return b.blob(mediaType, data)
}

func (b *builder) manifest(config ocispec.Descriptor, layers ...ocispec.Descriptor) ocispec.Descriptor {
	b.t.Helper()
	return b.json(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config,
		Layers:    layers,
	})
}

func (b *builder) image(tag, architecture string) ocispec.Descriptor {
	b.t.Helper()
	desc := b.layered(architecture, random(layerSize, b.t.Name(), tag), random(10, b.t.Name(), tag, architecture))
	desc.Platform = &ocispec.Platform{OS: "linux", Architecture: architecture}
	return desc
}

// layered writes an image for Linux with the layers.
func (b *builder) layered(architecture string, layers ...[]byte) ocispec.Descriptor {
	b.t.Helper()
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: architecture}, RootFS: ocispec.RootFS{Type: "layers"}}
	var written []ocispec.Descriptor
	for _, layer := range layers {
		desc := b.blob(ocispec.MediaTypeImageLayer, layer)
		written = append(written, desc)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, desc.Digest)
	}
	return b.manifest(b.json(ocispec.MediaTypeImageConfig, config), written...)
}

// random returns bytes that depend on the seed and nothing else.
func random(size int, seed ...string) []byte {
	data := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte(strings.Join(seed, " ")))).Read(data)
	return data
}

// close completes the layout with its index.
func (b *builder) close(tag string, root ocispec.Descriptor) content {
	b.t.Helper()
	root.Annotations = map[string]string{ocispec.AnnotationRefName: tag}
	index, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{root},
	})
	require.NoError(b.t, err)
	b.write(ocispec.ImageIndexFile, index)
	b.write(ocispec.ImageLayoutFile, []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return content{dir: b.dir, tag: tag, root: root, blobs: b.blobs}
}

func (b *builder) write(name string, data []byte) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(b.t, os.WriteFile(path, data, 0o644))
}

// readBlobs returns what is in a layout, each with the digest that it has.
func readBlobs(t *testing.T, dir string) map[digest.Digest][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ocispec.ImageBlobsDir, "*", "*"))
	require.NoError(t, err)
	blobs := map[digest.Digest][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		blobs[digest.Algorithm(filepath.Base(filepath.Dir(file))).FromBytes(data)] = data
	}
	return blobs
}
