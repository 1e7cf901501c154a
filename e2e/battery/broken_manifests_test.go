package battery_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const (
	mustPut        = "Upon a successful upload, the registry MUST return response code 201 Created, and MUST have the following header: Location: <location>"
	mustPutPull    = "The <location> is a pullable manifest URL."
	mustPutDigest  = "The Docker-Content-Digest header returns the digest of the uploaded blob, and MUST be equal to the client provided digest."
	mustSubject    = "a registry implementation that supports the referrers API MUST respond with the response header OCI-Subject: <subject digest>"
	mustSubject404 = "A registry MUST initially accept an otherwise valid manifest with a subject field that references a manifest that does not exist in the repository"
	mustBlobCode   = "When a manifest is rejected for this reason, it MUST result in one or more MANIFEST_BLOB_UNKNOWN errors"
	mustOCITag     = "MUST include an OCI-Tag response header, in accordance with RFC 9110 (section 5) semantics, for each accepted tag."
	mustTagForm    = "<tag-or-digest> as a tag MUST be at most 128 characters in length and MUST match the following regular expression: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"

	mustDeleteTag      = "Upon success, the registry MUST respond with a 202 Accepted code. (Deleting tags)"
	mustDeleteManifest = "Upon success, the registry MUST respond with a 202 Accepted code. (Deleting Manifests)"
	mustDeleteBlob     = "Upon success, the registry MUST respond with code 202 Accepted. (Deleting Blobs)"
	tagGone            = "Once deleted, a GET to /v2/<name>/manifests/<tag> will return a 404."
	manifestGone       = "Once deleted, a GET to /v2/<name>/manifests/<digest> and any tag pointing to that digest will return a 404."
	mustDisabled       = "If … deletion is disabled, the registry MUST respond with either a 400 Bad Request or a 405 Method Not Allowed."

	mustErrorFormat = "If the response body is in JSON format, it MUST have the following format: {\"errors\": [{\"code\": …, \"message\": …, \"detail\": …}, …]}"
	mustCode        = "The code field MUST be one of the following"
	mustCodeForm    = "The code field MUST be a unique identifier, containing only uppercase alphabetic characters and underscores."
	mustWarn        = "If included, Warning headers MUST specify a warn-code of 299 and a warn-agent of -, and MUST NOT specify a warn-date value."
)

var (
	deleteManifest = on(manifests, "DELETE")
	deleteBlob     = on(blobs, "DELETE")
	withSubject    = putManifest.and(func(q *query) bool { return subjectOf(q.content) != "" })
)

func subjectOf(manifest []byte) string {
	var m struct{ Subject struct{ Digest string } }
	_ = json.Unmarshal(manifest, &m)
	return m.Subject.Digest
}

// secondPut changes the answer to all pushes of a manifest but the first, by a key.
func secondPut(key func(q *query, a *answer) string, f change) func() layer {
	return func() layer {
		var seen table[int]
		return alter(putManifest, func(q *query, a *answer) {
			if count(&seen, key(q, a)) > 1 {
				f(q, a)
			}
		})()
	}
}

func sameTagAndContent(q *query, _ *answer) string { return q.thing() + sha(q.content) }
func sameContent(q *query, _ *answer) string       { return q.repo + sha(q.content) }

// afterDelete keeps what the last successful GET before a DELETE answered, and answers it to
// requests that fulfil a condition.
func afterDelete(of, c when) func() layer {
	return func() layer {
		var kept table[*answer]
		return func(next serve) serve {
			return func(q *query) *answer {
				if of(q) {
					before := next(q.to("GET", q.URL.Path))
					a := next(q)
					if a.ok() {
						kept.set(q.URL.Path, before)
					}
					return a
				}
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" || q.kind == session {
					return a
				}
				if old, ok := kept.get(q.URL.Path); ok && a.status == 404 && c(q) {
					b := &answer{old.status, old.header.Clone(), old.body, q.Method == "HEAD"}
					return b
				}
				return a
			}
		}
	}
}

// tombstoned refuses to store again what was deleted.
func tombstoned(of when, target func(*query) string, c when, key func(*query) string) func() layer {
	return func() layer {
		var dead table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				if c(q) {
					if _, ok := dead.get(key(q)); ok {
						return refuse(q, 400, "DENIED")
					}
				}
				a := next(q)
				if of(q) && a.ok() {
					dead.set(target(q), true)
				}
				return a
			}
		}
	}
}

// also sends another request after one that succeeded.
func also(c when, f func(q *query, before *answer, next serve)) func() layer {
	return around(c, func(q *query, next serve) *answer {
		before := next(q.to("GET", q.URL.Path))
		a := next(q)
		if a.ok() {
			f(q, before, next)
		}
		return a
	})
}

