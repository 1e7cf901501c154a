package spec_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// misled is a mutation by which a Location leads to a blob that is not there, of
// answers that say that something was created.
func misled(means func(*reply) bool, ops ...op.Op) func(*mutant) {
	return answered(func(a *reply) {
		if a.status == http.StatusCreated && means(a) {
			a.header.Set(locationField, "/v2/"+a.Repo+"/blobs/"+wrongDigest)
		}
	}, ops...)
}

func always(*reply) bool { return true }

// closing means the answer to a PUT that closes a session without content.
func closing(a *reply) bool { return a.request.ContentLength == 0 }

var uploadMutations = []mutation{
	{
		name: "an upload session is 201", mutate: status(http.StatusAccepted, http.StatusCreated, op.UploadStart),
		fails: []string{"upload-start"}, broad: true,
	}, {
		name: "a session has no UUID", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				changed := *info
				changed.Session = strings.ReplaceAll(info.Session, "_", "-")
				next.ServeHTTP(w, as(r, changed))
			})
			m.answers(func(a *reply) {
				if path, state, ok := strings.Cut(a.header.Get(locationField), "?_state="); ok {
					dir, id := path[:strings.LastIndex(path, "/")+1], path[strings.LastIndex(path, "/")+1:]
					a.header.Set(locationField, dir+strings.ReplaceAll(id, "-", "_")+"?_state="+state)
				}
			})
		},
		fails: []string{"upload-location-uuid"},
	}, {
		name: "a session ends as another one begins", mutate: func(m *mutant) {
			m.newUpload = func(ctx context.Context, repo string, a digest.Algorithm) (registry.Upload, error) {
				for id := range m.Store.Uploads(ctx, repo) {
					if u, err := m.Store.OpenUpload(ctx, repo, id); err == nil {
						_ = u.Cancel(ctx)
					}
				}
				return m.Store.NewUpload(ctx, repo, a)
			}
		},
		fails: []string{"upload-concurrent", "limit-sessions"}, may: []string{"race-blob-push", "race-blob-chunks", "race-blob-push-delete"},
	}, {
		name: "a location is no URL", mutate: answered(func(a *reply) { a.header.Set(locationField, "http://["+a.header.Get(locationField)) }, op.UploadStart),
		fails: []string{"upload-location-form"}, broad: true,
	}, {
		name: "digest must be the last parameter", mutate: refusing(registry.UploadUnknown, func(r *http.Request, _ *op.Info) bool {
			return strings.HasPrefix(r.URL.RawQuery, "digest=")
		}, op.UploadCommit),
		fails: []string{"upload-location-query"},
	}, {
		name: "an empty blob is refused", mutate: func(m *mutant) {
			m.commit = func(ctx context.Context, _ string, u registry.Upload, c registry.Chunk, d digest.Digest) error {
				if u.Size() == 0 && c.Body == nil {
					return registry.SizeInvalid
				}
				return u.Commit(ctx, c, d)
			}
		},
		fails: []string{"upload-put", "blob-get", "range-empty"},
	}, {
		name: "a blob has no location", mutate: dropping(locationField, op.UploadCommit),
		fails: []string{"upload-put", "upload-put-location", "chunked-created", "chunked-location"},
	}, {
		name: "a blob has another location", mutate: misled(always, op.UploadCommit),
		fails: []string{"upload-put-location", "chunked-location"},
	}, {
		name: "an invalid digest is 422", mutate: answered(func(a *reply) {
			if a.status == http.StatusBadRequest && !op.ValidDigest(a.Digest) {
				a.status = http.StatusUnprocessableEntity
			}
		}, op.UploadCommit, op.BlobPost),
		fails: []string{"upload-put-digest-invalid", "post-digest-invalid", "chunked-digest-invalid"},
	}, {
		name: "blobs are stored whatever their digest", mutate: func(m *mutant) {
			m.commit = func(ctx context.Context, _ string, u registry.Upload, c registry.Chunk, d digest.Digest) error {
				if err := u.Commit(ctx, c, d); !errors.Is(err, registry.DigestInvalid) {
					return err
				}
				return nil
			}
		},
		fails: []string{"upload-put-other-digest", "single-post-other-digest", "chunked-close-digest", "digest-sha256", "digest-sha512", "upload-put-refused"},
	}, {
		name: "a blob with a wrong digest is refused, and stored under its own", mutate: func(m *mutant) {
			m.commit = func(ctx context.Context, repo string, u registry.Upload, c registry.Chunk, d digest.Digest) error {
				var received bytes.Buffer
				if c.Body != nil {
					c.Body = io.TeeReader(c.Body, &received)
				}
				err := u.Commit(ctx, c, d)
				if errors.Is(err, registry.DigestInvalid) {
					_, _ = m.push(ctx, repo, received.Bytes())
				}
				return err
			}
		},
		fails: []string{"upload-put-other-digest", "single-post-other-digest", "digest-sha256"},
	}, {
		name: "a single POST stores nothing", mutate: rules(faults.On(op.BlobPost).Do(faults.Vanish())),
		fails: []string{"single-post", "single-post-location", "single-post-unsupported"},
	}, {
		name: "a single POST tells no location", mutate: dropping(locationField, op.BlobPost),
		fails: []string{"single-post-created", "single-post-location"},
	}, {
		name: "a single POST tells another location", mutate: misled(always, op.BlobPost),
		fails: []string{"single-post-location"},
	}, {
		name: "a single POST is not allowed", mutate: rules(faults.On(op.BlobPost).Do(faults.Status(http.StatusMethodNotAllowed))),
		fails: []string{"single-post", "single-post-created", "single-post-location", "single-post-unsupported", "post-digest-invalid"},
	},
}

