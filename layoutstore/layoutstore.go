// Package layoutstore keeps the content of a registry in a directory, which is an OCI image layout.
//
//	store, err := layoutstore.Open("content", layoutstore.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	http.Handle("/v2/", registry.New(store, registry.Options{}))
//
// [Store] implements [registry.Store]. After Close, and whenever the directory is not being written
// to, other programs can read it as an OCI image layout (image specification, "OCI Image Layout
// Specification"). In index.json, the annotation org.opencontainers.image.ref.name is
// "repository:tag", or "repository@digest" for a manifest that has no tag and is not part of an
// index.
//
// # Files
//
// oci-layout, index.json and blobs are those of the specification. The file ocifake.store is a log
// with a line for each change. It has what a layout cannot express: the repositories in which each
// blob is visible, repositories without content, references that are missing, and the order of
// pushes. The directory ocifake.uploads has the content of upload sessions. Without both, the
// layout is still valid.
//
// A change is complete when its files and the log are synced: content whose push was answered
// survives a crash of the program or the machine, and no content is visible in part. Concurrent
// changes share a sync of the log. index.json is written, and the log shortened, by [Store.Close],
// by [Open] after a crash, and when the log has more than 8 MiB and has become several times as long.
// index.json has at most 64 MiB: a push of a manifest that could exceed that fails with
// [registry.Full]. Upload sessions survive too: they continue with what had reached the
// file.
//
// The files of blobs are deleted when no repository has their content any more, if the store wrote
// them. Other files are not deleted or changed.
//
// # Memory
//
// Blobs are streamed, and manifests are read when they are requested. In memory are the names,
// tags, digests and descriptors. Open checks the log; the first call of another method reads it.
//
// This package is experimental: it may change in any release.
package layoutstore

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/layoutdir"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Options configure a [Store]. The zero value has the defaults.
type Options struct {
	// ReadOnly serves a layout without changing or locking the directory. Methods that change
	// content fail with [registry.Denied].
	ReadOnly bool

	// Adopt allows changes of a layout that ocifake did not make, which is read-only otherwise. The
	// files of its blobs are never deleted.
	Adopt bool

	// Repository is the repository of images that other programs added with only a tag, or
	// without a name. The store keeps it: it is the default when the directory is opened again.
	Repository string

	// MaxUploads limits the number of open upload sessions. Default 10000; negative: no limit.
	MaxUploads int

	// UploadTTL is the time after which an upload session expires, counted from the last call
	// that used it. A session does not expire while a chunk arrives. Default 1 hour; negative:
	// never.
	UploadTTL time.Duration
}

const (
	defaultMaxUploads = 10_000
	defaultUploadTTL  = time.Hour
)

// Store is a [registry.Store] in a directory. Its methods are safe for concurrent use. Only one
// Store can change a directory at a time.
type Store struct {
	*state
	options  Options
	dir      string
	disk     *disk
	unlock   func() error // nil: it is not locked
	readOnly bool
	load     func() error // reads the log, once
	closed   atomic.Bool
	folded   int64     // the end of the log when index.json had all of it
	written  time.Time // when the log was written last, before it was read
	merged   bool      // the content has changes of index.json that are not in the log

	measured *memstore.Store // the head for which index.json was rendered; guarded by the state's lock
}

var _ registry.Store = (*Store)(nil)

var (
	errLocked = errors.New("another process, or another store, is using the directory: stop it, or open the directory read-only")
	errClosed = errors.New("the store is closed")
)

// Open opens the content in a directory, which it creates if it does not exist. The directory must
// be empty, or an OCI image layout. Open fails if another store that can change the directory is
// open, in any process, if the layout is invalid, or if the log is damaged; the error then has
// the offset.
//
// If index.json was changed by another program, tags that it added, moved or removed are so in the
// store, too.
func Open(dir string, o Options) (*Store, error) {
	s, err := open(dir, o, nil)
	if err != nil {
		return nil, fmt.Errorf("layoutstore: open %s: %w", dir, err)
	}
	return s, nil
}

