package content

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ArtifactOptions describe an artifact.
type ArtifactOptions struct {
	Type        string // required, a media type
	Annotations map[string]string
	Layers      []ArtifactLayer // by default one layer, the empty JSON object
}

// ArtifactLayer is a layer of an artifact.
type ArtifactLayer struct {
	MediaType string // "application/octet-stream" if empty
	Content   Content
}

// Artifact returns an image manifest with an artifact type and an empty config (image
// specification, "Guidelines for Artifact Usage").
func Artifact(o ArtifactOptions) (v1.Image, error) {
	if o.Type == "" {
		return nil, errors.New("the artifact type is empty: want a media type")
	}
	a := &artifact{}
	m := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: o.Type,
		Config:       ocispec.DescriptorEmptyJSON,
		Annotations:  o.Annotations,
	}
	for i, layer := range o.Layers {
		l, err := newArtifactLayer(layer)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		a.layers = append(a.layers, l)
	}
	if len(a.layers) == 0 {
		a.layers = []*artifactLayer{{bytes.NewReader(emptyJSON()), ocispec.DescriptorEmptyJSON}}
	}
	for _, l := range a.layers {
		m.Layers = append(m.Layers, l.desc)
	}
	manifest := encode(m)
	a.documents = documents{types.OCIManifestSchema1, emptyJSON, func() []byte { return manifest }}
	return a, nil
}

func emptyJSON() []byte { return slices.Clone(ocispec.DescriptorEmptyJSON.Data) }

// artifact implements [v1.Image].
type artifact struct {
	documents
	layers []*artifactLayer
}

func (a *artifact) Layers() ([]v1.Layer, error) { return layersOf(a.layers), nil }

func (a *artifact) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	for _, l := range a.layers {
		if string(l.desc.Digest) == h.String() {
			return l, nil
		}
	}
	if h.String() == string(ocispec.DescriptorEmptyJSON.Digest) {
		return documentLayer(ocispec.MediaTypeEmptyJSON, emptyJSON()), nil
	}
	return nil, fmt.Errorf("artifact: no layer %s", h)
}

func (a *artifact) LayerByDiffID(h v1.Hash) (v1.Layer, error) { return a.LayerByDigest(h) }

// artifactLayer implements [v1.Layer].
type artifactLayer struct {
	content Content
	desc    ocispec.Descriptor
}

func newArtifactLayer(l ArtifactLayer) (*artifactLayer, error) {
	desc := ocispec.Descriptor{MediaType: l.MediaType, Size: l.Content.Size()}
	if desc.MediaType == "" {
		desc.MediaType = octets
	}
	var err error
	desc.Digest, err = digestOf(l.Content)
	return &artifactLayer{l.Content, desc}, err
}

// documentLayer is a document as a layer: the form in which an image has its config among its
// layers.
func documentLayer(mediaType types.MediaType, document []byte) *artifactLayer {
	return &artifactLayer{bytes.NewReader(document), describe(mediaType, document)}
}

func (l *artifactLayer) blob() Content            { return l.content }
func (l *artifactLayer) Digest() (v1.Hash, error) { return v1.NewHash(string(l.desc.Digest)) }
func (l *artifactLayer) DiffID() (v1.Hash, error) { return l.Digest() }
func (l *artifactLayer) Size() (int64, error)     { return l.desc.Size, nil }
func (l *artifactLayer) MediaType() (types.MediaType, error) {
	return types.MediaType(l.desc.MediaType), nil
}
func (l *artifactLayer) Uncompressed() (io.ReadCloser, error) { return l.Compressed() }
func (l *artifactLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(l.content, 0, l.desc.Size)), nil
}

// Attach stores an image whose manifest gets a subject.
func (to Repository) Attach(ctx context.Context, subject ocispec.Descriptor, img v1.Image) (ocispec.Descriptor, error) {
	return to.PutImage(ctx, &attached{img, subject})
}

// attached is an image with another subject.
type attached struct {
	v1.Image
	subject ocispec.Descriptor
}

// RawManifest returns the manifest of the image with the subject. The other fields stay,
// also those that no type of image-spec has.
func (a *attached) RawManifest() ([]byte, error) {
	raw, err := a.Image.RawManifest()
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	fields["subject"] = encode(ocispec.Descriptor{MediaType: a.subject.MediaType, Digest: a.subject.Digest, Size: a.subject.Size})
	return encode(fields), nil
}
