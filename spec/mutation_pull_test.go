package spec_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

const (
	digestField   = "Docker-Content-Digest"
	locationField = "Location"
	wrongDigest   = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
)

var generalMutations = []mutation{
	{
		name: "end-1 is not there", mutate: rules(faults.On(op.Ping).Do(faults.Status(http.StatusNotFound))),
		fails: []string{"support"},
	}, {
		name: "HEAD is not allowed", mutate: rules(faults.On(op.BlobHead, op.ManifestHead).Do(faults.Status(http.StatusMethodNotAllowed))),
		fails: []string{
			"requires-pull", "manifest-digest-value", "head", "head-unknown", "head-digest", "head-digest-required", "head-length", "head-length-required",
			"head-no-content", "head-same-fields", "range-head", "if-none-match", "if-none-match-other", "tag-delete-gone", "manifest-delete-again",
			"blob-delete-gone", "isolation-blob", "isolation-manifest",
		},
	}, {
		name: "401 has no challenge", mutate: func(m *mutant) {
			m.auth = &auth.Options{Users: map[string]string{user: secret}}
			m.rules = []faults.Rule{faults.On(op.UploadStart).Where(record.Not(record.Authenticated())).BeforeAuth().Do(faults.DropHeader("WWW-Authenticate"))}
		},
		fails: []string{"http-401-challenge"},
	}, {
		name: "405 has no Allow", mutate: dropping("Allow", op.Unknown),
		fails: []string{"http-405-allow"},
	}, {
		name: "ns is refused", mutate: rules(faults.On(op.ManifestGet).Where(record.Namespace("*")).Do(faults.Status(http.StatusBadRequest))),
		fails: []string{"proxy-ns-ignored"},
	}, {
		name: "ns is another in the answer", mutate: rules(faults.On(op.ManifestGet).Where(record.Namespace("*")).Do(faults.SetHeader("OCI-Namespace", "another.example"))),
		fails: []string{"proxy-ns-header"},
	}, {
		name: "blobs of an image are served once a manifest was", mutate: func(m *mutant) {
			var pulled sync.Map
			m.answers(func(a *reply) { pulled.Store(a.Repo, true) }, op.ManifestGet, op.ManifestHead)
			m.refuses(registry.BlobUnknown, func(r *http.Request, info *op.Info) bool {
				_, ok := pulled.Load(info.Repo)
				return !ok && m.tagged(r.Context(), info.Repo)
			}, op.BlobGet)
		},
		fails: []string{"pull-any-order", "isolation-delete", "api-words-as-names"},
	}, {
		name: "manifests cannot be pushed", mutate: rules(faults.On(op.ManifestPut).Do(faults.Status(http.StatusMethodNotAllowed))),
		fails: []string{"supports-push"}, broad: true,
	},
}

// everyManifest are the statements that pull a manifest and look at its content.
var everyManifest = []string{
	"requires-pull", "manifest-get", "proxy-ns-ignored", "manifest-reference", "tag-grammar", "manifest-digest-algorithm", "accept-absent",
	"accept-index", "if-none-match-other", "if-match-put", "if-none-match-put", "if-match-delete", "if-none-match-race", "manifest-put-location",
	"manifest-put-reference", "manifest-put-bytes", "manifest-put-content-type-parameters", "manifest-put-no-blobs", "manifest-put-again",
	"manifest-refused-leaves-tag", "tag-parameters", "tag-parameters-ten", "tag-parameters-atomic", "subject-missing", "image-artifact-type-unknown",
	"image-config-type-unknown", "image-layer-type-unknown", "image-media-type-absent", "image-artifact", "index-empty", "index-manifests",
	"index-of-indexes", "index-media-type-unknown", "descriptor-fields", "descriptor-data", "digest-unrecognized", "manifest-delete-gone", "tag-delete-keeps",
	"manifest-delete-again", "error-any-format", "error-json", "error-code-form", "error-code-known", "error-message", "error-detail", "code-7",
	"isolation-nested", "isolation-delete", "api-words-as-names", "limit-layers", "race-tag-push", "race-tag-pull",
}

