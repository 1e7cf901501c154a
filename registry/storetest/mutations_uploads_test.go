package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

func uploadMutations() []mutation {
	return []mutation{
		{"sessions are numbered", func(m *mutant) {
			m.editUpload = func(u *mutantUpload, session *upload) {
				u.id = func() string { return fmt.Sprintf("%p", session) }
			}
		}, []string{"uploads/are found again by a UUID"}},
		{"a session is found in any repository", func(m *mutant) {
			m.openUpload = func(ctx context.Context, _, id string) (registry.Upload, error) {
				m.mu.Lock()
				defer m.mu.Unlock()
				if u, ok := m.Store.uploads[id]; ok {
					return u, nil
				}
				return nil, registry.UploadUnknown
			}
		}, []string{"uploads/unknown ones are UploadUnknown"}},
		{"a session starts with what another of the repository has", func(m *mutant) {
			last := map[string]registry.Upload{}
			m.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
				u, err := m.Store.NewUpload(ctx, repo, a)
				if last[repo] == nil {
					last[repo] = u
				}
				return last[repo], err
			}
		}, []string{"uploads/are found again by a UUID"}},
		{"a chunk overwrites what is there", editedAppend(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk) error {
			session.store.mu.Lock()
			if !session.writing && !session.gone && len(session.content) > extent {
				session.content = session.content[:extent]
			}
			session.store.mu.Unlock()
			c.Offset = registry.Unknown
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/chunks are joined in order"}},
		{"a chunk without a body has a place", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			if c.Offset != registry.Unknown && c.Offset != u.Size() {
				return registry.UploadRange
			}
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/a chunk without a body is none"}},
		{"a commit without a body has a length", editedCommit(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			if c.Body == nil && c.Length > 0 {
				return registry.SizeInvalid
			}
			return u.Upload.Commit(ctx, c, d)
		}), []string{"uploads/a chunk without a body is none"}},
		{"a read without bytes is the end of a body", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			c.Body = emptyIsEOF{c.Body}
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/bodies may come in any pieces"}},
		{"what a body lends is kept", editedAppend(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk) error {
			if lender, ok := c.Body.(io.WriterTo); ok {
				var lent keeper
				if _, err := lender.WriteTo(&lent); err != nil {
					return err
				}
				session.store.mu.Lock()
				defer session.store.mu.Unlock()
				session.content = lent
				return nil
			}
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/a chunk is the caller's again afterwards"}},
		{"a commit ignores its last chunk", editedCommit(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			return u.Upload.Commit(ctx, registry.Chunk{}, d)
		}), []string{"uploads/a last chunk comes with the commit"}},
		{"what has arrived can be opened at once", editedAppend(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk) error {
			err := u.Upload.Append(ctx, c)
			session.store.mu.Lock()
			defer session.store.mu.Unlock()
			session.store.add(session.repo, digest.FromBytes(session.content), session.content)
			return err
		}), []string{"uploads/nothing is visible before the commit"}},
		{"only the announced algorithm is computed", func(m *mutant) {
			announced := map[string]digest.Algorithm{}
			m.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
				u, err := m.Store.NewUpload(ctx, repo, a)
				if err == nil {
					announced[u.ID()] = a
				}
				return u, err
			}
			m.editUpload = func(u *mutantUpload, _ *upload) {
				u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
					if d.Algorithm() != announced[u.ID()] {
						return registry.DigestInvalid
					}
					return u.Upload.Commit(ctx, c, d)
				}
			}
		}, []string{"uploads/a commit may name any algorithm"}},
		{"offsets are ignored", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			c.Offset = registry.Unknown
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/a chunk at a wrong offset changes nothing"}},
		{"lengths are ignored", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			c.Length = registry.Unknown
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/a body of another length changes nothing"}},
		{"a long body is cut", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			if c.Body != nil && c.Length != registry.Unknown {
				c.Body = io.LimitReader(c.Body, c.Length)
			}
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/a body of another length changes nothing"}},
		{"a short body is kept", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			var kept bytes.Buffer
			again := c
			again.Length = registry.Unknown
			if c.Body != nil {
				c.Body, again.Body = io.TeeReader(c.Body, &kept), &kept
			}
			err := u.Upload.Append(ctx, c)
			if errors.Is(err, registry.SizeInvalid) {
				return errors.Join(err, u.Upload.Append(ctx, again))
			}
			return err
		}), []string{"uploads/a body of another length changes nothing"}},
		{"what came before a read error is lost", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			body, err := io.ReadAll(c.Body)
			if err != nil {
				return err
			}
			c.Body = bytes.NewReader(body)
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/a body that fails is kept as far as it came"}},
		{"a body that is cut off is too short", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			err := u.Upload.Append(ctx, c)
			if err == io.ErrUnexpectedEOF {
				return registry.SizeInvalid
			}
			return err
		}), []string{"uploads/a body that fails is kept as far as it came"}},
		{"a read error is not returned", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			err := u.Upload.Append(ctx, c)
			if cause := registry.Cause(0); err != nil && !errors.As(err, &cause) {
				return nil
			}
			return err
		}), []string{"uploads/a body that fails is kept as far as it came"}},
		{"a failed commit ends the session", editedCommit(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			err := u.Upload.Commit(ctx, c, d)
			if err != nil && !errors.Is(err, registry.UploadUnknown) {
				return errors.Join(err, u.Upload.Cancel(ctx))
			}
			return err
		}), []string{"uploads/a body that fails is kept as far as it came", "uploads/a wrong digest leaves the session"}},
		{"a last chunk is kept though it is refused", editedCommit(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			if c.Body != nil {
				if err := u.Upload.Append(ctx, c); err != nil {
					return err
				}
			}
			return u.Upload.Commit(ctx, registry.Chunk{}, d)
		}), []string{"uploads/a wrong digest takes the last chunk back"}},
		{"digests are believed", editedCommit(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			if err := u.Upload.Commit(ctx, c, d); !errors.Is(err, registry.DigestInvalid) {
				return err
			}
			session.store.mu.Lock()
			defer session.store.mu.Unlock()
			session.store.add(session.repo, d, session.content)
			return registry.DigestInvalid
		}), []string{"uploads/a wrong digest leaves the session"}},
		{"cancelling is forgotten", func(m *mutant) {
			m.editUpload = func(u *mutantUpload, _ *upload) {
				u.cancel = func(context.Context) error { return nil }
			}
		}, []string{"uploads/cancelled ones are gone"}},
		{"a running chunk brings a cancelled session back", editedAppend(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk) error {
			err := u.Upload.Append(ctx, c)
			if errors.Is(err, registry.UploadUnknown) {
				session.store.mu.Lock()
				defer session.store.mu.Unlock()
				session.gone = false
				return nil
			}
			return err
		}), []string{"uploads/cancelled while a body arrives"}},
		{"cancelling waits for the body", oneCallAtATime, []string{"uploads/cancelled while a body arrives"}},
		{"a second writer waits for the first", func(m *mutant) {
			lock := newLock()
			m.editUpload = func(u *mutantUpload, _ *upload) {
				u.append = func(ctx context.Context, c registry.Chunk) error {
					return lock.while(ctx, func() error { return u.Upload.Append(ctx, c) })
				}
			}
		}, []string{"uploads/a second writer is refused at once"}},
		{"a second writer disturbs the first", editedAppend(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk) error {
			err := u.Upload.Append(ctx, c)
			if errors.Is(err, registry.UploadRange) {
				session.store.mu.Lock()
				defer session.store.mu.Unlock()
				session.content = append(session.content, 'x')
			}
			return err
		}), []string{"uploads/a second writer is refused at once"}},
		{"Size counts only complete chunks", func(m *mutant) {
			m.editUpload = func(u *mutantUpload, session *upload) {
				u.size = func() int64 {
					session.store.mu.Lock()
					defer session.store.mu.Unlock()
					return int64(len(session.content))
				}
			}
		}, []string{"uploads/Size includes what is still arriving"}},
		{"nothing happens while a body is appended", func(m *mutant) {
			lock := newLock()
			m.editUpload = func(u *mutantUpload, _ *upload) {
				u.append = func(ctx context.Context, c registry.Chunk) error {
					return lock.while(ctx, func() error { return u.Upload.Append(ctx, c) })
				}
			}
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				return lock.while(ctx, func() error { return m.Store.DeleteBlob(ctx, repo, d) })
			}
		}, []string{"concurrency/nothing waits for a body that is appended"}},
		{"nothing happens while a body is committed", func(m *mutant) {
			lock := newLock()
			m.editUpload = func(u *mutantUpload, _ *upload) {
				u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error {
					return lock.while(ctx, func() error { return u.Upload.Commit(ctx, c, d) })
				}
			}
		}, []string{"concurrency/nothing waits for a body that is committed"}},
		{"offsets are looked at before the session is taken", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			if c.Offset != registry.Unknown && c.Offset != u.Size() {
				return registry.UploadRange
			}
			othersFirst()
			c.Offset = registry.Unknown
			return u.Upload.Append(ctx, c)
		}), []string{"concurrency/chunks for one place"}},
		{"chunks that come at once replace each other", editedAppend(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk) error {
			session.store.mu.Lock()
			before := session.content
			session.store.mu.Unlock()
			othersFirst()
			session.store.mu.Lock()
			if !session.gone {
				session.content = before
			}
			session.store.mu.Unlock()
			return u.Upload.Append(ctx, c)
		}), []string{"concurrency/chunks for any place"}},
		{"all commits that come at once succeed", editedCommit(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			session.store.mu.Lock()
			there := !session.gone
			session.store.mu.Unlock()
			othersFirst()
			if err := u.Upload.Commit(ctx, c, d); !there || !errors.Is(err, registry.UploadUnknown) {
				return err
			}
			return nil
		}), []string{"concurrency/commits of one session"}},
		{"a commit goes on though the session is cancelled", editedCommit(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			othersFirst()
			session.store.mu.Lock()
			session.gone = false
			session.store.mu.Unlock()
			return u.Upload.Commit(ctx, c, d)
		}), []string{"concurrency/a commit meets a cancel"}},
		{"a chunk is added though its context is done", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			return errors.Join(u.Upload.Append(ctx, c), ctx.Err())
		}), []string{"context/uploads happen or not when it is done"}},
		{"a body whose context ends is forgotten", editedAppend(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk) error {
			err := u.Upload.Append(ctx, c)
			if ctx.Err() != nil {
				session.store.mu.Lock()
				defer session.store.mu.Unlock()
				session.content = nil
			}
			return err
		}), []string{"context/it ends while a body arrives"}},
	}
}

