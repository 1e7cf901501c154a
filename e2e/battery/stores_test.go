package battery_test

import (
	"context"
	"io"
	"iter"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// hooked is a store of which some methods are replaced. The replacements call the methods of
// the store that it wraps.
type hooked struct {
	registry.Store

	openBlob         func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error)
	deleteBlob       func(ctx context.Context, repo string, d digest.Digest) error
	mountBlob        func(ctx context.Context, repo string, d digest.Digest, from string) error
	newUpload        func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error)
	openUpload       func(ctx context.Context, repo, id string) (registry.Upload, error)
	manifest         func(ctx context.Context, repo, ref string) (registry.Manifest, error)
	putManifest      func(ctx context.Context, repo string, m registry.PutManifest) error
	deleteManifest   func(ctx context.Context, repo, ref string, p registry.Precondition) error
	repositories     func(ctx context.Context, after string) iter.Seq2[string, error]
	tags             func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error]
	manifests        func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]
	referrers        func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]
	blobs            func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]
	blobRepositories func(ctx context.Context, d digest.Digest) iter.Seq2[string, error]
	uploads          func(ctx context.Context, repo string) iter.Seq2[string, error]

	upload func(repo string, u *hookedUpload) // changes each handle
	blob   func(b *hookedBlob)                // changes each open blob
}

func (h *hooked) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	open := h.Store.OpenBlob
	if h.openBlob != nil {
		open = h.openBlob
	}
	b, err := open(ctx, repo, d)
	if err != nil || h.blob == nil {
		return b, err
	}
	changed := &hookedBlob{Blob: b}
	h.blob(changed)
	return changed, nil
}

func (h *hooked) DeleteBlob(ctx context.Context, repo string, d digest.Digest) error {
	if h.deleteBlob != nil {
		return h.deleteBlob(ctx, repo, d)
	}
	return h.Store.DeleteBlob(ctx, repo, d)
}

func (h *hooked) MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error {
	if h.mountBlob != nil {
		return h.mountBlob(ctx, repo, d, from)
	}
	return h.Store.MountBlob(ctx, repo, d, from)
}

func (h *hooked) handle(repo string, u registry.Upload, err error) (registry.Upload, error) {
	if err != nil || h.upload == nil {
		return u, err
	}
	changed := &hookedUpload{Upload: u}
	h.upload(repo, changed)
	return changed, nil
}

func (h *hooked) NewUpload(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
	if h.newUpload != nil {
		u, err := h.newUpload(ctx, repo, a)
		return h.handle(repo, u, err)
	}
	u, err := h.Store.NewUpload(ctx, repo, a)
	return h.handle(repo, u, err)
}

func (h *hooked) OpenUpload(ctx context.Context, repo, id string) (registry.Upload, error) {
	if h.openUpload != nil {
		u, err := h.openUpload(ctx, repo, id)
		return h.handle(repo, u, err)
	}
	u, err := h.Store.OpenUpload(ctx, repo, id)
	return h.handle(repo, u, err)
}

func (h *hooked) Manifest(ctx context.Context, repo, ref string) (registry.Manifest, error) {
	if h.manifest != nil {
		return h.manifest(ctx, repo, ref)
	}
	return h.Store.Manifest(ctx, repo, ref)
}

func (h *hooked) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	if h.putManifest != nil {
		return h.putManifest(ctx, repo, m)
	}
	return h.Store.PutManifest(ctx, repo, m)
}

func (h *hooked) DeleteManifest(ctx context.Context, repo, ref string, p registry.Precondition) error {
	if h.deleteManifest != nil {
		return h.deleteManifest(ctx, repo, ref, p)
	}
	return h.Store.DeleteManifest(ctx, repo, ref, p)
}

func (h *hooked) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	if h.repositories != nil {
		return h.repositories(ctx, after)
	}
	return h.Store.Repositories(ctx, after)
}

