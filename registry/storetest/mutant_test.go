package storetest_test

import (
	"context"
	"io"
	"iter"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// mutant is a Store each method of which can be replaced; at first they are those
// of the simple Store. What editBlob and editUpload do is done to every blob and
// upload session that is handed out.
type mutant struct {
	*Store
	openBlob         func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error)
	deleteBlob       func(ctx context.Context, repo string, d digest.Digest) error
	mountBlob        func(ctx context.Context, repo string, d digest.Digest, from string) error
	newUpload        func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error)
	openUpload       func(ctx context.Context, repo, id string) (registry.Upload, error)
	get              func(ctx context.Context, repo, ref string) (registry.Manifest, error)
	put              func(ctx context.Context, repo string, m registry.PutManifest) error
	delete           func(ctx context.Context, repo, ref string, p registry.Precondition) error
	repositories     func(ctx context.Context, after string) iter.Seq2[string, error]
	tags             func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error]
	manifests        func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]
	referrers        func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]
	blobs            func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]
	blobRepositories func(ctx context.Context, d digest.Digest) iter.Seq2[string, error]
	uploads          func(ctx context.Context, repo string) iter.Seq2[string, error]
	editBlob         func(b *mutantBlob, content []byte)
	editUpload       func(u *mutantUpload, session *upload)
}

func newMutant() *mutant {
	s := NewStore()
	return &mutant{
		Store: s, openBlob: s.OpenBlob, deleteBlob: s.DeleteBlob, mountBlob: s.MountBlob,
		newUpload: s.NewUpload, openUpload: s.OpenUpload, get: s.Manifest, put: s.PutManifest, delete: s.DeleteManifest,
		repositories: s.Repositories, tags: s.Tags, manifests: s.Manifests, referrers: s.Referrers, blobs: s.Blobs,
		blobRepositories: s.BlobRepositories, uploads: s.Uploads,
	}
}

func (m *mutant) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	b, err := m.openBlob(ctx, repo, d)
	if err != nil || m.editBlob == nil {
		return b, err
	}
	edited := &mutantBlob{Blob: b, readAt: b.ReadAt, size: b.Size, writeRange: b.WriteRange, close: b.Close}
	content := make([]byte, b.Size())
	if _, err := b.ReadAt(content, 0); err != nil && err != io.EOF {
		return nil, err
	}
	m.editBlob(edited, content)
	return edited, nil
}

func (m *mutant) DeleteBlob(ctx context.Context, repo string, d digest.Digest) error {
	return m.deleteBlob(ctx, repo, d)
}

func (m *mutant) MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error {
	return m.mountBlob(ctx, repo, d, from)
}

func (m *mutant) NewUpload(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
	return m.edit(m.newUpload(ctx, repo, a))
}

func (m *mutant) OpenUpload(ctx context.Context, repo, id string) (registry.Upload, error) {
	return m.edit(m.openUpload(ctx, repo, id))
}

func (m *mutant) edit(u registry.Upload, err error) (registry.Upload, error) {
	if err != nil || m.editUpload == nil {
		return u, err
	}
	edited := &mutantUpload{Upload: u, id: u.ID, size: u.Size, append: u.Append, commit: u.Commit, cancel: u.Cancel}
	m.editUpload(edited, u.(*upload))
	return edited, nil
}

func (m *mutant) Manifest(ctx context.Context, repo, ref string) (registry.Manifest, error) {
	return m.get(ctx, repo, ref)
}

func (m *mutant) PutManifest(ctx context.Context, repo string, p registry.PutManifest) error {
	return m.put(ctx, repo, p)
}

func (m *mutant) DeleteManifest(ctx context.Context, repo, ref string, p registry.Precondition) error {
	return m.delete(ctx, repo, ref, p)
}

func (m *mutant) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	return m.repositories(ctx, after)
}

func (m *mutant) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	return m.tags(ctx, repo, after)
}

func (m *mutant) Manifests(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return m.manifests(ctx, repo, after)
}

