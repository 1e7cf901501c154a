package learn

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/evidence"
	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
)

// row says which exchanges show a trait.
type row struct {
	trait string
	ops   []op.Op // nil: all
	when  func(*state, *exchange) bool
	show  func(*state, *exchange) (evidence.Value, bool) // nil: what package evidence says
}

func ops(list ...op.Op) []op.Op { return list }

func is(conditions ...func(*exchange) bool) func(*state, *exchange) bool {
	return func(_ *state, x *exchange) bool {
		for _, c := range conditions {
			if !c(x) {
				return false
			}
		}
		return true
	}
}

func succeeded(x *exchange) bool { return x.Succeeded() && x.Status != http.StatusPartialContent }

// open reports whether an exchange without credentials succeeded at a registry that has asked for some.
func open(s *state, x *exchange) bool {
	return !x.credentials && succeeded(x) && len(s.realms) > 0
}

// closed reports whether an exchange without credentials was refused for want of them.
func closed(x *exchange) bool { return !x.credentials && x.Status == http.StatusUnauthorized }

func answered(x *exchange) bool { return succeeded(x) || x.unsupported() }

func status(codes ...int) func(*exchange) bool {
	return func(x *exchange) bool { return slices.Contains(codes, x.Status) }
}

func code(codes ...string) func(*exchange) bool {
	return func(x *exchange) bool { return x.failed() && slices.Contains(codes, x.Code()) }
}

func not(condition func(*exchange) bool) func(*exchange) bool {
	return func(x *exchange) bool { return !condition(x) }
}

var (
	begins    = op.UploadBegin()
	inSession = append(op.UploadBegin(), op.UploadChunk, op.UploadStatus)
)

// opensSession reports whether an answer says where an upload goes on.
func opensSession(x *exchange) bool {
	return x.Succeeded() && x.Status != http.StatusCreated && x.Location() != ""
}

