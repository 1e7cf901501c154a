package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

const extent = 1 << 20

func blobMutations() []mutation {
	return []mutation{
		{"Size is rounded up", func(m *mutant) {
			m.editBlob = func(b *mutantBlob, content []byte) {
				b.size = func() int64 { return int64(len(content)+511) / 512 * 512 }
			}
		}, []string{"blobs/are read back whole"}},
		{"ReadAt ends at an extent", func(m *mutant) {
			m.editBlob = func(b *mutantBlob, content []byte) {
				b.readAt = func(p []byte, off int64) (int, error) {
					if left := extent - off%extent; off < int64(len(content)) && int64(len(p)) > left {
						p = p[:left]
					}
					return b.Blob.ReadAt(p, off)
				}
			}
		}, []string{"blobs/ReadAt reads any range"}},
		{"ReadAt does not tell the end", func(m *mutant) {
			m.editBlob = func(b *mutantBlob, _ []byte) {
				b.readAt = func(p []byte, off int64) (int, error) {
					n, err := b.Blob.ReadAt(p, off)
					if err == io.EOF {
						err = nil
					}
					return n, err
				}
			}
		}, []string{"blobs/ReadAt reads any range"}},
		{"WriteRange begins at an extent", func(m *mutant) {
			m.editBlob = func(b *mutantBlob, content []byte) {
				b.writeRange = func(w io.Writer, off, n int64) (int64, error) {
					if off > extent {
						off -= off % extent
					}
					return b.Blob.WriteRange(w, off, min(n, int64(len(content))-off))
				}
			}
		}, []string{"blobs/WriteRange writes any range"}},
		{"WriteRange swallows its writer's error", func(m *mutant) {
			m.editBlob = func(b *mutantBlob, _ []byte) {
				b.writeRange = func(w io.Writer, off, n int64) (int64, error) {
					written, err := b.Blob.WriteRange(w, off, n)
					if err != nil {
						return written, nil
					}
					return written, nil
				}
			}
		}, []string{"blobs/WriteRange stops when its writer fails"}},
		{"WriteRange returns what it was asked for", func(m *mutant) {
			m.editBlob = func(b *mutantBlob, _ []byte) {
				b.writeRange = func(w io.Writer, off, n int64) (int64, error) {
					_, err := b.Blob.WriteRange(w, off, n)
					return n, err
				}
			}
		}, []string{"blobs/WriteRange stops when its writer fails"}},
		{"readers share a position", func(m *mutant) {
			m.editBlob = func(b *mutantBlob, content []byte) {
				shared := bytes.NewReader(content)
				lock := newLock()
				b.readAt = func(p []byte, off int64) (n int, err error) {
					err = lock.while(context.Background(), func() error { _, err := shared.Seek(off, io.SeekStart); return err })
					othersFirst()
					return n, errors.Join(err, lock.while(context.Background(), func() error { n, err = io.ReadFull(shared, p); return err }))
				}
			}
		}, []string{"blobs/are read concurrently"}},
		{"an unknown blob is an error of no cause", func(m *mutant) {
			m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
				b, err := m.Store.OpenBlob(ctx, repo, d)
				if err != nil {
					return nil, errors.New("file does not exist")
				}
				return b, nil
			}
		}, []string{"blobs/unknown ones are BlobUnknown"}},
		{"an unknown blob may be deleted", func(m *mutant) {
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				if err := m.Store.DeleteBlob(ctx, repo, d); !errors.Is(err, registry.BlobUnknown) {
					return err
				}
				return nil
			}
		}, []string{"blobs/unknown ones are BlobUnknown", "concurrency/one blob is deleted once"}},
		{"blobs are opened from any repository", func(m *mutant) {
			m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
				for name := range m.Store.BlobRepositories(ctx, d) {
					repo = name
				}
				return m.Store.OpenBlob(ctx, repo, d)
			}
		}, []string{"blobs/are visible only where they were pushed"}},
		{"manifests are blobs too", func(m *mutant) {
			m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
				if got, err := m.Store.Manifest(ctx, repo, string(d)); err == nil {
					return registry.NewBlob(bytes.NewReader(got.Content), int64(len(got.Content))), nil
				}
				return m.Store.OpenBlob(ctx, repo, d)
			}
		}, []string{"blobs/are told from manifests"}},
		{"a deleted blob is still there", func(m *mutant) {
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				_, err := m.Store.OpenBlob(ctx, repo, d)
				return err
			}
		}, []string{"blobs/deleted ones are gone"}},
		{"an open blob is looked up again when it is read", func(m *mutant) {
			m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
				b, err := m.Store.OpenBlob(ctx, repo, d)
				if err != nil {
					return nil, err
				}
				read := func(p []byte, off int64) (int, error) {
					othersFirst()
					again, err := m.Store.OpenBlob(ctx, repo, d)
					if err != nil {
						return 0, err
					}
					return again.ReadAt(p, off)
				}
				return registry.NewBlob(readerAt(read), b.Size()), nil
			}
		}, []string{"blobs/deleted ones stay readable while open", "concurrency/a blob that is being read is deleted"}},
		{"a blob is deleted everywhere", func(m *mutant) {
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				err := m.Store.DeleteBlob(ctx, repo, d)
				for name := range m.Store.BlobRepositories(ctx, d) {
					err = errors.Join(err, m.Store.DeleteBlob(ctx, name, d))
				}
				return err
			}
		}, []string{"blobs/deleted ones stay in other repositories"}},
		{"a blob in use is not deleted", func(m *mutant) {
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				for range m.Store.Manifests(ctx, repo, "") {
					return registry.Denied
				}
				return m.Store.DeleteBlob(ctx, repo, d)
			}
		}, []string{"blobs/are deleted although a manifest refers to them"}},
		{"a mounted blob is moved", func(m *mutant) {
			m.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
				if err := m.Store.MountBlob(ctx, repo, d, from); err != nil || repo == from {
					return err
				}
				return m.Store.DeleteBlob(ctx, from, d)
			}
		}, []string{"blobs/mounted ones are visible in both repositories"}},
		{"a blob is mounted only once", func(m *mutant) {
			m.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
				if _, err := m.Store.OpenBlob(ctx, repo, d); err == nil {
					return registry.Denied
				}
				return m.Store.MountBlob(ctx, repo, d, from)
			}
		}, []string{"blobs/mounting them again is no error"}},
		{"an unknown blob is mounted from where it is", func(m *mutant) {
			m.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
				for name := range m.Store.BlobRepositories(ctx, d) {
					from = name
				}
				return m.Store.MountBlob(ctx, repo, d, from)
			}
		}, []string{"blobs/mounting unknown ones fails"}},
		{"a blob that is mounted may have gone meanwhile", func(m *mutant) {
			m.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
				if _, err := m.Store.OpenBlob(ctx, from, d); err != nil {
					return err
				}
				othersFirst()
				if err := m.Store.MountBlob(ctx, repo, d, from); !errors.Is(err, registry.BlobUnknown) {
					return err
				}
				return nil
			}
		}, []string{"concurrency/a mount meets a delete"}},
		{"a repository exists from its first session", func(m *mutant) {
			m.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
				m.mu.Lock()
				m.Store.repositories[repo] = m.find(repo)
				m.mu.Unlock()
				return m.Store.NewUpload(ctx, repo, a)
			}
		}, []string{"repositories/do not exist from what was not completed"}},
		{"a mount does not make a repository", func(m *mutant) {
			m.tags = hiding(m, func(r *repository) bool { return len(r.blobs) > 0 && len(r.manifests) == 0 })
		}, []string{"repositories/exist from their first content"}},
		{"a repository without content is gone", func(m *mutant) {
			m.tags = hiding(m, func(r *repository) bool { return len(r.blobs)+len(r.manifests) == 0 })
		}, []string{"repositories/survive what is deleted"}},
		{"nothing happens while a blob is written", func(m *mutant) {
			lock := newLock()
			m.editBlob = func(b *mutantBlob, _ []byte) {
				b.writeRange = func(w io.Writer, off, n int64) (written int64, err error) {
					err = lock.while(context.Background(), func() error { written, err = b.Blob.WriteRange(w, off, n); return err })
					return written, err
				}
			}
			m.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (u registry.Upload, err error) {
				err = lock.while(ctx, func() error { u, err = m.Store.NewUpload(ctx, repo, a); return err })
				return u, err
			}
		}, []string{"concurrency/nothing waits for a writer"}},
		{"a blob that is done late is taken for unknown", func(m *mutant) {
			m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
				if ctx.Err() != nil {
					return nil, registry.BlobUnknown
				}
				return m.Store.OpenBlob(ctx, repo, d)
			}
		}, []string{"context/reads are right or fail when it is done"}},
		{"a second push of a blob is refused", func(m *mutant) {
			m.editUpload = func(u *mutantUpload, session *upload) {
				u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
					if _, err := m.Store.OpenBlob(ctx, session.repo, d); err == nil {
						return registry.Denied
					}
					return u.Upload.Commit(ctx, c, d)
				}
			}
		}, []string{"uploads/content that is there already is no error", "concurrency/pushes of one blob"}},
		{"pushes of blobs share a buffer", func(m *mutant) {
			lock := newLock()
			var buffer []byte
			m.editUpload = func(u *mutantUpload, _ *upload) {
				u.append = func(ctx context.Context, c registry.Chunk) error {
					err := lock.while(ctx, func() (err error) { buffer, err = io.ReadAll(c.Body); return err })
					othersFirst()
					return errors.Join(err, lock.while(ctx, func() error {
						c.Body = bytes.NewReader(buffer)
						return u.Upload.Append(ctx, c)
					}))
				}
			}
		}, []string{"concurrency/pushes of many blobs"}},
	}
}

type readerAt func(p []byte, off int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }
