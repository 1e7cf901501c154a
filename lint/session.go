package lint

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// session is an upload session, from the POST that began it.
type session struct {
	opener    *exchange
	locations []location // in the order of the answers that gave them
	offset    int64      // number of bytes that the registry has; -1 if it is not known
	own       int64      // number of bytes that the client sent in chunks that were accepted
	least     int64      // OCI-Chunk-Min-Length
	chunks    []chunk    // that were accepted, at most the first maxSeqs
	begun     int        // number of PATCH requests
	used      bool       // a request for it came
	failed    bool       // a request failed
	closed    bool       // committed, canceled, or lost by the registry
	canceled  bool       // closed by the client, without a blob
	ending    bool       // the answer to a commit or a DELETE did not arrive, and perhaps the session is closed
	unsure    *exchange  // a PATCH without Content-Range of which the client does not know what it did
}

type location struct {
	url  *url.URL
	end  time.Time // of the answer
	seq  uint64
	sure bool // the client received the answer
}

type chunk struct {
	seq  uint64
	size int64
}

func (s *session) repo() string { return s.opener.repo() }

// sessionOf returns the session of a request, and sets what it is if its path is not one of the
// specification: the path of a Location is the registry's own.
func (l *Linter) sessionOf(x *exchange) *session {
	if x.url == nil {
		return nil
	}
	s := l.sessions.Get(locationKey(x.url))
	if s == nil && x.Op == op.Unknown && uploadKinds[x.Method] != op.Unknown {
		for segment := range strings.SplitSeq(x.url.Path, "/") {
			if s = l.sessions.Get(idKey(segment)); s != nil {
				break
			}
		}
	}
	if s == nil && x.Session != "" {
		s = l.sessions.Get(idKey(x.Session))
		if s == nil && x.Status/100 == 4 {
			s = x.client.unused(l, x.repo())
		}
	}
	if s != nil && x.Op == op.Unknown {
		x.kind = uploadKinds[x.Method]
		x.Exchange = withRepo(x, s)
	}
	return s
}

// withRepo returns the exchange with the repository of its session, which its path does not have.
func withRepo(x *exchange, s *session) *record.Exchange {
	y := *x.Exchange
	y.Repo = s.opener.Repo
	y.Info.Digest = digestOf(x.url)
	return &y
}

var uploadKinds = map[string]op.Op{
	http.MethodPatch: op.UploadChunk, http.MethodPut: op.UploadCommit, http.MethodGet: op.UploadStatus, http.MethodDelete: op.UploadCancel,
}

// unused returns the latest session in a repository that the client began and has not used.
func (c *client) unused(l *Linter, repo string) *session {
	for _, s := range slices.Backward(l.begun.all) {
		if s.opener.client == c && s.repo() == repo && !s.used && !s.closed {
			return s
		}
	}
	return nil
}

func locationKey(u *url.URL) string { return "location " + u.Host + u.Path }
func idKey(id string) string        { return "session " + id }

// learnUpload remembers what a request to push a blob and its answer did.
func (l *Linter) learnUpload(x *exchange) {
	switch x.kind {
	case op.UploadStart, op.BlobPost, op.BlobMount:
		l.learnStart(x)
	case op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel:
		if x.session != nil {
			l.learnStep(x, x.session)
		}
	}
}

func (l *Linter) learnStart(x *exchange) {
	if x.kind == op.BlobMount && x.Status != 0 {
		x.client.mounts.Set(x.repo()+"@"+string(x.Info.Digest), nil)
	}
	switch {
	case x.Status == http.StatusCreated && x.answered():
		l.learnBlobPushed(x, nil)
	case x.Status == http.StatusAccepted && x.location() != nil:
		s := &session{opener: x}
		if x.kind == op.BlobMount {
			x.client.mounts.Set(x.repo()+"@"+string(x.Info.Digest), s)
		}
		s.least, _ = parseLength(value(x.ResponseHeader, "Oci-Chunk-Min-Length"))
		l.learnLocation(x, s)
		l.begun.add(s)
	}
}