// answers has the situations in which a registry answers: the first row that fits is the one of
// which the answer is learned, with its header and the form of its body.
var answers = []row{
	{trait: "auth.unauthorized", when: is(status(401))},
	{trait: "auth.denied", when: is(status(403), func(x *exchange) bool { return x.credentials }, code("DENIED", ""), func(x *exchange) bool { return !x.Op.Write() })},
	{trait: "ping.body", ops: ops(op.Ping), when: is(func(x *exchange) bool { return x.bodyKnown })},
	{trait: "catalog.list", ops: ops(op.RepositoryList), when: is(func(x *exchange) bool { return x.Query.Get("n") == "" })},

	{trait: "blob.range-outside", ops: ops(op.BlobGet), when: is(status(416))},
	{trait: "blob.bad-digest", ops: ops(op.BlobGet, op.BlobHead), when: is(badDigest)},
	{trait: "blob.missing-repository", ops: ops(op.BlobGet, op.BlobHead), when: is(code("NAME_UNKNOWN"))},
	{trait: "blob.missing", ops: ops(op.BlobGet, op.BlobHead), when: is(status(404, 410))},
	{trait: "blob.get", ops: ops(op.BlobGet), when: is(answered)},
	{trait: "blob.head", ops: ops(op.BlobHead), when: is(answered)},
	{trait: "blob.delete-missing", ops: ops(op.BlobDelete), when: is(status(404), not(code("UNSUPPORTED")))},
	{trait: "blob.delete", ops: ops(op.BlobDelete), when: is(answered)},

	{trait: "upload.start", ops: ops(op.UploadStart), when: is(answered)},
	{trait: "upload.start", ops: ops(op.BlobMount, op.BlobPost), when: is(status(202)), show: value("202", "a POST that begins an upload is answered with 202")},
	{trait: "blob.mount", ops: ops(op.BlobMount), when: is(status(201)), show: mounted},
	{trait: "upload.single-post", ops: ops(op.BlobPost), when: is(status(201))},
	{trait: "upload.unknown", ops: ops(op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel), when: is(status(404))},
	{trait: "upload.repeated-chunk", ops: ops(op.UploadChunk, op.UploadCommit), when: repeated},
	{trait: "upload.out-of-order", ops: ops(op.UploadChunk, op.UploadCommit), when: outOfOrder},
	{trait: "upload.chunk", ops: ops(op.UploadChunk), when: is(answered)},
	{trait: "upload.no-digest", ops: ops(op.UploadCommit), when: is(func(x *exchange) bool { return x.Digest == "" })},
	{trait: "upload.wrong-digest", ops: ops(op.UploadCommit, op.BlobPost), when: is(code("DIGEST_INVALID"))},
	{trait: "upload.commit", ops: ops(op.UploadCommit), when: is(answered)},
	{trait: "upload.status", ops: ops(op.UploadStatus), when: is(answered)},
	{trait: "upload.cancel", ops: ops(op.UploadCancel), when: is(answered)},

	{trait: "manifest.bad-reference", ops: ops(op.ManifestGet, op.ManifestHead), when: is(badReference)},
	{trait: "manifest.missing-repository", ops: ops(op.ManifestGet, op.ManifestHead), when: is(code("NAME_UNKNOWN"))},
	{trait: "manifest.not-acceptable", ops: ops(op.ManifestGet, op.ManifestHead), when: notAcceptable},
	{trait: "manifest.missing", ops: ops(op.ManifestGet, op.ManifestHead), when: is(status(404, 410))},
	{trait: "manifest.get", ops: ops(op.ManifestGet, op.ManifestHead), when: is(answered)},
	{trait: "manifest.put", ops: ops(op.ManifestPut), when: is(succeeded)},
	{trait: "manifest.too-large", ops: ops(op.ManifestPut), when: is(status(413))},
	{trait: "manifest.put-wrong-digest", ops: ops(op.ManifestPut), when: is(wrongDigest)},
	{trait: "manifest.put-missing-blob", ops: ops(op.ManifestPut), when: is(code("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"))},
	{trait: "manifest.immutable-answer", ops: ops(op.ManifestPut), when: refusedTag},
	{trait: "manifest.put-invalid", ops: ops(op.ManifestPut), when: is(notManifest)},
	{trait: "manifest.put-type", ops: ops(op.ManifestPut), when: is(unknownType)},
	{trait: "manifest.subject", ops: ops(op.ManifestPut), when: is(func(x *exchange) bool { return x.unsupported() && x.subject() })},
	{trait: "manifest.delete-missing", ops: ops(op.ManifestDelete, op.TagDelete), when: is(status(404), not(code("UNSUPPORTED")))},
	{trait: "manifest.delete-digest", ops: ops(op.ManifestDelete), when: is(answered)},
	{trait: "manifest.delete-tag", ops: ops(op.TagDelete), when: is(answered)},

	{trait: "tags.bad-n", ops: ops(op.TagList), when: is((*exchange).failed, badN)},
	{trait: "tags.over-max", ops: ops(op.TagList), when: is((*exchange).failed, func(x *exchange) bool { return pageSize(x) > 0 && x.Query.Get("last") == "" && x.Status != 404 })},
	{trait: "tags.missing-repository", ops: ops(op.TagList), when: is(status(404), func(x *exchange) bool { return x.Query.Get("last") == "" })},
	{trait: "tags.type", ops: ops(op.TagList), when: is(succeeded)},

	{trait: "referrers.bad-digest", ops: ops(op.ReferrerList), when: is(badDigest, (*exchange).failed)},
	{trait: "referrers.missing-subject", ops: ops(op.ReferrerList), when: is(code("MANIFEST_UNKNOWN", "NAME_UNKNOWN"))},
	{trait: "referrers.list", ops: ops(op.ReferrerList), when: is(func(x *exchange) bool { return succeeded(x) || x.failed() })},
}

