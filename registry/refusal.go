package registry

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// usual has the causes for which requests are refused in the usual course of things,
// and the operations of those requests; none means all. The first row counts.
var usual = [...]struct {
	cause Cause
	ops   []op.Op
}{
	{ManifestInvalid, []op.Op{op.ManifestPut}},
	{DigestInvalid, []op.Op{op.UploadCommit, op.BlobPost}},
	{UploadInvalid, []op.Op{op.UploadStart, op.UploadChunk}},
	{Unsupported, nil},
	{Unauthorized, nil},
	{Denied, nil},
	{BlobUnknown, []op.Op{op.BlobGet, op.BlobHead, op.BlobDelete, op.BlobMount}},
	{ManifestUnknown, []op.Op{op.ManifestGet, op.ManifestHead, op.ManifestPut, op.ManifestDelete, op.TagDelete}},
	{UploadUnknown, []op.Op{op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel}},
	{NameUnknown, []op.Op{op.UploadStart, op.BlobPost, op.TagList, op.ReferrerList}},
	{NotEnabled, nil},
	{MethodNotAllowed, nil},
	{PreconditionFailed, nil},
	{TooLarge, nil},
	{TooManyTags, []op.Op{op.ManifestPut}},
	{unsupportedCoding, nil},
	{RangeInvalid, []op.Op{op.BlobGet}},
	{UploadRange, []op.Op{op.UploadChunk, op.UploadCommit}},
	{TooManyUploads, nil},
}

// CauseOf returns the cause for which the registry refuses a request for an operation
// with a status. If there are several, it is the most common one. It reports false if
// the registry never answers the request with the status.
func CauseOf(status int, o op.Op) (Cause, bool) {
	for _, row := range usual {
		if row.cause.status() == status && (len(row.ops) == 0 || slices.Contains(row.ops, o)) {
			return row.cause, true
		}
	}
	return internal, false
}

// CodeText returns the specification's words for an error code ("Error Codes"), or
// nothing if the code is unknown.
func CodeText(code string) string { return words[code] }

// SetHeader sets the fields that the registry sends with an answer for the cause: Allow,
// Accept-Encoding, the size of a blob that does not have the range, and where an upload
// stands. It leaves out what it cannot find in the store, which may be nil.
func (c Cause) SetHeader(h http.Header, r *http.Request, store Store) {
	must.NotNil("registry: Cause.SetHeader: r", r)
	h.Set(versionHeader, version)
	switch c {
	case MethodNotAllowed:
		allowed := slices.DeleteFunc(op.Methods(r.URL), func(m string) bool { return m == r.Method })
		h.Set("Allow", strings.Join(slices.Compact(allowed), ", "))
	case unsupportedCoding:
		h.Set("Accept-Encoding", "identity")
	case RangeInvalid:
		setBlob(h, r, store)
	case UploadRange:
		setSession(h, r, store)
	}
}

const (
	versionHeader = "Docker-Distribution-Api-Version"
	version       = "registry/2.0"
)

// setBlob sets what is known of the blob that is asked for, and its size.
func setBlob(h http.Header, r *http.Request, store Store) {
	if store == nil {
		return
	}
	_, state := op.Begin(r)
	info := state.Info()
	blob, err := store.OpenBlob(r.Context(), info.Repo, info.Digest)
	if err != nil {
		return
	}
	defer blob.Close()
	fields := blobFields(info.Digest)
	for i := 0; i < len(fields); i += 2 {
		h.Set(fields[i], fields[i+1])
	}
	h.Set("Content-Range", noRange(blob.Size()))
}

// noRange is the Content-Range of the answer to a range that a blob does not have.
func noRange(size int64) string { return "bytes */" + strconv.FormatInt(size, 10) }

// setSession sets where the upload of the request stands. Its location stays.
func setSession(h http.Header, r *http.Request, store Store) {
	_, request := op.Begin(r)
	info := request.Info()
	state, ok := parseUploadState(info.Repo, info.Session, r.URL.Query().Get(stateParameter))
	if store == nil || !ok {
		return
	}
	upload, err := store.OpenUpload(r.Context(), info.Repo, info.Session)
	if err != nil {
		return
	}
	_, prefix := op.Base(r, false)
	setProgress(h, prefix+uploadPath(info, upload), state.text(info.Repo, upload.ID()), upload)
}

func uploadPath(info *op.Info, upload Upload) string {
	return "/v2/" + info.Name() + "/blobs/uploads/" + upload.ID()
}

// setProgress sets where an upload stands, and its next location.
func setProgress(h http.Header, location, state string, upload Upload) {
	h.Set("Location", location+"?"+stateParameter+"="+state)
	h.Set("Range", rangeText(0, max(upload.Size(), 1))) // "0-0" also while nothing has arrived
	h.Set("Docker-Upload-UUID", upload.ID())
}
