package spec_test

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// memory remembers manifests that were deleted: by repository and tag, or digest.
type memory struct {
	mu        sync.Mutex
	manifests map[string]registry.Manifest
	tags      map[string][]string // of manifests that were deleted
}

// deleting has a mutant remember what is deleted.
func deleting(m *mutant) *memory {
	old := &memory{manifests: map[string]registry.Manifest{}, tags: map[string][]string{}}
	m.delete = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
		content, err := m.Store.Manifest(ctx, repo, ref)
		var tags []string
		for tag := range m.Store.Tags(ctx, repo, "") {
			if tag.Digest == digest.Digest(ref) {
				tags = append(tags, tag.Name)
			}
		}
		if err == nil {
			err = m.Store.DeleteManifest(ctx, repo, ref, p)
		}
		if err != nil {
			return err
		}
		old.mu.Lock()
		defer old.mu.Unlock()
		for _, name := range append(tags, ref) {
			old.manifests[repo+"@"+name] = content
		}
		old.tags[repo+"@"+ref] = tags
		return nil
	}
	return old
}

func (o *memory) of(repo, ref string) (registry.Manifest, []string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m, ok := o.manifests[repo+"@"+ref]
	return m, o.tags[repo+"@"+ref], ok
}

// kept is a mutation by which some deletes only seem to succeed.
func kept(o op.Op) func(*mutant) {
	return rules(faults.On(o).Do(faults.Status(http.StatusAccepted)))
}

