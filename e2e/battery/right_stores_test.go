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
	"testing/iotest"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// rightStore is an unusual store that breaks no sentence.
type rightStore struct {
	name   string
	change func(h *hooked)
}

var rightStores = []rightStore{
	{"plain", func(*hooked) {}},
	{"ignores-contexts", func(h *hooked) { *h = *ignoring(h.Store) }},
	{"refuses-done-contexts", func(h *hooked) {
		refused := func(ctx context.Context) error {
			if ctx.Err() != nil {
				return fmt.Errorf("store: %w", ctx.Err())
			}
			return nil
		}
		h.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
			if err := refused(ctx); err != nil {
				return nil, err
			}
			return h.Store.OpenBlob(ctx, repo, d)
		}
		h.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
			if err := refused(ctx); err != nil {
				return err
			}
			return h.Store.DeleteBlob(ctx, repo, d)
		}
		h.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
			if err := refused(ctx); err != nil {
				return err
			}
			return h.Store.MountBlob(ctx, repo, d, from)
		}
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			if err := refused(ctx); err != nil {
				return registry.Manifest{}, err
			}
			return h.Store.Manifest(ctx, repo, ref)
		}
		h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
			if err := refused(ctx); err != nil {
				return err
			}
			return h.Store.PutManifest(ctx, repo, m)
		}
		h.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
			if err := refused(ctx); err != nil {
				return func(yield func(registry.Tag, error) bool) { yield(registry.Tag{}, err) }
			}
			return h.Store.Tags(ctx, repo, after)
		}
	}},
	{"copies-of-everything", func(h *hooked) {
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			m.Content = bytes.Clone(m.Content)
			m.Descriptor.Annotations = maps.Clone(m.Descriptor.Annotations)
			return m, err
		}
	}},
	{"does-not-count-pushes", func(h *hooked) {
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			m.Pushed = 0
			return m, err
		}
	}},
	{"wraps-causes", func(h *hooked) {
		h.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
			b, err := h.Store.OpenBlob(ctx, repo, d)
			if err != nil {
				return nil, fmt.Errorf("open: %w", errors.Join(err))
			}
			return b, nil
		}
		h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
			m, err := h.Store.Manifest(ctx, repo, ref)
			if err != nil {
				return registry.Manifest{}, fmt.Errorf("no such thing: %w", err)
			}
			return m, nil
		}
		h.deleteManifest = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
			if err := h.Store.DeleteManifest(ctx, repo, ref, p); err != nil {
				return fmt.Errorf("delete: %w", err)
			}
			return nil
		}
	}},
	{"bare-causes", func(h *hooked) {
		bare := func(err error) error {
			var cause registry.Cause
			if errors.As(err, &cause) {
				return cause
			}
			return err
		}
		h.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
			return bare(h.Store.DeleteBlob(ctx, repo, d))
		}
		h.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
			return bare(h.Store.MountBlob(ctx, repo, d, from))
		}
		h.upload = func(_ string, u *hookedUpload) {
			u.cancel = func(ctx context.Context) error { return bare(u.Upload.Cancel(ctx)) }
		}
	}},
	{"blobs-in-one-piece", func(h *hooked) {
		h.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
			b, err := h.Store.OpenBlob(ctx, repo, d)
			if err != nil {
				return nil, err
			}
			content := make([]byte, b.Size())
			if _, err := b.ReadAt(content, 0); err != nil && err != io.EOF {
				return nil, err
			}
			return registry.NewBlob(bytes.NewReader(content), int64(len(content))), b.Close()
		}
	}},
	{"writes-in-small-pieces", func(h *hooked) {
		h.blob = func(b *hookedBlob) {
			b.writeRange = func(w io.Writer, off, n int64) (int64, error) {
				if off < 0 || n < 0 || off+n > b.Blob.Size() {
					return b.Blob.WriteRange(w, off, n)
				}
				var written int64
				for written < n {
					k, err := b.Blob.WriteRange(w, off+written, min(n-written, 9973))
					written += k
					if err != nil {
						return written, err
					}
				}
				return written, nil
			}
		}
	}},
	{"reads-bodies-in-small-pieces", func(h *hooked) {
		h.upload = func(_ string, u *hookedUpload) {
			u.append = func(ctx context.Context, c registry.Chunk) error {
				if c.Body != nil {
					c.Body = iotest.HalfReader(c.Body)
				}
				return u.Upload.Append(ctx, c)
			}
		}
	}},
	{"uploads-in-reverse", func(h *hooked) {
		h.uploads = func(ctx context.Context, repo string) iter.Seq2[string, error] {
			return arranged(h.Store.Uploads(ctx, repo), func(all []string) []string { slices.Sort(all); slices.Reverse(all); return all })
		}
		h.blobRepositories = func(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
			return arranged(h.Store.BlobRepositories(ctx, d), func(all []string) []string { slices.Reverse(all); return all })
		}
	}},
	{"lists-at-the-call", func(h *hooked) {
		h.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
			type entry struct {
				registry.Tag
				error
			}
			var all []entry
			for tag, err := range h.Store.Tags(ctx, repo, after) {
				all = append(all, entry{tag, err})
			}
			return func(yield func(registry.Tag, error) bool) {
				for _, e := range all {
					if !yield(e.Tag, e.error) {
						return
					}
				}
			}
		}
	}},
	{"empty-annotations", func(h *hooked) {
		h.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return mapped(h.Store.Referrers(ctx, repo, subject, after), func(d *ocispec.Descriptor) bool {
				if d.Annotations == nil {
					d.Annotations = map[string]string{}
				}
				return true
			})
		}
	}},
}

// ignoring returns a store that ignores contexts.
func ignoring(s registry.Store) *hooked {
	h := &hooked{Store: s}
	free := context.WithoutCancel
	h.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
		return s.OpenBlob(free(ctx), repo, d)
	}
	h.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error { return s.DeleteBlob(free(ctx), repo, d) }
	h.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
		return s.MountBlob(free(ctx), repo, d, from)
	}
	h.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
		return s.NewUpload(free(ctx), repo, a)
	}
	h.openUpload = func(ctx context.Context, repo, id string) (registry.Upload, error) {
		return s.OpenUpload(free(ctx), repo, id)
	}
	h.manifest = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
		return s.Manifest(free(ctx), repo, ref)
	}
	h.putManifest = func(ctx context.Context, repo string, m registry.PutManifest) error {
		return s.PutManifest(free(ctx), repo, m)
	}
	h.deleteManifest = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
		return s.DeleteManifest(free(ctx), repo, ref, p)
	}
	h.upload = func(_ string, u *hookedUpload) {
		u.append = func(ctx context.Context, c registry.Chunk) error { return u.Upload.Append(free(ctx), c) }
		u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
			return u.Upload.Commit(free(ctx), c, d)
		}
		u.cancel = func(ctx context.Context) error { return u.Upload.Cancel(free(ctx)) }
	}
	return h
}
