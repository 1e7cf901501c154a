package battery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// brokenStore is a store that breaks one sentence of registry.Store, registry.Upload or
// registry.Blob.
type brokenStore struct {
	name     string
	sentence string
	breaks   func(h *hooked)
}

func visible(h *hooked, repo string, d digest.Digest) bool {
	b, err := h.Store.OpenBlob(context.Background(), repo, d)
	if err != nil {
		return false
	}
	_ = b.Close()
	return true
}

var brokenStores = []brokenStore{
	// Blobs.
	{"blob-close-closes-others", "Each call returns a new Blob, and closing it does not close others.", func(h *hooked) {
		var closed table[bool]
		h.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
			b, err := h.Store.OpenBlob(ctx, repo, d)
			if err != nil {
				return nil, err
			}
			closed.del(string(d))
			shut := func() bool { _, ok := closed.get(string(d)); return ok }
			return &hookedBlob{Blob: b,
				close: func() error { closed.set(string(d), true); return nil },
				readAt: func(p []byte, off int64) (int, error) {
					if shut() {
						return 0, errors.New("closed")
					}
					return b.ReadAt(p, off)
				},
				writeRange: func(w io.Writer, off, n int64) (int64, error) {
					if shut() {
						return 0, errors.New("closed")
					}
					return b.WriteRange(w, off, n)
				}}, nil
		}
	}},
	{"blob-of-any-repository", "Content is visible only in the repositories that it was pushed or mounted into.", func(h *hooked) {
		h.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
			b, err := h.Store.OpenBlob(ctx, repo, d)
			if err == nil {
				return b, nil
			}
			for other := range h.Store.BlobRepositories(ctx, d) {
				return h.Store.OpenBlob(ctx, other, d)
			}
			return nil, err
		}
	}},
	{"blob-unknown-is-other-error", "OpenBlob fails with BlobUnknown.", func(h *hooked) {
		h.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
			b, err := h.Store.OpenBlob(ctx, repo, d)
			if err != nil {
				return nil, io.ErrUnexpectedEOF
			}
			return b, nil
		}
	}},
	{"blob-unknown-repository-is-name-unknown", "OpenBlob fails with BlobUnknown.", func(h *hooked) {
		h.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
			for _, err := range h.Store.Tags(ctx, repo, "") {
				if errors.Is(err, registry.NameUnknown) {
					return nil, err
				}
			}
			return h.Store.OpenBlob(ctx, repo, d)
		}
	}},
	{"blob-delete-refused-if-referenced", "DeleteBlob deletes a blob from one repository, also if a manifest refers to it.", func(h *hooked) {
		h.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
			for m := range h.Store.Manifests(ctx, repo, "") {
				if full, err := h.Store.Manifest(ctx, repo, string(m.Digest)); err == nil && bytes.Contains(full.Content, []byte(d)) {
					return registry.Denied
				}
			}
			return h.Store.DeleteBlob(ctx, repo, d)
		}
	}},
	{"blob-delete-everywhere", "DeleteBlob deletes a blob from one repository.", func(h *hooked) {
		h.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
			repos := collect(h.Store.BlobRepositories(ctx, d))
			err := h.Store.DeleteBlob(ctx, repo, d)
			for _, other := range repos {
				if err == nil && other != repo {
					_ = h.Store.DeleteBlob(ctx, other, d)
				}
			}
			return err
		}
	}},
	{"blob-delete-closes-readers", "Blobs that are open stay readable.", func(h *hooked) {
		var gone table[bool]
		h.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
			err := h.Store.DeleteBlob(ctx, repo, d)
			if err == nil {
				gone.set(string(d), true)
			}
			return err
		}
		h.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
			b, err := h.Store.OpenBlob(ctx, repo, d)
			if err != nil {
				return nil, err
			}
			gone.del(string(d))
			return &hookedBlob{Blob: b, writeRange: func(w io.Writer, off, n int64) (int64, error) {
				if _, ok := gone.get(string(d)); ok {
					return 0, io.ErrClosedPipe
				}
				return b.WriteRange(w, off, n)
			}, readAt: func(p []byte, off int64) (int, error) {
				if _, ok := gone.get(string(d)); ok {
					return 0, io.ErrClosedPipe
				}
				return b.ReadAt(p, off)
			}}, nil
		}
	}},
	{"blob-delete-unknown-is-nil", "DeleteBlob fails with BlobUnknown.", func(h *hooked) {
		h.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
			_ = h.Store.DeleteBlob(ctx, repo, d)
			return nil
		}
	}},
	{"blob-size-in-kibibytes", "Size is the length of the blob in bytes.", func(h *hooked) {
		h.blob = func(b *hookedBlob) { b.size = func() int64 { return (b.Blob.Size() + 1023) / 1024 * 1024 } }
	}},
	{"blob-write-short-beyond-mebibyte", "WriteRange writes n bytes from the offset off to w.", func(h *hooked) {
		h.blob = func(b *hookedBlob) {
			b.writeRange = func(w io.Writer, off, n int64) (int64, error) {
				if off+n > 2<<20 && off < 2<<20 {
					n = 2<<20 - off
				}
				return b.Blob.WriteRange(w, off, n)
			}
		}
	}},
	{"blob-write-from-start", "WriteRange writes n bytes from the offset off to w.", func(h *hooked) {
		h.blob = func(b *hookedBlob) {
			b.writeRange = func(w io.Writer, off, n int64) (int64, error) {
				if off >= 1<<20 {
					off -= 1 << 20
				}
				return b.Blob.WriteRange(w, off, n)
			}
		}
	}},
	{"blob-write-counts-one-less", "and returns the number of bytes written", func(h *hooked) {
		h.blob = func(b *hookedBlob) {
			b.writeRange = func(w io.Writer, off, n int64) (int64, error) {
				k, err := b.Blob.WriteRange(w, off, n)
				return max(0, k-1), err
			}
		}
	}},
	{"blob-write-ignores-error", "WriteRange writes n bytes … to w, and returns the number of bytes written (io.Writer errors)", func(h *hooked) {
		h.blob = func(b *hookedBlob) {
			b.writeRange = func(w io.Writer, off, n int64) (int64, error) {
				_, _ = b.Blob.WriteRange(w, off, n)
				return n, nil
			}
		}
	}},
	{"blob-read-at-end-without-eof", "io.ReaderAt: When ReadAt returns n < len(p), it returns a non-nil error.", func(h *hooked) {
		h.blob = func(b *hookedBlob) {
			b.readAt = func(p []byte, off int64) (int, error) {
				n, err := b.Blob.ReadAt(p, off)
				if err == io.EOF {
					err = nil
				}
				return n, err
			}
		}
	}},

	// Mounts.
	{"mount-if-target-has-it", "MountBlob fails with BlobUnknown if from does not have the blob or does not exist, whatever repo has.", func(h *hooked) {
		h.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
			if visible(h, repo, d) {
				return nil
			}
			return h.Store.MountBlob(ctx, repo, d, from)
		}
	}},
	{"mount-visible-fails", "If it is visible there already, nothing changes.", func(h *hooked) {
		h.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
			if repo != from && visible(h, repo, d) && visible(h, from, d) {
				return errors.New("exists")
			}
			return h.Store.MountBlob(ctx, repo, d, from)
		}
	}},
	{"mount-from-unknown-is-name-unknown", "MountBlob fails with BlobUnknown if from … does not exist", func(h *hooked) {
		h.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
			for _, err := range h.Store.Tags(ctx, from, "") {
				if errors.Is(err, registry.NameUnknown) {
					return err
				}
			}
			return h.Store.MountBlob(ctx, repo, d, from)
		}
	}},
	{"mount-moves", "MountBlob makes a blob of the repository from visible in repo.", func(h *hooked) {
		h.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
			err := h.Store.MountBlob(ctx, repo, d, from)
			if err == nil && repo != from {
				_ = h.Store.DeleteBlob(ctx, from, d)
			}
			return err
		}
	}},
	{"mount-from-any", "MountBlob fails with BlobUnknown if from does not have the blob", func(h *hooked) {
		h.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
			err := h.Store.MountBlob(ctx, repo, d, from)
			if err != nil {
				for other := range h.Store.BlobRepositories(ctx, d) {
					return h.Store.MountBlob(ctx, repo, d, other)
				}
			}
			return err
		}
	}},
	{"mount-fails-and-creates-repository", "A method that fails changes nothing. A repository exists from its first completed blob, mount or manifest.", func(h *hooked) {
		h.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
			err := h.Store.MountBlob(ctx, repo, d, from)
			if errors.Is(err, registry.BlobUnknown) {
				createRepository(h, repo)
			}
			return err
		}
	}},

	// Sessions.
	{"upload-id-is-a-number", "ID … is a UUID.", func(h *hooked) {
		var ids table[string]
		h.upload = func(_ string, u *hookedUpload) {
			id := u.Upload.ID()
			short := fmt.Sprint(len(id)*1000 + int(id[0])*100 + int(id[1])*10 + int(id[2])*7 + int(id[35]))
			ids.set(short, id)
			u.id = func() string { return short }
		}
		h.openUpload = func(ctx context.Context, repo, id string) (registry.Upload, error) {
			if long, ok := ids.get(id); ok {
				id = long
			}
			return h.Store.OpenUpload(ctx, repo, id)
		}
	}},
	{"upload-of-any-repository", "OpenUpload fails with UploadUnknown if it … is one of another repository.", func(h *hooked) {
		h.openUpload = func(ctx context.Context, repo, id string) (registry.Upload, error) {
			u, err := h.Store.OpenUpload(ctx, repo, id)
			for other := range h.Store.Repositories(ctx, "") {
				if err == nil {
					break
				}
				u, err = h.Store.OpenUpload(ctx, other, id)
			}
			return u, err
		}
	}},
	{"upload-creates-repository", "A repository exists from its first completed blob, mount or manifest.", func(h *hooked) {
		h.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
			createRepository(h, repo)
			return h.Store.NewUpload(ctx, repo, a)
		}
	}},
	{"upload-size-only-after-chunk", "Size is the number of bytes received so far, including those of a chunk that is still arriving.", func(h *hooked) {
		var writing table[int64]
		h.upload = func(_ string, u *hookedUpload) {
			id := u.Upload.ID()
			u.append = func(ctx context.Context, c registry.Chunk) error {
				if _, ok := writing.get(id); !ok {
					writing.set(id, u.Upload.Size())
					defer writing.del(id)
				}
				return u.Upload.Append(ctx, c)
			}
			u.size = func() int64 {
				if n, ok := writing.get(id); ok {
					return n
				}
				return u.Upload.Size()
			}
		}
	}},
	{"upload-read-error-drops", "If its body ends with a read error, what arrived before is kept.", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				if c.Body == nil {
					return u.Upload.Append(ctx, c)
				}
				content, err := io.ReadAll(c.Body)
				if err != nil {
					return err
				}
				c.Body = bytes.NewReader(content)
				return u.Upload.Append(ctx, c)
			}
		}
	}},
	{"upload-read-error-hidden", "what arrived before is kept, and the error returned", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				c.Length = registry.Unknown
				if c.Body != nil {
					c.Body = quiet{c.Body}
				}
				return u.Upload.Append(ctx, c)
			}
		}
	}},
	{"upload-commit-read-error-drops", "Commit fails as Append does, keeping what arrived before a read error", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
				if c.Body == nil {
					return u.Upload.Commit(ctx, c, d)
				}
				content, err := io.ReadAll(c.Body)
				if err != nil {
					return err
				}
				c.Body = bytes.NewReader(content)
				return u.Upload.Commit(ctx, c, d)
			}
		}
	}},
	{"upload-unexpected-eof-is-size-invalid", "A body that ends with an error other than io.EOF, even io.ErrUnexpectedEOF, … ends with a read error.", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				err := u.Upload.Append(ctx, c)
				if errors.Is(err, io.ErrUnexpectedEOF) {
					return registry.SizeInvalid
				}
				return err
			}
		}
	}},
	{"upload-any-offset", "or else UploadRange if … the chunk … does not start where the session ends", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				c.Offset = registry.Unknown
				return u.Upload.Append(ctx, c)
			}
		}
	}},
	{"upload-empty-chunk-at-any-offset", "UploadRange if … the chunk, even an empty one, does not start where the session ends", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				if c.Length == 0 {
					c.Offset = registry.Unknown
				}
				return u.Upload.Append(ctx, c)
			}
		}
	}},
	{"upload-commit-at-any-offset", "UploadRange if … the chunk … does not start where the session ends", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
				if c.Body != nil {
					c.Offset = registry.Unknown
				}
				return u.Upload.Commit(ctx, c, d)
			}
		}
	}},
	{"upload-short-chunk-kept", "after any other failure the session is as it was before (SizeInvalid)", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				if c.Body == nil || c.Length == registry.Unknown {
					return u.Upload.Append(ctx, c)
				}
				n := &counter{Reader: c.Body}
				length := c.Length
				c.Body, c.Length = n, registry.Unknown
				err := u.Upload.Append(ctx, c)
				if err == nil && n.n < length {
					return registry.SizeInvalid
				}
				return err
			}
		}
	}},
	{"upload-long-chunk-cut", "SizeInvalid if the body is not as long as the chunk says", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				if c.Body != nil && c.Length >= 0 {
					c.Body = io.LimitReader(c.Body, c.Length)
				}
				return u.Upload.Append(ctx, c)
			}
		}
	}},
	{"upload-second-writer-waits", "UploadRange if another call is writing; none waits for another call's body or writer", func(h *hooked) {
		var locks table[*sync.Mutex]
		h.upload = func(_ string, u *hookedUpload) {
			lock := locks.update(u.Upload.ID(), func(m *sync.Mutex) *sync.Mutex {
				if m == nil {
					return new(sync.Mutex)
				}
				return m
			})
			u.append = func(ctx context.Context, c registry.Chunk) error {
				lock.Lock()
				defer lock.Unlock()
				return u.Upload.Append(ctx, c)
			}
		}
	}},
	{"upload-wrong-digest-keeps-chunk", "or else with DigestInvalid, after which the session is as it was before the call", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
				if c.Body != nil {
					if err := u.Upload.Append(ctx, c); err != nil {
						return err
					}
				}
				return u.Upload.Commit(ctx, registry.Chunk{}, d)
			}
		}
	}},
	{"upload-wrong-digest-ends-session", "or else with DigestInvalid, after which the session is as it was before the call", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
				err := u.Upload.Commit(ctx, c, d)
				if errors.Is(err, registry.DigestInvalid) {
					_ = u.Upload.Cancel(ctx)
				}
				return err
			}
		}
	}},
	{"upload-only-announced-algorithm", "The algorithm is the expected one of the content's digest; a commit may use another.", func(h *hooked) {
		var expected table[digest.Algorithm]
		h.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
			u, err := h.Store.NewUpload(ctx, repo, a)
			if err == nil {
				expected.set(u.ID(), a)
			}
			return u, err
		}
		h.upload = func(_ string, u *hookedUpload) {
			u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
				if a, ok := expected.get(u.Upload.ID()); ok && a != d.Algorithm() {
					return registry.DigestInvalid
				}
				return u.Upload.Commit(ctx, c, d)
			}
		}
	}},
	{"upload-digest-before-range", "Fails as Append does, …, or else with DigestInvalid", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
				err := u.Upload.Commit(ctx, c, d)
				if errors.Is(err, registry.UploadRange) && c.Body != nil && c.Offset > u.Upload.Size() {
					return registry.DigestInvalid
				}
				return err
			}
		}
	}},
	{"upload-zero-chunk-has-offset", "The zero Chunk is no chunk: if Body is nil, the other fields are ignored.", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
				if c.Body == nil && c.Offset > 0 && c.Offset != u.Upload.Size() {
					return registry.UploadRange
				}
				return u.Upload.Commit(ctx, c, d)
			}
		}
	}},
	{"upload-cancel-twice-is-nil", "Cancel fails with UploadUnknown if the session is gone.", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.cancel = func(ctx context.Context) error { _ = u.Upload.Cancel(ctx); return nil }
		}
	}},
	{"upload-cancel-waits-for-chunk", "An Append or Commit that is running fails.", func(h *hooked) {
		var locks table[*sync.RWMutex]
		h.upload = func(_ string, u *hookedUpload) {
			lock := locks.update(u.Upload.ID(), func(m *sync.RWMutex) *sync.RWMutex {
				if m == nil {
					return new(sync.RWMutex)
				}
				return m
			})
			u.append = func(ctx context.Context, c registry.Chunk) error {
				lock.RLock()
				defer lock.RUnlock()
				return u.Upload.Append(ctx, c)
			}
			u.cancel = func(ctx context.Context) error {
				lock.Lock()
				defer lock.Unlock()
				return u.Upload.Cancel(ctx)
			}
		}
	}},
	{"upload-cancelled-append-succeeds", "An Append or Commit that is running fails.", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				if c.Body == nil {
					return u.Upload.Append(ctx, c)
				}
				n := &counter{Reader: c.Body}
				c.Body = n
				err := u.Upload.Append(ctx, c)
				if errors.Is(err, registry.UploadUnknown) && n.n > 0 {
					return nil
				}
				return err
			}
		}
	}},
	{"upload-append-after-commit-is-range", "Fails with UploadUnknown if the session is gone", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				err := u.Upload.Append(ctx, c)
				if errors.Is(err, registry.UploadUnknown) {
					return registry.UploadRange
				}
				return err
			}
		}
	}},
	{"uploads-without-empty-repository", "Uploads lists the identifiers of the upload sessions open in a repository, or in all if repo is empty", func(h *hooked) {
		h.uploads = func(ctx context.Context, repo string) iter.Seq2[string, error] {
			if repo == "" {
				return func(func(string, error) bool) {}
			}
			return h.Store.Uploads(ctx, repo)
		}
	}},
	{"uploads-of-all-repositories", "Uploads lists the identifiers of the upload sessions open in a repository", func(h *hooked) {
		h.uploads = func(ctx context.Context, repo string) iter.Seq2[string, error] { return h.Store.Uploads(ctx, "") }
	}},
	{"uploads-keep-committed", "Uploads lists the identifiers of the upload sessions open", func(h *hooked) {
		var ids table[string]
		h.upload = func(repo string, u *hookedUpload) {
			u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
				err := u.Upload.Commit(ctx, c, d)
				if err == nil {
					ids.set(repo, u.Upload.ID())
				}
				return err
			}
		}
		h.uploads = func(ctx context.Context, repo string) iter.Seq2[string, error] {
			open := h.Store.Uploads(ctx, repo)
			return arranged(open, func(all []string) []string {
				if id, ok := ids.get(repo); ok {
					all = append(all, id)
				}
				return all
			})
		}
	}},

	// Manifests.
	{"manifest-hex-tag-is-digest", "otherwise a tag, even if it looks like a part of a digest", func(h *hooked) {
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			if err != nil && !strings.Contains(ref, ":") && len(ref) == 64 {
				return h.Store.Manifest(ctx, repo, "sha256:"+ref)
			}
			return m, err
		}
	}},
	{"manifest-tag-without-case", "They are compared byte by byte.", func(h *hooked) {
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			if err != nil {
				for tag := range h.Store.Tags(ctx, repo, "") {
					if strings.EqualFold(tag.Name, ref) {
						return h.Store.Manifest(ctx, repo, tag.Name)
					}
				}
			}
			return m, err
		}
	}},
	{"manifest-of-any-repository", "Content is visible only in the repositories that it was pushed or mounted into.", func(h *hooked) {
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			if err != nil && strings.Contains(ref, ":") {
				for other := range h.Store.Repositories(ctx, "") {
					if m, err := h.Store.Manifest(ctx, other, ref); err == nil {
						return m, nil
					}
				}
			}
			return m, err
		}
	}},
	{"manifest-without-annotations", "Descriptor: media type, digest, size, artifact type, annotations", func(h *hooked) {
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			m.Descriptor.Annotations = nil
			return m, err
		}
	}},
	{"manifest-sha512-told-as-sha256", "Manifest returns a manifest by digest: Descriptor has the digest", func(h *hooked) {
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			if err == nil && m.Descriptor.Digest.Algorithm() == digest.SHA512 {
				m.Descriptor.Digest = digest.FromBytes(m.Content)
			}
			return m, err
		}
	}},
	{"put-keeps-callers-content", "The slices and maps that a method is given belong to its caller again when it returns: a Store copies what it keeps.", func(h *hooked) {
		var kept table[[]byte]
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			err := h.Store.PutManifest(ctx, repo, m)
			if err == nil {
				kept.set(repo+string(m.Descriptor.Digest), m.Content)
			}
			return err
		}
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			if content, ok := kept.get(repo + string(m.Descriptor.Digest)); err == nil && ok {
				m.Content = content
			}
			return m, err
		}
	}},
	{"put-keeps-callers-annotations", "a Store copies what it keeps", func(h *hooked) {
		var kept table[map[string]string]
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			err := h.Store.PutManifest(ctx, repo, m)
			if err == nil {
				kept.set(repo+string(m.Descriptor.Digest), m.Descriptor.Annotations)
			}
			return err
		}
		h.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return mapped(h.Store.Referrers(ctx, repo, subject, after), func(d *ocispec.Descriptor) bool {
				if a, ok := kept.get(repo + string(d.Digest)); ok {
					d.Annotations = a
				}
				return true
			})
		}
	}},
	{"put-sorts-callers-tags", "a Store … does not change them", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			slices.Sort(m.Tags)
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"put-changes-returned-annotations", "The caller must not change what a method returns; the Store does not change it either, even when the content changes.", func(h *hooked) {
		var given table[map[string]string]
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			if err == nil && m.Descriptor.Annotations != nil {
				m.Descriptor.Annotations = maps.Clone(m.Descriptor.Annotations)
				given.set(repo+string(m.Descriptor.Digest), m.Descriptor.Annotations)
			}
			return m, err
		}
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			err := h.Store.PutManifest(ctx, repo, m)
			if old, ok := given.get(repo + string(m.Descriptor.Digest)); ok && err == nil {
				maps.Copy(old, m.Descriptor.Annotations)
			}
			return err
		}
	}},
	{"put-half", "PutManifest stores a manifest and sets tags on it: all or nothing.", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			if len(m.Tags) < 2 {
				return h.Store.PutManifest(ctx, repo, m)
			}
			for _, tag := range m.Tags {
				one := m
				one.Tags = []string{tag}
				if err := h.Store.PutManifest(ctx, repo, one); err != nil {
					return err
				}
				m.Precondition = registry.Precondition{}
			}
			return nil
		}
	}},
	{"put-again-keeps-media-type", "If its digest is stored already, the new media type, artifact type and annotations replace the old.", keepsOld(func(d *ocispec.Descriptor, old ocispec.Descriptor) { d.MediaType = old.MediaType })},
	{"put-again-keeps-artifact-type", "the new media type, artifact type and annotations replace the old", keepsOld(func(d *ocispec.Descriptor, old ocispec.Descriptor) { d.ArtifactType = old.ArtifactType })},
	{"put-again-merges-annotations", "the new media type, artifact type and annotations replace the old", keepsOld(func(d *ocispec.Descriptor, old ocispec.Descriptor) {
		merged := maps.Clone(old.Annotations)
		if merged == nil {
			merged = map[string]string{}
		}
		maps.Copy(merged, d.Annotations)
		if len(merged) > 0 {
			d.Annotations = merged
		}
	})},
	{"put-immutable-before-precondition", "It checks in this order: the precondition (PreconditionFailed), the tags that may not move (TagImmutable), …", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			err := h.Store.PutManifest(ctx, repo, m)
			if errors.Is(err, registry.PreconditionFailed) && m.ImmutableTags {
				free := m
				free.Precondition = registry.Precondition{}
				for _, tag := range m.Tags {
					if old, e := h.Store.Manifest(ctx, repo, tag); e == nil && old.Descriptor.Digest != m.Descriptor.Digest {
						return registry.TagImmutable
					}
				}
			}
			return err
		}
	}},
	{"put-references-before-immutable", "It checks in this order: …, the tags that may not move (TagImmutable), the references", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			err := h.Store.PutManifest(ctx, repo, m)
			if errors.Is(err, registry.TagImmutable) {
				for _, ref := range m.Require {
					if !ref.Optional && ref.Blob && !visible(h, repo, ref.Digest) {
						return ref.Judge(repo, nil, nil)
					}
				}
			}
			return err
		}
	}},
	{"put-first-error-only", "the errors of Reference.Judge being joined by errors.Join", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			err := h.Store.PutManifest(ctx, repo, m)
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				return joined.Unwrap()[0]
			}
			return err
		}
	}},
	{"put-errors-reversed", "The errors are in the order of Require", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			m.Require = slices.Clone(m.Require)
			slices.Reverse(m.Require)
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"put-optional-wrong-size", "or, if they are Optional, must be right if they do", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			m.Require = slices.DeleteFunc(slices.Clone(m.Require), func(r registry.Reference) bool { return r.Optional })
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"put-optional-must-exist", "Optional: it may be missing", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			m.Require = slices.Clone(m.Require)
			for i := range m.Require {
				m.Require[i].Optional = false
			}
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"put-either-is-blob", "If both Blob and Manifest are set, either is sufficient.", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			m.Require = slices.Clone(m.Require)
			for i := range m.Require {
				if m.Require[i].Blob && m.Require[i].Manifest {
					m.Require[i].Manifest = false
				}
			}
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"put-reference-of-other-repository", "the references that must exist in the repository", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			m.Require = slices.DeleteFunc(slices.Clone(m.Require), func(r registry.Reference) bool {
				return r.Blob && len(collect(h.Store.BlobRepositories(ctx, r.Digest))) > 0
			})
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"put-immutable-refuses-same", "ImmutableTags refuses to move a tag that is on another manifest.", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			if m.ImmutableTags {
				for _, tag := range m.Tags {
					if _, err := h.Store.Manifest(ctx, repo, tag); err == nil {
						return registry.TagImmutable
					}
				}
			}
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"put-precondition-of-own-digest", "Precondition must hold for the manifest of Ref, the tag or digest in the request.", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			m.Ref = string(m.Descriptor.Digest)
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"put-ignores-if-none-match", "the precondition (PreconditionFailed)", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			m.Precondition.IfNoneMatch = nil
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"put-last-tag-not-set", "PutManifest stores a manifest and sets tags on it", func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			if n := len(m.Tags); n > 1 {
				m.Tags = m.Tags[:n-1]
			}
			return h.Store.PutManifest(ctx, repo, m)
		}
	}},
	{"delete-tag-deletes-manifest", "or else only that tag", func(h *hooked) {
		h.deleteManifest = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
			m, err := h.Store.Manifest(ctx, repo, ref)
			if err == nil && !strings.Contains(ref, ":") {
				only := 0
				for tag := range h.Store.Tags(ctx, repo, "") {
					if tag.Digest == m.Descriptor.Digest {
						only++
					}
				}
				if only == 1 && p.Holds(m.Descriptor.Digest) {
					return h.Store.DeleteManifest(ctx, repo, string(m.Descriptor.Digest), registry.Precondition{})
				}
			}
			return h.Store.DeleteManifest(ctx, repo, ref, p)
		}
	}},
	{"delete-unknown-is-nil", "DeleteManifest fails with ManifestUnknown", func(h *hooked) {
		h.deleteManifest = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
			err := h.Store.DeleteManifest(ctx, repo, ref, p)
			if errors.Is(err, registry.ManifestUnknown) {
				return nil
			}
			return err
		}
	}},
	{"delete-ignores-precondition", "or else with PreconditionFailed", func(h *hooked) {
		h.deleteManifest = func(ctx context.Context, repo, ref string, _ registry.Precondition) error {
			return h.Store.DeleteManifest(ctx, repo, ref, registry.Precondition{})
		}
	}},
	{"delete-precondition-first", "Fails with ManifestUnknown, or else with PreconditionFailed.", func(h *hooked) {
		h.deleteManifest = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
			err := h.Store.DeleteManifest(ctx, repo, ref, p)
			if errors.Is(err, registry.ManifestUnknown) && len(p.IfMatch) > 0 {
				return registry.PreconditionFailed
			}
			return err
		}
	}},
	{"delete-takes-referrers", "What it referred to, and what refers to it, stay.", func(h *hooked) {
		h.deleteManifest = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
			err := h.Store.DeleteManifest(ctx, repo, ref, p)
			if err == nil && strings.Contains(ref, ":") {
				for _, d := range collect(h.Store.Referrers(ctx, repo, digest.Digest(ref), "")) {
					_ = h.Store.DeleteManifest(ctx, repo, string(d.Digest), registry.Precondition{})
				}
			}
			return err
		}
	}},
	{"delete-last-tag-only", "DeleteManifest deletes a manifest, with all tags on it", func(h *hooked) {
		var dangling table[registry.Manifest]
		h.deleteManifest = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
			var on []string
			m, _ := h.Store.Manifest(ctx, repo, ref)
			for tag := range h.Store.Tags(ctx, repo, "") {
				if string(tag.Digest) == ref {
					on = append(on, tag.Name)
				}
			}
			err := h.Store.DeleteManifest(ctx, repo, ref, p)
			if err == nil && len(on) > 1 {
				dangling.set(repo+"/"+on[0], m)
			}
			return err
		}
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			if old, ok := dangling.get(repo + "/" + ref); ok && err != nil {
				return old, nil
			}
			return m, err
		}
	}},

	// Lists.
	{"repositories-by-length", "Repositories lists the repositories by name, in bytewise order", func(h *hooked) {
		h.repositories = func(ctx context.Context, after string) iter.Seq2[string, error] {
			return arranged(h.Store.Repositories(ctx, after), func(all []string) []string {
				slices.SortStableFunc(all, func(a, b string) int { return len(a) - len(b) })
				return all
			})
		}
	}},
	{"repositories-by-path", "in bytewise order", func(h *hooked) {
		h.repositories = func(ctx context.Context, after string) iter.Seq2[string, error] {
			return arranged(h.Store.Repositories(ctx, after), func(all []string) []string {
				slices.SortStableFunc(all, func(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) })
				return all
			})
		}
	}},
	{"repositories-from-included", "after the given name", func(h *hooked) {
		h.repositories = func(ctx context.Context, after string) iter.Seq2[string, error] {
			list := h.Store.Repositories(ctx, after)
			return arranged(list, func(all []string) []string {
				if after != "" {
					all = append([]string{after}, all...)
				}
				return all
			})
		}
	}},
	{"repositories-after-must-exist", "The entry that a list comes after need not exist.", func(h *hooked) {
		h.repositories = func(ctx context.Context, after string) iter.Seq2[string, error] {
			if after != "" && !slices.Contains(collect(h.Store.Repositories(ctx, "")), after) {
				return func(func(string, error) bool) {}
			}
			return h.Store.Repositories(ctx, after)
		}
	}},
	{"repositories-without-empty", "A repository … continues to exist when that is deleted.", func(h *hooked) {
		h.repositories = func(ctx context.Context, after string) iter.Seq2[string, error] {
			return mapped(h.Store.Repositories(ctx, after), func(repo *string) bool {
				return len(collect(h.Store.Manifests(ctx, *repo, ""))) > 0 || len(collect(h.Store.Blobs(ctx, *repo, ""))) > 0
			})
		}
	}},
	{"tags-of-unknown-empty", "The error is NameUnknown if there is no such repository.", func(h *hooked) {
		h.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
			list := h.Store.Tags(ctx, repo, after)
			return func(yield func(registry.Tag, error) bool) {
				for tag, err := range list {
					if err != nil || !yield(tag, nil) {
						return
					}
				}
			}
		}
	}},
	{"tags-without-case", "Tags lists the tags of a repository in bytewise order", func(h *hooked) {
		h.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
			return arranged(h.Store.Tags(ctx, repo, after), func(all []registry.Tag) []registry.Tag {
				slices.SortStableFunc(all, func(a, b registry.Tag) int {
					return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
				})
				return all
			})
		}
	}},
	{"tags-digest-of-first-push", "with the digest of the manifest that each is on", func(h *hooked) {
		var first table[digest.Digest]
		h.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
			return mapped(h.Store.Tags(ctx, repo, after), func(tag *registry.Tag) bool {
				if d, ok := first.get(repo + tag.Name); ok {
					tag.Digest = d
				} else {
					first.set(repo+tag.Name, tag.Digest)
				}
				return true
			})
		}
	}},
	{"tags-live", "This and the other lists show the content at one moment. The moment is between the call and the beginning of the loop.", func(h *hooked) {
		h.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
			return func(yield func(registry.Tag, error) bool) {
				for last := after; ; {
					any := false
					for tag, err := range h.Store.Tags(ctx, repo, last) {
						any, last = true, tag.Name
						if !yield(tag, err) || err != nil {
							return
						}
						break
					}
					if !any {
						return
					}
				}
			}
		}
	}},
	{"manifests-live", "This and the other lists show the content at one moment.", func(h *hooked) {
		h.manifests = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return func(yield func(ocispec.Descriptor, error) bool) {
				for last := after; ; {
					any := false
					for d, err := range h.Store.Manifests(ctx, repo, last) {
						any, last = true, d.Digest
						if !yield(d, err) || err != nil {
							return
						}
						break
					}
					if !any {
						return
					}
				}
			}
		}
	}},
	{"tags-once", "A list … can be looped over more than once.", func(h *hooked) {
		h.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
			list := h.Store.Tags(ctx, repo, after)
			var used atomic.Bool
			return func(yield func(registry.Tag, error) bool) {
				if used.Swap(true) {
					return
				}
				list(yield)
			}
		}
	}},
	{"referrers-once", "A list … can be looped over more than once.", func(h *hooked) {
		h.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			list := h.Store.Referrers(ctx, repo, subject, after)
			var used atomic.Bool
			return func(yield func(ocispec.Descriptor, error) bool) {
				if used.Swap(true) {
					return
				}
				list(yield)
			}
		}
	}},
	{"tags-at-most-1000", "A list has no limit.", func(h *hooked) {
		h.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
			n := 0
			return mapped(h.Store.Tags(ctx, repo, after), func(*registry.Tag) bool { n++; return n <= 1000 })
		}
	}},
	{"referrers-at-most-1000", "A list has no limit.", func(h *hooked) {
		h.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return arranged(h.Store.Referrers(ctx, repo, subject, after), func(all []ocispec.Descriptor) []ocispec.Descriptor { return all[:min(len(all), 1000)] })
		}
	}},
	{"list-ignores-break", "cost no more than what is taken: a list ends with its loop", func(h *hooked) {
		h.blobs = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			list := h.Store.Blobs(ctx, repo, after)
			return func(yield func(ocispec.Descriptor, error) bool) {
				for d, err := range list {
					yield(d, err)
				}
			}
		}
	}},
	{"manifests-of-all-repositories", "Manifests lists the manifests of a repository", func(h *hooked) {
		h.manifests = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return arranged(h.Store.Manifests(ctx, repo, after), func(all []ocispec.Descriptor) []ocispec.Descriptor {
				for other := range h.Store.Repositories(ctx, "") {
					if other != repo {
						all = append(all, collect(h.Store.Manifests(ctx, other, after))...)
					}
				}
				slices.SortFunc(all, func(a, b ocispec.Descriptor) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
				return slices.CompactFunc(all, func(a, b ocispec.Descriptor) bool { return a.Digest == b.Digest })
			})
		}
	}},
	{"manifests-after-ignored", "Manifests … after", func(h *hooked) {
		h.manifests = func(ctx context.Context, repo string, _ digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return h.Store.Manifests(ctx, repo, "")
		}
	}},
	{"referrers-without-artifact-type", "with their artifact type and annotations", eachReferrerOf(func(d *ocispec.Descriptor) bool { d.ArtifactType = ""; return true })},
	{"referrers-without-annotations", "with their artifact type and annotations", eachReferrerOf(func(d *ocispec.Descriptor) bool { d.Annotations = nil; return true })},
	{"referrers-without-size", "Referrers lists the manifests …: descriptors", eachReferrerOf(func(d *ocispec.Descriptor) bool { d.Size = 0; return true })},
	{"referrers-only-sha256", "digests may be sha256 or sha512 everywhere", eachReferrerOf(func(d *ocispec.Descriptor) bool { return d.Digest.Algorithm() == digest.SHA256 })},
	{"referrers-reversed", "in bytewise order of their own digests", func(h *hooked) {
		h.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return arranged(h.Store.Referrers(ctx, repo, subject, after), func(all []ocispec.Descriptor) []ocispec.Descriptor { slices.Reverse(all); return all })
		}
	}},
	{"referrers-only-of-existing", "The subject need not exist, nor the repository.", func(h *hooked) {
		h.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			if _, err := h.Store.Manifest(ctx, repo, string(subject)); err != nil {
				return func(func(ocispec.Descriptor, error) bool) {}
			}
			return h.Store.Referrers(ctx, repo, subject, after)
		}
	}},
	{"referrers-of-unknown-repository-fail", "The subject need not exist, nor the repository.", func(h *hooked) {
		h.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			for _, err := range h.Store.Tags(ctx, repo, "") {
				if errors.Is(err, registry.NameUnknown) {
					return func(yield func(ocispec.Descriptor, error) bool) { yield(ocispec.Descriptor{}, err) }
				}
			}
			return h.Store.Referrers(ctx, repo, subject, after)
		}
	}},
	{"referrers-of-all-repositories", "Referrers lists the manifests of a repository", func(h *hooked) {
		h.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return arranged(h.Store.Referrers(ctx, repo, subject, after), func(all []ocispec.Descriptor) []ocispec.Descriptor {
				for other := range h.Store.Repositories(ctx, "") {
					if other != repo {
						all = append(all, collect(h.Store.Referrers(ctx, other, subject, after))...)
					}
				}
				slices.SortFunc(all, func(a, b ocispec.Descriptor) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
				return slices.CompactFunc(all, func(a, b ocispec.Descriptor) bool { return a.Digest == b.Digest })
			})
		}
	}},
	{"blobs-without-size", "digest and size are set", func(h *hooked) {
		h.blobs = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return mapped(h.Store.Blobs(ctx, repo, after), func(d *ocispec.Descriptor) bool { d.Size = 0; return true })
		}
	}},
	{"blobs-with-manifests", "Blobs lists the blobs of a repository", func(h *hooked) {
		h.blobs = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return arranged(h.Store.Blobs(ctx, repo, after), func(all []ocispec.Descriptor) []ocispec.Descriptor {
				all = append(all, collect(h.Store.Manifests(ctx, repo, after))...)
				slices.SortFunc(all, func(a, b ocispec.Descriptor) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
				return all
			})
		}
	}},
	{"blob-repositories-first-only", "BlobRepositories lists the repositories in which a blob is visible.", func(h *hooked) {
		h.blobRepositories = func(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
			return arranged(h.Store.BlobRepositories(ctx, d), func(all []string) []string { return all[:min(1, len(all))] })
		}
	}},
	{"blob-repositories-keep-deleted", "BlobRepositories lists the repositories in which a blob is visible.", func(h *hooked) {
		var was table[string]
		h.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
			err := h.Store.DeleteBlob(ctx, repo, d)
			if err == nil {
				was.set(string(d), repo)
			}
			return err
		}
		h.blobRepositories = func(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
			return arranged(h.Store.BlobRepositories(ctx, d), func(all []string) []string {
				if repo, ok := was.get(string(d)); ok && !slices.Contains(all, repo) {
					all = append(all, repo)
				}
				return all
			})
		}
	}},
	{"context-done-is-unknown", "If the context is done, a method works as usual, or fails with an error that wraps ctx.Err() and no Cause.", func(h *hooked) {
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			if ctx.Err() != nil {
				return registry.Manifest{}, registry.ManifestUnknown
			}
			return h.Store.Manifest(ctx, repo, ref)
		}
	}},
	{"context-done-deletes-and-fails", "A method that fails changes nothing.", func(h *hooked) {
		h.deleteManifest = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
			err := h.Store.DeleteManifest(context.WithoutCancel(ctx), repo, ref, p)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
	}},
	{"context-done-list-ends-silently", "If the context is done, a method works as usual, or fails with an error that wraps ctx.Err()", func(h *hooked) {
		h.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
			return mapped(h.Store.Tags(context.WithoutCancel(ctx), repo, after), func(*registry.Tag) bool { return ctx.Err() == nil })
		}
	}},
}