var manifestMutations = []mutation{
	{
		name: "a byte of manifests is wrong", mutate: rules(faults.On(op.ManifestGet).Do(faults.Corrupt(-2))),
		fails: everyManifest,
	}, {
		name: "an unknown manifest is 400", mutate: status(http.StatusNotFound, http.StatusBadRequest, op.ManifestGet),
		fails: []string{
			"manifest-get-unknown", "repository-unknown", "if-match-delete", "manifest-put-other-digest", "manifest-missing-references", "tag-parameters-atomic",
			"tag-delete-gone", "manifest-delete-gone", "manifest-delete-again", "isolation-manifest", "isolation-nested", "isolation-kinds", "hostile-manifests",
			"race-manifest-delete", "race-manifest-delete-once",
		},
	}, {
		name: "manifests without a tag are not found", mutate: func(m *mutant) {
			m.get = func(ctx context.Context, repo, ref string) (registry.Manifest, error) {
				for tag := range m.Store.Tags(ctx, repo, "") {
					if tag.Digest == digest.Digest(ref) || tag.Name == ref {
						return m.Store.Manifest(ctx, repo, ref)
					}
				}
				return registry.Manifest{}, registry.ManifestUnknown
			}
		},
		fails: []string{
			"manifest-reference", "manifest-digest-algorithm", "manifest-put-location", "manifest-put-reference", "manifest-put-again", "subject-missing", "race-tag-push",
		},
	}, {
		name: "a tag may be followed by a colon", mutate: asked(func(_ *http.Request, info *op.Info) {
			if tag, _, ok := strings.Cut(string(info.Digest), ":latest"); ok {
				info.Tag, info.Digest = tag, ""
			}
		}, op.ManifestGet, op.ManifestPut),
		fails: []string{"manifest-reference-other"},
	}, {
		name: "names have no two underscores", mutate: refusing(registry.NameInvalid, inRepository("__")),
		fails: []string{"repository-name"},
	}, {
		name: "names may have upper case", mutate: asked(func(_ *http.Request, info *op.Info) { info.Repo = strings.ToLower(info.Repo) }),
		fails: []string{"repository-name-other"},
	}, {
		name: "tags are no longer than 100", mutate: refusing(registry.ManifestInvalid, func(_ *http.Request, info *op.Info) bool { return len(info.Tag) > 100 }),
		fails: []string{"tag-grammar"},
	}, {
		name: "tags are cut to 128", mutate: asked(func(_ *http.Request, info *op.Info) { info.Tag = info.Tag[:min(len(info.Tag), 128)] }),
		fails: []string{"tag-grammar-other"},
	}, {
		name: "an index is called an image", mutate: answered(func(a *reply) {
			if a.header.Get("Content-Type") == ocispec.MediaTypeImageIndex {
				a.header.Set("Content-Type", ocispec.MediaTypeImageManifest)
			}
		}, op.ManifestGet, op.ManifestHead),
		fails: []string{"manifest-content-type"}, may: []string{"race-tag-pull"},
	}, {
		name: "Content-Type has parameters", mutate: answered(func(a *reply) {
			if a.status == http.StatusOK {
				a.header.Set("Content-Type", a.header.Get("Content-Type")+"; charset=utf-8")
			}
		}, op.ManifestGet, op.ManifestHead),
		fails: []string{"manifest-content-type-parameters", "manifest-content-type-pushed"},
	}, {
		name: "Content-Type is what mediaType says", mutate: answered(func(a *reply) {
			var m struct{ MediaType string }
			if a.status == http.StatusOK && json.Unmarshal(a.body, &m) == nil && m.MediaType == "" {
				a.header.Set("Content-Type", "application/json")
			}
		}, op.ManifestGet),
		fails: []string{"manifest-content-type-pushed"},
	}, {
		name: "manifests come without their digest", mutate: dropping(digestField, op.ManifestGet, op.ManifestHead),
		fails: []string{"manifest-digest", "manifest-digest-required", "head-digest", "head-digest-required"},
	}, {
		name: "manifests come with another digest", mutate: setting(digestField, wrongDigest, op.ManifestGet),
		fails: []string{"manifest-digest-value", "manifest-digest-algorithm", "head-same-fields", "race-tag-pull"},
	}, {
		name: "manifests are not found by sha512", mutate: refusing(registry.ManifestUnknown, func(_ *http.Request, info *op.Info) bool {
			return strings.HasPrefix(string(info.Digest), "sha512:")
		}, op.ManifestGet),
		fails: []string{"manifest-digest-algorithm"},
	}, {
		name: "unknown repositories are forbidden", mutate: func(m *mutant) {
			m.refuses(registry.Denied, func(r *http.Request, info *op.Info) bool {
				for _, err := range m.Store.Tags(r.Context(), info.Repo, "") {
					return err != nil
				}
				return false
			}, op.ManifestGet, op.BlobGet)
		},
		fails: []string{
			"repository-unknown", "upload-put-other-digest", "single-post-other-digest", "chunked-close", "chunked-close-digest", "upload-cancel-gone",
			"mount-not-there", "digest-sha256", "upload-put-interrupted", "upload-put-refused", "isolation-upload", "hostile-manifests",
		},
		may: []string{"upload-closed-or-cancelled"},
	}, {
		name: "Accept is required", mutate: refusing(registry.ManifestUnknown, func(r *http.Request, _ *op.Info) bool { return r.Header.Get("Accept") == "" }, op.ManifestGet, op.ManifestHead),
		fails: []string{"accept-absent"},
	}, {
		name: "who does not accept an index gets its first child", mutate: func(m *mutant) {
			m.answers(func(a *reply) {
				var index ocispec.Index
				if strings.Contains(strings.Join(a.request.Header["Accept"], ","), ocispec.MediaTypeImageIndex) || json.Unmarshal(a.body, &index) != nil || len(index.Manifests) == 0 {
					return
				}
				if child, err := m.Store.Manifest(a.request.Context(), a.Repo, string(index.Manifests[0].Digest)); err == nil && a.request.Header.Get("Accept") != "" {
					a.body = child.Content
				}
			}, op.ManifestGet)
		},
		fails: []string{"accept-index"},
	},
}

