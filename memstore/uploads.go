package memstore

import (
	"container/list"
	"context"
	"hash"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/uuid"
	"github.com/ocifake/ocifake/registry"
)

// upload is an upload session, and every handle of it.
type upload struct {
	store     *Store
	repo, id  string
	algorithm digest.Algorithm
	received  atomic.Int64 // the size of the buffer, for readers without the lock
	gone      atomic.Bool  // set under the store's lock

	// Guarded by the store's lock.
	writing bool
	touched time.Time
	place   *list.Element // in the store's list

	// Guarded by the store's lock, and the writer's alone while there is one.
	buffer buffer
	hash   hash.Hash // of the first hashed bytes; nil if there are none
	hashed int64
}

// NewUpload implements [registry.Store]. It also fails with [registry.DigestInvalid] if the
// program has no implementation of the algorithm.
func (s *Store) NewUpload(ctx context.Context, repo string, algorithm digest.Algorithm) (registry.Upload, error) {
	must.NotNil("memstore: Store.NewUpload: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !algorithm.Available() {
		return nil, failf(registry.DigestInvalid, "upload to repository %s: digests of the kind %q cannot be computed: use %s", repo, algorithm, digest.SHA256)
	}
	u := &upload{store: s, repo: repo, id: uuid.New(), algorithm: algorithm, touched: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if limit := s.options.MaxUploads; limit >= 0 && s.uploads.len() >= limit {
		return nil, failf(registry.TooManyUploads, "upload to repository %s: %d upload sessions are open: finish or cancel one", repo, limit)
	}
	s.uploads.set(key{repo, u.id}, u)
	u.place = s.touched.PushBack(u)
	return u, nil
}

// OpenUpload implements [registry.Store].
func (s *Store) OpenUpload(ctx context.Context, repo, id string) (registry.Upload, error) {
	must.NotNil("memstore: Store.OpenUpload: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	u, ok := s.uploads.get(key{repo, id}).(*upload)
	if !ok {
		return nil, uploadUnknown(repo, id)
	}
	u.touch()
	return u, nil
}

func uploadUnknown(repo, id string) error {
	return failf(registry.UploadUnknown, "repository %s has no upload session %s: it was committed, cancelled or has expired: start another", repo, id)
}

func (u *upload) ID() string { return u.id }

func (u *upload) Size() int64 { return u.received.Load() }

func (u *upload) Cancel(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.store.expire()
	if u.gone.Load() {
		return uploadUnknown(u.repo, u.id)
	}
	u.drop()
	return nil
}

// expire removes the sessions that were unused for too long. The caller holds the lock, here
// and in the methods below.
func (s *Store) expire() {
	if s.options.UploadTTL < 0 {
		return
	}
	for front := s.touched.Front(); front != nil; front = s.touched.Front() {
		u := front.Value.(*upload)
		if time.Since(u.touched) < s.options.UploadTTL {
			return
		}
		if u.writing {
			u.touch()
			continue
		}
		u.drop()
	}
}

func (u *upload) touch() {
	u.touched = time.Now()
	u.store.touched.MoveToBack(u.place)
}

// drop ends the session. Its memory is released, by the writer if there is one.
func (u *upload) drop() {
	u.gone.Store(true)
	u.store.uploads.delete(key{u.repo, u.id})
	u.store.touched.Remove(u.place)
	if !u.writing {
		u.discard()
	}
}

// discard releases the memory of the session.
func (u *upload) discard() {
	u.resize(func(b *buffer) { *b = buffer{} })
	u.hash = nil
}

// resize changes the buffer, and releases the memory that it no longer needs.
func (u *upload) resize(change func(*buffer)) {
	before := u.buffer.capacity()
	change(&u.buffer)
	u.store.account.release(before - u.buffer.capacity())
}

// begin makes the caller the writer of the session, if the chunk may be added.
func (u *upload) begin(c registry.Chunk) error {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.store.expire()
	if u.gone.Load() {
		return uploadUnknown(u.repo, u.id)
	}
	u.touch()
	if u.writing {
		return failf(registry.UploadRange, "upload %s to repository %s: another request is writing: wait for it, or cancel the upload", u.id, u.repo)
	}
	if size := u.buffer.size; c.Offset != registry.Unknown && c.Offset != size {
		return failf(registry.UploadRange, "upload %s to repository %s: the chunk starts at offset %d, not where the upload ends: continue at %d", u.id, u.repo, c.Offset, size)
	}
	u.writing = true
	return nil
}

// outcome is the state of a session after a write.
type outcome int

const (
	undo   outcome = iota // it is as it was before
	keep                  // it has what arrived
	commit                // its content is a blob
)

// end is the counterpart of begin. It returns the error of the call, given the error so
// far.
func (u *upload) end(w *writer, o outcome, err error) error {
	s := u.store
	s.mu.Lock()
	defer s.mu.Unlock()
	u.writing = false
	if u.gone.Load() {
		u.discard()
		return uploadUnknown(u.repo, u.id)
	}
	u.touch()
	switch o {
	case undo:
		u.resize(func(b *buffer) { b.truncate(w.start) })
		u.received.Store(w.start)
	case keep:
		if w.hasher.algorithm == u.algorithm {
			u.hash, u.hashed = w.hasher.hash, w.hasher.hashed
		}
	case commit:
		b := &blob{digest: w.digest, size: u.buffer.size, extents: u.buffer.extents}
		if s.index.addBlob(u.repo, b) {
			u.buffer = buffer{}
		}
		u.drop()
	}
	return err
}
