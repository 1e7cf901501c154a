package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Uploads as clients do them, beyond what the specification says.

var uploadStatements = []Statement{
	{
		ID: "upload-stream", Text: "A PATCH without Content-Range and Content-Length is taken, unless the registry wants one of them; a second one appends, or is refused and changes nothing.",
		Endpoint: "end-5 end-6", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Chunked},
		check: takesStream,
	}, {
		ID: "upload-stream-put", Text: "A PUT takes a whole blob that does not tell its length, unless the registry wants it.",
		Endpoint: "end-6", Level: Must, Area: Push, Source: Ours,
		check: putsStream,
	}, {
		ID: "upload-interrupted", Text: "After a chunk broke off, the status tells how much arrived, and the upload goes on from there.",
		Endpoint: "end-5 end-13", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Chunked},
		check: resumes,
	}, {
		ID: "upload-put-interrupted", Text: "A PUT that broke off stores nothing.",
		Endpoint: "end-6", Level: Must, Area: Push, Source: Ours,
		check: brokenPutStoresNothing,
	}, {
		ID: "upload-put-refused", Text: "A PUT with a wrong digest stores nothing; the session can be closed with the right one, or is gone.",
		Endpoint: "end-6", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Chunked},
		check: closesAfterRefusal,
	}, {
		ID: "upload-length", Text: "A chunk whose Content-Range and length differ is refused and changes nothing.",
		Endpoint: "end-5", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Chunked},
		check: refusesOtherLength,
	}, {
		ID: "upload-again", Text: "A blob that is there can be pushed again.",
		Endpoint: "end-4a end-6", Level: Must, Area: Push, Source: Ours,
		check: pushesAgain,
	}, {
		ID: "upload-large", Text: "A blob of several megabytes arrives whole, in one piece and in several.",
		Endpoint: "end-5 end-6", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Chunked},
		check: pushesLargeBlob,
	}, {
		ID: "upload-one-writer", Text: "Of several chunks for one place that are sent at once, one is taken.",
		Endpoint: "end-5", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Chunked},
		check: takesOneOfSeveralChunks,
	}, {
		ID: "upload-closed-once", Text: "Of several PUTs that close one session at once, at least one succeeds, none gets an error of the server, and the blob is whole.",
		Endpoint: "end-6", Level: Must, Area: Push, Source: Ours,
		check: closesOnce,
	}, {
		ID: "upload-closed-or-cancelled", Text: "A session that is closed and cancelled at once is one of both, and neither request gets an error of the server.",
		Endpoint: "end-6 end-14", Level: Must, Area: Push, Source: Ours, Needs: []Feature{UploadCancel},
		check: closesOrCancels,
	},
}

