package storetest_test

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

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// algorithmMutations have each method mistreat the digests of one algorithm.
func algorithmMutations() []mutation {
	var all []mutation
	for _, a := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		is := func(d digest.Digest) bool { return strings.HasPrefix(string(d), string(a)+":") }
		without := func(list iter.Seq2[ocispec.Descriptor, error]) iter.Seq2[ocispec.Descriptor, error] {
			return edited(list, func(d *ocispec.Descriptor) bool { return !is(d.Digest) })
		}
		for _, each := range []mutation{
			{"blobs are not opened", func(m *mutant) {
				m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
					if is(d) {
						return nil, registry.BlobUnknown
					}
					return m.Store.OpenBlob(ctx, repo, d)
				}
			}, []string{"blobs/are read back whole"}},
			{"blobs are not deleted", func(m *mutant) {
				m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
					if _, err := m.Store.OpenBlob(ctx, repo, d); is(d) {
						return err
					}
					return m.Store.DeleteBlob(ctx, repo, d)
				}
			}, []string{"blobs/deleted ones are gone"}},
			{"blobs are not mounted", func(m *mutant) {
				m.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
					if _, err := m.Store.OpenBlob(ctx, from, d); is(d) {
						return err
					}
					return m.Store.MountBlob(ctx, repo, d, from)
				}
			}, []string{"blobs/mounted ones are visible in both repositories"}},
			{"blobs are not committed", editedCommit(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
				if is(d) {
					return registry.DigestInvalid
				}
				return u.Upload.Commit(ctx, c, d)
			}), []string{"uploads/a last chunk comes with the commit"}},
			{"blobs are not listed", func(m *mutant) {
				m.blobs = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
					return without(m.Store.Blobs(ctx, repo, after))
				}
			}, []string{"lists/Blobs is sorted bytewise", "blobs/mounted ones are visible in both repositories"}},
			{"blobs have no repositories", func(m *mutant) {
				m.blobRepositories = func(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
					return edited(m.Store.BlobRepositories(ctx, d), func(*string) bool { return !is(d) })
				}
			}, []string{"lists/BlobRepositories shows where a blob is visible"}},
			{"manifests are not found", func(m *mutant) {
				m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
					got, err := m.Store.Manifest(ctx, repo, ref)
					if err == nil && is(got.Descriptor.Digest) {
						return registry.Manifest{}, registry.ManifestUnknown
					}
					return got, err
				}
			}, []string{"manifests/are found by digest and by tag"}},
			{"subjects are not kept", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
				if is(p.Subject) {
					p.Subject = ""
				}
				return m.Store.PutManifest(ctx, repo, p)
			}), []string{"lists/Referrers are those of one subject"}},
			{"references are not looked at", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
				p.Require = slices.DeleteFunc(slices.Clone(p.Require), func(r registry.Reference) bool { return is(r.Digest) })
				return m.Store.PutManifest(ctx, repo, p)
			}), []string{"manifests/each missing reference is reported", "manifests/references exist in the same repository"}},
			{"preconditions always fail", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
				if slices.ContainsFunc(p.Precondition.IfMatch, func(s string) bool { return s != "*" && is(digest.Digest(s)) }) {
					return registry.PreconditionFailed
				}
				return m.Store.PutManifest(ctx, repo, p)
			}), []string{"manifests/preconditions are judged when one is put"}},
			{"manifests are not deleted", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
				if _, err := m.Store.Manifest(ctx, repo, ref); strings.Contains(ref, ":") && is(digest.Digest(ref)) {
					return err
				}
				return m.Store.DeleteManifest(ctx, repo, ref, p)
			}), []string{"manifests/deleting a digest takes its tags along"}},
			{"manifests are not listed", func(m *mutant) {
				m.manifests = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
					return without(m.Store.Manifests(ctx, repo, after))
				}
			}, []string{"lists/Manifests is sorted bytewise"}},
			{"tags are not listed", func(m *mutant) {
				m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
					return edited(m.Store.Tags(ctx, repo, after), func(t *registry.Tag) bool { return !is(t.Digest) })
				}
			}, []string{"lists/Tags is sorted bytewise"}},
		} {
			each.name = fmt.Sprintf("%s: %s", a, each.name)
			all = append(all, each)
		}
	}
	return all
}

