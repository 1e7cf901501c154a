package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/op"
)

// Dialect is how a registry differs from the strict one, as real registries do: the answers that
// it gives, and what it does. The zero value does not differ.
//
// Dialect is experimental: its fields may change in any release. Package profiles has the dialects
// of real registries.
type Dialect struct {
	// Answers change the answers of the registry. All rows that match apply, in order.
	Answers []Answer

	// Missing are operations that the registry does not have: 405 UNSUPPORTED, unless Answers
	// change it.
	Missing []op.Op

	AnyName   bool // names of repositories are not checked
	HideBlobs bool // a repository that never had a manifest is unknown to manifests, tags and referrers

	FixedLocation      bool    // the Location of an upload session never changes, and works without its query
	IgnoreContentRange bool    // chunks are appended, whatever their Content-Range says
	OneStream          bool    // a chunk without Content-Range is refused if the session has content: UploadInvalid
	AnyUploadType      bool    // the Content-Type of uploaded content is not checked
	IgnoreStray        bool    // the body of a POST that has no use for one is ignored
	AnySession         bool    // a session that does not exist is begun by its first request
	UploadCreates      bool    // the POST that begins an upload creates the repository
	RefuseMount        bool    // a mount of what the source does not have is refused: mountMissing
	Stale              []op.Op // the operations that refuse the Location of an earlier answer: uploadStale
	StaleCancels       bool    // a request that Stale refuses cancels the session
	NegativeRange      bool    // the Range of a session without content is 0--1
	StreamLength       bool    // the Range after a chunk without Content-Range ends with the number of bytes
	CommitState        bool    // the answer that creates a blob has the Location, the Range and the ID of its session
	FailedCommit       string  // what a PUT with a wrong digest does to the session

	// Mounts says which mounts succeed: [MountReadable] or another of its values. Other mounts are answered with an upload session.
	Mounts string

	IgnoreRange    bool // GET of a blob ignores Range
	ClosedRange    bool // a Range of a blob is refused unless it is bytes=<first>-<last>, with last in the blob
	ServeBlobs     bool // GET and HEAD of a blob do what http.ServeContent does
	ServeManifests bool // GET and HEAD of a manifest do what http.ServeContent does
	PlainCondition bool // GET and HEAD of a manifest have one condition: If-None-Match with the entity tag alone

	// MountOnHead makes a HEAD or a GET with Range of a blob that only other repositories have mount it
	// from one of those from which the client may pull. A plain GET does not find it before.
	MountOnHead bool

	NoEntityTag        bool // blobs and manifests have no ETag, and GET and HEAD no conditions
	IgnorePrecondition bool // PUT and DELETE of a manifest ignore If-Match and If-None-Match
	EachOCITag         bool // OCI-Tag also has the tag in the URL

	// BlobType is the Content-Type of blobs: [OctetStream] or another of its values.
	BlobType string

	// SHA512 says what becomes of digests with sha512: [SHA512Kept] or another of its values.
	SHA512 string

	// Unrouted says which references of manifests are unknown pages, even before authentication:
	// [UnroutedNone] or another of its values.
	Unrouted string

	NeedAccept       bool   // with StrictAccept, OCI manifests need their type in Accept, not a range of types; others are not refused
	DashAlias        bool   // sha256-<hex>, which is a tag by its form, is the manifest with that digest
	ImmutableSame    bool   // ImmutableTags also refuses to push the same manifest again
	AnyReference     bool   // a manifest is accepted by a malformed digest, and stored by its own
	AnyDigest        bool   // a manifest is accepted by a digest that it does not have, and stored by its own
	AnyDescriptor    bool   // descriptors need no size; their sizes, media types and data are not compared with what they describe
	RefuseSubject    bool   // a manifest with a subject is refused: Unsupported
	RefuseLayerless  bool   // an image manifest without layers is refused: ManifestInvalid
	ContentFirst     bool   // a manifest's content is judged before the digest in the URL
	EchoManifest     bool   // the answer to the PUT of a manifest has the manifest as its body
	TagsOfDeleted    string // of a manifest that is deleted by digest
	DeleteWithTag    bool   // deleting a tag deletes its manifest
	DropUntagged     bool   // a manifest whose last tag is set on another one is deleted
	RefuseDocker     bool   // manifests of Docker's types are refused: typeUnknown
	DeleteReferenced bool   // what a manifest of the repository refers to is not deleted: Denied

	Unpaged       bool   // the list of tags ignores n and last, and has no Link
	RefuseLarge   bool   // n above PageSize is refused: Unsupported
	ZeroIsAll     bool   // n=0 is no n
	IgnoreBadN    bool   // an n that is no number of entries is ignored
	UnknownLast   string // a list after an entry that does not exist
	OpaqueCursor  bool   // last is a cursor: those of no Link are refused: Unsupported
	Order         string // of tags
	NullTags      bool   // an empty list of tags is null
	NullReferrers bool   // an empty list of referrers is null
	NoLink        bool   // lists have no Link
	BareLink      bool   // the URL in Link has no angle brackets
	LinkWhen      string // which lists of tags have a Link
	LinkQuery     string // is added to the query of Link
	TagsOfUnknown bool   // an unknown repository has an empty list of tags
	HideEmpty     bool   // a repository without manifests is unknown to its list of tags
	HideUntagged  bool   // a repository without tags is unknown to its list of tags
	NameFrom      int    // the first components of the repository's name that a list of tags omits

	ConfigType            bool // artifactType of a referrer is the mediaType of its config, whatever its own is
	NoFilter              bool // referrers are not filtered by artifactType
	ReferrersUnlinked     bool // the list of referrers is not paged, and ignores n and last
	AnySubject            bool // the referrers of a malformed digest are an empty list
	RefuseUnknownSubjects bool // the referrers of a manifest that does not exist are refused: ManifestUnknown

	// ReferrersOrder is the order of a list of referrers: [ReferrersByDigest] or another of its
	// values. That of a push needs a Store that counts pushes.
	ReferrersOrder string

	AbsoluteUpload   bool // Location of an upload session has scheme and host
	AbsoluteBlob     bool // Location of a blob
	AbsoluteManifest bool // Location of a manifest
	AbsoluteLink     bool // Link

	SingularUpload bool // an upload session is at /blobs/upload/<id>, and also at /blobs/uploads/<id>

	// StateParameter is the name of the state in the Location of an upload session, by default
	// "_state".
	StateParameter string

	// UploadQuery is added to the query of the Location of an upload session.
	UploadQuery string

	// ManifestReference is the form of the reference in the Location of a manifest: [ByDigest] or
	// [AsPushed].
	ManifestReference string
}

