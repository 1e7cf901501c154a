package spec

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
)

// Leftover is something that a suite has made in the registry, and has not deleted.
type Leftover struct {
	Repository string
	Kind       Kind
	Reference  string // a digest, a tag, or the URL of an upload session
	Reason     string // why it is there: "DELETE: status 405"
}

// Kind is a kind of [Leftover].
type Kind string

// The kinds.
const (
	Blob          Kind = "blob"
	Manifest      Kind = "manifest"
	Tag           Kind = "tag"
	UploadSession Kind = "upload session"
)

// WellKnown is the [Leftover.Reason] of blobs that any registry may have, such as
// the empty one and {}: they are pushed, and never deleted.
const WellKnown = "well-known content is never deleted"

// leastRandom is the length of content in bytes from which on it is random. What is
// shorter is well-known.
const leastRandom = 16

// ledger records what a suite has made, by the answers: what was answered with 201
// Created, and the upload sessions that were opened. Nothing else is deleted.
type ledger struct {
	base string // URL of the registry
	root string // the repositories of the suite begin with it

	mu       sync.Mutex
	made     map[item]bool       // all that were answered with 201; true: well-known content
	left     map[item]string     // reasons
	sessions map[string]*session // by their locations
	absent   map[string]bool     // digests that no content has
}

// item is something in a repository.
type item struct {
	repository string
	kind       Kind
	reference  string
}

// session is an upload session.
type session struct {
	item
	sent  int  // bytes
	ended bool // committed or cancelled
}

func newLedger(base, root string) *ledger {
	return &ledger{
		base: base, root: root,
		made: map[item]bool{}, left: map[item]string{}, sessions: map[string]*session{}, absent: map[string]bool{},
	}
}

// path returns the path of a blob, a manifest or a tag.
func (i item) path() string {
	if i.kind == Blob {
		return "/v2/" + i.repository + "/blobs/" + i.reference
	}
	return "/v2/" + i.repository + "/manifests/" + i.reference
}

// locate returns what a URL of the registry is about. The reference of an upload is
// the rest of the path, which is empty for a new one. It reports false for URLs of
// other forms.
func (l *ledger) locate(target string) (item, bool) {
	rest, ok := strings.CutPrefix(target, l.base+"/v2/")
	if !ok {
		return item{}, false
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, reference := cutLast(rest)
	if name, ok := strings.CutSuffix(rest, "/blobs/uploads"); ok {
		return item{name, UploadSession, reference}, true
	}
	switch name, kind := cutLast(rest); kind {
	case "blobs":
		return item{name, Blob, reference}, true
	case "manifests":
		return item{name, referenceKind(reference), reference}, true
	}
	return item{}, false
}

// cutLast cuts a path at its last slash.
func cutLast(path string) (before, after string) {
	i := max(strings.LastIndexByte(path, '/'), 0)
	return path[:i], strings.TrimPrefix(path[i:], "/")
}

// referenceKind tells digests from tags.
func referenceKind(reference string) Kind {
	if digest.Digest(reference).Validate() == nil {
		return Manifest
	}
	return Tag
}

// location returns a session's URL in a form that is the same whatever the order of
// its parameters, and without the digest that clients add.
func location(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return target
	}
	query := u.Query()
	query.Del("digest")
	u.RawQuery = query.Encode()
	return u.String()
}

// note records what an exchange has made, and returns what to delete in the end.
func (l *ledger) note(x *exchange) (added []item) {
	if reads := x.method == http.MethodGet || x.method == http.MethodHead; reads && x.answer.Get("Location") == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at, _ := l.locate(x.url)
	s := l.sessions[location(x.url)]
	query := x.query()
	switch {
	case x.method == http.MethodPost && x.status == http.StatusAccepted:
		return l.open(x, at.repository)
	case x.method == http.MethodPost && x.status == http.StatusCreated:
		if mounted := query.Get("mount"); mounted != "" {
			return l.add(item{at.repository, Blob, mounted}, l.isWellKnown(mounted))
		}
		return l.add(item{at.repository, Blob, query.Get("digest")}, x.body.size() < leastRandom)
	case x.method == http.MethodPut && x.status == http.StatusCreated && (at.kind == Manifest || at.kind == Tag):
		return l.addManifest(at, x, query["tag"])
	case s != nil && x.status >= 200 && x.status <= 299:
		return l.follow(s, x, query.Get("digest"))
	case x.method == http.MethodPut && x.status == http.StatusCreated && at.kind == UploadSession:
		return l.add(item{at.repository, Blob, query.Get("digest")}, x.body.size() < leastRandom)
	}
	return nil
}

