package spec

import (
	"fmt"
	"net/http"

	"github.com/opencontainers/go-digest"
)

// The edges of chunks: gaps and overlaps of one byte, last chunks, sessions beside
// each other.

var edgeStatements = []Statement{
	{
		ID: "chunk-edges", Text: "If a chunk is uploaded out of order, the registry MUST respond with a `416 Requested Range Not Satisfiable` code.",
		Section: "Pushing a blob in chunks", Endpoint: "end-5 end-13", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: refusesChunksAtEdges,
	}, {
		ID: "chunk-final-edges", Text: "If the final chunk is uploaded out of order, the registry MUST respond with a `416 Requested Range Not Satisfiable` code.",
		Section: "Pushing a blob in chunks", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{Chunked},
		check: refusesFinalChunksAtEdges,
	}, {
		ID: "chunk-final-short", Text: "The final chunk MAY have any length.",
		Section: "Pushing a blob in chunks", Endpoint: "end-5 end-6", Level: May, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{Chunked},
		check: takesFinalChunksOfAnyLength,
	}, {
		ID: "chunked-digests", Text: "The closing `PUT` request MUST include the `<digest>` of the whole blob (not the final chunk) as a query parameter.",
		Section: "Pushing a blob in chunks", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Chunked},
		check: refusesOtherDigestsOfChunks,
	}, {
		ID: "upload-sessions", Text: "Upload sessions of one repository have nothing to do with each other, and end when they are closed.",
		Endpoint: "end-4a end-5 end-6 end-13", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Chunked},
		check: keepsSessionsApart,
	},
}

// refusesChunksAtEdges goes on after each refusal from where the status says.
func refusesChunksAtEdges(t *tester) {
	r := t.newRepo()
	s := r.open()
	n := s.length
	body := r.bytes(3 * n)
	r.chunk(s.location, body[1:n+1], 1).wants(http.StatusRequestedRangeNotSatisfiable)
	a := r.get(s.location).wants(http.StatusNoContent)
	a = r.chunk(a.location(), body[:n], 0).wants(http.StatusAccepted).hasField("Range", fmt.Sprintf("0-%d", n-1))
	for _, offset := range []int{n + 1, n - 1, 0, 2 * n} {
		r.chunk(a.location(), body[offset:min(offset+n, len(body))], offset).wants(http.StatusRequestedRangeNotSatisfiable)
		a = r.get(a.location()).wants(http.StatusNoContent).hasField("Range", fmt.Sprintf("0-%d", n-1))
	}
	a = r.chunk(a.location(), body[n:2*n], n).wants(http.StatusAccepted).hasField("Range", fmt.Sprintf("0-%d", 2*n-1))
	a = r.get(a.location()).wants(http.StatusNoContent).hasField("Range", fmt.Sprintf("0-%d", 2*n-1))
	a = r.chunk(a.location(), body[2*n:], 2*n).wants(http.StatusAccepted).hasField("Range", fmt.Sprintf("0-%d", 3*n-1))
	d := digest.FromBytes(body)
	a = r.close(a.location(), d).wants(http.StatusCreated).digests(body)
	r.get(a.location()).wants(http.StatusOK).is(body)
	r.findsBlob(body, d)
}

func refusesFinalChunksAtEdges(t *tester) {
	r := t.newRepo()
	for _, shift := range []int{1, -1} {
		s := r.open()
		n := s.length
		body := r.bytes(2 * n)
		a := r.chunk(s.location, body[:n], 0).wants(http.StatusAccepted)
		for _, whole := range [][]byte{body, append(append([]byte{}, body[:n]...), body[n+shift:]...)} {
			d := digest.FromBytes(whole)
			r.final(a.location(), d, body[n+shift:], n+shift).wants(http.StatusRequestedRangeNotSatisfiable)
			r.get(r.blob(d)).wants(http.StatusNotFound)
		}
	}
}

// takesFinalChunksOfAnyLength closes with one byte, with less and with more than the
// chunks before, and after a chunk of the least length.
func takesFinalChunksOfAnyLength(t *tester) {
	r := t.newRepo()
	for _, inPut := range []bool{false, true} {
		for _, last := range []int{1, leastChunk - 1, leastChunk + 1} {
			s := r.open()
			body := r.bytes(2*s.length + last)
			d := digest.FromBytes(body)
			a := r.chunk(s.location, body[:s.length], 0).wants(http.StatusAccepted)
			a = r.chunk(a.location(), body[s.length:2*s.length], s.length).wants(http.StatusAccepted)
			if inPut {
				a = r.final(a.location(), d, body[2*s.length:], 2*s.length)
			} else {
				a = r.chunk(a.location(), body[2*s.length:], 2*s.length).wants(http.StatusAccepted).hasField("Range", fmt.Sprintf("0-%d", len(body)-1))
				a = r.close(a.location(), d)
			}
			r.get(a.wants(http.StatusCreated).digests(body).location()).wants(http.StatusOK).is(body)
			r.findsBlob(body, d)
		}
	}
}

func refusesOtherDigestsOfChunks(t *tester) {
	r := t.newRepo()
	r.do(http.MethodPut, r.start(), r.bytes(32), "Content-Type", octets).refuses() // without any
	for _, inPut := range []bool{false, true} {
		for part := range 3 {
			s := r.open()
			n := s.length
			body := r.bytes(2 * n)
			wrong := []digest.Digest{digest.FromBytes(body[n:]), digest.FromBytes(body[:n]), digest.FromString(unique())}[part]
			a := r.chunk(s.location, body[:n], 0).wants(http.StatusAccepted)
			r.finish(inPut, a.location(), wrong, body[n:], n).refuses()
			r.misses(r.blob(wrong))
			r.misses(r.blob(digest.FromBytes(body)))
		}
	}
}

func keepsSessionsApart(t *tester) {
	r := t.newRepo()
	one, other := r.open(), r.open()
	n := one.length
	first, second := r.bytes(2*n), r.bytes(3*n+1)
	a := r.chunk(one.location, first[:n], 0).wants(http.StatusAccepted)
	b := r.chunk(other.location, second[:n], 0).wants(http.StatusAccepted)
	if a.location() == b.location() {
		t.failf("want a location for each session, got %s twice", a.location())
	}
	a = r.get(a.location()).wants(http.StatusNoContent).hasField("Range", fmt.Sprintf("0-%d", n-1))
	b = r.chunk(b.location(), second[n:2*n+1], n).wants(http.StatusAccepted)
	b = r.get(b.location()).wants(http.StatusNoContent).hasField("Range", fmt.Sprintf("0-%d", 2*n))
	a = r.chunk(a.location(), first[n:], n).wants(http.StatusAccepted)
	b = r.chunk(b.location(), second[2*n+1:], 2*n+1).wants(http.StatusAccepted)
	r.close(a.location(), digest.FromBytes(first)).wants(http.StatusCreated)
	r.close(b.location(), digest.FromBytes(second)).wants(http.StatusCreated)
	for _, body := range [][]byte{first, second} {
		d := digest.FromBytes(body)
		r.findsBlob(body, d)
		r.get(a.location()).refuses()
		r.close(a.location(), d).refuses()
		r.chunk(a.location(), body, len(body)).refuses()
		a = b
	}
}