// observations has what answers show beside that.
var observations = []row{
	{trait: "answer.type"},
	{trait: "answer.shape"},

	{trait: "blob.redirect", ops: ops(op.BlobGet), when: is(not((*exchange).failed))},
	{trait: "blob.redirect-head", ops: ops(op.BlobHead), when: is(not((*exchange).failed))},
	{trait: "blob.range", ops: ops(op.BlobGet), when: is(asksForPart)},
	{trait: "blob.mount", ops: ops(op.BlobMount), when: is(status(202)), show: notMounted},
	{trait: "digest.sha512", ops: ops(op.UploadCommit, op.BlobPost), when: is(status(201), func(x *exchange) bool { return strings.HasPrefix(string(x.Digest), "sha512:") }), show: namedDigest},
	{trait: "blob.location", ops: ops(op.UploadCommit, op.BlobPost, op.BlobMount)},

	{trait: "upload.location", ops: inSession, when: is(opensSession)},
	{trait: "upload.path", ops: inSession, when: is(opensSession)},
	{trait: "upload.state", ops: inSession, when: is(opensSession)},
	{trait: "upload.query", ops: inSession, when: is(opensSession), show: func(s *state, x *exchange) (evidence.Value, bool) {
		return parametersOf(&s.uploads, &s.counted[0], x)
	}},
	{trait: "upload.range-initial", ops: begins, when: is(opensSession)},
	{trait: "upload.chunk-min", ops: begins, when: is(opensSession)},
	{trait: "upload.commit-state", ops: ops(op.UploadCommit)},
	{trait: "upload.stream-range", ops: ops(op.UploadChunk), when: is(succeeded), show: streamRange},
	{trait: "upload.stream", ops: ops(op.UploadChunk), when: func(s *state, x *exchange) bool {
		return x.Request.Get("Content-Range") == "" && s.session(x.Session).chunks > 0 && x.Status != http.StatusNotFound
	}},
	{trait: "upload.chunks", ops: ops(op.UploadChunk), when: func(s *state, x *exchange) bool { return succeeded(x) && s.session(x.Session).chunks > 0 }, show: value("yes", "a second chunk is answered with 2xx")},
	{trait: "upload.content-type", ops: ops(op.UploadChunk, op.UploadCommit), when: is(succeeded, func(x *exchange) bool {
		t := x.Request.Get("Content-Type")
		return x.sent > 0 && t != "" && !strings.HasPrefix(t, octets)
	}), show: value("any", "content of another type is answered with 2xx")},
	{trait: "upload.single-post", ops: ops(op.BlobPost), when: is(status(202))},

	{trait: "manifest.get-digest", ops: ops(op.ManifestGet), when: is(status(200)), show: getDigest},
	{trait: "manifest.put-body", ops: ops(op.ManifestPut), when: is(func(x *exchange) bool { return x.bodyKnown })},
	{trait: "manifest.accept", ops: ops(op.ManifestGet, op.ManifestHead), when: is(succeeded, func(x *exchange) bool { return !accepts(x, x.Header.Get("Content-Type")) }), show: value("ignored", "a manifest whose type Accept does not have is answered with 200")},
	{trait: "manifest.accept", ops: ops(op.ManifestGet, op.ManifestHead), when: notAcceptable, show: value("refused", "a manifest whose type Accept does not have is refused")},
	{trait: "manifest.location", ops: ops(op.ManifestPut)},
	{trait: "manifest.location-reference", ops: ops(op.ManifestPut), when: is(func(x *exchange) bool { return strings.Contains(x.Location(), "/manifests/") })},
	{trait: "manifest.oci-subject", ops: ops(op.ManifestPut), when: is((*exchange).subject)},
	{trait: "manifest.subject", ops: ops(op.ManifestPut), when: is((*exchange).subject, succeeded)},
	{trait: "manifest.put-type", ops: ops(op.ManifestPut), when: is(succeeded, func(x *exchange) bool { return knownType(x) == "" })},
	{trait: "manifest.immutable", ops: ops(op.ManifestPut), when: func(s *state, x *exchange) bool { return succeeded(x) && s.moves(x) }, show: value("no", "a tag that exists is pushed again")},
	{trait: "manifest.immutable", ops: ops(op.ManifestPut), when: refusedTag, show: func(s *state, x *exchange) (evidence.Value, bool) {
		if s.moves(x) {
			return evidence.Value{Value: "yes", Seen: "pushing another manifest to a tag is refused"}, true
		}
		return evidence.Value{Value: "also-same", Seen: "pushing the same manifest to its tag is refused"}, true
	}},
	{trait: "manifest.delete-tag-keeps", ops: ops(op.ManifestGet, op.ManifestHead, op.ManifestDelete), when: func(s *state, x *exchange) bool {
		m := s.repo(x.Repo).manifests[string(x.Digest)]
		return m != nil && m.present && m.untagged && (x.Succeeded() || x.Status == http.StatusNotFound)
	}, show: func(_ *state, x *exchange) (evidence.Value, bool) {
		if x.Succeeded() {
			return evidence.Value{Value: "manifest", Seen: "the manifest is there when its tag is deleted"}, true
		}
		return evidence.Value{Value: "nothing", Seen: "the manifest is answered with " + x.Outcome() + " when its tag is deleted"}, true
	}},
	{trait: "manifest.dash-alias", ops: ops(op.ManifestGet, op.ManifestHead), when: dashTag, show: func(_ *state, x *exchange) (evidence.Value, bool) {
		if x.Succeeded() {
			return evidence.Value{Value: "yes", Seen: "a tag sha256-<hex> is the manifest with the digest"}, true
		}
		return evidence.Value{Value: "no", Seen: "a tag sha256-<hex> is answered with " + x.Outcome()}, true
	}},

	{trait: "tags.emptied", ops: ops(op.TagList), when: func(s *state, x *exchange) bool { return s.emptied(x.Repo) }},
	{trait: "tags.empty", ops: ops(op.TagList)},
	{trait: "tags.order", ops: ops(op.TagList)},
	{trait: "tags.pages", ops: ops(op.TagList)},
	{trait: "tags.bad-n", ops: ops(op.TagList), when: is(succeeded, badN)},
	{trait: "tags.over-max", ops: ops(op.TagList), when: is(succeeded, func(x *exchange) bool { return pageSize(x) > len(x.Tags()) && x.Header.Get("Link") != "" })},
	{trait: "tags.page-max", ops: ops(op.TagList), when: is(succeeded, func(x *exchange) bool { return x.Query.Get("n") == "" && len(x.Tags()) >= 10 && more(x) }), show: func(_ *state, x *exchange) (evidence.Value, bool) {
		n := strconv.Itoa(len(x.Tags()))
		return evidence.Value{Value: n, Seen: "a page without n has " + n + " tags"}, true
	}},
	{trait: "tags.link", ops: ops(op.TagList), when: is(more)},
	{trait: "tags.link-when", ops: ops(op.TagList), when: is(succeeded, func(x *exchange) bool { return more(x) && !full(x) }), show: value("always", "a list that is not full has a Link")},
	{trait: "tags.link-when", ops: ops(op.TagList), when: is(succeeded, func(x *exchange) bool { return !more(x) }), show: value("more", "a list has no Link")},
	{trait: "tags.link-query", ops: ops(op.TagList), when: is(more), show: func(s *state, x *exchange) (evidence.Value, bool) {
		return parametersOf(&s.pages, &s.counted[1], x)
	}},
	{trait: "tags.name-from", ops: ops(op.TagList)},
	{trait: "tags.cursor", ops: ops(op.TagList)},
	{trait: "tags.fields", ops: ops(op.TagList)},

	{trait: "referrers.filter", ops: ops(op.ReferrerList)},
	{trait: "referrers.artifact-type", ops: ops(op.ReferrerList)},

	{trait: "auth.scheme"},
	{trait: "auth.path"},
	{trait: "auth.service"},
	{trait: "auth.scope"},
	{trait: "auth.token-access", when: is(func(x *exchange) bool { _, ok := x.Shows("auth.scope"); return ok }), show: value("user", "a challenge has a scope that names no repository")},
	{trait: "auth.mount-source", ops: ops(op.BlobMount), when: is(func(x *exchange) bool { return x.From != "" }), show: mountSource},
	{trait: "auth.realm"},
	{trait: "auth.ping", ops: ops(op.Ping), when: open, show: value("open", "GET /v2/ without credentials is answered with 200")},
	{trait: "auth.ping", ops: ops(op.Ping), when: is(closed), show: value("credentials", "GET /v2/ without credentials is answered with 401")},
	{trait: "auth.catalog", ops: ops(op.RepositoryList), when: open, show: value("open", "GET /v2/_catalog without credentials is answered with 200")},
	{trait: "auth.catalog", ops: ops(op.RepositoryList), when: is(closed), show: value("credentials", "GET /v2/_catalog without credentials is answered with 401")},
	{trait: "auth.anonymous", ops: ops(op.BlobGet, op.BlobHead, op.ManifestGet, op.ManifestHead), when: open, show: value("open", "a pull without credentials is answered with 200")},
}

