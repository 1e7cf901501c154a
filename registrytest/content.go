package registrytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
)

// Pushed describes an image, an index or an artifact in a registry: the descriptor of its
// manifest, and the descriptors in the manifest.
type Pushed struct {
	ocispec.Descriptor
	Repository string
	Tags       []string             // of the reference
	Config     ocispec.Descriptor   // of an image or artifact
	Layers     []ocispec.Descriptor // of an image or artifact
	Manifests  []Pushed             // of an index; a child that is not a manifest, or is missing, has only its descriptor
}

// Push puts an image, or an index with its children, into the store. It makes no request, and
// of the registry's options only AllowSparse applies. The image is a [v1.Image] or a
// [v1.ImageIndex], such as those of package images; layers that are not distributable are
// left out.
//
// The reference is a repository with an optional tag or digest, "app:v1", "app@sha256:…" or
// "app", with or without the host of the registry. An image pushed without a tag is found by
// its digest. An image pushed by digest must have that digest.
//
// If Push fails, the test fails and ends. For a nil t see "Without a test" in the
// documentation of the package.
func (r *Registry) Push(t testing.TB, ref string, image interface{ RawManifest() ([]byte, error) }) Pushed {
	t = r.test(t)
	t.Helper()
	if must.IsNil(image) {
		t.Fatalf("registrytest: Push: %s: image is nil", ref)
	}
	return r.push(t, ref, func(ctx context.Context, to content.Repository, tags []string) (ocispec.Descriptor, error) {
		switch image := image.(type) {
		case v1.ImageIndex:
			return to.PutIndex(ctx, image, tags...)
		case v1.Image:
			return to.PutImage(ctx, image, tags...)
		}
		return ocispec.Descriptor{}, fmt.Errorf("a %T is neither a v1.Image nor a v1.ImageIndex", image)
	})
}

// PushManifest is like [Registry.Push] for the bytes of a manifest. The content to which it
// refers must be in the repository, unless the registry has AllowSparse.
func (r *Registry) PushManifest(t testing.TB, ref, mediaType string, manifest []byte) Pushed {
	t = r.test(t)
	t.Helper()
	return r.push(t, ref, func(ctx context.Context, to content.Repository, tags []string) (ocispec.Descriptor, error) {
		return to.PutManifest(ctx, mediaType, manifest, tags...)
	})
}

// PushBlob puts a blob into a repository: a *[strings.Reader], a *[bytes.Reader], or content
// of package images. Content above 64 MiB is not copied if the store supports that, as the
// default store does: it is read from c when a client reads the blob.
func (r *Registry) PushBlob(t testing.TB, repository string, c interface {
	io.ReaderAt
	Size() int64
}) ocispec.Descriptor {
	t = r.test(t)
	t.Helper()
	if must.IsNil(c) {
		t.Fatalf("registrytest: PushBlob: %s: c is nil", repository)
	}
	desc, err := r.to(strings.TrimPrefix(repository, r.Host()+"/")).PutBlob(contextOf(t), c)
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: %w", err))
	}
	return desc
}

func (r *Registry) to(repository string) content.Repository {
	return content.Repository{Store: r.Store(), Name: repository, AllowSparse: r.Options().AllowSparse}
}

// push puts a manifest.
func (r *Registry) push(t testing.TB, ref string,
	put func(ctx context.Context, to content.Repository, tags []string) (ocispec.Descriptor, error)) Pushed {
	t.Helper()
	ctx := contextOf(t)
	at := r.parse(ref)
	to := r.to(at.repository)
	desc, err := put(ctx, to, at.tags())
	if err == nil && at.digest != "" && at.digest != desc.Digest {
		err = fmt.Errorf("what was pushed has the digest %s", desc.Digest)
	}
	var pushed Pushed
	if err == nil {
		pushed, err = describe(ctx, to, desc)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: push %s: %w", ref, err))
	}
	pushed.Tags = at.tags()
	return pushed
}

// describe returns the descriptors in a manifest of the store.
func describe(ctx context.Context, to content.Repository, desc ocispec.Descriptor) (Pushed, error) {
	return describeOnce(ctx, to, desc, make(map[digest.Digest]Pushed))
}

// describeOnce reads each manifest once.
func describeOnce(ctx context.Context, to content.Repository, desc ocispec.Descriptor, known map[digest.Digest]Pushed) (Pushed, error) {
	if pushed, ok := known[desc.Digest]; ok {
		pushed.Descriptor = desc
		return pushed, nil
	}
	pushed := Pushed{Descriptor: desc, Repository: to.Name}
	m, err := to.Store.Manifest(ctx, to.Name, string(desc.Digest))
	if err != nil {
		return pushed, err
	}
	var document struct {
		Config    ocispec.Descriptor
		Layers    []ocispec.Descriptor
		Manifests []ocispec.Descriptor
	}
	if json.Unmarshal(m.Content, &document) != nil {
		return pushed, nil // pushed with AllowUnchecked
	}
	pushed.Config, pushed.Layers = document.Config, document.Layers
	for _, child := range document.Manifests {
		described, err := describeOnce(ctx, to, child, known)
		if err != nil && !errors.Is(err, registry.ManifestUnknown) {
			return pushed, err
		}
		pushed.Manifests = append(pushed.Manifests, described)
	}
	known[desc.Digest] = pushed
	return pushed, nil
}

// reference is a repository with an optional tag or digest.
type reference struct {
	repository, tag string
	digest          digest.Digest
}

// parse splits a reference. The store validates the parts.
func (r *Registry) parse(ref string) reference {
	ref = strings.TrimPrefix(ref, r.Host()+"/")
	rest, d, _ := strings.Cut(ref, "@")
	repository, tag, _ := strings.Cut(rest, ":")
	return reference{repository, tag, digest.Digest(d)}
}

func (r reference) tags() []string {
	if r.tag == "" {
		return nil
	}
	return []string{r.tag}
}

// manifest returns the digest or, if there is none, the tag.
func (r reference) manifest() string {
	if r.digest != "" {
		return string(r.digest)
	}
	return r.tag
}