// everyChunk are the statements that send chunks, and go on where Location says.
var everyChunk = []string{
	"chunk-final-length", "chunk-accepted", "chunk-range", "chunk-order", "chunk-out-of-order", "chunk-final", "chunk-final-out-of-order",
	"chunked-close", "chunked-close-digest", "chunked-created", "chunked-location", "chunk-inclusive", "chunked-digest-invalid", "digest-algorithm",
	"upload-status", "upload-status-range", "upload-status-location", "upload-status-after-416", "upload-cancel",
	"upload-stream", "upload-interrupted", "upload-put-refused", "upload-length", "upload-large", "upload-one-writer", "race-blob-chunks",
}

func contentRange(suffix string) func(*http.Request, *op.Info) bool {
	return func(r *http.Request, _ *op.Info) bool {
		return strings.HasSuffix(r.Header.Get("Content-Range"), suffix)
	}
}

var chunkMutations = []mutation{
	{
		name: "the least length of a chunk is no number", mutate: func(m *mutant) {
			m.options.ChunkMinLength = 0
			m.rules = []faults.Rule{faults.On(op.UploadStart).Do(faults.SetHeader("OCI-Chunk-Min-Length", "many"))}
		},
		fails: []string{"chunk-min-length"},
	}, {
		name: "a short chunk is refused, though it is the last", mutate: refusing(registry.UploadRange, func(r *http.Request, _ *op.Info) bool {
			return r.ContentLength > 0 && r.ContentLength < 100
		}, op.UploadChunk),
		fails: []string{"chunk-final-length", "chunked-digest-invalid"},
	}, {
		name: "a chunk is answered without location", mutate: dropping(locationField, op.UploadChunk),
		fails: everyChunk,
	}, {
		name: "Range tells nothing", mutate: setting("Range", "0-0", op.UploadChunk),
		fails: []string{"chunk-range", "upload-stream"},
	}, {
		name: "the last position of a chunk is not in it", mutate: refusing(registry.SizeInvalid, contentRange("99"), op.UploadChunk, op.UploadCommit),
		fails: []string{
			"chunk-inclusive", "chunk-final-length", "chunk-accepted", "chunk-range", "chunk-order", "chunk-out-of-order", "chunk-final",
			"chunk-final-out-of-order", "chunked-close", "chunked-close-digest", "chunked-created", "chunked-location", "digest-algorithm",
			"upload-status", "upload-status-range", "upload-status-location", "upload-status-after-416", "upload-cancel", "upload-put-refused", "upload-length",
		},
	}, {
		name: "the first chunk may begin anywhere", mutate: func(m *mutant) {
			m.append = func(ctx context.Context, _ string, u registry.Upload, c registry.Chunk) error {
				if u.Size() == 0 {
					c.Offset = registry.Unknown
				}
				return u.Append(ctx, c)
			}
		},
		fails: []string{"chunk-first"},
	}, {
		name: "the fourth chunk is lost", mutate: rules(faults.On(op.UploadChunk).Where(record.Header("Content-Range", "300-*")).Do(faults.DropChunk())),
		fails: []string{"chunk-order"},
	}, {
		name: "chunks are appended wherever they begin", mutate: func(m *mutant) {
			m.append = func(ctx context.Context, _ string, u registry.Upload, c registry.Chunk) error {
				if u.Size() > 0 {
					c.Offset = registry.Unknown
				}
				return u.Append(ctx, c)
			}
		},
		fails: []string{"chunk-out-of-order", "upload-status-after-416"}, may: []string{"upload-one-writer", "upload-interrupted"},
	}, {
		name: "a PUT takes no chunk", mutate: refusing(registry.UploadRange, func(r *http.Request, _ *op.Info) bool { return r.Header.Get("Content-Range") != "" }, op.UploadCommit),
		fails: []string{"chunk-final"},
	}, {
		name: "a PUT does not look at where its chunk begins", mutate: ignoring("Content-Range", op.UploadCommit),
		fails: []string{"chunk-final-out-of-order"},
	}, {
		name: "a chunk is a blob at once", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				body := bodyOf(r)
				next.ServeHTTP(w, r)
				_, _ = m.push(r.Context(), info.Repo, body)
			}, op.UploadChunk)
		},
		fails: []string{"chunked-close", "chunked-close-digest"},
	}, {
		name: "a session is closed with any digest", mutate: func(m *mutant) {
			m.commit = func(ctx context.Context, _ string, u registry.Upload, c registry.Chunk, d digest.Digest) error {
				err := u.Commit(ctx, c, d)
				if c.Body == nil && errors.Is(err, registry.DigestInvalid) {
					return nil
				}
				return err
			}
		},
		fails: []string{"chunked-close-digest", "upload-put-refused"},
	}, {
		name: "a closed session tells no location", mutate: answered(func(a *reply) {
			if closing(a) {
				a.header.Del(locationField)
			}
		}, op.UploadCommit),
		fails: []string{"chunked-created", "chunked-location", "upload-put"},
	}, {
		name: "a closed session tells another location", mutate: misled(closing, op.UploadCommit),
		fails: []string{"chunked-location"},
	}, {
		name: "chunks are not closed with sha512", mutate: refusing(registry.Unsupported, func(r *http.Request, info *op.Info) bool {
			return r.ContentLength == 0 && strings.HasPrefix(string(info.Digest), "sha512:")
		}, op.UploadCommit),
		fails: []string{"digest-algorithm"},
	},
}