func tagsOf(q *query, next serve) []string {
	var list struct{ Tags []string }
	_ = json.Unmarshal(next(q.to("GET", "/v2/"+q.repo+"/tags/list")).body, &list)
	return list.Tags
}

func errorsAre(f func(map[string]any)) change {
	return func(_ *query, a *answer) { a.edit(f) }
}

func oneError(f func(map[string]any)) change {
	return func(_ *query, a *answer) { a.entries("errors", f) }
}

var brokenManifests = []brokenRegistry{
	// Pushing.
	{name: "put-200", sentence: mustPut, breaks: alter(putManifest, status(200))},
	{name: "put-by-digest-202", sentence: mustPut, breaks: alter(putManifest.and(byDigest), status(202))},
	{name: "put-no-location", sentence: mustPut, breaks: alter(putManifest, without("Location"))},
	{name: "put-location-of-other-repository", sentence: mustPutPull, breaks: alter(putManifest, func(q *query, a *answer) {
		a.header.Set("Location", strings.Replace(a.header.Get("Location"), "/v2/", "/v2/x/", 1))
	})},
	{name: "put-index-location-of-blob", sentence: mustPutPull, breaks: alter(putManifest, func(q *query, a *answer) {
		if strings.Contains(q.Header.Get("Content-Type"), "index") {
			a.header.Set("Location", strings.Replace(a.header.Get("Location"), "/manifests/", "/blobs/", 1))
		}
	})},
	{name: "put-again-200", sentence: mustPut, breaks: secondPut(sameTagAndContent, status(200))},
	{name: "put-again-500", sentence: mustPut, breaks: secondPut(sameTagAndContent, replaced(500, "MANIFEST_INVALID"))},
	{name: "put-under-second-tag-409", sentence: mustPut, breaks: secondPut(sameContent, func(q *query, a *answer) {
		if !q.byDigest() {
			*a = *refuse(q, 409, "MANIFEST_INVALID")
		}
	})},
	{name: "put-under-second-tag-no-location", sentence: mustPut, breaks: secondPut(sameContent, without("Location"))},
	{name: "put-moved-tag-digest-of-old", sentence: mustPutDigest, breaks: func() layer {
		var first table[string]
		return alter(putManifest.and(byTag), func(q *query, a *answer) {
			if old, ok := first.get(q.thing()); ok {
				a.header.Set("Docker-Content-Digest", old)
			} else {
				first.set(q.thing(), a.header.Get("Docker-Content-Digest"))
			}
		})()
	}},
	{name: "put-moved-tag-location-of-old", sentence: mustPutPull, breaks: func() layer {
		var first table[string]
		return alter(putManifest.and(byTag), func(q *query, a *answer) {
			if old, ok := first.get(q.thing()); ok {
				a.header.Set("Location", old)
			} else {
				first.set(q.thing(), a.header.Get("Location"))
			}
		})()
	}},
	{name: "put-moves-no-tag", sentence: mustProvideManifest, breaks: func() layer {
		var first table[bool]
		return rewritten(putManifest.and(byTag), func(q *query) *query {
			if _, moved := first.set(q.thing(), true); moved {
				return q.at("/v2/" + q.repo + "/manifests/" + sha(q.content))
			}
			return q
		})()
	}},
	{name: "put-under-second-tag-drops-first", sentence: mustProvideManifest, breaks: func() layer {
		var at table[string]
		return around(putManifest.and(byTag), func(q *query, next serve) *answer {
			a := next(q)
			if a.ok() {
				if old, ok := at.set(sameContent(q, nil), q.ref); ok && old != q.ref {
					next(q.to("DELETE", "/v2/"+q.repo+"/manifests/"+old))
				}
			}
			return a
		})()
	}},
	{name: "put-digest-of-config", sentence: mustPutDigest, breaks: alter(putManifest, func(q *query, a *answer) {
		var m struct{ Config struct{ Digest string } }
		if _ = json.Unmarshal(q.content, &m); m.Config.Digest != "" {
			a.header.Set("Docker-Content-Digest", m.Config.Digest)
		}
	})},
	{name: "put-by-wrong-digest-201", sentence: "the <tag-or-digest> MUST be either a) a digest or b) a tag. … MUST be equal to the client provided digest.", breaks: around(putManifest.and(byDigest), func(q *query, next serve) *answer {
		if d := sha(q.content); strings.HasPrefix(q.ref, "sha256:") && d != q.ref {
			return next(q.at("/v2/" + q.repo + "/manifests/" + d))
		}
		return next(q)
	})},
	{name: "put-by-digest-makes-tag", sentence: "If the manifest is not found in the repository, the response code MUST be 404 Not Found. (a tag that nobody pushed)", breaks: also(putManifest.and(byDigest), func(q *query, _ *answer, next serve) {
		p := q.at("/v2/" + q.repo + "/manifests/latest")
		next(p)
	})},
	{name: "put-sha512-stored-as-sha256", sentence: mustPutDigest, breaks: rewritten(putManifest.and(byDigest), func(q *query) *query {
		if strings.HasPrefix(q.ref, "sha512:") {
			return q.at("/v2/" + q.repo + "/manifests/" + sha(q.content))
		}
		return q
	})},
	{name: "put-bad-tag-accepted", sentence: mustTagForm, breaks: around(putManifest.and(byTag), func(q *query, next serve) *answer {
		a := next(q)
		if a.status == 400 && (strings.HasPrefix(q.ref, ".") || strings.HasPrefix(q.ref, "-")) {
			return next(q.at("/v2/" + q.repo + "/manifests/" + strings.TrimLeft(q.ref, ".-")))
		}
		return a
	})},
	{name: "put-tag-of-129-accepted", sentence: mustTagForm, breaks: rewritten(putManifest.and(byTag), func(q *query) *query {
		if len(q.ref) > 128 {
			return q.at("/v2/" + q.repo + "/manifests/" + q.ref[:128])
		}
		return q
	})},
	{name: "put-tag-of-128-refused", sentence: mustTagForm, breaks: around(putManifest.and(byTag), func(q *query, next serve) *answer {
		if len(q.ref) > 127 {
			return refuse(q, 400, "MANIFEST_INVALID")
		}
		return next(q)
	})},
	{name: "put-tag-with-underscore-first-refused", sentence: mustTagForm, breaks: around(putManifest.and(byTag), func(q *query, next serve) *answer {
		if strings.HasPrefix(q.ref, "_") {
			return refuse(q, 400, "MANIFEST_INVALID")
		}
		return next(q)
	})},
	{name: "put-tag-lowered", sentence: "The list of tags: <tag1>, <tag2>, and <tag3> are each tags on the repository.", breaks: rewritten(on(manifests).and(byTag), func(q *query) *query {
		return q.at("/v2/" + q.repo + "/manifests/" + strings.ToLower(q.ref))
	})},
	{name: "put-with-type-parameters-refused", sentence: "The registry SHOULD ignore parameters on the Content-Type header.", breaks: around(putManifest, func(q *query, next serve) *answer {
		if strings.Contains(q.Header.Get("Content-Type"), ";") {
			return refuse(q, 400, "MANIFEST_INVALID")
		}
		return next(q)
	})},
	{name: "put-without-layers-refused", sentence: "However, the list of blobs MAY be empty.", breaks: around(putManifest, func(q *query, next serve) *answer {
		var m struct {
			Config struct{ Digest string }
			Layers []any
		}
		if _ = json.Unmarshal(q.content, &m); m.Config.Digest != "" && len(m.Layers) == 0 {
			return refuse(q, 400, "MANIFEST_INVALID")
		}
		return next(q)
	})},
	{name: "put-of-empty-index-refused", sentence: "However, the list of blobs MAY be empty. (image index: manifests MAY be of size zero)", breaks: around(putManifest, func(q *query, next serve) *answer {
		var m struct{ Manifests *[]any }
		if _ = json.Unmarshal(q.content, &m); m.Manifests != nil && len(*m.Manifests) == 0 {
			return refuse(q, 400, "MANIFEST_INVALID")
		}
		return next(q)
	})},
	{name: "put-with-unknown-field-refused", sentence: "image-spec, Extensibility: Implementations that are reading/processing manifests MUST NOT generate an error if they encounter an unknown property.", breaks: around(putManifest, func(q *query, next serve) *answer {
		var m map[string]json.RawMessage
		_ = json.Unmarshal(q.content, &m)
		for name := range m {
			if !slices.Contains([]string{"schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "annotations", "artifactType"}, name) {
				return refuse(q, 400, "MANIFEST_INVALID")
			}
		}
		return next(q)
	})},
	{name: "put-limit-of-2-mebibytes", sentence: "Client and registry implementations SHOULD expect to be able to support manifest pushes of at least 4 megabytes.", breaks: around(putManifest, func(q *query, next serve) *answer {
		if len(q.content) > 2<<20 {
			return refuse(q, 413, "SIZE_INVALID")
		}
		return next(q)
	})},
	{name: "put-too-large-400", sentence: "A registry that enforces this limit SHOULD respond to a request to push a manifest over this limit with a response code 413 Payload Too Large.", breaks: alterErrors(putManifest, statusIf(413, 400))},
	{name: "put-missing-blob-404", sentence: "end-7a: … When a manifest is rejected for this reason, it MUST result in one or more MANIFEST_BLOB_UNKNOWN errors", breaks: alterErrors(putManifest, func(_ *query, a *answer) {
		a.set(bytes.ReplaceAll(a.body, []byte("MANIFEST_BLOB_UNKNOWN"), []byte("BLOB_UNKNOWN")))
	})},
	{name: "put-missing-child-manifest-invalid", sentence: mustBlobCode, breaks: alterErrors(putManifest, func(q *query, a *answer) {
		if bytes.Contains(q.content, []byte(`"manifests"`)) {
			a.set(bytes.ReplaceAll(a.body, []byte("MANIFEST_BLOB_UNKNOWN"), []byte("MANIFEST_INVALID")))
		}
	})},
	{name: "put-refused-stores-tag", sentence: "When a manifest is rejected …; If the manifest is not found in the repository, the response code MUST be 404 Not Found.", breaks: func() layer {
		var kept table[*query]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && a.status == 400 && bytes.Contains(a.body, []byte("MANIFEST_BLOB_UNKNOWN")) {
					kept.set(q.URL.Path, q)
				}
				if old, ok := kept.get(q.URL.Path); ok && q.Method == "GET" && a.status == 404 {
					b := reply(q, 200, old.Header.Get("Content-Type"), string(old.content))
					b.header.Set("Docker-Content-Digest", sha(old.content))
					return b
				}
				return a
			}
		}
	}},

	// Subjects.
	{name: "subject-missing-refused", sentence: mustSubject404, breaks: around(withSubject, func(q *query, next serve) *answer {
		if !next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+subjectOf(q.content))).ok() {
			return refuse(q, 400, "MANIFEST_BLOB_UNKNOWN")
		}
		return next(q)
	})},
	{name: "subject-missing-in-index-refused", sentence: mustSubject404, breaks: around(withSubject, func(q *query, next serve) *answer {
		if bytes.Contains(q.content, []byte(`"manifests"`)) && !next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+subjectOf(q.content))).ok() {
			return refuse(q, 400, "MANIFEST_INVALID")
		}
		return next(q)
	})},
	{name: "oci-subject-absent", sentence: mustSubject, breaks: alter(withSubject, without("OCI-Subject"))},
	{name: "oci-subject-absent-by-digest", sentence: mustSubject, breaks: alter(withSubject.and(byDigest), without("OCI-Subject"))},
	{name: "oci-subject-absent-by-tag", sentence: mustSubject, breaks: alter(withSubject.and(byTag), without("OCI-Subject"))},
	{name: "oci-subject-absent-again", sentence: mustSubject, breaks: secondPut(sameContent, without("OCI-Subject"))},
	{name: "oci-subject-absent-for-missing", sentence: mustSubject, breaks: around(withSubject, func(q *query, next serve) *answer {
		a := next(q)
		if !next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+subjectOf(q.content))).ok() {
			a.header.Del("OCI-Subject")
		}
		return a
	})},
	{name: "oci-subject-absent-for-present", sentence: mustSubject, breaks: around(withSubject, func(q *query, next serve) *answer {
		a := next(q)
		if next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+subjectOf(q.content))).ok() {
			a.header.Del("OCI-Subject")
		}
		return a
	})},
	{name: "oci-subject-absent-with-artifact-type", sentence: mustSubject, breaks: alter(withSubject, func(q *query, a *answer) {
		if !bytes.Contains(q.content, []byte(`"artifactType"`)) {
			a.header.Del("OCI-Subject")
		}
	})},
	{name: "oci-subject-is-own-digest", sentence: mustSubject, breaks: alter(withSubject, func(q *query, a *answer) { a.header.Set("OCI-Subject", sha(q.content)) })},
	{name: "oci-subject-is-true", sentence: mustSubject, breaks: alter(withSubject, with("OCI-Subject", "true"))},
	{name: "oci-subject-sha512-cut", sentence: mustSubject, breaks: alter(withSubject, func(q *query, a *answer) {
		if s := a.header.Get("OCI-Subject"); strings.HasPrefix(s, "sha512:") {
			a.header.Set("OCI-Subject", s[:71])
		}
	})},
	{name: "oci-subject-of-last", sentence: mustSubject, breaks: func() layer {
		var last table[string]
		return alter(putManifest, func(q *query, a *answer) {
			if s := a.header.Get("OCI-Subject"); s != "" {
				if old, ok := last.set("", s); ok {
					a.header.Set("OCI-Subject", old)
				}
			}
		})()
	}},

	// Tags as parameters.
	{name: "oci-tag-absent", sentence: mustOCITag, breaks: alter(putManifest.and(has("tag")), without("OCI-Tag"))},
	{name: "oci-tag-first-only", sentence: mustOCITag, breaks: alter(putManifest.and(has("tag")), func(q *query, a *answer) {
		a.header.Set("OCI-Tag", q.URL.Query().Get("tag"))
	})},
	{name: "oci-tag-with-spaces", sentence: mustOCITag, breaks: alter(putManifest.and(has("tag")), func(q *query, a *answer) {
		a.header.Set("OCI-Tag", strings.Join(q.URL.Query()["tag"], " "))
	})},
	{name: "oci-tag-as-json", sentence: mustOCITag, breaks: alter(putManifest.and(has("tag")), func(q *query, a *answer) {
		a.header.Set("OCI-Tag", string(mustJSON(q.URL.Query()["tag"])))
	})},
	{name: "oci-tag-claimed-not-set", sentence: mustOCITag, breaks: around(putManifest.and(has("tag")), func(q *query, next serve) *answer {
		all := q.URL.Query()["tag"]
		a := next(q.asking(func(v url.Values) { v["tag"] = all[:1] }))
		a.header["Oci-Tag"] = nil
		a.header.Set("OCI-Tag", strings.Join(all, ", "))
		return a
	})},
	{name: "oci-tag-most-five", sentence: "SHOULD support pushing at least 10 tags per request.", breaks: around(putManifest.and(has("tag")), func(q *query, next serve) *answer {
		if len(q.URL.Query()["tag"]) > 5 {
			return refuse(q, 414, "UNSUPPORTED")
		}
		return next(q)
	})},

	// Deleting tags.
	{name: "delete-tag-200", sentence: mustDeleteTag, breaks: alter(deleteManifest.and(byTag), status(200))},
	{name: "delete-tag-204", sentence: mustDeleteTag, breaks: alter(deleteManifest.and(byTag), status(204))},
	{name: "delete-tag-still-get", sentence: tagGone, breaks: afterDelete(deleteManifest.and(byTag), on(manifests, "GET"))},
	{name: "delete-tag-still-head", sentence: tagGone, breaks: afterDelete(deleteManifest.and(byTag), on(manifests, "HEAD"))},
	{name: "delete-tag-deletes-siblings", sentence: "To delete a tag, perform a DELETE request to a path in the following format: /v2/<name>/manifests/<tag>", breaks: also(deleteManifest.and(byTag), func(q *query, before *answer, next serve) {
		for _, tag := range tagsOf(q, next) {
			if m := next(q.to("GET", "/v2/"+q.repo+"/manifests/"+tag)); m.header.Get("Docker-Content-Digest") == before.header.Get("Docker-Content-Digest") {
				next(q.to("DELETE", "/v2/"+q.repo+"/manifests/"+tag))
			}
		}
	})},
	{name: "delete-tag-deletes-longer-tags", sentence: "To delete a tag, perform a DELETE request to a path in the following format: /v2/<name>/manifests/<tag>", breaks: also(deleteManifest.and(byTag), func(q *query, _ *answer, next serve) {
		for _, tag := range tagsOf(q, next) {
			if strings.HasPrefix(tag, q.ref) {
				next(q.to("DELETE", "/v2/"+q.repo+"/manifests/"+tag))
			}
		}
	})},
	{name: "delete-tag-deletes-manifest", sentence: "Similarly, a registry MAY implement tag deletion: To delete a tag, perform a DELETE request … (the manifest stays)", breaks: also(deleteManifest.and(byTag), func(q *query, before *answer, next serve) {
		next(q.to("DELETE", "/v2/"+q.repo+"/manifests/"+before.header.Get("Docker-Content-Digest")))
	})},
	{name: "delete-tag-twice-202", sentence: "end-9: failure 404/400/405", breaks: func() layer {
		var gone table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "DELETE" && !q.byDigest() {
					if a.ok() {
						gone.set(q.thing(), true)
					} else if _, ok := gone.get(q.thing()); ok {
						return reply(q, 202, "", "")
					}
				}
				return a
			}
		}
	}},
	{name: "delete-tag-unknown-202", sentence: "end-9: failure 404/400/405", breaks: alterErrors(deleteManifest.and(byTag), func(q *query, a *answer) {
		if a.status == 404 {
			*a = *reply(q, 202, "", "")
		}
	})},
	{name: "delete-tag-disabled-403", sentence: mustDisabled, breaks: around(deleteManifest.and(byTag), func(q *query, next serve) *answer { return refuse(q, 403, "DENIED") })},
	{name: "deleted-tag-cannot-come-back", sentence: mustPut, breaks: tombstoned(deleteManifest.and(byTag), (*query).thing, putManifest.and(byTag), (*query).thing)},

	// Deleting manifests.
	{name: "delete-manifest-200", sentence: mustDeleteManifest, breaks: alter(deleteManifest.and(byDigest), status(200))},
	{name: "delete-manifest-still-get", sentence: manifestGone, breaks: afterDelete(deleteManifest.and(byDigest), on(manifests, "GET"))},
	{name: "delete-manifest-still-head", sentence: manifestGone, breaks: afterDelete(deleteManifest.and(byDigest), on(manifests, "HEAD"))},
	{name: "delete-manifest-keeps-tag", sentence: manifestGone, breaks: func() layer {
		var kept table[*answer]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.kind == manifests && q.Method == "DELETE" && q.byDigest() {
					for _, tag := range tagsOf(q, next) {
						path := "/v2/" + q.repo + "/manifests/" + tag
						if m := next(q.to("GET", path)); m.header.Get("Docker-Content-Digest") == q.ref {
							kept.set(path, m)
						}
					}
				}
				if q.kind == manifests && q.Method == "PUT" {
					kept.del(q.URL.Path)
				}
				a := next(q)
				if m, ok := kept.get(q.URL.Path); ok && q.Method == "GET" && a.status == 404 {
					return &answer{m.status, m.header.Clone(), m.body, false}
				}
				return a
			}
		}
	}},
	{name: "delete-manifest-twice-202", sentence: "end-9: failure 404/400/405", breaks: func() layer {
		var gone table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "DELETE" && q.byDigest() {
					if a.ok() {
						gone.set(q.thing(), true)
					} else if _, ok := gone.get(q.thing()); ok {
						return reply(q, 202, "", "")
					}
				}
				return a
			}
		}
	}},
	{name: "delete-manifest-unknown-repository-202", sentence: "If the repository does not exist, the response MUST return 404 Not Found.", breaks: around(deleteManifest.and(byDigest), func(q *query, next serve) *answer {
		if next(q.to("GET", "/v2/"+q.repo+"/tags/list")).status == 404 {
			return reply(q, 202, "", "")
		}
		return next(q)
	})},
	{name: "delete-manifest-unknown-repository-400", sentence: "If the repository does not exist, the response MUST return 404 Not Found.", breaks: around(deleteManifest.and(byDigest), func(q *query, next serve) *answer {
		if next(q.to("GET", "/v2/"+q.repo+"/tags/list")).status == 404 {
			return refuse(q, 400, "NAME_UNKNOWN")
		}
		return next(q)
	})},
	{name: "delete-manifest-disabled-501", sentence: mustDisabled, breaks: around(deleteManifest.and(byDigest), func(q *query, next serve) *answer { return refuse(q, 501, "UNSUPPORTED") })},
	{name: "delete-manifest-disabled-404", sentence: mustDisabled, breaks: around(deleteManifest, func(q *query, next serve) *answer { return refuse(q, 404, "UNSUPPORTED") })},
	{name: "delete-manifest-deletes-layers", sentence: mustProvideBlob, breaks: also(deleteManifest.and(byDigest), func(q *query, before *answer, next serve) {
		var m struct{ Layers []struct{ Digest string } }
		_ = json.Unmarshal(before.body, &m)
		for _, l := range m.Layers {
			next(q.to("DELETE", "/v2/"+q.repo+"/blobs/"+l.Digest))
		}
	})},
	{name: "delete-index-deletes-children", sentence: mustProvideManifest, breaks: also(deleteManifest.and(byDigest), func(q *query, before *answer, next serve) {
		var m struct{ Manifests []struct{ Digest string } }
		_ = json.Unmarshal(before.body, &m)
		for _, child := range m.Manifests {
			next(q.to("DELETE", "/v2/"+q.repo+"/manifests/"+child.Digest))
		}
	})},
	{name: "deleted-manifest-cannot-come-back", sentence: mustPut, breaks: tombstoned(deleteManifest.and(byDigest), func(q *query) string { return q.repo + q.ref }, putManifest, func(q *query) string { return q.repo + sha(q.content) })},
	{name: "delete-manifest-in-all-repositories", sentence: mustProvideManifest, breaks: func() layer {
		var repos table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && a.ok() {
					repos.set(q.repo, true)
				}
				if q.kind == manifests && q.Method == "DELETE" && q.byDigest() && a.ok() {
					repos.mu.Lock()
					defer repos.mu.Unlock()
					for repo := range repos.values {
						if repo != q.repo {
							next(q.to("DELETE", "/v2/"+repo+"/manifests/"+q.ref))
						}
					}
				}
				return a
			}
		}
	}},

	// Deleting blobs.
	{name: "delete-blob-200", sentence: mustDeleteBlob, breaks: alter(deleteBlob, status(200))},
	{name: "delete-blob-204", sentence: mustDeleteBlob, breaks: alter(deleteBlob, status(204))},
	{name: "delete-blob-still-get", sentence: mustBlob404, breaks: afterDelete(deleteBlob, on(blobs, "GET"))},
	{name: "delete-blob-still-head", sentence: mustHead404, breaks: afterDelete(deleteBlob, on(blobs, "HEAD"))},
	{name: "delete-blob-unknown-202", sentence: "If the blob is not found, a 404 Not Found code MUST be returned.", breaks: alterErrors(deleteBlob, func(q *query, a *answer) {
		if a.status == 404 {
			*a = *reply(q, 202, "", "")
		}
	})},
	{name: "delete-blob-unknown-repository-403", sentence: "If the blob is not found, a 404 Not Found code MUST be returned.", breaks: around(deleteBlob, func(q *query, next serve) *answer {
		if next(q.to("GET", "/v2/"+q.repo+"/tags/list")).status == 404 {
			return refuse(q, 403, "DENIED")
		}
		return next(q)
	})},
	{name: "delete-blob-disabled-403", sentence: mustDisabled, breaks: around(deleteBlob, func(q *query, next serve) *answer { return refuse(q, 403, "DENIED") })},
	{name: "deleted-blob-cannot-come-back", sentence: mustClose, breaks: tombstoned(deleteBlob, func(q *query) string { return q.repo + q.ref }, closing, func(q *query) string { return q.repo + q.URL.Query().Get("digest") })},
	{name: "deleted-blob-comes-back-empty", sentence: mustProvideBlob, breaks: func() layer {
		var gone table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == blobs && a.ok() {
					if q.Method == "DELETE" {
						gone.set(q.thing(), true)
					} else if _, ok := gone.get(q.thing()); ok {
						a.set(nil)
					}
				}
				return a
			}
		}
	}},
	{name: "delete-blob-in-mount-source-too", sentence: mustProvideBlob, breaks: func() layer {
		var source table[string]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == uploads && a.status == 201 && q.URL.Query().Has("mount") {
					source.set(q.repo+q.URL.Query().Get("mount"), q.URL.Query().Get("from"))
				}
				if q.kind == blobs && q.Method == "DELETE" && a.ok() {
					if from, ok := source.get(q.repo + q.ref); ok {
						next(q.to("DELETE", "/v2/"+from+"/blobs/"+q.ref))
					}
				}
				return a
			}
		}
	}},
	{name: "delete-blob-in-mount-target-too", sentence: mustProvideBlob, breaks: func() layer {
		var target table[string]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == uploads && a.status == 201 && q.URL.Query().Has("mount") {
					target.set(q.URL.Query().Get("from")+q.URL.Query().Get("mount"), q.repo)
				}
				if q.kind == blobs && q.Method == "DELETE" && a.ok() {
					if to, ok := target.get(q.repo + q.ref); ok {
						next(q.to("DELETE", "/v2/"+to+"/blobs/"+q.ref))
					}
				}
				return a
			}
		}
	}},

	// Errors.
	{name: "error-list-missing", sentence: mustErrorFormat, breaks: alterErrors(on(manifests, "GET"), errorsAre(func(o map[string]any) {
		o["error"] = o["errors"]
		delete(o, "errors")
	}))},
	{name: "error-object-instead-of-list", sentence: mustErrorFormat, breaks: alterErrors(on(blobs), errorsAre(func(o map[string]any) {
		if all, _ := o["errors"].([]any); len(all) > 0 {
			o["errors"] = all[0]
		}
	}))},
	{name: "error-code-lowercase", sentence: mustCodeForm, breaks: alterErrors(on(tags), oneError(func(e map[string]any) { e["code"] = strings.ToLower(fmt.Sprint(e["code"])) }))},
	{name: "error-code-of-own", sentence: mustCode, breaks: alterErrors(on(session), oneError(func(e map[string]any) { e["code"] = "NOT_FOUND" }))},
	{name: "error-code-number", sentence: mustCodeForm, breaks: alterErrors(on(manifests, "PUT"), oneError(func(e map[string]any) { e["code"] = 40001 }))},
	{name: "error-code-missing-on-delete", sentence: mustErrorFormat, breaks: alterErrors(on(manifests, "DELETE"), oneError(func(e map[string]any) { delete(e, "code") }))},
	{name: "error-code-missing-on-blob-delete", sentence: mustErrorFormat, breaks: alterErrors(on(blobs, "DELETE"), oneError(func(e map[string]any) { delete(e, "code") }))},
	{name: "error-referrers-bare", sentence: mustErrorFormat, breaks: alterErrors(on(referrers), func(_ *query, a *answer) { a.set([]byte(`{"code":"DIGEST_INVALID","message":"bad digest"}`)) })},
	{name: "error-416-bare", sentence: mustErrorFormat, breaks: alterErrors(on(session), func(_ *query, a *answer) {
		if a.status == 416 {
			a.set([]byte(`{"message":"bad range"}`))
			a.header.Set("Content-Type", "application/json")
		}
	})},
	{name: "error-blob-416-bare", sentence: mustErrorFormat, breaks: alterErrors(on(blobs), func(_ *query, a *answer) {
		if a.status == 416 {
			a.set([]byte(`["range"]`))
			a.header.Set("Content-Type", "application/json")
		}
	})},
	{name: "error-of-name-bare", sentence: mustErrorFormat, breaks: alterErrors(func(*query) bool { return true }, func(_ *query, a *answer) {
		if bytes.Contains(a.body, []byte("NAME_INVALID")) {
			a.set([]byte(`"invalid name"`))
		}
	})},
	{name: "error-message-is-object", sentence: "The message field is OPTIONAL, and if present, it SHOULD be a human readable string or MAY be empty.", breaks: alterErrors(on(blobs, "GET"), oneError(func(e map[string]any) { e["message"] = map[string]any{"text": "unknown"} }))},
	{name: "error-of-unknown-path-bare", sentence: mustErrorFormat, breaks: alterErrors(on(other), func(_ *query, a *answer) {
		a.set([]byte(`{"status":404}`))
		a.header.Set("Content-Type", "application/json")
	})},
	{name: "error-of-upload-start-bare", sentence: mustErrorFormat, breaks: alterErrors(on(uploads), func(_ *query, a *answer) {
		a.set([]byte(`{"status":404}`))
		a.header.Set("Content-Type", "application/json")
	})},
	{name: "error-not-json", sentence: mustErrorFormat, breaks: alterErrors(on(manifests, "GET"), func(_ *query, a *answer) {
		a.set([]byte(`{"errors":[{"code":"MANIFEST_UNKNOWN",}]}`))
	})},
	{name: "method-not-allowed-without-allow", sentence: "RFC 9110, 15.5.6: The origin server MUST generate an Allow header field in a 405 response.", breaks: alterErrors(func(*query) bool { return true }, func(_ *query, a *answer) {
		if a.status == 405 {
			a.header.Del("Allow")
		}
	})},

	// Warnings.
	{name: "warning-199", sentence: mustWarn, breaks: alter(on(manifests, "GET"), with("Warning", `199 - "old"`))},
	{name: "warning-agent", sentence: mustWarn, breaks: alter(on(tags), with("Warning", `299 registry "old"`))},
	{name: "warning-date", sentence: mustWarn, breaks: alter(on(manifests, "PUT"), with("Warning", `299 - "old" "Wed, 21 Oct 2015 07:28:00 GMT"`))},
	{name: "warning-unquoted-on-404", sentence: mustWarn, breaks: alterErrors(on(blobs, "GET"), with("Warning", `299 - old`))},
	{name: "warning-on-status", sentence: mustWarn, breaks: alter(on(session, "GET"), with("Warning", `110 - "stale"`))},
	{name: "warning-second-wrong", sentence: mustWarn, breaks: alter(on(blobs, "HEAD"), func(_ *query, a *answer) {
		a.header["Warning"] = []string{`299 - "right"`, `214 - "wrong"`}
	})},
	{name: "warnings-too-long", sentence: "A registry MUST NOT send more than 4096 bytes of warning data from all headers combined.", breaks: alter(on(blobs, "GET"), func(_ *query, a *answer) {
		for range 5 {
			a.header.Add("Warning", `299 - "`+strings.Repeat("a", 1000)+`"`)
		}
	})},
	{name: "warning-on-delete", sentence: mustWarn, breaks: alter(on(manifests, "DELETE"), with("Warning", `299 - "gone" "Wed, 21 Oct 2015 07:28:00 GMT"`))},
}
