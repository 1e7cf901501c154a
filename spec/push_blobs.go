package spec

import (
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Pushing blobs monolithically: end-4a POST, end-6 PUT, end-4b POST.

var pushBlobStatements = []Statement{
	{
		ID: "upload-start", Text: "Upon success, the response MUST have a code of `202 Accepted`, and MUST include the following header:",
		Section: "POST then PUT", Endpoint: "end-4a", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: startsUpload,
	}, {
		ID: "upload-location-uuid", Text: "The `<blob-push-location>` MUST contain a UUID representing a unique session ID for the upload to follow.",
		Section: "POST then PUT", Endpoint: "end-4a", Level: Must, Area: Push, Source: Distribution, Versions: until11,
		check: locationHasUUID,
	}, {
		ID: "upload-concurrent", Text: "Registries MUST support concurrent uploads from one or more clients, which is commonly implemented with a unique `<blob-push-location>` for each blob upload.",
		Section: "POST then PUT", Endpoint: "end-4a end-6", Level: Must, Area: Push, Source: Distribution, Versions: inDraft,
		check: uploadsConcurrently,
	}, {
		ID: "upload-location-form", Text: "… location… MAY be absolute (containing the protocol and/or hostname), or it MAY be relative (containing just the URL path).",
		Section: "POST then PUT", Endpoint: "end-4a", Level: May, Area: Push, Source: Distribution, Versions: since10,
		check: locationResolves,
	}, {
		ID: "upload-location-query", Text: "The `<blob-push-location>` MAY contain critical query parameters.",
		Section: "POST then PUT", Endpoint: "end-6", Level: May, Area: Push, Source: Distribution, Versions: since10,
		check: locationKeepsQuery,
	}, {
		ID: "upload-put", Text: "Upon successful completion of the request, the response MUST have code `201 Created` and MUST have the following header:",
		Section: "POST then PUT", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: putsBlob,
	}, {
		ID: "upload-put-location", Text: "With `<blob-location>` being a pullable blob URL.",
		Section: "POST then PUT", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: blobLocationIsPullable,
	}, {
		ID: "upload-put-digest-invalid", Text: "In each implementation, if the client provided digest is invalid or uses an unsupported algorithm, the registry SHOULD respond with a response code `400 Bad Request`.",
		Section: "Pushing blobs", Endpoint: "end-6", Level: Should, Area: Push, Source: Distribution, Versions: inDraft,
		check: putRefusesDigest,
	}, {
		ID: "post-digest-invalid", Text: "In each implementation, if the client provided digest is invalid or uses an unsupported algorithm, the registry SHOULD respond with a response code `400 Bad Request`.",
		Section: "Pushing blobs", Endpoint: "end-4b", Level: Should, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{SinglePost},
		check: postRefusesDigest,
	}, {
		ID: "chunked-digest-invalid", Text: "In each implementation, if the client provided digest is invalid or uses an unsupported algorithm, the registry SHOULD respond with a response code `400 Bad Request`.",
		Section: "Pushing blobs", Endpoint: "end-6", Level: Should, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{Chunked},
		check: chunkedRefusesDigest,
	}, {
		ID: "upload-put-other-digest", Text: "code-4 | `DIGEST_INVALID` | provided digest did not match uploaded content",
		Section: "Error Codes", Endpoint: "end-6", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: putRefusesOtherContent,
	}, {
		ID: "single-post", Text: "Registries MAY support pushing blobs using a single POST request.",
		Section: "Single POST", Endpoint: "end-4b", Level: May, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{SinglePost},
		check: postsBlob,
	}, {
		ID: "single-post-created", Text: "Successful completion of the request MUST return a `201 Created` and MUST include the following header:",
		Section: "Single POST", Endpoint: "end-4b", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{SinglePost},
		check: postTellsLocation,
	}, {
		ID: "single-post-location", Text: "Here, `<blob-location>` is a pullable blob URL.",
		Section: "Single POST", Endpoint: "end-4b", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{SinglePost},
		check: postLocationIsPullable,
	}, {
		ID: "single-post-other-digest", Text: "Likewise, the `<digest>` MUST match the blob's digest.",
		Section: "Single POST", Endpoint: "end-4b", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{SinglePost},
		check: postRefusesOtherContent,
	}, {
		ID: "single-post-unsupported", Text: "Registries that do not support single request monolithic uploads SHOULD return a `202 Accepted` status code and `Location` header …",
		Section: "Single POST", Endpoint: "end-4b end-6", Level: Should, Area: Push, Source: Distribution, Versions: since10,
		check: postOrUploads,
	},
}

func startsUpload(t *tester) {
	r := t.newRepo()
	a := r.do(http.MethodPost, r.uploads(), nil).wants(http.StatusAccepted)
	a.field("Location")
}

var uuid = lazy(`(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}`)

func locationHasUUID(t *tester) {
	r := t.newRepo()
	one, other := r.start(), r.start()
	for _, location := range []string{one, other} {
		if !uuid().MatchString(location) {
			t.failf("want a UUID in the location, got %s", location)
		}
	}
	if one == other {
		t.failf("want a location for each session, got %s twice", one)
	}
}

func uploadsConcurrently(t *tester) {
	r := t.newRepo()
	bodies := [][]byte{r.bytes(100), r.bytes(200), r.bytes(300)}
	var locations []string
	for range bodies {
		locations = append(locations, r.start())
	}
	t.together(len(bodies), func(i int) {
		d := digest.FromBytes(bodies[i])
		r.commit(locations[i], bodies[i], d).wants(http.StatusCreated)
		r.get(r.blob(d)).wants(http.StatusOK).is(bodies[i])
	})
}

func locationResolves(t *tester) {
	r := t.newRepo()
	a := r.do(http.MethodPost, r.uploads(), nil).wants(http.StatusAccepted)
	body := r.bytes(32)
	r.commit(a.location(), body, digest.FromBytes(body)).wants(http.StatusCreated)
}

// locationKeepsQuery adds the digest in front of the parameters that are there.
func locationKeepsQuery(t *tester) {
	r := t.newRepo()
	location := r.start()
	body := r.bytes(32)
	d := digest.FromBytes(body)
	path, query, _ := strings.Cut(location, "?")
	target := path + "?digest=" + d.String()
	if query != "" {
		target += "&" + query
	}
	r.do(http.MethodPut, target, body, "Content-Type", octets).wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

func putsBlob(t *tester) {
	r := t.newRepo()
	for _, n := range []int{0, 1, 1 << 20} {
		body := r.bytes(n)
		d := digest.FromBytes(body)
		r.commit(r.start(), body, d).wants(http.StatusCreated).field("Location")
	}
}

func blobLocationIsPullable(t *tester) {
	r := t.newRepo()
	body := r.bytes(64)
	d := digest.FromBytes(body)
	a := r.commit(r.start(), body, d).wants(http.StatusCreated)
	r.get(a.location()).wants(http.StatusOK).is(body)
}

// unusable are digests that no registry can verify.
var unusable = []string{
	"sha256:abc", "sha256:", "nonsense", "sha256:" + strings.Repeat("G", 64), "crc32:" + strings.Repeat("0", 64),
}

func putRefusesDigest(t *tester) {
	r := t.newRepo()
	for _, d := range unusable {
		r.commit(r.start(), r.bytes(32), digest.Digest(d)).wants(http.StatusBadRequest)
	}
}

func postRefusesDigest(t *tester) {
	r := t.newRepo()
	for _, d := range unusable {
		r.do(http.MethodPost, with(r.uploads(), "digest", d), r.bytes(32), "Content-Type", octets).wants(http.StatusBadRequest)
	}
}

func chunkedRefusesDigest(t *tester) {
	r := t.newRepo()
	for _, d := range unusable {
		body := r.bytes(32)
		a := r.chunk(r.start(), body, 0).wants(http.StatusAccepted)
		r.do(http.MethodPut, with(a.location(), "digest", d), nil).wants(http.StatusBadRequest)
	}
}

func putRefusesOtherContent(t *tester) {
	r := t.newRepo()
	body, other := r.bytes(64), digest.FromString(unique())
	r.commit(r.start(), body, other).refuses()
	r.get(r.blob(other)).wants(http.StatusNotFound)
	r.get(r.blob(digest.FromBytes(body))).wants(http.StatusNotFound)
}

// post pushes a blob in a single request.
func (r repo) post(body []byte) *answer {
	d := digest.FromBytes(body)
	return r.do(http.MethodPost, with(r.uploads(), "digest", d.String()), nonNil(body), "Content-Type", octets)
}

func postsBlob(t *tester) {
	r := t.newRepo()
	for _, n := range []int{0, 1, 1 << 20} {
		body := r.bytes(n)
		r.post(body).wants(http.StatusCreated)
		r.get(r.blob(digest.FromBytes(body))).wants(http.StatusOK).is(body)
	}
}

func postTellsLocation(t *tester) {
	r := t.newRepo()
	r.post(r.bytes(64)).wants(http.StatusCreated).field("Location")
}

func postLocationIsPullable(t *tester) {
	r := t.newRepo()
	body := r.bytes(64)
	r.get(r.post(body).wants(http.StatusCreated).digests(body).location()).wants(http.StatusOK).is(body)
}

func postRefusesOtherContent(t *tester) {
	r := t.newRepo()
	body, other := r.bytes(64), digest.FromString(unique())
	r.do(http.MethodPost, with(r.uploads(), "digest", other.String()), body, "Content-Type", octets).refuses()
	r.get(r.blob(other)).wants(http.StatusNotFound)
	r.get(r.blob(digest.FromBytes(body))).wants(http.StatusNotFound)
}

func postOrUploads(t *tester) {
	r := t.newRepo()
	body := r.bytes(64)
	d := digest.FromBytes(body)
	a := r.post(body).wants(http.StatusCreated, http.StatusAccepted)
	if a.status == http.StatusAccepted {
		r.commit(a.location(), body, d).wants(http.StatusCreated)
	}
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}
