package lint

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
)

func uploadRules() []Rule {
	return []Rule{{
		ID: "upload-location", Severity: Portability,
		Title:    "an upload does not go to the Location that the registry gave",
		Why:      "The Location is opaque: it can lead to another host, path or port, and its query can have the state of the session. A registry that needs what the client changed does not find the session.",
		Source:   "distribution-spec 1.1, POST then PUT",
		Sentence: "It SHOULD NOT be assembled manually by clients except where absolute/relative conversion is necessary.",
		Fix:      "Resolve the Location against the URL of the request, and add nothing but the parameter digest to the closing PUT.",
		Wrong:    "POST /v2/app/blobs/uploads/ → 202, Location: /v2/app/blobs/uploads/5f3e?_state=abc\nPUT /v2/app/blobs/uploads/5f3e?digest=sha256:…",
		Right:    "PUT /v2/app/blobs/uploads/5f3e?_state=abc&digest=sha256:…",
		judge:    func(_ *Linter, x *exchange) *found { return judgeLocation(x, changedLocation) },
	}, {
		ID: "upload-location-reordered", Severity: Should,
		Title:    "an upload reorders the parameters of the Location",
		Why:      "A signature over the query does not fit any more.",
		Source:   "distribution-spec 1.1, POST then PUT",
		Sentence: "Additionally, it SHOULD match exactly the `<location>` obtained from the `POST` request.",
		Fix:      "Append the parameter digest to the query as text; do not decode and encode the query.",
		Wrong:    "POST … → 202, Location: /upload/1?state=abc&part=1\nPUT /upload/1?digest=sha256:…&part=1&state=abc",
		Right:    "PUT /upload/1?state=abc&part=1&digest=sha256:…",
		judge:    func(_ *Linter, x *exchange) *found { return judgeLocation(x, reorderedLocation) },
	}, {
		ID: "upload-location-stale", Severity: Should,
		Title:    "an upload goes to an older Location than the latest",
		Why:      "Each answer can have another Location, with the state of the session after the chunk. A registry whose state is in the URL takes the request for a repetition.",
		Source:   "distribution-spec 1.1, Pushing a blob in chunks",
		Sentence: "Each consecutive chunk upload SHOULD use the `<location>` provided in the response to the previous chunk upload.",
		Fix:      "Replace the URL of the session by the Location of every answer.",
		Wrong:    "POST … → 202, Location: /upload/1?_state=a\nPATCH /upload/1?_state=a → 202, Location: /upload/1?_state=b\nPUT /upload/1?_state=a&digest=sha256:…",
		Right:    "PUT /upload/1?_state=b&digest=sha256:…",
		judge:    func(_ *Linter, x *exchange) *found { return judgeLocation(x, staleLocation) },
	}, {
		ID: "chunk-range-missing", Severity: Portability,
		Title:    "a chunk after the first has no Content-Range",
		Why:      "The registry cannot see that a chunk is missing or came twice: the blob is damaged, which only the closing PUT shows.",
		Source:   "distribution-spec 1.1, Pushing a blob in chunks",
		Sentence: "Chunks MUST be uploaded in order, with the first byte of a chunk being the last chunk's `<end-of-range>` plus one.",
		Fix:      "Send Content-Range: FIRST-LAST with every chunk.",
		Wrong:    "PATCH …, Content-Length: 5 → 202, Range: 0-4\nPATCH …, Content-Length: 5",
		Right:    "PATCH …, Content-Range: 5-9, Content-Length: 5",
		judge:    judgeRangeMissing,
	}, {
		ID: "chunk-range-wrong", Severity: Must,
		Title:    "the Content-Range of a chunk does not fit the upload",
		Why:      "The registry refuses the chunk with 416, or stores a damaged blob.",
		Source:   "distribution-spec 1.1, Pushing a blob in chunks",
		Sentence: "Chunks MUST be uploaded in order, with the first byte of a chunk being the last chunk's `<end-of-range>` plus one.",
		Fix:      "Send Content-Range: FIRST-LAST, without a unit. FIRST is one more than the end of the Range of the latest answer, 0 for the first chunk. LAST is the position of the last byte of the body.",
		Wrong:    "PATCH …, Content-Range: 0-5, Content-Length: 5",
		Right:    "PATCH …, Content-Range: 0-4, Content-Length: 5",
		judge:    judgeRangeWrong,
	}, {
		ID: "chunk-below-minimum", Severity: Portability,
		Title:    "a chunk that is not the last is smaller than the registry's minimum",
		Why:      "Registries that store chunks as parts of an object refuse small parts with 416.",
		Source:   "distribution-spec 1.1, Pushing a blob in chunks",
		Sentence: "If the registry provides an `OCI-Chunk-Min-Length` header in the `POST` response, the size of each chunk, except for the final chunk, SHOULD be greater or equal to that value.",
		Fix:      "Read OCI-Chunk-Min-Length from the answer to the POST, and send chunks of at least this size.",
		Wrong:    "POST … → 202, OCI-Chunk-Min-Length: 1048576\nPATCH …, Content-Range: 0-1023",
		Right:    "PATCH …, Content-Range: 0-1048575",
		judge:    judgeSmallChunk,
	}, {
		ID: "chunk-needless", Severity: Portability,
		Title: "a small blob is pushed in several chunks",
		Why:   "Each chunk is a round trip, and some registries store each one as an object of its own.",
		Fix:   "Send a blob of less than 1 MiB as the body of the closing PUT.",
		Wrong: "PATCH …, Content-Range: 0-4\nPATCH …, Content-Range: 5-9\nPUT …?digest=sha256:…",
		Right: "PUT …?digest=sha256:…, Content-Length: 10",
		judge: judgeNeedlessChunks,
	}, {
		ID: "upload-start-length", Severity: Must,
		Title:    "the POST that begins a chunked upload has no Content-Length",
		Why:      "Some proxies answer 411, or wait for a body.",
		Source:   "distribution-spec 1.1, Pushing a blob in chunks",
		Sentence: "The process remains unchanged for chunked upload, except that the post request MUST include the following header:",
		Fix:      "Send Content-Length: 0 with the POST.",
		Wrong:    "POST /v2/app/blobs/uploads/\nPATCH …",
		Right:    "POST /v2/app/blobs/uploads/, Content-Length: 0\nPATCH …",
		judge:    judgeStartLength,
	}, {
		ID: "upload-content-type", Severity: Should,
		Title:    "the body of an upload has another Content-Type than application/octet-stream",
		Why:      "A registry or a proxy can take the body for a form or a text, and change or refuse it.",
		Source:   "distribution-spec 1.1, POST then PUT",
		Sentence: "Once the `<location>` has been obtained, perform the upload proper by making a `PUT` request to the following URL path, and with the following headers and body:",
		Fix:      "Send Content-Type: application/octet-stream with every body of a blob.",
		Wrong:    "PUT …?digest=sha256:…, Content-Type: application/x-www-form-urlencoded",
		Right:    "PUT …?digest=sha256:…, Content-Type: application/octet-stream",
		judge:    judgeUploadType,
	}, {
		ID: "upload-left-open", Severity: Waste,
		Title:   "an upload session is left open",
		Why:     "The registry keeps what was sent until the session expires, and some registries limit the number of sessions.",
		Fix:     "Close each session with a PUT, or cancel it with DELETE.",
		Wrong:   "POST … → 202, Location: /upload/1\n(nothing more)",
		Right:   "DELETE /upload/1",
		history: true, finish: finishOpenSessions,
	}, {
		ID: "upload-known-blob", Severity: Waste,
		Title: "a blob is pushed that the client knew to be there",
		Why:   "The whole content is sent for nothing.",
		Fix:   "Do not upload what HEAD has shown, or what was pushed before.",
		Wrong: "HEAD /v2/app/blobs/sha256:… → 200\nPOST /v2/app/blobs/uploads/, PUT …?digest=sha256:…",
		Right: "HEAD /v2/app/blobs/sha256:… → 200",
		judge: judgeKnownBlob,
	}, {
		ID: "mount-not-tried", Severity: Waste,
		Title: "a blob is pushed that is in another repository of the same registry, without an attempt to mount it",
		Why:   "A mount costs one request in place of the whole content.",
		Fix:   "Begin with POST …/blobs/uploads/?mount=DIGEST&from=REPOSITORY, and upload only if it answers 202.",
		Wrong: "HEAD /v2/base/blobs/sha256:… → 200\nPOST /v2/app/blobs/uploads/, PUT …?digest=sha256:…",
		Right: "POST /v2/app/blobs/uploads/?mount=sha256:…&from=base → 201",
		judge: judgeNoMount,
	}, {
		ID: "mount-restarted", Severity: Waste,
		Title: "a client begins another upload session after a mount that was not made",
		Why:   "The answer 202 to a mount has begun a session, which stays open.",
		Fix:   "Use the Location of the answer to the mount for the upload.",
		Wrong: "POST …?mount=sha256:…&from=base → 202, Location: /upload/1\nPOST /v2/app/blobs/uploads/",
		Right: "PUT /upload/1?digest=sha256:…",
		judge: judgeRestartedMount,
	}}
}

