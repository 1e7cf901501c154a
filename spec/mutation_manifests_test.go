package spec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// pushed is what a manifest says, of either kind.
type pushed struct {
	MediaType    string
	ArtifactType string
	Config       *ocispec.Descriptor
	Layers       *[]ocispec.Descriptor
	Manifests    *[]ocispec.Descriptor
	Subject      *ocispec.Descriptor
}

// children reports whether there is a child that is meant.
func (m pushed) children(means func(ocispec.Descriptor) bool) bool {
	return m.Manifests != nil && slices.ContainsFunc(*m.Manifests, means)
}

var pushManifestMutations = []mutation{
	{
		name: "a manifest has no location", mutate: dropping(locationField, op.ManifestPut),
		fails: []string{"manifest-put", "manifest-put-location"},
	}, {
		name: "a manifest has another location", mutate: misled(always, op.ManifestPut),
		fails: []string{"manifest-put-location"},
	}, {
		name: "JSON is stored without spaces", mutate: func(m *mutant) {
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				var b bytes.Buffer
				if json.Compact(&b, p.Content) == nil {
					p.Content = b.Bytes()
				}
				return m.Store.PutManifest(ctx, repo, p)
			}
		},
		fails: []string{"manifest-put-bytes"},
	}, {
		name: "Content-Type must not have parameters", mutate: refusing(registry.ManifestInvalid, func(r *http.Request, _ *op.Info) bool {
			return strings.Contains(r.Header.Get("Content-Type"), ";")
		}, op.ManifestPut),
		fails: []string{"manifest-put-content-type-parameters"},
	}, {
		name: "an image must have layers", mutate: refusingManifests(func(m pushed) bool { return m.Layers != nil && len(*m.Layers) == 0 }),
		fails: []string{"manifest-put-no-blobs"},
	}, {
		name: "a PUT tells another digest", mutate: setting(digestField, wrongDigest, op.ManifestPut),
		fails: []string{"manifest-put-digest", "manifest-put-digest-sha512"},
	}, {
		name: "a PUT tells the sha256 digest, whatever was asked for", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				d := digest.FromBytes(bodyOf(r))
				next.ServeHTTP(beforeHeader{w, func(h http.Header) { h.Set(digestField, d.String()) }}, r)
			}, op.ManifestPut)
		},
		fails: []string{"manifest-put-digest-sha512"},
	}, {
		name: "a manifest is stored under its own digest", mutate: asked(func(r *http.Request, info *op.Info) {
			if op.ValidDigest(info.Digest) {
				info.Digest = info.Digest.Algorithm().FromBytes(bodyOf(r))
			}
		}, op.ManifestPut),
		fails: []string{"manifest-put-other-digest"},
	}, {
		name: "a manifest that is too long is an error of the server", mutate: status(http.StatusRequestEntityTooLarge, http.StatusInternalServerError, op.ManifestPut),
		fails: []string{"manifest-limit", "manifest-limit-status"},
	}, {
		name: "a manifest that is too long is 400", mutate: status(http.StatusRequestEntityTooLarge, http.StatusBadRequest, op.ManifestPut),
		fails: []string{"manifest-limit-status"},
	}, {
		name: "3 megabytes are too long", mutate: func(m *mutant) { m.options.MaxManifest = 3_000_000 },
		fails: []string{"manifest-4-megabytes"},
	}, {
		name: "a manifest that misses references is refused, and stored", mutate: func(m *mutant) {
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				err := m.Store.PutManifest(ctx, repo, p)
				if errors.Is(err, registry.ManifestBlobUnknown) {
					p.Require = nil
					_ = m.Store.PutManifest(ctx, repo, p)
				}
				return err
			}
		},
		fails: []string{"manifest-missing-references"},
	}, {
		name: "a manifest that misses references is said to be invalid", mutate: answered(func(a *reply) {
			a.body = bytes.ReplaceAll(a.body, []byte("MANIFEST_BLOB_UNKNOWN"), []byte("MANIFEST_INVALID"))
		}, op.ManifestPut),
		fails: []string{"manifest-missing-references-code"},
	}, {
		name: "a tag stays where it is", mutate: func(m *mutant) {
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				p.Tags = slices.DeleteFunc(slices.Clone(p.Tags), func(tag string) bool {
					_, err := m.Store.Manifest(ctx, repo, tag)
					return err == nil
				})
				return m.Store.PutManifest(ctx, repo, p)
			}
		},
		fails: []string{"manifest-put-again", "if-match-put"},
	}, {
		name: "a manifest that is not valid takes away the tag", mutate: func(m *mutant) {
			m.answers(func(a *reply) {
				if a.status == http.StatusBadRequest && a.Tag != "" {
					_ = m.Store.DeleteManifest(a.request.Context(), a.Repo, a.Tag, registry.Precondition{})
				}
			}, op.ManifestPut)
		},
		fails: []string{"manifest-refused-leaves-tag"},
	}, {
		name: "a subject must be there", mutate: func(m *mutant) {
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				if p.Subject != "" {
					if _, err := m.Store.Manifest(ctx, repo, string(p.Subject)); err != nil {
						return registry.ManifestBlobUnknown
					}
				}
				return m.Store.PutManifest(ctx, repo, p)
			}
		},
		fails: []string{"subject-missing", "subject-header", "referrers-new"}, may: []string{"race-referrers"},
	}, {
		name: "OCI-Subject is missing", mutate: dropping("OCI-Subject", op.ManifestPut),
		fails: []string{"subject-header"},
	}, {
		name: "OCI-Subject is always there", mutate: answered(func(a *reply) {
			if a.header.Get("OCI-Subject") == "" {
				a.header.Set("OCI-Subject", a.header.Get(digestField))
			}
		}, op.ManifestPut),
		fails: []string{"subject-header-absent"},
	},
}