// inRepository means requests for repositories with a text in their names.
func inRepository(text string) func(*http.Request, *op.Info) bool {
	return func(_ *http.Request, info *op.Info) bool { return strings.Contains(info.Repo, text) }
}

var blobMutations = []mutation{
	{
		name: "a blob of one byte comes empty", mutate: answered(func(a *reply) {
			if len(a.body) == 1 && a.status == http.StatusOK {
				a.body = nil
			}
		}, op.BlobGet),
		fails: []string{"blob-get", "single-post"},
	}, {
		name: "an unknown blob is 400", mutate: status(http.StatusNotFound, http.StatusBadRequest, op.BlobGet),
		fails: []string{
			"blob-get-unknown", "repository-unknown", "upload-put-other-digest", "single-post-other-digest", "chunked-close", "chunked-close-digest",
			"upload-put-unknown", "upload-cancel-gone", "mount-not-there", "mount-survives-source", "digest-sha256", "digest-sha512",
			"blob-delete-gone", "upload-put-interrupted", "upload-put-refused", "isolation-blob", "isolation-upload", "isolation-kinds", "race-blob-delete",
		},
		may: []string{"upload-closed-or-cancelled", "race-mount", "race-blob-push-delete"},
	}, {
		name: "blobs come without their digest", mutate: dropping(digestField, op.BlobGet),
		fails: []string{"blob-digest", "blob-digest-required", "head-same-fields"},
	}, {
		name: "blobs come with another digest", mutate: setting(digestField, wrongDigest, op.BlobGet),
		fails: []string{"blob-digest-value", "head-same-fields", "digest-algorithm", "digest-sha512"},
	},
}

var headMutations = []mutation{
	{
		name: "HEAD is 204", mutate: status(http.StatusOK, http.StatusNoContent, op.BlobHead, op.ManifestHead),
		fails: []string{
			"head", "requires-pull", "manifest-digest-value", "head-digest", "head-digest-required", "head-length", "head-length-required",
			"head-no-content", "head-same-fields", "range-head", "if-none-match-other",
		},
	}, {
		name: "HEAD of what is unknown is 400", mutate: status(http.StatusNotFound, http.StatusBadRequest, op.BlobHead, op.ManifestHead),
		fails: []string{"head-unknown", "tag-delete-gone", "manifest-delete-again", "blob-delete-gone", "isolation-blob", "isolation-manifest"},
	}, {
		name: "HEAD tells no digest", mutate: dropping(digestField, op.BlobHead, op.ManifestHead),
		fails: []string{"head-digest", "head-digest-required", "head-same-fields"},
	}, {
		name: "HEAD tells another digest", mutate: setting(digestField, wrongDigest, op.BlobHead),
		fails: []string{"head-digest", "head-digest-required", "head-same-fields"},
	}, {
		name: "HEAD tells no length", mutate: dropping("Content-Length", op.BlobHead, op.ManifestHead),
		fails: []string{"head-length", "head-length-required"},
	}, {
		name: "HEAD tells no type", mutate: setting("Content-Type", "application/json", op.ManifestHead),
		fails: []string{"head-same-fields"},
	}, {
		name: "HEAD has content", mutate: rules(faults.On(op.BlobHead).Do(
			faults.Raw("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 64\r\nAccept-Ranges: bytes\r\nEtag: \"{digest}\"\r\n" +
				"Docker-Content-Digest: {digest}\r\nConnection: close\r\n\r\n" + strings.Repeat("content\n", 8)))),
		fails: []string{"head-no-content", "head-unknown", "if-none-match", "blob-delete-gone", "isolation-blob"},
	},
}