// tokens has what the answers of a token service show.
var tokens = []row{
	{trait: "auth.post", when: is(status(200, 400, 401, 403, 404, 405))},
	{trait: "auth.token-field"},
	{trait: "auth.expires-in"},
	{trait: "auth.ttl"},
	{trait: "auth.token-fields"},
}

func value(v, seen string) func(*state, *exchange) (evidence.Value, bool) {
	return func(*state, *exchange) (evidence.Value, bool) { return evidence.Value{Value: v, Seen: seen}, true }
}

const octets = "application/octet-stream"

func badDigest(x *exchange) bool { return !op.ValidDigest(x.Digest) }

// badReference reports whether the reference of a manifest is neither a tag nor a digest.
func badReference(x *exchange) bool {
	if x.Digest != "" {
		return badDigest(x)
	}
	return !op.ValidTag(x.Tag)
}

// wrongDigest reports whether a manifest was refused that is pushed by a digest of something else.
func wrongDigest(x *exchange) bool {
	return x.failed() && x.Digest != "" && len(x.requestBody) > 0 && op.ValidDigest(x.Digest) &&
		x.Digest.Algorithm().FromBytes(x.requestBody) != x.Digest
}

// notManifest reports whether content was refused that is no manifest.
func notManifest(x *exchange) bool {
	var m struct{ SchemaVersion json.RawMessage }
	return x.failed() && len(x.requestBody) > 0 && (json.Unmarshal(x.requestBody, &m) != nil || m.SchemaVersion == nil)
}