// ownershipMutations keep what belongs to the caller, or change what does.
func ownershipMutations() []mutation {
	const given, later = "ownership/what a manifest is put with is not changed", "ownership/what a manifest was put with may be changed"
	const manifests, entries = "ownership/manifests that were returned stay as they are", "ownership/entries of lists stay as they are"
	// kept has edit replace what the Store has copied.
	kept := func(edit func(stored *registry.PutManifest, given registry.PutManifest)) func(*mutant) {
		return editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			if err := m.Store.PutManifest(ctx, repo, p); err != nil {
				return err
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			stored := m.find(repo).manifests[p.Descriptor.Digest]
			edit(&stored, p)
			m.find(repo).manifests[p.Descriptor.Digest] = stored
			return nil
		})
	}
	return []mutation{
		{"tags are sorted where they are", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			slices.Sort(p.Tags)
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{given}},
		{"references are sorted where they are", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			slices.SortFunc(p.Require, func(a, b registry.Reference) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{given}},
		{"references are described where they are", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			for _, r := range p.Require {
				clear(r.Annotations)
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{given}},
		{"entity tags are sorted where they are", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			slices.Sort(p.Precondition.IfNoneMatch)
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{given}},
		{"entity tags of a delete are sorted where they are", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			slices.Sort(p.IfMatch)
			return m.Store.DeleteManifest(ctx, repo, ref, p)
		}), []string{given}},
		{"an annotation is added to the caller's", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			err := m.Store.PutManifest(ctx, repo, p)
			p.Descriptor.Annotations["stored"] = "now"
			return err
		}), []string{given}},
		{"the caller's content is kept", kept(func(stored *registry.PutManifest, p registry.PutManifest) {
			stored.Content = p.Content
		}), []string{later}},
		{"the caller's annotations are kept", kept(func(stored *registry.PutManifest, p registry.PutManifest) {
			stored.Descriptor.Annotations = p.Descriptor.Annotations
		}), []string{later}},
		{"the caller's tags are listed", func(m *mutant) {
			var mu sync.Mutex
			var last []string
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				mu.Lock()
				defer mu.Unlock()
				last = p.Tags
				return m.Store.PutManifest(ctx, repo, p)
			}
			m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
				return edited(m.Store.Tags(ctx, repo, after), func(t *registry.Tag) bool {
					mu.Lock()
					defer mu.Unlock()
					return slices.Contains(last, t.Name)
				})
			}
		}, []string{later}},
		{"annotations are replaced in place", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			old, err := m.Store.Manifest(ctx, repo, string(p.Descriptor.Digest))
			if err == nil {
				clear(old.Descriptor.Annotations)
				maps.Copy(old.Descriptor.Annotations, p.Descriptor.Annotations)
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{manifests, entries}},
		{"the room of what is deleted is cleared", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			old, err := m.Store.Manifest(ctx, repo, ref)
			if err == nil && strings.Contains(ref, ":") {
				clear(old.Content)
			}
			return m.Store.DeleteManifest(ctx, repo, ref, p)
		}), []string{manifests}},
		{"what ReadAt has read is kept", func(m *mutant) {
			m.editBlob = func(b *mutantBlob, _ []byte) {
				var mu sync.Mutex
				read := map[[2]int64][]byte{}
				b.readAt = func(p []byte, off int64) (int, error) {
					mu.Lock()
					defer mu.Unlock()
					key := [2]int64{off / 5000, int64(len(p))}
					if cached, ok := read[key]; ok {
						return copy(p, cached), nil
					}
					n, err := b.Blob.ReadAt(p, off)
					if err == nil {
						read[key] = p
					}
					return n, err
				}
			}
		}, []string{"blobs/ReadAt reads any range"}},
	}
}