// The values of [Dialect.Mounts].
const (
	MountReadable   = ""           // from repositories that the client may pull from; without a source, from any
	MountNamed      = "named"      // only from a repository that the request names
	MountReferenced = "referenced" // only if a manifest of the source refers to the blob
	MountAny        = "any"        // from any repository, whatever the request names
)

// The values of [Dialect.BlobType].
const (
	OctetStream        = ""                     // application/octet-stream
	Described          = "described"            // the media type in a manifest of the repository, if there is one
	Sniffed            = "sniffed"              // what net/http finds in the content
	DescribedOrSniffed = "described-or-sniffed" // the media type in a manifest, or else what net/http finds
)

// The values of [Dialect.SHA512].
const (
	SHA512Kept      = ""          // they are digests like those with sha256
	SHA512Wrong     = "wrong"     // no content has them: DigestInvalid
	SHA512Canonical = "canonical" // blobs have them, and answers name the sha256 digest; no manifest has them: DigestInvalid
)

// The values of [Dialect.Unrouted].
const (
	UnroutedNone = ""     // none: a reference that is invalid is refused
	UnroutedAll  = "all"  // those that are neither a tag nor a digest
	UnroutedTags = "tags" // of these, those that do not have the form of a digest
)

// The values of [Dialect.FailedCommit].
const (
	CommitUndone   = ""         // it is as before
	CommitEnds     = "ended"    // it is cancelled
	CommitAdvances = "advanced" // it has the content of the PUT
)

// The values of [Dialect.UnknownLast].
const (
	ListAfter     = ""       // lists the entries that sort after it
	ListNothing   = "empty"  // lists nothing
	RefuseUnknown = "refuse" // refuses: lastUnknown
)

// The values of [Dialect.LinkWhen].
const (
	LinkMore   = ""       // those after which there are more entries
	LinkFull   = "full"   // also those with as many entries as n
	LinkAlways = "always" // all
)

// The values of [Dialect.Order].
const (
	OrderBytes = ""         // bytewise
	OrderNone  = "unsorted" // in no order, but the same for each request
)

// The values of [Dialect.ReferrersOrder].
const (
	ReferrersByDigest = ""             // bytewise by digest
	ReferrersNewest   = "newest-first" // the one that was pushed last first
	ReferrersOldest   = "oldest-first" // the one that was pushed first first
	ReferrersUnsorted = "unsorted"     // in no order, but the same for each request
)