type (
	appendFunc func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk) error
	commitFunc func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error
)

// editedAppend replaces Append of all sessions.
func editedAppend(f appendFunc) func(*mutant) {
	return func(m *mutant) {
		m.editUpload = func(u *mutantUpload, session *upload) {
			u.append = func(ctx context.Context, c registry.Chunk) error { return f(u, session, ctx, c) }
		}
	}
}

// editedCommit replaces Commit of all sessions.
func editedCommit(f commitFunc) func(*mutant) {
	return func(m *mutant) {
		m.editUpload = func(u *mutantUpload, session *upload) {
			u.commit = func(ctx context.Context, c registry.Chunk, d digest.Digest) error { return f(u, session, ctx, c, d) }
		}
	}
}

// oneCallAtATime has a session's calls wait for each other.
func oneCallAtATime(m *mutant) {
	lock := newLock()
	m.editUpload = func(u *mutantUpload, _ *upload) {
		u.append = func(ctx context.Context, c registry.Chunk) error {
			return lock.while(ctx, func() error { return u.Upload.Append(ctx, c) })
		}
		u.cancel = func(ctx context.Context) error {
			return lock.while(ctx, func() error { return u.Upload.Cancel(ctx) })
		}
	}
}

// emptyIsEOF is a reader that ends when it gets nothing.
type emptyIsEOF struct{ io.Reader }

func (e emptyIsEOF) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// keeper is a writer that keeps the last slice that it was given.
type keeper []byte

func (k *keeper) Write(p []byte) (int, error) {
	*k = p
	return len(p), nil
}