func (h *hooked) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	if h.tags != nil {
		return h.tags(ctx, repo, after)
	}
	return h.Store.Tags(ctx, repo, after)
}

func (h *hooked) Manifests(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	if h.manifests != nil {
		return h.manifests(ctx, repo, after)
	}
	return h.Store.Manifests(ctx, repo, after)
}

func (h *hooked) Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	if h.referrers != nil {
		return h.referrers(ctx, repo, subject, after)
	}
	return h.Store.Referrers(ctx, repo, subject, after)
}

func (h *hooked) Blobs(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	if h.blobs != nil {
		return h.blobs(ctx, repo, after)
	}
	return h.Store.Blobs(ctx, repo, after)
}

func (h *hooked) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
	if h.blobRepositories != nil {
		return h.blobRepositories(ctx, d)
	}
	return h.Store.BlobRepositories(ctx, d)
}

func (h *hooked) Uploads(ctx context.Context, repo string) iter.Seq2[string, error] {
	if h.uploads != nil {
		return h.uploads(ctx, repo)
	}
	return h.Store.Uploads(ctx, repo)
}

// hookedUpload is a handle of which some methods are replaced.
type hookedUpload struct {
	registry.Upload

	id     func() string
	size   func() int64
	append func(ctx context.Context, c registry.Chunk) error
	commit func(ctx context.Context, c registry.Chunk, d digest.Digest) error
	cancel func(ctx context.Context) error
}

func (u *hookedUpload) ID() string {
	if u.id != nil {
		return u.id()
	}
	return u.Upload.ID()
}

func (u *hookedUpload) Size() int64 {
	if u.size != nil {
		return u.size()
	}
	return u.Upload.Size()
}

func (u *hookedUpload) Append(ctx context.Context, c registry.Chunk) error {
	if u.append != nil {
		return u.append(ctx, c)
	}
	return u.Upload.Append(ctx, c)
}

func (u *hookedUpload) Commit(ctx context.Context, c registry.Chunk, d digest.Digest) error {
	if u.commit != nil {
		return u.commit(ctx, c, d)
	}
	return u.Upload.Commit(ctx, c, d)
}

func (u *hookedUpload) Cancel(ctx context.Context) error {
	if u.cancel != nil {
		return u.cancel(ctx)
	}
	return u.Upload.Cancel(ctx)
}

// hookedBlob is an open blob of which some methods are replaced.
type hookedBlob struct {
	registry.Blob

	size       func() int64
	readAt     func(p []byte, off int64) (int, error)
	writeRange func(w io.Writer, off, n int64) (int64, error)
	close      func() error
}

func (b *hookedBlob) Size() int64 {
	if b.size != nil {
		return b.size()
	}
	return b.Blob.Size()
}

func (b *hookedBlob) ReadAt(p []byte, off int64) (int, error) {
	if b.readAt != nil {
		return b.readAt(p, off)
	}
	return b.Blob.ReadAt(p, off)
}

func (b *hookedBlob) WriteRange(w io.Writer, off, n int64) (int64, error) {
	if b.writeRange != nil {
		return b.writeRange(w, off, n)
	}
	return b.Blob.WriteRange(w, off, n)
}

func (b *hookedBlob) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.Blob.Close()
}

// Lists.

// mapped changes the entries of a list; f returns false for those to leave out.
func mapped[E any](seq iter.Seq2[E, error], f func(*E) bool) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		for e, err := range seq {
			if err == nil && !f(&e) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// arranged returns a list whose entries a function has rearranged.
func arranged[E any](seq iter.Seq2[E, error], f func([]E) []E) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		var all []E
		for e, err := range seq {
			if err != nil {
				yield(e, err)
				return
			}
			all = append(all, e)
		}
		for _, e := range f(all) {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// collect returns the entries of a list without an error.
func collect[E any](seq iter.Seq2[E, error]) []E {
	var all []E
	for e, err := range seq {
		if err == nil {
			all = append(all, e)
		}
	}
	return all
}
