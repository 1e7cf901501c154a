package spec

import (
	"fmt"
	"net/http"

	"github.com/opencontainers/go-digest"
)

// Uploads under way: end-13 GET, end-14 DELETE.

var chunkStatusStatements = []Statement{
	{
		ID: "upload-status", Text: "The response to an active upload `<blob-push-location>` MUST be a `204 No Content` response code, and MUST have the following headers:",
		Section: "Pushing a blob in chunks", Endpoint: "end-13", Level: Must, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{Chunked},
		check: tellsStatus,
	}, {
		ID: "upload-status-range", Text: "The `<end-of-range>` value is the position of the last uploaded byte…",
		Section: "Pushing a blob in chunks", Endpoint: "end-13", Level: Must, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{Chunked},
		check: statusTellsEndOfRange,
	}, {
		ID: "upload-status-location", Text: "The following chunk upload SHOULD use the `<blob-push-location>` provided in the response.",
		Section: "Pushing a blob in chunks", Endpoint: "end-13 end-5", Level: Should, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{Chunked},
		check: statusLocationTakesChunks,
	}, {
		ID: "upload-status-after-416", Text: "A GET request may be used to retrieve the current valid offset and upload location.",
		Section: "Pushing a blob in chunks", Endpoint: "end-13", Level: May, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{Chunked},
		check: recoversFrom416,
	}, {
		ID: "upload-status-unknown", Text: "end-13 | `GET` | `/v2/<name>/blobs/uploads/<reference>` | `204` | `404`",
		Section: "Endpoints", Endpoint: "end-13", Level: Must, Area: Push, Source: Distribution, Versions: since11,
		check: missesStatus,
	}, {
		ID: "upload-patch-unknown", Text: "end-5 | `PATCH` | `/v2/<name>/blobs/uploads/<reference>` | `202` | `404`/`416`",
		Section: "Endpoints", Endpoint: "end-5", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: missesSessionOfChunk,
	}, {
		ID: "upload-put-unknown", Text: "end-6 | `PUT` | `/v2/<name>/blobs/uploads/<reference>?digest=<digest>` | `201` | `404`/`400`…",
		Section: "Endpoints", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: missesSessionOfPut,
	}, {
		ID: "upload-cancel", Text: "If successful, the response SHOULD be a `204 No Content` response code.",
		Section: "Cancel a blob upload", Endpoint: "end-14", Level: Should, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{UploadCancel},
		check: cancels,
	}, {
		ID: "upload-cancel-gone", Text: "During a blob upload, the session may be canceled with a `DELETE` request:",
		Section: "Cancel a blob upload", Endpoint: "end-14", Level: Must, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{UploadCancel},
		check: cancelledIsGone,
	}, {
		ID: "upload-cancel-unknown", Text: "end-14 | `DELETE` | `/v2/<name>/blobs/uploads/<reference>` | `204` | `404`/`400`",
		Section: "Endpoints", Endpoint: "end-14", Level: Must, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{UploadCancel},
		check: missesSessionOfCancel,
	},
}

func tellsStatus(t *tester) {
	r := t.newRepo()
	s := r.open()
	a := r.chunk(s.location, r.bytes(s.length), 0).wants(http.StatusAccepted)
	a = r.get(a.location()).wants(http.StatusNoContent)
	a.field("Location")
	a.field("Range")
}

func statusTellsEndOfRange(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(2 * s.length)
	for i := range 2 {
		a := r.chunk(s.location, body[i*s.length:(i+1)*s.length], i*s.length).wants(http.StatusAccepted)
		a = r.get(a.location()).wants(http.StatusNoContent).hasField("Range", fmt.Sprintf("0-%d", (i+1)*s.length-1))
		s.location = a.location()
	}
}

func statusLocationTakesChunks(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(2 * s.length)
	a := r.chunk(s.location, body[:s.length], 0).wants(http.StatusAccepted)
	a = r.get(a.location()).wants(http.StatusNoContent)
	a = r.chunk(a.location(), body[s.length:], s.length).wants(http.StatusAccepted)
	a = r.get(a.location()).wants(http.StatusNoContent)
	r.close(a.location(), digest.FromBytes(body)).wants(http.StatusCreated)
}

func recoversFrom416(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(3 * s.length)
	first := r.chunk(s.location, body[:s.length], 0).wants(http.StatusAccepted)
	r.chunk(first.location(), body[2*s.length:], 2*s.length).wants(http.StatusRequestedRangeNotSatisfiable)
	a := r.get(first.location()).wants(http.StatusNoContent).hasField("Range", fmt.Sprintf("0-%d", s.length-1))
	a = r.chunk(a.location(), body[s.length:2*s.length], s.length).wants(http.StatusAccepted)
	a = r.chunk(a.location(), body[2*s.length:], 2*s.length).wants(http.StatusAccepted)
	d := digest.FromBytes(body)
	r.close(a.location(), d).wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

// ended returns the location of a session that was closed.
func (r repo) ended() string {
	location := r.start()
	body := r.bytes(32)
	r.commit(location, body, digest.FromBytes(body)).wants(http.StatusCreated)
	return location
}

// made returns a location that the registry did not hand out, and may find malformed.
func (r repo) made() string {
	r.newBlob(32)
	return r.uploads() + "00000000-0000-4000-8000-000000000000"
}

func missesStatus(t *tester) {
	r := t.newRepo()
	r.get(r.ended()).wants(http.StatusNotFound)
	r.get(r.made()).wants(http.StatusNotFound, http.StatusBadRequest)
}

func missesSessionOfChunk(t *tester) {
	r := t.newRepo()
	r.chunk(r.ended(), r.bytes(leastChunk), 0).wants(http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable)
	r.chunk(r.made(), r.bytes(leastChunk), 0).wants(http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable, http.StatusBadRequest)
}

func missesSessionOfPut(t *tester) {
	r := t.newRepo()
	for _, location := range []string{r.ended(), r.made()} {
		body := r.bytes(32)
		r.commit(location, body, digest.FromBytes(body)).wants(http.StatusNotFound, http.StatusBadRequest)
		r.get(r.blob(digest.FromBytes(body))).wants(http.StatusNotFound)
	}
}

func missesSessionOfCancel(t *tester) {
	r := t.newRepo()
	r.delete(r.made()).wants(http.StatusNotFound, http.StatusBadRequest)
	r.delete(r.ended()).wants(http.StatusNotFound, http.StatusBadRequest)
}

func cancels(t *tester) {
	r := t.newRepo()
	r.delete(r.start()).wants(http.StatusNoContent)
	s := r.open()
	a := r.chunk(s.location, r.bytes(s.length), 0).wants(http.StatusAccepted)
	r.delete(a.location()).wants(http.StatusNoContent)
}

func cancelledIsGone(t *tester) {
	r := t.newRepo()
	location := r.start()
	r.delete(location).wants(http.StatusNoContent, http.StatusAccepted, http.StatusOK)
	r.get(location).refuses()
	body := r.bytes(32)
	r.commit(location, body, digest.FromBytes(body)).refuses()
	r.get(r.blob(digest.FromBytes(body))).wants(http.StatusNotFound)
}
