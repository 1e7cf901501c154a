package spec_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// wide are statements that go through all of something, or look at all answers of the
// tour: many mutations break them that are about another statement, and need not name
// them.
var wide = []string{
	"tag-forms", "tag-others", "manifest-kinds", "repository-forms", "unknown-in-repositories", "referrers-in-repositories", "sha512-blob", "sha512-manifest",
	"asked-again", "asked-before", "tag-moved", "manifest-pushed-again", "blob-pushed-again", "blob-deleted", "manifest-deleted", "tag-deleted",
	"manifest-delete-unknown", "upload-after-refusal", "tags-exact", "tags-pages-exact", "referrers-exact", "referrers-annotations-exact",
	"referrers-filter-exact", "referrers-filter-accepted", "referrers-pages-exact", "blob-bytes", "manifest-bytes", "range-edges", "chunk-edges",
	"chunk-final-edges", "chunk-final-short", "chunked-digests", "upload-sessions", "server-errors", "head-error-no-content", "digest-form",
	"credentials-wrong", "credentials-right", "error-any-format", "error-json", "error-code-form", "error-code-known", "error-message",
	"error-detail", "http-401-challenge", "http-405-allow", "warning", "warning-form", "warning-length",
	"malformed-refused", "delete-unknown-repository", "manifest-stored-or-refused", "mount-or-upload", "condition-whole",
}

// notFound makes a cause's answer to some requests a mutation.
func notFound(means func(*http.Request, *op.Info) bool, ops ...op.Op) func(*mutant) {
	return refusing(registry.ManifestUnknown, means, ops...)
}

// repeated is a mutation of answers to requests that were made before, by a key; no
// key is never one of them.
func repeated(key func(*reply) string, change func(*reply), ops ...op.Op) func(*mutant) {
	return func(m *mutant) {
		var seen sync.Map
		m.answers(func(a *reply) {
			k := key(a)
			if k == "" {
				return
			}
			if _, again := seen.LoadOrStore(k, true); again {
				change(a)
			}
		}, ops...)
	}
}

// path is a key: requests of the same method for the same.
func path(a *reply) string { return a.request.Method + " " + a.request.URL.Path }

// created is path for requests that made something.
func created(a *reply) string {
	if a.status != http.StatusCreated {
		return ""
	}
	return a.Repo + " " + string(a.Digest) + a.Tag
}

func becoming(status int) func(*reply) { return func(a *reply) { a.become(status) } }

func editing(from, to string) func(*reply) {
	return func(a *reply) { a.body = replaced(a.body, from, to) }
}

