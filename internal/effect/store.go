package effect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/registry"
)

// FaultyStore returns the Store for the registry: the Store of the environment with the
// effects on content.
func (e *Env) FaultyStore() registry.Store { return &faultyStore{e.store, e} }

// faultyStore changes what requests see of a Store. The effects on a request are
// in its context.
type faultyStore struct {
	registry.Store
	env *Env
}

// storeFaults is what effects ask of the Store for one request.
type storeFaults struct {
	contentOf   digest.Digest
	swap        func() bool // reports whether contentOf may be sent
	dropChunk   func() bool // reports whether the chunk may be dropped; nil: no
	refuseMount func() bool // reports whether the mount may be refused; nil: no
	refuseStale func() bool // reports whether an old upload location may be refused; nil: no
	digestTag   func() bool // reports whether a tag may be taken for a digest; nil: no
}

// askStore lets an effect ask something more of the Store for its request.
func (x *Exchange) askStore(r *http.Request, add func(*storeFaults)) {
	f, _ := inflight.Value[storeFaults](r.Context())
	add(&f)
	inflight.Keep(x.state, f)
}

// faults returns what effects ask for; most often nothing.
func (s *faultyStore) faults(ctx context.Context) storeFaults {
	if !s.env.storing.Load() {
		return storeFaults{}
	}
	f, _ := inflight.Value[storeFaults](ctx)
	return f
}

func (s *faultyStore) hides(kind veilKind, repo, name string) bool {
	_, covered := s.env.veil.covers(veiled{kind, repo, name})
	return covered
}

// OpenBlob implements [registry.Store].
func (s *faultyStore) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	if s.hides(hiddenBlob, repo, string(d)) {
		return nil, registry.BlobUnknown
	}
	if f := s.faults(ctx); f.contentOf != "" && f.contentOf != d {
		if blob, err := s.Store.OpenBlob(ctx, repo, f.contentOf); err == nil {
			if f.swap() {
				return blob, nil
			}
			if err := blob.Close(); err != nil {
				return nil, err
			}
		}
	}
	blob, err := s.Store.OpenBlob(ctx, repo, d)
	if errors.Is(err, registry.BlobUnknown) {
		if blob, ok := s.env.veil.openDeleted(veiled{deletedBlob, repo, string(d)}); ok {
			return blob, nil
		}
	}
	return blob, err
}

// MountBlob implements [registry.Store].
func (s *faultyStore) MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error {
	if s.hides(hiddenBlob, from, string(d)) {
		return registry.BlobUnknown
	}
	if refuse := s.faults(ctx).refuseMount; refuse != nil && s.has(ctx, from, d) && refuse() {
		return registry.BlobUnknown
	}
	return s.Store.MountBlob(ctx, repo, d, from)
}

// has reports whether a mount can find a blob; from nowhere in particular, it may.
func (s *faultyStore) has(ctx context.Context, from string, d digest.Digest) bool {
	return from == "" || hasBlob(ctx, s.Store, from, d)
}

func hasBlob(ctx context.Context, store registry.Store, repo string, d digest.Digest) bool {
	blob, err := store.OpenBlob(ctx, repo, d)
	if err == nil {
		err = blob.Close()
	}
	return err == nil
}

// OpenUpload implements [registry.Store].
func (s *faultyStore) OpenUpload(ctx context.Context, repo, id string) (registry.Upload, error) {
	upload, err := s.Store.OpenUpload(ctx, repo, id)
	f := s.faults(ctx)
	if err == nil && f.dropChunk != nil {
		upload = droppingUpload{upload, f.dropChunk}
	}
	if err == nil && f.refuseStale != nil {
		upload = staleUpload{upload, f.refuseStale}
	}
	return upload, err
}

// droppingUpload forgets the bytes that it is given, if it may.
type droppingUpload struct {
	registry.Upload
	drop func() bool
}