var statusMutations = []mutation{
	{
		name: "the status of an upload tells no location", mutate: dropping(locationField, op.UploadStatus),
		fails: []string{"upload-status", "upload-status-range", "upload-status-location", "upload-status-after-416", "upload-interrupted"},
	}, {
		name: "the status of an upload is 200", mutate: status(http.StatusNoContent, http.StatusOK, op.UploadStatus),
		fails: []string{"upload-status", "upload-status-range", "upload-status-location", "upload-status-after-416", "upload-interrupted"},
	}, {
		name: "the status of an upload tells how many bytes there are", mutate: answered(func(a *reply) {
			a.header.Set("Range", strings.Replace(a.header.Get("Range"), "99", "100", 1))
		}, op.UploadStatus),
		fails: []string{"upload-status-range", "upload-status-after-416"},
	}, {
		name: "the status of an upload tells another location", mutate: answered(func(a *reply) {
			a.header.Set(locationField, "/v2/"+a.Repo+"/blobs/uploads/00000000-0000-4000-8000-000000000000")
		}, op.UploadStatus),
		fails: []string{"upload-status-location", "upload-status-range", "upload-status-after-416", "upload-interrupted"},
	}, {
		name: "416 ends the session", mutate: func(m *mutant) {
			m.answers(func(a *reply) {
				if u, err := m.Store.OpenUpload(a.request.Context(), a.Repo, a.Session); err == nil && a.status == http.StatusRequestedRangeNotSatisfiable {
					_ = u.Cancel(a.request.Context())
				}
			}, op.UploadChunk)
		},
		fails: []string{"upload-status-after-416", "upload-one-writer"},
	}, {
		name: "the status of an unknown upload is 400", mutate: status(http.StatusNotFound, http.StatusBadRequest, op.UploadStatus),
		fails: []string{"upload-status-unknown"},
	}, {
		name: "a chunk of an unknown upload is 400", mutate: status(http.StatusNotFound, http.StatusBadRequest, op.UploadChunk),
		fails: []string{"upload-patch-unknown"},
	}, {
		name: "a PUT of an unknown upload is 403", mutate: status(http.StatusNotFound, http.StatusForbidden, op.UploadCommit),
		fails: []string{"upload-put-unknown"},
	}, {
		name: "an upload is cancelled with 202", mutate: status(http.StatusNoContent, http.StatusAccepted, op.UploadCancel),
		fails: []string{"upload-cancel"},
	}, {
		name: "an upload is said to be cancelled", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				if _, err := m.Store.OpenUpload(r.Context(), info.Repo, info.Session); err == nil {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				next.ServeHTTP(w, r)
			}, op.UploadCancel)
		},
		fails: []string{"upload-cancel-gone"},
	}, {
		name: "an unknown upload is cancelled", mutate: status(http.StatusNotFound, http.StatusNoContent, op.UploadCancel),
		fails: []string{"upload-cancel-unknown"},
	},
}

