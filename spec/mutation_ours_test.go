package spec_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// unsized means requests that do not tell the length of their bodies.
func unsized(r *http.Request, _ *op.Info) bool { return r.ContentLength < 0 }

// breakingOff is a mutation of requests whose bodies broke off: what is done then has
// what arrived, and is done before the next request is served.
func breakingOff(then func(m *mutant, r *http.Request, info *op.Info, arrived []byte), o op.Op) func(*mutant) {
	return func(m *mutant) {
		m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
			var arrived bytes.Buffer
			body := &watched{Reader: io.TeeReader(r.Body, &arrived)}
			r.Body = io.NopCloser(body)
			next.ServeHTTP(w, r)
			if body.broken {
				then(m, r, info, arrived.Bytes())
			}
		}, o)
		m.handle(func(w http.ResponseWriter, r *http.Request, _ *op.Info, next http.Handler) {
			othersFirst()
			next.ServeHTTP(w, r)
		})
	}
}

// watched is a body that reports whether it broke off.
type watched struct {
	io.Reader
	broken bool
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.broken = w.broken || err != nil && err != io.EOF
	return n, err
}

var streamMutations = []mutation{
	{
		name: "a PATCH that does not tell its length is 500", mutate: failing(unsized, op.UploadChunk),
		fails: []string{"upload-stream"},
	}, {
		name: "a PUT must tell its length", mutate: refusing(registry.SizeInvalid, unsized, op.UploadCommit),
		fails: []string{"upload-stream-put"},
	}, {
		name: "a chunk that breaks off ends the session", mutate: breakingOff(func(m *mutant, r *http.Request, info *op.Info, _ []byte) {
			if u, err := m.Store.OpenUpload(context.WithoutCancel(r.Context()), info.Repo, info.Session); err == nil {
				_ = u.Cancel(context.WithoutCancel(r.Context()))
			}
		}, op.UploadChunk),
		fails: []string{"upload-interrupted"},
	}, {
		name: "a PUT that breaks off stores what came", mutate: func(m *mutant) {
			parts := map[digest.Digest][]byte{}
			var mu sync.Mutex
			breakingOff(func(_ *mutant, _ *http.Request, info *op.Info, arrived []byte) {
				mu.Lock()
				defer mu.Unlock()
				parts[info.Digest] = arrived
			}, op.UploadCommit)(m)
			m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
				mu.Lock()
				defer mu.Unlock()
				if part, ok := parts[d]; ok {
					return blobOf(part), nil
				}
				return m.Store.OpenBlob(ctx, repo, d)
			}
		},
		fails: []string{"upload-put-interrupted"},
	}, {
		name: "a session closed after a refusal is lost", mutate: func(m *mutant) {
			var refused sync.Map
			m.answers(func(a *reply) {
				switch _, again := refused.Load(a.Session); {
				case a.status == http.StatusBadRequest:
					refused.Store(a.Session, true)
				case again && a.status == http.StatusCreated:
					_ = m.Store.DeleteBlob(a.request.Context(), a.Repo, a.Digest)
				}
			}, op.UploadCommit)
		},
		fails: []string{"upload-put-refused"},
	}, {
		name: "the length of a chunk is that of its body", mutate: asked(func(r *http.Request, _ *op.Info) {
			first, _, _ := strings.Cut(r.Header.Get("Content-Range"), "-")
			if n, err := strconv.ParseInt(first, 10, 64); err == nil {
				r.Header.Set("Content-Range", fmt.Sprintf("%d-%d", n, n+r.ContentLength-1))
			}
		}, op.UploadChunk),
		fails: []string{"upload-length"},
	}, {
		name: "a blob that is there is refused", mutate: func(m *mutant) {
			m.refuses(registry.UploadInvalid, func(r *http.Request, info *op.Info) bool {
				_, err := m.Store.OpenBlob(r.Context(), info.Repo, info.Digest)
				return err == nil
			}, op.UploadCommit)
		},
		fails: []string{
			"upload-again", "subject-header", "referrers-filter", "referrers-filter-header", "referrers-new", "manifest-delete-referrers", "race-referrers",
		},
		may: []string{"race-blob-push", "race-blob-chunks", "race-blob-push-delete"},
	}, {
		name: "blobs of 5 megabytes are too large", mutate: refusing(registry.TooLarge, func(r *http.Request, _ *op.Info) bool { return r.ContentLength > 5_000_000 }, op.UploadCommit),
		fails: []string{"upload-large"},
	},
}

// elsewhere is a mutation that looks for what a repository does not have in all
// others.
func elsewhere[T any](m *mutant, find func(ctx context.Context, repo, name string) (T, error)) func(ctx context.Context, repo, name string) (T, error) {
	return func(ctx context.Context, repo, name string) (T, error) {
		found, err := find(ctx, repo, name)
		for _, other := range m.all(ctx) {
			if err != nil {
				found, err = find(ctx, other, name)
			}
		}
		return found, err
	}
}

