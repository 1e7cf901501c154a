package layoutstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/internal/uuid"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// session identifies an upload session: by its repository, hashed, and its identifier. The name of its
// file in ocifake.uploads has both, so that sessions survive a restart.
type session struct{ repo, id string }

// manifestSuffix ends the name of the file of a manifest that is being written.
const manifestSuffix = ".manifest"

var (
	sessionFile  = pattern.Regexp(`^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9a-f]{32})$`)
	manifestFile = pattern.Regexp(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\` + manifestSuffix + `$`)
)

func sessionOf(repo, id string) session {
	sum := sha256.Sum256([]byte(repo))
	return session{fmt.Sprintf("%x", sum[:16]), id}
}

func (k session) file() string { return uploadsName + "/" + k.id + "." + k.repo }

// upload is an upload session, and every handle of it.
type upload struct {
	store     *Store
	session   session
	repo      string
	algorithm digest.Algorithm
	received  atomic.Int64 // for readers without the lock
	gone      atomic.Bool  // set under the store's lock

	// Guarded by the store's lock.
	writing bool
	touched time.Time

	// Guarded by the store's lock, and the writer's alone while there is one.
	size int64
	hash hash.Hash // of all bytes; nil: it is not known
}

// loadSessions finds the sessions that were open when the directory was closed, and deletes the files
// of manifests that were being written.
func (s *Store) loadSessions() error {
	entries, err := fs.ReadDir(s.disk.FS(), uploadsName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := s.loadSession(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) loadSession(e fs.DirEntry) error {
	if manifestFile().MatchString(e.Name()) {
		return s.disk.remove(uploadsName + "/" + e.Name())
	}
	name := sessionFile().FindStringSubmatch(e.Name())
	if name == nil {
		return nil
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	if err != nil {
		return err
	}
	k := session{repo: name[2], id: name[1]}
	u := &upload{store: s, session: k, algorithm: digest.SHA256, touched: info.ModTime(), size: info.Size()}
	u.received.Store(u.size)
	s.uploads[k] = u
	return nil
}

// NewUpload implements [registry.Store].
func (s *Store) NewUpload(ctx context.Context, repo string, algorithm digest.Algorithm) (registry.Upload, error) {
	must.NotNil("layoutstore: Store.NewUpload: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.writable("upload to", repo); err != nil {
		return nil, err
	}
	if !op.ValidAlgorithm(algorithm) {
		return nil, failf(registry.DigestInvalid, "upload to repository %s: digests of the kind %q are not supported: use %s", repo, algorithm, digest.SHA256)
	}
	u := &upload{store: s, session: sessionOf(repo, uuid.New()), repo: repo, algorithm: algorithm, touched: time.Now()}
	if err := s.register(u); err != nil {
		return nil, err
	}
	if err := u.create(); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		u.drop()
		return nil, fmt.Errorf("layoutstore: upload to repository %s: %w", repo, err)
	}
	return u, nil
}

// register adds a session, if there are not too many.
func (s *Store) register(u *upload) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if limit := s.options.MaxUploads; limit >= 0 && len(s.uploads) >= limit {
		return failf(registry.TooManyUploads, "upload to repository %s: %d upload sessions are open: finish or cancel one", u.repo, limit)
	}
	s.uploads[u.session] = u
	return nil
}

// create creates the file of a new session.
func (u *upload) create() error {
	if err := u.store.disk.mkdir(uploadsName); err != nil {
		return err
	}
	f, err := u.store.disk.open(u.session.file(), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	return f.Close()
}

// OpenUpload implements [registry.Store].
func (s *Store) OpenUpload(ctx context.Context, repo, id string) (registry.Upload, error) {
	must.NotNil("layoutstore: Store.OpenUpload: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := s.content(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	u, ok := s.uploads[sessionOf(repo, id)]
	if !ok {
		return nil, uploadUnknown(repo, id)
	}
	if u.touched = time.Now(); u.repo == "" {
		u.repo = repo // it was open before the store
	}
	return u, nil
}

func uploadUnknown(repo, id string) error {
	return failf(registry.UploadUnknown, "repository %s has no upload session %s: it was committed, cancelled or has expired: start another", repo, id)
}

// Uploads implements [registry.Store].
func (s *Store) Uploads(ctx context.Context, repo string) iter.Seq2[string, error] {
	must.NotNil("layoutstore: Store.Uploads: ctx", ctx)
	return func(yield func(string, error) bool) {
		_, err := s.content()
		if err = errors.Join(ctx.Err(), err); err != nil {
			yield("", err)
			return
		}
		for _, id := range s.openSessions(repo) {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(id, nil) {
				return
			}
		}
	}
}

func (s *Store) openSessions(repo string) (ids []string) {
	in := sessionOf(repo, "").repo
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	for k := range s.uploads {
		if repo == "" || k.repo == in {
			ids = append(ids, k.id)
		}
	}
	slices.Sort(ids) // each loop has the same order
	return ids
}

// expire removes the sessions that were unused for too long. The caller holds the lock.
func (s *Store) expire() {
	if s.options.UploadTTL < 0 {
		return
	}
	for _, u := range s.uploads {
		if !u.writing && time.Since(u.touched) >= s.options.UploadTTL {
			u.drop()
		}
	}
}

func (u *upload) ID() string { return u.session.id }

func (u *upload) Size() int64 { return u.received.Load() }

func (u *upload) Cancel(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.store.expire()
	if u.gone.Load() {
		return uploadUnknown(u.repo, u.session.id)
	}
	u.drop()
	return nil
}

// drop ends the session. Its file is deleted, by the writer if there is one.
func (u *upload) drop() {
	u.gone.Store(true)
	delete(u.store.uploads, u.session)
	if !u.writing {
		u.discard()
	}
}

// discard deletes the file. If that fails, the session is there again after a restart, and expires.
func (u *upload) discard() { _ = u.store.disk.remove(u.session.file()) }

// hashed returns the hash of the content, for digests of an algorithm.
func (u *upload) hashed(algorithm digest.Algorithm, f *file) (hash.Hash, error) {
	if u.size == 0 {
		return algorithm.Hash(), nil
	}
	if c, ok := u.hash.(hash.Cloner); ok && algorithm == u.algorithm {
		if clone, err := c.Clone(); err == nil {
			return clone, nil
		}
	}
	h := algorithm.Hash()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, u.size))
	if err == nil && n != u.size {
		err = io.ErrUnexpectedEOF
	}
	return h, err
}
