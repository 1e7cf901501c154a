package storetest_test

import (
	"context"
	"iter"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// ofEach names the checks of all five sorted lists.
func ofEach(what string) []string {
	var names []string
	for _, method := range []string{"Repositories", "Tags", "Manifests", "Referrers", "Blobs"} {
		names = append(names, "lists/"+method+" "+what)
	}
	return names
}

func listMutations() []mutation {
	return []mutation{
		{"lists are reversed", func(m *mutant) {
			m.editLists(eachList{reversed[string], reversed[registry.Tag], reversed[ocispec.Descriptor]})
		}, ofEach("is sorted bytewise")},
		{"lists include the entry that they begin after", func(m *mutant) {
			m.editLists(eachList{inclusive[string], inclusive[registry.Tag], inclusive[ocispec.Descriptor]})
		}, ofEach("begins after an entry")},
		{"lists always begin at the start", func(m *mutant) {
			m.editLists(eachList{fromStart[string], fromStart[registry.Tag], fromStart[ocispec.Descriptor]})
		}, ofEach("begins after an entry")},
		{"lists go on when the loop is left", func(m *mutant) {
			m.editLists(eachList{endless[string], endless[registry.Tag], endless[ocispec.Descriptor]})
		}, ofEach("ends when its loop does")},
		{"lists look for the next entry when it is needed", func(m *mutant) {
			m.editLists(eachList{live[string], live[registry.Tag], live[ocispec.Descriptor]})
		}, append(ofEach("shows one moment while it grows"), ofEach("shows one moment while it shrinks")[1:]...)},
		{"lists look at each half by itself", func(m *mutant) {
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				othersFirst()
				return m.Store.PutManifest(ctx, repo, p)
			}
			m.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
				othersFirst()
				return m.Store.NewUpload(ctx, repo, a)
			}
			m.editLists(eachList{torn[string], torn[registry.Tag], torn[ocispec.Descriptor]})
		}, ofEach("shows one moment while others push")},
		{"lists lock the Store while the loop runs", func(m *mutant) {
			lock := newLock()
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				return lock.while(ctx, func() error { return m.Store.PutManifest(ctx, repo, p) })
			}
			m.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (u registry.Upload, err error) {
				err = lock.while(ctx, func() error { u, err = m.Store.NewUpload(ctx, repo, a); return err })
				return u, err
			}
			m.editLists(eachList{locking[string](lock), locking[registry.Tag](lock), locking[ocispec.Descriptor](lock)})
		}, ofEach("shows one moment while it grows")},
		{"lists end silently with their context", func(m *mutant) {
			m.editLists(eachList{truncated[string], truncated[registry.Tag], truncated[ocispec.Descriptor]})
		}, []string{"context/lists are whole or fail when it is done"}},
		{"tags are listed with the first one's digest", func(m *mutant) {
			m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
				var first digest.Digest
				return edited(m.Store.Tags(ctx, repo, after), func(t *registry.Tag) bool {
					if first == "" {
						first = t.Digest
					}
					t.Digest = first
					return true
				})
			}
		}, []string{"lists/Tags tells the digests"}},
		{"manifests are listed as images", func(m *mutant) {
			m.manifests = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return edited(m.Store.Manifests(ctx, repo, after), func(d *ocispec.Descriptor) bool {
					d.MediaType = ocispec.MediaTypeImageManifest
					return true
				})
			}
		}, []string{"lists/Manifests and Referrers describe manifests"}},
		{"referrers are listed without annotations", func(m *mutant) {
			m.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return edited(m.Store.Referrers(ctx, repo, subject, after), func(d *ocispec.Descriptor) bool {
					d.Annotations = nil
					return true
				})
			}
		}, []string{"lists/Manifests and Referrers describe manifests"}},
		{"blobs are listed without sizes", func(m *mutant) {
			m.blobs = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return edited(m.Store.Blobs(ctx, repo, after), func(d *ocispec.Descriptor) bool {
					d.Size = 0
					return true
				})
			}
		}, []string{"lists/Blobs tells the sizes"}},
		{"all manifests are listed as referrers", func(m *mutant) {
			m.referrers = func(ctx context.Context, repo string, _, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return m.Store.Manifests(ctx, repo, after)
			}
		}, []string{"lists/Referrers are those of one subject"}},
		{"a blob is listed in all repositories", func(m *mutant) {
			m.blobRepositories = func(ctx context.Context, _ digest.Digest) iter.Seq2[string, error] {
				return m.Store.Repositories(ctx, "")
			}
		}, []string{"lists/BlobRepositories shows where a blob is visible"}},
		{"a blob's repositories are looked up one by one", func(m *mutant) {
			m.blobRepositories = func(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for repo := range m.Store.Repositories(ctx, "") {
						if _, err := m.Store.OpenBlob(ctx, repo, d); err == nil && !yield(repo, nil) {
							return
						}
					}
				}
			}
		}, []string{"lists/BlobRepositories shows one moment"}},
		{"sessions of all repositories are listed", func(m *mutant) {
			m.uploads = func(ctx context.Context, _ string) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for _, repo := range []string{"storetest/app", "storetest/lib"} {
						m.Store.Uploads(ctx, repo)(yield)
					}
				}
			}
		}, []string{"lists/Uploads shows the open sessions"}},
		{"sessions are not listed without a repository", func(m *mutant) {
			m.uploads = func(ctx context.Context, repo string) iter.Seq2[string, error] {
				if repo == "" {
					repo = "storetest/app"
				}
				return m.Store.Uploads(ctx, repo)
			}
		}, []string{"lists/Uploads shows the open sessions"}},
		{"sessions that have gone are left out of a list that has begun", func(m *mutant) {
			m.uploads = func(ctx context.Context, repo string) iter.Seq2[string, error] {
				return edited(m.Store.Uploads(ctx, repo), func(id *string) bool {
					_, err := m.Store.OpenUpload(ctx, repo, *id)
					return err == nil
				})
			}
		}, []string{"lists/Uploads shows one moment"}},
		{"unknown repositories have no tags", func(m *mutant) {
			m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
				return func(yield func(registry.Tag, error) bool) {
					for tag, err := range m.Store.Tags(ctx, repo, after) {
						if err != nil || !yield(tag, nil) {
							return
						}
					}
				}
			}
		}, []string{"lists/unknown repositories"}},
	}
}