var isolationMutations = []mutation{
	{
		name: "a blob is found in every repository", mutate: func(m *mutant) {
			find := elsewhere(m, func(ctx context.Context, repo, name string) (registry.Blob, error) {
				return m.Store.OpenBlob(ctx, repo, digest.Digest(name))
			})
			m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
				return find(ctx, repo, string(d))
			}
			m.answers(func(a *reply) {
				if _, err := m.Store.OpenBlob(a.request.Context(), a.Repo, a.Digest); err != nil && a.status == http.StatusOK && len(a.body) > 0 {
					a.body = a.body[1:]
				}
			}, op.BlobGet)
		},
		fails: []string{"isolation-blob"}, may: []string{"race-mount", "race-blob-delete", "race-blob-push-delete"},
	}, {
		name: "a manifest is found by digest in every repository", mutate: func(m *mutant) {
			find := elsewhere(m, m.Store.Manifest)
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				if !strings.Contains(ref, ":") {
					return m.Store.Manifest(ctx, repo, ref)
				}
				return find(ctx, repo, ref)
			}
		},
		fails: []string{"isolation-manifest"},
	}, {
		name: "a repository has the tags of the one above", mutate: func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				if above := strings.LastIndex(repo, "/"); err != nil && above > 0 {
					return m.Store.Manifest(ctx, repo[:above], ref)
				}
				return got, err
			}
		},
		fails: []string{"isolation-nested"},
	}, {
		name: "a manifest is deleted everywhere", mutate: func(m *mutant) {
			m.delete = func(ctx context.Context, repo, ref string, p registry.Precondition) error {
				err := m.Store.DeleteManifest(ctx, repo, ref, p)
				for _, name := range m.all(ctx) {
					if strings.Contains(ref, ":") {
						_ = m.Store.DeleteManifest(ctx, name, ref, registry.Precondition{})
					}
				}
				return err
			}
		},
		fails: []string{"isolation-delete"},
	}, {
		name: "a session is found under any repository", mutate: func(m *mutant) {
			var owners sync.Map
			m.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
				u, err := m.Store.NewUpload(ctx, repo, a)
				if err == nil {
					owners.Store(u.ID(), repo)
				}
				return u, err
			}
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				changed := *info
				if repo, ok := owners.Load(info.Session); ok {
					changed.Repo = repo.(string)
				}
				next.ServeHTTP(w, as(r, changed))
			}, op.UploadCommit)
		},
		fails: []string{"isolation-upload"},
	}, {
		name: "referrers are those of all repositories", mutate: func(m *mutant) {
			m.referrers = func(ctx context.Context, _ string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
				return func(yield func(ocispec.Descriptor, error) bool) {
					for _, name := range m.all(ctx) {
						for d, err := range m.Store.Referrers(ctx, name, subject, after) {
							if !yield(d, err) {
								return
							}
						}
					}
				}
			}
		},
		fails: []string{"isolation-referrers"},
	}, {
		name: "manifests are blobs", mutate: func(m *mutant) {
			m.openBlob = func(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
				if got, err := m.Store.Manifest(ctx, repo, string(d)); err == nil {
					return blobOf(got.Content), nil
				}
				return m.Store.OpenBlob(ctx, repo, d)
			}
		},
		fails: []string{"isolation-kinds"},
	}, {
		name: "blobs are manifests", mutate: func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				b, err := m.Store.OpenBlob(ctx, repo, digest.Digest(ref))
				if err != nil {
					return m.Store.Manifest(ctx, repo, ref)
				}
				defer b.Close()
				content, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
				return registry.Manifest{Descriptor: ocispec.Descriptor{Digest: digest.Digest(ref), MediaType: ocispec.MediaTypeImageManifest}, Content: content}, err
			}
		},
		fails: []string{"isolation-kinds"},
	},
}

// accepted is a mutation that says of some manifests that they are stored.
func accepted(means func(contentType string, body []byte) bool) func(*mutant) {
	return func(m *mutant) {
		m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
			if means(r.Header.Get("Content-Type"), bodyOf(r)) {
				w.Header().Set(locationField, r.URL.Path)
				w.WriteHeader(http.StatusCreated)
				return
			}
			next.ServeHTTP(w, r)
		}, op.ManifestPut)
	}
}

// query means requests with a text in their query.
func query(texts ...string) func(*http.Request, *op.Info) bool {
	return func(r *http.Request, _ *op.Info) bool {
		for _, text := range texts {
			if strings.Contains(r.URL.RawQuery, text) {
				return true
			}
		}
		return false
	}
}