// fit is how the URL of a request relates to the latest Location of its session.
type fit uint8

const (
	sameLocation fit = iota
	reorderedLocation
	staleLocation
	changedLocation
)

// judgeLocation reports a request in a session whose URL relates to the Location in a way.
func judgeLocation(x *exchange, want fit) *found {
	s := x.session
	if s == nil || s.closed {
		return nil
	}
	var known []location // those that the client had when it sent the request
	for _, at := range s.locations {
		if x.after(at.end) {
			known = append(known, at)
		}
	}
	if len(known) == 0 || len(known) < len(s.locations) && s.locations[len(known)].sure {
		return nil
	}
	latest := known[len(known)-1]
	how, what := compareLocation(x, latest.url)
	if how == changedLocation || how == reorderedLocation {
		later := latest.sure // whether a later Location that the client received is known
		for _, older := range slices.Backward(known[:len(known)-1]) {
			if same, _ := compareLocation(x, older.url); same == sameLocation {
				how, what = staleLocation, ""
				if !later || x.kind == op.UploadStatus || x.kind == op.UploadCancel {
					how = sameLocation // any Location does
				}
				break
			}
			later = later || older.sure
		}
	}
	if how != want || how == sameLocation {
		return nil
	}
	also := []uint64{latest.seq}
	switch how {
	case staleLocation:
		return in(x, also, "%s %s is not at the latest Location, that of request %d", x.Method, x.Target, latest.seq)
	case reorderedLocation:
		return in(x, also, "%s %s has the parameters of the Location of request %d in another order", x.Method, x.Target, latest.seq)
	}
	return in(x, also, "%s %s is not at the Location of request %d: %s", x.Method, x.Target, latest.seq, what)
}