// limitMutations have limits that no method has.
func limitMutations() []mutation {
	return []mutation{
		{"lists have 1000 entries", func(m *mutant) {
			m.editLists(eachList{limited[string], limited[registry.Tag], limited[ocispec.Descriptor]})
		}, ofEach("has no limit")},
		{"lists can be looped over once", func(m *mutant) {
			m.editLists(eachList{once[string], once[registry.Tag], once[ocispec.Descriptor]})
		}, ofEach("can be looped over again")},
		{"loops over a list share its position", func(m *mutant) {
			m.editLists(eachList{cursor[string], cursor[registry.Tag], cursor[ocispec.Descriptor]})
		}, ofEach("can be looped over again")},
		{"an entry that a list comes after must exist", func(m *mutant) {
			m.editLists(eachList{existing[string], existing[registry.Tag], existing[ocispec.Descriptor]})
		}, ofEach("begins after an entry")},
		{"a blob has 1000 repositories", func(m *mutant) {
			m.blobRepositories = func(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
				return limited(listOf[string]{from: func(string) iter.Seq2[string, error] { return m.Store.BlobRepositories(ctx, d) }})
			}
		}, []string{"lists/BlobRepositories has no limit"}},
		{"a blob's repositories can be looped over once", func(m *mutant) {
			m.blobRepositories = func(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
				return once(listOf[string]{from: func(string) iter.Seq2[string, error] { return m.Store.BlobRepositories(ctx, d) }})
			}
		}, []string{"lists/BlobRepositories has no limit"}},
		{"a blob's repositories are looked at in halves", func(m *mutant) {
			m.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
				othersFirst()
				return m.Store.MountBlob(ctx, repo, d, from)
			}
			m.blobRepositories = func(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
				all, err := entries(m.Store.BlobRepositories(ctx, d))
				if err != nil || len(all) < 2 {
					return listed(all, err)
				}
				for range 3 {
					othersFirst()
				}
				all = all[:len(all)/2]
				later, err := entries(m.Store.BlobRepositories(ctx, d))
				last := all[len(all)-1]
				return listed(append(all, slices.DeleteFunc(later, func(repo string) bool { return repo <= last })...), err)
			}
		}, []string{"lists/BlobRepositories shows one moment while others push"}},
		{"100 sessions are listed", func(m *mutant) {
			m.uploads = func(ctx context.Context, repo string) iter.Seq2[string, error] {
				all, err := entries(m.Store.Uploads(ctx, repo))
				return listed(all[:min(100, len(all))], err)
			}
		}, []string{"lists/Uploads has no limit"}},
		{"tags are sorted as numbers", func(m *mutant) {
			m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
				all, err := entries(m.Store.Tags(ctx, repo, after))
				slices.SortStableFunc(all, func(a, b registry.Tag) int {
					if strings.TrimRight(a.Name, "0123456789") != strings.TrimRight(b.Name, "0123456789") {
						return strings.Compare(a.Name, b.Name)
					}
					return len(a.Name) - len(b.Name)
				})
				return listed(all, err)
			}
		}, []string{"lists/Tags is sorted bytewise", "lists/Tags has no limit"}},
		{"tags are sorted regardless of case", func(m *mutant) {
			m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
				all, err := entries(m.Store.Tags(ctx, repo, after))
				slices.SortStableFunc(all, func(a, b registry.Tag) int {
					return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
				})
				return listed(all, err)
			}
		}, []string{"lists/Tags is sorted bytewise", "lists/Tags has no limit"}},
		{"manifests are sorted by something else first", func(m *mutant) {
			by := func(key func(ocispec.Descriptor) string) func(listOf[ocispec.Descriptor]) iter.Seq2[ocispec.Descriptor, error] {
				return func(l listOf[ocispec.Descriptor]) iter.Seq2[ocispec.Descriptor, error] {
					all, err := entries(l.from(l.after))
					slices.SortStableFunc(all, func(a, b ocispec.Descriptor) int { return strings.Compare(key(a), key(b)) })
					return listed(all, err)
				}
			}
			m.manifests = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return by(func(d ocispec.Descriptor) string { return d.MediaType })(listOf[ocispec.Descriptor]{after: string(after), from: func(after string) iter.Seq2[ocispec.Descriptor, error] {
					return m.Store.Manifests(ctx, repo, digest.Digest(after))
				}})
			}
			m.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return by(func(d ocispec.Descriptor) string { return d.ArtifactType })(listOf[ocispec.Descriptor]{after: string(after), from: func(after string) iter.Seq2[ocispec.Descriptor, error] {
					return m.Store.Referrers(ctx, repo, subject, digest.Digest(after))
				}})
			}
			m.blobs = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return by(func(d ocispec.Descriptor) string { return fmt.Sprintf("%9d", d.Size) })(listOf[ocispec.Descriptor]{after: string(after), from: func(after string) iter.Seq2[ocispec.Descriptor, error] {
					return m.Store.Blobs(ctx, repo, digest.Digest(after))
				}})
			}
		}, ofEach("is sorted bytewise")[2:]},
		{"blobs end after 4 MiB", editedCommit(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			err := u.Upload.Commit(ctx, c, d)
			session.store.mu.Lock()
			defer session.store.mu.Unlock()
			if content := session.store.find(session.repo).blobs[d]; len(content) > 4*extent {
				clear(content[4*extent:])
			}
			return err
		}), []string{"blobs/are read back whole"}},
		{"manifests end after 1 MiB", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				got.Content = got.Content[:min(extent, len(got.Content))]
				return got, err
			}
		}, []string{"manifests/are kept byte by byte"}},
		{"sessions share an identifier", func(m *mutant) {
			m.editUpload = func(u *mutantUpload, _ *upload) {
				u.id = func() string { return u.Upload.ID()[:8] + "-0000-4000-8000-000000000000" }
			}
		}, []string{"uploads/unknown ones are UploadUnknown"}},
	}
}