// createRepository makes a repository without content.
func createRepository(h *hooked, repo string) {
	ctx := context.Background()
	u, err := h.Store.NewUpload(ctx, repo, digest.SHA256)
	if err != nil {
		return
	}
	content := []byte("battery")
	d := digest.FromBytes(content)
	if visible(h, repo, d) {
		_ = u.Cancel(ctx)
		return
	}
	if u.Commit(ctx, registry.Chunk{Body: bytes.NewReader(content), Offset: registry.Unknown, Length: registry.Unknown}, d) == nil {
		_ = h.Store.DeleteBlob(ctx, repo, d)
	}
}

// keepsOld changes the descriptor of a manifest that is pushed again, given the old one.
func keepsOld(change func(d *ocispec.Descriptor, old ocispec.Descriptor)) func(h *hooked) {
	return func(h *hooked) {
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			if old, err := h.Store.Manifest(ctx, repo, string(m.Descriptor.Digest)); err == nil {
				change(&m.Descriptor, old.Descriptor)
			}
			return h.Store.PutManifest(ctx, repo, m)
		}
	}
}

func eachReferrerOf(f func(*ocispec.Descriptor) bool) func(h *hooked) {
	return func(h *hooked) {
		h.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return mapped(h.Store.Referrers(ctx, repo, subject, after), f)
		}
	}
}

// quiet ends where its reader fails.
type quiet struct{ io.Reader }

func (q quiet) Read(p []byte) (int, error) {
	n, err := q.Reader.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// counter counts bytes.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
