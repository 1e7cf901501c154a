package layoutstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/layoutdir"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// readLayout reads the layout into a memstore, except entries of index.json that skip selects. The
// blobs stay in their files.
func (s *Store) readLayout(skip func(ocispec.Descriptor) bool) (*memstore.Store, error) {
	read := memstore.New(memstore.Options{MaxBytes: memstore.NoLimit})
	_, err := content.Load(context.Background(), read, s.dir,
		content.LoadOptions{Fallback: s.options.Repository, AllowSparse: true, TrustBlobs: true, Skip: skip})
	return read, err
}

// loadForeign reads a layout that ocifake did not make, to serve it read-only.
func (s *Store) loadForeign() error {
	read, err := s.readLayout(nil)
	if err != nil {
		return err
	}
	s.visible.Store(read)
	return nil
}

// adopt makes a log for a layout that ocifake did not make.
func (s *Store) adopt() error {
	read, err := s.readLayout(nil)
	if err != nil {
		return err
	}
	if err := s.merge(read); err != nil {
		return err
	}
	s.load = func() error { return nil }
	return s.fold()
}

// loadClean reads a log that Open found complete. It ignores index.json: the log has none of what
// another program has written to it since then, so a change of that could not be replayed.
func (s *Store) loadClean() error {
	index, _, err := s.readLog()
	if err != nil {
		return err
	}
	s.room = s.disk.maxIndex - index.Size
	return s.show()
}

// loadChanged reads the log, and what other programs have changed in index.json since it was
// written. The log does not have that: folding follows.
func (s *Store) loadChanged() error {
	index, folded, err := s.readLog()
	if err != nil {
		return err
	}
	if err := s.loadIndex(index, folded); err != nil {
		return err
	}
	if !s.readOnly {
		if err := s.openLog(s.disk); err != nil {
			return err
		}
	}
	return s.show()
}

// readLog reads the log. It returns the last index record, and the head at that record. The
// repository of entries without one is that of the record, if the options have none.
func (s *Store) readLog() (index layoutdir.Record, folded *memstore.Store, err error) {
	f, _, err := s.disk.Read(layoutdir.LogName)
	if err != nil {
		return layoutdir.Record{}, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return layoutdir.Record{}, nil, err
	}
	s.written = info.ModTime()
	err = s.replay(f, s.reader, func(r layoutdir.Record) error {
		if r.Kind == layoutdir.IndexKind {
			index, folded = r, s.head.Clone()
		}
		return nil
	})
	s.options.Repository = cmp.Or(s.options.Repository, index.Repo)
	return index, folded, err
}

// show makes the head visible after it was read.
func (s *Store) show() error {
	s.visible.Store(s.head)
	if s.readOnly {
		return nil
	}
	return s.removeLeftovers()
}

// loadIndex makes the changes of other programs to index.json.
func (s *Store) loadIndex(index layoutdir.Record, folded *memstore.Store) error {
	text, err := s.disk.readIndex()
	if err != nil || text == nil || folded == nil || index.IsOf(text) {
		return err
	}
	s.merged = true
	x, err := parseIndex(text, s.options.Repository)
	if err != nil {
		return err
	}
	changes, err := layoutdir.NewChanges(folded, s.head)
	if err != nil {
		return err
	}
	listed := map[layoutdir.Name]bool{}
	for _, e := range x.entries {
		listed[e.key()] = true
	}
	known := func(d ocispec.Descriptor) bool {
		repo, tag := content.EntryName(d)
		return changes.Has(layoutdir.NameOf(cmp.Or(repo, s.options.Repository), tag, d.Digest), d.Digest)
	}
	read, err := s.readLayout(known)
	if err != nil {
		return fmt.Errorf("%s, which another program has changed: %w", ocispec.ImageIndexFile, err)
	}
	for _, n := range changes.RemovedTags(listed) {
		if err := s.enact(layoutdir.Record{Kind: layoutdir.NoTagKind, Repo: n.Repo, Tags: []string{n.Ref}}, s.reader); err != nil {
			return err
		}
	}
	return s.merge(read)
}