// takesStream lets a second PATCH without Content-Range be refused: chunks have
// one by the specification, which does not speak of the stream that clients send.
func takesStream(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(2 * s.length)
	a := r.mustSend(http.MethodPatch, s.location, content{bytes: body[:s.length], chunked: true}, "Content-Type", octets)
	switch a.status {
	case http.StatusLengthRequired, http.StatusRequestedRangeNotSatisfiable, http.StatusBadRequest:
		t.notApplicable("the registry wants Content-Length or Content-Range")
	}
	a.wants(http.StatusAccepted)
	if more := r.do(http.MethodPatch, a.location(), body[s.length:], "Content-Type", octets); more.status == http.StatusAccepted {
		a = more
	} else {
		more.refuses()
		body = body[:s.length]
	}
	a.hasField("Range", fmt.Sprintf("0-%d", len(body)-1))
	d := digest.FromBytes(body)
	r.close(a.location(), d).wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

func putsStream(t *tester) {
	r := t.newRepo()
	body := r.bytes(1 << 16)
	d := digest.FromBytes(body)
	a := r.mustSend(http.MethodPut, with(r.start(), "digest", d.String()), content{bytes: body, chunked: true}, "Content-Type", octets)
	if a.status == http.StatusLengthRequired {
		t.notApplicable("the registry wants Content-Length")
	}
	a.wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

var errBrokenOff = errors.New("the client stops here")

// broken is a request body of which only a part is sent.
func broken(body []byte, sent int) content {
	return content{bytes: body, broken: io.MultiReader(bytes.NewReader(body[:sent]), failing{})}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBrokenOff }

// resumes sends a part of a chunk, and then what is missing by what the status
// says, as soon as the registry has noticed that the first connection is gone. The
// first chunk tells where it begins: if it is read after the second one, it is in the
// wrong place.
func resumes(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(max(1<<16, 2*s.length))
	_, _ = r.send(http.MethodPatch, s.location, broken(body, len(body)/2), "Content-Type", octets, "Content-Range", contentRange(body, 0))
	d, location := digest.FromBytes(body), ""
	t.until(func() bool {
		at := r.get(s.location).wants(http.StatusNoContent)
		for _, arrived := range received(at) {
			if arrived > len(body)/2 {
				t.failf("want at most %d bytes to have arrived, the status tells %d", len(body)/2, arrived)
			}
			a := r.chunk(at.location(), body[arrived:], arrived).wants(http.StatusAccepted, http.StatusRequestedRangeNotSatisfiable)
			if a.status == http.StatusAccepted {
				location = a.location()
				return true
			}
		}
		return false
	})
	t.until(func() bool {
		return r.close(location, d).wants(http.StatusCreated, http.StatusRequestedRangeNotSatisfiable).status == http.StatusCreated
	})
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

// received is what Range says of a session. "0-0" is nothing or one byte: there is
// no telling them apart.
func received(a *answer) []int {
	last, err := strconv.Atoi(strings.TrimPrefix(a.field("Range"), "0-"))
	if err != nil {
		a.t.failf("want Range: 0-<end-of-range>, got %s", a.field("Range"))
	}
	if last == 0 {
		return []int{0, 1}
	}
	return []int{last + 1}
}

func brokenPutStoresNothing(t *tester) {
	r := t.newRepo()
	body := r.bytes(1 << 16)
	d := digest.FromBytes(body)
	_, _ = r.send(http.MethodPut, with(r.start(), "digest", d.String()), broken(body, len(body)/2), "Content-Type", octets)
	r.get(r.blob(d)).wants(http.StatusNotFound)
	r.put(body)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

func closesAfterRefusal(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(s.length)
	d, other := digest.FromBytes(body), digest.FromString(unique())
	a := r.chunk(s.location, body, 0).wants(http.StatusAccepted)
	r.close(a.location(), other).refuses()
	r.get(r.blob(other)).wants(http.StatusNotFound)
	if r.close(a.location(), d).status == http.StatusCreated {
		r.get(r.blob(d)).wants(http.StatusOK).is(body)
	} else {
		r.get(r.blob(d)).wants(http.StatusNotFound)
	}
}

func refusesOtherLength(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(s.length)
	for _, last := range []int{len(body) - 2, len(body), len(body) + 1000} {
		r.do(http.MethodPatch, s.location, body, "Content-Type", octets, "Content-Range", fmt.Sprintf("0-%d", last)).refuses()
	}
	a := r.chunk(s.location, body, 0).wants(http.StatusAccepted)
	r.close(a.location(), digest.FromBytes(body)).wants(http.StatusCreated)
}

func pushesAgain(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(64)
	r.put(body)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

func pushesLargeBlob(t *tester) {
	r := t.newRepo()
	s := r.open()
	piece := max(2<<20, s.length)
	large := 2*piece + 1<<20 + 3
	whole, d := r.newBlob(large)
	r.get(r.blob(d)).wants(http.StatusOK).is(whole)
	body, location := r.bytes(large), s.location
	for offset := 0; offset < large; offset += piece {
		location = r.chunk(location, body[offset:min(offset+piece, large)], offset).wants(http.StatusAccepted).location()
	}
	d = digest.FromBytes(body)
	r.close(location, d).wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

func takesOneOfSeveralChunks(t *tester) {
	r := t.newRepo()
	s := r.open()
	bodies, taken := make([][]byte, racers), make([]*answer, racers)
	for i := range bodies {
		bodies[i] = r.bytes(max(1<<16, s.length))
	}
	t.together(racers, func(i int) { taken[i] = r.chunk(s.location, bodies[i], 0).survives() })
	won := -1
	for i, a := range taken {
		if a.status == http.StatusAccepted {
			if won >= 0 {
				t.failf("want one chunk to be taken, got two")
			}
			won = i
		}
	}
	if won < 0 {
		t.failf("want one chunk to be taken, got none")
	}
	d := digest.FromBytes(bodies[won])
	r.close(taken[won].location(), d).wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(bodies[won])
}

func closesOnce(t *tester) {
	r := t.newRepo()
	body, location := r.bytes(1<<16), r.start()
	d := digest.FromBytes(body)
	statuses := make([]int, racers)
	t.together(racers, func(i int) { statuses[i] = r.commit(location, body, d).survives().status })
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
	wantsAny(t, statuses, http.StatusCreated)
}

func closesOrCancels(t *tester) {
	r := t.newRepo()
	for range racers {
		body, location := r.bytes(1<<12), r.start()
		d := digest.FromBytes(body)
		var closed, cancelled *answer
		t.together(2, func(i int) {
			if i == 0 {
				closed = r.commit(location, body, d).survives()
			} else {
				cancelled = r.delete(location).survives()
			}
		})
		if closed.status == http.StatusCreated {
			r.get(r.blob(d)).wants(http.StatusOK).is(body)
			continue
		}
		cancelled.wants(http.StatusNoContent, http.StatusAccepted, http.StatusOK)
		r.get(r.blob(d)).wants(http.StatusNotFound)
	}
}
