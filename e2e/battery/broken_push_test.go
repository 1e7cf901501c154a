package battery_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/registry"
)

const (
	mustStart     = "Upon success, the response MUST have a code of 202 Accepted, and MUST include the following header: Location: <blob-push-location>"
	mustClose     = "Upon successful completion of the request, the response MUST have code 201 Created and MUST have the following header: Location: <blob-location>"
	mustPullable  = "With <blob-location> being a pullable blob URL."
	should400     = "if the client provided digest is invalid or uses an unsupported algorithm, the registry SHOULD respond with a response code 400 Bad Request."
	mustPatch     = "The response for each successful chunk upload MUST be 202 Accepted, and MUST have the following headers: Location: <blob-push-location> Range: 0-<end-of-range>"
	mustPatchEnd  = "The <end-of-range> value is the position of the last uploaded byte of the blob, matching the end value of the Content-Range in the request."
	mustOrder     = "If a chunk is uploaded out of order, the registry MUST respond with a 416 Requested Range Not Satisfiable code."
	mustLastOrder = "If the final chunk is uploaded out of order, the registry MUST respond with a 416 Requested Range Not Satisfiable code."
	mustStatus    = "The response to an active upload <blob-push-location> MUST be a 204 No Content response code, and MUST have the following headers: Location: <blob-push-location> Range: 0-<end-of-range>"
	mustWhole     = "The closing PUT request MUST include the <digest> of the whole blob (not the final chunk) as a query parameter."
	mustMount     = "The response to a successful mount MUST be 201 Created, and MUST contain the following header: Location: <blob-location>"
	shouldMount   = "if a registry does not support cross-repository mounting or is unable to mount the requested blob, it SHOULD return a 202."
	mustPost      = "Successful completion of the request MUST return a 201 Created and MUST include the following header: Location: <blob-location>"
)

var (
	startUpload = on(uploads, "POST").and(lacks("mount"), lacks("digest"))
	patch       = on(session, "PATCH")
	closing     = on(session, "PUT")
	progress    = on(session, "GET")
	mount       = on(uploads, "POST").and(has("mount"))
	single      = on(uploads, "POST").and(has("digest"))
)

func blobLocation(q *query, d string) string { return "/v2/" + q.repo + "/blobs/" + d }

// put stores a blob through the registry's own API, and reports whether that succeeded.
func put(q *query, next serve, content []byte, d string) bool {
	a := next(q.to("POST", "/v2/"+q.repo+"/blobs/uploads/"))
	location, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != 202 {
		return false
	}
	values := location.Query()
	values.Set("digest", d)
	location.RawQuery = values.Encode()
	r := q.to("PUT", location.RequestURI()).sending(content)
	r.Header.Set("Content-Type", "application/octet-stream")
	return next(r).status == 201
}

// bounds are the ends of a range such as 0-9.
func bounds(r string) (first, last int, ok bool) {
	a, b, _ := strings.Cut(r, "-")
	first, err := strconv.Atoi(a)
	if err != nil {
		return 0, 0, false
	}
	last, err = strconv.Atoi(b)
	return first, last, err == nil
}

// held is how many bytes the registry says that a session at the same URL has. It takes a
// session with one byte, which has the same Range, for an empty one.
func held(q *query, next serve) int {
	a := next(q.to("GET", q.URL.RequestURI()))
	_, last, ok := bounds(a.header.Get("Range"))
	if !ok || last == 0 {
		return 0
	}
	return last + 1
}

// shifted moves a chunk that does not begin where the session ends to there, by at most some
// bytes.
func shifted(c when, least, most int) func() layer {
	return around(c.and(says("Content-Range")), func(q *query, next serve) *answer {
		first, last, ok := bounds(q.Header.Get("Content-Range"))
		if !ok {
			return next(q)
		}
		if n := first - held(q, next); n < least || n > most || n == 0 {
			return next(q)
		} else {
			return next(q.saying(func(h http.Header) { h.Set("Content-Range", fmt.Sprintf("%d-%d", first-n, last-n)) }))
		}
	})
}

