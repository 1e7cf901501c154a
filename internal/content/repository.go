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
	"reflect"
	"slices"

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
	if c == nil {
		return ocispec.Descriptor{}, fmt.Errorf("put a blob into %s: the content is nil", to.Name)
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

// children returns what an index refers to, as far as the index can give it.
func (to Repository) children(index v1.ImageIndex) ([]Describable, error) {
	children, ok, err := manifestsOf(index)
	if ok && (err == nil || !to.AllowSparse) {
		return children, err
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	children = nil
	for _, desc := range m.Manifests {
		child, err := childOf(index, desc)
		switch {
		case err == nil && child != nil:
			children = append(children, child)
		case err != nil && !to.AllowSparse:
			return nil, err
		}
	}
	return children, nil
}

// childOf returns the image, index or layer that an index has for a descriptor, or
// nil if the index has no method for its media type.
func childOf(index v1.ImageIndex, desc v1.Descriptor) (Describable, error) {
	switch {
	case desc.MediaType.IsImage():
		return index.Image(desc.Digest)
	case desc.MediaType.IsIndex():
		return index.ImageIndex(desc.Digest)
	}
	if index, ok := index.(interface {
		Layer(v1.Hash) (v1.Layer, error)
	}); ok {
		return index.Layer(desc.Digest)
	}
	return nil, nil
}

// manifestsOf calls the method Manifests() ([]partial.Describable, error) that
// indexes of go-containerregistry's package mutate have. Only that method returns
// images whose layers are streams, which have no digest yet. Reflection finds it
// because the package partial, which declares the type, links decompressors that
// take a tenth of the time in which ocifake starts.
func manifestsOf(index v1.ImageIndex) (children []Describable, ok bool, err error) {
	method := reflect.ValueOf(index).MethodByName("Manifests")
	if !method.IsValid() || method.Type().NumIn() != 0 || method.Type().NumOut() != 2 {
		return nil, false, nil
	}
	out := method.Call(nil)
	if out[0].Kind() != reflect.Slice {
		return nil, false, nil
	}
	if err, failed := out[1].Interface().(error); failed {
		return nil, true, err
	}
	for i := range out[0].Len() {
		child, ok := out[0].Index(i).Interface().(Describable)
		if !ok {
			return nil, false, nil
		}
		children = append(children, child)
	}
	return children, true, nil
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
		m.Require = slices.Clone(m.Require)
		for i := range m.Require {
			m.Require[i].Optional = true
		}
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
