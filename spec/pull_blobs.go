package spec

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Pulling blobs and checking if content exists: end-2 GET and HEAD, end-3 HEAD.

var pullBlobStatements = []Statement{
	{
		ID: "blob-get", Text: "A GET request to an existing blob URL MUST provide the expected blob, with a response code that MUST be `200 OK`.",
		Section: "Pulling blobs", Endpoint: "end-2", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: getsBlob,
	}, {
		ID: "blob-get-unknown", Text: "If the blob is not found in the … response code MUST be `404 Not Found`.",
		Section: "Pulling blobs", Endpoint: "end-2", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: missesBlob,
	}, {
		ID: "blob-digest", Text: "A successful response SHOULD contain the digest of the uploaded blob in the header `Docker-Content-Digest`.",
		Section: "Pulling blobs", Endpoint: "end-2", Level: Should, Area: Pull, Source: Distribution, Versions: until11,
		check: tellsBlobDigest,
	}, {
		ID: "blob-digest-required", Text: "A successful response MUST contain the digest of the uploaded blob in the header `Docker-Content-Digest`.",
		Section: "Pulling blobs", Endpoint: "end-2", Level: Must, Area: Pull, Source: Distribution, Versions: inDraft,
		check: tellsBlobDigest,
	}, {
		ID: "blob-digest-value", Text: "If present, the value of this header MUST be a digest matching that of the response body.",
		Section: "Pulling blobs", Endpoint: "end-2", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: blobDigestIsRight,
	}, {
		ID: "blob-range", Text: "A registry SHOULD support the `Range` request header in accordance with RFC 9110…",
		Section: "Pulling blobs", Endpoint: "end-2", Level: Should, Area: Pull, Source: Distribution, Versions: since11,
		Needs: []Feature{Ranges}, check: rangeOf("bytes=2-5", 2, 6),
	},
}

func getsBlob(t *tester) {
	r := t.newRepo()
	for _, n := range []int{0, 1, 1000, 1 << 20} {
		body, d := r.newBlob(n)
		r.get(r.blob(d)).wants(http.StatusOK).is(body)
	}
}

func missesBlob(t *tester) {
	r := t.newRepo()
	r.newBlob(32)
	r.get(r.blob(digest.FromString(unique()))).wants(http.StatusNotFound)
}

func tellsBlobDigest(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(64)
	a := r.get(r.blob(d)).wants(http.StatusOK)
	if a.redirected() {
		t.notApplicable("blobs are served elsewhere")
	}
	a.field("Docker-Content-Digest")
	if part := r.get(r.blob(d), "Range", "bytes=2-5"); part.status == http.StatusPartialContent && !part.redirected() {
		part.field("Docker-Content-Digest")
	}
}

func blobDigestIsRight(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(64)
	r.get(r.blob(d)).wants(http.StatusOK).digests(body)
}

var headStatements = []Statement{
	{
		ID: "head", Text: "A HEAD request to an existing blob or manifest URL MUST return `200 OK`.",
		Section: "Checking if content exists in the registry", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: eachHead(func(*answer, []byte) {}),
	}, {
		ID: "head-unknown", Text: "If the blob or manifest is not found in the … response code MUST be `404 Not Found`.",
		Section: "Checking if content exists in the registry", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: headMisses,
	}, {
		ID: "head-digest", Text: "A successful response SHOULD contain the digest of the uploaded blob in the header `Docker-Content-Digest`.",
		Section: "Checking if content exists in the registry", Endpoint: "end-2 end-3", Level: Should, Area: Pull, Source: Distribution, Versions: until11,
		check: eachHead(tellsDigest),
	}, {
		ID: "head-digest-required", Text: "A successful response MUST contain the digest of the uploaded blob or manifest in the header `Docker-Content-Digest`.",
		Section: "Checking if content exists in the registry", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: Distribution, Versions: inDraft,
		check: eachHead(tellsDigest),
	}, {
		ID: "head-length", Text: "A successful response SHOULD contain the size in bytes of the uploaded blob in the header `Content-Length`.",
		Section: "Checking if content exists in the registry", Endpoint: "end-2 end-3", Level: Should, Area: Pull, Source: Distribution, Versions: only11,
		check: eachHead(tellsLength),
	}, {
		ID: "head-length-required", Text: "A successful response MUST contain the size in bytes of the uploaded blob or manifest in the header `Content-Length`.",
		Section: "Checking if content exists in the registry", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: Distribution, Versions: inDraft,
		check: eachHead(tellsLength),
	}, {
		ID: "head-no-content", Text: "The HEAD method is identical to GET except that the server MUST NOT send content in the response.",
		Section: "9.3.2", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: RFC9110,
		check: headIsEmpty,
	}, {
		ID: "head-same-fields", Text: "The server SHOULD send the same header fields in response to a HEAD request as it would have sent if the request method had been GET.",
		Section: "9.3.2", Endpoint: "end-2 end-3", Level: Should, Area: Pull, Source: RFC9110,
		check: headIsLikeGet,
	},
}

// stored is content of a registry and where it is.
type stored struct {
	target string
	body   []byte
}

// existing pushes a manifest and a blob.
func existing(r repo) []stored {
	m := r.pushImage("v1")
	body, d := r.newBlob(64)
	return []stored{
		{r.manifest("v1"), m.body},
		{r.manifest(m.digest().String()), m.body},
		{r.blob(d), body},
	}
}

func eachHead(look func(*answer, []byte)) func(*tester) {
	return func(t *tester) {
		r := t.newRepo()
		for _, c := range existing(r) {
			look(r.head(c.target).wants(http.StatusOK), c.body)
		}
	}
}

func tellsDigest(a *answer, body []byte) {
	a.field("Docker-Content-Digest")
	a.digests(body)
}

func tellsLength(a *answer, body []byte) { a.hasField("Content-Length", strconv.Itoa(len(body))) }

func headMisses(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	d := digest.FromString(unique())
	for _, target := range []string{r.manifest("v2"), r.manifest(d.String()), r.blob(d)} {
		r.head(target).wants(http.StatusNotFound)
	}
}

func headIsEmpty(t *tester) {
	r := t.newRepo()
	for _, c := range existing(r) {
		r.head(c.target).wants(http.StatusOK).is(nil).endsWithHeader()
	}
}

// headIsLikeGet lets HEAD leave out the type of a blob: nobody pushed it with one, so
// that it may be determined "only while generating the content" (RFC 9110, 9.3.2).
func headIsLikeGet(t *tester) {
	r := t.newRepo()
	for _, c := range existing(r) {
		get, head := r.get(c.target).wants(http.StatusOK), r.head(c.target).wants(http.StatusOK)
		if get.redirected() || head.redirected() {
			continue
		}
		for _, name := range []string{"Content-Type", "Docker-Content-Digest", "Etag", "Accept-Ranges"} {
			got, want := head.header.Get(name), get.header.Get(name)
			if name == "Content-Type" && got == "" && strings.Contains(c.target, "/blobs/") {
				continue
			}
			if got != want {
				t.failf("HEAD %s: want %s: %s, as GET has it, got %q", c.target, name, want, got)
			}
		}
	}
}
