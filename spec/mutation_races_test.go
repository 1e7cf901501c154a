package spec_test

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// atOnce is a mutation of requests that are under way at once, with the same key:
// instead gets them once all of them have arrived, with how many arrived before each.
// Without a key, or alone, requests are served as ever.
func atOnce(key func(*http.Request, *op.Info) string, instead func(m *mutant, before int) handler, ops ...op.Op) func(*mutant) {
	return func(m *mutant) {
		var all crowd
		m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
			k := key(r, info)
			if k == "" {
				next.ServeHTTP(w, r)
				return
			}
			before, leave := all.enter(k)
			othersFirst()
			among := all.among(k)
			othersFirst() // all know how many they are before the first leaves
			defer leave()
			if among > 1 {
				instead(m, before)(w, r, info, next)
				return
			}
			next.ServeHTTP(w, r)
		}, ops...)
	}
}

// late is what is done of requests at once: the first is served, the others are not.
func late(status int) func(*mutant, int) handler {
	return func(_ *mutant, before int) handler {
		return func(w http.ResponseWriter, r *http.Request, _ *op.Info, next http.Handler) {
			if before == 0 {
				next.ServeHTTP(w, r)
				return
			}
			_ = bodyOf(r)
			w.WriteHeader(status)
		}
	}
}

// none is what is done of requests at once: none is served.
func none(status int) func(*mutant, int) handler {
	return func(m *mutant, _ int) handler { return late(status)(m, 1) }
}

func byDigest(_ *http.Request, info *op.Info) string  { return info.Repo + "@" + string(info.Digest) }
func bySession(_ *http.Request, info *op.Info) string { return info.Session }
func byTag(_ *http.Request, info *op.Info) string {
	if info.Tag == "" {
		return ""
	}
	return info.Repo + ":" + info.Tag
}

var raceMutations = []mutation{
	{
		name: "of blobs that are pushed at once one is taken", mutate: atOnce(byDigest, late(http.StatusConflict), op.UploadCommit),
		fails: []string{"race-blob-push", "race-blob-chunks", "race-blob-push-delete"}, may: []string{"upload-put-interrupted"},
	}, {
		name: "sessions that are closed at once without content are refused", mutate: atOnce(func(r *http.Request, info *op.Info) string {
			if r.ContentLength > 0 {
				return ""
			}
			return byDigest(r, info)
		}, none(http.StatusConflict), op.UploadCommit),
		fails: []string{"race-blob-chunks"},
	}, {
		name: "a blob that is deleted while it is pulled is cut", mutate: atOnce(byDigest, func(*mutant, int) handler {
			return func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				if info.Op == op.BlobDelete {
					next.ServeHTTP(w, r)
					return
				}
				_, _ = w.Write([]byte("a part"))
			}
		}, op.BlobGet, op.BlobDelete),
		fails: []string{"race-blob-delete"},
	}, {
		name: "a blob that is pushed while it is deleted breaks the server", mutate: atOnce(func(r *http.Request, info *op.Info) string {
			if r.ContentLength > 1<<12 { // others push more
				return ""
			}
			return byDigest(r, info)
		}, func(*mutant, int) handler {
			return func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				if info.Op == op.BlobDelete {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				next.ServeHTTP(w, r)
			}
		}, op.UploadCommit, op.BlobDelete),
		fails: []string{"race-blob-push-delete"},
	}, {
		name: "a blob that is mounted while it is deleted is not there", mutate: atOnce(func(_ *http.Request, info *op.Info) string { return string(info.Digest) }, func(m *mutant, _ int) handler {
			return func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				if info.Op == op.BlobDelete {
					othersFirst() // the source has the blob, or the mount does not succeed
				}
				next.ServeHTTP(w, r)
				if info.Op == op.BlobMount {
					_ = m.Store.DeleteBlob(r.Context(), info.Repo, info.Digest)
				}
			}
		}, op.BlobMount, op.BlobDelete),
		fails: []string{"race-mount"},
	}, {
		name: "of chunks at once all are said to be taken", mutate: func(m *mutant) {
			var all crowd
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				_, leave := all.enter(info.Session)
				defer leave()
				othersFirst()
				among := all.among(info.Session)
				othersFirst()
				if among == 1 {
					next.ServeHTTP(w, r)
					return
				}
				w.Header().Set(locationField, r.URL.RequestURI())
				w.Header().Set("Range", "0-0")
				_ = bodyOf(r)
				w.WriteHeader(http.StatusAccepted)
			}, op.UploadChunk)
		},
		fails: []string{"upload-one-writer"}, may: []string{"upload-interrupted"},
	}, {
		name: "of PUTs of one session at once none is served", mutate: atOnce(bySession, none(http.StatusConflict), op.UploadCommit),
		fails: []string{"upload-closed-once"},
	}, {
		name: "a session that is cancelled while it is closed is both", mutate: atOnce(bySession, func(m *mutant, _ int) handler {
			return func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				if info.Op == op.UploadCancel {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				next.ServeHTTP(w, r)
				_ = m.Store.DeleteBlob(r.Context(), info.Repo, info.Digest)
			}
		}, op.UploadCommit, op.UploadCancel),
		fails: []string{"upload-closed-or-cancelled"}, may: []string{"upload-closed-once"},
	},
}

