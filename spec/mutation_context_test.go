package spec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// contextMutations show only with other content beside, in other requests than the usual
// ones, or later.
var contextMutations = []mutation{
	{
		name: "a part of a blob has no digest", mutate: answered(func(a *reply) {
			if a.status == http.StatusPartialContent {
				a.header.Del("Docker-Content-Digest")
			}
		}, op.BlobGet),
		fails: []string{"blob-digest", "blob-digest-required"},
	}, {
		name: "a blob is deleted from the source of its mount too", mutate: func(m *mutant) {
			var sources sync.Map
			m.answers(func(a *reply) {
				if a.status == http.StatusCreated {
					sources.Store(a.Repo+string(a.Digest), a.From)
				}
			}, op.BlobMount)
			m.answers(func(a *reply) {
				if from, ok := sources.Load(a.Repo + string(a.Digest)); ok && a.status == http.StatusAccepted {
					_ = m.Store.DeleteBlob(a.request.Context(), from.(string), a.Digest)
				}
			}, op.BlobDelete)
		},
		fails: []string{"isolation-delete"}, may: []string{"race-mount"},
	}, {
		name: "a blob of an unknown repository is 403", mutate: func(m *mutant) {
			m.refuses(registry.Denied, func(r *http.Request, info *op.Info) bool {
				for _, err := range m.Store.Tags(r.Context(), info.Repo, "") {
					return err != nil
				}
				return false
			}, op.BlobDelete)
		},
		fails: []string{"blob-delete-unknown"},
	}, {
		name: "the tags that begin like one that is deleted go along", mutate: func(m *mutant) {
			m.delete = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
				err := m.Store.DeleteManifest(ctx, repo, ref, p)
				if err == nil && !strings.Contains(ref, ":") {
					for tag := range m.Store.Tags(ctx, repo, "") {
						if strings.HasPrefix(tag.Name, ref) {
							_ = m.Store.DeleteManifest(ctx, repo, tag.Name, registry.Precondition{})
						}
					}
				}
				return err
			}
		},
		fails: []string{"tag-delete-keeps"},
	}, {
		name: "a Docker list is an OCI index by its type", mutate: answered(func(a *reply) {
			if strings.Contains(a.header.Get("Content-Type"), "manifest.list") {
				a.header.Set("Content-Type", ocispec.MediaTypeImageIndex)
			}
		}, op.ManifestGet, op.ManifestHead),
		fails: []string{"manifest-kinds"},
	}, {
		name: "an unknown page is JSON of another form", mutate: answered(func(a *reply) {
			a.header.Set("Content-Type", "application/json")
			a.body = []byte(`{"status":404}`)
		}, op.Unknown),
		fails: []string{"error-json"},
	}, {
		name: "an upload is closed without a digest", mutate: answered(func(a *reply) {
			if a.status == http.StatusBadRequest && !a.request.URL.Query().Has("digest") {
				a.become(http.StatusCreated)
			}
		}, op.UploadCommit),
		fails: []string{"chunked-digests"},
	}, {
		name: "OCI-Subject is not there without artifactType", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, _ *op.Info, next http.Handler) {
				if !bytes.Contains(bodyOf(r), []byte(`"artifactType"`)) {
					w = withoutField{w, "OCI-Subject"}
				}
				next.ServeHTTP(w, r)
			}, op.ManifestPut)
		},
		fails: []string{"subject-header"},
	}, {
		name: "tag parameters set tags that OCI-Tag does not name", mutate: dropping("OCI-Tag", op.ManifestPut),
		fails: []string{"tag-parameters", "tag-parameters-ten", "tag-parameters-header"},
	}, {
		name: "a manifest that was refused is there by its tag", mutate: func(m *mutant) {
			var refused sync.Map
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				body := bodyOf(r)
				if p, err := registry.ParseManifest(r.Header.Get("Content-Type"), body); err == nil && info.Tag != "" {
					refused.Store(info.Repo+info.Tag, p.Manifest)
				}
				next.ServeHTTP(w, r)
			}, op.ManifestPut)
			m.answers(func(a *reply) {
				if a.status == http.StatusCreated {
					refused.Delete(a.Repo + a.Tag)
				}
			}, op.ManifestPut)
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				if manifest, ok := refused.Load(repo + ref); ok && err != nil {
					return manifest.(registry.Manifest), nil
				}
				return got, err
			}
		},
		fails: []string{"manifest-stored-or-refused"}, broad: true,
	}, {
		name: "a part of a manifest is 200", mutate: answered(func(a *reply) {
			if a.request.Header.Get("Range") != "" && a.status == http.StatusOK {
				a.body = a.body[:len(a.body)/2]
			}
		}, op.ManifestGet),
		fails: []string{"manifest-get"},
	}, {
		name: "no referrers are 404, and OCI-Subject is there", mutate: answered(func(a *reply) {
			if bytes.Contains(a.body, []byte(`"manifests":[]`)) && !a.request.URL.Query().Has("artifactType") {
				a.status, a.body = http.StatusNotFound, nil
			}
		}, op.ReferrerList),
		fails: []string{"referrers-not-404", "referrers-empty", "referrers-content-type"}, broad: true,
	}, {
		name: "referrers that were listed stay", mutate: func(m *mutant) {
			var mu sync.Mutex
			listed := map[string]map[digest.Digest]ocispec.Descriptor{}
			m.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return func(yield func(ocispec.Descriptor, error) bool) {
					mu.Lock()
					defer mu.Unlock()
					key := repo + string(subject)
					if listed[key] == nil {
						listed[key] = map[digest.Digest]ocispec.Descriptor{}
					}
					for d, err := range m.Store.Referrers(ctx, repo, subject, "") {
						if err == nil {
							listed[key][d.Digest] = d
						}
					}
					for _, d := range inOrder(listed[key]) {
						if d.Digest > after && !yield(d, nil) {
							return
						}
					}
				}
			}
		},
		fails: []string{"manifest-deleted"}, may: []string{"race-referrers"},
	}, {
		name: "a referrer is listed as long as it has a tag", mutate: func(m *mutant) {
			var untagged sync.Map
			m.delete = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
				got, err := m.Store.Manifest(ctx, repo, ref)
				if err == nil && !strings.Contains(ref, ":") {
					untagged.Store(repo+string(got.Descriptor.Digest), true)
				}
				return m.Store.DeleteManifest(ctx, repo, ref, p)
			}
			m.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return func(yield func(ocispec.Descriptor, error) bool) {
					for d, err := range m.Store.Referrers(ctx, repo, subject, after) {
						if _, gone := untagged.Load(repo + string(d.Digest)); !gone && !yield(d, err) {
							return
						}
					}
				}
			}
		},
		fails: []string{"tag-deleted"},
	}, {
		name: "an artifactType that is empty stays so", mutate: func(m *mutant) {
			m.options.AllowUnchecked = true // a strict registry refuses such a manifest
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				if bytes.Contains(p.Content, []byte(`"artifactType":""`)) {
					p.Descriptor.ArtifactType = ""
				}
				return m.Store.PutManifest(ctx, repo, p)
			}
		},
		fails: []string{"referrers-config-type"}, broad: true,
	}, {
		name: "a list of referrers has no mediaType", mutate: answered(func(a *reply) {
			var index map[string]json.RawMessage
			if a.status == http.StatusOK && json.Unmarshal(a.body, &index) == nil {
				delete(index, "mediaType")
				a.body, _ = json.Marshal(index) // what was decoded encodes
			}
		}, op.ReferrerList),
		fails: []string{"referrers-media-type"},
	}, {
		name: "later pages of tags have no name", mutate: answered(func(a *reply) {
			if a.request.URL.Query().Has("last") {
				a.body = replaced(a.body, `"name"`, `"repository"`)
			}
		}, op.TagList),
		fails: []string{"tags-pages-exact"},
	}, {
		name: "the second warning of a field has another code", mutate: answered(func(a *reply) {
			a.header.Set("Warning", `299 - "a, \"warning\"", 199 - "another"`)
		}, op.ManifestGet),
		fails: []string{"warning-form"},
	},
}

// inOrder returns descriptors in the order of their digests.
func inOrder(all map[digest.Digest]ocispec.Descriptor) []ocispec.Descriptor {
	var sorted []ocispec.Descriptor
	for _, d := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[d])
	}
	return sorted
}

// withoutField does not send a header field.
type withoutField struct {
	http.ResponseWriter
	name string
}

func (w withoutField) WriteHeader(status int) {
	w.Header().Del(w.name)
	w.ResponseWriter.WriteHeader(status)
}

func (w withoutField) Write(p []byte) (int, error) {
	w.Header().Del(w.name)
	return w.ResponseWriter.Write(p)
}
