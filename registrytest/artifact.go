package registrytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
)

// Artifact is content that is no container image: an image manifest with an
// artifact type, an empty config, and layers of any kind (image specification,
// "Guidelines for Artifact Usage").
type Artifact struct {
	Type        string // required, a media type
	Annotations map[string]string
	Layers      []Layer // none: one layer, the empty JSON object
}

// Layer is a layer of an [Artifact].
type Layer struct {
	MediaType   string // "application/octet-stream" if empty
	Content     Content
	Annotations map[string]string
}

// PushArtifact is [Registry.Push] for an artifact.
func (r *Registry) PushArtifact(t testing.TB, ref string, artifact Artifact) Pushed {
	t = r.test(t)
	t.Helper()
	return r.push(t, ref, func(ctx context.Context, to content.Repository, tags []string) (ocispec.Descriptor, error) {
		return putArtifact(ctx, to, artifact, nil, tags)
	})
}

// Attach puts an artifact into the registry that has a manifest there as its subject,
// so that it is listed among the manifest's referrers. In a registry without the
// referrers API, the artifact is added to the index under the subject's fallback tag,
// as clients do it (distribution specification, "Unavailable Referrers API").
func (r *Registry) Attach(t testing.TB, ref string, artifact Artifact) Pushed {
	t = r.test(t)
	t.Helper()
	at := r.parse(ref)
	return r.push(t, at.repository, func(ctx context.Context, to content.Repository, _ []string) (ocispec.Descriptor, error) {
		if at.manifest() == "" {
			return ocispec.Descriptor{}, errors.New("attach to what? want a tag or a digest")
		}
		m, err := to.Store.Manifest(ctx, to.Name, at.manifest())
		if err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("attach to %s: %w", ref, err)
		}
		subject := &ocispec.Descriptor{MediaType: m.Descriptor.MediaType, Digest: m.Descriptor.Digest, Size: m.Descriptor.Size}
		desc, err := putArtifact(ctx, to, artifact, subject, nil)
		if err != nil || r.hasReferrers(ctx, to, subject) {
			return desc, err
		}
		return desc, tagReferrer(ctx, to, subject, desc, artifact)
	})
}

// hasReferrers reports whether clients can list the referrers of a manifest.
func (r *Registry) hasReferrers(ctx context.Context, of content.Repository, subject *ocispec.Descriptor) bool {
	for _, err := range of.Store.Referrers(ctx, of.Name, subject.Digest, "") {
		if errors.Is(err, registry.NotEnabled) {
			return false
		}
	}
	return !r.Options().NoReferrers
}

// tagReferrer adds a referrer to the index under the fallback tag of its subject.
func tagReferrer(ctx context.Context, to content.Repository, subject *ocispec.Descriptor, desc ocispec.Descriptor, artifact Artifact) error {
	tag := fmt.Sprintf("%s-%s", subject.Digest.Algorithm(), subject.Digest.Encoded())
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
	desc.ArtifactType, desc.Annotations = artifact.Type, artifact.Annotations
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

func putArtifact(ctx context.Context, to content.Repository, a Artifact, subject *ocispec.Descriptor, tags []string) (ocispec.Descriptor, error) {
	if a.Type == "" {
		return ocispec.Descriptor{}, errors.New("the artifact has no Type")
	}
	m := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: a.Type,
		Config:       ocispec.DescriptorEmptyJSON,
		Subject:      subject,
		Annotations:  a.Annotations,
	}
	if _, err := to.PutBlob(ctx, bytes.NewReader(ocispec.DescriptorEmptyJSON.Data)); err != nil {
		return ocispec.Descriptor{}, err
	}
	for i, layer := range a.Layers {
		if must.IsNil(layer.Content) {
			return ocispec.Descriptor{}, fmt.Errorf("layer %d has no Content", i)
		}
		desc, err := to.PutBlob(ctx, layer.Content)
		if err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("layer %d: %w", i, err)
		}
		if layer.MediaType != "" {
			desc.MediaType = layer.MediaType
		}
		desc.Annotations = layer.Annotations
		m.Layers = append(m.Layers, desc)
	}
	if len(m.Layers) == 0 {
		m.Layers = []ocispec.Descriptor{ocispec.DescriptorEmptyJSON}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return to.PutManifest(ctx, m.MediaType, raw, tags...)
}