func limited[T any](l listOf[T]) iter.Seq2[T, error] {
	all, err := entries(l.from(l.after))
	return listed(all[:min(1000, len(all))], err)
}

func once[T any](l listOf[T]) iter.Seq2[T, error] {
	list, used := l.from(l.after), false
	return func(yield func(T, error) bool) {
		if !used {
			used = true
			list(yield)
		}
	}
}

// cursor goes on where the last loop is.
func cursor[T any](l listOf[T]) iter.Seq2[T, error] {
	all, err := entries(l.from(l.after))
	at := 0
	return func(yield func(T, error) bool) {
		if err != nil {
			listed(all, err)(yield)
			return
		}
		for at < len(all) {
			at++
			if !yield(all[at-1], nil) {
				return
			}
		}
		at = 0
	}
}

// existing has no entries after one that is not there.
func existing[T any](l listOf[T]) iter.Seq2[T, error] {
	all, err := entries(l.from(""))
	if l.after != "" && !slices.ContainsFunc(all, func(entry T) bool { return l.key(entry) == l.after }) {
		return listed[T](nil, err)
	}
	return l.from(l.after)
}

// confusionMutations take one thing for another.
func confusionMutations() []mutation {
	return []mutation{
		{"closing a blob closes it for all", func(m *mutant) {
			var mu sync.Mutex
			closed := map[string]bool{}
			m.editBlob = func(b *mutantBlob, content []byte) {
				b.close = func() error {
					mu.Lock()
					defer mu.Unlock()
					closed[string(content)] = true
					return nil
				}
				b.writeRange = func(w io.Writer, off, n int64) (int64, error) {
					mu.Lock()
					defer mu.Unlock()
					if closed[string(content)] {
						return 0, errors.New("file already closed")
					}
					return b.Blob.WriteRange(w, off, n)
				}
			}
		}, []string{"blobs/are closed by themselves"}},
		{"a blob has digests by all algorithms", func(m *mutant) {
			m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
				m.mu.Lock()
				defer m.mu.Unlock()
				for _, content := range m.find(repo).blobs {
					if d.Algorithm().FromBytes(content) == d {
						return registry.NewBlob(bytes.NewReader(content), int64(len(content))), nil
					}
				}
				return nil, registry.BlobUnknown
			}
		}, []string{"blobs/are told apart by the algorithm"}},
		{"a blob is deleted by all its digests", func(m *mutant) {
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				m.mu.Lock()
				defer m.mu.Unlock()
				blobs := m.find(repo).blobs
				content, ok := blobs[d]
				if !ok {
					return registry.BlobUnknown
				}
				delete(blobs, digest.SHA256.FromBytes(content))
				delete(blobs, digest.SHA512.FromBytes(content))
				return nil
			}
		}, []string{"blobs/are told apart by the algorithm"}},
		{"manifests are compacted", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				got.Content = bytes.TrimSpace(got.Content)
				return got, err
			}
		}, []string{"manifests/are kept byte by byte", "manifests/are found by digest and by tag"}},
		{"manifests are text", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				got.Content = bytes.ToValidUTF8(got.Content, []byte("\ufffd"))
				return got, err
			}
		}, []string{"manifests/are kept byte by byte"}},
		{"tags are found regardless of case", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				for tag := range m.Store.Tags(ctx, repo, "") {
					if err != nil && strings.EqualFold(tag.Name, ref) {
						return m.Store.Manifest(ctx, repo, tag.Name)
					}
				}
				return got, err
			}
		}, []string{"manifests/tags are told apart byte by byte"}},
		{"tags are deleted regardless of case", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			err := m.Store.DeleteManifest(ctx, repo, ref, p)
			if other := strings.ToLower(ref); err == nil && other != ref {
				_ = m.Store.DeleteManifest(ctx, repo, other, p)
			}
			return err
		}), []string{"manifests/tags are told apart byte by byte"}},
		{"tags are immutable regardless of case", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			for tag := range m.Store.Tags(ctx, repo, "") {
				if p.ImmutableTags && tag.Digest != p.Descriptor.Digest && strings.EqualFold(tag.Name, p.Tags[0]) {
					return registry.TagImmutable
				}
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/tags are told apart byte by byte"}},
		{"a tag of hexadecimal digits is a digest", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				for _, a := range []string{"sha256", "sha512"} {
					if got, err := m.Store.Manifest(ctx, repo, a+":"+ref); err == nil {
						return got, nil
					}
				}
				return m.Store.Manifest(ctx, repo, ref)
			}
		}, []string{"manifests/a tag may look like a digest"}},
		{"a tag that begins as an algorithm does is a digest", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			return m.Store.DeleteManifest(ctx, repo, strings.Replace(ref, "sha256-", "sha256:", 1), p)
		}), []string{"manifests/a tag may look like a digest"}},
		{"a tag may be given once", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			tags := slices.Sorted(slices.Values(p.Tags))
			if len(slices.Compact(tags)) < len(p.Tags) {
				return registry.TagImmutable
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/are found by digest and by tag"}},
		{"a deleted manifest is remembered", func(m *mutant) {
			first := map[string]registry.Manifest{}
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				key := repo + "@" + string(p.Descriptor.Digest)
				if old, ok := first[key]; ok {
					p.Manifest = old
				}
				first[key] = p.Manifest
				return m.Store.PutManifest(ctx, repo, p)
			}
		}, []string{"manifests/one that is put after it was deleted is new"}},
		{"references fail in reverse order", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Require = slices.Clone(p.Require)
			slices.Reverse(p.Require)
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/each missing reference is reported"}},
		{"references are known by digest and size", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Require = editedReferences(p.Require, func(r *registry.Reference) { r.Annotations, r.URLs, r.Platform, r.Data = nil, nil, nil, nil })
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/each missing reference is reported", "manifests/references have the size and media type of what exists"}},
		{"a blob may be elsewhere", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Require = slices.DeleteFunc(slices.Clone(p.Require), func(r registry.Reference) bool {
				all, _ := entries(m.Store.BlobRepositories(ctx, r.Digest))
				return len(all) > 0 && !slices.Contains(all, repo)
			})
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/references exist in the same repository"}},
		{"a manifest is stored though its tag may not move", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			err := m.Store.PutManifest(ctx, repo, p)
			if errors.Is(err, registry.TagImmutable) {
				p.Tags = nil
				_ = m.Store.PutManifest(ctx, repo, p)
			}
			return err
		}), []string{"manifests/a refused one changes nothing"}},
		{"a manifest is stored though a reference is wrong", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			err := m.Store.PutManifest(ctx, repo, p)
			if errors.Is(err, registry.ManifestInvalid) {
				p.Tags, p.Require = nil, nil
				_ = m.Store.PutManifest(ctx, repo, p)
			}
			return err
		}), []string{"manifests/a refused one changes nothing"}},
		{"what is not there fails its precondition", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			if _, err := m.Store.Manifest(ctx, repo, ref); err != nil && !p.Holds("") {
				return registry.PreconditionFailed
			}
			return m.Store.DeleteManifest(ctx, repo, ref, p)
		}), []string{"manifests/preconditions are judged when one is deleted"}},
		{"blobs that a manifest names are deleted with it", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			got, _ := m.Store.Manifest(ctx, repo, ref)
			for d := range m.Store.Blobs(ctx, repo, "") {
				if strings.Contains(ref, ":") && bytes.Contains(got.Content, []byte(d.Digest)) {
					_ = m.Store.DeleteBlob(ctx, repo, d.Digest)
				}
			}
			return m.Store.DeleteManifest(ctx, repo, ref, p)
		}), []string{"manifests/deleting leaves what they refer to and are referred by"}},
		{"blobs that a manifest names are not deleted", func(m *mutant) {
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				for manifest := range m.Store.Manifests(ctx, repo, "") {
					got, err := m.Store.Manifest(ctx, repo, string(manifest.Digest))
					if err == nil && bytes.Contains(got.Content, []byte(d)) {
						return registry.Denied
					}
				}
				return m.Store.DeleteBlob(ctx, repo, d)
			}
		}, []string{"blobs/are deleted although a manifest refers to them"}},
		{"repositories within another are listed with it", func(m *mutant) {
			m.blobs = func(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				var all []ocispec.Descriptor
				for name := range m.Store.Repositories(ctx, "") {
					if name == repo || strings.HasPrefix(name, repo+"/") {
						some, _ := entries(m.Store.Blobs(ctx, name, after))
						all = append(all, some...)
					}
				}
				return listed(all, nil)
			}
		}, []string{"repositories/with similar names are told apart"}},
		{"repositories are directories without slashes", func(m *mutant) {
			m.uploads = func(ctx context.Context, repo string) iter.Seq2[string, error] {
				ids, _ := entries(m.Store.Uploads(ctx, ""))
				ids = slices.DeleteFunc(ids, func(id string) bool {
					m.mu.Lock()
					defer m.mu.Unlock()
					return strings.ReplaceAll(m.Store.uploads[id].repo, "/", "_") != strings.ReplaceAll(repo, "/", "_")
				})
				return listed(ids, nil)
			}
		}, []string{"repositories/with similar names are told apart"}},
		{"a mount that fails makes a repository", func(m *mutant) {
			m.mountBlob = func(ctx context.Context, repo string, d digest.Digest, from string) error {
				m.mu.Lock()
				m.Store.repositories[repo] = m.find(repo)
				m.mu.Unlock()
				return m.Store.MountBlob(ctx, repo, d, from)
			}
		}, []string{"repositories/refused calls change nothing"}},
		{"a delete that fails its precondition takes the tag", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			err := m.Store.DeleteManifest(ctx, repo, ref, p)
			if errors.Is(err, registry.PreconditionFailed) && !strings.Contains(ref, ":") {
				_ = m.Store.DeleteManifest(ctx, repo, ref, registry.Precondition{})
			}
			return err
		}), []string{"repositories/refused calls change nothing"}},
		{"an empty chunk may be anywhere", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			if c.Length == 0 {
				c.Offset = registry.Unknown
			}
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/a chunk at a wrong offset changes nothing"}},
		{"the body is read before the offset is looked at", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			if c.Body != nil {
				body, err := io.ReadAll(c.Body)
				if err == nil && c.Length != registry.Unknown && int64(len(body)) != c.Length {
					return registry.SizeInvalid
				}
				c.Body = io.MultiReader(bytes.NewReader(body), failing{err})
			}
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/errors are decided in order"}},
		{"a body that is too long and breaks off is a read error", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			err := u.Upload.Append(ctx, c)
			if b, ok := c.Body.(interface{ Read([]byte) (int, error) }); ok && errors.Is(err, registry.SizeInvalid) {
				if _, broken := io.Copy(io.Discard, b); broken != nil {
					return broken
				}
			}
			return err
		}), []string{"uploads/errors are decided in order"}},
		{"a wrong length is found out before the session is looked for", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			var count counter
			if c.Body != nil {
				c.Body = io.TeeReader(c.Body, &count)
			}
			err := u.Upload.Append(ctx, c)
			if errors.Is(err, registry.UploadUnknown) && count > 0 && c.Length != registry.Unknown && int64(count) != c.Length {
				return registry.SizeInvalid
			}
			return err
		}), []string{"uploads/cancelled while a wrong body arrives"}},
		{"any error that wraps io.EOF is the end", editedAppend(func(u *mutantUpload, _ *upload, ctx context.Context, c registry.Chunk) error {
			if c.Body != nil {
				c.Body = anyEOF{c.Body}
			}
			return u.Upload.Append(ctx, c)
		}), []string{"uploads/a body that fails is kept as far as it came"}},
		{"what came with a commit before a read error is lost", editedCommit(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			size := u.Size()
			err := u.Upload.Commit(ctx, c, d)
			if cause := registry.Cause(0); err != nil && !errors.As(err, &cause) {
				session.store.mu.Lock()
				defer session.store.mu.Unlock()
				session.content = session.content[:size]
			}
			return err
		}), []string{"uploads/a body that fails is kept as far as it came"}},
		{"a manifest comes before its tags", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			bare := p
			bare.Tags = nil
			if err := m.Store.PutManifest(ctx, repo, bare); err != nil {
				return err
			}
			othersFirst()
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"concurrency/a manifest comes and goes everywhere at once"}},
		{"a manifest goes after its tags", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			for tag := range m.Store.Tags(ctx, repo, "") {
				if string(tag.Digest) == ref {
					_ = m.Store.DeleteManifest(ctx, repo, tag.Name, registry.Precondition{})
				}
			}
			othersFirst()
			return m.Store.DeleteManifest(ctx, repo, ref, p)
		}), []string{"concurrency/a manifest comes and goes everywhere at once"}},
		{"a blob goes before its repositories", func(m *mutant) {
			var mu sync.Mutex
			going := map[digest.Digest]string{}
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				mu.Lock()
				going[d] = repo
				mu.Unlock()
				err := m.Store.DeleteBlob(ctx, repo, d)
				othersFirst()
				mu.Lock()
				defer mu.Unlock()
				delete(going, d)
				return err
			}
			m.blobRepositories = func(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
				all, err := entries(m.Store.BlobRepositories(ctx, d))
				mu.Lock()
				defer mu.Unlock()
				if repo, ok := going[d]; ok && !slices.Contains(all, repo) {
					all = append(all, repo)
				}
				return listed(all, err)
			}
		}, []string{"concurrency/a blob comes and goes everywhere at once"}},
		{"the precondition of a delete is judged before the step", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			got, err := m.Store.Manifest(ctx, repo, ref)
			if err == nil && !p.Holds(got.Descriptor.Digest) {
				return registry.PreconditionFailed
			}
			othersFirst()
			return m.Store.DeleteManifest(ctx, repo, ref, registry.Precondition{})
		}), []string{"concurrency/a delete meets a tag that moves"}},
		{"a chunk is added while the content is committed", editedAppend(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk) error {
			session.store.mu.Lock()
			there := !session.gone
			session.store.mu.Unlock()
			othersFirst()
			if err := u.Upload.Append(ctx, c); !there || !errors.Is(err, registry.UploadUnknown) {
				return err
			}
			return nil
		}), []string{"concurrency/a commit meets a chunk"}},
		{"a manifest that is put for the third time loses its tags", func(m *mutant) {
			puts := map[string]int{}
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				if puts[repo+string(p.Descriptor.Digest)]++; puts[repo+string(p.Descriptor.Digest)] == 3 {
					p.Tags = nil
				}
				return m.Store.PutManifest(ctx, repo, p)
			}
		}, []string{"sequences/any calls one after another"}},
		{"a blob that came back is deleted where it came from", func(m *mutant) {
			from := map[string]string{}
			m.mountBlob = func(ctx context.Context, repo string, d digest.Digest, source string) error {
				err := m.Store.MountBlob(ctx, repo, d, source)
				if err == nil && from[source] == repo && source != repo {
					return m.Store.DeleteBlob(ctx, source, d)
				}
				from[repo] = source
				return err
			}
		}, []string{"sequences/any calls one after another"}},
		{"subjects with the same name are one", func(m *mutant) {
			m.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				one, _ := entries(m.Store.Referrers(ctx, repo, digest.SHA256.FromString("subject"), after))
				two, _ := entries(m.Store.Referrers(ctx, repo, digest.SHA512.FromString("subject"), after))
				if subject == digest.SHA256.FromString("subject") || subject == digest.SHA512.FromString("subject") {
					return listed(slices.Concat(one, two), nil)
				}
				return m.Store.Referrers(ctx, repo, subject, after)
			}
		}, []string{"lists/Referrers are those of one subject"}},
		{"a tag is immutable if it is in any repository", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			for name := range m.Store.Repositories(ctx, "") {
				for _, tag := range p.Tags {
					if got, err := m.Store.Manifest(ctx, name, tag); err == nil && p.ImmutableTags && got.Descriptor.Digest != p.Descriptor.Digest {
						return registry.TagImmutable
					}
				}
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/immutable tags do not move"}},
		{"a blob holds the precondition", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			if _, err := m.Store.OpenBlob(ctx, repo, digest.Digest(p.Ref)); err == nil {
				if !p.Precondition.Holds(digest.Digest(p.Ref)) {
					return registry.PreconditionFailed
				}
				p.Precondition = registry.Precondition{}
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/preconditions are judged when one is put"}},
		{"what is not committed exists", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			m.mu.Lock()
			for _, u := range m.Store.uploads {
				p.Require = slices.DeleteFunc(slices.Clone(p.Require), func(r registry.Reference) bool {
					return u.repo == repo && r.Blob && r.Digest.Algorithm().FromBytes(u.content) == r.Digest
				})
			}
			m.mu.Unlock()
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/references exist in the same repository"}},
		{"the error of the context comes with a cause", func(m *mutant) {
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				err := m.Store.DeleteBlob(ctx, repo, d)
				if err != nil {
					return errors.Join(ctx.Err(), err)
				}
				return nil
			}
		}, []string{"context/errors are its own or a cause"}},
		{"a context that is done is an error of its own", func(m *mutant) {
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				if ctx.Err() != nil {
					return errors.New("timeout")
				}
				return m.Store.DeleteBlob(ctx, repo, d)
			}
		}, []string{"context/changes happen or not when it is done", "context/errors are its own or a cause"}},
		{"a commit whose context ends is forgotten", editedCommit(func(u *mutantUpload, session *upload, ctx context.Context, c registry.Chunk, d digest.Digest) error {
			size := u.Size()
			if c.Body != nil {
				c.Body = ending{ctx, c.Body}
			}
			err := u.Upload.Commit(ctx, c, d)
			if ctx.Err() != nil {
				session.store.mu.Lock()
				defer session.store.mu.Unlock()
				session.content = session.content[:min(len(session.content), int(size))]
			}
			return err
		}), []string{"context/it ends while a body arrives"}},
	}
}

// failing is a reader of nothing that ends with an error, or io.EOF.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

// counter is a writer that counts.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// anyEOF takes each error that wraps io.EOF for it.
type anyEOF struct{ io.Reader }

func (a anyEOF) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.EOF
	}
	return n, err
}

// ending is a body that ends with its context.
type ending struct {
	ctx context.Context
	io.Reader
}

func (e ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == nil {
		err = e.ctx.Err()
	}
	return n, err
}
