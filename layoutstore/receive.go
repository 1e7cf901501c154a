package layoutstore

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/layoutdir"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

const maxEmptyReads = 100 // in a row

// writer is the call that adds to a session. A session has at most one.
type writer struct {
	*upload
	file  *file
	body  io.Reader
	left  int64 // bytes to come; Unknown
	size  int64 // of the session with what has come
	large bool  // the chunk has parallelSize bytes
	hash  hash.Hash
	kept  bool // the session keeps what has come
	moved bool // the session is committed
}

// Append implements [registry.Upload].
func (u *upload) Append(ctx context.Context, c registry.Chunk) error {
	return u.write(ctx, c, "")
}

// Commit implements [registry.Upload].
func (u *upload) Commit(ctx context.Context, c registry.Chunk, d digest.Digest) error {
	if _, err := layoutdir.ParseDigest(string(d)); err != nil {
		return failf(registry.DigestInvalid, "commit upload %s to repository %s: %v", u.session.id, u.repo, err)
	}
	return u.write(ctx, c, d)
}

// write adds a chunk, and commits the session if a digest is given.
func (u *upload) write(ctx context.Context, c registry.Chunk, d digest.Digest) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.Body == nil {
		c = registry.Chunk{Body: http.NoBody, Offset: registry.Unknown, Length: registry.Unknown}
	}
	if err := u.begin(c); err != nil {
		return err
	}
	w := &writer{upload: u, body: c.Body, left: max(c.Length, registry.Unknown), size: u.size, large: c.Length >= parallelSize}
	defer func() { err = w.end(err) }() // also if the body panics
	if err := w.open(); err != nil {
		return w.failed(err)
	}
	algorithm := u.algorithm
	if d != "" {
		algorithm = d.Algorithm()
	}
	if w.hash, err = u.hashed(algorithm, w.file); err != nil {
		return w.failed(err)
	}
	if err := w.receive(ctx); err != nil || d == "" {
		w.kept = w.kept || err == nil
		if algorithm != u.algorithm {
			w.hash = nil
		}
		return err
	}
	if got := digest.NewDigest(algorithm, w.hash); got != d {
		return failf(registry.DigestInvalid, "commit upload %s to repository %s: the content's digest is %s, not %s", u.session.id, u.repo, got, d)
	}
	return w.commit(d)
}

// open opens the file of the session for writing at its end.
func (w *writer) open() (err error) {
	if w.file, err = w.store.disk.open(w.session.file(), os.O_RDWR); err != nil {
		return err
	}
	end, err := w.file.Seek(0, io.SeekEnd)
	switch {
	case err != nil:
		return err
	case end < w.size:
		return fmt.Errorf("%s: it has %d bytes, and the session %d", w.file.name, end, w.size)
	case end > w.size: // undoing a chunk has failed
		if err := w.file.Truncate(w.size); err != nil {
			return err
		}
	}
	_, err = w.file.Seek(w.size, io.SeekStart)
	return err
}

func (w *writer) failed(err error) error {
	return fmt.Errorf("layoutstore: upload %s to repository %s: %w", w.session.id, w.repo, err)
}

// begin makes the caller the writer of the session, if the chunk may be added.
func (u *upload) begin(c registry.Chunk) error {
	if err := u.store.writable("upload to", u.repo); err != nil {
		return err
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.store.expire()
	if u.gone.Load() {
		return uploadUnknown(u.repo, u.session.id)
	}
	u.touched = time.Now()
	if u.writing {
		return failf(registry.UploadRange, "upload %s to repository %s: another request is writing: wait for it, or cancel the upload", u.session.id, u.repo)
	}
	if c.Offset != registry.Unknown && c.Offset != u.size {
		return failf(registry.UploadRange, "upload %s to repository %s: the chunk starts at offset %d, not where the upload ends: continue at %d", u.session.id, u.repo, c.Offset, u.size)
	}
	u.writing = true
	return nil
}

// end is the counterpart of begin. It returns the error of the call, given the error so far.
func (w *writer) end(err error) error {
	u := w.upload
	if !w.kept && !w.moved && w.file != nil && !u.gone.Load() {
		if undo := w.file.Truncate(u.size); undo != nil {
			err = errors.Join(err, w.failed(undo))
		}
	}
	if w.file != nil {
		_ = w.file.Close() // what was written is synced before a commit, which reports errors
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.writing = false
	switch {
	case w.moved:
		u.discard() // if the store had the content already
		return err
	case u.gone.Load():
		u.discard()
		return uploadUnknown(u.repo, u.session.id)
	case w.kept:
		u.size, u.hash = w.size, w.hash
	}
	u.received.Store(u.size)
	u.touched = time.Now()
	return err
}

// receive reads the chunk to its end.
func (w *writer) receive(ctx context.Context) error {
	h := newHasher(w.hash, w.large)
	defer h.stop()
	for empty := 0; empty < maxEmptyReads; empty++ {
		room := h.buffer()
		if w.left >= 0 {
			room = room[:max(1, min(int64(len(room)), w.left))] // one byte detects that there are more
		}
		n, err := w.body.Read(room)
		if w.gone.Load() {
			return uploadUnknown(w.repo, w.session.id)
		}
		if n > 0 {
			empty = 0
			if err := w.add(room[:n], h); err != nil {
				return err
			}
		}
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case err == io.EOF && w.left > 0:
			return w.sizeInvalid("less")
		case err == io.EOF:
			return nil
		case err != nil:
			return w.interrupted(err)
		}
	}
	return w.interrupted(io.ErrNoProgress)
}

// add adds a piece to the file.
func (w *writer) add(p []byte, h *hasher) error {
	if w.left == 0 {
		return w.sizeInvalid("more")
	}
	h.add(p)
	if _, err := w.file.Write(p); err != nil {
		return w.failed(err)
	}
	w.size += int64(len(p))
	if w.left > 0 {
		w.left -= int64(len(p))
	}
	w.received.Store(w.size)
	return nil
}

func (w *writer) sizeInvalid(than string) error {
	return failf(registry.SizeInvalid, "upload %s to repository %s: the chunk has %s bytes than were announced", w.session.id, w.repo, than)
}

// interrupted ends a chunk whose received bytes are kept.
func (w *writer) interrupted(err error) error {
	w.kept = true
	return w.failed(fmt.Errorf("read the chunk: %d bytes of the upload have arrived: %w", w.size, err))
}

// commit makes the content a blob.
func (w *writer) commit(d digest.Digest) error {
	s := w.store
	supply := func() (string, error) { return w.session.file(), w.file.Sync() }
	err := s.add(d, supply, func() error {
		return s.change(func(next *memstore.Store) (layoutdir.Record, error) {
			if w.gone.Load() {
				return layoutdir.Record{}, uploadUnknown(w.repo, w.session.id)
			}
			if err := layoutdir.AddBlob(next, w.repo, d, w.size); err != nil {
				return layoutdir.Record{}, err
			}
			return s.blobRecord(next, w.repo, d), nil
		}, func() {
			w.moved = true
			w.gone.Store(true)
			delete(s.uploads, w.session)
		})
	})
	if err != nil && !w.moved {
		return w.failed(err)
	}
	return err
}
