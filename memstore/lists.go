package memstore

import (
	"context"
	"iter"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
)

// iterate lists the entries of a tree after k with the same first parts, as of the beginning
// of the iteration.
func iterate[T any](ctx context.Context, snapshot func() (tree, error), k key, parts int, item func(key, any) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := ctx.Err(); err != nil {
			yield(none, err)
			return
		}
		t, err := snapshot()
		if err != nil {
			yield(none, err)
			return
		}
		for k, v := range t.after(k, parts) {
			if err := ctx.Err(); err != nil {
				yield(none, err)
				return
			}
			if !yield(item(k, v), nil) {
				return
			}
		}
	}
}

// snapshot takes a snapshot of one of the store's trees.
func snapshot(s *Store, t *tree) func() (tree, error) {
	return func() (tree, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return t.snapshot(), nil
	}
}

// Repositories implements [registry.Store].
func (s *Store) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	must.NotNil("memstore: Store.Repositories: ctx", ctx)
	return iterate(ctx, snapshot(s, &s.index.repositories), key{after}, 0, func(k key, _ any) string { return k[0] })
}

// Tags implements [registry.Store].
func (s *Store) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	must.NotNil("memstore: Store.Tags: ctx", ctx)
	tags := func() (tree, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.index.repositories.has(key{repo}) {
			return tree{}, failf(registry.NameUnknown, "there is no repository %s: push to it first", repo)
		}
		return s.index.tags.snapshot(), nil
	}
	return iterate(ctx, tags, key{repo, after}, 1, func(k key, d any) registry.Tag {
		return registry.Tag{Name: k[1], Digest: digest.Digest(d.(string))}
	})
}

// Manifests implements [registry.Store].
func (s *Store) Manifests(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	must.NotNil("memstore: Store.Manifests: ctx", ctx)
	return iterate(ctx, snapshot(s, &s.index.manifests), key{repo, string(after)}, 1, describe)
}

// Referrers implements [registry.Store].
func (s *Store) Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	must.NotNil("memstore: Store.Referrers: ctx", ctx)
	return iterate(ctx, snapshot(s, &s.index.referrers), key{repo, string(subject), string(after)}, 2, describe)
}

func describe(_ key, m any) ocispec.Descriptor { return m.(*manifest).Descriptor }

// Blobs implements [registry.Store].
func (s *Store) Blobs(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	must.NotNil("memstore: Store.Blobs: ctx", ctx)
	return iterate(ctx, snapshot(s, &s.index.blobs), key{repo, string(after)}, 1, func(_ key, v any) ocispec.Descriptor {
		b := v.(*blob)
		return ocispec.Descriptor{Digest: b.digest, Size: b.size}
	})
}

// BlobRepositories implements [registry.Store]. The repositories are in bytewise
// order.
func (s *Store) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
	must.NotNil("memstore: Store.BlobRepositories: ctx", ctx)
	return iterate(ctx, snapshot(s, &s.index.sources), key{string(d)}, 1, func(k key, _ any) string { return k[1] })
}

// Uploads implements [registry.Store].
func (s *Store) Uploads(ctx context.Context, repo string) iter.Seq2[string, error] {
	must.NotNil("memstore: Store.Uploads: ctx", ctx)
	uploads := func() (tree, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.expire()
		return s.uploads.snapshot(), nil
	}
	parts := 1
	if repo == "" {
		parts = 0
	}
	return iterate(ctx, uploads, key{repo}, parts, func(k key, _ any) string { return k[1] })
}
