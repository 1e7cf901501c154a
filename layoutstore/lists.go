package layoutstore

import (
	"context"
	"iter"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// list returns a list of the version that is visible, or one that fails.
func list[T any](s *Store, of func(*memstore.Store) iter.Seq2[T, error]) iter.Seq2[T, error] {
	v, err := s.content()
	if err != nil {
		return func(yield func(T, error) bool) {
			var none T
			yield(none, err)
		}
	}
	return of(v)
}

// Repositories implements [registry.Store].
func (s *Store) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	must.NotNil("layoutstore: Store.Repositories: ctx", ctx)
	return list(s, func(v *memstore.Store) iter.Seq2[string, error] { return v.Repositories(ctx, after) })
}

// Tags implements [registry.Store].
func (s *Store) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	must.NotNil("layoutstore: Store.Tags: ctx", ctx)
	return list(s, func(v *memstore.Store) iter.Seq2[registry.Tag, error] { return v.Tags(ctx, repo, after) })
}

// Manifests implements [registry.Store].
func (s *Store) Manifests(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	must.NotNil("layoutstore: Store.Manifests: ctx", ctx)
	return list(s, func(v *memstore.Store) iter.Seq2[ocispec.Descriptor, error] { return v.Manifests(ctx, repo, after) })
}

// Referrers implements [registry.Store].
func (s *Store) Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	must.NotNil("layoutstore: Store.Referrers: ctx", ctx)
	return list(s, func(v *memstore.Store) iter.Seq2[ocispec.Descriptor, error] {
		return v.Referrers(ctx, repo, subject, after)
	})
}

// Blobs implements [registry.Store].
func (s *Store) Blobs(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	must.NotNil("layoutstore: Store.Blobs: ctx", ctx)
	return list(s, func(v *memstore.Store) iter.Seq2[ocispec.Descriptor, error] { return v.Blobs(ctx, repo, after) })
}

// BlobRepositories implements [registry.Store]. The repositories are in bytewise order.
func (s *Store) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
	must.NotNil("layoutstore: Store.BlobRepositories: ctx", ctx)
	return list(s, func(v *memstore.Store) iter.Seq2[string, error] { return v.BlobRepositories(ctx, d) })
}