// ranged is a mutation that takes a Range for another.
func ranged(from func(value string) bool, to string) func(*mutant) {
	return asked(func(r *http.Request, _ *op.Info) {
		if from(r.Header.Get("Range")) {
			r.Header.Set("Range", to)
		}
	}, op.BlobGet)
}

func is(want string) func(string) bool { return func(value string) bool { return value == want } }

// unsatisfiable is a mutation that refuses a Range.
func unsatisfiable(means func(value string) bool) func(*mutant) {
	return func(m *mutant) {
		m.handle(func(w http.ResponseWriter, r *http.Request, _ *op.Info, next http.Handler) {
			if means(r.Header.Get("Range")) {
				w.Header().Set("Content-Range", "bytes */100")
				http.Error(w, "not satisfiable", http.StatusRequestedRangeNotSatisfiable)
				return
			}
			next.ServeHTTP(w, r)
		}, op.BlobGet)
	}
}

var rangeMutations = []mutation{
	{
		name: "ranges begin one byte later", mutate: rules(faults.On(op.BlobGet).Where(record.Not(record.Header("Range", "*,*"))).Do(faults.ShiftRange(1).Claimed())),
		fails: []string{"blob-range", "range-first-last", "range-open", "range-last-beyond", "range-invalid", "if-range-same"},
	}, {
		name: "the last position of a range is not in it", mutate: ranged(is("bytes=0-0"), "bytes=100-"),
		fails: []string{"range-first-last"},
	}, {
		name: "a range must have an end", mutate: unsatisfiable(func(value string) bool { return strings.HasSuffix(value, "-") }),
		fails: []string{"range-open"},
	}, {
		name: "a range must end inside", mutate: unsatisfiable(func(value string) bool { return strings.HasSuffix(value, "-5000") && value != "bytes=-5000" }),
		fails: []string{"range-last-beyond"},
	}, {
		name: "a suffix is taken from the start", mutate: ranged(is("bytes=-10"), "bytes=0-9"),
		fails: []string{"range-suffix", "range-content-range"},
	}, {
		name: "a suffix must not be longer than the blob", mutate: unsatisfiable(is("bytes=-5000")),
		fails: []string{"range-suffix-longer"},
	}, {
		name: "a part does not tell which it is", mutate: dropIn(http.StatusPartialContent, "Content-Range", op.BlobGet),
		fails: []string{"range-content-range"},
	}, {
		name: "a part has no entity tag", mutate: dropIn(http.StatusPartialContent, "Etag", op.BlobGet),
		fails: []string{"range-same-fields"},
	}, {
		name: "a range past the end is ignored", mutate: asked(func(r *http.Request, _ *op.Info) {
			if v := r.Header.Get("Range"); v == "bytes=100-" || v == "bytes=5000-" {
				r.Header.Del("Range")
			}
		}, op.BlobGet),
		fails: []string{"range-unsatisfiable"},
	}, {
		name: "416 does not tell the length", mutate: dropIn(http.StatusRequestedRangeNotSatisfiable, "Content-Range", op.BlobGet),
		fails: []string{"range-unsatisfiable-length"},
	}, {
		name: "a range from back to front is turned round", mutate: ranged(is("bytes=5-2"), "bytes=2-5"),
		fails: []string{"range-invalid"},
	}, {
		name: "every range is of bytes", mutate: ranged(is("lines=2-5"), "bytes=2-5"),
		fails: []string{"range-unknown-unit"},
	}, {
		name: "HEAD looks at Range", mutate: answered(func(a *reply) {
			if a.request.Header.Get("Range") != "" {
				a.status = http.StatusPartialContent
			}
		}, op.BlobHead),
		fails: []string{"range-head"},
	}, {
		name: "of several ranges the first is announced, and all is sent", mutate: answered(func(a *reply) {
			if a.request.Header.Get("Range") == "bytes=0-1,10-11" {
				a.status = http.StatusPartialContent
				a.header.Set("Content-Range", "bytes 0-1/100")
			}
		}, op.BlobGet),
		fails: []string{"range-several"},
	}, {
		name: "a range of an empty blob is an error of the server", mutate: func(m *mutant) {
			m.handle(func(w http.ResponseWriter, r *http.Request, info *op.Info, next http.Handler) {
				if b, err := m.Store.OpenBlob(r.Context(), info.Repo, info.Digest); err == nil && b.Size() == 0 && r.Header.Get("Range") != "" {
					http.Error(w, "broken", http.StatusInternalServerError)
					return
				}
				next.ServeHTTP(w, r)
			}, op.BlobGet)
		},
		fails: []string{"range-empty"},
	}, {
		name: "If-Range is not looked at", mutate: ignoring("If-Range", op.BlobGet),
		fails: []string{"if-range-other"},
	}, {
		name: "a range with If-Range is ignored", mutate: asked(func(r *http.Request, _ *op.Info) {
			if r.Header.Get("If-Range") != "" {
				r.Header.Del("Range")
			}
		}, op.BlobGet),
		fails: []string{"if-range-same"},
	}, {
		name: "Accept-Ranges is yes", mutate: setting("Accept-Ranges", "yes", op.BlobGet, op.BlobHead),
		fails: []string{"accept-ranges"},
	},
}