// knownType returns the type with which a manifest is pushed, if it is one of a manifest.
func knownType(x *exchange) string {
	t, _, _ := strings.Cut(x.Request.Get("Content-Type"), ";")
	switch t {
	case ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
		"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json":
		return t
	}
	return ""
}

func unknownType(x *exchange) bool {
	return x.failed() && x.Request.Get("Content-Type") != "" && knownType(x) == ""
}

// outOfOrder reports whether a chunk does not begin where its session ends.
func outOfOrder(s *state, x *exchange) bool {
	first, _, ok := strings.Cut(x.Request.Get("Content-Range"), "-")
	begins, err := strconv.ParseInt(first, 10, 64)
	if !ok || err != nil {
		return false
	}
	at := s.session(x.Session).offset
	return at >= 0 && at != begins || at < 0 && x.Status == http.StatusRequestedRangeNotSatisfiable
}

// repeated reports whether a chunk begins before its session ends, after its beginning or there.
func repeated(s *state, x *exchange) bool {
	first, _, _ := strings.Cut(x.Request.Get("Content-Range"), "-")
	begins, err := strconv.ParseInt(first, 10, 64)
	return err == nil && begins < s.session(x.Session).offset && x.failed()
}

// getDigest is about GETs of manifests: one by digest with Docker-Content-Digest says nothing of
// those by tag.
func getDigest(_ *state, x *exchange) (evidence.Value, bool) {
	has := x.Header.Get("Docker-Content-Digest") != ""
	switch {
	case has && x.Tag != "":
		return evidence.Value{Value: "all", Seen: "GET by tag has Docker-Content-Digest"}, true
	case !has && x.Tag != "":
		return evidence.Value{Value: "by-digest", Seen: "GET by tag has no Docker-Content-Digest"}, true
	case !has:
		return evidence.Value{Value: "none", Seen: "GET by digest has no Docker-Content-Digest"}, true
	}
	return evidence.Value{}, false
}

