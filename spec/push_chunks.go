package spec

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/opencontainers/go-digest"
)

// Pushing a blob in chunks: end-4a and 4c POST, end-5 PATCH, end-6 PUT.

var chunkStatements = []Statement{
	{
		ID: "chunk-min-length", Text: "If the registry has a minimum chunk size, the `POST` response SHOULD include the following header, where `<size>` is the size in bytes (see the blob `PATCH` definition for usage):",
		Section: "Pushing a blob in chunks", Endpoint: "end-4a", Level: Should, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{Chunked},
		check: announcesMinLength,
	}, {
		ID: "chunk-final-length", Text: "The final chunk MAY have any length.",
		Section: "Pushing a blob in chunks", Endpoint: "end-5", Level: May, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{Chunked},
		check: takesShortFinalChunk,
	}, {
		ID: "chunk-accepted", Text: "… successful chunk upload MUST … `202 Accepted` …, and MUST have the following header…",
		Section: "Pushing a blob in chunks", Endpoint: "end-5", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: takesChunks,
	}, {
		ID: "chunk-range", Text: "The `<end-of-range>` value is the position of the last uploaded byte…",
		Section: "Pushing a blob in chunks", Endpoint: "end-5", Level: Must, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{Chunked},
		check: tellsEndOfRange,
	}, {
		ID: "chunk-inclusive", Text: "The `<range>` refers to the byte range of the chunk, and MUST be inclusive on both ends.",
		Section: "Pushing a blob in chunks", Endpoint: "end-5", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: takesInclusiveRanges,
	}, {
		ID: "chunk-first", Text: "The first chunk's range MUST begin with `0`.",
		Section: "Pushing a blob in chunks", Endpoint: "end-5", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: refusesLaterFirstChunk,
	}, {
		ID: "chunk-order", Text: "Chunks MUST be uploaded in order, with the first byte of a chunk being the last chunk's `<end-of-range>` plus one.",
		Section: "Pushing a blob in chunks", Endpoint: "end-5", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: joinsChunks,
	}, {
		ID: "chunk-out-of-order", Text: "If a chunk is uploaded out of order, the registry MUST respond with a `416 Requested Range Not Satisfiable` code.",
		Section: "Pushing a blob in chunks", Endpoint: "end-5", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: refusesChunksOutOfOrder,
	}, {
		ID: "chunk-final", Text: "The final chunk MAY be uploaded using a `PATCH` request or it MAY be uploaded in the closing `PUT` request.",
		Section: "Pushing a blob in chunks", Endpoint: "end-5 end-6", Level: May, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: takesFinalChunkEitherWay,
	}, {
		ID: "chunk-final-out-of-order", Text: "If the final chunk is uploaded out of order, the registry MUST respond with a `416 Requested Range Not Satisfiable` code.",
		Section: "Pushing a blob in chunks", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{Chunked},
		check: refusesFinalChunkOutOfOrder,
	}, {
		ID: "chunked-close", Text: "Regardless of how the final chunk is uploaded, the session MUST be closed with a `PUT` request.",
		Section: "Pushing a blob in chunks", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: blobAppearsWithPut,
	}, {
		ID: "chunked-close-digest", Text: "The closing `PUT` request MUST include the `<digest>` of the whole blob (not the final chunk) as a query parameter.",
		Section: "Pushing a blob in chunks", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: refusesDigestOfChunk,
	}, {
		ID: "chunked-created", Text: "The response to a successful closing of the session MUST be `201 Created`, and MUST contain the following header:",
		Section: "Pushing a blob in chunks", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: closesSession,
	}, {
		ID: "chunked-location", Text: "Here, `<blob-location>` is a pullable blob URL.",
		Section: "Pushing a blob in chunks", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: chunkedLocationIsPullable,
	}, {
		ID: "digest-algorithm", Text: "Here, `<digest-algorithm>` is the algorithm the registry should use for the blob, e.g. `digest-algorithm=sha512`.",
		Section: "Pushing a blob in chunks", Endpoint: "end-4c", Level: Should, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{Chunked, SHA512},
		check: usesAlgorithm,
	},
}

