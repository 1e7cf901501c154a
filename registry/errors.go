package registry

import (
	"net/http"
	"strings"
)

// Cause is the reason why a request fails. It is an error: a Store returns a Cause or an error
// that wraps one, and the registry answers with its status and code.
type Cause uint8

// The causes, with the status of the answer and the code of the specification ("Error
// Codes").
const (
	internal            Cause = iota // 500, plain text
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
)

// answer is the answer for a cause.
type answer struct {
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
	internal:            {http.StatusInternalServerError, "", "internal error"},
	BlobUnknown:         {http.StatusNotFound, "BLOB_UNKNOWN", ""},
	UploadInvalid:       {http.StatusBadRequest, "BLOB_UPLOAD_INVALID", ""},
	UploadRange:         {http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", ""},
	UploadUnknown:       {http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", ""},
	DigestInvalid:       {http.StatusBadRequest, "DIGEST_INVALID", ""},
	ManifestBlobUnknown: {http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", ""},
	ManifestInvalid:     {http.StatusBadRequest, "MANIFEST_INVALID", ""},
	ManifestUnknown:     {http.StatusNotFound, "MANIFEST_UNKNOWN", ""},
	NameInvalid:         {http.StatusBadRequest, "NAME_INVALID", ""},
	nameUnusable:        {http.StatusNotFound, "NAME_INVALID", ""},
	NameUnknown:         {http.StatusNotFound, "NAME_UNKNOWN", ""},
	SizeInvalid:         {http.StatusBadRequest, "SIZE_INVALID", ""},
	TooLarge:            {http.StatusRequestEntityTooLarge, "SIZE_INVALID", "content is larger than the registry accepts"},
	Unauthorized:        {http.StatusUnauthorized, "UNAUTHORIZED", ""},
	Denied:              {http.StatusForbidden, "DENIED", ""},
	Full:                {http.StatusForbidden, "DENIED", "the registry's space is used up"},
	TagImmutable:        {http.StatusForbidden, "DENIED", "tags are immutable"},
	PreconditionFailed:  {http.StatusPreconditionFailed, "DENIED", "precondition failed"},
	Unsupported:         {http.StatusBadRequest, "UNSUPPORTED", ""},
	MethodNotAllowed:    {http.StatusMethodNotAllowed, "UNSUPPORTED", ""},
	RangeInvalid:        {http.StatusRequestedRangeNotSatisfiable, "UNSUPPORTED", "the range lies outside the blob"},
	unsupportedCoding:   {http.StatusUnsupportedMediaType, "UNSUPPORTED", "the body has a content coding"},
	NotEnabled:          {http.StatusNotFound, "UNSUPPORTED", ""},
	TooManyTags:         {http.StatusRequestURITooLong, "UNSUPPORTED", "too many tags in one request"},
	TooManyUploads:      {http.StatusTooManyRequests, "TOOMANYREQUESTS", ""},
}

// Error returns the words of the specification for the code, and details.
func (c Cause) Error() string { return c.message(answers[c].about) }

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
