package spec

import (
	"fmt"
	"net/http"
	"strings"
)

// Ranges of blobs (RFC 9110, 14).

var rangeStatements = []Statement{
	{
		ID: "range-first-last", Text: "The first-pos value in a bytes int-range gives the offset of the first byte in a range. The last-pos value gives the offset of the last byte in the range; that is, the byte positions specified are inclusive.",
		Section: "14.1.2", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: func(t *tester) {
			rangeOf("bytes=0-0", 0, 1)(t)
			rangeOf("bytes=3-9", 3, 10)(t) // one byte is often like the next
		},
	}, {
		ID: "range-open", Text: "If the last-pos value is absent, … the byte range is interpreted as the remainder of the representation",
		Section: "14.1.2", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: rangeOf("bytes=60-", 60, 100),
	}, {
		ID: "range-last-beyond", Text: "… or if the value is greater than or equal to the current length of the representation data, the byte range is interpreted as the remainder of the representation",
		Section: "14.1.2", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: rangeOf("bytes=60-5000", 60, 100),
	}, {
		ID: "range-suffix", Text: "A suffix-range specifies the last N bytes of the representation",
		Section: "14.1.2", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: rangeOf("bytes=-10", 90, 100),
	}, {
		ID: "range-suffix-longer", Text: "If the selected representation is shorter than the specified suffix-length, the entire representation is used.",
		Section: "14.1.2", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: wholeByLongSuffix,
	}, {
		ID: "range-content-range", Text: "If a single part is being transferred, the server generating the 206 response MUST generate a Content-Range header field, describing what range of the selected representation is enclosed",
		Section: "15.3.7.1", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: tellsContentRange,
	}, {
		ID: "range-same-fields", Text: "A server that generates a 206 response MUST generate … ETag, … if the field would have been sent in a 200 (OK) response to the same request.",
		Section: "15.3.7", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: partHasEntityTag,
	}, {
		ID: "range-unsatisfiable", Text: "If all of the preconditions are true, the server supports the Range header field for the target resource, … and the received … ranges are … not satisfiable, the server SHOULD send a 416 (Range Not Satisfiable) response.",
		Section: "14.2", Endpoint: "end-2", Level: Should, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: refusesRanges("bytes=100-", "bytes=5000-"),
	}, {
		ID: "range-unsatisfiable-length", Text: "A server generating a 416 (Range Not Satisfiable) response to a byte-range request SHOULD send a Content-Range header field with an unsatisfied-range value",
		Section: "14.4", Endpoint: "end-2", Level: Should, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: tellsLengthTo416,
	}, {
		ID: "range-invalid", Text: "A server that supports range requests MAY ignore or reject a Range header field that contains an invalid ranges-specifier",
		Section: "14.2", Endpoint: "end-2", Level: May, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: invalidRanges,
	}, {
		ID: "range-unknown-unit", Text: "An origin server MUST ignore a Range header field that contains a range unit it does not understand.",
		Section: "14.2", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110,
		check: ignoresUnknownUnit,
	}, {
		ID: "range-head", Text: "A server MUST ignore a Range header field received with a request method that is unrecognized or for which range handling is not defined. … GET is the only method for which range handling is defined.",
		Section: "14.2", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110,
		check: headIgnoresRange,
	}, {
		ID: "range-several", Text: "If multiple parts are being transferred, the server generating the 206 response MUST generate multipart/byteranges content, … MUST NOT generate a Content-Range header field in the HTTP header section",
		Section: "15.3.7.2", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110,
		check: severalRanges,
	}, {
		ID: "range-empty", Text: "A range of an empty blob is not satisfiable or ignored, and never an error of the server.",
		Endpoint: "end-2", Level: Must, Area: Pull, Source: Ours,
		check: rangeOfNothing,
	}, {
		ID: "if-range-other", Text: "A recipient of an If-Range header field MUST ignore the Range header field if the If-Range condition evaluates as false.",
		Section: "13.1.5", Endpoint: "end-2", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: ignoresRangeOfOther,
	}, {
		ID: "if-range-same", Text: "Otherwise, the recipient SHOULD process the Range header field as requested.",
		Section: "13.1.5", Endpoint: "end-2", Level: Should, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges, Conditional},
		check: takesRangeOfSame,
	}, {
		ID: "accept-ranges", Text: "A server that supports byte-range requests for a given target resource MAY send Accept-Ranges: bytes",
		Section: "14.3", Endpoint: "end-2", Level: May, Area: Pull, Source: RFC9110, Needs: []Feature{Ranges},
		check: acceptsRanges,
	}, {
		ID: "range-edges", Text: "A registry SHOULD support the `Range` request header in accordance with RFC 9110…",
		Section: "Pulling blobs", Endpoint: "end-2", Level: Should, Area: Pull, Source: Distribution, Versions: since11,
		check: cutsExactly,
	},
}