// chunk sends a piece of a blob that begins at an offset.
func (t *tester) chunk(location string, body []byte, offset int) *answer {
	return t.do(http.MethodPatch, location, body, "Content-Type", octets, "Content-Range", contentRange(body, offset))
}

func contentRange(body []byte, offset int) string {
	return fmt.Sprintf("%d-%d", offset, offset+len(body)-1)
}

// opened is an upload session and what one chunk must have, at the least.
type opened struct {
	location string
	length   int
}

const leastChunk = 16

// open opens a session for chunks.
func (r repo) open() opened {
	a := r.do(http.MethodPost, r.uploads(), nil, "Content-Length", "0").wants(http.StatusAccepted)
	length := leastChunk
	if least, err := strconv.Atoi(a.header.Get("OCI-Chunk-Min-Length")); err == nil {
		length = max(length, least)
	}
	return opened{a.location(), length}
}

// startFor opens a session for content with a digest of an algorithm.
func (r repo) startFor(algorithm digest.Algorithm) (location string) {
	a := r.do(http.MethodPost, with(r.uploads(), "digest-algorithm", algorithm.String()), nil).wants(http.StatusAccepted)
	return a.location()
}

// close closes a session without a further chunk.
func (r repo) close(location string, d digest.Digest) *answer {
	return r.do(http.MethodPut, with(location, "digest", d.String()), nil)
}

// final sends the last chunk in the closing PUT.
func (r repo) final(location string, d digest.Digest, body []byte, offset int) *answer {
	return r.do(http.MethodPut, with(location, "digest", d.String()), body, "Content-Type", octets, "Content-Range", contentRange(body, offset))
}

// finish closes a session with a last chunk, which is sent in the closing PUT or before it.
func (r repo) finish(inPut bool, location string, d digest.Digest, last []byte, offset int) *answer {
	if inPut {
		return r.final(location, d, last, offset)
	}
	a := r.chunk(location, last, offset).wants(http.StatusAccepted)
	return r.close(a.location(), d)
}

func announcesMinLength(t *tester) {
	r := t.newRepo()
	a := r.do(http.MethodPost, r.uploads(), nil).wants(http.StatusAccepted)
	if a.header.Get("OCI-Chunk-Min-Length") != "" {
		if n, err := strconv.ParseUint(a.header.Get("OCI-Chunk-Min-Length"), 10, 63); err != nil || n == 0 {
			t.failf("want OCI-Chunk-Min-Length to be a size in bytes, got %s", a.header.Get("OCI-Chunk-Min-Length"))
		}
		return
	}
	body := r.bytes(32)
	first := r.chunk(a.location(), body[:1], 0).wants(http.StatusAccepted)
	second := r.chunk(first.location(), body[1:], 1).wants(http.StatusAccepted)
	r.close(second.location(), digest.FromBytes(body)).wants(http.StatusCreated)
}

func takesShortFinalChunk(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(s.length + 1)
	first := r.chunk(s.location, body[:s.length], 0).wants(http.StatusAccepted)
	last := r.chunk(first.location(), body[s.length:], s.length).wants(http.StatusAccepted)
	r.close(last.location(), digest.FromBytes(body)).wants(http.StatusCreated)
}

func takesChunks(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(2 * s.length)
	first := r.chunk(s.location, body[:s.length], 0).wants(http.StatusAccepted)
	r.chunk(first.location(), body[s.length:], s.length).wants(http.StatusAccepted).field("Location")
}

func tellsEndOfRange(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(3 * s.length)
	for i := range 3 {
		a := r.chunk(s.location, body[i*s.length:(i+1)*s.length], i*s.length).wants(http.StatusAccepted)
		a.hasField("Range", fmt.Sprintf("0-%d", (i+1)*s.length-1))
		s.location = a.location()
	}
}