// merge adds content that another program has put into the directory. The log does not get it:
// folding follows.
func (s *Store) merge(read *memstore.Store) error {
	ctx := context.Background()
	for repo, err := range read.Repositories(ctx, "") {
		if err != nil {
			return err
		}
		for b, err := range read.Blobs(ctx, repo, "") {
			if err == nil {
				err = s.mergeOne(layoutdir.Record{Kind: layoutdir.BlobKind, Repo: repo, Digest: b.Digest, Size: b.Size})
			}
			if err != nil {
				return err
			}
		}
		var manifests []registry.Manifest
		for d, err := range read.Manifests(ctx, repo, "") {
			if err != nil {
				return err
			}
			m, err := read.Manifest(ctx, repo, string(d.Digest))
			if err != nil {
				return err
			}
			manifests = append(manifests, m)
		}
		slices.SortFunc(manifests, func(a, b registry.Manifest) int { return cmp.Compare(a.Pushed, b.Pushed) })
		for _, m := range manifests {
			if err := s.mergeManifest(ctx, read, repo, m); err != nil {
				return err
			}
		}
		for t, err := range read.Tags(ctx, repo, "") {
			if err == nil {
				err = s.enact(layoutdir.Record{Kind: layoutdir.TagKind, Repo: repo, Digest: t.Digest, Tags: []string{t.Name}}, s.reader)
			}
			if err != nil {
				return err
			}
		}
		if err := s.mergeOne(layoutdir.Record{Kind: layoutdir.RepositoryKind, Repo: repo}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) mergeManifest(ctx context.Context, read *memstore.Store, repo string, m registry.Manifest) error {
	p, _, err := content.AsStored(ctx, read, repo, m)
	if err != nil {
		return err
	}
	stored := storedManifest(p)
	if f, ok := s.facts[place{repo, m.Descriptor.Digest}]; ok && reflect.DeepEqual(f.Manifest, stored) {
		return nil
	}
	return s.mergeOne(layoutdir.Record{Kind: layoutdir.ManifestKind, Repo: repo, Digest: m.Descriptor.Digest, Stored: stored})
}

// mergeOne makes a change. The file of content that is new is not ocifake's.
func (s *Store) mergeOne(r layoutdir.Record) error {
	if r.Digest != "" && s.refs[r.Digest] == 0 && !s.owned[r.Digest] {
		s.note(layoutdir.Record{Kind: layoutdir.ForeignKind, Digest: r.Digest})
	}
	return s.enact(r, s.reader)
}

// removeLeftovers deletes the files that a crash has left: those of content that is not visible, if
// ocifake wrote them, and those that were being written.
func (s *Store) removeLeftovers() error {
	for d := range s.owned {
		if s.refs[d] > 0 {
			continue
		}
		if err := s.removeLeftover(d); err != nil {
			return err
		}
	}
	if err := s.settle(s.end); err != nil {
		return err
	}
	return s.loadSessions()
}

// removeLeftover deletes the file of a digest, which the log says that ocifake was about to write. If
// the file is newer than the log, another program has written it.
func (s *Store) removeLeftover(d digest.Digest) error {
	info, err := s.disk.Root.Lstat(layoutdir.BlobPath(d))
	switch {
	case err == nil && info.ModTime().After(s.written):
		return s.record(layoutdir.Record{Kind: layoutdir.ForeignKind, Digest: d})
	case err == nil:
		err = s.disk.remove(layoutdir.BlobPath(d))
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err == nil {
		delete(s.owned, d)
	}
	return err
}

func (s *Store) reader(d digest.Digest, size int64) func() ([]byte, error) {
	return func() ([]byte, error) { return s.disk.ReadManifest(d, size) }
}