// kindMutations are mutations of one kind of name, content or request each.
var kindMutations = []mutation{
	{
		name: "HEAD of a tag of hexadecimal digits is 404", mutate: notFound(func(_ *http.Request, i *op.Info) bool { return len(i.Tag) == 64 }, op.ManifestHead),
		fails: []string{"tag-forms"},
	}, {
		name: "GET of a tag is regardless of case", mutate: asked(func(_ *http.Request, i *op.Info) { i.Tag = strings.ToLower(i.Tag) }, op.ManifestGet),
		fails: []string{"tag-others"}, broad: true,
	}, {
		name: "HEAD of what was pushed by digest is 404 if it has a subject", mutate: func(m *mutant) {
			var subjects sync.Map
			m.answers(func(a *reply) {
				if a.header.Get("OCI-Subject") != "" {
					subjects.Store(string(a.Digest), true)
				}
			}, op.ManifestPut)
			m.refuses(registry.ManifestUnknown, func(_ *http.Request, i *op.Info) bool {
				_, ok := subjects.Load(string(i.Digest))
				return ok && i.Digest != ""
			}, op.ManifestHead)
		},
		fails: []string{"manifest-kinds"},
	}, {
		name: "HEAD of a manifest is 404 in a repository with two underscores", mutate: notFound(func(_ *http.Request, i *op.Info) bool { return strings.Contains(i.Repo, "__") }, op.ManifestHead),
		fails: []string{"repository-forms"},
	}, {
		name: "no tags are 500", mutate: answered(func(a *reply) {
			if bytes.Contains(a.body, []byte(`"tags":[]`)) && a.request.URL.RawQuery == "" {
				a.become(http.StatusInternalServerError)
			}
		}, op.TagList),
		fails: []string{"unknown-in-repositories", "tags-empty"},
	}, {
		name: "referrers of a tag are none", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, _ *op.Info, next http.Handler) {
				if !strings.HasSuffix(r.URL.Path, "/referrers/v1") {
					next.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
				_, _ = w.Write([]byte(`{"schemaVersion":2,"manifests":[]}`))
			})
		},
		fails: []string{"referrers-in-repositories"},
	}, {
		name: "HEAD of a blob by sha512 is 404", mutate: notFound(bySHA512, op.BlobHead),
		fails: []string{"sha512-blob"},
	}, {
		name: "HEAD of a manifest by sha512 is 404", mutate: notFound(bySHA512, op.ManifestHead),
		fails: []string{"sha512-manifest"},
	}, {
		name: "the second time a blob is 404", mutate: repeated(path, becoming(http.StatusNotFound), op.BlobGet),
		fails: []string{"asked-again"}, broad: true,
	}, {
		name: "what was not found stays so", mutate: func(m *mutant) {
			var missed sync.Map
			m.answers(func(a *reply) {
				if a.status == http.StatusNotFound {
					missed.Store(a.request.URL.Path, true)
				} else if _, ok := missed.Load(a.request.URL.Path); ok {
					a.become(http.StatusNotFound)
				}
			}, op.ManifestGet, op.ManifestHead)
		},
		fails: []string{"asked-before"}, broad: true,
	}, {
		name: "HEAD of a tag has the length of the first time", mutate: func(m *mutant) {
			var lengths sync.Map
			m.answers(func(a *reply) {
				if first, ok := lengths.LoadOrStore(a.Repo+":"+a.Tag, a.header.Get("Content-Length")); ok && a.Tag != "" && a.status == http.StatusOK {
					a.header.Set("Content-Length", first.(string))
				}
			}, op.ManifestHead)
		},
		fails: []string{"tag-moved"}, broad: true,
	}, {
		name: "a manifest that is pushed again is 200", mutate: repeated(created, becoming(http.StatusOK), op.ManifestPut),
		fails: []string{"manifest-pushed-again", "manifest-put-again"}, broad: true,
	}, {
		name: "a blob that is pushed again has no Location", mutate: repeated(created, func(a *reply) { a.header.Del("Location") }, op.UploadCommit),
		fails: []string{"blob-pushed-again"}, broad: true,
	}, {
		name: "deleting what is not there is 202", mutate: status(http.StatusNotFound, http.StatusAccepted, op.BlobDelete, op.ManifestDelete, op.TagDelete),
		fails: []string{
			"blob-deleted", "manifest-deleted", "tag-deleted", "manifest-delete-unknown", "blob-delete-unknown", "tag-delete-unknown",
			"manifest-delete-repository-unknown",
		},
	}, {
		name: "an upload that was refused is refused again", mutate: func(m *mutant) {
			var refused sync.Map
			m.answers(func(a *reply) {
				key := a.Repo + string(a.Digest)
				if _, ok := refused.Load(key); ok || a.status == http.StatusBadRequest {
					refused.Store(key, true)
					a.become(http.StatusBadRequest)
				}
			}, op.UploadCommit)
		},
		fails: []string{"upload-after-refusal"}, broad: true,
	}, {
		name: "a list has Tags", mutate: answered(editing(`"tags"`, `"Tags"`), op.TagList),
		fails: []string{"tags-exact"},
	}, {
		name: "last is taken for lower case", mutate: querying(func(query url.Values) {
			if last := query["last"]; len(last) > 0 {
				last[0] = strings.ToLower(last[0])
			}
		}, op.TagList),
		fails: []string{"tags-pages-exact"}, may: []string{"tags-last-order"},
	}, {
		name: "a referrer of an index has a type that is null", mutate: answered(func(a *reply) {
			const index = `"mediaType":"application/vnd.oci.image.index.v1+json",`
			a.body = bytes.ReplaceAll(a.body, []byte("{"+index), []byte(`{"artifactType":null,`+index))
		}, op.ReferrerList),
		fails: []string{"referrers-exact"}, may: []string{"referrers-index-type"},
	}, {
		name: "a referrer does not tell when it was created", mutate: answered(editing(`"org.opencontainers.image.created":"2024-01-01T00:00:00Z",`, ""), op.ReferrerList),
		fails: []string{"referrers-annotations-exact"}, may: []string{"referrers-annotations"},
	}, {
		name: "no referrers are not said to be filtered", mutate: answered(func(a *reply) {
			if bytes.Contains(a.body, []byte(`"manifests":[]`)) {
				a.header.Del("OCI-Filters-Applied")
			}
		}, op.ReferrerList),
		fails: []string{"referrers-filter-exact"},
	}, {
		name: "no referrers of a type are 404", mutate: answered(func(a *reply) {
			if bytes.Contains(a.body, []byte(`"manifests":[]`)) && a.request.URL.Query().Has("artifactType") {
				a.become(http.StatusNotFound)
			}
		}, op.ReferrerList),
		fails: []string{"referrers-filter-accepted", "referrers-filter-exact"},
	}, {
		name: "later pages of referrers are JSON", mutate: answered(func(a *reply) {
			if a.request.URL.Query().Has("last") {
				a.header.Set("Content-Type", "application/json")
			}
		}, op.ReferrerList),
		fails: []string{"referrers-pages-exact"},
	}, {
		name: "a blob ends before NUL", mutate: answered(func(a *reply) {
			if at := bytes.IndexByte(a.body, 0); at >= 0 && len(a.body) < 200 {
				a.body = a.body[:at]
			}
		}, op.BlobGet),
		fails: []string{"blob-bytes"},
	}, {
		name: "a manifest has large numbers in short", mutate: answered(editing("12345678901234567890", "1.2345678901234567e+19"), op.ManifestGet),
		fails: []string{"manifest-bytes"},
	}, {
		name: "a range without the last byte is one byte short", mutate: answered(func(a *reply) {
			if a.request.Header.Get("Range") == "bytes=0-98" {
				a.body = a.body[:98]
			}
		}, op.BlobGet),
		fails: []string{"range-edges"},
	}, {
		name: "a chunk that is one byte late is 400", mutate: byteLate(op.UploadChunk),
		fails: []string{"chunk-edges"}, may: []string{"chunk-first"},
	}, {
		name: "a last chunk that is one byte late is 400", mutate: byteLate(op.UploadCommit),
		fails: []string{"chunk-final-edges"},
	}, {
		name: "a last chunk of one byte is refused", mutate: refusing(registry.SizeInvalid, func(r *http.Request, _ *op.Info) bool {
			return r.ContentLength == 1 && r.Header.Get("Content-Range") != ""
		}, op.UploadCommit),
		fails: []string{"chunk-final-short"},
	}, {
		name: "HEAD finds a blob that was refused", mutate: func(m *mutant) {
			var refused sync.Map
			m.answers(func(a *reply) {
				if a.status == http.StatusBadRequest {
					refused.Store(string(a.Digest), true)
				}
			}, op.UploadCommit)
			m.answers(func(a *reply) {
				if _, ok := refused.Load(string(a.Digest)); ok {
					a.become(http.StatusOK)
				}
			}, op.BlobHead)
		},
		fails: []string{"chunked-digests", "upload-after-refusal"},
	}, {
		name: "a second session has the Location of the first", mutate: func(m *mutant) {
			var locations sync.Map
			m.answers(func(a *reply) {
				first, _ := locations.LoadOrStore(a.Repo, a.header.Get("Location"))
				a.header.Set("Location", first.(string))
			}, op.UploadStart)
		},
		fails: []string{"upload-sessions", "upload-location-uuid", "upload-concurrent"}, broad: true,
	}, {
		name: "deleting by half a digest is 500", mutate: failing(func(r *http.Request, _ *op.Info) bool {
			return r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/sha256:abc")
		}),
		fails: []string{"server-errors"},
	}, {
		name: "HEAD of an unknown blob has content", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				if _, err := m.Store.OpenBlob(r.Context(), info.Repo, info.Digest); err == nil {
					next.ServeHTTP(w, r)
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					next.ServeHTTP(w, r)
					return
				}
				_, _ = conn.Write([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\nConnection: close\r\n\r\nnothing\n"))
				_ = conn.Close()
			}, op.BlobHead)
		},
		fails: []string{"head-error-no-content"}, broad: true,
	}, {
		name: "a blob that was posted has a digest in quotes", mutate: answered(func(a *reply) {
			a.header.Set(digestField, strconv.Quote(a.header.Get(digestField)))
		}, op.BlobPost),
		fails: []string{"digest-form", "single-post-location"},
	}, {
		name: "any credentials will do", mutate: challenging(func(int) bool { return true }),
		fails: []string{"credentials-wrong"}, broad: true,
	}, {
		name: "credentials are forgotten at times", mutate: challenging(func(n int) bool { return n%10 != 0 }),
		fails: []string{"credentials-right"}, broad: true,
	},
}

func bySHA512(_ *http.Request, i *op.Info) bool {
	return strings.HasPrefix(string(i.Digest), "sha512:")
}

// byteLate is a mutation that answers chunks with 400 that are one byte late.
func byteLate(o op.Op) func(*mutant) {
	return answered(func(a *reply) {
		first, _, _ := strings.Cut(a.request.Header.Get("Content-Range"), "-")
		if n, err := strconv.Atoi(first); err == nil && n%100 == 1 && a.status == http.StatusRequestedRangeNotSatisfiable {
			a.status = http.StatusBadRequest
		}
	}, o)
}

// challenging is a mutation that asks for credentials, and takes those of some
// requests, whatever they are.
func challenging(takes func(n int) bool) func(*mutant) {
	return func(m *mutant) {
		var mu sync.Mutex
		n := 0
		m.handle(func(w http.ResponseWriter, r *http.Request, _ *op.Info, next http.Handler) {
			mu.Lock()
			n++
			ok := takes(n)
			mu.Unlock()
			if r.Header.Get("Authorization") != "" && ok {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
	}
}