// The values of [Dialect.ManifestReference].
const (
	ByDigest = ""          // the digest
	AsPushed = "as-pushed" // the tag or digest of the request
)

// Answer is a row of a dialect: how it answers in a situation. Texts can contain the placeholders
// {repo}, {tag}, {digest}, {reference}, {session}, {origin}, {host}, {target}, {content}, which is the
// digest of what the answer is about, {etag}, 32 digits of that, and {range}, the Range of the answer.
type Answer struct {
	Trait string  `json:"trait,omitempty"` // marks the exchanges of which it changes status, code or body
	Ops   []op.Op `json:"ops,omitempty"`   // the operations; empty: all

	// Causes are the errors to which the row applies. Without Causes, the row applies to answers
	// without an error or, with Errors, to all errors.
	Causes []Cause `json:"causes,omitempty"`
	Errors bool    `json:"errors,omitempty"`

	// By restricts the row to requests with a tag, or with a digest: [ByTag] or [ByDigestOnly].
	By string `json:"by,omitempty"`

	// Created restricts the row to answers with 201: a mount also begins an upload, with 202.
	Created bool `json:"created,omitempty"`

	Status int    `json:"status,omitempty"` // 0: unchanged
	Code   string `json:"code,omitempty"`   // the error code; empty: unchanged

	// Message is the message of an error, if not nil, and Detail its detail.
	Message *string         `json:"message,omitempty"`
	Detail  json.RawMessage `json:"detail,omitempty"`

	// Shape is the form of the body of an error: [ShapeList] or another of its values.
	Shape string `json:"shape,omitempty"`

	// Body replaces the body, if not nil.
	Body *string `json:"body,omitempty"`

	// Header sets header fields. A field with an empty list is removed.
	Header map[string][]string `json:"header,omitempty"`
}

// The values of [Answer.By].
const (
	AnyReference = ""
	ByTag        = "tag"
	ByDigestOnly = "digest"
)

// The values of [Answer.Shape].
const (
	ShapeList     = ""          // {"errors": [{"code", "message", "detail"}]}
	ShapeNoDetail = "no-detail" // the same without detail
	ShapeBare     = "bare"      // {"code", "message", "detail"}
	ShapeText     = "text"      // the message as text/plain
	ShapeEmpty    = "empty"     // no body
)

var (
	mounts         = []string{MountReadable, MountNamed, MountReferenced, MountAny}
	blobTypes      = []string{OctetStream, Described, Sniffed, DescribedOrSniffed}
	unrouted       = []string{UnroutedNone, UnroutedAll, UnroutedTags}
	unknownLasts   = []string{ListAfter, ListNothing, RefuseUnknown}
	linkWhens      = []string{LinkMore, LinkFull, LinkAlways}
	orders         = []string{OrderBytes, OrderNone}
	byReferrers    = []string{ReferrersByDigest, ReferrersNewest, ReferrersOldest, ReferrersUnsorted}
	references     = []string{ByDigest, AsPushed}
	shapes         = []string{ShapeList, ShapeNoDetail, ShapeBare, ShapeText, ShapeEmpty}
	deletions      = []string{TagsDeleted, TagsServe, TagsDangle}
	commits        = []string{CommitUndone, CommitEnds, CommitAdvances}
	referenceKinds = []string{AnyReference, ByTag, ByDigestOnly}
)

func oneOf(name, value string, values []string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return fmt.Errorf("%s is %q: want one of %q", name, value, values)
}

// validate returns an error for a value that the registry does not know.
func (d *Dialect) validate() error {
	if d == nil {
		return nil
	}
	for i := range d.Answers {
		if err := d.Answers[i].validate(); err != nil {
			return fmt.Errorf("dialect: answer %d: %w", i+1, err)
		}
	}
	err := errors.Join(
		oneOf("Mounts", d.Mounts, mounts),
		oneOf("BlobType", d.BlobType, blobTypes),
		oneOf("Unrouted", d.Unrouted, unrouted),
		oneOf("TagsOfDeleted", d.TagsOfDeleted, deletions),
		oneOf("FailedCommit", d.FailedCommit, commits),
		oneOf("UnknownLast", d.UnknownLast, unknownLasts),
		oneOf("LinkWhen", d.LinkWhen, linkWhens),
		oneOf("Order", d.Order, orders),
		oneOf("ReferrersOrder", d.ReferrersOrder, byReferrers),
		oneOf("ManifestReference", d.ManifestReference, references),
		checkParameter("StateParameter", d.StateParameter),
		checkQuery("UploadQuery", d.UploadQuery),
		checkQuery("LinkQuery", d.LinkQuery),
	)
	if err != nil {
		return fmt.Errorf("dialect: %w", err)
	}
	return nil
}