// field means requests with a text in a field.
func field(name, text string) func(*http.Request, *op.Info) bool {
	return func(r *http.Request, _ *op.Info) bool { return strings.Contains(r.Header.Get(name), text) }
}

var hostileMutations = []mutation{
	{
		name: "a dollar in a name breaks the server", mutate: failing(func(r *http.Request, _ *op.Info) bool { return strings.Contains(r.URL.Path, "$") }),
		fails: []string{"hostile-names"},
	}, {
		name: "a name may have a tilde", mutate: asked(func(_ *http.Request, info *op.Info) { info.Repo = strings.ReplaceAll(info.Repo, "~", "tilde") }),
		fails: []string{"hostile-names"},
	}, {
		name: "no name has a word of the API", mutate: refusing(registry.NameInvalid, inRepository("/manifests")),
		fails: []string{"api-words-as-names"},
	}, {
		name: "a manifest that is an array breaks the server", mutate: failing(func(r *http.Request, _ *op.Info) bool {
			return bytes.HasPrefix(bodyOf(r), []byte("["))
		}, op.ManifestPut),
		fails: []string{"hostile-manifests"},
	}, {
		name: "a manifest that is null is one", mutate: accepted(func(_ string, body []byte) bool { return string(body) == "null" }),
		fails: []string{"hostile-manifests"},
	}, {
		name: "an image may have manifests", mutate: accepted(func(_ string, body []byte) bool {
			return bytes.Contains(body, []byte(`"layers":`)) && bytes.Contains(body, []byte(`"manifests":`))
		}),
		fails: []string{"ambiguous-manifest"},
	}, {
		name: "a manifest is what Content-Type says", mutate: accepted(func(contentType string, body []byte) bool {
			return contentType == ocispec.MediaTypeImageIndex && bytes.Contains(body, []byte(`"layers":[{`))
		}),
		fails: []string{"manifest-type-differs"},
	}, {
		name: "a number of entries that is none breaks the server", mutate: failing(query("n=1e9"), op.TagList),
		fails: []string{"hostile-queries"},
	}, {
		name: "a digest that is none breaks a mount", mutate: failing(query("mount=nonsense"), op.BlobMount),
		fails: []string{"hostile-queries"},
	}, {
		name: "an entity tag without quotes breaks the server", mutate: failing(field("If-None-Match", "nonsense"), pulls...),
		fails: []string{"hostile-fields"},
	}, {
		name: "a Content-Range that is none breaks the server", mutate: failing(field("Content-Range", "nonsense"), op.UploadChunk),
		fails: []string{"hostile-fields"},
	},
}

var limitMutations = []mutation{
	{
		name: "names are no longer than 100", mutate: refusing(registry.NameInvalid, func(_ *http.Request, info *op.Info) bool { return len(info.Repo) > 100 }),
		fails: []string{"limit-name"},
	}, {
		name: "a name of thousands breaks the server", mutate: failing(func(_ *http.Request, info *op.Info) bool { return len(info.Repo) > 1000 }),
		fails: []string{"limit-name"},
	}, {
		name: "a number of entries has 32 bits", mutate: failing(query("n=9223372036854775807"), op.TagList),
		fails: []string{"limit-n"},
	}, {
		name: "a billion entries are none", mutate: answered(func(a *reply) {
			if strings.Contains(a.request.URL.RawQuery, "n=1000000000") {
				a.body = []byte(`{"name":"x","tags":[]}`)
			}
		}, op.TagList),
		fails: []string{"limit-n"},
	}, {
		name: "an image has 127 layers at most", mutate: refusingManifests(func(m pushed) bool { return m.Layers != nil && len(*m.Layers) > 127 }),
		fails: []string{"limit-layers"},
	}, {
		name: "a repository has 20 sessions at most", mutate: func(m *mutant) {
			m.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
				n := 0
				for range m.Store.Uploads(ctx, repo) {
					n++
				}
				if n >= 20 {
					return nil, registry.TooManyUploads
				}
				return m.Store.NewUpload(ctx, repo, a)
			}
		},
		fails: []string{"limit-sessions"},
	}, {
		name: "nesting breaks the server", mutate: failing(func(r *http.Request, _ *op.Info) bool {
			return bytes.Contains(bodyOf(r), bytes.Repeat([]byte("["), 1000))
		}, op.ManifestPut),
		fails: []string{"limit-nesting"},
	}, {
		name: "a nested manifest is taken, and cut", mutate: func(m *mutant) {
			m.rules = []faults.Rule{faults.On(op.ManifestGet).Do(faults.Truncate(300_000))}
			m.options.MaxManifest = 1 << 20
			accepted(func(_ string, body []byte) bool { return bytes.Contains(body, bytes.Repeat([]byte("["), 1000)) })(m)
		},
		fails: []string{"limit-nesting"},
	},
}
