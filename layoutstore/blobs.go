package layoutstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/layoutdir"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// OpenBlob implements [registry.Store].
func (s *Store) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	must.NotNil("layoutstore: Store.OpenBlob: ctx", ctx)
	v, err := s.content()
	if err != nil {
		return nil, err
	}
	for {
		b, err := v.OpenBlob(ctx, repo, d)
		if err != nil {
			return nil, err
		}
		if _, ok := b.(layoutdir.Described); !ok {
			return b, nil
		}
		opened, err := s.disk.OpenBlob(d, b.Size())
		if s.changed(&v, err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("layoutstore: open blob %s of repository %s: %w", d, repo, err)
		}
		return opened, nil
	}
}

// changed reports whether a file was missing because another version is visible now, which it sets.
func (s *Store) changed(v **memstore.Store, err error) bool {
	now := s.visible.Load()
	if !errors.Is(err, fs.ErrNotExist) || now == *v {
		return false
	}
	*v = now
	return true
}

// DeleteBlob implements [registry.Store].
func (s *Store) DeleteBlob(ctx context.Context, repo string, d digest.Digest) error {
	must.NotNil("layoutstore: Store.DeleteBlob: ctx", ctx)
	if err := s.writable("delete a blob from", repo); err != nil {
		return err
	}
	err := s.change(func(next *memstore.Store) (layoutdir.Record, error) {
		return layoutdir.Record{Kind: layoutdir.NoBlobKind, Repo: repo, Digest: d}, next.DeleteBlob(ctx, repo, d)
	}, nil)
	if err == nil {
		s.collect(d)
	}
	return err
}

// MountBlob implements [registry.Store].
func (s *Store) MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error {
	must.NotNil("layoutstore: Store.MountBlob: ctx", ctx)
	if err := s.writable("mount a blob into", repo); err != nil {
		return err
	}
	return s.change(func(next *memstore.Store) (layoutdir.Record, error) {
		if err := next.MountBlob(ctx, repo, d, from); err != nil {
			return layoutdir.Record{}, err
		}
		return s.blobRecord(next, repo, d), nil
	}, nil)
}

// blobRecord returns the record of a blob that a version has and the head may not have.
func (s *state) blobRecord(next *memstore.Store, repo string, d digest.Digest) layoutdir.Record {
	if _, there := sizeIn(s.head, repo, d); there {
		return layoutdir.Record{}
	}
	size, _ := sizeIn(next, repo, d)
	return layoutdir.Record{Kind: layoutdir.BlobKind, Repo: repo, Digest: d, Size: size}
}