// beforeHeader changes the header of an answer as it is sent.
type beforeHeader struct {
	http.ResponseWriter
	change func(http.Header)
}

func (w beforeHeader) WriteHeader(status int) {
	w.change(w.Header())
	w.ResponseWriter.WriteHeader(status)
}

// known is a mutation that refuses media types that are not in a list.
func known(d *ocispec.Descriptor, types ...string) bool {
	return d == nil || slices.Contains(append(types, ocispec.MediaTypeEmptyJSON), d.MediaType)
}

var manifestContentMutations = []mutation{
	{
		name: "artifact types must be known", mutate: refusingManifests(func(m pushed) bool { return strings.Contains(m.ArtifactType, "unknown") }),
		fails: []string{"image-artifact-type-unknown"},
	}, {
		name: "the media type of a config must be known", mutate: refusingManifests(func(m pushed) bool { return !known(m.Config, ocispec.MediaTypeImageConfig) }),
		fails: []string{"image-config-type-unknown", "image-artifact", "referrers-config-type"},
	}, {
		name: "the media type of a layer must be known", mutate: refusingManifests(func(m pushed) bool {
			return m.Layers != nil && slices.ContainsFunc(*m.Layers, func(d ocispec.Descriptor) bool { return !known(&d, ocispec.MediaTypeImageLayer) })
		}),
		fails: []string{"image-layer-type-unknown"},
	}, {
		name: "mediaType must be there", mutate: refusingManifests(func(m pushed) bool { return m.MediaType == "" && m.Config != nil }),
		fails: []string{"image-media-type-absent", "manifest-content-type-pushed"},
	}, {
		name: "an index must have children", mutate: refusingManifests(func(m pushed) bool { return m.Manifests != nil && len(*m.Manifests) == 0 }),
		fails: []string{
			"index-empty", "subject-missing", "referrers-artifact-type", "referrers-index-type", "referrers-annotations", "manifest-delete-again",
			"isolation-delete", "isolation-referrers", "race-tag-pull", "race-manifest-delete",
		},
	}, {
		name: "an index has no images", mutate: refusingManifests(func(m pushed) bool {
			return m.children(func(d ocispec.Descriptor) bool { return d.MediaType == ocispec.MediaTypeImageManifest })
		}),
		fails: []string{"index-manifests", "index-of-indexes", "manifest-content-type", "accept-index", "manifest-missing-references-code"},
	}, {
		name: "an index has no indexes", mutate: refusingManifests(func(m pushed) bool {
			return m.children(func(d ocispec.Descriptor) bool { return d.MediaType == ocispec.MediaTypeImageIndex })
		}),
		fails: []string{"index-of-indexes"},
	}, {
		name: "an index has manifests only", mutate: refusingManifests(func(m pushed) bool {
			return m.children(func(d ocispec.Descriptor) bool {
				return !known(&d, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex)
			})
		}),
		fails: []string{"index-media-type-unknown"},
	}, {
		name: "embedded content is refused", mutate: refusingManifests(func(m pushed) bool { return m.Config != nil && m.Config.Data != nil }),
		fails: []string{"descriptor-fields"},
	}, {
		name: "short content is embedded", mutate: answered(func(a *reply) {
			a.body = replaced(a.body, `"size":2}`, `"size":2,"data":"e30="}`)
		}, op.ManifestGet),
		fails: []string{"descriptor-data", "image-artifact-type-unknown", "subject-missing"},
	}, {
		name: "digests may have upper case", mutate: asked(func(_ *http.Request, info *op.Info) {
			info.Digest = digest.Digest(strings.ToLower(string(info.Digest)))
		}, op.BlobGet, op.UploadCommit),
		fails: []string{"digest-sha256-form"},
	}, {
		name: "sha512 digests are not verified", mutate: func(m *mutant) {
			m.commit = func(ctx context.Context, _ string, u registry.Upload, c registry.Chunk, d digest.Digest) error {
				err := u.Commit(ctx, c, d)
				if errors.Is(err, registry.DigestInvalid) && d.Algorithm() == digest.SHA512 {
					return nil
				}
				return err
			}
		},
		fails: []string{"digest-sha512"},
	}, {
		name: "digests of unknown algorithms are taken, and lost", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				if bytes.Contains(bodyOf(r), []byte("multihash+base58:")) {
					w.WriteHeader(http.StatusCreated)
					return
				}
				next.ServeHTTP(w, r)
			}, op.ManifestPut)
		},
		fails: []string{"digest-unrecognized"},
	},
}

