package layoutstore

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/layoutdir"
	"github.com/ocifake/ocifake/memstore"
)

// state is the content of a store, and its log.
//
// The content has versions, each of which is a memstore without bytes: it describes blobs and
// manifests, and does not change. A change is made on a clone, which takes constant time. It is
// appended to the log, and the clone becomes the head. Once the log is synced, the head becomes
// visible. One sync serves all changes that were appended before it.
type state struct {
	visible atomic.Pointer[memstore.Store] // what methods return

	mu      sync.Mutex // guards the fields below; not held during a sync
	head    *memstore.Store
	facts   map[place]fact           // the manifests of the head
	refs    map[digest.Digest]int    // in how many repositories of the head there is a blob or a manifest
	owned   map[digest.Digest]bool   // the file was written by ocifake
	foreign map[digest.Digest]bool   // the file was not
	adding  map[digest.Digest]*adder // digests whose files are being added
	pushes  uint64
	room    int64 // by how many bytes index.json can grow, at least
	log     *file // nil: changes stay in memory
	end     int64 // of the log
	failed  error // why no changes can be made

	uploads map[session]*upload // the open sessions

	syncing sync.Mutex   // held during a sync
	synced  int64        // the offset in the log before which it is synced; guarded by syncing
	limit   int64        // the size beyond which the log is shortened; guarded by syncing
	shorten func() error // called with both locks held
}

// place is content in a repository.
type place struct {
	repo   string
	digest digest.Digest
}

// fact is what a memstore does not tell about a manifest.
type fact struct {
	layoutdir.Manifest
	pushed uint64
}

func newState() *state {
	s := &state{
		head:    memstore.New(memstore.Options{MaxBytes: memstore.NoLimit}),
		facts:   map[place]fact{},
		refs:    map[digest.Digest]int{},
		owned:   map[digest.Digest]bool{},
		foreign: map[digest.Digest]bool{},
		adding:  map[digest.Digest]*adder{},
		uploads: map[session]*upload{},
	}
	return s
}

// sizeIn returns the size of a blob in a version, and reports whether it is visible.
func sizeIn(v *memstore.Store, repo string, d digest.Digest) (int64, bool) {
	b, err := v.OpenBlob(context.Background(), repo, d)
	if err != nil {
		return 0, false
	}
	return b.Size(), true
}

// note updates what is known beside the head, which is still that before the record.
func (s *state) note(r layoutdir.Record) {
	at := place{r.Repo, r.Digest}
	switch r.Kind {
	case layoutdir.OwnKind:
		s.owned[r.Digest] = true
		delete(s.foreign, r.Digest)
	case layoutdir.CollectedKind:
		delete(s.owned, r.Digest)
	case layoutdir.ForeignKind:
		s.foreign[r.Digest] = true
		delete(s.owned, r.Digest)
	case layoutdir.BlobKind:
		if _, ok := sizeIn(s.head, r.Repo, r.Digest); !ok {
			s.refer(r.Digest, 1)
		}
	case layoutdir.NoBlobKind:
		s.refer(r.Digest, -1)
	case layoutdir.ManifestKind:
		old, ok := s.facts[at]
		if !ok {
			s.refer(r.Digest, 1)
			s.pushes++
			old.pushed = s.pushes
		}
		f := fact{r.Stored, old.pushed}
		f.Tags = nil // they are in the head
		f.Annotations, f.Children = maps.Clone(f.Annotations), slices.Clone(f.Children)
		s.facts[at] = f
	case layoutdir.NoManifestKind:
		s.refer(r.Digest, -1)
		delete(s.facts, at)
	}
}

// refer counts a place. The file of visible content is ocifake's unless it is known to be foreign.
func (s *state) refer(d digest.Digest, n int) {
	if s.refs[d] += n; s.refs[d] == 0 {
		delete(s.refs, d)
	}
	if n > 0 && !s.foreign[d] {
		s.owned[d] = true
	}
}

// append appends records to the log: all or none.
func (s *state) append(records ...layoutdir.Record) error {
	if s.failed != nil {
		return s.failed
	}
	if s.log == nil {
		return nil
	}
	var lines []byte
	for _, r := range records {
		line, err := r.Line()
		if err != nil {
			return err
		}
		lines = append(lines, line...)
	}
	if _, err := s.log.Write(lines); err != nil {
		if undo := s.log.Truncate(s.end); undo != nil {
			s.fail(undo)
		}
		return err
	}
	s.end += int64(len(lines))
	return nil
}

// fail makes all further changes fail.
func (s *state) fail(err error) {
	s.failed = fmt.Errorf("an earlier write to %s failed: restart to use what was written: %w", layoutdir.LogName, err)
}

// change makes one change. f changes a clone of the head and returns the record of it, or an empty
// record if there is nothing to change. done, if it is not nil, is called when the change has been
// made. Both are called with the lock held. Calls return when the changes that they are based on are
// synced, also those that fail.
func (s *state) change(f func(next *memstore.Store) (layoutdir.Record, error), done func()) error {
	s.mu.Lock()
	err := s.changeHead(f, done)
	end := s.end
	s.mu.Unlock()
	return cmp.Or(err, s.settle(end))
}

