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
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/must"
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
	layers := o.Layers
	if len(layers) == 0 {
		layers = []ArtifactLayer{{ocispec.MediaTypeEmptyJSON, bytes.NewReader(emptyJSON())}}
	}
	a := &artifact{}
	m := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: o.Type,
		Config:       ocispec.DescriptorEmptyJSON,
		Annotations:  o.Annotations,
	}
	for i, layer := range layers {
		l, err := newArtifactLayer(layer)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		a.layers = append(a.layers, l)
		m.Layers = append(m.Layers, l.desc)
	}
	if len(o.Layers) == 0 {
		m.Layers[0] = ocispec.DescriptorEmptyJSON
	}
	a.manifest = encode(m)
	return a, nil
}

func emptyJSON() []byte { return slices.Clone(ocispec.DescriptorEmptyJSON.Data) }

// artifact implements [v1.Image].
type artifact struct {
	manifest []byte
	layers   []*artifactLayer
}

func (a *artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (a *artifact) RawManifest() ([]byte, error)        { return bytes.Clone(a.manifest), nil }
func (a *artifact) Manifest() (*v1.Manifest, error) {
	return v1.ParseManifest(bytes.NewReader(a.manifest))
}
func (a *artifact) Digest() (v1.Hash, error)       { return hashOf(a.manifest) }
func (a *artifact) Size() (int64, error)           { return int64(len(a.manifest)), nil }
func (a *artifact) RawConfigFile() ([]byte, error) { return emptyJSON(), nil }
func (a *artifact) ConfigName() (v1.Hash, error)   { return hashOf(emptyJSON()) }
func (a *artifact) ConfigFile() (*v1.ConfigFile, error) {
	return v1.ParseConfigFile(bytes.NewReader(emptyJSON()))
}

func (a *artifact) Layers() ([]v1.Layer, error) {
	layers := make([]v1.Layer, len(a.layers))
	for i, l := range a.layers {
		layers[i] = l
	}
	return layers, nil
}

func (a *artifact) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	for _, l := range a.layers {
		if string(l.desc.Digest) == h.String() {
			return l, nil
		}
	}
	if h.String() == string(ocispec.DescriptorEmptyJSON.Digest) {
		return static.NewLayer(emptyJSON(), ocispec.MediaTypeEmptyJSON), nil
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
	if must.IsNil(l.Content) {
		return nil, errors.New("the content is nil")
	}
	desc := ocispec.Descriptor{MediaType: l.MediaType, Size: l.Content.Size()}
	if desc.MediaType == "" {
		desc.MediaType = octets
	}
	if known, ok := l.Content.(digested); ok {
		desc.Digest = known.Digest()
		return &artifactLayer{l.Content, desc}, nil
	}
	var err error
	desc.Digest, err = digest.SHA256.FromReader(io.NewSectionReader(l.Content, 0, desc.Size))
	return &artifactLayer{l.Content, desc}, err
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