// learnLocation remembers the Location of an answer in a session.
func (l *Linter) learnLocation(x *exchange, s *session) {
	u := x.location()
	if u == nil {
		return
	}
	// No sentence says that an error has a Location, so a client need not look at it.
	s.locations = append(s.locations, location{u, x.end, x.Seq, x.succeeded()})
	if len(s.locations) > maxSeqs {
		s.locations = slices.Delete(s.locations, 1, 2)
	}
	l.sessions.Set(locationKey(u), s)
	for _, id := range []string{op.Parse(http.MethodPatch, u).Session, value(x.ResponseHeader, "Docker-Upload-Uuid")} {
		if id != "" {
			l.sessions.Set(idKey(id), s)
		}
	}
}

func (l *Linter) learnStep(x *exchange, s *session) {
	s.used = true
	s.ending = !x.answered() && (x.kind == op.UploadCommit || x.kind == op.UploadCancel)
	sent := x.kind == op.UploadChunk || x.kind == op.UploadCommit
	switch {
	case x.kind == op.UploadCommit && x.Status == http.StatusCreated && x.answered():
		if x.length() > 0 {
			s.chunks = append(s.chunks, chunk{x.Seq, x.length()})
			s.own += x.length()
		}
		s.closed = true
		l.learnBlobPushed(x, s)
		return
	case x.kind == op.UploadCancel && x.Status/100 == 2:
		s.closed, s.canceled = true, true
		return
	case x.Status == http.StatusNotFound:
		s.closed = s.closed || !mislaid(x, s)
		return
	case sent && !x.succeeded():
		s.failed = true
		s.offset = -1
		if x.kind == op.UploadChunk && value(x.Header, "Content-Range") == "" && (!x.answered() || x.Status >= 500) && !mayBeRefused(x) {
			s.unsure = x
		}
	case x.kind == op.UploadChunk:
		s.begun++
		s.own += x.length()
		if _, last, ok := contentRange(value(x.Header, "Content-Range")); ok {
			s.offset = last + 1
		} else if s.offset >= 0 {
			s.offset += x.length()
		}
		if len(s.chunks) < maxSeqs {
			s.chunks = append(s.chunks, chunk{x.Seq, x.length()})
		}
		s.unsure = nil
	case x.kind == op.UploadStatus:
		s.unsure = nil
	}
	if x.Status/100 == 2 || x.Status == http.StatusRequestedRangeNotSatisfiable {
		l.learnLocation(x, s)
		if last, ok := endOfRange(x.ResponseHeader); ok && x.answered() {
			s.offset = last + 1
		}
	}
}

// mayBeRefused reports whether the client may know that the registry has not processed a request:
// HTTP/2 says so when it refuses a stream.
func mayBeRefused(x *exchange) bool { return x.Status == 0 && x.Proto == "HTTP/2.0" }

// mislaid reports whether a request did not go to a Location of its session, so that the answer
// says nothing about the session.
func mislaid(x *exchange, s *session) bool {
	return !slices.ContainsFunc(s.locations, func(at location) bool {
		how, _ := compareLocation(x, at.url)
		return how != changedLocation
	})
}

// learnBlobPushed remembers a blob that the registry accepted. The session is nil if there was none.
func (l *Linter) learnBlobPushed(x *exchange, s *session) {
	digest := string(x.Info.Digest)
	if digest == "" {
		return
	}
	x.client.pushing.Set(x.repo()+"@"+digest, &knowledge{x.Repo, x.Seq, x.end, x.run})
	x.client.know(x, digest)
	x.client.awaited.Set(x.repo()+"@"+digest, nil)
	size := x.length()
	if s != nil {
		size = s.own
	}
	if x.kind == op.BlobMount || s != nil && s.failed {
		size = -1
	}
	if known := l.contentOf(x, digest); known == nil {
		l.setContent(x, digest, content{size: size})
	}
}

// learnBlob remembers the answer to a request for a blob.
func (l *Linter) learnBlob(x *exchange) {
	digest := string(x.Info.Digest)
	switch {
	case digest == "":
	case x.kind == op.BlobDelete:
		if x.Status/100 == 2 {
			x.client.forget(x, digest)
		}
	case x.Status == http.StatusOK:
		x.client.know(x, digest)
		if !x.decided() && len(x.Traits) == 0 && l.contentOf(x, digest) == nil {
			if size := bodyLength(x.ResponseHeader); size > 0 { // some registries answer HEAD with 0
				l.setContent(x, digest, content{size: size})
			}
		}
	case x.Status == http.StatusNotFound:
		x.client.forget(x, digest)
	}
}
