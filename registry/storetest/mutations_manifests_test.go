package storetest_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

func manifestMutations() []mutation {
	return []mutation{
		{"annotations are lost", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				got.Descriptor.Annotations = nil
				return got, err
			}
		}, []string{"manifests/are found by digest and by tag"}},
		{"pushes are counted down", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				got.Pushed = math.MaxUint64 - got.Pushed
				return got, err
			}
		}, []string{"manifests/pushes are counted, or not"}},
		{"some pushes are counted", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				got.Pushed = uint64(len(got.Content) % 2)
				return got, err
			}
		}, []string{"manifests/pushes are counted, or not"}},
		{"only the first tag is set", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Tags = p.Tags[:min(1, len(p.Tags))]
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/are found by digest and by tag"}},
		{"an unknown manifest is an unknown repository", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				if err != nil && len(m.find(repo).manifests) == 0 {
					return got, registry.NameUnknown
				}
				return got, err
			}
		}, []string{"manifests/unknown ones are ManifestUnknown"}},
		{"a manifest is found in any repository", func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				for name := range m.Store.Repositories(ctx, "") {
					if err != nil && strings.Contains(ref, ":") {
						got, err = m.Store.Manifest(ctx, name, ref)
					}
				}
				return got, err
			}
		}, []string{"manifests/are visible only where they were put"}},
		{"repositories share descriptors", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			err := m.Store.PutManifest(ctx, repo, p)
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, r := range m.Store.repositories {
				if old, ok := r.manifests[p.Descriptor.Digest]; ok {
					old.Manifest = p.Manifest
					r.manifests[p.Descriptor.Digest] = old
				}
			}
			return err
		}), []string{"manifests/are visible only where they were put"}},
		{"a tag stays where it is", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Tags = slices.DeleteFunc(slices.Clone(p.Tags), func(tag string) bool {
				_, err := m.Store.Manifest(ctx, repo, tag)
				return err == nil
			})
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/tags move"}},
		{"a manifest loses the tags that it is put without", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			if _, err := m.Store.Manifest(ctx, repo, string(p.Descriptor.Digest)); err == nil && len(p.Tags) == 0 {
				if err := m.Store.DeleteManifest(ctx, repo, string(p.Descriptor.Digest), registry.Precondition{}); err != nil {
					return err
				}
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/tags move"}},
		{"only the first tag is immutable", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			first := p
			first.Tags = p.Tags[:min(1, len(p.Tags))]
			if err := m.Store.PutManifest(ctx, repo, first); err != nil {
				return err
			}
			p.ImmutableTags = false
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/immutable tags do not move"}},
		{"an immutable tag cannot be set again where it is", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			for _, tag := range p.Tags {
				if _, err := m.Store.Manifest(ctx, repo, tag); err == nil && p.ImmutableTags {
					return registry.TagImmutable
				}
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/immutable tags do not move"}},
		{"the first descriptor stays", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			if old, err := m.Store.Manifest(ctx, repo, string(p.Descriptor.Digest)); err == nil {
				p.Manifest = old
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/putting one again replaces its descriptor"}},
		{"preconditions are judged on the first tag", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			if len(p.Tags) > 0 {
				p.Ref = p.Tags[0]
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/preconditions are judged when one is put"}},
		{"only one entity tag is looked at", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Precondition.IfMatch = p.Precondition.IfMatch[:min(1, len(p.Precondition.IfMatch))]
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/preconditions are judged when one is put"}},
		{"a delete has no precondition", func(m *mutant) {
			m.delete = func(ctx context.Context, repo, ref string, _ registry.Precondition) error {
				return m.Store.DeleteManifest(ctx, repo, ref, registry.Precondition{})
			}
		}, []string{"manifests/preconditions are judged when one is deleted"}},
		{"only one missing reference is reported", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			err := m.Store.PutManifest(ctx, repo, p)
			if first := (*registry.Error)(nil); errors.As(err, &first) {
				return first
			}
			return err
		}), []string{"manifests/each missing reference is reported"}},
		{"missing references are reported as one", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			err := m.Store.PutManifest(ctx, repo, p)
			if errors.Is(err, registry.ManifestBlobUnknown) {
				return errors.Join(registry.ManifestBlobUnknown)
			}
			return err
		}), []string{"manifests/each missing reference is reported"}},
		{"missing references do not say which they are", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			err := m.Store.PutManifest(ctx, repo, p)
			var joined interface{ Unwrap() []error }
			if errors.As(err, &joined) {
				for _, e := range joined.Unwrap() {
					e.(*registry.Error).Detail = nil
				}
			}
			return err
		}), []string{"manifests/each missing reference is reported"}},
		{"a reference may be anything", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Require = editedReferences(p.Require, func(r *registry.Reference) { r.Blob, r.Manifest = true, true })
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/references exist as blob, manifest or either"}},
		{"a reference to either must be both", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			var both []registry.Reference
			for _, r := range p.Require {
				if r.Blob {
					both = append(both, registry.Reference{Descriptor: r.Descriptor, Blob: true})
				}
				if r.Manifest {
					both = append(both, registry.Reference{Descriptor: r.Descriptor, Manifest: true})
				}
			}
			p.Require = both
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/references exist as blob, manifest or either"}},
		{"a reference may be elsewhere", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Require = slices.DeleteFunc(slices.Clone(p.Require), func(r registry.Reference) bool {
				for range m.Store.BlobRepositories(ctx, r.Digest) {
					return true
				}
				_, err := m.Store.Manifest(ctx, "storetest/lib", string(r.Digest))
				return err == nil
			})
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/references exist in the same repository"}},
		{"sizes are believed", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Require = editedReferences(p.Require, func(r *registry.Reference) {
				if b, err := m.Store.OpenBlob(ctx, repo, r.Digest); err == nil {
					r.Size = b.Size()
				}
				if got, err := m.Store.Manifest(ctx, repo, string(r.Digest)); err == nil {
					r.Size = got.Descriptor.Size
				}
			})
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/references have the size and media type of what exists"}},
		{"media types are believed", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Require = editedReferences(p.Require, func(r *registry.Reference) {
				if got, err := m.Store.Manifest(ctx, repo, string(r.Digest)); err == nil {
					r.MediaType = got.Descriptor.MediaType
				}
			})
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/references have the size and media type of what exists"}},
		{"what may be missing is not looked at", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Require = slices.DeleteFunc(slices.Clone(p.Require), func(r registry.Reference) bool { return r.Optional })
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/references have the size and media type of what exists"}},
		{"an optional reference must exist", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			p.Require = editedReferences(p.Require, func(r *registry.Reference) { r.Optional = false })
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/references that are optional may be missing"}},
		{"references are looked at first", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			m.mu.Lock()
			err := m.find(repo).accepts(registry.PutManifest{Require: p.Require})
			m.mu.Unlock()
			if err != nil {
				return err
			}
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"manifests/decisions are made in order"}},
		{"tags are set before references are looked at", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			err := m.Store.PutManifest(ctx, repo, p)
			if errors.Is(err, registry.ManifestBlobUnknown) {
				p.Require = nil
				return errors.Join(err, m.Store.PutManifest(ctx, repo, p))
			}
			return err
		}), []string{"manifests/a refused one changes nothing", "concurrency/a manifest meets the delete of its child"}},
		{"a refused manifest replaces the old descriptor", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			err := m.Store.PutManifest(ctx, repo, p)
			if err == nil {
				return nil
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if old, ok := m.find(repo).manifests[p.Descriptor.Digest]; ok {
				old.Manifest = p.Manifest
				m.find(repo).manifests[p.Descriptor.Digest] = old
			}
			return err
		}), []string{"manifests/a refused one changes nothing"}},
		{"deleting a tag deletes the manifest", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			if got, err := m.Store.Manifest(ctx, repo, ref); err == nil {
				ref = string(got.Descriptor.Digest)
			}
			return m.Store.DeleteManifest(ctx, repo, ref, p)
		}), []string{"manifests/deleting a tag leaves all else"}},
		{"tags outlive their manifest", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			if !strings.Contains(ref, ":") {
				return m.Store.DeleteManifest(ctx, repo, ref, p)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.find(repo).manifests, digest.Digest(ref))
			return nil
		}), []string{"manifests/deleting a digest takes its tags along"}},
		{"referrers outlive their manifest", func(m *mutant) {
			known := map[digest.Digest]map[string]registry.PutManifest{}
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				if known[p.Subject] == nil {
					known[p.Subject] = map[string]registry.PutManifest{}
				}
				known[p.Subject][repo+"@"+string(p.Descriptor.Digest)] = p
				return m.Store.PutManifest(ctx, repo, p)
			}
			m.delete = func(ctx context.Context, repo, ref string, c registry.Precondition) error {
				got, err := m.Store.Manifest(ctx, repo, ref)
				if err := errors.Join(err, m.Store.DeleteManifest(ctx, repo, ref, c)); err != nil {
					return err
				}
				for subject, referrers := range known {
					if p, ok := referrers[repo+"@"+string(got.Descriptor.Digest)]; ok && subject != "" {
						p.Tags = nil
						return m.Store.PutManifest(ctx, repo, p)
					}
				}
				return nil
			}
		}, []string{"manifests/deleting a referrer takes its entry along"}},
		{"referrers are deleted with their subject", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			for d := range m.Store.Referrers(ctx, repo, digest.Digest(ref), "") {
				if err := m.Store.DeleteManifest(ctx, repo, string(d.Digest), p); err != nil {
					return err
				}
			}
			return m.Store.DeleteManifest(ctx, repo, ref, p)
		}), []string{"manifests/deleting leaves what they refer to and are referred by"}},
		{"layers are deleted with the manifest", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			for d := range m.Store.Blobs(ctx, repo, "") {
				if err := m.Store.DeleteBlob(ctx, repo, d.Digest); err != nil {
					return err
				}
			}
			return m.Store.DeleteManifest(ctx, repo, ref, p)
		}), []string{"manifests/deleting leaves what they refer to and are referred by"}},
		{"a tag is off while it moves", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			for _, tag := range p.Tags {
				if err := m.Store.DeleteManifest(ctx, repo, tag, registry.Precondition{}); err != nil && !errors.Is(err, registry.ManifestUnknown) {
					return err
				}
			}
			othersFirst()
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"concurrency/pushes of one tag"}},
		{"decisions are made before the step", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			m.mu.Lock()
			err := m.find(repo).accepts(p)
			m.mu.Unlock()
			if err != nil {
				return err
			}
			othersFirst()
			p.ImmutableTags, p.Precondition, p.Require = false, registry.Precondition{}, nil
			return m.Store.PutManifest(ctx, repo, p)
		}), []string{"concurrency/an immutable tag is set once", "concurrency/a precondition holds once"}},
		{"references are looked at one by one", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			for _, r := range p.Require {
				m.mu.Lock()
				err := m.find(repo).accepts(registry.PutManifest{Require: []registry.Reference{r}})
				m.mu.Unlock()
				if err != nil {
					return err
				}
				othersFirst()
				othersFirst()
			}
			p.Require = nil
			return m.Store.PutManifest(ctx, repo, p)
		}, slowDelete), []string{"concurrency/references exist at one moment"}},
		{"a manifest that lost its blob is an unknown blob", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			othersFirst()
			err := m.Store.PutManifest(ctx, repo, p)
			if errors.Is(err, registry.ManifestBlobUnknown) {
				return registry.BlobUnknown
			}
			return err
		}), []string{"concurrency/a manifest meets the delete of its blob"}},
		{"tags are set one by one", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			all := p.Tags
			for _, tag := range all {
				p.Tags = []string{tag}
				if err := m.Store.PutManifest(ctx, repo, p); err != nil {
					return err
				}
				othersFirst()
			}
			return nil
		}, slowTags), []string{"concurrency/tags set together are seen together"}},
		{"all deletes that come at once succeed", editedDelete(func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error {
			_, err := m.Store.Manifest(ctx, repo, ref)
			othersFirst()
			if deleted := m.Store.DeleteManifest(ctx, repo, ref, p); err != nil || !errors.Is(deleted, registry.ManifestUnknown) {
				return deleted
			}
			return nil
		}), []string{"concurrency/one manifest is deleted once"}},
		{"tags are set though the context is done", editedPut(func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error {
			return errors.Join(m.Store.PutManifest(ctx, repo, p), ctx.Err())
		}), []string{"context/changes happen or not when it is done"}},
	}
}