// dropped reads a chunk to its end if there is something in it and it may be dropped,
// and else returns it as it was.
func (u droppingUpload) dropped(ctx context.Context, c registry.Chunk) (registry.Chunk, bool, error) {
	if c.Body == nil {
		return c, false, nil
	}
	first := make([]byte, 1)
	n, err := io.ReadFull(c.Body, first)
	if n == 0 || !u.drop() {
		if err == nil {
			c.Body = io.MultiReader(bytes.NewReader(first), c.Body)
		} else {
			c.Body = failing{err}
		}
		return c, false, nil
	}
	if _, err := io.Copy(io.Discard, c.Body); err != nil {
		return c, true, err
	}
	return registry.Chunk{}, true, ctx.Err()
}

// failing is a reader that has come to its end, or has failed.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (u droppingUpload) Append(ctx context.Context, c registry.Chunk) error {
	c, dropped, err := u.dropped(ctx, c)
	if dropped || err != nil {
		return err
	}
	return u.Upload.Append(ctx, c)
}

func (u droppingUpload) Commit(ctx context.Context, c registry.Chunk, d digest.Digest) error {
	c, _, err := u.dropped(ctx, c)
	if err != nil {
		return err
	}
	return u.Upload.Commit(ctx, c, d)
}

// Manifest implements [registry.Store].
func (s *faultyStore) Manifest(ctx context.Context, repo, ref string) (registry.Manifest, error) {
	if act := s.faults(ctx).digestTag; act != nil {
		if m, err := s.Store.Manifest(ctx, repo, string(digestIn(ref))); err == nil && act() {
			return m, nil
		}
	}
	if before, covered := s.env.veil.covers(veiled{staleTag, repo, ref}); covered {
		if before == nil {
			return registry.Manifest{}, registry.ManifestUnknown
		}
		return *before, nil
	}
	m, err := s.Store.Manifest(ctx, repo, ref)
	if errors.Is(err, registry.ManifestUnknown) {
		kind := deletedTag
		if strings.Contains(ref, ":") {
			kind = deletedManifest
		}
		if before, covered := s.env.veil.covers(veiled{kind, repo, ref}); covered {
			return *before, nil
		}
	}
	if err == nil && s.hides(hiddenManifest, repo, string(m.Descriptor.Digest)) {
		return registry.Manifest{}, registry.ManifestUnknown
	}
	if f := s.faults(ctx); f.contentOf != "" && f.contentOf != m.Descriptor.Digest && err == nil {
		if swapped, err := s.Store.Manifest(ctx, repo, string(f.contentOf)); err == nil && f.swap() {
			m.Content = swapped.Content
		}
	}
	return m, err
}

// PutManifest implements [registry.Store].
func (s *faultyStore) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	var missing []error
	for _, ref := range m.Require {
		if ref.Optional {
			continue
		}
		if ref.Blob && s.hides(hiddenBlob, repo, string(ref.Digest)) || ref.Manifest && s.hides(hiddenManifest, repo, string(ref.Digest)) {
			missing = append(missing, &registry.Error{
				Cause:   registry.ManifestBlobUnknown,
				Message: fmt.Sprintf("repository %s does not show %s yet", repo, ref.Digest),
				Detail:  ref.Descriptor,
			})
		}
	}
	if len(missing) > 0 {
		return errors.Join(missing...)
	}
	return s.Store.PutManifest(ctx, repo, m)
}

// Tags implements [registry.Store].
func (s *faultyStore) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	tags := s.Store.Tags(ctx, repo, after)
	if s.env.veil.count.Load() == 0 {
		return tags
	}
	return func(yield func(registry.Tag, error) bool) {
		addDeleted := s.withDeleted(repo, after, yield)
		for tag, err := range tags {
			if err == nil && !addDeleted(tag.Name) {
				return
			}
			if err == nil && s.hides(laggingTag, repo, tag.Name) {
				continue
			}
			if !yield(tag, err) {
				return
			}
		}
		addDeleted("")
	}
}