// compareLocation compares the URL of a request with a Location, and says what differs.
func compareLocation(x *exchange, wanted *url.URL) (how fit, what string) {
	switch {
	case x.url.Host != wanted.Host:
		return changedLocation, "the host is " + x.url.Host + " in place of " + wanted.Host
	case x.Secure && wanted.Scheme == "http" && !x.session.opener.Secure:
		return changedLocation, "the scheme is https in place of http"
	case x.url.Path != wanted.Path:
		return changedLocation, "the path is " + x.url.Path + " in place of " + wanted.Path
	}
	given, want := parameters(x.url), parameters(wanted)
	appended := true
	if x.kind == op.UploadCommit && !slices.ContainsFunc(want, isDigest) {
		i := slices.IndexFunc(given, isDigest)
		appended = i < 0 || i == len(given)-1
		given = slices.DeleteFunc(given, isDigest)
	}
	if slices.Equal(given, want) && appended {
		return sameLocation, ""
	}
	sort.Strings(given)
	sort.Strings(want)
	if slices.Equal(given, want) {
		return reorderedLocation, ""
	}
	return changedLocation, "the query is " + x.url.RawQuery + " in place of " + wanted.RawQuery
}

func isDigest(parameter string) bool { return strings.HasPrefix(parameter, "digest=") }

// parameters returns the parameters of a URL as "name=value", decoded, in their order.
func parameters(u *url.URL) []string {
	var all []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		all = append(all, unescaped(name)+"="+unescaped(value))
	}
	return all
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// digestOf returns the digest parameter of a URL.
func digestOf(u *url.URL) digest.Digest { return digest.Digest(u.Query().Get("digest")) }

func judgeRangeMissing(_ *Linter, x *exchange) *found {
	s := x.session
	if x.kind != op.UploadChunk || s == nil || s.begun == 0 || value(x.Header, "Content-Range") != "" || x.length() == 0 {
		return nil
	}
	return in(x, nil, "chunk %d of the upload to %s has no Content-Range", s.begun+1, x.Repo)
}

func judgeRangeWrong(_ *Linter, x *exchange) *found {
	field := value(x.Header, "Content-Range")
	if x.session == nil || field == "" || x.kind != op.UploadChunk && x.kind != op.UploadCommit {
		return nil
	}
	size := x.length()
	if size == 0 {
		return nil // a closing PUT without a chunk
	}
	first, last, ok := contentRange(field)
	s := x.session
	switch {
	case !ok:
		return in(x, nil, "%s: Content-Range %q of a chunk for %s does not match ^[0-9]+-[0-9]+$", x.Method, field, x.Repo)
	case value(x.Header, "Content-Length") == "" && !x.succeeded():
		return nil // how long the body should have been is not known
	case last-first+1 != size:
		return in(x, nil, "%s: Content-Range %s of a chunk for %s is %d bytes long, and the body is %d", x.Method, field, x.Repo, last-first+1, size)
	case s.offset >= 0 && first != s.offset && first != s.own && x.after(s.answerEnd()):
		return in(x, nil, "%s: Content-Range %s of a chunk for %s does not begin at %d, behind the last chunk", x.Method, field, x.Repo, s.offset)
	}
	return nil
}

// answerEnd is when the client had the latest answer with a Location.
func (s *session) answerEnd() (end time.Time) {
	if n := len(s.locations); n > 0 {
		return s.locations[n-1].end
	}
	return end
}