// editTags is a mutation of the tag parameters of a PUT, before the answer.
func tagging(edit func(tags []string) []string) func(*mutant) {
	return func(m *mutant) {
		m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
			if len(p.Tags) > 1 {
				p.Tags = edit(p.Tags)
			}
			return m.Store.PutManifest(ctx, repo, p)
		}
	}
}

var tagParameterMutations = []mutation{
	{
		name: "of tag parameters the first is taken", mutate: tagging(func(tags []string) []string { return tags[:1] }),
		fails: []string{"tag-parameters", "tag-parameters-ten", "tag-parameters-header"},
	}, {
		name: "there may be five tag parameters", mutate: func(m *mutant) { m.options.MaxTags = 5 },
		fails: []string{"tag-parameters-ten"},
	}, {
		name: "many tag parameters break the server", mutate: failing(func(_ *http.Request, info *op.Info) bool { return len(info.Tags) > 100 }, op.ManifestPut),
		fails: []string{"tag-parameters-too-many"},
	}, {
		name: "OCI-Tag names one tag", mutate: answered(func(a *reply) {
			if tags := a.header.Values("OCI-Tag"); len(tags) > 1 {
				a.header.Set("OCI-Tag", tags[0])
			}
		}, op.ManifestPut),
		fails: []string{"tag-parameters", "tag-parameters-ten", "tag-parameters-header"},
	}, {
		name: "tag parameters are set one by one", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				body := bodyOf(r)
				if p, err := registry.ParseManifest(r.Header.Get("Content-Type"), body); err == nil && len(info.Tags) > 1 {
					for _, tag := range info.Tags {
						if !op.ValidTag(tag) {
							break
						}
						p.Tags = append(p.Tags, tag)
					}
					_ = m.Store.PutManifest(r.Context(), info.Repo, p)
				}
				next.ServeHTTP(w, r)
			}, op.ManifestPut)
		},
		fails: []string{"tag-parameters-atomic"},
	},
}
