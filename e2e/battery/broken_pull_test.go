package battery_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/registry"
)

// brokenRegistry is a registry that breaks one sentence.
type brokenRegistry struct {
	name     string
	sentence string // of the distribution specification, unless it names another document
	breaks   func() layer
	options  registry.Options
}

const (
	mustProvideManifest = "A GET request to an existing manifest URL MUST provide the expected manifest, with a response code that MUST be 200 OK."
	mustProvideBlob     = "A GET request to an existing blob URL MUST provide the expected blob, with a response code that MUST be 200 OK."
	mustHead            = "A HEAD request to an existing blob or manifest URL MUST return 200 OK."
	mustHeadDigest      = "A successful response MUST contain the digest of the uploaded blob or manifest in the header Docker-Content-Digest."
	mustHeadSize        = "A successful response MUST contain the size in bytes of the uploaded blob or manifest in the header Content-Length."
	mustManifest404     = "If the manifest is not found in the repository, the response code MUST be 404 Not Found."
	mustBlob404         = "If the blob is not found in the repository, the response code MUST be 404 Not Found."
	mustHead404         = "If the blob or manifest is not found in the repository, the response code MUST be 404 Not Found."
	mustExact           = "The registry MUST store the manifest in the exact byte representation provided by the client."
	shouldRange         = "A registry SHOULD support the Range request header in accordance with RFC 9110 (section 14)."
	shouldTypePushed    = "The Content-Type header SHOULD match what the client pushed as the manifest's Content-Type."
	mustRepo404         = "An attempt to pull a nonexistent repository MUST return response code 404 Not Found."
)

var (
	getManifest  = on(manifests, "GET")
	headManifest = on(manifests, "HEAD")
	readManifest = on(manifests, "GET", "HEAD")
	putManifest  = on(manifests, "PUT")
	getBlob      = on(blobs, "GET")
	headBlob     = on(blobs, "HEAD")
)

// body changes the body of an answer that has one.
func body(f func([]byte) []byte) change {
	return func(_ *query, a *answer) {
		if !a.head {
			a.set(f(bytes.Clone(a.body)))
		}
	}
}

// remembered answers a condition with the first answer to the same request.
func remembered(c when) func() layer {
	return func() layer {
		var answers table[*answer]
		return around(c, func(q *query, next serve) *answer {
			key := q.Method + q.URL.String()
			if a, ok := answers.get(key); ok {
				return &answer{a.status, a.header.Clone(), a.body, a.head}
			}
			a := next(q)
			if a.ok() {
				answers.set(key, &answer{a.status, a.header.Clone(), a.body, a.head})
			}
			return a
		})()
	}
}

// later changes the answers to all but the first request for a thing.
func later(c when, f change) func() layer {
	return func() layer {
		var seen table[int]
		return alter(c, func(q *query, a *answer) {
			if count(&seen, q.Method+q.thing()) > 1 {
				f(q, a)
			}
		})()
	}
}

// replaced replaces successful answers.
func replaced(status int, code string) change {
	return func(q *query, a *answer) { *a = *refuse(q, status, code) }
}

// elsewhere looks for what a repository does not have in all repositories that were pushed to.
func elsewhere(c when) func() layer {
	return func() layer {
		var repos table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if a.ok() && (q.kind == manifests && q.Method == "PUT" || q.kind == session && q.Method == "PUT" || q.kind == uploads) {
					repos.set(q.repo, true)
				}
				if a.status != http.StatusNotFound || !c(q) {
					return a
				}
				repos.mu.Lock()
				var names []string
				for name := range repos.values {
					names = append(names, name)
				}
				repos.mu.Unlock()
				for _, name := range names {
					if b := next(q.to(q.Method, strings.Replace(q.URL.Path, "/v2/"+q.repo+"/", "/v2/"+name+"/", 1))); b.ok() {
						return b
					}
				}
				return a
			}
		}
	}
}

