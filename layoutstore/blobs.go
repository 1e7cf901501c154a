package layoutstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/opencontainers/go-digest"

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
		if _, ok := b.(described); !ok {
			return b, nil
		}
		opened, err := s.disk.openBlob(d, b.Size())
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
	err := s.change(func(next *memstore.Store) (record, error) {
		return record{kind: noBlobKind, repo: repo, digest: d}, next.DeleteBlob(ctx, repo, d)
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
	return s.change(func(next *memstore.Store) (record, error) {
		if err := next.MountBlob(ctx, repo, d, from); err != nil {
			return record{}, err
		}
		return s.blobRecord(next, repo, d), nil
	}, nil)
}

// blobRecord returns the record of a blob that a version has and the head may not have.
func (s *state) blobRecord(next *memstore.Store, repo string, d digest.Digest) record {
	if _, there := sizeIn(s.head, repo, d); there {
		return record{}
	}
	size, _ := sizeIn(next, repo, d)
	return record{kind: blobKind, repo: repo, digest: d, size: size}
}