type (
	putFunc    func(m *mutant, ctx context.Context, repo string, p registry.PutManifest) error
	deleteFunc func(m *mutant, ctx context.Context, repo, ref string, p registry.Precondition) error
)

// editedPut replaces PutManifest.
func editedPut(f putFunc, others ...func(*mutant)) func(*mutant) {
	return func(m *mutant) {
		m.put = func(ctx context.Context, repo string, p registry.PutManifest) error { return f(m, ctx, repo, p) }
		for _, other := range others {
			other(m)
		}
	}
}

// editedDelete replaces DeleteManifest.
func editedDelete(f deleteFunc) func(*mutant) {
	return func(m *mutant) {
		m.delete = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
			return f(m, ctx, repo, ref, p)
		}
	}
}

func editedReferences(references []registry.Reference, edit func(*registry.Reference)) []registry.Reference {
	references = slices.Clone(references)
	for i := range references {
		edit(&references[i])
	}
	return references
}

// slowDelete lets others go on before a blob or manifest is deleted.
func slowDelete(m *mutant) {
	m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
		othersFirst()
		return m.Store.DeleteBlob(ctx, repo, d)
	}
	m.delete = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
		othersFirst()
		return m.Store.DeleteManifest(ctx, repo, ref, p)
	}
}

// slowTags lets others go on before tags are listed.
func slowTags(m *mutant) {
	m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
		othersFirst()
		return m.Store.Tags(ctx, repo, after)
	}
}

// hiding is a list of tags that does not know some repositories.
func hiding(m *mutant, hidden func(*repository) bool) func(context.Context, string, string) iter.Seq2[registry.Tag, error] {
	return func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
		m.mu.Lock()
		defer m.mu.Unlock()
		if hidden(m.find(repo)) {
			return m.Store.Tags(ctx, "no such repository", after)
		}
		return m.Store.Tags(ctx, repo, after)
	}
}