func (m *mutant) Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return m.referrers(ctx, repo, subject, after)
}

func (m *mutant) Blobs(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return m.blobs(ctx, repo, after)
}

func (m *mutant) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
	return m.blobRepositories(ctx, d)
}

func (m *mutant) Uploads(ctx context.Context, repo string) iter.Seq2[string, error] {
	return m.uploads(ctx, repo)
}

// mutantBlob is a Blob each method of which can be replaced.
type mutantBlob struct {
	registry.Blob
	readAt     func(p []byte, off int64) (int, error)
	size       func() int64
	writeRange func(w io.Writer, off, n int64) (int64, error)
	close      func() error
}

func (b *mutantBlob) ReadAt(p []byte, off int64) (int, error) { return b.readAt(p, off) }
func (b *mutantBlob) Size() int64                             { return b.size() }
func (b *mutantBlob) Close() error                            { return b.close() }
func (b *mutantBlob) WriteRange(w io.Writer, off, n int64) (int64, error) {
	return b.writeRange(w, off, n)
}

// mutantUpload is an Upload each method of which can be replaced.
type mutantUpload struct {
	registry.Upload
	id     func() string
	size   func() int64
	append func(ctx context.Context, c registry.Chunk) error
	commit func(ctx context.Context, c registry.Chunk, d digest.Digest) error
	cancel func(ctx context.Context) error
}

func (u *mutantUpload) ID() string                                         { return u.id() }
func (u *mutantUpload) Size() int64                                        { return u.size() }
func (u *mutantUpload) Append(ctx context.Context, c registry.Chunk) error { return u.append(ctx, c) }
func (u *mutantUpload) Cancel(ctx context.Context) error                   { return u.cancel(ctx) }
func (u *mutantUpload) Commit(ctx context.Context, c registry.Chunk, d digest.Digest) error {
	return u.commit(ctx, c, d)
}

// listOf is a sorted list of the simple Store, as it is asked for.
type listOf[T any] struct {
	ctx   context.Context
	from  func(after string) iter.Seq2[T, error]
	after string
	key   func(T) string
}

// eachList is one edit for each type of sorted list.
type eachList struct {
	names       func(listOf[string]) iter.Seq2[string, error]
	tags        func(listOf[registry.Tag]) iter.Seq2[registry.Tag, error]
	descriptors func(listOf[ocispec.Descriptor]) iter.Seq2[ocispec.Descriptor, error]
}

// editLists replaces all sorted lists.
func (m *mutant) editLists(edit eachList) {
	name := func(s string) string { return s }
	tag := func(t registry.Tag) string { return t.Name }
	encoded := func(d ocispec.Descriptor) string { return string(d.Digest) }
	m.repositories = func(ctx context.Context, after string) iter.Seq2[string, error] {
		from := func(after string) iter.Seq2[string, error] { return m.Store.Repositories(ctx, after) }
		return edit.names(listOf[string]{ctx, from, after, name})
	}
	m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
		from := func(after string) iter.Seq2[registry.Tag, error] { return m.Store.Tags(ctx, repo, after) }
		return edit.tags(listOf[registry.Tag]{ctx, from, after, tag})
	}
	descriptors := func(ctx context.Context, after digest.Digest, from func(after digest.Digest) iter.Seq2[ocispec.Descriptor, error]) iter.Seq2[ocispec.Descriptor, error] {
		fromKey := func(after string) iter.Seq2[ocispec.Descriptor, error] { return from(digest.Digest(after)) }
		return edit.descriptors(listOf[ocispec.Descriptor]{ctx, fromKey, string(after), encoded})
	}
	m.manifests = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
		return descriptors(ctx, after, func(after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return m.Store.Manifests(ctx, repo, after)
		})
	}
	m.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
		return descriptors(ctx, after, func(after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return m.Store.Referrers(ctx, repo, subject, after)
		})
	}
	m.blobs = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
		return descriptors(ctx, after, func(after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return m.Store.Blobs(ctx, repo, after)
		})
	}
}