// namedDigest is about a blob that was pushed by a sha512 digest.
func namedDigest(_ *state, x *exchange) (evidence.Value, bool) {
	switch algorithm, _, _ := strings.Cut(x.Header.Get("Docker-Content-Digest"), ":"); digest.Algorithm(algorithm) {
	case digest.SHA256:
		return evidence.Value{Value: "canonical", Seen: "the answer to a blob with a sha512 digest has a sha256 digest"}, true
	case digest.SHA512:
		return evidence.Value{Value: "kept", Seen: "a blob with a sha512 digest is answered with 201"}, true
	}
	return evidence.Value{}, false
}

// streamRange is about the first chunk of a session, if it has no Content-Range.
func streamRange(s *state, x *exchange) (evidence.Value, bool) {
	if x.Request.Get("Content-Range") != "" || s.session(x.Session).chunks > 0 || x.sent == 0 {
		return evidence.Value{}, false
	}
	seen := "Range after " + strconv.FormatInt(x.sent, 10) + " bytes is " + clean(x.Header.Get("Range"))
	switch rangeEnd(x.Header.Get("Range")) {
	case x.sent:
		return evidence.Value{Value: "last-byte", Seen: seen}, true
	case x.sent + 1:
		return evidence.Value{Value: "length", Seen: seen}, true
	}
	return evidence.Value{}, false
}

// mountSource is about the scopes of a challenge to a mount, and of what is answered after it.
func mountSource(s *state, x *exchange) (evidence.Value, bool) {
	names := func(scope string) bool { return strings.Contains(scope, "repository:"+x.From+":") }
	c, challenged := x.Challenge("bearer")
	switch {
	case challenged && !x.credentials && names(c.Parameters["scope"]):
		return evidence.Value{Value: "named", Seen: "the first challenge to a mount names the source"}, true
	case !challenged && x.credentials && s.mountScope != "" && !names(s.mountScope) && (x.Status == http.StatusCreated || x.Status == http.StatusAccepted):
		return evidence.Value{Value: "ignored", Seen: "a mount with a token for the target is answered with " + x.Outcome()}, true
	}
	return evidence.Value{}, false
}

// asksForPart reports whether a request is for a part of a blob.
func asksForPart(x *exchange) bool {
	first, last, ok := strings.Cut(strings.TrimPrefix(x.Request.Get("Range"), "bytes="), "-")
	return ok && (first != "0" || last != "") && x.Request.Get("If-Range") == ""
}

// accepts reports whether a request accepts a media type, or does not say.
func accepts(x *exchange, mediaType string) bool {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	values := strings.Join(x.Request.Values("Accept"), ",")
	return mediaType == "" || values == "" || strings.Contains(values, mediaType) || strings.Contains(values, "/*")
}

// notAcceptable reports whether a manifest that exists was refused, and Accept lacks its type.
func notAcceptable(s *state, x *exchange) bool {
	r := s.repo(x.Repo)
	d := string(x.Digest)
	if d == "" {
		d = r.tags[x.Tag]
	}
	m := r.manifests[d]
	return x.failed() && m != nil && m.present && !m.untagged && !accepts(x, m.mediaType)
}

