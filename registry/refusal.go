package registry

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// usual has the causes for which the registry refuses requests, and the operations of these
// requests; an empty list means all. The first row that matches counts.
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

// CauseOf returns the most common cause for which the registry answers an operation with a
// status. It returns false if the registry never does.
func CauseOf(status int, o op.Op) (Cause, bool) {
	for _, row := range usual {
		if row.cause.status() == status && (len(row.ops) == 0 || slices.Contains(row.ops, o)) {
			return row.cause, true
		}
	}
	return internal, false
}

// CodeText returns the message of the specification for an error code ("Error Codes"), or ""
// if the code is unknown.
func CodeText(code string) string { return words[code] }

// SetHeader sets the header fields of an answer for the cause: Allow, Accept-Encoding, the size
// of a blob that does not have the range, and the state of an upload. It omits what it cannot
// find in the store, which may be nil.
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

// setBlob sets the fields for the requested blob, including its size.
func setBlob(h http.Header, r *http.Request, store Store) {
	if store == nil {
		return
	}
	_, state := inflight.Begin(r)
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

// noRange returns the Content-Range of an answer to a range outside a blob.
func noRange(size int64) string { return "bytes */" + strconv.FormatInt(size, 10) }

// setSession sets the state of the upload of the request. Its location does not change.
func setSession(h http.Header, r *http.Request, store Store) {
	_, request := inflight.Begin(r)
	info := request.Info()
	state, ok := parseUploadState(info.Repo, info.Session, r.URL.Query().Get(stateParameter))
	if store == nil || !ok {
		return
	}
	upload, err := store.OpenUpload(r.Context(), info.Repo, info.Session)
	if err != nil {
		return
	}
	_, prefix := inflight.Base(r, false)
	setProgress(h, prefix+uploadPath(info, upload), state.text(info.Repo, upload.ID()), upload)
}

// uploadPath returns the path of an upload session of the strict registry.
func uploadPath(info *op.Info, upload Upload) string {
	return "/v2/" + info.Name() + "/blobs/uploads/" + cmp.Or(info.Session, upload.ID())
}

// setProgress sets the state of an upload and its next location.
func setProgress(h http.Header, location, state string, upload Upload) {
	h.Set("Location", location+"?"+stateParameter+"="+state)
	h.Set("Range", rangeText(0, max(upload.Size(), 1))) // "0-0" also while nothing has arrived
	h.Set("Docker-Upload-UUID", upload.ID())
}
