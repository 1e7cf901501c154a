package registry

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/ocifake/ocifake/internal/near"
)

// Cause is the reason why a request fails. It is an error: a Store returns a Cause or an error
// that wraps one, and the registry answers with its status and code.
type Cause uint8

// The causes, with the status of the answer and the code of the specification ("Error
// Codes").
const (
	internal            Cause = iota // 500 UNKNOWN
	BlobUnknown                      // 404 BLOB_UNKNOWN
	UploadInvalid                    // 400 BLOB_UPLOAD_INVALID
	UploadRange                      // 416 BLOB_UPLOAD_INVALID
	UploadUnknown                    // 404 BLOB_UPLOAD_UNKNOWN
	DigestInvalid                    // 400 DIGEST_INVALID
	ManifestBlobUnknown              // 400 MANIFEST_BLOB_UNKNOWN
	ManifestInvalid                  // 400 MANIFEST_INVALID
	ManifestUnknown                  // 404 MANIFEST_UNKNOWN
	NameInvalid                      // 400 NAME_INVALID
	nameUnusable                     // 404 NAME_INVALID, to reads
	NameUnknown                      // 404 NAME_UNKNOWN
	SizeInvalid                      // 400 SIZE_INVALID
	TooLarge                         // 413 SIZE_INVALID
	Unauthorized                     // 401 UNAUTHORIZED
	Denied                           // 403 DENIED
	Full                             // 403 DENIED
	TagImmutable                     // 403 DENIED
	PreconditionFailed               // 412 DENIED
	Unsupported                      // 400 UNSUPPORTED
	MethodNotAllowed                 // 405 UNSUPPORTED
	RangeInvalid                     // 416 UNSUPPORTED
	unsupportedCoding                // 415 UNSUPPORTED
	NotEnabled                       // 404 UNSUPPORTED
	TooManyTags                      // 414 UNSUPPORTED
	TooManyUploads                   // 429 TOOMANYREQUESTS

	// Causes that only a dialect tells from others.
	referenceInvalid // 404 MANIFEST_UNKNOWN: neither a tag nor a digest
	digestUnusable   // 404 BLOB_UNKNOWN, to reads: not a digest
	uploadUnusable   // 404 BLOB_UPLOAD_UNKNOWN: a Location that was not handed out
	uploadStale      // 416 BLOB_UPLOAD_INVALID: the Location of an earlier answer
	tagInvalid       // 400 MANIFEST_INVALID, to writes: not a tag
	mountMissing     // 404 BLOB_UNKNOWN: of a mount
	digestMalformed  // 400 DIGEST_INVALID, to writes and lists of referrers: not a digest
	digestMissing    // 400 DIGEST_INVALID: a closing PUT without a digest
	typeUnknown      // 400 MANIFEST_INVALID: the media type is not that of a manifest
	layersMissing    // 400 MANIFEST_INVALID: an image manifest without layers
	notAcceptable    // 404 MANIFEST_UNKNOWN: Accept does not have the media type
	pageInvalid      // 400 UNSUPPORTED: n of a list
	pageTooLarge     // 400 UNSUPPORTED: n of a list
	lastUnknown      // 404 UNSUPPORTED: last of a list
	subjectRefused   // 400 UNSUPPORTED: a manifest with a subject
	subjectUnknown   // 404 MANIFEST_UNKNOWN: of a list of referrers
	referenced       // 403 DENIED: a manifest refers to what the request deletes
	uploadRepeated   // 416 BLOB_UPLOAD_INVALID: a chunk that begins before the end of the session
)

// answer is the answer for a cause.
type answer struct {
	name   string // in text
	status int
	code   string
	about  string // details beyond the words of the code
}