// doubt returns what a request without an answer may have made. It is not deleted, as
// long as no other request is answered with 201.
func (l *ledger) doubt(x *exchange) []item {
	at, _ := l.locate(x.url)
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sessions[location(x.url)]; s != nil {
		at = s.item
	}
	d := x.query().Get("digest")
	switch {
	case x.method == http.MethodPut && (at.kind == Manifest || at.kind == Tag):
		return []item{{at.repository, Manifest, x.body.digest().String()}}
	case (x.method == http.MethodPut || x.method == http.MethodPost) && at.kind == UploadSession && d != "":
		return []item{{at.repository, Blob, d}}
	}
	return nil
}

// doubts reports whether something was perhaps made, without an answer.
func (l *ledger) doubts(i item) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, made := l.made[i]
	return !made && i.kind != UploadSession
}

// open records a session.
func (l *ledger) open(x *exchange, repository string) []item {
	where, ok := x.location()
	if !ok {
		return nil
	}
	s := &session{item: item{repository, UploadSession, where}}
	l.sessions[location(where)] = s
	return []item{s.item}
}

// follow records what a session has come to.
func (l *ledger) follow(s *session, x *exchange, committed string) []item {
	s.sent += x.body.size()
	switch {
	case x.method == http.MethodPut && x.status == http.StatusCreated:
		s.ended = true
		return l.add(item{s.repository, Blob, committed}, s.sent < leastRandom)
	case x.method == http.MethodDelete:
		s.ended = true
	default:
		if where, ok := x.location(); ok {
			s.reference = where
			l.sessions[location(where)] = s
		}
	}
	return nil
}

// addManifest records a manifest under its digest, and its tags.
func (l *ledger) addManifest(at item, x *exchange, tags []string) []item {
	common := x.body.size() < leastRandom
	added := l.add(item{at.repository, Manifest, x.body.digest().String()}, common)
	if at.reference != added[0].reference {
		added = append(added, l.add(at, common)...)
	}
	for _, tag := range tags {
		added = append(added, l.add(item{at.repository, Tag, tag}, common)...)
	}
	return added
}

// add records that something was created.
func (l *ledger) add(i item, common bool) []item {
	l.made[i] = l.made[i] || common
	if l.made[i] && i.kind != Tag {
		l.left[i] = WellKnown
	}
	return []item{i}
}

// isWellKnown reports whether well-known content was pushed with a digest.
func (l *ledger) isWellKnown(reference string) bool {
	for i, common := range l.made {
		if common && i.reference == reference {
			return true
		}
	}
	return false
}

// nowhere records that no content has a digest: it is that of a random text.
func (l *ledger) nowhere(d digest.Digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.absent[d.String()] = true
}

// allows returns an error unless a URL may be deleted: it is what this suite has
// made and not well-known, an upload session of this suite, or a name in one of its
// own repositories that is none of any content.
func (l *ledger) allows(target string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.locate(target)
	common, made := l.made[at]
	own := strings.HasPrefix(at.repository, l.root)
	valid := digest.Digest(at.reference).Validate() == nil
	switch {
	case common && at.kind != Tag:
		return fmt.Errorf("DELETE %s: refused by this program: %s", target, WellKnown)
	case made, ok && own && (at.kind == UploadSession || !valid || l.absent[at.reference]):
		return nil
	case (!ok || at.kind == UploadSession) && l.sessions[location(target)] != nil && !namesContent(target):
		return nil
	}
	return fmt.Errorf("DELETE %s: refused by this program: it did not make that", target)
}

// namesContent reports whether a URL, of any host, has the form of that of a manifest
// or a blob.
func namesContent(target string) bool {
	u, err := url.Parse(target)
	if err != nil {
		return true
	}
	rest, reference := cutLast(u.Path)
	_, kind := cutLast(rest)
	return kind == "manifests" || kind == "blobs" && digest.Digest(reference).Validate() == nil
}

// deletable returns the URL or path to delete something, or nothing if it is not
// deleted: it is well-known, or a session that has ended.
func (l *ledger) deletable(i item) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i.kind == UploadSession {
		s := l.sessions[location(i.reference)]
		if s == nil || s.ended {
			return ""
		}
		return s.reference // may have changed
	}
	if l.left[i] == WellKnown {
		return ""
	}
	return i.path()
}

// settle records whether something is left, and why.
func (l *ledger) settle(i item, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reason == "" {
		delete(l.left, i)
	} else {
		l.left[i] = reason
	}
}

func (l *ledger) leftovers() []Leftover {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Leftover, 0, len(l.left))
	for i, reason := range maps.All(l.left) {
		all = append(all, Leftover{i.repository, i.kind, i.reference, reason})
	}
	slices.SortFunc(all, func(a, b Leftover) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Reference, b.Reference))
	})
	return all
}