var raceManifestMutations = []mutation{
	{
		name: "of manifests that are pushed to a tag at once one is kept", mutate: atOnce(byTag, func(m *mutant, before int) handler {
			return func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				next.ServeHTTP(w, r)
				if before > 0 {
					_ = m.Store.DeleteManifest(r.Context(), info.Repo, string(inflight.Of(r.Context()).Learned().Verified), registry.Precondition{})
				}
			}
		}, op.ManifestPut),
		fails: []string{"race-tag-push"}, may: []string{"race-tag-pull", "if-none-match-race"},
	}, {
		name: "a manifest is not read as one with its type", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, _ *op.Info, next http.Handler) {
				next.ServeHTTP(w, r)
				othersFirst() // not all is pushed before the first read
			}, op.ManifestPut)
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				got, err := m.Store.Manifest(ctx, repo, ref)
				if strings.Contains(ref, ":") || err != nil {
					return got, err
				}
				othersFirst()
				if next, err := m.Store.Manifest(ctx, repo, ref); err == nil {
					got.Content = next.Content
				}
				return got, nil
			}
		},
		fails: []string{"race-tag-pull"},
	}, {
		name: "a list misses the tags before the one that is pushed", mutate: func(m *mutant) {
			var all crowd
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				_, leave := all.enter(info.Repo)
				defer leave()
				othersFirst()
				next.ServeHTTP(w, r)
			}, op.ManifestPut)
			m.answers(func(a *reply) {
				if all.among(a.Repo) > 0 {
					a.body = []byte(`{"name":"` + a.Repo + `","tags":[]}`)
				}
			}, op.TagList)
		},
		fails: []string{"race-list-push"},
	}, {
		name: "of referrers that are pushed at once one is listed", mutate: func(m *mutant) {
			var all crowd
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				if p.Subject != "" {
					before, leave := all.enter(repo + "@" + string(p.Subject))
					othersFirst()
					defer leave()
					if before > 0 {
						p.Subject = ""
					}
				}
				return m.Store.PutManifest(ctx, repo, p)
			}
		},
		fails: []string{"race-referrers"},
	}, {
		name: "a tag that is pushed while its manifest is deleted is on nothing", mutate: func(m *mutant) {
			lost := map[string]registry.Manifest{}
			var mu sync.Mutex
			atOnce(func(r *http.Request, info *op.Info) string {
				if info.Op == op.ManifestDelete {
					return byDigest(r, info)
				}
				return info.Repo + "@" + digest.FromBytes(bodyOf(r)).String()
			}, func(*mutant, int) handler {
				return func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
					if info.Op == op.ManifestPut {
						body := bodyOf(r)
						mu.Lock()
						lost[byTag(r, info)] = registry.Manifest{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex}, Content: body}
						mu.Unlock()
						w.WriteHeader(http.StatusCreated)
						return
					}
					next.ServeHTTP(w, r)
				}
			}, op.ManifestPut, op.ManifestDelete)(m)
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				mu.Lock()
				defer mu.Unlock()
				if got, ok := lost[repo+":"+ref]; ok {
					return got, nil
				}
				return m.Store.Manifest(ctx, repo, ref)
			}
		},
		fails: []string{"race-manifest-delete"},
	}, {
		name: "of clients that delete a manifest at once none succeeds", mutate: atOnce(byDigest, none(http.StatusNotFound), op.ManifestDelete),
		fails: []string{"race-manifest-delete-once"},
	},
}
