package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
)

// manifest is a manifest in a repository. It is immutable.
type manifest struct {
	registry.Manifest
	subject digest.Digest
	read    func() ([]byte, error) // if the content is not in memory
}

// held returns the number of bytes in memory.
func (m *manifest) held() int64 { return int64(len(m.Content)) }

// newManifest returns a copy, because the caller may change its arguments later.
func newManifest(p *registry.PutManifest, size int64) *manifest {
	return &manifest{
		Manifest: registry.Manifest{
			Descriptor: ocispec.Descriptor{
				MediaType:    p.Descriptor.MediaType,
				Digest:       digest.Digest(strings.Clone(string(p.Descriptor.Digest))),
				Size:         size,
				ArtifactType: p.Descriptor.ArtifactType,
				Annotations:  maps.Clone(p.Descriptor.Annotations),
			},
			Content: bytes.Clone(p.Content),
		},
		subject: p.Subject,
	}
}

// Manifest implements [registry.Store].
func (s *Store) Manifest(ctx context.Context, repo, ref string) (registry.Manifest, error) {
	must.NotNil("memstore: Store.Manifest: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return registry.Manifest{}, err
	}
	s.mu.RLock()
	m, ok := s.index.manifest(repo, ref)
	s.mu.RUnlock()
	if !ok {
		return registry.Manifest{}, manifestUnknown(repo, ref)
	}
	if m.read == nil {
		return m.Manifest, nil
	}
	content, err := m.read()
	if err == nil && int64(len(content)) != m.Descriptor.Size {
		err = fmt.Errorf("it has %d bytes and was added with %d", len(content), m.Descriptor.Size)
	}
	if err != nil {
		return registry.Manifest{}, fmt.Errorf("memstore: read manifest %s of repository %s: %w", m.Descriptor.Digest, repo, err)
	}
	read := m.Manifest
	read.Content = content
	return read, nil
}

func manifestUnknown(repo, ref string) error {
	return failf(registry.ManifestUnknown, "repository %s has no manifest %s: push it first", repo, ref)
}

// PutManifest implements [registry.Store].
func (s *Store) PutManifest(ctx context.Context, repo string, p registry.PutManifest) error {
	must.NotNil("memstore: Store.PutManifest: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.put(repo, &p, newManifest(&p, int64(len(p.Content))))
}

// AddManifest is like [Store.PutManifest] for content that the store does not hold in memory.
// The store calls read each time that [Store.Manifest] returns the manifest, concurrently. Each
// call must return content with the digest and the size of the descriptor. The digest is not
// verified; reading fails if the size is wrong. p.Content is ignored, and the manifest does not
// count against [Options.MaxBytes]. If the store already has the content, it does not use read.
//
// AddManifest fails with [registry.NameInvalid] or [registry.DigestInvalid] if the name or the
// digest is invalid, and with [registry.SizeInvalid] if the size is negative.
func (s *Store) AddManifest(ctx context.Context, repo string, p registry.PutManifest, read func() ([]byte, error)) error {
	must.NotNil("memstore: Store.AddManifest: ctx", ctx)
	d := p.Descriptor.Digest
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case read == nil:
		return fmt.Errorf("memstore: add manifest %s to repository %s: read is nil: there is no function to read it", d, repo)
	}
	if err := checkAdded("manifest", repo, p.Descriptor); err != nil {
		return err
	}
	p.Content = nil
	m := newManifest(&p, p.Descriptor.Size)
	m.read = read
	return s.put(repo, &p, m)
}

// put stores a manifest, if it may be stored.
func (s *Store) put(repo string, p *registry.PutManifest, m *manifest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.index.admit(repo, p); err != nil {
		return err
	}
	if held := s.index.copies.first(key{string(m.Descriptor.Digest)}, 1) != nil; !held && !s.reserveAll(m.held()) {
		return s.full("put manifest %s into repository %s", m.Descriptor.Digest, repo)
	}
	s.index.putManifest(repo, m)
	for _, tag := range p.Tags {
		s.index.setTag(repo, tag, m)
	}
	return nil
}

// admit returns an error if the manifest may not be stored for any reason but its size.
func (x *index) admit(repo string, p *registry.PutManifest) error {
	var current digest.Digest
	if m, ok := x.manifest(repo, p.Ref); ok {
		current = m.Descriptor.Digest
	}
	if !p.Precondition.Holds(current) {
		return preconditionFailed("put", repo, p.Ref, current)
	}
	if p.ImmutableTags {
		for _, tag := range p.Tags {
			if on, ok := x.tags.get(key{repo, tag}).(string); ok && on != string(p.Descriptor.Digest) {
				return failf(registry.TagImmutable, "tag %s of repository %s is on %s and may not be moved: use another tag", tag, repo, on)
			}
		}
	}
	return x.judge(repo, p.Require)
}

func preconditionFailed(verb, repo, ref string, current digest.Digest) error {
	if current == "" {
		current = "no manifest"
	}
	return failf(registry.PreconditionFailed, "%s manifest %s of repository %s: it is on %s now", verb, ref, repo, current)
}

// judge returns an error for each digest with a reference that is missing or wrong.
func (x *index) judge(repo string, references []registry.Reference) error {
	var failed []error
	seen := map[digest.Digest]bool{}
	for _, r := range references {
		if seen[r.Digest] {
			continue
		}
		blob, manifest := x.describe(key{repo, string(r.Digest)})
		if err := r.Judge(repo, blob, manifest); err != nil {
			seen[r.Digest] = true
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// describe returns the descriptors of the blob and of the manifest with a key, or nil.
func (x *index) describe(k key) (asBlob, asManifest *ocispec.Descriptor) {
	if b, ok := x.blobs.get(k).(*blob); ok {
		asBlob = &ocispec.Descriptor{Digest: b.digest, Size: b.size}
	}
	if m, ok := x.manifests.get(k).(*manifest); ok {
		asManifest = &m.Descriptor
	}
	return asBlob, asManifest
}

// DeleteManifest implements [registry.Store].
func (s *Store) DeleteManifest(ctx context.Context, repo, ref string, p registry.Precondition) error {
	must.NotNil("memstore: Store.DeleteManifest: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.index.manifest(repo, ref)
	if !ok {
		return manifestUnknown(repo, ref)
	}
	if !p.Holds(m.Descriptor.Digest) {
		return preconditionFailed("delete", repo, ref, m.Descriptor.Digest)
	}
	if !isDigest(ref) {
		s.index.deleteTag(repo, ref, string(m.Descriptor.Digest))
		return nil
	}
	s.account.release(s.index.deleteManifest(repo, m))
	return nil
}