// moves reports whether a push gives a tag that exists another manifest.
func (s *state) moves(x *exchange) bool {
	before := s.repo(x.Repo).tags[x.Tag]
	return x.Tag != "" && before != "" && before != string(digest.FromBytes(x.requestBody))
}

// refusedTag reports whether a push to a tag that exists was refused.
func refusedTag(s *state, x *exchange) bool {
	words := strings.ToLower(string(x.Body))
	return x.failed() && x.Tag != "" && s.repo(x.Repo).tags[x.Tag] != "" && (strings.Contains(words, "immutable") || strings.Contains(words, "already exists") || strings.Contains(words, "overwrit"))
}

// emptied reports whether all manifests of a repository that the recording shows were deleted.
func (s *state) emptied(repo string) bool {
	r, ok := s.repos[repo]
	if !ok || !r.pushed || len(r.manifests) == 0 {
		return false
	}
	for _, m := range r.manifests {
		if m.present {
			return false
		}
	}
	return true
}

// dashTag reports whether a manifest is asked for by a tag sha256-<hex>, and exists.
func dashTag(s *state, x *exchange) bool {
	d, ok := strings.CutPrefix(x.Tag, "sha256-")
	r := s.repo(x.Repo)
	m := r.manifests["sha256:"+d]
	return ok && m != nil && m.present && r.tags[x.Tag] == "" && (x.Status == http.StatusOK && x.content() == "sha256:"+d || x.Status == http.StatusNotFound)
}

// pageSize returns n, or 0.
func pageSize(x *exchange) int {
	n, err := strconv.Atoi(x.Query.Get("n"))
	if err != nil {
		return 0
	}
	return n
}

// badN reports whether n is given, and no number above 0.
func badN(x *exchange) bool { return x.Query.Has("n") && pageSize(x) < 1 }

// full reports whether a list can be one of several pages.
func full(x *exchange) bool {
	if x.Query.Get("n") == "" {
		return len(x.Tags()) >= 10
	}
	return len(x.Tags()) >= pageSize(x)
}

// more reports whether a list has a Link.
func more(x *exchange) bool { return x.Header.Get("Link") != "" }

// mounted is the answer with 201 to a mount.
func mounted(_ *state, x *exchange) (evidence.Value, bool) {
	return evidence.Value{Value: "readable", Seen: "a mount is answered with 201"}, true
}

// notMounted is the answer with 202 to a mount from a repository.
func notMounted(_ *state, x *exchange) (evidence.Value, bool) {
	if x.From == "" {
		return evidence.Value{}, false
	}
	return evidence.Value{Value: "never", Seen: "a mount is answered with 202"}, true
}

// parametersOf returns the parameters that all answers of a kind have had.
// One answer shows only those that are switched on or off.
func parametersOf(all *[]string, count *int, x *exchange) (evidence.Value, bool) {
	same := common(all, count, &x.Exchange)
	own := slices.DeleteFunc(slices.Clone(same), func(p string) bool {
		_, v, _ := strings.Cut(p, "=")
		plain := slices.Contains([]string{"", "true", "false"}, v)
		return *count == 1 && !plain || clean(p) != p || redact.Redacted(p)
	})
	text := strings.Join(own, "&")
	if _, err := url.ParseQuery(text); err != nil || len(own) == 0 {
		return evidence.Value{Value: "none", Seen: "no parameter is the same in all answers"}, *count > 1
	}
	return evidence.Value{Value: text, Seen: "all answers have the parameters " + text}, true
}

// isToken reports whether a request is to a token service.
func (x *exchange) isToken(s *state) bool {
	return x.whole && x.Status > 0 && x.Status < 500 && (x.Op == op.Token || s.realms[x.Host+x.path]) && !bytes.Contains([]byte(x.path), []byte("//"))
}
