// Package content puts content into a [registry.Store] without a client, and
// judges what is in one: images and artifacts given as go-containerregistry
// values, OCI image layouts, docker-save archives, deterministic random images
// of any size, under many names if asked for, a check of the whole, and a snapshot
// of it.
package content

import (
	"bytes"
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Repository is the place in a Store that content is put into. Its methods are
// safe for concurrent use. What they put is checked as the registry checks a
// push: digests, sizes, the form of manifests, and that references exist.
type Repository struct {
	Store registry.Store
	Name  string

	// AllowSparse accepts manifests and indexes whose references do not exist.
	AllowSparse bool

	// Children returns what an index refers to, as far as the index can give it.
	// Default: images and indexes. It is there for go-containerregistry's
	// partial.Manifests, which knows more: that brings decompressors, whose
	// initialization is a tenth of the time in which ocifake starts.
	Children func(v1.ImageIndex) ([]Describable, error)
}

// Describable is an image, an index or a layer.
type Describable interface {
	Digest() (v1.Hash, error)
	MediaType() (types.MediaType, error)
	Size() (int64, error)
}

// Content is what a blob is made of, readable at any offset and by many readers
// at once.
type Content interface {
	io.ReaderAt
	Size() int64
}

// PutBlob stores a blob and returns its descriptor, a generic one. Content of
// more than 64 MiB is not copied if the Store can do without: it is read from c
// whenever it is asked for. If c has a method Digest() digest.Digest, that is
// taken for such content; otherwise the sha256 digest is computed.
func (to Repository) PutBlob(ctx context.Context, c Content) (ocispec.Descriptor, error) {
	if err := to.checkNames(); err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := to.putContent(ctx, c)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put a blob into %s: %w", to.Name, err)
	}
	return desc, nil
}

// PutImage stores an image: its layers, but for those that are not
// distributable, its config and its manifest, with the tags.
func (to Repository) PutImage(ctx context.Context, img v1.Image, tags ...string) (ocispec.Descriptor, error) {
	if err := to.checkNames(tags...); err != nil {
		return ocispec.Descriptor{}, err
	}
	layers, err := img.Layers()
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put an image into %s: its layers: %w", to.Name, err)
	}
	for i, layer := range layers {
		if err := to.putLayer(ctx, layer); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("put an image into %s: layer %d: %w", to.Name, i, err)
		}
	}
	config, err := img.RawConfigFile()
	if err == nil {
		_, err = to.putContent(ctx, bytes.NewReader(config))
	}
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put an image into %s: its config: %w", to.Name, err)
	}
	return to.putRaw(ctx, img, tags)
}

// PutIndex stores an index, with the tags, and all that it refers to: images,
// indexes and layers. A child that is none of them must be in the repository. With
// AllowSparse, a child that the index cannot give is left out.
func (to Repository) PutIndex(ctx context.Context, index v1.ImageIndex, tags ...string) (ocispec.Descriptor, error) {
	if err := to.checkNames(tags...); err != nil {
		return ocispec.Descriptor{}, err
	}
	children, err := to.children(index)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put an index into %s: its manifests: %w", to.Name, err)
	}
	for i, child := range children {
		if err := to.putChild(ctx, child); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("put an index into %s: manifest %d: %w", to.Name, i, err)
		}
	}
	return to.putRaw(ctx, index, tags)
}

func (to Repository) children(index v1.ImageIndex) ([]Describable, error) {
	if to.Children != nil {
		children, err := to.Children(index)
		if err == nil || !to.AllowSparse {
			return children, err
		}
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var children []Describable
	for _, desc := range m.Manifests {
		var child Describable
		switch {
		case desc.MediaType.IsImage():
			child, err = index.Image(desc.Digest)
		case desc.MediaType.IsIndex():
			child, err = index.ImageIndex(desc.Digest)
		default:
			continue
		}
		if err == nil {
			children = append(children, child)
		} else if !to.AllowSparse {
			return nil, err
		}
	}
	return children, nil
}

func (to Repository) putChild(ctx context.Context, child Describable) error {
	var err error
	switch child := child.(type) {
	case v1.ImageIndex:
		_, err = to.PutIndex(ctx, child)
	case v1.Image:
		_, err = to.PutImage(ctx, child)
	case v1.Layer:
		err = to.putLayer(ctx, child)
	}
	return err
}

// typedManifest is what images, indexes and other manifests of
// go-containerregistry have in common.
type typedManifest interface {
	RawManifest() ([]byte, error)
	Describable
}

func (to Repository) putRaw(ctx context.Context, m typedManifest, tags []string) (ocispec.Descriptor, error) {
	raw, err := m.RawManifest()
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put a manifest into %s: %w", to.Name, err)
	}
	mediaType, err := m.MediaType()
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put a manifest into %s: its media type: %w", to.Name, err)
	}
	return to.PutManifest(ctx, string(mediaType), raw, tags...)
}

// PutManifest stores a manifest, with the tags, and returns its descriptor. What
// it refers to must be in the repository, unless AllowSparse is set.
func (to Repository) PutManifest(ctx context.Context, mediaType string, content []byte, tags ...string) (ocispec.Descriptor, error) {
	if err := to.checkNames(tags...); err != nil {
		return ocispec.Descriptor{}, err
	}
	m, err := registry.ParseManifest(mediaType, bytes.Clone(content))
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put a manifest into %s: %w", to.Name, err)
	}
	if err := to.putParsed(ctx, m, tags); err != nil {
		return ocispec.Descriptor{}, err
	}
	return m.Descriptor, nil
}

func (to Repository) putParsed(ctx context.Context, m registry.PutManifest, tags []string) error {
	m.Tags, m.Ref = tags, string(m.Descriptor.Digest)
	if to.AllowSparse {
		m.Require = nil
	}
	if err := to.Store.PutManifest(ctx, to.Name, m); err != nil {
		return fmt.Errorf("put the manifest %s into %s: %w", m.Descriptor.Digest, to.Name, err)
	}
	return nil
}

// checkNames keeps from the Store what it need not judge.
func (to Repository) checkNames(tags ...string) error {
	if !op.ValidRepository(to.Name) {
		return fmt.Errorf("%q is not the name of a repository: want lower-case words as in \"team/app\", without a host", to.Name)
	}
	for _, tag := range tags {
		if !op.ValidTag(tag) {
			return fmt.Errorf("%q, for the repository %s, is not a tag: want [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", tag, to.Name)
		}
	}
	return nil
}

func fromHash(h v1.Hash) digest.Digest { return digest.Digest(h.String()) }