// words are the messages of the specification for its codes ("Error Codes"), and Docker's for
// the other codes. Messages begin with them, because clients search for them.
var words = map[string]string{
	"BLOB_UNKNOWN":          "blob unknown to registry",
	"BLOB_UPLOAD_INVALID":   "blob upload invalid",
	"BLOB_UPLOAD_UNKNOWN":   "blob upload unknown to registry",
	"DIGEST_INVALID":        "provided digest did not match uploaded content",
	"MANIFEST_BLOB_UNKNOWN": "manifest references a manifest or blob unknown to registry",
	"MANIFEST_INVALID":      "manifest invalid",
	"MANIFEST_UNKNOWN":      "manifest unknown to registry",
	"NAME_INVALID":          "invalid repository name",
	"NAME_UNKNOWN":          "repository name not known to registry",
	"SIZE_INVALID":          "provided length did not match content length",
	"UNAUTHORIZED":          "authentication required",
	"DENIED":                "requested access to the resource is denied",
	"UNSUPPORTED":           "the operation is unsupported",
	"TOOMANYREQUESTS":       "too many requests",
}

// message returns the words of the specification, followed by details.
func (c Cause) message(about string) string {
	switch said := words[answers[c].code]; {
	case said == "":
		return about
	case about == "":
		return said
	case strings.HasPrefix(about, said):
		return about
	default:
		return said + ": " + about
	}
}

// status returns the HTTP status of the answer.
func (c Cause) status() int { return answers[c].status }

