// Package content puts content into a [registry.Store] without a client, and checks it: images and
// artifacts as go-containerregistry values, OCI image layouts, docker-save archives, and
// deterministic random images of any size. It also saves a Store as a snapshot.
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

// Repository is a repository in a Store. Its methods are safe for concurrent use. They check
// content as the registry checks a push: digests, sizes, the form of manifests, and the existence
// of references.
type Repository struct {
	Store registry.Store
	Name  string

	// AllowSparse accepts manifests and indexes with missing references.
	AllowSparse bool
}

// Describable is an image, an index or a layer.
type Describable interface {
	Digest() (v1.Hash, error)
	MediaType() (types.MediaType, error)
	Size() (int64, error)
}

// Content is the content of a blob. It is readable at any offset by concurrent readers.
type Content interface {
	io.ReaderAt
	Size() int64
}

// PutBlob stores a blob and returns a descriptor with a generic media type. If the Store supports
// it, content of more than 64 MiB is not copied, but read from c on demand. For such content, a
// method Digest() digest.Digest of c is trusted; otherwise PutBlob computes the sha256 digest.
func (to Repository) PutBlob(ctx context.Context, c Content) (ocispec.Descriptor, error) {
	if err := to.checkNames(); err != nil {
		return ocispec.Descriptor{}, err
	}
	if c == nil {
		return ocispec.Descriptor{}, fmt.Errorf("put blob into %s: the content is nil", to.Name)
	}
	desc, err := to.putContent(ctx, c)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put blob into %s: %w", to.Name, err)
	}
	return desc, nil
}

// PutImage stores an image: its layers, except those that are not distributable, its config and its
// manifest. It adds the tags.
func (to Repository) PutImage(ctx context.Context, img v1.Image, tags ...string) (ocispec.Descriptor, error) {
	if err := to.checkNames(tags...); err != nil {
		return ocispec.Descriptor{}, err
	}
	layers, err := img.Layers()
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put image into %s: layers: %w", to.Name, err)
	}
	for i, layer := range layers {
		if err := to.putLayer(ctx, layer); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("put image into %s: layer %d: %w", to.Name, i, err)
		}
	}
	config, err := img.RawConfigFile()
	if err == nil {
		_, err = to.putContent(ctx, bytes.NewReader(config))
	}
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put image into %s: config: %w", to.Name, err)
	}
	return to.putRaw(ctx, img, tags)
}

// PutIndex stores an index and its children: images, indexes and layers. It adds the tags to the
// index. A child of another type must exist in the repository. With AllowSparse, a child that the
// index does not contain is omitted.
func (to Repository) PutIndex(ctx context.Context, index v1.ImageIndex, tags ...string) (ocispec.Descriptor, error) {
	if err := to.checkNames(tags...); err != nil {
		return ocispec.Descriptor{}, err
	}
	children, err := to.children(index)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put index into %s: manifests: %w", to.Name, err)
	}
	for i, child := range children {
		if err := to.putChild(ctx, child); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("put index into %s: manifest %d: %w", to.Name, i, err)
		}
	}
	return to.putRaw(ctx, index, tags)
}

// children returns the children that the index contains.
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

// childOf returns the image, index or layer of an index for a descriptor, or nil if the index has
// no method for its media type.
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

// manifestsOf calls the method Manifests() ([]partial.Describable, error) of indexes from
// go-containerregistry's package mutate. Only that method returns images with streamed layers,
// which have no digest yet. manifestsOf uses reflection because package partial, which declares the
// type, links decompressors that account for a tenth of ocifake's startup time.
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

// typedManifest is the common interface of images, indexes and other manifests of
// go-containerregistry.
type typedManifest interface {
	RawManifest() ([]byte, error)
	Describable
}

func (to Repository) putRaw(ctx context.Context, m typedManifest, tags []string) (ocispec.Descriptor, error) {
	raw, err := m.RawManifest()
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put manifest into %s: %w", to.Name, err)
	}
	mediaType, err := m.MediaType()
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put manifest into %s: media type: %w", to.Name, err)
	}
	return to.PutManifest(ctx, string(mediaType), raw, tags...)
}

// PutManifest stores a manifest, adds the tags, and returns its descriptor. Its references must
// exist in the repository, unless AllowSparse is set.
func (to Repository) PutManifest(ctx context.Context, mediaType string, content []byte, tags ...string) (ocispec.Descriptor, error) {
	if err := to.checkNames(tags...); err != nil {
		return ocispec.Descriptor{}, err
	}
	m, err := registry.ParseManifest(mediaType, bytes.Clone(content))
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("put manifest into %s: %w", to.Name, err)
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
		return fmt.Errorf("put manifest %s into %s: %w", m.Descriptor.Digest, to.Name, err)
	}
	return nil
}

// checkNames validates the repository and the tags: a Store does not.
func (to Repository) checkNames(tags ...string) error {
	if !op.ValidRepository(to.Name) {
		return fmt.Errorf("invalid repository name %q: want a lower-case name such as \"team/app\", without a host", to.Name)
	}
	for _, tag := range tags {
		if !op.ValidTag(tag) {
			return fmt.Errorf("invalid tag %q for repository %s: want [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", tag, to.Name)
		}
	}
	return nil
}

func fromHash(h v1.Hash) digest.Digest { return digest.Digest(h.String()) }