var mountMutations = []mutation{
	{
		name: "a mount tells no location", mutate: answered(func(a *reply) {
			if a.status == http.StatusCreated {
				a.header.Del(locationField)
			}
		}, op.BlobMount),
		fails: []string{"mount", "mount-location"},
	}, {
		name: "a mounted blob is not there", mutate: rules(faults.On(op.BlobMount).Do(faults.Vanish())),
		fails: []string{"mount-namespace", "mount-location", "mount-anonymous", "mount-survives-source"}, may: []string{"race-mount"},
	}, {
		name: "a mount tells another location", mutate: misled(always, op.BlobMount),
		fails: []string{"mount-location"},
	}, {
		name: "a mount tells another digest", mutate: setting(digestField, wrongDigest, op.BlobMount),
		fails: []string{"mount-digest"},
	}, {
		name: "a mount without a source is refused", mutate: refusing(registry.Unsupported, func(r *http.Request, _ *op.Info) bool {
			return !r.URL.Query().Has("from")
		}, op.BlobMount),
		fails: []string{"mount-anonymous", "mount-unable"},
	}, {
		name: "a mount of what is not there is 404", mutate: status(http.StatusAccepted, http.StatusNotFound, op.BlobMount),
		fails: []string{"mount-unable"},
	}, {
		name: "an upload in place of a mount leads nowhere", mutate: answered(func(a *reply) {
			if a.status == http.StatusAccepted {
				a.header.Set(locationField, "/v2/"+a.Repo+"/blobs/uploads/00000000-0000-4000-8000-000000000000")
			}
		}, op.BlobMount),
		fails: []string{"mount-unable-upload"},
	}, {
		name: "a blob is mounted from wherever it is", mutate: asked(func(_ *http.Request, info *op.Info) {
			if info.From == "" {
				info.From = "nowhere"
			} else {
				info.From = ""
			}
		}, op.BlobMount),
		fails: []string{"mount-not-there"},
	}, {
		name: "a blob is deleted everywhere", mutate: func(m *mutant) {
			m.deleteBlob = func(ctx context.Context, repo string, d digest.Digest) error {
				err := m.Store.DeleteBlob(ctx, repo, d)
				for _, name := range m.all(ctx) {
					_ = m.Store.DeleteBlob(ctx, name, d)
				}
				return err
			}
		},
		fails: []string{"mount-survives-source", "isolation-delete"}, may: []string{"race-mount"},
	},
}