// dropIn is a mutation that leaves out a field of answers with a status.
func dropIn(status int, field string, ops ...op.Op) func(*mutant) {
	return answered(func(a *reply) {
		if a.status == status {
			a.header.Del(field)
		}
	}, ops...)
}

var pulls = []op.Op{op.BlobGet, op.BlobHead, op.ManifestGet, op.ManifestHead}

var conditionMutations = []mutation{
	{
		name: "an entity tag has no quotes", mutate: answered(func(a *reply) {
			a.header.Set("Etag", strings.Trim(a.header.Get("Etag"), `"`))
		}, pulls...),
		fails: []string{"etag-form", "if-match-put", "if-match-delete"},
	}, {
		name: "If-None-Match: * is ignored", mutate: asked(func(r *http.Request, _ *op.Info) {
			if r.Header.Get("If-None-Match") == "*" {
				r.Header.Del("If-None-Match")
			}
		}, pulls...),
		fails: []string{"if-none-match"},
	}, {
		name: "nothing is ever modified", mutate: asked(func(r *http.Request, _ *op.Info) {
			if r.Header.Get("If-None-Match") != "" {
				r.Header.Set("If-None-Match", "*")
			}
		}, pulls...),
		fails: []string{"if-none-match-other"},
	}, {
		name: "304 has no entity tag", mutate: dropIn(http.StatusNotModified, "Etag", pulls...),
		fails: []string{"not-modified-fields"},
	}, {
		name: "304 has content", mutate: rules(faults.On(op.BlobGet).Where(record.Header("If-None-Match")).Do(
			faults.Raw("HTTP/1.1 304 Not Modified\r\nEtag: \"{digest}\"\r\nConnection: close\r\n\r\ncontent"))),
		fails: []string{"not-modified-empty", "if-none-match-other"},
	}, {
		name: "If-Match of a PUT is ignored", mutate: ignoring("If-Match", op.ManifestPut),
		fails: []string{"if-match-put", "if-match-put-status"},
	}, {
		name: "a PUT over another entity tag is 403", mutate: answered(func(a *reply) {
			if a.status == http.StatusPreconditionFailed && a.request.Header.Get("If-Match") != "" {
				a.status = http.StatusForbidden
			}
		}, op.ManifestPut),
		fails: []string{"if-match-put-status"},
	}, {
		name: "a PUT of what must be new is 412, and done", mutate: func(m *mutant) {
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				err := m.Store.PutManifest(ctx, repo, p)
				if err != nil {
					p.Precondition.IfNoneMatch = nil
					_ = m.Store.PutManifest(ctx, repo, p)
				}
				return err
			}
		},
		fails: []string{"if-none-match-put", "if-none-match-race"},
	}, {
		name: "If-Match of a DELETE is ignored", mutate: ignoring("If-Match", op.TagDelete),
		fails: []string{"if-match-delete"},
	}, {
		name: "If-None-Match of a PUT is looked at before the PUT", mutate: func(m *mutant) {
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				if _, err := m.Store.Manifest(ctx, repo, p.Ref); err != nil {
					othersFirst()
					p.Precondition.IfNoneMatch = nil
				}
				return m.Store.PutManifest(ctx, repo, p)
			}
		},
		fails: []string{"if-none-match-race"},
	},
}
