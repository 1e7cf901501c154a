package spec_test

import (
	"bytes"
	"context"
	"io"
	"iter"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// store is a Store of which methods can be replaced, those of upload sessions
// included. At first they are those of the Store inside.
type store struct {
	registry.Store
	openBlob   func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error)
	deleteBlob func(ctx context.Context, repo string, d digest.Digest) error
	mountBlob  func(ctx context.Context, repo string, d digest.Digest, from string) error
	newUpload  func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error)
	openUpload func(ctx context.Context, repo, id string) (registry.Upload, error)
	get        func(ctx context.Context, repo, ref string) (registry.Manifest, error)
	put        func(ctx context.Context, repo string, m registry.PutManifest) error
	delete     func(ctx context.Context, repo, ref string, p registry.Precondition) error
	tags       func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error]
	referrers  func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]
	commit     func(ctx context.Context, repo string, u registry.Upload, c registry.Chunk, d digest.Digest) error
	append     func(ctx context.Context, repo string, u registry.Upload, c registry.Chunk) error
}

func newStore(s registry.Store) *store {
	return &store{
		Store: s, openBlob: s.OpenBlob, deleteBlob: s.DeleteBlob, mountBlob: s.MountBlob, newUpload: s.NewUpload, openUpload: s.OpenUpload,
		get: s.Manifest, put: s.PutManifest, delete: s.DeleteManifest, tags: s.Tags, referrers: s.Referrers,
		commit: func(ctx context.Context, _ string, u registry.Upload, c registry.Chunk, d digest.Digest) error {
			return u.Commit(ctx, c, d)
		},
		append: func(ctx context.Context, _ string, u registry.Upload, c registry.Chunk) error {
			return u.Append(ctx, c)
		},
	}
}

func (s *store) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	return s.openBlob(ctx, repo, d)
}

func (s *store) DeleteBlob(ctx context.Context, repo string, d digest.Digest) error {
	return s.deleteBlob(ctx, repo, d)
}

func (s *store) MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error {
	return s.mountBlob(ctx, repo, d, from)
}

func (s *store) NewUpload(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
	u, err := s.newUpload(ctx, repo, a)
	return &upload{u, s, repo}, err
}

func (s *store) OpenUpload(ctx context.Context, repo, id string) (registry.Upload, error) {
	u, err := s.openUpload(ctx, repo, id)
	return &upload{u, s, repo}, err
}

func (s *store) Manifest(ctx context.Context, repo, ref string) (registry.Manifest, error) {
	return s.get(ctx, repo, ref)
}

func (s *store) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	return s.put(ctx, repo, m)
}

func (s *store) DeleteManifest(ctx context.Context, repo, ref string, p registry.Precondition) error {
	return s.delete(ctx, repo, ref, p)
}

func (s *store) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	return s.tags(ctx, repo, after)
}

func (s *store) Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return s.referrers(ctx, repo, subject, after)
}

// all lists all repositories.
func (s *store) all(ctx context.Context) []string {
	var names []string
	for name := range s.Repositories(ctx, "") {
		names = append(names, name)
	}
	return names
}

// tagged reports whether a repository has a tag.
func (s *store) tagged(ctx context.Context, repo string) bool {
	for _, err := range s.Tags(ctx, repo, "") {
		return err == nil
	}
	return false
}

type upload struct {
	registry.Upload
	store *store
	repo  string
}

func (u *upload) Append(ctx context.Context, c registry.Chunk) error {
	return u.store.append(ctx, u.repo, u.Upload, c)
}

func (u *upload) Commit(ctx context.Context, c registry.Chunk, d digest.Digest) error {
	return u.store.commit(ctx, u.repo, u.Upload, c, d)
}

// blob is an open blob of some bytes.
type blob struct{ *bytes.Reader }

func blobOf(content []byte) registry.Blob { return blob{bytes.NewReader(content)} }

func (blob) Close() error { return nil }

func (b blob) WriteRange(w io.Writer, off, n int64) (int64, error) {
	return io.Copy(w, io.NewSectionReader(b, off, n))
}

// push stores a blob.
func (s *store) push(ctx context.Context, repo string, content []byte) (digest.Digest, error) {
	d := digest.FromBytes(content)
	u, err := s.Store.NewUpload(ctx, repo, digest.Canonical)
	if err == nil {
		err = u.Commit(ctx, registry.Chunk{Body: bytes.NewReader(content), Offset: registry.Unknown, Length: registry.Unknown}, d)
	}
	return d, err
}