func takesInclusiveRanges(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(s.length)
	a := r.do(http.MethodPatch, s.location, body, "Content-Type", octets, "Content-Range", fmt.Sprintf("0-%d", s.length-1)).
		wants(http.StatusAccepted)
	r.close(a.location(), digest.FromBytes(body)).wants(http.StatusCreated)
}

func refusesLaterFirstChunk(t *tester) {
	r := t.newRepo()
	s := r.open()
	r.chunk(s.location, r.bytes(s.length), 1).wants(http.StatusRequestedRangeNotSatisfiable)
}

func joinsChunks(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(4 * s.length)
	for i := range 4 {
		a := r.chunk(s.location, body[i*s.length:(i+1)*s.length], i*s.length).wants(http.StatusAccepted)
		s.location = a.location()
	}
	d := digest.FromBytes(body)
	r.close(s.location, d).wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

// refusesChunksOutOfOrder leaves a gap, repeats a chunk and overlaps with one.
func refusesChunksOutOfOrder(t *tester) {
	for _, from := range []int{2, 0, 1} {
		r := t.newRepo()
		s := r.open()
		body := r.bytes(4 * s.length)
		first := r.chunk(s.location, body[:s.length], 0).wants(http.StatusAccepted)
		offset := from * s.length
		if from == 1 {
			offset -= s.length / 2
		}
		r.chunk(first.location(), body[offset:offset+s.length], offset).wants(http.StatusRequestedRangeNotSatisfiable)
	}
}

func takesFinalChunkEitherWay(t *tester) {
	r := t.newRepo()
	for _, inPut := range []bool{false, true} {
		s := r.open()
		body := r.bytes(2 * s.length)
		d := digest.FromBytes(body)
		a := r.chunk(s.location, body[:s.length], 0).wants(http.StatusAccepted)
		r.finish(inPut, a.location(), d, body[s.length:], s.length).wants(http.StatusCreated)
		r.get(r.blob(d)).wants(http.StatusOK).is(body)
	}
}

func refusesFinalChunkOutOfOrder(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(3 * s.length)
	a := r.chunk(s.location, body[:s.length], 0).wants(http.StatusAccepted)
	r.final(a.location(), digest.FromBytes(body), body[2*s.length:], 2*s.length).wants(http.StatusRequestedRangeNotSatisfiable)
}

func blobAppearsWithPut(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(s.length)
	d := digest.FromBytes(body)
	a := r.chunk(s.location, body, 0).wants(http.StatusAccepted)
	r.get(r.blob(d)).wants(http.StatusNotFound)
	r.close(a.location(), d).wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

func refusesDigestOfChunk(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(2 * s.length)
	a := r.chunk(s.location, body[:s.length], 0).wants(http.StatusAccepted)
	a = r.chunk(a.location(), body[s.length:], s.length).wants(http.StatusAccepted)
	r.close(a.location(), digest.FromBytes(body[s.length:])).refuses()
	r.get(r.blob(digest.FromBytes(body[s.length:]))).wants(http.StatusNotFound)
}

func closesSession(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(s.length)
	a := r.chunk(s.location, body, 0).wants(http.StatusAccepted)
	r.close(a.location(), digest.FromBytes(body)).wants(http.StatusCreated).field("Location")
}

func chunkedLocationIsPullable(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(s.length)
	a := r.chunk(s.location, body, 0).wants(http.StatusAccepted)
	a = r.close(a.location(), digest.FromBytes(body)).wants(http.StatusCreated)
	r.get(a.location()).wants(http.StatusOK).is(body)
}

func usesAlgorithm(t *tester) {
	r := t.newRepo()
	length := r.open().length
	body := r.bytes(2 * length)
	d := digest.SHA512.FromBytes(body)
	a := r.chunk(r.startFor(digest.SHA512), body[:length], 0).wants(http.StatusAccepted)
	a = r.chunk(a.location(), body[length:], length).wants(http.StatusAccepted)
	r.close(a.location(), d).wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(body).digests(body)
}
