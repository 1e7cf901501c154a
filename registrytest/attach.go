package registrytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
)

// Attach puts an image into the registry whose manifest has the manifest of ref as its
// subject, so that the image is one of its referrers. The manifest of the image has the
// subject added and is otherwise unchanged. If the registry has no referrers API, Attach
// also adds the image to the index under the subject's fallback tag, as clients do
// (distribution specification, "Unavailable Referrers API"). If that fails, the test
// fails and ends.
func (r *Registry) Attach(t testing.TB, ref string, image v1.Image) Pushed {
	t = r.test(t)
	t.Helper()
	if must.IsNil(image) {
		t.Fatalf("registrytest: Attach: %s: image is nil", ref)
	}
	at := r.parse(ref)
	return r.push(t, at.repository, func(ctx context.Context, to content.Repository, _ []string) (ocispec.Descriptor, error) {
		if at.manifest() == "" {
			return ocispec.Descriptor{}, errors.New("attach to what? want a tag or a digest")
		}
		m, err := to.Store.Manifest(ctx, to.Name, at.manifest())
		if err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("attach to %s: %w", ref, err)
		}
		desc, err := to.Attach(ctx, m.Descriptor, image)
		if err != nil || r.hasReferrers(ctx, to, m.Descriptor.Digest) {
			return desc, err
		}
		return desc, tagReferrer(ctx, to, m.Descriptor.Digest, desc)
	})
}

// hasReferrers reports whether clients can list the referrers of a manifest.
func (r *Registry) hasReferrers(ctx context.Context, of content.Repository, subject digest.Digest) bool {
	if r.Options().NoReferrers {
		return false
	}
	for _, err := range of.Store.Referrers(ctx, of.Name, subject, "") {
		return !errors.Is(err, registry.NotEnabled)
	}
	return true
}

// tagReferrer adds a referrer to the index under the fallback tag of its subject.
func tagReferrer(ctx context.Context, to content.Repository, subject digest.Digest, desc ocispec.Descriptor) error {
	tag := fmt.Sprintf("%s-%s", subject.Algorithm(), subject.Encoded())
	tag = tag[:min(len(tag), 128)] // as long as tags may be
	list := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	m, err := to.Store.Manifest(ctx, to.Name, tag)
	switch {
	case err == nil:
		err = json.Unmarshal(m.Content, &list)
	case errors.Is(err, registry.ManifestUnknown):
		err = nil
	}
	if err != nil {
		return fmt.Errorf("the index under the fallback tag %s: %w", tag, err)
	}
	if slices.ContainsFunc(list.Manifests, func(d ocispec.Descriptor) bool { return d.Digest == desc.Digest }) {
		return nil
	}
	list.Manifests = append(list.Manifests, desc)
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	_, err = to.PutManifest(ctx, ocispec.MediaTypeImageIndex, raw, tag)
	return err
}