// open opens a store. configure, if it is not nil, changes the disk first.
func open(dir string, o Options, configure func(*disk)) (*Store, error) {
	o.MaxUploads = cmp.Or(o.MaxUploads, defaultMaxUploads)
	o.UploadTTL = cmp.Or(o.UploadTTL, defaultUploadTTL)
	switch {
	case o.ReadOnly && o.Adopt:
		return nil, errors.New("a layout that is read-only cannot be adopted: choose one of ReadOnly and Adopt")
	case o.Repository != "" && !op.ValidRepository(o.Repository):
		return nil, fmt.Errorf("%q is not the name of a repository", o.Repository)
	}
	if !o.ReadOnly {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{state: newState(), options: o, dir: dir, disk: &disk{Dir: layoutdir.Dir{Root: root}, maxIndex: maxIndex, minLog: minLog}}
	s.state.shorten = s.shorten
	if configure != nil {
		configure(s.disk)
	}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	s.nextLimit()
	return s, nil
}

// begin prepares the store for its first call.
func (s *Store) begin() error {
	kind, err := s.disk.kind()
	if err != nil {
		return err
	}
	s.readOnly = s.options.ReadOnly || kind == foreignLayout && !s.options.Adopt
	if !s.readOnly {
		if s.unlock, err = lock(s.dir); err != nil {
			return err
		}
		if kind, err = s.disk.kind(); err != nil { // another process may have changed it
			return err
		}
	}
	switch kind {
	case otherDirectory:
		return fmt.Errorf("the directory is not empty and is not an OCI image layout (%s is missing): choose an empty one", ocispec.ImageLayoutFile)
	case emptyDirectory:
		if s.readOnly {
			return fmt.Errorf("the directory is empty: %s is missing", ocispec.ImageLayoutFile)
		}
		return s.create()
	case foreignLayout:
		if !s.readOnly {
			return s.adopt()
		}
		s.load = sync.OnceValue(s.loadForeign)
		return s.load()
	}
	clean, err := s.check()
	if err != nil {
		return err
	}
	if clean {
		s.load = sync.OnceValue(s.loadClean)
		if s.readOnly {
			return nil
		}
		return s.openLog(s.disk)
	}
	s.load = sync.OnceValue(s.loadChanged)
	if err := s.load(); err != nil || s.readOnly {
		return err
	}
	err = s.fold()
	if errors.Is(err, errIndexSize) && !s.merged { // until tags are deleted, the log has what index.json cannot have
		return s.openLog(s.disk)
	}
	return err
}

// directoryKind is what a directory is before it is opened.
type directoryKind int

const (
	emptyDirectory directoryKind = iota
	ownLayout                    // it has a log
	foreignLayout
	otherDirectory
)

// kind finds out what the directory is.
func (d *disk) kind() (directoryKind, error) {
	for _, file := range []struct {
		name string
		kind directoryKind
	}{{layoutdir.LogName, ownLayout}, {ocispec.ImageLayoutFile, foreignLayout}} {
		if there, err := d.Exists(file.name); err != nil || there {
			return file.kind, err
		}
	}
	f, err := d.Root.Open(".")
	if err != nil {
		return 0, err
	}
	names, err := f.Readdirnames(3)
	if err == io.EOF {
		err = nil
	}
	for _, name := range names {
		if name != newName && name != lockName {
			return otherDirectory, errors.Join(err, f.Close())
		}
	}
	return emptyDirectory, errors.Join(err, f.Close())
}

// create makes an empty layout. The log is first: with it, the next start completes the others.
func (s *Store) create() error {
	s.load = func() error { return nil }
	if err := s.writeLog(s.disk, layoutdir.Record{Kind: layoutdir.IndexKind}); err != nil {
		return err
	}
	return s.fold()
}

// ReadOnly reports whether the store refuses changes: by [Options.ReadOnly], or because ocifake did
// not make the layout.
func (s *Store) ReadOnly() bool { return s.readOnly }

// Close writes index.json, shortens the log, and unlocks the directory. Open blobs stay readable,
// and open upload sessions continue when the directory is opened again. Other methods fail
// afterwards.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.mu.Lock()
	failed := s.failed
	s.failed = errClosed
	s.mu.Unlock()
	s.syncing.Lock() // after a sync that runs
	defer s.syncing.Unlock()
	err := failed
	if err == nil && s.log != nil && s.end != s.folded {
		if err = s.log.Sync(); err == nil {
			err = s.fold()
			s.synced = math.MaxInt64
			_ = s.disk.Root.Remove(uploadsName) // it fails if there are sessions
		}
	}
	if err = errors.Join(err, s.release()); err != nil {
		return fmt.Errorf("layoutstore: close %s: %w", s.dir, err)
	}
	return nil
}

// release closes the files of the store.
func (s *Store) release() error {
	var errs []error
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	errs = append(errs, s.disk.Close())
	if s.unlock != nil {
		errs = append(errs, s.unlock())
	}
	return errors.Join(errs...)
}

// content returns the version that is visible.
func (s *Store) content() (*memstore.Store, error) {
	if s.closed.Load() {
		return nil, errClosed
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	return s.visible.Load(), nil
}

// writable returns an error if content cannot be changed.
func (s *Store) writable(what, repo string) error {
	if s.readOnly {
		return failf(registry.Denied, "%s repository %s: the content is read-only: it is a layout that ocifake did not make, or was opened read-only", what, repo)
	}
	if s.closed.Load() {
		return errClosed
	}
	return s.load()
}

// failf returns an error with a cause and a message for the client.
func failf(cause registry.Cause, format string, args ...any) error {
	return &registry.Error{Cause: cause, Message: fmt.Sprintf(format, args...)}
}
