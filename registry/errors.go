package registry

import "net/http"

// Cause is why a request fails. It is an error: a Store returns it, or an error
// that wraps it, and the registry answers with the status and the code that the
// table below gives.
type Cause uint8

// The causes, with the status and the code of the specification that they are
// answered with ("Error Codes").
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
	NotEnabled                       // 404 UNSUPPORTED
	TooManyTags                      // 414 UNSUPPORTED
	TooManyUploads                   // 429 TOOMANYREQUESTS
)

// answer is how a cause is answered.
type answer struct {
	status  int
	code    string
	message string
}

// status returns the HTTP status that the cause is answered with.
func (c Cause) status() int { return answers[c].status }

var answers = [...]answer{
	internal:            {http.StatusInternalServerError, "", "internal error"},
	BlobUnknown:         {http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry"},
	UploadInvalid:       {http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "blob upload invalid"},
	UploadRange:         {http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "blob upload invalid"},
	UploadUnknown:       {http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"},
	DigestInvalid:       {http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content"},
	ManifestBlobUnknown: {http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "manifest references a manifest or blob unknown to registry"},
	ManifestInvalid:     {http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid"},
	ManifestUnknown:     {http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown to registry"},
	NameInvalid:         {http.StatusBadRequest, "NAME_INVALID", "invalid repository name"},
	nameUnusable:        {http.StatusNotFound, "NAME_INVALID", "invalid repository name"},
	NameUnknown:         {http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry"},
	SizeInvalid:         {http.StatusBadRequest, "SIZE_INVALID", "provided length did not match content length"},
	TooLarge:            {http.StatusRequestEntityTooLarge, "SIZE_INVALID", "content is larger than the registry accepts"},
	Unauthorized:        {http.StatusUnauthorized, "UNAUTHORIZED", "authentication required"},
	Denied:              {http.StatusForbidden, "DENIED", "requested access to the resource is denied"},
	Full:                {http.StatusForbidden, "DENIED", "the registry's space is used up"},
	TagImmutable:        {http.StatusForbidden, "DENIED", "tags are immutable"},
	PreconditionFailed:  {http.StatusPreconditionFailed, "DENIED", "precondition failed"},
	Unsupported:         {http.StatusBadRequest, "UNSUPPORTED", "the operation is unsupported"},
	MethodNotAllowed:    {http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported"},
	RangeInvalid:        {http.StatusRequestedRangeNotSatisfiable, "UNSUPPORTED", "the range lies outside the blob"},
	NotEnabled:          {http.StatusNotFound, "UNSUPPORTED", "the operation is unsupported"},
	TooManyTags:         {http.StatusRequestURITooLong, "UNSUPPORTED", "too many tags in one request"},
	TooManyUploads:      {http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many requests"},
}

// Error returns the message of the specification's table.
func (c Cause) Error() string { return answers[c].message }

// Code returns the specification's error code, such as "BLOB_UNKNOWN".
func (c Cause) Code() string { return answers[c].code }

// Error is a [Cause] with what a client needs to act on it. [errors.Is] finds
// the cause.
type Error struct {
	Cause   Cause
	Message string // replaces the cause's own, if not empty
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