func (a *Answer) validate() error {
	switch {
	case a.Status != 0 && (a.Status < 200 || a.Status > 599):
		return fmt.Errorf("status %d: want 200 to 599", a.Status)
	case len(a.Causes) > 0 && a.Errors:
		return errors.New("causes or errors: choose one")
	case !a.onErrors() && (a.Code != "" || a.Message != nil || a.Detail != nil || a.Shape != ""):
		return errors.New("code, message, detail and shape are those of errors: name causes")
	case a.Detail != nil && !json.Valid(a.Detail):
		return errors.New("detail is not JSON")
	}
	for name, values := range a.Header {
		if err := checkField(name, values); err != nil {
			return fmt.Errorf("header: %w", err)
		}
	}
	return errors.Join(oneOf("by", a.By, referenceKinds), oneOf("shape", a.Shape, shapes))
}

// checkField returns an error for a header field that cannot be sent.
func checkField(name string, values []string) error {
	switch {
	case !httpfield.ValidToken(name):
		return fmt.Errorf("%q is not the name of a field", name)
	case len(values) > 0 && strings.EqualFold(name, "Content-Length"):
		return errors.New("Content-Length is that of the body")
	case slices.ContainsFunc(values, func(v string) bool { return strings.ContainsFunc(v, unicode.IsControl) }):
		return fmt.Errorf("a value of %s has a control character", name)
	}
	return nil
}

// checkParameter returns an error for a text that is not the name of a parameter.
func checkParameter(name, text string) error {
	if text != "" && (!httpfield.ValidToken(text) || strings.ContainsAny(text, "#%&+")) {
		return fmt.Errorf("%s is %q: want the name of a parameter", name, text)
	}
	return nil
}

// checkQuery returns an error for a text that cannot be part of a query.
func checkQuery(name, query string) error {
	if _, err := url.ParseQuery(query); err != nil || strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"#", r) }) {
		return fmt.Errorf("%s is %q: want parameters, as a=b&c=d", name, query)
	}
	return nil
}

// onErrors reports whether the row applies to errors.
func (a *Answer) onErrors() bool { return a.Errors || len(a.Causes) > 0 }

// counts reports whether the row changes more than the header.
func (a *Answer) counts() bool {
	return a.Status != 0 || a.Code != "" || a.Message != nil || a.Detail != nil || a.Shape != "" || a.Body != nil
}

// spoken is the rows and the operations of a dialect in use.
type spoken struct {
	done    [][]*Answer // rows for answers without an error, by operation
	refused [][]*Answer // rows for errors, by operation
	missing []bool      // by operation

	deleted   deletedManifests
	sessions  sessions
	populated populated
}

// speak prepares a dialect. It returns nil for nil.
func (d *Dialect) speak() *spoken {
	if d == nil {
		return nil
	}
	n := len(op.All()) + 1
	s := &spoken{done: make([][]*Answer, n), refused: make([][]*Answer, n), missing: make([]bool, n)}
	for i := range d.Answers {
		a := &d.Answers[i]
		rows := s.done
		if a.onErrors() {
			rows = s.refused
		}
		for _, o := range a.Ops {
			switch {
			case int(o) >= n: // no operation
			case len(rows[o]) > 0 && rows[o][len(rows[o])-1] == a: // it is named twice
			default:
				rows[o] = append(rows[o], a)
			}
		}
		if len(a.Ops) > 0 {
			continue
		}
		for o := range rows {
			if op.Op(o) != op.External {
				rows[o] = append(rows[o], a)
			}
		}
	}
	for _, o := range d.Missing {
		s.missing[o] = true
	}
	return s
}

// is reports whether the row applies to the reference of a request.
func (a *Answer) is(info *op.Info) bool {
	return a.By == AnyReference || (a.By == ByTag) == (info.Tag != "")
}

// refusals returns the rows for an error of a request.
func (s *spoken) refusals(info *op.Info, cause Cause) iter.Seq[*Answer] {
	return func(yield func(*Answer) bool) {
		for _, row := range s.refused[info.Op] {
			if (row.Errors || slices.Contains(row.Causes, cause)) && row.is(info) && !yield(row) {
				return
			}
		}
	}
}