// edited is a list whose entries are edited, or left out.
func edited[T any](list iter.Seq2[T, error], edit func(*T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for entry, err := range list {
			if err == nil && !edit(&entry) {
				continue
			}
			if !yield(entry, err) {
				return
			}
		}
	}
}

// entries are all that a list shows, up to an error.
func entries[T any](list iter.Seq2[T, error]) (all []T, err error) {
	for entry, err := range list {
		if err != nil {
			return all, err
		}
		all = append(all, entry)
	}
	return all, nil
}

// listed is a list of entries, which may end with an error.
func listed[T any](all []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, entry := range all {
			if !yield(entry, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

func reversed[T any](l listOf[T]) iter.Seq2[T, error] {
	all, err := entries(l.from(l.after))
	slices.Reverse(all)
	return listed(all, err)
}

func inclusive[T any](l listOf[T]) iter.Seq2[T, error] {
	all, err := entries(l.from(""))
	return listed(slices.DeleteFunc(all, func(entry T) bool { return l.key(entry) < l.after }), err)
}

func fromStart[T any](l listOf[T]) iter.Seq2[T, error] { return l.from("") }

func endless[T any](l listOf[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		l.from(l.after)(func(entry T, err error) bool {
			yield(entry, err)
			return true
		})
	}
}

func live[T any](l listOf[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			found := false
			for entry, err := range l.from(l.after) {
				if !yield(entry, err) || err != nil {
					return
				}
				found, l.after = true, l.key(entry)
				break
			}
			if !found {
				return
			}
		}
	}
}

// torn takes the first half of what there is, and later the other half of what
// there is by then.
func torn[T any](l listOf[T]) iter.Seq2[T, error] {
	all, err := entries(l.from(l.after))
	if err != nil || len(all) < 2 {
		return listed(all, err)
	}
	for range 3 { // so that a whole pair is pushed
		othersFirst()
	}
	all = all[:len(all)/2]
	rest, err := entries(l.from(l.key(all[len(all)-1])))
	return listed(append(all, rest...), err)
}

func truncated[T any](l listOf[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for entry, err := range l.from(l.after) {
			if l.ctx.Err() != nil || !yield(entry, err) {
				return
			}
		}
	}
}

func locking[T any](lock lock) func(listOf[T]) iter.Seq2[T, error] {
	return func(l listOf[T]) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			err := lock.while(l.ctx, func() error { l.from(l.after)(yield); return nil })
			if err != nil {
				var none T
				yield(none, err)
			}
		}
	}
}

// lock is a mutex that gives up when the context is done.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) while(ctx context.Context, f func() error) error {
	select {
	case l <- struct{}{}:
		defer func() { <-l }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}