var deleteMutations = []mutation{
	{
		name: "a tag is deleted with 200", mutate: status(http.StatusAccepted, http.StatusOK, op.TagDelete),
		fails: []string{
			"tag-delete", "delete-tags", "tag-delete-disabled", "tag-delete-gone", "supports-management", "if-match-delete", "pages-after-change", "tag-delete-keeps",
		},
	}, {
		name: "deleting tags is forbidden", mutate: rules(faults.On(op.TagDelete).Do(faults.Status(http.StatusForbidden))),
		fails: []string{
			"tag-delete-disabled", "tag-delete", "delete-tags", "tag-delete-gone", "tag-delete-unknown", "supports-management", "if-match-delete",
			"pages-after-change", "tag-delete-keeps",
		},
	}, {
		name: "a tag that was deleted is there", mutate: kept(op.TagDelete),
		fails: []string{"tag-delete-gone", "tag-delete-unknown", "if-match-delete", "tag-delete-keeps"},
	}, {
		name: "an unknown tag is deleted", mutate: status(http.StatusNotFound, http.StatusAccepted, op.TagDelete),
		fails: []string{"tag-delete-unknown"},
	}, {
		name: "a manifest is deleted with 200", mutate: status(http.StatusAccepted, http.StatusOK, op.ManifestDelete),
		fails: []string{
			"manifest-delete", "delete", "manifest-delete-disabled", "manifest-delete-gone", "supports-management", "manifest-delete-referrers",
			"manifest-delete-tags", "manifest-delete-again", "isolation-delete", "race-manifest-delete", "race-manifest-delete-once",
		},
	}, {
		name: "a manifest of an unknown repository is 400", mutate: func(m *mutant) {
			m.refuses(registry.NameInvalid, func(r *http.Request, info *op.Info) bool {
				for _, err := range m.Store.Tags(r.Context(), info.Repo, "") {
					return err != nil
				}
				return false
			}, op.ManifestDelete)
		},
		fails: []string{"manifest-delete-repository-unknown"},
	}, {
		name: "deleting manifests is forbidden", mutate: rules(faults.On(op.ManifestDelete).Do(faults.Status(http.StatusForbidden))),
		fails: []string{
			"manifest-delete-disabled", "manifest-delete", "delete", "manifest-delete-repository-unknown", "manifest-delete-gone", "supports-management",
			"manifest-delete-referrers", "manifest-delete-tags", "manifest-delete-again", "isolation-delete", "race-manifest-delete", "race-manifest-delete-once",
		},
	}, {
		name: "the tags of a manifest that was deleted can be pulled", mutate: func(m *mutant) {
			old := deleting(m)
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				if manifest, _, ok := old.of(repo, ref); ok && err != nil && !strings.Contains(ref, ":") && manifest.Descriptor.Digest != "" {
					_, tags, _ := old.of(repo, string(manifest.Descriptor.Digest))
					if slices.Contains(tags, ref) {
						return manifest, nil
					}
				}
				return got, err
			}
		},
		fails: []string{"manifest-delete-gone", "manifest-delete-again", "race-manifest-delete", "race-manifest-delete-once"},
	}, {
		name: "a blob is deleted with 200", mutate: status(http.StatusAccepted, http.StatusOK, op.BlobDelete),
		fails: []string{
			"blob-delete", "delete", "blob-delete-unknown", "blob-delete-disabled", "blob-delete-gone", "supports-management", "isolation-delete",
			"mount-survives-source", "race-blob-delete", "race-mount",
		},
		may: []string{"race-blob-push-delete"},
	}, {
		name: "an unknown blob is deleted", mutate: status(http.StatusNotFound, http.StatusAccepted, op.BlobDelete),
		fails: []string{"blob-delete-unknown"},
	}, {
		name: "deleting blobs is forbidden", mutate: rules(faults.On(op.BlobDelete).Do(faults.Status(http.StatusForbidden))),
		fails: []string{
			"blob-delete-disabled", "blob-delete", "delete", "blob-delete-unknown", "blob-delete-gone", "supports-management", "isolation-delete",
			"mount-survives-source", "race-blob-delete", "race-blob-push-delete", "race-mount",
		},
	}, {
		name: "a blob that was deleted is there", mutate: kept(op.BlobDelete),
		fails: []string{"blob-delete-gone", "blob-delete-unknown", "mount-survives-source", "race-blob-delete"},
	}, {
		name: "a manifest goes with its tag", mutate: func(m *mutant) {
			m.delete = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
				got, err := m.Store.Manifest(ctx, repo, ref)
				if err == nil {
					err = m.Store.DeleteManifest(ctx, repo, ref, p)
				}
				if err == nil {
					_ = m.Store.DeleteManifest(ctx, repo, string(got.Descriptor.Digest), registry.Precondition{})
				}
				return err
			}
		},
		fails: []string{"tag-delete-keeps", "supports-management", "pages-after-change"},
	}, {
		name: "a referrer that was deleted is listed", mutate: func(m *mutant) {
			old := deleting(m)
			put := map[string]digest.Digest{}
			var mu sync.Mutex
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				mu.Lock()
				put[repo+"@"+string(p.Descriptor.Digest)] = p.Subject
				mu.Unlock()
				return m.Store.PutManifest(ctx, repo, p)
			}
			m.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return func(yield func(ocispec.Descriptor, error) bool) {
					for d, err := range m.Store.Referrers(ctx, repo, subject, after) {
						if !yield(d, err) {
							return
						}
					}
					old.mu.Lock()
					defer old.mu.Unlock()
					mu.Lock()
					defer mu.Unlock()
					for name, manifest := range old.manifests {
						if strings.HasPrefix(name, repo+"@sha256:") && put[name] == subject && !yield(manifest.Descriptor, nil) {
							return
						}
					}
				}
			}
		},
		fails: []string{"manifest-delete-referrers"},
	}, {
		name: "a subject takes its referrers along", mutate: func(m *mutant) {
			old := deleting(m)
			m.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				if _, _, gone := old.of(repo, string(subject)); gone {
					return func(func(ocispec.Descriptor, error) bool) {}
				}
				return m.Store.Referrers(ctx, repo, subject, after)
			}
		},
		fails: []string{"manifest-delete-referrers"},
	}, {
		name: "the tags of a manifest that was deleted are listed", mutate: func(m *mutant) {
			deleted := map[string][]string{}
			var mu sync.Mutex
			old := deleting(m)
			inner := m.delete
			m.delete = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
				err := inner(ctx, repo, ref, p)
				if _, tags, ok := old.of(repo, ref); ok && err == nil {
					mu.Lock()
					deleted[repo] = append(deleted[repo], tags...)
					mu.Unlock()
				}
				return err
			}
			m.answers(func(a *reply) {
				mu.Lock()
				defer mu.Unlock()
				for _, tag := range deleted[a.Repo] {
					a.body = replaced(a.body, `"tags":[`, `"tags":["`+tag+`",`)
				}
			}, op.TagList)
		},
		fails: []string{"manifest-delete-tags"},
	}, {
		name: "a manifest that was deleted comes back with its tags", mutate: func(m *mutant) {
			old := deleting(m)
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				if _, tags, ok := old.of(repo, string(p.Descriptor.Digest)); ok {
					p.Tags = append(slices.Clone(p.Tags), tags...)
				}
				return m.Store.PutManifest(ctx, repo, p)
			}
		},
		fails: []string{"manifest-delete-again"}, may: []string{"race-manifest-delete"},
	},
}