var answers = [...]answer{
	internal:            {"internal", http.StatusInternalServerError, "", "internal error"},
	BlobUnknown:         {"blob-unknown", http.StatusNotFound, "BLOB_UNKNOWN", ""},
	UploadInvalid:       {"upload-invalid", http.StatusBadRequest, "BLOB_UPLOAD_INVALID", ""},
	UploadRange:         {"upload-range", http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", ""},
	UploadUnknown:       {"upload-unknown", http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", ""},
	DigestInvalid:       {"digest-invalid", http.StatusBadRequest, "DIGEST_INVALID", ""},
	ManifestBlobUnknown: {"manifest-blob-unknown", http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", ""},
	ManifestInvalid:     {"manifest-invalid", http.StatusBadRequest, "MANIFEST_INVALID", ""},
	ManifestUnknown:     {"manifest-unknown", http.StatusNotFound, "MANIFEST_UNKNOWN", ""},
	NameInvalid:         {"name-invalid", http.StatusBadRequest, "NAME_INVALID", ""},
	nameUnusable:        {"name-unusable", http.StatusNotFound, "NAME_INVALID", ""},
	NameUnknown:         {"name-unknown", http.StatusNotFound, "NAME_UNKNOWN", ""},
	SizeInvalid:         {"size-invalid", http.StatusBadRequest, "SIZE_INVALID", ""},
	TooLarge:            {"too-large", http.StatusRequestEntityTooLarge, "SIZE_INVALID", "content is larger than the registry accepts"},
	Unauthorized:        {"unauthorized", http.StatusUnauthorized, "UNAUTHORIZED", ""},
	Denied:              {"denied", http.StatusForbidden, "DENIED", ""},
	Full:                {"full", http.StatusForbidden, "DENIED", "the registry's space is used up"},
	TagImmutable:        {"tag-immutable", http.StatusForbidden, "DENIED", "tags are immutable"},
	PreconditionFailed:  {"precondition-failed", http.StatusPreconditionFailed, "DENIED", "precondition failed"},
	Unsupported:         {"unsupported", http.StatusBadRequest, "UNSUPPORTED", ""},
	MethodNotAllowed:    {"method-not-allowed", http.StatusMethodNotAllowed, "UNSUPPORTED", ""},
	RangeInvalid:        {"range-invalid", http.StatusRequestedRangeNotSatisfiable, "UNSUPPORTED", "the range lies outside the blob"},
	unsupportedCoding:   {"coding-unsupported", http.StatusUnsupportedMediaType, "UNSUPPORTED", "the body has a content coding"},
	NotEnabled:          {"not-enabled", http.StatusNotFound, "UNSUPPORTED", ""},
	TooManyTags:         {"too-many-tags", http.StatusRequestURITooLong, "UNSUPPORTED", "too many tags in one request"},
	TooManyUploads:      {"too-many-uploads", http.StatusTooManyRequests, "TOOMANYREQUESTS", ""},
	referenceInvalid:    {"reference-invalid", http.StatusNotFound, "MANIFEST_UNKNOWN", ""},
	digestUnusable:      {"digest-unusable", http.StatusNotFound, "BLOB_UNKNOWN", ""},
	uploadUnusable:      {"upload-unusable", http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", ""},
	uploadStale:         {"upload-stale", http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", ""},
	tagInvalid:          {"tag-invalid", http.StatusBadRequest, "MANIFEST_INVALID", ""},
	mountMissing:        {"mount-missing", http.StatusNotFound, "BLOB_UNKNOWN", ""},
	digestMissing:       {"digest-missing", http.StatusBadRequest, "DIGEST_INVALID", ""},
	digestMalformed:     {"digest-malformed", http.StatusBadRequest, "DIGEST_INVALID", ""},
	typeUnknown:         {"type-unknown", http.StatusBadRequest, "MANIFEST_INVALID", ""},
	layersMissing:       {"layers-missing", http.StatusBadRequest, "MANIFEST_INVALID", ""},
	notAcceptable:       {"not-acceptable", http.StatusNotFound, "MANIFEST_UNKNOWN", ""},
	pageInvalid:         {"page-invalid", http.StatusBadRequest, "UNSUPPORTED", ""},
	pageTooLarge:        {"page-too-large", http.StatusBadRequest, "UNSUPPORTED", ""},
	lastUnknown:         {"last-unknown", http.StatusNotFound, "UNSUPPORTED", ""},
	subjectRefused:      {"subject-refused", http.StatusBadRequest, "UNSUPPORTED", ""},
	subjectUnknown:      {"subject-unknown", http.StatusNotFound, "MANIFEST_UNKNOWN", ""},
	referenced:          {"referenced", http.StatusForbidden, "DENIED", ""},
	uploadRepeated:      {"upload-repeated", http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", ""},
}

// Error returns the words of the specification for the code, and details.
func (c Cause) Error() string { return c.message(answers[c].about) }

// MarshalText implements [encoding.TextMarshaler]: "blob-unknown" is the text of BlobUnknown.
func (c Cause) MarshalText() ([]byte, error) {
	if int(c) >= len(answers) {
		return nil, fmt.Errorf("registry: no cause has the number %d", uint8(c))
	}
	return []byte(answers[c].name), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Cause) UnmarshalText(text []byte) error {
	var names []string
	for i, a := range answers {
		if a.name == string(text) {
			*c = Cause(i)
			return nil
		}
		names = append(names, a.name)
	}
	return fmt.Errorf("registry: unknown cause %q: %s", text, near.Hint(string(text), names))
}

// Is reports whether target is a cause that includes this one.
func (c Cause) Is(target error) bool { return includes[c] != internal && target == includes[c] }

// includes are the causes that include those which only a dialect tells from others.
var includes = map[Cause]Cause{
	referenceInvalid: ManifestUnknown,
	digestUnusable:   BlobUnknown,
	uploadUnusable:   UploadUnknown,
	uploadStale:      UploadRange,
	tagInvalid:       ManifestInvalid,
	mountMissing:     BlobUnknown,
	digestMissing:    DigestInvalid,
	digestMalformed:  DigestInvalid,
	typeUnknown:      ManifestInvalid,
	layersMissing:    ManifestInvalid,
	notAcceptable:    ManifestUnknown,
	pageInvalid:      Unsupported,
	pageTooLarge:     Unsupported,
	subjectRefused:   Unsupported,
	subjectUnknown:   ManifestUnknown,
	referenced:       Denied,
	uploadRepeated:   UploadRange,
}

// Code returns the specification's error code, such as "BLOB_UNKNOWN".
func (c Cause) Code() string { return answers[c].code }

// Error is a [Cause] with a message and details for the client. It unwraps to the Cause.
type Error struct {
	Cause   Cause
	Message string // what is wrong and what to do; clients get it after the words of the specification
	Detail  any    // the error's detail in the response body; must marshal to JSON
}

// Error returns the message.
func (e *Error) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }
