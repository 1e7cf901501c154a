package content

import (
	"context"
	"fmt"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func (s *snapshot) survey(ctx context.Context, repos []string) error {
	if len(repos) == 0 {
		for repo, err := range s.store.Repositories(ctx, "") {
			if err != nil {
				return fmt.Errorf("list the repositories: %w", err)
			}
			repos = append(repos, repo)
		}
	}
	for _, repo := range distinct(repos) {
		r := surveyed{name: repo, blobs: make(map[digest.Digest]ocispec.Descriptor),
			manifests: make(map[digest.Digest]*surveyedManifest), children: make(map[key]bool)}
		if err := s.surveyRepository(ctx, r); err != nil {
			return fmt.Errorf("repository %s: %w", repo, err)
		}
	}
	return nil
}

// surveyed is the content of a repository.
type surveyed struct {
	name      string
	blobs     map[digest.Digest]ocispec.Descriptor
	manifests map[digest.Digest]*surveyedManifest
	children  map[key]bool // content that Load reaches from manifests
}

type surveyedManifest struct {
	registry.PutManifest
	valid  bool // Load restores it from its content
	height int  // nesting depth of indexes, 1 for an image; 0 if unknown, -1 if it cannot be followed
}

func (s *snapshot) surveyRepository(ctx context.Context, r surveyed) error {
	var tags []registry.Tag
	tagged := make(map[digest.Digest]bool)
	for tag, err := range s.store.Tags(ctx, r.name, "") {
		if err != nil {
			return fmt.Errorf("list the tags: %w", err)
		}
		tags, tagged[tag.Digest] = append(tags, tag), true
	}
	for desc, err := range s.store.Blobs(ctx, r.name, "") {
		if err != nil {
			return fmt.Errorf("list the blobs: %w", err)
		}
		r.blobs[desc.Digest], s.blobs[desc.Digest] = desc, r.name
	}
	if err := s.surveyManifests(ctx, r); err != nil {
		return err
	}
	for _, m := range r.manifests {
		r.follow(m)
	}
	for _, tag := range tags {
		m, ok := r.manifests[tag.Digest]
		if !ok {
			return fmt.Errorf("tag %s refers to %s, which is not a manifest of the repository", tag.Name, tag.Digest)
		}
		s.list(m.entry(), LayoutName(r.name, tag.Name, ""))
	}
	for _, d := range sortedKeys(r.manifests) {
		if !tagged[d] && !r.children[key{d, true}] {
			s.list(r.manifests[d].entry(), LayoutName(r.name, "", d))
		}
	}
	for _, d := range sortedKeys(r.blobs) {
		if !r.children[key{d, false}] {
			s.list(ocispec.Descriptor{MediaType: octets, Digest: d, Size: r.blobs[d].Size}, LayoutName(r.name, "", d))
		}
	}
	if len(r.manifests)+len(r.blobs) == 0 {
		s.empty = append(s.empty, r.name)
	}
	return nil
}

func (s *snapshot) surveyManifests(ctx context.Context, r surveyed) error {
	for desc, err := range s.store.Manifests(ctx, r.name, "") {
		if err != nil {
			return fmt.Errorf("list the manifests: %w", err)
		}
		m, err := s.store.Manifest(ctx, r.name, desc.Digest.String())
		if err != nil {
			return err
		}
		if len(m.Content) > maxDocument {
			return fmt.Errorf("size of manifest %s is %d bytes, which exceeds the limit of %d: delete it", desc.Digest, len(m.Content), maxDocument)
		}
		put, valid, err := AsStored(ctx, s.store, r.name, m)
		if err != nil {
			return fmt.Errorf("manifest %s: %w", desc.Digest, err)
		}
		s.manifests[desc.Digest] = m.Content
		r.manifests[desc.Digest] = &surveyedManifest{PutManifest: put, valid: valid}
	}
	return nil
}

// follow reports whether Load can follow all references of a manifest, and records the references.
func (r surveyed) follow(m *surveyedManifest) bool {
	if m.height != 0 {
		return m.height > 0
	}
	m.height = -1
	if !m.valid {
		return false
	}
	height := 0
	for _, ref := range m.Require {
		blob, manifest := r.describe(ref.Digest)
		if ref.Judge(r.name, blob, manifest) != nil {
			return false
		}
		if ref.Optional {
			continue
		}
		if ref.Blob {
			if blob == nil {
				return false // the target is a manifest, but Load expects a blob
			}
			continue
		}
		child := r.manifests[ref.Digest]
		if !r.follow(child) {
			return false
		}
		height = max(height, child.height)
	}
	if height >= maxDepth {
		return false
	}
	m.height = height + 1
	for _, ref := range m.Require {
		if !ref.Optional {
			r.children[referenceKey(ref)] = true
		}
	}
	return true
}

// describe returns the descriptors of the blob and the manifest with a digest.
func (r surveyed) describe(d digest.Digest) (blob, manifest *ocispec.Descriptor) {
	if desc, ok := r.blobs[d]; ok {
		blob = &desc
	}
	if m, ok := r.manifests[d]; ok {
		manifest = &m.Descriptor
	}
	return blob, manifest
}

// entry returns the entry of the manifest in index.json.
func (m *surveyedManifest) entry() ocispec.Descriptor {
	desc := ocispec.Descriptor{MediaType: m.Descriptor.MediaType, Digest: m.Descriptor.Digest, Size: m.Descriptor.Size}
	if m.height < 0 {
		setStandalone(&desc, m.PutManifest, m.valid)
	}
	return desc
}

// list adds an entry with a name to index.json.
func (s *snapshot) list(desc ocispec.Descriptor, name string) {
	if desc.Annotations == nil {
		desc.Annotations = make(map[string]string)
	}
	desc.Annotations[ocispec.AnnotationRefName] = name
	s.index = append(s.index, desc)
}