// orElse asks for another reference if there is no manifest.
func orElse(c when, ref func(string) string) func() layer {
	return around(c, func(q *query, next serve) *answer {
		a := next(q)
		if a.status != http.StatusNotFound {
			return a
		}
		if instead := ref(q.ref); instead != q.ref {
			return next(q.at("/v2/" + q.repo + "/manifests/" + instead))
		}
		return a
	})
}

func ranged(f func(q *query, a *answer)) func() layer {
	return alter(getBlob.and(says("Range")), func(q *query, a *answer) {
		if a.status == http.StatusPartialContent {
			f(q, a)
		}
	})
}

var brokenPull = []brokenRegistry{
	// Status of what exists.
	{name: "manifest-by-tag-203", sentence: mustProvideManifest, breaks: alter(getManifest.and(byTag), status(203))},
	{name: "manifest-by-digest-203", sentence: mustProvideManifest, breaks: alter(getManifest.and(byDigest), status(203))},
	{name: "manifest-read-once", sentence: mustProvideManifest, breaks: later(getManifest.and(byTag), replaced(404, "MANIFEST_UNKNOWN"))},
	{name: "blob-read-once", sentence: mustProvideBlob, breaks: later(getBlob, replaced(503, "UNSUPPORTED"))},
	{name: "blob-206-without-range", sentence: mustProvideBlob, breaks: alter(getBlob, func(q *query, a *answer) {
		if a.status == 200 && q.Header.Get("Range") == "" {
			a.status = 206
		}
	})},
	{name: "blob-head-204", sentence: mustHead, breaks: alter(headBlob, statusIf(200, 204))},
	{name: "manifest-head-202", sentence: mustHead, breaks: alter(headManifest, status(202))},
	{name: "manifest-head-by-digest-405", sentence: mustHead, breaks: alter(headManifest.and(byDigest), replaced(405, "UNSUPPORTED"))},
	{name: "index-not-by-digest", sentence: mustProvideManifest, breaks: alter(getManifest.and(byDigest), func(q *query, a *answer) {
		if strings.Contains(a.header.Get("Content-Type"), "index") {
			*a = *refuse(q, 404, "MANIFEST_UNKNOWN")
		}
	})},
	{name: "child-hidden-by-index", sentence: mustProvideManifest, breaks: func() layer {
		var hidden table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.kind == manifests && q.reads() {
					if _, ok := hidden.get(q.repo + q.ref); ok {
						return refuse(q, 404, "MANIFEST_UNKNOWN")
					}
				}
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && a.ok() {
					var index struct{ Manifests []struct{ Digest string } }
					_ = json.Unmarshal(q.content, &index)
					for _, m := range index.Manifests {
						hidden.set(q.repo+m.Digest, true)
					}
				}
				return a
			}
		}
	}},
	{name: "untagged-not-by-digest", sentence: mustProvideManifest, breaks: func() layer {
		var tagged table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.kind == manifests && q.reads() && q.byDigest() {
					if _, ok := tagged.get(q.repo + q.ref); !ok {
						return refuse(q, 404, "MANIFEST_UNKNOWN")
					}
				}
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && !q.byDigest() && a.ok() {
					tagged.set(q.repo+a.header.Get("Docker-Content-Digest"), true)
				}
				return a
			}
		}
	}},
	{name: "moved-tag-loses-old-manifest", sentence: mustProvideManifest, breaks: func() layer {
		var on, lost table[string]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.kind == manifests && q.reads() {
					if _, ok := lost.get(q.repo + q.ref); ok {
						return refuse(q, 404, "MANIFEST_UNKNOWN")
					}
				}
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && !q.byDigest() && a.ok() {
					d := a.header.Get("Docker-Content-Digest")
					if old, ok := on.set(q.thing(), d); ok && old != d {
						lost.set(q.repo+old, "")
					}
					lost.del(q.repo + d)
				}
				return a
			}
		}
	}},
	{name: "accept-of-index-only-404", sentence: mustProvideManifest, breaks: alter(getManifest, func(q *query, a *answer) {
		if accept := q.Header.Get("Accept"); accept == "" {
			*a = *refuse(q, 404, "MANIFEST_UNKNOWN")
		}
	})},

	// Content.
	{name: "tag-stale-get", sentence: mustProvideManifest, breaks: remembered(getManifest.and(byTag))},
	{name: "tag-stale-head", sentence: mustHeadDigest, breaks: remembered(headManifest.and(byTag))},
	{name: "manifest-trailing-newline-lost", sentence: mustExact, breaks: alter(getManifest, body(func(b []byte) []byte { return bytes.TrimRight(b, "\n ") }))},
	{name: "manifest-newline-added", sentence: mustExact, breaks: alter(getManifest.and(byTag), body(func(b []byte) []byte { return append(b, '\n') }))},
	{name: "manifest-compacted", sentence: mustExact, breaks: alter(getManifest, body(func(b []byte) []byte {
		var c bytes.Buffer
		if json.Compact(&c, b) != nil {
			return b
		}
		return c.Bytes()
	}))},
	{name: "manifest-html-escaped", sentence: mustExact, breaks: alter(getManifest, body(func(b []byte) []byte {
		var c bytes.Buffer
		json.HTMLEscape(&c, b)
		return c.Bytes()
	}))},
	{name: "manifest-numbers-as-floats", sentence: mustExact, breaks: alter(getManifest, body(func(b []byte) []byte {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		out := b
		for {
			token, err := d.Token()
			if err != nil {
				return out
			}
			if n, ok := token.(json.Number); ok {
				f, _ := n.Float64()
				out = bytes.Replace(out, []byte(n), strconv.AppendFloat(nil, f, 'f', -1, 64), 1)
			}
		}
	}))},
	{name: "manifest-crlf", sentence: mustExact, breaks: alter(getManifest, body(func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
	}))},
	{name: "manifest-tabs-to-spaces", sentence: mustExact, breaks: alter(getManifest, body(func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte("\t"), []byte("  "))
	}))},
	{name: "manifest-unescaped", sentence: mustExact, breaks: alter(getManifest, body(func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`\u0026`), []byte("&"))
	}))},
	{name: "manifest-slashes-unescaped", sentence: mustExact, breaks: alter(getManifest, body(func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`\/`), []byte("/"))
	}))},
	{name: "blob-inflated", sentence: mustProvideBlob, breaks: alter(getBlob, body(func(b []byte) []byte {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return b
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			return b
		}
		return plain
	}))},
	{name: "blob-marked-as-gzip-encoded", sentence: mustProvideBlob, breaks: alter(getBlob, func(_ *query, a *answer) {
		if bytes.HasPrefix(a.body, []byte{0x1f, 0x8b}) {
			a.header.Set("Content-Encoding", "gzip")
		}
	})},
	{name: "blob-of-json-compacted", sentence: mustProvideBlob, breaks: alter(getBlob, body(func(b []byte) []byte {
		var c bytes.Buffer
		if json.Compact(&c, b) != nil {
			return b
		}
		return c.Bytes()
	}))},
	{name: "large-blob-cut-at-a-mebibyte", sentence: mustProvideBlob, breaks: alter(getBlob, body(func(b []byte) []byte { return b[:min(len(b), 1<<20)] }))},
	{name: "empty-blob-404", sentence: mustProvideBlob, breaks: alter(on(blobs, "GET", "HEAD"), func(q *query, a *answer) {
		if a.header.Get("Content-Length") == "0" {
			*a = *refuse(q, 404, "BLOB_UNKNOWN")
		}
	})},

	// Headers.
	{name: "manifest-get-no-digest", sentence: "A successful response MUST contain the digest of the uploaded blob in the header Docker-Content-Digest.", breaks: alter(getManifest.and(byTag), without("Docker-Content-Digest"))},
	{name: "blob-get-no-digest", sentence: "A successful response MUST contain the digest of the uploaded blob in the header Docker-Content-Digest.", breaks: alter(getBlob, without("Docker-Content-Digest"))},
	{name: "blob-range-no-digest", sentence: "A successful response MUST contain the digest of the uploaded blob in the header Docker-Content-Digest.", breaks: ranged(without("Docker-Content-Digest"))},
	{name: "blob-head-no-digest", sentence: mustHeadDigest, breaks: alter(headBlob, without("Docker-Content-Digest"))},
	{name: "manifest-head-by-digest-no-digest", sentence: mustHeadDigest, breaks: alter(headManifest.and(byDigest), without("Docker-Content-Digest"))},
	{name: "digest-in-capitals", sentence: "If present, the value of this header MUST be a digest matching that of the response body.", breaks: alter(on(blobs, "GET"), func(_ *query, a *answer) {
		algorithm, hex, _ := strings.Cut(a.header.Get("Docker-Content-Digest"), ":")
		a.header.Set("Docker-Content-Digest", algorithm+":"+strings.ToUpper(hex))
	})},
	{name: "digest-of-part", sentence: "If present, the value of this header MUST be a digest matching that of the response body.", breaks: alter(getBlob, func(_ *query, a *answer) {
		a.header.Set("Docker-Content-Digest", sha(a.body[:len(a.body)/2]))
	})},
	{name: "digest-without-algorithm", sentence: mustHeadDigest, breaks: alter(headManifest, func(_ *query, a *answer) {
		_, hex, _ := strings.Cut(a.header.Get("Docker-Content-Digest"), ":")
		a.header.Set("Docker-Content-Digest", hex)
	})},
	{name: "manifest-head-no-length", sentence: mustHeadSize, breaks: alter(headManifest, without("Content-Length"))},
	{name: "blob-head-length-0", sentence: mustHeadSize, breaks: alter(headBlob, with("Content-Length", "0"))},
	{name: "index-head-length-of-children", sentence: mustHeadSize, breaks: alter(headManifest, func(_ *query, a *answer) {
		if strings.Contains(a.header.Get("Content-Type"), "index") {
			a.header.Set("Content-Length", "99999")
		}
	})},
	{name: "type-parameters", sentence: "The registry SHOULD NOT include parameters on the Content-Type header.", breaks: alter(getManifest, func(_ *query, a *answer) {
		a.header.Set("Content-Type", a.header.Get("Content-Type")+"; charset=utf-8")
	})},
	{name: "type-of-index-as-image", sentence: shouldTypePushed, breaks: alter(readManifest, func(_ *query, a *answer) {
		if a.header.Get("Content-Type") == "application/vnd.oci.image.index.v1+json" {
			a.header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		}
	})},
	{name: "docker-list-as-oci-index", sentence: shouldTypePushed, breaks: alter(readManifest, func(_ *query, a *answer) {
		if strings.Contains(a.header.Get("Content-Type"), "manifest.list") {
			a.header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		}
	})},
	{name: "docker-manifest-as-oci", sentence: shouldTypePushed, breaks: alter(readManifest, func(_ *query, a *answer) {
		if strings.Contains(a.header.Get("Content-Type"), "docker.distribution.manifest.v2") {
			a.header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		}
	})},
	{name: "type-json", sentence: shouldTypePushed, breaks: alter(getManifest.and(byDigest), with("Content-Type", "application/json"))},
	{name: "head-type-differs-from-get", sentence: "RFC 9110, 9.3.2: The server SHOULD send the same header fields in response to a HEAD request as it would have sent if the request method had been GET.", breaks: alter(headManifest, with("Content-Type", "text/plain"))},

	// What does not exist.
	{name: "tag-unknown-400", sentence: mustManifest404, breaks: alterErrors(getManifest.and(byTag), statusIf(404, 400))},
	{name: "digest-unknown-500", sentence: mustManifest404, breaks: alterErrors(getManifest.and(byDigest), statusIf(404, 500))},
	{name: "tag-unknown-200-empty", sentence: mustManifest404, breaks: alterErrors(getManifest.and(byTag), func(q *query, a *answer) {
		if a.status == 404 {
			*a = *reply(q, 200, "application/vnd.oci.image.manifest.v1+json", "")
		}
	})},
	{name: "head-unknown-tag-403", sentence: mustHead404, breaks: alterErrors(headManifest.and(byTag), statusIf(404, 403))},
	{name: "head-unknown-digest-200", sentence: mustHead404, breaks: alterErrors(headManifest.and(byDigest), statusIf(404, 200))},
	{name: "head-unknown-blob-200", sentence: mustHead404, breaks: alterErrors(headBlob, func(q *query, a *answer) {
		if a.status == 404 {
			a.status = 200
			a.header.Set("Docker-Content-Digest", q.ref)
		}
	})},
	{name: "blob-unknown-410", sentence: mustBlob404, breaks: alterErrors(getBlob, statusIf(404, 410))},
	{name: "blob-unknown-sha512-400", sentence: mustBlob404, breaks: alterErrors(on(blobs, "GET", "HEAD"), func(q *query, a *answer) {
		if strings.HasPrefix(q.ref, "sha512:") {
			a.status = 500
		}
	})},
	{name: "repository-unknown-401", sentence: mustRepo404, breaks: alterErrors(getManifest, func(q *query, a *answer) {
		if bytes.Contains(a.body, []byte("NAME_UNKNOWN")) {
			a.status = 401
		}
	})},
	{name: "repository-unknown-tags-200", sentence: mustRepo404, breaks: alterErrors(on(tags, "GET"), func(q *query, a *answer) {
		*a = *reply(q, 200, "application/json", `{"name":"`+q.repo+`","tags":[]}`)
	})},
	{name: "repository-unknown-first-200", sentence: mustRepo404, breaks: func() layer {
		var pushed table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.Method == "POST" || q.Method == "PUT" {
					pushed.set(q.repo, true)
				}
				if _, ok := pushed.get(q.repo); !ok && q.kind == blobs && q.Method == "GET" {
					return reply(q, 200, "application/octet-stream", "")
				}
				return next(q)
			}
		}
	}},
	{name: "blobs-of-all-repositories", sentence: mustBlob404, breaks: elsewhere(on(blobs, "GET", "HEAD"))},
	{name: "manifests-of-all-repositories", sentence: mustManifest404, breaks: elsewhere(readManifest.and(byDigest))},
	{name: "manifest-heads-of-all-repositories", sentence: mustHead404, breaks: elsewhere(headManifest.and(byDigest))},
	{name: "manifest-as-blob", sentence: mustBlob404, breaks: around(getBlob, func(q *query, next serve) *answer {
		a := next(q)
		if a.status == 404 {
			if m := next(q.to("GET", "/v2/"+q.repo+"/manifests/"+q.ref)); m.ok() {
				return m
			}
		}
		return a
	})},
	{name: "blob-as-manifest", sentence: mustManifest404, breaks: around(readManifest.and(byDigest), func(q *query, next serve) *answer {
		a := next(q)
		if a.status == 404 {
			if b := next(q.to(q.Method, "/v2/"+q.repo+"/blobs/"+q.ref)); b.ok() {
				return b
			}
		}
		return a
	})},
	{name: "tag-without-case", sentence: mustManifest404, breaks: orElse(readManifest.and(byTag), strings.ToLower)},
	{name: "tag-up-to-dash", sentence: mustManifest404, breaks: orElse(readManifest.and(byTag), func(tag string) string {
		if i := strings.LastIndexAny(tag, "-."); i > 0 {
			return tag[:i]
		}
		return tag
	})},
	{name: "tag-of-hex-is-digest", sentence: mustManifest404, breaks: orElse(readManifest.and(byTag), func(tag string) string {
		if len(tag) == 64 && strings.Trim(tag, "0123456789abcdef") == "" {
			return "sha256:" + tag
		}
		return tag
	})},
	{name: "referrers-tag-is-digest", sentence: mustManifest404, breaks: orElse(readManifest.and(byTag), func(tag string) string {
		if hex, ok := strings.CutPrefix(tag, "sha256-"); ok {
			return "sha256:" + hex
		}
		return tag
	})},
	{name: "latest-is-any", sentence: mustManifest404, breaks: func() layer {
		var last table[string]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && a.ok() {
					last.set(q.repo, a.header.Get("Docker-Content-Digest"))
				}
				if d, ok := last.get(q.repo); ok && q.kind == manifests && q.reads() && q.ref == "latest" && a.status == 404 {
					return next(q.at("/v2/" + q.repo + "/manifests/" + d))
				}
				return a
			}
		}
	}},

	// Ranges.
	{name: "range-ignored-for-suffix", sentence: shouldRange, breaks: rewritten(getBlob.and(says("Range")), func(q *query) *query {
		return q.saying(func(h http.Header) {
			if strings.HasPrefix(h.Get("Range"), "bytes=-") {
				h.Del("Range")
			}
		})
	})},
	{name: "range-of-suffix-from-start", sentence: shouldRange, breaks: rewritten(getBlob.and(says("Range")), func(q *query) *query {
		return q.saying(func(h http.Header) {
			if n, err := strconv.Atoi(strings.TrimPrefix(h.Get("Range"), "bytes=-")); err == nil && strings.HasPrefix(h.Get("Range"), "bytes=-") && n > 0 {
				h.Set("Range", "bytes=0-"+strconv.Itoa(n-1))
			}
		})
	})},
	{name: "range-exclusive-end", sentence: shouldRange, breaks: ranged(func(_ *query, a *answer) {
		if len(a.body) > 1 {
			a.set(a.body[:len(a.body)-1])
		}
	})},
	{name: "range-without-content-range", sentence: "RFC 9110, 15.3.7.1: the server generating the 206 response MUST generate a Content-Range header field.", breaks: ranged(without("Content-Range"))},
	{name: "range-unit-missing", sentence: "RFC 9110, 14.4: Content-Range = range-unit SP ( range-resp / unsatisfied-range )", breaks: ranged(func(_ *query, a *answer) {
		a.header.Set("Content-Range", strings.TrimPrefix(a.header.Get("Content-Range"), "bytes "))
	})},
	{name: "range-total-is-part", sentence: "RFC 9110, 14.4: complete-length is the selected representation's length.", breaks: ranged(func(_ *query, a *answer) {
		r, _, _ := strings.Cut(a.header.Get("Content-Range"), "/")
		a.header.Set("Content-Range", r+"/"+strconv.Itoa(len(a.body)))
	})},
	{name: "range-part-as-200", sentence: mustProvideBlob, breaks: ranged(func(_ *query, a *answer) {
		a.status = 200
		a.header.Del("Content-Range")
	})},
	{name: "range-whole-as-206", sentence: shouldRange, breaks: around(getBlob.and(says("Range")), func(q *query, next serve) *answer {
		a := next(q)
		if a.status == 206 {
			whole := next(q.to("GET", q.URL.Path))
			a.set(whole.body)
		}
		return a
	})},
	{name: "range-beyond-end-206-empty", sentence: "RFC 9110, 14.2: if none of the ranges is satisfiable, the server SHOULD send a 416.", breaks: alterErrors(getBlob.and(says("Range")), func(q *query, a *answer) {
		if a.status == 416 {
			*a = *reply(q, 206, "application/octet-stream", "")
			a.header.Set("Docker-Content-Digest", q.ref)
		}
	})},
	{name: "range-beyond-end-404", sentence: "RFC 9110, 14.2: if none of the ranges is satisfiable, the server SHOULD send a 416.", breaks: alterErrors(getBlob.and(says("Range")), statusIf(416, 404))},
	{name: "range-416-no-length", sentence: "RFC 9110, 15.5.17: a server that generates a 416 response to a byte-range request SHOULD generate a Content-Range header field specifying the current length.", breaks: alterErrors(getBlob.and(says("Range")), without("Content-Range"))},
	{name: "range-open-ended-is-short", sentence: shouldRange, breaks: ranged(func(q *query, a *answer) {
		if strings.HasSuffix(q.Header.Get("Range"), "-") && len(a.body) > 2 {
			a.set(a.body[:len(a.body)-2])
		}
	})},
	{name: "range-clipped-refused", sentence: "RFC 9110, 14.1.2: if the last-pos is greater than or equal to the length, the byte range is interpreted as the remainder of the representation.", breaks: around(getBlob.and(says("Range")), func(q *query, next serve) *answer {
		a := next(q)
		_, end, _ := strings.Cut(q.Header.Get("Range"), "-")
		_, size, _ := strings.Cut(a.header.Get("Content-Range"), "/")
		if last, err := strconv.Atoi(end); err == nil {
			if n, err := strconv.Atoi(size); err == nil && last >= n && a.status == 206 {
				return refuse(q, 416, "UNSUPPORTED")
			}
		}
		return a
	})},
	{name: "range-shifted", sentence: shouldRange, breaks: ranged(func(_ *query, a *answer) {
		if len(a.body) > 1 {
			a.set(append([]byte{a.body[0]}, a.body[:len(a.body)-1]...))
		}
	})},
	{name: "range-invalid-400", sentence: "RFC 9110, 14.2: a server MAY ignore the Range header field; a range unit that is not understood MUST be ignored.", breaks: around(getBlob.and(says("Range")), func(q *query, next serve) *answer {
		if !strings.HasPrefix(q.Header.Get("Range"), "bytes=") {
			return refuse(q, 400, "UNSUPPORTED")
		}
		return next(q)
	})},
	{name: "if-range-ignored", sentence: "RFC 9110, 13.1.5: a recipient of an If-Range header field MUST ignore the Range header field if the If-Range condition evaluates as false.", breaks: rewritten(getBlob.and(says("If-Range")), func(q *query) *query {
		return q.saying(func(h http.Header) { h.Del("If-Range") })
	})},
	{name: "range-on-manifest-garbled", sentence: mustProvideManifest, breaks: alter(getManifest.and(says("Range")), func(_ *query, a *answer) {
		a.set(a.body[:len(a.body)/2])
	})},
	{name: "etag-304-for-any", sentence: "RFC 9110, 13.1.2: If-None-Match: if the field value is a list of entity tags, the condition is false if one of the listed tags matches.", breaks: around(on(blobs, "GET").and(says("If-None-Match")), func(q *query, next serve) *answer {
		a := next(q)
		if a.status == 200 {
			return &answer{status: 304, header: http.Header{}}
		}
		return a
	})},
	{name: "manifest-304-after-move", sentence: "RFC 9110, 13.1.2: If-None-Match: if the field value is a list of entity tags, the condition is false if one of the listed tags matches.", breaks: around(getManifest.and(says("If-None-Match")), func(q *query, next serve) *answer {
		if a := next(q); a.status != 200 {
			return a
		}
		return &answer{status: 304, header: http.Header{}}
	})},

	// Determining support.
	{name: "ping-204", sentence: "If the response is 200 OK, then the registry implements this specification.", breaks: alter(on(ping), status(204))},
	{name: "ping-404", sentence: "If the response is 200 OK, then the registry implements this specification.", breaks: alter(on(ping), replaced(404, "UNSUPPORTED"))},
}