func (s *state) changeHead(f func(next *memstore.Store) (layoutdir.Record, error), done func()) error {
	if s.failed != nil {
		return s.failed
	}
	next := s.head.Clone()
	r, err := f(next)
	if err != nil {
		return err
	}
	if r.Kind != "" {
		if err := s.append(r); err != nil {
			return err
		}
		s.room -= s.growth(r)
		s.note(r)
		s.head = next
	}
	if done != nil {
		done()
	}
	return nil
}

// settle syncs the log up to an offset, and makes visible what is synced. It shortens a log that has
// grown beyond its limit.
func (s *state) settle(end int64) error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	if s.synced >= end {
		return nil
	}
	s.mu.Lock()
	end, head, failed := s.end, s.head, s.failed
	s.mu.Unlock()
	if failed != nil {
		return failed
	}
	if err := s.log.Sync(); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fail(err)
		return err
	}
	s.synced = end
	s.visible.Store(head)
	if end > s.limit {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.failed == nil {
			if err := s.shorten(); err != nil {
				s.fail(err) // the changes are in the log
			}
		}
	}
	return nil
}

// replay makes the changes of a log.
func (s *state) replay(log io.Reader, read layoutdir.Reader, each func(layoutdir.Record) error) error {
	end, err := layoutdir.ReadLog(log, func(r layoutdir.Record) error {
		if err := s.enact(r, read); err != nil {
			return err
		}
		return each(r)
	})
	s.end, s.synced = end, end
	return err
}

// enact makes the change of a record on the head itself, when nothing else uses it.
func (s *state) enact(r layoutdir.Record, read layoutdir.Reader) error {
	if r.Kind == layoutdir.NoBlobKind {
		if _, ok := sizeIn(s.head, r.Repo, r.Digest); !ok {
			return fmt.Errorf("repository %s has no blob %s", r.Repo, r.Digest)
		}
	}
	if _, ok := s.facts[place{r.Repo, r.Digest}]; r.Kind == layoutdir.NoManifestKind && !ok {
		return fmt.Errorf("repository %s has no manifest %s", r.Repo, r.Digest)
	}
	s.note(r)
	return layoutdir.Apply(r, s.head, func(repo string, d digest.Digest) (layoutdir.Manifest, bool) {
		f, ok := s.facts[place{repo, d}]
		return f.Manifest, ok
	}, read)
}

// compacted returns the records of the head, without those that later ones have made void.
func (s *state) compacted() ([]layoutdir.Record, error) {
	ctx := context.Background()
	records := []layoutdir.Record{{Kind: layoutdir.HeaderKind}}
	for _, d := range slices.Sorted(maps.Keys(s.foreign)) {
		records = append(records, layoutdir.Record{Kind: layoutdir.ForeignKind, Digest: d})
	}
	for _, d := range slices.Sorted(maps.Keys(s.owned)) {
		if s.refs[d] == 0 {
			records = append(records, layoutdir.Record{Kind: layoutdir.OwnKind, Digest: d})
		}
	}
	var tags []layoutdir.Record
	manifests := map[string]int{}
	for at := range s.facts {
		manifests[at.repo]++
	}
	for repo, err := range s.head.Repositories(ctx, "") {
		if err != nil {
			return nil, err
		}
		empty := manifests[repo] == 0
		for b, err := range s.head.Blobs(ctx, repo, "") {
			if err != nil {
				return nil, err
			}
			empty = false
			records = append(records, layoutdir.Record{Kind: layoutdir.BlobKind, Repo: repo, Digest: b.Digest, Size: b.Size})
		}
		if empty {
			records = append(records, layoutdir.Record{Kind: layoutdir.RepositoryKind, Repo: repo})
		}
		for t, err := range s.head.Tags(ctx, repo, "") {
			if err != nil {
				return nil, err
			}
			tags = append(tags, layoutdir.Record{Kind: layoutdir.TagKind, Repo: repo, Digest: t.Digest, Tags: []string{t.Name}})
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(s.facts), func(a, b place) int { return cmp.Compare(s.facts[a].pushed, s.facts[b].pushed) }) {
		records = append(records, layoutdir.Record{Kind: layoutdir.ManifestKind, Repo: at.repo, Digest: at.digest, Stored: s.facts[at].Manifest})
	}
	return append(records, tags...), nil
}

// writeLog replaces the log by the records of the head. index is the last of them.
func (s *state) writeLog(d *disk, index layoutdir.Record) error {
	records, err := s.compacted()
	if err != nil {
		return err
	}
	var end int64
	err = d.replaceBy(layoutdir.LogName, func(w io.Writer) error {
		end = 0
		var lines []byte
		for i, r := range append(records, index) {
			line, err := r.Line()
			if err != nil {
				return err
			}
			lines = append(lines, line...)
			if len(lines) < 64<<10 && i < len(records) {
				continue
			}
			if _, err := w.Write(lines); err != nil {
				return err
			}
			end += int64(len(lines))
			lines = lines[:0]
		}
		return nil
	})
	s.end, s.synced = end, end
	return err
}

// openLog opens the log for appending, after its last record.
func (s *state) openLog(d *disk) (err error) {
	if s.log, err = d.open(layoutdir.LogName, os.O_WRONLY|os.O_APPEND); err != nil {
		s.log = nil
		return fmt.Errorf("%w: a directory that cannot be written to can be opened read-only", err)
	}
	info, err := s.log.Stat()
	if err == nil && info.Size() != s.end {
		err = s.log.Truncate(s.end)
	}
	return err
}