func judgeSmallChunk(_ *Linter, x *exchange) *found {
	s := x.session
	if s == nil || s.least == 0 || x.kind != op.UploadChunk && x.kind != op.UploadCommit || x.length() == 0 || len(s.chunks) == 0 {
		return nil
	}
	if last := s.chunks[len(s.chunks)-1]; last.size < s.least {
		return in(x, []uint64{last.seq}, "chunk %d of the upload to %s, in request %d, has %d bytes and is not the last; the minimum is %d",
			len(s.chunks), x.Repo, last.seq, last.size, s.least)
	}
	return nil
}

// smallBlob is the size up to which one PUT does for a blob.
const smallBlob = 1 << 20

func judgeNeedlessChunks(_ *Linter, x *exchange) *found {
	s := x.session
	if s == nil || x.kind != op.UploadCommit || !x.succeeded() || s.failed || s.least > 0 {
		return nil
	}
	count, size := len(s.chunks), s.own
	if x.length() > 0 {
		count, size = count+1, size+x.length()
	}
	if count < 2 || size >= smallBlob {
		return nil
	}
	return in(x, nil, "a blob of %d bytes for %s is pushed in %d chunks", size, x.Repo, count)
}

func judgeStartLength(_ *Linter, x *exchange) *found {
	s := x.session
	if s == nil || x.kind != op.UploadChunk || s.used || !strings.HasPrefix(s.opener.Proto, "HTTP/1.") || value(s.opener.Header, "Content-Length") != "" {
		return nil
	}
	return in(s.opener, []uint64{x.Seq}, "POST %s begins a chunked upload and has no Content-Length", s.opener.Target)
}

func judgeUploadType(_ *Linter, x *exchange) *found {
	body := x.kind == op.UploadChunk || x.kind == op.UploadCommit || x.kind == op.BlobPost
	if got := value(x.Header, "Content-Type"); body && x.length() > 0 && mediaType(got) != "application/octet-stream" {
		return in(x, nil, "%s to %s has a body with Content-Type %q", x.Method, x.Repo, got)
	}
	return nil
}

func finishOpenSessions(l *Linter) []found {
	var all []found
	for _, s := range l.begun.all {
		if !s.closed && !s.ending {
			all = append(all, *in(s.opener, nil, "the upload session of request %d for %s is neither closed nor canceled", s.opener.Seq, s.opener.Repo))
		}
	}
	return all
}

// committed reports whether a request uploaded a whole blob, and returns the request that
// began the upload.
func committed(x *exchange) (opener *exchange, ok bool) {
	switch {
	case x.kind == op.BlobPost && x.Status == http.StatusCreated && x.answered():
		return x, true
	case x.kind == op.UploadCommit && x.Status == http.StatusCreated && x.answered() && x.session != nil:
		return x.session.opener, true
	}
	return nil, false
}

func judgeKnownBlob(_ *Linter, x *exchange) *found {
	opener, ok := committed(x)
	if !ok || x.Info.Digest == "" {
		return nil
	}
	k := x.client.known.Get(x.repo() + "@" + string(x.Info.Digest))
	if k == nil || k.run != x.run || !opener.after(k.end) || k.seq >= opener.Seq {
		return nil
	}
	return in(x, []uint64{k.seq}, "blob %s is pushed to %s, although request %d has shown that it is there", x.Info.Digest, x.Repo, k.seq)
}

func judgeNoMount(_ *Linter, x *exchange) *found {
	opener, ok := committed(x)
	if !ok || x.Info.Digest == "" || opener.kind == op.BlobMount {
		return nil
	}
	digest := string(x.Info.Digest)
	if x.client.mounts.Has(x.repo()+"@"+digest) || x.client.known.Get(x.repo()+"@"+digest) != nil {
		return nil
	}
	for _, k := range x.client.holders.Get(x.host() + "@" + digest) {
		if k.repo != x.Repo && k.run == x.run && opener.after(k.end) && k.seq < opener.Seq {
			return in(x, []uint64{k.seq}, "blob %s is pushed to %s; request %d has shown that it is in %s, and no mount was tried", digest, x.Repo, k.seq, k.repo)
		}
	}
	return nil
}

func judgeRestartedMount(_ *Linter, x *exchange) *found {
	opener, ok := committed(x)
	if !ok || x.Info.Digest == "" {
		return nil
	}
	s := x.client.mounts.Get(x.repo() + "@" + string(x.Info.Digest))
	if s == nil || s == x.session || s.closed && !s.canceled || s.failed || s.opener.run != x.run || !opener.after(s.opener.end) || s.opener.Seq >= opener.Seq {
		return nil
	}
	return in(x, []uint64{s.opener.Seq}, "blob %s is pushed to %s in another session than that of request %d, which answered a mount", x.Info.Digest, x.Repo, s.opener.Seq)
}
