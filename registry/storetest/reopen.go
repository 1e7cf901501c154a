package storetest

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
)

// Reopen returns a Store for [Check.Run] whose content is kept when it is closed. It closes and
// reopens the Store before each call that begins while no other call runs. open opens a Store with
// the content that the last one had when it was closed; it must implement [io.Closer]. Upload
// sessions must survive too. Blobs and lists that are open are used after the Store was closed.
//
// The returned Store implements io.Closer.
func Reopen(open func() (registry.Store, error)) (registry.Store, error) {
	must.NotNil("storetest: Reopen: open", open)
	r := &reopened{open: open}
	done, err := r.begin()
	if err != nil {
		return nil, err
	}
	done()
	return r, nil
}

// reopened is the Store that Reopen returns.
type reopened struct {
	open func() (registry.Store, error)

	mu      sync.Mutex
	store   registry.Store
	running int
}

func (r *reopened) begin() (done func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == 0 {
		if err := r.close(); err != nil {
			return nil, fmt.Errorf("storetest: close the Store: %w", err)
		}
		if r.store, err = r.open(); err != nil {
			return nil, fmt.Errorf("storetest: reopen the Store: %w", err)
		}
	}
	r.running++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running--
	}, nil
}

func (r *reopened) close() error {
	if r.store == nil {
		return nil
	}
	c, ok := r.store.(io.Closer)
	if !ok {
		return fmt.Errorf("%T does not implement io.Closer", r.store)
	}
	r.store = nil
	return c.Close()
}

// Close closes the Store that is open.
func (r *reopened) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close()
}

func (r *reopened) do(f func() error) error {
	done, err := r.begin()
	if err != nil {
		return err
	}
	defer done()
	return f()
}

func (r *reopened) OpenBlob(ctx context.Context, repo string, d digest.Digest) (b registry.Blob, err error) {
	err = r.do(func() error { b, err = r.store.OpenBlob(ctx, repo, d); return err })
	return b, err
}

func (r *reopened) DeleteBlob(ctx context.Context, repo string, d digest.Digest) error {
	return r.do(func() error { return r.store.DeleteBlob(ctx, repo, d) })
}

func (r *reopened) MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error {
	return r.do(func() error { return r.store.MountBlob(ctx, repo, d, from) })
}

func (r *reopened) Manifest(ctx context.Context, repo, ref string) (m registry.Manifest, err error) {
	err = r.do(func() error { m, err = r.store.Manifest(ctx, repo, ref); return err })
	return m, err
}

func (r *reopened) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	return r.do(func() error { return r.store.PutManifest(ctx, repo, m) })
}

func (r *reopened) DeleteManifest(ctx context.Context, repo, ref string, p registry.Precondition) error {
	return r.do(func() error { return r.store.DeleteManifest(ctx, repo, ref, p) })
}

func (r *reopened) NewUpload(ctx context.Context, repo string, algorithm digest.Algorithm) (registry.Upload, error) {
	u := &reopenedUpload{store: r, repo: repo}
	return u, r.do(func() error {
		opened, err := r.store.NewUpload(ctx, repo, algorithm)
		if err == nil {
			u.id = opened.ID()
		}
		return err
	})
}

func (r *reopened) OpenUpload(ctx context.Context, repo, id string) (registry.Upload, error) {
	return &reopenedUpload{r, repo, id}, r.do(func() error { _, err := r.store.OpenUpload(ctx, repo, id); return err })
}

// relist returns a list of the Store that is open now.
func relist[T any](r *reopened, list func() iter.Seq2[T, error]) (all iter.Seq2[T, error]) {
	err := r.do(func() error { all = list(); return nil })
	if err != nil {
		return func(yield func(T, error) bool) {
			var none T
			yield(none, err)
		}
	}
	return all
}

func (r *reopened) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	return relist(r, func() iter.Seq2[string, error] { return r.store.Repositories(ctx, after) })
}

func (r *reopened) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	return relist(r, func() iter.Seq2[registry.Tag, error] { return r.store.Tags(ctx, repo, after) })
}

func (r *reopened) Manifests(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return relist(r, func() iter.Seq2[ocispec.Descriptor, error] { return r.store.Manifests(ctx, repo, after) })
}

func (r *reopened) Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return relist(r, func() iter.Seq2[ocispec.Descriptor, error] { return r.store.Referrers(ctx, repo, subject, after) })
}

func (r *reopened) Blobs(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return relist(r, func() iter.Seq2[ocispec.Descriptor, error] { return r.store.Blobs(ctx, repo, after) })
}

func (r *reopened) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
	return relist(r, func() iter.Seq2[string, error] { return r.store.BlobRepositories(ctx, d) })
}

func (r *reopened) Uploads(ctx context.Context, repo string) iter.Seq2[string, error] {
	return relist(r, func() iter.Seq2[string, error] { return r.store.Uploads(ctx, repo) })
}

// reopenedUpload finds its session again for each call.
type reopenedUpload struct {
	store    *reopened
	repo, id string
}

func (u *reopenedUpload) do(ctx context.Context, f func(registry.Upload) error) error {
	return u.store.do(func() error {
		found, err := u.store.store.OpenUpload(ctx, u.repo, u.id)
		if err != nil {
			return err
		}
		return f(found)
	})
}

func (u *reopenedUpload) ID() string { return u.id }

func (u *reopenedUpload) Size() (n int64) {
	_ = u.do(context.Background(), func(found registry.Upload) error { n = found.Size(); return nil }) // gone: no meaning
	return n
}

func (u *reopenedUpload) Append(ctx context.Context, c registry.Chunk) error {
	return u.do(ctx, func(found registry.Upload) error { return found.Append(ctx, c) })
}

func (u *reopenedUpload) Commit(ctx context.Context, c registry.Chunk, d digest.Digest) error {
	return u.do(ctx, func(found registry.Upload) error { return found.Commit(ctx, c, d) })
}

func (u *reopenedUpload) Cancel(ctx context.Context) error {
	return u.do(ctx, func(found registry.Upload) error { return found.Cancel(ctx) })
}