// accepted answers a refused commit as if it had succeeded.
func accepted(q *query, a *answer) {
	*a = *reply(q, 201, "", "")
	a.header.Set("Location", blobLocation(q, q.URL.Query().Get("digest")))
	a.header.Set("Docker-Content-Digest", q.URL.Query().Get("digest"))
}

var brokenUploads = []brokenRegistry{
	// Beginning a session.
	{name: "start-201", sentence: mustStart, breaks: alter(startUpload, status(201))},
	{name: "start-200", sentence: mustStart, breaks: alter(startUpload, status(200))},
	{name: "start-no-location", sentence: mustStart, breaks: alter(startUpload, without("Location"))},
	{name: "start-second-500", sentence: mustStart, breaks: func() layer {
		var seen table[int]
		return alter(startUpload, func(q *query, a *answer) {
			if count(&seen, q.repo) > 1 {
				*a = *refuse(q, 500, "UNSUPPORTED")
			}
		})()
	}},
	{name: "start-shares-session", sentence: "The <blob-push-location> MUST contain a UUID representing a unique session ID for the upload to follow.", breaks: func() layer {
		var open table[string]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.kind == uploads && q.Method == "POST" && q.URL.RawQuery == "" {
					if location, ok := open.get(q.repo); ok && next(q.to("GET", location)).status == 204 {
						a := reply(q, 202, "", "")
						a.header.Set("Location", location)
						a.header.Set("Range", "0-0")
						return a
					}
				}
				a := next(q)
				if q.kind == uploads && a.status == 202 && q.URL.RawQuery == "" {
					open.set(q.repo, a.header.Get("Location"))
				}
				return a
			}
		}
	}},
	{name: "start-location-without-uuid", sentence: "The <blob-push-location> MUST contain a UUID representing a unique session ID for the upload to follow.", breaks: func() layer {
		var ids table[string]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.kind == session {
					if id, ok := ids.get(q.ref); ok {
						q = q.at("/v2/" + q.repo + "/blobs/uploads/" + id)
					}
				}
				a := next(q)
				location := a.header.Get("Location")
				if i := strings.Index(location, "/blobs/uploads/"); i >= 0 {
					id := location[i+len("/blobs/uploads/"):]
					id, _, _ = strings.Cut(id, "?")
					short := strconv.FormatUint(uint64(len(id))*31+uint64(id[0])<<16+uint64(id[1])<<8+uint64(id[2]), 10) + id[:4]
					ids.set(short, id)
					a.header.Set("Location", strings.Replace(location, id, short, 1))
				}
				return a
			}
		}
	}},
	{name: "start-in-new-repository-404", sentence: mustStart, breaks: func() layer {
		var seen table[int]
		return alter(startUpload, func(q *query, a *answer) {
			if count(&seen, q.repo) == 1 && strings.Count(q.repo, "/") > 1 {
				*a = *refuse(q, 404, "NAME_UNKNOWN")
			}
		})()
	}},

	// Closing.
	{name: "close-200", sentence: mustClose, breaks: alter(closing, status(200))},
	{name: "close-204", sentence: mustClose, breaks: alter(closing, status(204))},
	{name: "close-no-location", sentence: mustClose, breaks: alter(closing, without("Location"))},
	{name: "close-location-404", sentence: mustPullable, breaks: alter(closing, func(q *query, a *answer) {
		a.header.Set("Location", strings.Replace(a.header.Get("Location"), "/blobs/", "/blob/", 1))
	})},
	{name: "close-location-of-session", sentence: mustPullable, breaks: alter(closing, func(q *query, a *answer) {
		a.header.Set("Location", q.URL.Path)
	})},
	{name: "close-location-of-empty-blob", sentence: mustPullable, breaks: alter(closing, func(q *query, a *answer) {
		a.header.Set("Location", blobLocation(q, sha(nil)))
	})},
	{name: "close-digest-of-chunk-header", sentence: "A successful response MUST contain the digest of the uploaded blob in the header Docker-Content-Digest.", breaks: alter(closing, with("Docker-Content-Digest", sha([]byte("other"))))},
	{name: "second-push-409", sentence: mustClose, breaks: func() layer {
		var seen table[int]
		return alter(closing, func(q *query, a *answer) {
			if count(&seen, q.repo+q.URL.Query().Get("digest")) > 1 {
				*a = *refuse(q, 409, "BLOB_UPLOAD_INVALID")
			}
		})()
	}},
	{name: "second-push-no-location", sentence: mustClose, breaks: func() layer {
		var seen table[int]
		return alter(closing, func(q *query, a *answer) {
			if count(&seen, q.repo+q.URL.Query().Get("digest")) > 1 {
				a.header.Del("Location")
			}
		})()
	}},
	{name: "wrong-digest-201", sentence: should400, breaks: alterErrors(closing, func(q *query, a *answer) {
		if a.status == 400 && bytes.Contains(a.body, []byte("DIGEST_INVALID")) {
			accepted(q, a)
		}
	})},
	{name: "wrong-digest-500", sentence: should400, breaks: alterErrors(closing, statusIf(400, 500))},
	{name: "malformed-digest-404", sentence: should400, breaks: alterErrors(closing, func(q *query, a *answer) {
		if _, hex, _ := strings.Cut(q.URL.Query().Get("digest"), ":"); len(hex) != 64 && a.status == 400 {
			a.status = 404
		}
	})},
	{name: "unknown-algorithm-500", sentence: should400, breaks: alterErrors(closing, func(q *query, a *answer) {
		if d := q.URL.Query().Get("digest"); d != "" && !strings.HasPrefix(d, "sha") {
			a.status = 500
		}
	})},
	{name: "no-digest-201", sentence: "The closing PUT request MUST include the <digest> of the whole blob (not the final chunk) as a query parameter.", breaks: alterErrors(closing.and(lacks("digest")), accepted)},
	{name: "sha512-kept-under-sha256", sentence: mustPullable, breaks: around(closing, func(q *query, next serve) *answer {
		d := q.URL.Query().Get("digest")
		if !strings.HasPrefix(d, "sha512:") || len(q.content) == 0 || held(q, next) > 0 {
			return next(q)
		}
		sum := sha512.Sum512(q.content)
		if "sha512:"+hex.EncodeToString(sum[:]) != d {
			return next(q)
		}
		return next(q.asking(func(v url.Values) { v.Set("digest", sha(q.content)) }))
	})},
	{name: "wrong-digest-keeps-blob", sentence: mustBlob404, breaks: around(closing, func(q *query, next serve) *answer {
		a := next(q)
		if a.status == 400 {
			if d := sha(q.content); d != sha(nil) {
				put(q, next, q.content, d)
			}
		}
		return a
	})},
	{name: "session-lives-after-close", sentence: "Regardless of how the final chunk is uploaded, the session MUST be closed with a PUT request.", breaks: func() layer {
		var closed table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == session && q.Method == "PUT" && a.status == 201 {
					closed.set(q.ref, true)
				}
				if _, ok := closed.get(q.ref); ok && q.kind == session && q.Method == "GET" {
					a = reply(q, 204, "", "")
					a.header.Set("Location", q.URL.RequestURI())
					a.header.Set("Range", "0-0")
				}
				return a
			}
		}
	}},
	{name: "empty-blob-refused", sentence: mustClose, breaks: alter(closing, func(q *query, a *answer) {
		if q.URL.Query().Get("digest") == sha(nil) {
			*a = *refuse(q, 400, "SIZE_INVALID")
		}
	})},

	// Chunks.
	{name: "patch-201", sentence: mustPatch, breaks: alter(patch, status(201))},
	{name: "patch-204", sentence: mustPatch, breaks: alter(patch, status(204))},
	{name: "patch-no-location", sentence: mustPatch, breaks: alter(patch, without("Location"))},
	{name: "patch-no-range", sentence: mustPatch, breaks: alter(patch, without("Range"))},
	{name: "patch-second-no-range", sentence: mustPatch, breaks: alter(patch.and(says("Content-Range")), func(q *query, a *answer) {
		if !strings.HasPrefix(q.Header.Get("Content-Range"), "0-") {
			a.header.Del("Range")
		}
	})},
	{name: "patch-range-with-unit", sentence: mustPatch, breaks: alter(patch, func(_ *query, a *answer) {
		a.header.Set("Range", "bytes="+a.header.Get("Range"))
	})},
	{name: "patch-range-is-size", sentence: mustPatchEnd, breaks: alter(patch, func(_ *query, a *answer) {
		_, last, _ := bounds(a.header.Get("Range"))
		a.header.Set("Range", fmt.Sprintf("0-%d", last+1))
	})},
	{name: "patch-range-of-chunk", sentence: mustPatch, breaks: alter(patch.and(says("Content-Range")), func(q *query, a *answer) {
		a.header.Set("Range", q.Header.Get("Content-Range"))
	})},
	{name: "patch-range-of-length", sentence: mustPatchEnd, breaks: alter(patch.and(says("Content-Range")), func(q *query, a *answer) {
		first, last, _ := bounds(q.Header.Get("Content-Range"))
		a.header.Set("Range", fmt.Sprintf("0-%d", last-first))
	})},
	{name: "patch-gap-of-one", sentence: mustOrder, breaks: shifted(patch, 1, 1)},
	{name: "patch-overlap-of-one", sentence: mustOrder, breaks: shifted(patch, -1, -1)},
	{name: "patch-gap-large", sentence: mustOrder, breaks: shifted(patch, 2, 1<<30)},
	{name: "patch-first-not-at-0", sentence: mustOrder, breaks: around(patch.and(says("Content-Range")), func(q *query, next serve) *answer {
		if held(q, next) == 0 {
			first, last, _ := bounds(q.Header.Get("Content-Range"))
			if first > 0 {
				return next(q.saying(func(h http.Header) { h.Set("Content-Range", fmt.Sprintf("0-%d", last-first)) }))
			}
		}
		return next(q)
	})},
	{name: "patch-repeated-accepted", sentence: mustOrder, breaks: func() layer {
		var done table[*answer]
		return func(next serve) serve {
			return func(q *query) *answer {
				key := q.ref + q.Header.Get("Content-Range")
				a := next(q)
				if q.kind == session && q.Method == "PATCH" && q.Header.Get("Content-Range") != "" {
					if a.ok() {
						done.set(key, a)
					} else if old, ok := done.get(key); ok && a.status == 416 {
						return old
					}
				}
				return a
			}
		}
	}},
	{name: "patch-out-of-order-400", sentence: mustOrder, breaks: alterErrors(patch, statusIf(416, 400))},
	{name: "patch-out-of-order-500", sentence: mustOrder, breaks: alterErrors(patch, statusIf(416, 500))},
	{name: "patch-416-keeps-chunk", sentence: "The <end-of-range> value is the position of the last uploaded byte of the blob.", breaks: around(patch, func(q *query, next serve) *answer {
		a := next(q)
		if a.status == 416 && len(q.content) > 0 {
			next(q.saying(func(h http.Header) { h.Del("Content-Range") }))
		}
		return a
	})},
	{name: "put-out-of-order-201", sentence: mustLastOrder, breaks: shifted(closing, -1<<30, 1<<30)},
	{name: "put-gap-of-one", sentence: mustLastOrder, breaks: shifted(closing, 1, 1)},
	{name: "put-overlap-of-one", sentence: mustLastOrder, breaks: shifted(closing, -1, -1)},
	{name: "put-out-of-order-400", sentence: mustLastOrder, breaks: alterErrors(closing, statusIf(416, 400))},
	{name: "put-last-chunk-ignored", sentence: "The final chunk MAY be uploaded using a PATCH request or it MAY be uploaded in the closing PUT request.", breaks: rewritten(closing.and(says("Content-Range")), func(q *query) *query {
		return q.saying(func(h http.Header) { h.Del("Content-Range") }).sending(nil)
	})},
	{name: "put-last-chunk-refused", sentence: "The final chunk MAY be uploaded using a PATCH request or it MAY be uploaded in the closing PUT request.", breaks: around(closing, func(q *query, next serve) *answer {
		if len(q.content) > 0 && held(q, next) > 1 {
			return refuse(q, 400, "BLOB_UPLOAD_INVALID")
		}
		return next(q)
	})},
	{name: "put-digest-of-last-chunk", sentence: mustWhole, breaks: around(closing, func(q *query, next serve) *answer {
		a := next(q)
		d := q.URL.Query().Get("digest")
		if a.status == 400 && len(q.content) > 0 && sha(q.content) == d && put(q, next, q.content, d) {
			accepted(q, a)
		}
		return a
	})},
	{name: "put-digest-of-first-chunk", sentence: mustWhole, breaks: func() layer {
		var first table[[]byte]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.kind == session && q.Method == "PATCH" {
					if _, ok := first.get(q.ref); !ok {
						first.set(q.ref, q.content)
					}
				}
				a := next(q)
				if q.kind == session && q.Method == "PUT" && a.status == 400 {
					d := q.URL.Query().Get("digest")
					if content, ok := first.get(q.ref); ok && sha(content) == d && put(q, next, content, d) {
						accepted(q, a)
					}
				}
				return a
			}
		}
	}},
	{name: "last-chunk-twice-after-status", sentence: mustStatus, breaks: func() layer {
		var last table[[]byte]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == session && q.Method == "GET" && a.status == 204 {
					if content, ok := last.get(q.ref); ok {
						_, end, _ := bounds(a.header.Get("Range"))
						a.header.Set("Range", fmt.Sprintf("0-%d", end+len(content)))
					}
				}
				if q.kind == session && q.Method == "PATCH" && a.ok() && !strings.HasPrefix(q.Header.Get("Content-Range"), "0-") {
					last.set(q.ref, q.content)
				}
				return a
			}
		}
	}},
	{name: "chunk-range-longer-than-body", sentence: "The <length> is the content-length, in bytes, of the current chunk.", breaks: rewritten(patch.and(says("Content-Range")), func(q *query) *query {
		first, last, ok := bounds(q.Header.Get("Content-Range"))
		if ok && last-first+1 != len(q.content) && len(q.content) > 0 {
			return q.saying(func(h http.Header) { h.Set("Content-Range", fmt.Sprintf("%d-%d", first, first+len(q.content)-1)) })
		}
		return q
	})},
	{name: "content-range-with-unit-accepted-differently", sentence: "It MUST match the following regular expression: ^[0-9]+-[0-9]+$", breaks: around(patch.and(says("Content-Range")), func(q *query, next serve) *answer {
		if _, _, ok := bounds(q.Header.Get("Content-Range")); !ok {
			return refuse(q, 500, "BLOB_UPLOAD_INVALID")
		}
		return next(q)
	})},
	{name: "minimum-not-announced", sentence: "If the registry has a minimum chunk size, the POST response SHOULD include the following header: OCI-Chunk-Min-Length: <size>", breaks: alter(on(uploads, "POST"), without("OCI-Chunk-Min-Length")), options: registry.Options{ChunkMinLength: 64 << 10}},
	{name: "minimum-for-last-chunk", sentence: "The final chunk MAY have any length.", breaks: around(closing, func(q *query, next serve) *answer {
		if n := len(q.content); n > 0 && n < 16 && held(q, next) > 1 {
			return refuse(q, 416, "BLOB_UPLOAD_INVALID")
		}
		return next(q)
	}), options: registry.Options{ChunkMinLength: 16}},

	// Status.
	{name: "status-200", sentence: mustStatus, breaks: alter(progress, status(200))},
	{name: "status-202", sentence: mustStatus, breaks: alter(progress, status(202))},
	{name: "status-no-location", sentence: mustStatus, breaks: alter(progress, without("Location"))},
	{name: "status-no-range", sentence: mustStatus, breaks: alter(progress, without("Range"))},
	{name: "status-range-of-first-chunk", sentence: "The <end-of-range> value is the position of the last uploaded byte of the blob.", breaks: func() layer {
		var first table[string]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				switch {
				case q.kind != session || !a.ok():
				case q.Method == "PATCH":
					if _, ok := first.get(q.ref); !ok {
						first.set(q.ref, a.header.Get("Range"))
					}
				case q.Method == "GET":
					if r, ok := first.get(q.ref); ok {
						a.header.Set("Range", r)
					}
				}
				return a
			}
		}
	}},
	{name: "status-location-dead", sentence: "The following chunk upload SHOULD use the <blob-push-location> provided in the response.", breaks: alter(progress, func(q *query, a *answer) {
		a.header.Set("Location", "/v2/"+q.repo+"/blobs/uploads/11111111-2222-4333-8444-555555555555")
	})},
	{name: "status-unknown-204", sentence: "end-13: failure 404", breaks: alterErrors(progress, func(q *query, a *answer) {
		*a = *reply(q, 204, "", "")
		a.header.Set("Location", q.URL.Path)
		a.header.Set("Range", "0-0")
	})},
	{name: "patch-unknown-session-202", sentence: "end-5: failure 404/416", breaks: alterErrors(patch, func(q *query, a *answer) {
		if a.status == 404 {
			*a = *reply(q, 202, "", "")
			a.header.Set("Location", q.URL.Path)
			a.header.Set("Range", fmt.Sprintf("0-%d", max(0, len(q.content)-1)))
		}
	})},
	{name: "put-unknown-session-500", sentence: "end-6: failure 404/400/416", breaks: alterErrors(closing, statusIf(404, 500))},
	{name: "session-in-any-repository", sentence: "Here, <name> refers to the namespace of the repository.", breaks: func() layer {
		var home table[string]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.kind == session {
					if repo, ok := home.get(q.ref); ok && repo != q.repo {
						q = q.at("/v2/" + repo + "/blobs/uploads/" + q.ref)
					}
				}
				a := next(q)
				if q.kind == uploads && a.status == 202 {
					id := a.header.Get("Location")
					id, _, _ = strings.Cut(id[strings.LastIndex(id, "/")+1:], "?")
					home.set(id, q.repo)
				}
				return a
			}
		}
	}},

	// Cancelling.
	{name: "cancel-200", sentence: "If successful, the response SHOULD be a 204 No Content response code.", breaks: alter(on(session, "DELETE"), status(200))},
	{name: "cancel-202", sentence: "If successful, the response SHOULD be a 204 No Content response code.", breaks: alter(on(session, "DELETE"), status(202))},
	{name: "cancel-keeps-session", sentence: "During a blob upload, the session may be canceled with a DELETE request", breaks: around(on(session, "DELETE"), func(q *query, next serve) *answer {
		if next(q.to("GET", q.URL.RequestURI())).status != 204 {
			return next(q)
		}
		return reply(q, 204, "", "")
	})},
	{name: "cancel-twice-204", sentence: "end-14: failure 404/400", breaks: alterErrors(on(session, "DELETE"), func(q *query, a *answer) { *a = *reply(q, 204, "", "") })},

	// Single POST.
	{name: "single-200", sentence: mustPost, breaks: alter(single, statusIf(201, 200))},
	{name: "single-no-location", sentence: mustPost, breaks: alter(single, without("Location"))},
	{name: "single-stores-nothing", sentence: mustPost, breaks: around(single, func(q *query, next serve) *answer {
		if d := q.URL.Query().Get("digest"); sha(q.content) == d && len(q.content) > 2 {
			a := &answer{}
			accepted(q, a)
			return a
		}
		return next(q)
	})},
	{name: "single-wrong-digest-201", sentence: "Likewise, the <digest> MUST match the blob's digest.", breaks: alterErrors(single, accepted)},
	{name: "single-202-dead-session", sentence: "Registries that do not support single request monolithic uploads SHOULD return a 202 Accepted status code and Location header and clients SHOULD proceed with a subsequent PUT request", breaks: alter(single, func(q *query, a *answer) {
		a.status = 202
		a.header.Set("Location", "/v2/"+q.repo+"/blobs/uploads/11111111-2222-4333-8444-555555555555")
	})},
	{name: "single-202-no-location", sentence: "Registries that do not support single request monolithic uploads SHOULD return a 202 Accepted status code and Location header", breaks: alter(single, without("Location")), options: registry.Options{NoSinglePost: true}},

	// Mounting.
	{name: "mount-200", sentence: mustMount, breaks: alter(mount, statusIf(201, 200))},
	{name: "mount-no-location", sentence: mustMount, breaks: alter(mount, without("Location"))},
	{name: "mount-stores-nothing", sentence: mustMount, breaks: around(mount.and(has("from")), func(q *query, next serve) *answer {
		d := q.URL.Query().Get("mount")
		if !next(q.to("HEAD", "/v2/"+q.URL.Query().Get("from")+"/blobs/"+d)).ok() {
			return next(q)
		}
		a := reply(q, 201, "", "")
		a.header.Set("Location", blobLocation(q, d))
		a.header.Set("Docker-Content-Digest", d)
		return a
	})},
	{name: "mount-location-of-source", sentence: "The Location header will contain the registry URL to access the accepted layer file.", breaks: alter(mount.and(has("from")), func(q *query, a *answer) {
		if a.status == 201 {
			a.header.Set("Location", "/v2/"+q.repo+"/blobs/uploads/")
		}
	})},
	{name: "mount-moves", sentence: mustProvideBlob, breaks: around(mount.and(has("from")), func(q *query, next serve) *answer {
		a := next(q)
		if from := q.URL.Query().Get("from"); a.status == 201 && from != q.repo {
			next(q.to("DELETE", "/v2/"+from+"/blobs/"+q.URL.Query().Get("mount")))
		}
		return a
	})},
	{name: "mount-missing-201", sentence: shouldMount, breaks: alter(mount, func(q *query, a *answer) {
		if a.status == 202 {
			d := q.URL.Query().Get("mount")
			*a = *reply(q, 201, "", "")
			a.header.Set("Location", blobLocation(q, d))
		}
	})},
	{name: "mount-missing-404", sentence: shouldMount, breaks: alter(mount, func(q *query, a *answer) {
		if a.status == 202 {
			*a = *refuse(q, 404, "BLOB_UNKNOWN")
		}
	})},
	{name: "mount-unknown-source-500", sentence: shouldMount, breaks: around(mount.and(has("from")), func(q *query, next serve) *answer {
		if next(q.to("GET", "/v2/"+q.URL.Query().Get("from")+"/tags/list")).status == 404 {
			return refuse(q, 500, "NAME_UNKNOWN")
		}
		return next(q)
	})},
	{name: "mount-202-no-location", sentence: shouldMount, breaks: alter(mount, func(_ *query, a *answer) {
		if a.status == 202 {
			a.header.Del("Location")
		}
	})},
	{name: "mount-202-dead-session", sentence: "This indicates that the upload session has begun and that the client MAY proceed with the upload.", breaks: alter(mount, func(q *query, a *answer) {
		if a.status == 202 {
			a.header.Set("Location", "/v2/"+q.repo+"/blobs/uploads/11111111-2222-4333-8444-555555555555")
		}
	})},
	{name: "mount-twice-409", sentence: mustMount, breaks: func() layer {
		var seen table[int]
		return alter(mount, func(q *query, a *answer) {
			if a.status == 201 && count(&seen, q.repo+q.URL.RawQuery) > 1 {
				*a = *refuse(q, 409, "DENIED")
			}
		})()
	}},
	{name: "mount-digest-of-nothing", sentence: "The Docker-Content-Digest header returns the digest of the uploaded blob which MAY differ from the provided digest.", breaks: alter(mount, func(_ *query, a *answer) {
		if a.status == 201 {
			a.header.Set("Docker-Content-Digest", sha(nil))
		}
	})},

	// Names.
	{name: "name-with-double-underscore-refused", sentence: "<name> MUST match the following regular expression: [a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*", breaks: refusedName("__")},
	{name: "name-with-dashes-refused", sentence: "<name> MUST match the following regular expression: …-+…", breaks: refusedName("--")},
	{name: "name-with-dot-refused", sentence: "<name> MUST match the following regular expression: …\\.…", breaks: refusedName(".")},
	{name: "name-of-five-parts-refused", sentence: "<name> MUST match the following regular expression: …(\\/…)*", breaks: around(func(q *query) bool { return strings.Count(q.repo, "/") >= 4 }, func(q *query, next serve) *answer { return refuse(q, 400, "NAME_INVALID") })},
	{name: "name-in-capitals-accepted", sentence: "<name> MUST match the following regular expression: [a-z0-9]+…", breaks: around(on(uploads, "POST"), func(q *query, next serve) *answer {
		if low := strings.ToLower(q.repo); low != q.repo {
			return next(q.at("/v2/" + low + "/blobs/uploads/"))
		}
		return next(q)
	})},
}

func refusedName(part string) func() layer {
	return around(func(q *query) bool { return strings.Contains(q.repo, part) }, func(q *query, next serve) *answer {
		return refuse(q, 400, "NAME_INVALID")
	})
}
