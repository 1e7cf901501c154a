package memstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// blob is the content of a blob, shared by all repositories in which it is visible. It is
// immutable. A blob in memory is also its own open blob.
type blob struct {
	digest  digest.Digest
	size    int64
	extents extents
	open    func() (registry.Blob, error) // if it is not in memory
}

// held returns the number of bytes in memory.
func (b *blob) held() int64 {
	if b.open != nil {
		return 0
	}
	return b.size
}

func (b *blob) Size() int64 { return b.size }

func (b *blob) Close() error { return nil }

func (b *blob) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("memstore: read blob %s: negative offset %d", b.digest, off)
	}
	n := 0
	for piece := range b.extents.span(off, min(int64(len(p)), b.size-off)) {
		n += copy(p[n:], piece)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (b *blob) WriteRange(w io.Writer, off, n int64) (int64, error) {
	if off < 0 || n < 0 || off > b.size || n > b.size-off {
		return 0, fmt.Errorf("memstore: write blob %s: %d bytes from offset %d are not within its %d", b.digest, n, off, b.size)
	}
	var written int64
	for piece := range b.extents.span(off, n) {
		k, err := w.Write(piece)
		written += int64(k)
		if err != nil {
			return written, err
		}
		if k < len(piece) {
			return written, io.ErrShortWrite
		}
	}
	return written, nil
}

// OpenBlob implements [registry.Store]. For a blob that [Store.AddBlob] added, it also returns
// the errors of its open function.
func (s *Store) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	must.NotNil("memstore: Store.OpenBlob: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	b, ok := s.index.blob(repo, d)
	s.mu.RUnlock()
	if !ok {
		return nil, blobUnknown(repo, d)
	}
	if b.open == nil {
		return b, nil
	}
	opened, err := b.open()
	if err != nil {
		return nil, fmt.Errorf("memstore: open blob %s of repository %s: %w", d, repo, err)
	}
	if size := opened.Size(); size != b.size {
		err := fmt.Errorf("memstore: open blob %s of repository %s: it has %d bytes and was added with %d", d, repo, size, b.size)
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

func blobUnknown(repo string, d digest.Digest) error {
	return failf(registry.BlobUnknown, "repository %s has no blob %s: push it, or mount it from where it is", repo, d)
}

// DeleteBlob implements [registry.Store].
func (s *Store) DeleteBlob(ctx context.Context, repo string, d digest.Digest) error {
	must.NotNil("memstore: Store.DeleteBlob: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.index.blob(repo, d)
	if !ok {
		return blobUnknown(repo, d)
	}
	s.account.release(s.index.deleteBlob(repo, b))
	return nil
}

// MountBlob implements [registry.Store].
func (s *Store) MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error {
	must.NotNil("memstore: Store.MountBlob: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.index.blob(from, d)
	if !ok {
		return blobUnknown(from, d)
	}
	s.index.addBlob(repo, b)
	return nil
}

// AddBlob makes a blob visible in a repository without holding it in memory. The store calls
// open for each reading, concurrently. Each call must return content with the digest and the
// size of desc. The digest is not verified; reading fails if the size is wrong.
// [registry.NewBlob] returns a [registry.Blob] for a file or another [io.ReaderAt]. The blob
// does not count against [Options.MaxBytes].
//
// If the store already has a blob with that digest, AddBlob makes that blob visible and does
// not use open.
//
// AddBlob fails with [registry.NameInvalid] or [registry.DigestInvalid] if the name or the
// digest is invalid, and with [registry.SizeInvalid] if the size is negative or differs from
// that of the blob in the store.
func (s *Store) AddBlob(ctx context.Context, repo string, desc ocispec.Descriptor, open func() (registry.Blob, error)) error {
	must.NotNil("memstore: Store.AddBlob: ctx", ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case open == nil:
		return fmt.Errorf("memstore: add blob %s to repository %s: open is nil: there is no function to open it", desc.Digest, repo)
	}
	if err := checkAdded("blob", repo, desc); err != nil {
		return err
	}
	b := &blob{digest: digest.Digest(strings.Clone(string(desc.Digest))), size: desc.Size, open: open}
	s.mu.Lock()
	defer s.mu.Unlock()
	if held, ok := s.index.source(b.digest); ok && held.size != b.size {
		return failf(registry.SizeInvalid, "add blob %s to repository %s: size %d, but the blob has %d bytes", b.digest, repo, b.size, held.size)
	}
	s.index.addBlob(repo, b)
	return nil
}

// checkAdded checks the name, the digest and the size of content that is added.
func checkAdded(kind, repo string, desc ocispec.Descriptor) error {
	switch {
	case !op.ValidRepository(repo):
		return failf(registry.NameInvalid, "add %s %s: %q is not the name of a repository", kind, desc.Digest, repo)
	case !op.ValidDigest(desc.Digest):
		return failf(registry.DigestInvalid, "add %s to repository %s: %q is not a digest", kind, repo, desc.Digest)
	case desc.Size < 0:
		return failf(registry.SizeInvalid, "add %s %s to repository %s: negative size %d", kind, desc.Digest, repo, desc.Size)
	}
	return nil
}
