package learn

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/evidence"
	"github.com/ocifake/ocifake/op"
)

// state is what earlier exchanges of a recording show of the registry's content. A recording may
// begin late and lack exchanges, so that what is not in the state is unknown.
type state struct {
	repos    map[string]*repository
	sessions map[string]*session
	realms   map[string]bool // host and path of token services

	mountScope string // of the last challenge to a mount

	uploads []string // parameters of the Location that all sessions have had, see common
	pages   []string // the same of Link
	counted [2]int   // how many
}

type repository struct {
	pushed    bool            // something was
	blobs     map[string]bool // by digest; false: deleted
	manifests map[string]*manifest
	tags      map[string]string // digest by tag; "" if it was deleted
}

type manifest struct {
	mediaType string
	present   bool
	untagged  bool // its tag was deleted, and it was not pushed again
}

// session is an upload session.
type session struct {
	offset int64 // -1: unknown
	chunks int
}

func newState() *state {
	return &state{repos: map[string]*repository{}, sessions: map[string]*session{}, realms: map[string]bool{}}
}

// repo returns the repository of an exchange.
func (s *state) repo(name string) *repository {
	r, ok := s.repos[name]
	if !ok {
		r = &repository{blobs: map[string]bool{}, manifests: map[string]*manifest{}, tags: map[string]string{}}
		s.repos[name] = r
	}
	return r
}

// session returns the session of an exchange. One that the recording does not open is unknown.
func (s *state) session(id string) *session {
	u, ok := s.sessions[id]
	if !ok {
		u = &session{offset: -1}
		s.sessions[id] = u
	}
	return u
}

// learn brings the state up to date with an exchange.
func (s *state) learn(x *exchange) {
	if c, ok := x.Challenge("bearer"); ok {
		_, at, _ := strings.Cut(c.Parameters["realm"], "://")
		s.realms[at] = true
		if x.Op == op.BlobMount {
			s.mountScope = c.Parameters["scope"]
		}
	}
	if !x.Succeeded() || x.Repo == "" {
		return
	}
	r := s.repo(x.Repo)
	switch d := x.content(); x.Op {
	case op.UploadStart, op.BlobMount, op.BlobPost, op.UploadChunk, op.UploadStatus:
		s.learnSession(x)
		if x.Status == 201 {
			r.pushed, r.blobs[d] = true, true
		}
	case op.UploadCommit:
		r.pushed, r.blobs[string(x.Digest)] = true, true
	case op.BlobGet, op.BlobHead:
		r.blobs[string(x.Digest)] = true
	case op.BlobDelete:
		r.blobs[string(x.Digest)] = false
	case op.ManifestPut, op.ManifestGet, op.ManifestHead:
		s.learnManifest(r, x)
	case op.ManifestDelete:
		r.manifests[string(x.Digest)] = &manifest{}
	case op.TagDelete:
		if m := r.manifests[r.tags[x.Tag]]; m != nil {
			m.untagged = true
		}
		r.tags[x.Tag] = ""
	}
}

// learnSession learns where a session is, and how far.
func (s *state) learnSession(x *exchange) {
	id := sessionOf(x)
	if id == "" || x.Status == 201 {
		return
	}
	u := s.session(id)
	switch x.Op {
	case op.UploadChunk:
		if u.chunks++; x.Session != id { // its identifier changes
			u.chunks += s.session(x.Session).chunks
		}
		if u.offset = -1; x.Header.Get("Range") != "" {
			u.offset = rangeEnd(x.Header.Get("Range"))
		}
	case op.UploadStatus:
		if u.chunks > 0 {
			u.offset = rangeEnd(x.Header.Get("Range"))
		}
	default:
		u.offset = 0
	}
}

// sessionOf returns the identifier of the session in a Location.
func sessionOf(x *exchange) string {
	_, id, ok := strings.Cut(x.Location(), "/blobs/uploads/")
	if !ok {
		_, id, ok = strings.Cut(x.Location(), "/blobs/upload/") // as GHCR has it
	}
	if !ok {
		return x.Session
	}
	id, _, _ = strings.Cut(id, "?")
	return id
}

// rangeEnd returns the offset after a Range such as 0-41, or -1.
func rangeEnd(text string) int64 {
	_, last, _ := strings.Cut(text, "-")
	end, err := strconv.ParseInt(last, 10, 64)
	if err != nil {
		return -1
	}
	return end + 1
}

func (s *state) learnManifest(r *repository, x *exchange) {
	d := x.content()
	if x.Op == op.ManifestPut && len(x.requestBody) > 0 {
		d = string(digest.FromBytes(x.requestBody))
	}
	if x.Op == op.ManifestPut {
		r.pushed = true
	}
	if d == "" {
		return
	}
	mediaType := x.Header.Get("Content-Type")
	if x.Op == op.ManifestPut {
		mediaType = x.Request.Get("Content-Type")
	}
	r.manifests[d] = &manifest{mediaType: mediaType, present: true}
	if x.Tag != "" {
		r.tags[x.Tag] = d
	}
}

// subject reports whether a manifest that is pushed has a subject.
func (x *exchange) subject() bool {
	var m struct{ Subject *json.RawMessage }
	return json.Unmarshal(x.requestBody, &m) == nil && m.Subject != nil
}

// common returns the parameters that all answers of a kind have had.
func common(all *[]string, count *int, x *evidence.Exchange) []string {
	if *count++; *count == 1 {
		*all = x.Parameters()
		return *all
	}
	var same []string
	for _, p := range x.Parameters() {
		for _, q := range *all {
			if p == q {
				same = append(same, p)
				break
			}
		}
	}
	*all = same
	return same
}