// ranged is the length of the blobs that ranges are asked of.
const ranged = 100

// rangeOf checks that a range is answered with a part of a blob.
func rangeOf(header string, from, to int) func(*tester) {
	return func(t *tester) {
		r := t.newRepo()
		body, d := r.newBlob(ranged)
		r.get(r.blob(d), "Range", header).wants(http.StatusPartialContent).is(body[from:to])
	}
}

func wholeByLongSuffix(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(ranged)
	r.get(r.blob(d), "Range", "bytes=-5000").wants(http.StatusPartialContent, http.StatusOK).is(body)
}

func tellsContentRange(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(ranged)
	parts := 0
	for header, want := range map[string]string{"bytes=2-5": "2-5", "bytes=60-": "60-99", "bytes=-10": "90-99"} {
		a := r.get(r.blob(d), "Range", header)
		if a.status != http.StatusPartialContent {
			continue
		}
		parts++
		got := a.field("Content-Range")
		if got != "bytes "+want+"/100" && got != "bytes "+want+"/*" {
			t.failf("Range %s: want Content-Range: bytes %s/100, got %s", header, want, got)
		}
	}
	if parts == 0 {
		t.notApplicable("no range was answered with 206")
	}
}

func partHasEntityTag(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(ranged)
	whole := r.get(r.blob(d)).wants(http.StatusOK)
	if tag := whole.header.Get("Etag"); tag != "" {
		r.get(r.blob(d), "Range", "bytes=2-5").wants(http.StatusPartialContent).hasField("Etag", tag)
	}
}

func refusesRanges(headers ...string) func(*tester) {
	return func(t *tester) {
		r := t.newRepo()
		_, d := r.newBlob(ranged)
		for _, header := range headers {
			r.get(r.blob(d), "Range", header).wants(http.StatusRequestedRangeNotSatisfiable)
		}
	}
}

func tellsLengthTo416(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(ranged)
	a := r.get(r.blob(d), "Range", "bytes=5000-")
	if a.status != http.StatusRequestedRangeNotSatisfiable {
		t.notApplicable("the range was not answered with 416")
	}
	a.hasField("Content-Range", fmt.Sprintf("bytes */%d", ranged))
}

// invalidRanges have no meaning, so that 206 would be made up.
func invalidRanges(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(ranged)
	for _, header := range []string{"bytes=5-2", "bytes=a-b", "bytes=", "bytes=--1", "bytes"} {
		a := r.get(r.blob(d), "Range", header).
			wants(http.StatusOK, http.StatusBadRequest, http.StatusRequestedRangeNotSatisfiable)
		if a.status == http.StatusOK {
			a.is(body)
		}
	}
}

func ignoresUnknownUnit(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(ranged)
	r.get(r.blob(d), "Range", "lines=2-5").wants(http.StatusOK).is(body)
}

func headIgnoresRange(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(ranged)
	r.head(r.blob(d), "Range", "bytes=2-5").wants(http.StatusOK)
}

