package memstore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

const (
	pieceSize = 256 << 10 // read at once: large for a read, small beside a blob
	batchSize = 128 << 10 // hashed at once

	// A chunk of this size is hashed in a second goroutine, which takes longer
	// than it saves with a smaller one.
	parallelSize = 4 << 20

	maxEmptyReads = 100 // in a row
)

// writer is the call that adds to a session. A session has at most one.
type writer struct {
	*upload
	body    io.Reader
	left    int64 // bytes to come; Unknown
	start   int64 // size of the session before
	large   bool  // the chunk has parallelSize bytes
	hasher  hasher
	digest  digest.Digest // of all, once it is complete
	probing bool          // the bytes are read into probe
	probe   [1]byte
}

func (u *upload) Append(ctx context.Context, c registry.Chunk) error {
	return u.write(ctx, c, "")
}

func (u *upload) Commit(ctx context.Context, c registry.Chunk, d digest.Digest) error {
	if algorithm, _, ok := strings.Cut(string(d), ":"); !ok || !digest.Algorithm(algorithm).Available() {
		return failf(registry.DigestInvalid, "commit upload %s to repository %s: %q is not a digest that can be computed", u.id, u.repo, d)
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
	w := u.newWriter(c, d)
	o := undo // also if the body panics
	defer func() {
		w.hasher.stop()
		err = u.end(w, o, err)
	}()
	arrived, err := w.receive(ctx)
	if !arrived {
		return err
	}
	if err != nil || d == "" {
		o = keep
		return err
	}
	if w.digest = w.hasher.digest(); w.digest != d {
		return failf(registry.DigestInvalid, "commit upload %s to repository %s: the content's digest is %s, not %s", u.id, u.repo, w.digest, d)
	}
	u.resize((*buffer).trim)
	o = commit
	return nil
}

func (u *upload) newWriter(c registry.Chunk, d digest.Digest) *writer {
	algorithm := u.algorithm
	if d != "" {
		algorithm = d.Algorithm()
	}
	w := &writer{upload: u, body: c.Body, left: max(c.Length, registry.Unknown), start: u.buffer.size, large: c.Length >= parallelSize}
	w.hasher.resume(u, algorithm)
	return w
}

// receive reads the chunk to its end. It reports whether the session keeps the received
// bytes, which it may do despite an error.
func (w *writer) receive(ctx context.Context) (arrived bool, err error) {
	for empty := 0; empty < maxEmptyReads; empty++ {
		n, err := w.body.Read(w.room())
		if w.gone.Load() {
			return false, uploadUnknown(w.repo, w.id)
		}
		if n > 0 {
			empty = 0
			if err := w.add(n); err != nil {
				return false, err
			}
		}
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case err == io.EOF && w.left > 0:
			return false, w.sizeInvalid("less")
		case err == io.EOF:
			w.hasher.follow(&w.buffer, w.large)
			return true, nil
		case err != nil:
			return w.interrupted(err)
		}
	}
	return w.interrupted(io.ErrNoProgress)
}

// room returns the space for the next bytes: the unused part of the last extent or, if there
// is none, the probe, which detects whether there are more bytes.
func (w *writer) room() []byte {
	room := w.buffer.room()
	n := min(len(room), pieceSize)
	if w.left >= 0 {
		n = int(min(int64(n), w.left))
	}
	if w.probing = n == 0; w.probing {
		return w.probe[:]
	}
	return room[:n]
}

// add adds the n bytes that were read into the room.
func (w *writer) add(n int) error {
	if w.left == 0 {
		return w.sizeInvalid("more")
	}
	if w.probing {
		taken := w.store.reserve(w.buffer.wanted(w.left))
		if taken == 0 {
			return w.store.full("upload %s to repository %s", w.id, w.repo)
		}
		w.buffer.extend(taken, w.probe[0])
	} else {
		w.buffer.filled(n)
	}
	if w.left > 0 {
		w.left -= int64(n)
	}
	size := w.buffer.size
	w.received.Store(size)
	w.large = w.large || size-w.start >= parallelSize
	if size-w.hasher.hashed >= batchSize {
		w.hasher.follow(&w.buffer, w.large)
	}
	return nil
}

func (w *writer) sizeInvalid(than string) error {
	return failf(registry.SizeInvalid, "upload %s to repository %s: the chunk has %s bytes than were announced", w.id, w.repo, than)
}

// interrupted ends a chunk whose received bytes are kept.
func (w *writer) interrupted(err error) (arrived bool, wrapped error) {
	w.hasher.follow(&w.buffer, w.large)
	return true, fmt.Errorf("memstore: upload %s to repository %s: read the chunk: %d bytes of the upload have arrived: %w", w.id, w.repo, w.buffer.size, err)
}