// severalRanges lets the registry serve a part of what was asked for: a single part
// tells by itself which it is (RFC 9110, 15.3.7).
func severalRanges(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(ranged)
	a := r.get(r.blob(d), "Range", "bytes=0-1,10-11").
		wants(http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable)
	switch {
	case a.status == http.StatusOK:
		a.is(body)
	case a.status == http.StatusPartialContent && strings.HasPrefix(a.header.Get("Content-Type"), "multipart/byteranges"):
		if a.header.Get("Content-Range") != "" {
			t.failf("want no Content-Range beside multipart/byteranges, got %s", a.header.Get("Content-Range"))
		}
	case a.status == http.StatusPartialContent:
		switch got := a.field("Content-Range"); got {
		case "bytes 0-1/100", "bytes 0-1/*":
			a.is(body[:2])
		case "bytes 10-11/100", "bytes 10-11/*":
			a.is(body[10:12])
		case "bytes 0-11/100", "bytes 0-11/*":
			a.is(body[:12])
		default:
			t.failf("want multipart/byteranges, or one of the ranges as Content-Range, got %s", got)
		}
	}
}

func rangeOfNothing(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(0)
	for _, header := range []string{"bytes=0-", "bytes=0-0", "bytes=-1"} {
		a := r.get(r.blob(d), "Range", header).wants(http.StatusOK, http.StatusRequestedRangeNotSatisfiable)
		if a.status == http.StatusOK {
			a.is(nil)
		}
	}
}

func ignoresRangeOfOther(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(ranged)
	if r.get(r.blob(d)).header.Get("Etag") == "" {
		t.notApplicable("the registry has no entity tags")
	}
	r.get(r.blob(d), "Range", "bytes=2-5", "If-Range", `"another"`).wants(http.StatusOK).is(body)
}

func takesRangeOfSame(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(ranged)
	tag := r.get(r.blob(d)).strongTag()
	r.get(r.blob(d), "Range", "bytes=2-5", "If-Range", tag).wants(http.StatusPartialContent).is(body[2:6])
}

func acceptsRanges(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(ranged)
	if got := r.get(r.blob(d)).wants(http.StatusOK).header.Get("Accept-Ranges"); got != "" && got != "bytes" {
		t.failf("want Accept-Ranges: bytes or none, got %s", got)
	}
}

// edges are ranges of a blob of 100 bytes, and what they mean.
var edges = []struct {
	header   string
	from, to int
}{
	{"bytes=0-0", 0, 1}, {"bytes=0-9", 0, 10}, {"bytes=1-1", 1, 2}, {"bytes=2-5", 2, 6}, {"bytes=50-98", 50, 99}, {"bytes=0-98", 0, 99},
	{"bytes=0-99", 0, 100}, {"bytes=99-99", 99, 100}, {"bytes=99-", 99, 100}, {"bytes=1-", 1, 100}, {"bytes=0-", 0, 100},
	{"bytes=90-100", 90, 100}, {"bytes=-1", 99, 100}, {"bytes=-99", 1, 100}, {"bytes=-100", 0, 100}, {"bytes=-101", 0, 100},
}

// cutsExactly asks for each range twice. Range may be ignored, if Accept-Ranges does
// not say otherwise.
func cutsExactly(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(ranged)
	whole := r.get(r.blob(d)).wants(http.StatusOK).is(body)
	for _, e := range edges {
		for range 2 {
			a := r.get(r.blob(d), "Range", e.header).wants(http.StatusPartialContent, http.StatusOK)
			if a.status == http.StatusOK {
				a.is(body)
				if whole.header.Get("Accept-Ranges") == "bytes" {
					t.failf("Range: %s: want a part, as Accept-Ranges says, got the whole blob", e.header)
				}
				continue
			}
			a.is(body[e.from:e.to]).measures(body[e.from:e.to])
			a.hasField("Content-Range", fmt.Sprintf("bytes %d-%d/%d", e.from, e.to-1, ranged))
			if got := a.header.Get("Docker-Content-Digest"); got != "" && got != d.String() {
				t.failf("want the digest of the whole blob with a part, %s, got %s", d, got)
			}
		}
	}
	for _, header := range []string{"bytes=100-", "bytes=100-100", "bytes=101-200"} {
		a := r.get(r.blob(d), "Range", header).wants(http.StatusRequestedRangeNotSatisfiable, http.StatusOK)
		if a.status == http.StatusOK {
			a.is(body)
		}
	}
	r.findsBlob(body, d)
}
