package battery_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/registry"
)

const (
	mustTags        = "Assuming a repository is found, this request MUST return a 200 OK response code. (Listing Tags)"
	mustTagsOrder   = "If the list is not empty, the tags MUST be in lexical (i.e. case-insensitive alphanumeric order) or \"ASCIIbetical\" order."
	mustTagsFormat  = "Upon success, the response MUST be a json body in the following format: {\"name\": \"<name>\", \"tags\": [\"<tag1>\", …]}"
	tagsOnIt        = "<tag1>, <tag2>, and <tag3> are each tags on the repository."
	mustCount       = "The response to such a request MAY return fewer than <int> results, but only when the total number of tags attached to the repository is less than <int> or a Link header is provided. Otherwise, the response MUST include <int> results."
	mustZero        = "When n is zero, this endpoint MUST return an empty list, and MUST NOT include a Link header."
	mustLast        = "<tagname> will not be included in the results, but up to <int> tags after <tagname> will be returned."
	mustProperTag   = "<tagname> MUST NOT be a numerical index, but rather it MUST be a proper tag."
	mustLinkTags    = "If included, the Link header MUST be set according to RFC 5988 with the Relation Type rel=\"next\"."
	mustReferrers   = "Assuming a repository is found, this request MUST return a 200 OK response code. If the registry supports the referrers API, the registry MUST NOT return a 404 Not Found to a referrers API requests."
	must400         = "If the request is invalid, such as a <digest> with an invalid syntax, a 400 Bad Request MUST be returned."
	mustIndex       = "Upon success, the response MUST be a JSON body with an image index containing a list of descriptors."
	mustIndexType   = "The Content-Type header MUST be set to application/vnd.oci.image.index.v1+json."
	mustOfSubject   = "Each descriptor is of an image manifest or index in the same <name> namespace with a subject field that specifies the value of <digest>."
	mustArtifact    = "The descriptors MUST include an artifactType field that is set to the value of the artifactType in the image manifest or index, if present."
	mustConfigType  = "If the artifactType is empty or missing in the image manifest, the value of artifactType MUST be set to the config descriptor mediaType value."
	mustIndexNoType = "If the artifactType is empty or missing in an index, the artifactType MUST be omitted."
	mustAnnotations = "The descriptors MUST include annotations from the image manifest or index."
	mustEmptyList   = "If a query results in no matching referrers, an empty manifest list MUST be returned."
	mustLinkRef     = "A Link header MUST be included in the response when the descriptor list cannot be returned in a single manifest. … The Link header MUST be set according to RFC 5988 with the Relation Type rel=\"next\"."
	mustFilters     = "If filtering is requested and applied, the response MUST include a header OCI-Filters-Applied: artifactType denoting that an artifactType filter was applied."
	mustNewly       = "After the referrers API is enabled, Registries MUST include all newly pushed image manifests with a valid subject field in the referrers API response."
)

var (
	listTags      = on(tags, "GET")
	listReferrers = on(referrers, "GET")
	filtered      = listReferrers.and(has("artifactType"))
	paged         = registry.Options{PageSize: 2}
)

func tagList(f func([]any) []any) change {
	return func(_ *query, a *answer) { a.list("tags", f) }
}

func referrerList(f func([]any) []any) change {
	return func(_ *query, a *answer) { a.list("manifests", f) }
}

func eachReferrer(f func(map[string]any)) change {
	return func(_ *query, a *answer) { a.entries("manifests", f) }
}

// link changes the Link field.
func link(f func(string) string) change {
	return func(_ *query, a *answer) {
		if l := a.header.Get("Link"); l != "" {
			a.header.Set("Link", f(l))
		}
	}
}

// whole is a list without the limits of the request.
func whole(q *query, next serve, field string) []any {
	var all []any
	target := q.URL.Path
	for target != "" {
		a := next(q.to("GET", target))
		var object map[string]any
		_ = json.Unmarshal(a.body, &object)
		some, _ := object[field].([]any)
		all = append(all, some...)
		target = ""
		if l := a.header.Get("Link"); l != "" {
			target, _, _ = strings.Cut(strings.TrimPrefix(l, "<"), ">")
			if u, err := url.Parse(target); err == nil {
				target = q.URL.ResolveReference(u).RequestURI()
			}
		}
	}
	return all
}

// indexOf is the parsed manifest of a reference.
func manifestOf(q *query, next serve, ref string) (m struct {
	Manifests    []json.RawMessage
	ArtifactType string
	Config       struct{ MediaType string }
	Annotations  map[string]string
	Subject      struct{ Digest string }
}) {
	_ = json.Unmarshal(next(q.to("GET", "/v2/"+q.repo+"/manifests/"+ref)).body, &m)
	return m
}

var brokenLists = []brokenRegistry{
	// Tags.
	{name: "tags-reversed", sentence: mustTagsOrder, breaks: alter(listTags, tagList(func(all []any) []any { slices.Reverse(all); return all }))},
	{name: "tags-by-length", sentence: mustTagsOrder, breaks: alter(listTags, tagList(func(all []any) []any {
		slices.SortStableFunc(all, func(a, b any) int { return len(a.(string)) - len(b.(string)) })
		return all
	}))},
	{name: "tags-last-two-swapped", sentence: mustTagsOrder, breaks: alter(listTags.and(lacks("n")), tagList(func(all []any) []any {
		if n := len(all); n > 2 {
			all[n-1], all[n-2] = all[n-2], all[n-1]
		}
		return all
	}))},
	{name: "tags-numerically", sentence: mustTagsOrder, breaks: alter(listTags, tagList(func(all []any) []any {
		number := func(v any) int {
			n, _ := strconv.Atoi(strings.Trim(v.(string), "abcdefghijklmnopqrstuvwxyz-._"))
			return n
		}
		slices.SortStableFunc(all, func(a, b any) int { return number(a) - number(b) })
		return all
	}))},
	{name: "tags-second-page-reversed", sentence: mustTagsOrder, breaks: alter(listTags.and(has("last")), tagList(func(all []any) []any { slices.Reverse(all); return all }))},
	{name: "tags-twice", sentence: tagsOnIt, breaks: alter(listTags.and(lacks("n")), tagList(func(all []any) []any {
		if len(all) > 0 {
			all = append(all, all[len(all)-1])
		}
		return all
	}))},
	{name: "tags-without-name", sentence: mustTagsFormat, breaks: alter(listTags, func(_ *query, a *answer) { a.edit(func(o map[string]any) { delete(o, "name") }) })},
	{name: "tags-name-is-last-part", sentence: mustTagsFormat, breaks: alter(listTags, func(_ *query, a *answer) {
		a.edit(func(o map[string]any) { s := o["name"].(string); o["name"] = s[strings.LastIndex(s, "/")+1:] })
	})},
	{name: "tags-name-missing-on-pages", sentence: mustTagsFormat, breaks: alter(listTags.and(has("last")), func(_ *query, a *answer) { a.edit(func(o map[string]any) { o["name"] = "" }) })},
	{name: "tags-as-objects", sentence: mustTagsFormat, breaks: alter(listTags, tagList(func(all []any) []any {
		for i, tag := range all {
			all[i] = map[string]any{"name": tag}
		}
		return all
	}))},
	{name: "tags-bare-list", sentence: mustTagsFormat, breaks: alter(listTags, func(_ *query, a *answer) {
		var list struct{ Tags []string }
		_ = json.Unmarshal(a.body, &list)
		a.set(mustJSON(append([]string{}, list.Tags...)))
	})},
	{name: "tags-field-absent-if-empty", sentence: mustTagsFormat, breaks: alter(listTags, func(_ *query, a *answer) {
		a.edit(func(o map[string]any) {
			if all, _ := o["tags"].([]any); len(all) == 0 {
				delete(o, "tags")
			}
		})
	})},
	{name: "tags-404-if-none", sentence: mustTags, breaks: alter(listTags.and(lacks("n"), lacks("last")), func(q *query, a *answer) {
		var list struct{ Tags []string }
		if _ = json.Unmarshal(a.body, &list); len(list.Tags) == 0 {
			*a = *refuse(q, 404, "NAME_UNKNOWN")
		}
	})},
	{name: "tags-404-after-emptied", sentence: mustTags, breaks: func() layer {
		var had table[bool]
		return alter(listTags.and(lacks("n"), lacks("last")), func(q *query, a *answer) {
			var list struct{ Tags []string }
			if _ = json.Unmarshal(a.body, &list); len(list.Tags) > 0 {
				had.set(q.repo, true)
			} else if _, ok := had.get(q.repo); ok {
				*a = *refuse(q, 404, "NAME_UNKNOWN")
			}
		})()
	}},
	{name: "tags-201", sentence: mustTags, breaks: alter(listTags.and(has("n")), status(201))},
	{name: "tags-stale", sentence: tagsOnIt, breaks: remembered(listTags.and(lacks("n"), lacks("last")))},
	{name: "tags-with-digests", sentence: tagsOnIt, breaks: func() layer {
		var pushed table[[]string]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && q.byDigest() && a.ok() {
					pushed.update(q.repo, func(all []string) []string { return append(all, q.ref) })
				}
				if q.kind == tags && a.ok() && q.URL.RawQuery == "" {
					all, _ := pushed.get(q.repo)
					a.list("tags", func(list []any) []any {
						for _, d := range all {
							list = append(list, d)
						}
						return list
					})
				}
				return a
			}
		}
	}},
	{name: "tags-keep-deleted", sentence: tagsOnIt, breaks: func() layer {
		var deleted table[[]string]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "DELETE" && !q.byDigest() && a.ok() {
					deleted.update(q.repo, func(all []string) []string { return append(all, q.ref) })
				}
				if q.kind == tags && a.ok() && q.URL.RawQuery == "" {
					gone, _ := deleted.get(q.repo)
					a.addTags(gone)
				}
				return a
			}
		}
	}},
	{name: "tags-keep-those-of-deleted-manifest", sentence: manifestGone, breaks: func() layer {
		var deleted table[[]string]
		return func(next serve) serve {
			return func(q *query) *answer {
				var on []string
				if q.kind == manifests && q.Method == "DELETE" && q.byDigest() {
					for _, tag := range tagsOf(q, next) {
						if next(q.to("GET", "/v2/"+q.repo+"/manifests/"+tag)).header.Get("Docker-Content-Digest") == q.ref {
							on = append(on, tag)
						}
					}
				}
				a := next(q)
				if len(on) > 0 && a.ok() {
					deleted.update(q.repo, func(all []string) []string { return append(all, on...) })
				}
				if q.kind == tags && a.ok() && q.URL.RawQuery == "" {
					gone, _ := deleted.get(q.repo)
					a.addTags(gone)
				}
				return a
			}
		}
	}},
	{name: "tags-one-for-each-manifest", sentence: tagsOnIt, breaks: around(listTags, func(q *query, next serve) *answer {
		a := next(q)
		seen := map[string]bool{}
		a.list("tags", func(list []any) []any {
			return slices.DeleteFunc(list, func(tag any) bool {
				d := next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+tag.(string))).header.Get("Docker-Content-Digest")
				dup := seen[d]
				seen[d] = true
				return dup
			})
		})
		return a
	})},
	{name: "tags-one-for-each-case", sentence: tagsOnIt, breaks: alter(listTags, tagList(func(all []any) []any {
		seen := map[string]bool{}
		return slices.DeleteFunc(all, func(tag any) bool {
			low := strings.ToLower(tag.(string))
			dup := seen[low]
			seen[low] = true
			return dup
		})
	}))},
	{name: "tags-without-referrers-tags", sentence: tagsOnIt, breaks: alter(listTags, tagList(func(all []any) []any {
		return slices.DeleteFunc(all, func(tag any) bool { return strings.HasPrefix(tag.(string), "sha256-") })
	}))},
	{name: "tags-of-nested-repositories", sentence: tagsOnIt, breaks: func() layer {
		var pushed table[[]string]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && !q.byDigest() && a.ok() {
					parent := q.repo[:strings.LastIndex(q.repo, "/")+1]
					pushed.update(parent, func(all []string) []string { return append(all, q.ref) })
				}
				if q.kind == tags && a.ok() && q.URL.RawQuery == "" {
					nested, _ := pushed.get(q.repo + "/")
					a.addTags(nested)
				}
				return a
			}
		}
	}},
	{name: "tags-at-most-ten", sentence: "To fetch the list of tags, perform a GET request (the whole list, or a Link)", breaks: alter(listTags.and(lacks("n")), tagList(func(all []any) []any { return all[:min(10, len(all))] }))},
	{name: "tags-n-ignored", sentence: mustCount, breaks: rewritten(listTags, func(q *query) *query { return q.asking(func(v url.Values) { v.Del("n") }) })},
	{name: "tags-n-plus-one", sentence: mustCount, breaks: rewritten(listTags.and(has("n")), func(q *query) *query {
		return q.asking(func(v url.Values) {
			if n, err := strconv.Atoi(v.Get("n")); err == nil && n > 0 {
				v.Set("n", strconv.Itoa(n+1))
			}
		})
	})},
	{name: "tags-n-minus-one", sentence: mustCount, breaks: alter(listTags.and(has("n")), func(_ *query, a *answer) {
		a.header.Del("Link")
		tagList(func(all []any) []any { return all[:max(0, len(all)-1)] })(nil, a)
	})},
	{name: "tags-n-zero-is-all", sentence: mustZero, breaks: rewritten(listTags, func(q *query) *query {
		return q.asking(func(v url.Values) {
			if v.Get("n") == "0" {
				v.Del("n")
			}
		})
	})},
	{name: "tags-n-zero-link", sentence: mustZero, breaks: alter(listTags, func(q *query, a *answer) {
		if q.URL.Query().Get("n") == "0" {
			a.header.Set("Link", "</v2/"+q.repo+"/tags/list?n=0>; rel=\"next\"")
		}
	})},
	{name: "tags-n-zero-with-last-is-all", sentence: mustZero, breaks: rewritten(listTags.and(has("last")), func(q *query) *query {
		return q.asking(func(v url.Values) {
			if v.Get("n") == "0" {
				v.Del("n")
			}
		})
	})},
	{name: "tags-last-included", sentence: mustLast, breaks: around(listTags.and(has("last")), func(q *query, next serve) *answer {
		a := next(q)
		last := q.URL.Query().Get("last")
		if next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+last)).ok() {
			a.list("tags", func(all []any) []any { return append([]any{last}, all...) })
		}
		return a
	})},
	{name: "tags-last-ignored", sentence: mustLast, breaks: rewritten(listTags, func(q *query) *query { return q.asking(func(v url.Values) { v.Del("last") }) })},
	{name: "tags-last-ignored-without-n", sentence: "When using the last query parameter, the n parameter is OPTIONAL.", breaks: rewritten(listTags.and(lacks("n")), func(q *query) *query { return q.asking(func(v url.Values) { v.Del("last") }) })},
	{name: "tags-last-without-n-400", sentence: "When using the last query parameter, the n parameter is OPTIONAL.", breaks: around(listTags.and(lacks("n"), has("last")), func(q *query, next serve) *answer { return refuse(q, 400, "UNSUPPORTED") })},
	{name: "tags-last-skips-one", sentence: mustLast, breaks: alter(listTags.and(has("last")), tagList(func(all []any) []any { return all[min(1, len(all)):] }))},
	{name: "tags-last-without-case", sentence: mustLast, breaks: rewritten(listTags.and(has("last")), func(q *query) *query {
		return q.asking(func(v url.Values) { v.Set("last", strings.ToUpper(v.Get("last"))) })
	})},
	{name: "tags-last-is-last-400", sentence: mustLast, breaks: alter(listTags.and(has("last")), func(q *query, a *answer) {
		var list struct{ Tags []string }
		if _ = json.Unmarshal(a.body, &list); len(list.Tags) == 0 {
			*a = *refuse(q, 404, "NAME_UNKNOWN")
		}
	})},
	{name: "tags-last-as-index", sentence: mustProperTag, breaks: around(listTags.and(has("last")), func(q *query, next serve) *answer {
		if n, err := strconv.Atoi(q.URL.Query().Get("last")); err == nil {
			all := whole(q, next, "tags")
			return reply(q, 200, "application/json", string(mustJSON(map[string]any{"name": q.repo, "tags": all[min(n, len(all)):]})))
		}
		return next(q)
	})},
	{name: "tags-link-without-rel", sentence: mustLinkTags, breaks: alter(listTags, link(func(l string) string { l, _, _ = strings.Cut(l, ";"); return l }))},
	{name: "tags-link-rel-prev", sentence: mustLinkTags, breaks: alter(listTags, link(func(l string) string { return strings.Replace(l, "next", "prev", 1) }))},
	{name: "tags-link-without-brackets", sentence: mustLinkTags, breaks: alter(listTags, link(func(l string) string { return strings.NewReplacer("<", "", ">", "").Replace(l) }))},
	{name: "tags-link-to-first-page", sentence: mustLinkTags, breaks: alter(listTags, link(func(l string) string {
		target, rest, _ := strings.Cut(strings.TrimPrefix(l, "<"), ">")
		u, _ := url.Parse(target)
		v := u.Query()
		v.Del("last")
		u.RawQuery = v.Encode()
		return "<" + u.String() + ">" + rest
	}))},
	{name: "tags-link-to-manifests", sentence: mustLinkTags, breaks: alter(listTags, link(func(l string) string { return strings.Replace(l, "/tags/list", "/tags", 1) }))},
	{name: "tags-link-skips-a-tag", sentence: mustLinkTags, breaks: around(listTags.and(has("n")), func(q *query, next serve) *answer {
		a := next(q)
		l := a.header.Get("Link")
		if l == "" {
			return a
		}
		target, rest, _ := strings.Cut(strings.TrimPrefix(l, "<"), ">")
		u, _ := url.Parse(target)
		v := u.Query()
		all := whole(q, next, "tags")
		if i := slices.Index(all, any(v.Get("last"))); i >= 0 && i+1 < len(all) {
			v.Set("last", all[i+1].(string))
		}
		u.RawQuery = v.Encode()
		a.header.Set("Link", "<"+u.String()+">"+rest)
		return a
	})},
	{name: "tags-link-only-on-first-page", sentence: mustCount, breaks: alter(listTags.and(has("last")), without("Link")), options: paged},

	// Referrers.
	{name: "referrers-404-for-none", sentence: mustReferrers, breaks: alter(listReferrers.and(lacks("artifactType")), func(q *query, a *answer) {
		var list struct{ Manifests []any }
		if _ = json.Unmarshal(a.body, &list); len(list.Manifests) == 0 {
			*a = *refuse(q, 404, "MANIFEST_UNKNOWN")
		}
	})},
	{name: "referrers-404-for-missing-subject", sentence: mustReferrers, breaks: around(listReferrers, func(q *query, next serve) *answer {
		a := next(q)
		if a.ok() && !next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+q.ref)).ok() {
			return refuse(q, 404, "MANIFEST_UNKNOWN")
		}
		return a
	})},
	{name: "referrers-empty-for-missing-subject", sentence: mustNewly, breaks: around(listReferrers, func(q *query, next serve) *answer {
		a := next(q)
		if a.ok() && !next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+q.ref)).ok() {
			a.list("manifests", func([]any) []any { return nil })
		}
		return a
	})},
	{name: "referrers-404-for-filter-without-match", sentence: mustEmptyList, breaks: alter(filtered, func(q *query, a *answer) {
		var list struct{ Manifests []any }
		if _ = json.Unmarshal(a.body, &list); len(list.Manifests) == 0 {
			*a = *refuse(q, 404, "MANIFEST_UNKNOWN")
		}
	})},
	{name: "referrers-all-for-filter-without-match", sentence: mustEmptyList, breaks: around(filtered, func(q *query, next serve) *answer {
		a := next(q)
		var list struct{ Manifests []any }
		if _ = json.Unmarshal(a.body, &list); a.ok() && len(list.Manifests) == 0 {
			a.list("manifests", func([]any) []any { return whole(q, next, "manifests") })
		}
		return a
	})},
	{name: "referrers-bad-digest-404", sentence: must400, breaks: alterErrors(listReferrers, statusIf(400, 404))},
	{name: "referrers-bad-digest-200", sentence: must400, breaks: alterErrors(listReferrers, func(q *query, a *answer) {
		*a = *reply(q, 200, "application/vnd.oci.image.index.v1+json", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	})},
	{name: "referrers-short-digest-200", sentence: must400, breaks: around(listReferrers, func(q *query, next serve) *answer {
		if _, hex, ok := strings.Cut(q.ref, ":"); ok && len(hex) < 64 {
			return reply(q, 200, "application/vnd.oci.image.index.v1+json", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
		}
		return next(q)
	})},
	{name: "referrers-type-json", sentence: mustIndexType, breaks: alter(listReferrers, with("Content-Type", "application/json"))},
	{name: "referrers-type-json-if-empty", sentence: mustIndexType, breaks: alter(listReferrers, func(_ *query, a *answer) {
		if strings.Contains(string(a.body), `"manifests":[]`) {
			a.header.Set("Content-Type", "application/json")
		}
	})},
	{name: "referrers-type-json-if-filtered", sentence: mustIndexType, breaks: alter(filtered, with("Content-Type", "application/json"))},
	{name: "referrers-type-with-parameter", sentence: mustIndexType, breaks: alter(listReferrers, with("Content-Type", "application/vnd.oci.image.index.v1+json; charset=utf-8"))},
	{name: "referrers-no-media-type", sentence: mustIndex, breaks: alter(listReferrers, func(_ *query, a *answer) { a.edit(func(o map[string]any) { delete(o, "mediaType") }) })},
	{name: "referrers-no-schema-version", sentence: mustIndex, breaks: alter(listReferrers, func(_ *query, a *answer) { a.edit(func(o map[string]any) { delete(o, "schemaVersion") }) })},
	{name: "referrers-null", sentence: mustEmptyList, breaks: alter(listReferrers, func(_ *query, a *answer) {
		a.edit(func(o map[string]any) {
			if all, _ := o["manifests"].([]any); len(all) == 0 {
				o["manifests"] = nil
			}
		})
	})},
	{name: "referrers-null-if-filtered", sentence: mustEmptyList, breaks: alter(filtered, func(_ *query, a *answer) {
		a.edit(func(o map[string]any) {
			if all, _ := o["manifests"].([]any); len(all) == 0 {
				o["manifests"] = nil
			}
		})
	})},
	{name: "referrers-without-artifact-type", sentence: mustArtifact, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) { delete(d, "artifactType") }))},
	{name: "referrers-config-type-always", sentence: mustArtifact, breaks: around(listReferrers, func(q *query, next serve) *answer {
		a := next(q)
		a.entries("manifests", func(d map[string]any) {
			if m := manifestOf(q, next, d["digest"].(string)); m.Config.MediaType != "" {
				d["artifactType"] = m.Config.MediaType
			}
		})
		return a
	})},
	{name: "referrers-config-type-never", sentence: mustConfigType, breaks: around(listReferrers, func(q *query, next serve) *answer {
		a := next(q)
		a.entries("manifests", func(d map[string]any) {
			if manifestOf(q, next, d["digest"].(string)).ArtifactType == "" {
				delete(d, "artifactType")
			}
		})
		return a
	})},
	{name: "referrers-index-type-invented", sentence: mustIndexNoType, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		if _, ok := d["artifactType"]; !ok {
			d["artifactType"] = d["mediaType"]
		}
	}))},
	{name: "referrers-index-artifact-type-lost", sentence: mustArtifact, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		if d["mediaType"] == "application/vnd.oci.image.index.v1+json" {
			delete(d, "artifactType")
		}
	}))},
	{name: "referrers-without-annotations", sentence: mustAnnotations, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) { delete(d, "annotations") }))},
	{name: "referrers-one-annotation", sentence: mustAnnotations, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		m, _ := d["annotations"].(map[string]any)
		first := true
		for name := range m {
			if !first {
				delete(m, name)
			}
			first = false
		}
	}))},
	{name: "referrers-standard-annotations-lost", sentence: mustAnnotations, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		m, _ := d["annotations"].(map[string]any)
		for name := range m {
			if strings.HasPrefix(name, "org.opencontainers.") {
				delete(m, name)
			}
		}
	}))},
	{name: "referrers-annotations-cut", sentence: mustAnnotations, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		m, _ := d["annotations"].(map[string]any)
		for name, value := range m {
			if s, _ := value.(string); len(s) > 255 {
				m[name] = s[:255]
			}
		}
	}))},
	{name: "referrers-annotations-empty-lost", sentence: mustAnnotations, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		m, _ := d["annotations"].(map[string]any)
		for name, value := range m {
			if value == "" {
				delete(m, name)
			}
		}
	}))},
	{name: "referrers-annotation-keys-lowered", sentence: mustAnnotations, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		m, _ := d["annotations"].(map[string]any)
		for name, value := range m {
			delete(m, name)
			m[strings.ToLower(name)] = value
		}
	}))},
	{name: "referrers-index-annotations-lost", sentence: mustAnnotations, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		if d["mediaType"] == "application/vnd.oci.image.index.v1+json" {
			delete(d, "annotations")
		}
	}))},
	{name: "referrers-without-indexes", sentence: mustOfSubject, breaks: alter(listReferrers, referrerList(func(all []any) []any {
		return slices.DeleteFunc(all, func(d any) bool {
			return d.(map[string]any)["mediaType"] == "application/vnd.oci.image.index.v1+json"
		})
	}))},
	{name: "referrers-size-0", sentence: mustIndex, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) { d["size"] = 0 }))},
	{name: "referrers-size-as-text", sentence: mustIndex, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		d["size"] = strconv.Itoa(int(d["size"].(float64)))
	}))},
	{name: "referrers-digest-of-subject", sentence: mustOfSubject, breaks: alter(listReferrers, func(q *query, a *answer) {
		a.entries("manifests", func(d map[string]any) { d["digest"] = q.ref })
	})},
	{name: "referrers-media-type-always-image", sentence: mustIndex, breaks: alter(listReferrers, eachReferrer(func(d map[string]any) {
		d["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
	}))},
	{name: "referrers-deleted-stay", sentence: mustOfSubject, breaks: func() layer {
		var last table[[]any]
		return around(on(referrers, "GET"), func(q *query, next serve) *answer {
			a := next(q)
			if !a.ok() || q.URL.RawQuery != "" {
				return a
			}
			a.list("manifests", func(all []any) []any {
				old, _ := last.get(q.thing())
				for _, d := range old {
					if !slices.ContainsFunc(all, func(e any) bool { return e.(map[string]any)["digest"] == d.(map[string]any)["digest"] }) {
						all = append(all, d)
					}
				}
				last.set(q.thing(), slices.Clone(all))
				return all
			})
			return a
		})()
	}},
	{name: "referrers-deleted-stay-in-filter", sentence: mustOfSubject, breaks: func() layer {
		var last table[[]any]
		return around(filtered, func(q *query, next serve) *answer {
			a := next(q)
			if !a.ok() {
				return a
			}
			key := q.thing() + q.URL.RawQuery
			a.list("manifests", func(all []any) []any {
				old, _ := last.get(key)
				if len(old) > len(all) {
					return old
				}
				last.set(key, slices.Clone(all))
				return all
			})
			return a
		})()
	}},
	{name: "referrers-of-referrers", sentence: mustOfSubject, breaks: around(listReferrers, func(q *query, next serve) *answer {
		a := next(q)
		a.list("manifests", func(all []any) []any {
			for _, d := range slices.Clone(all) {
				all = append(all, whole(q.to("GET", "/v2/"+q.repo+"/referrers/"+d.(map[string]any)["digest"].(string)), next, "manifests")...)
			}
			return all
		})
		return a
	})},
	{name: "referrers-of-other-repositories", sentence: mustOfSubject, breaks: func() layer {
		var repos table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && a.ok() {
					repos.set(q.repo, true)
				}
				if q.kind == referrers && a.ok() && q.URL.RawQuery == "" {
					repos.mu.Lock()
					defer repos.mu.Unlock()
					a.list("manifests", func(all []any) []any {
						for repo := range repos.values {
							if repo != q.repo {
								all = append(all, whole(q.to("GET", "/v2/"+repo+"/referrers/"+q.ref), next, "manifests")...)
							}
						}
						return all
					})
				}
				return a
			}
		}
	}},
	{name: "referrers-twice-if-pushed-twice", sentence: "Each response is an image index with different descriptors in the manifests field.", breaks: func() layer {
		var pushes table[int]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && a.ok() {
					count(&pushes, q.repo+sha(q.content))
				}
				if q.kind == referrers && a.ok() {
					a.list("manifests", func(all []any) []any {
						for _, d := range slices.Clone(all) {
							if n, _ := pushes.get(q.repo + d.(map[string]any)["digest"].(string)); n > 1 {
								all = append(all, d)
							}
						}
						return all
					})
				}
				return a
			}
		}
	}},
	{name: "referrers-only-tagged", sentence: mustNewly, breaks: around(listReferrers, func(q *query, next serve) *answer {
		a := next(q)
		tagged := map[any]bool{}
		for _, tag := range tagsOf(q, next) {
			tagged[next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+tag)).header.Get("Docker-Content-Digest")] = true
		}
		a.list("manifests", func(all []any) []any {
			return slices.DeleteFunc(all, func(d any) bool { return !tagged[d.(map[string]any)["digest"]] })
		})
		return a
	})},
	{name: "referrers-only-untagged", sentence: mustNewly, breaks: func() layer {
		var tagged table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "PUT" && !q.byDigest() && a.ok() {
					tagged.set(sha(q.content), true)
				}
				if q.kind == referrers {
					a.list("manifests", func(all []any) []any {
						return slices.DeleteFunc(all, func(d any) bool {
							_, ok := tagged.get(d.(map[string]any)["digest"].(string))
							return ok
						})
					})
				}
				return a
			}
		}
	}},
	{name: "referrers-gone-with-subject", sentence: mustOfSubject, breaks: func() layer {
		var gone table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if q.kind == manifests && q.Method == "DELETE" && q.byDigest() && a.ok() {
					gone.set(q.repo+q.ref, true)
				}
				if _, ok := gone.get(q.repo + q.ref); ok && q.kind == referrers {
					a.list("manifests", func([]any) []any { return nil })
				}
				return a
			}
		}
	}},
	{name: "referrers-gone-with-tag", sentence: mustOfSubject, breaks: func() layer {
		var gone table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				if q.kind == manifests && q.Method == "DELETE" && !q.byDigest() {
					gone.set(q.repo+next(q.to("HEAD", q.URL.Path)).header.Get("Docker-Content-Digest"), true)
				}
				a := next(q)
				if q.kind == referrers {
					a.list("manifests", func(all []any) []any {
						return slices.DeleteFunc(all, func(d any) bool {
							_, ok := gone.get(q.repo + d.(map[string]any)["digest"].(string))
							return ok
						})
					})
				}
				return a
			}
		}
	}},
	{name: "referrers-newest-only", sentence: mustNewly, breaks: alter(listReferrers, referrerList(func(all []any) []any { return all[:min(1, len(all))] }))},
	{name: "referrers-one-for-each-type", sentence: mustNewly, breaks: alter(listReferrers, referrerList(func(all []any) []any {
		seen := map[any]bool{}
		return slices.DeleteFunc(all, func(d any) bool {
			t := d.(map[string]any)["artifactType"]
			dup := seen[t]
			seen[t] = true
			return dup
		})
	}))},
	{name: "referrers-stale", sentence: mustNewly, breaks: remembered(listReferrers)},
	{name: "referrers-of-sha512-empty", sentence: mustNewly, breaks: alter(listReferrers, func(q *query, a *answer) {
		if strings.HasPrefix(q.ref, "sha512:") {
			a.list("manifests", func([]any) []any { return nil })
		}
	})},
	{name: "referrers-before-subject-lost", sentence: mustNewly, breaks: func() layer {
		var early table[bool]
		return func(next serve) serve {
			return func(q *query) *answer {
				if s := subjectOf(q.content); q.kind == manifests && q.Method == "PUT" && s != "" && !next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+s)).ok() {
					early.set(q.repo+sha(q.content), true)
				}
				a := next(q)
				if q.kind == referrers && next(q.to("HEAD", "/v2/"+q.repo+"/manifests/"+q.ref)).ok() {
					a.list("manifests", func(all []any) []any {
						return slices.DeleteFunc(all, func(d any) bool {
							_, ok := early.get(q.repo + d.(map[string]any)["digest"].(string))
							return ok
						})
					})
				}
				return a
			}
		}
	}},

	// Filters.
	{name: "filter-claimed-not-applied", sentence: mustFilters, breaks: around(filtered, func(q *query, next serve) *answer {
		a := next(q.asking(func(v url.Values) { v.Del("artifactType") }))
		a.header.Set("OCI-Filters-Applied", "artifactType")
		return a
	})},
	{name: "filter-applied-not-said", sentence: mustFilters, breaks: alter(filtered, without("OCI-Filters-Applied"))},
	{name: "filter-not-said-if-empty", sentence: mustFilters, breaks: alter(filtered, func(_ *query, a *answer) {
		if strings.Contains(string(a.body), `"manifests":[]`) {
			a.header.Del("OCI-Filters-Applied")
		}
	})},
	{name: "filter-said-with-value", sentence: mustFilters, breaks: alter(filtered, func(q *query, a *answer) {
		a.header.Set("OCI-Filters-Applied", "artifactType="+q.URL.Query().Get("artifactType"))
	})},
	{name: "filter-said-without-request", sentence: mustFilters, breaks: alter(listReferrers.and(lacks("artifactType")), with("OCI-Filters-Applied", "artifactType"))},
	{name: "filter-said-in-lower-case", sentence: mustFilters, breaks: alter(filtered, with("OCI-Filters-Applied", "artifacttype"))},
	{name: "filter-by-prefix", sentence: mustFilters, breaks: around(filtered, func(q *query, next serve) *answer {
		want := q.URL.Query().Get("artifactType")
		a := next(q.asking(func(v url.Values) { v.Del("artifactType") }))
		a.list("manifests", func(all []any) []any {
			return slices.DeleteFunc(all, func(d any) bool {
				t, _ := d.(map[string]any)["artifactType"].(string)
				return !strings.HasPrefix(t, want)
			})
		})
		a.header.Set("OCI-Filters-Applied", "artifactType")
		return a
	})},
	{name: "filter-by-config-type-never", sentence: mustConfigType, breaks: around(filtered, func(q *query, next serve) *answer {
		a := next(q)
		a.list("manifests", func(all []any) []any {
			return slices.DeleteFunc(all, func(d any) bool { return manifestOf(q, next, d.(map[string]any)["digest"].(string)).ArtifactType == "" })
		})
		return a
	})},
	{name: "filter-by-config-type-always", sentence: mustArtifact, breaks: around(filtered, func(q *query, next serve) *answer {
		want := q.URL.Query().Get("artifactType")
		a := next(q.asking(func(v url.Values) { v.Del("artifactType") }))
		a.list("manifests", func(all []any) []any {
			return slices.DeleteFunc(all, func(d any) bool {
				m := manifestOf(q, next, d.(map[string]any)["digest"].(string))
				return m.ArtifactType != want && m.Config.MediaType != want
			})
		})
		a.header.Set("OCI-Filters-Applied", "artifactType")
		return a
	})},
	{name: "filter-with-plus-decoded", sentence: mustFilters, breaks: rewritten(filtered, func(q *query) *query {
		return q.asking(func(v url.Values) { v.Set("artifactType", strings.ReplaceAll(v.Get("artifactType"), "+", " ")) })
	})},
	{name: "filter-400-for-unknown-type", sentence: mustEmptyList, breaks: alter(filtered, func(q *query, a *answer) {
		if strings.Contains(string(a.body), `"manifests":[]`) {
			*a = *refuse(q, 400, "UNSUPPORTED")
		}
	})},
	{name: "filter-inverted", sentence: mustFilters, breaks: around(filtered, func(q *query, next serve) *answer {
		want := q.URL.Query().Get("artifactType")
		a := next(q.asking(func(v url.Values) { v.Del("artifactType") }))
		a.list("manifests", func(all []any) []any {
			return slices.DeleteFunc(all, func(d any) bool { return d.(map[string]any)["artifactType"] == want })
		})
		a.header.Set("OCI-Filters-Applied", "artifactType")
		return a
	})},
	{name: "filter-omits-annotations", sentence: mustAnnotations, breaks: alter(filtered, eachReferrer(func(d map[string]any) { delete(d, "annotations") }))},

	// Pages of referrers.
	{name: "referrers-cut-without-link", sentence: mustLinkRef, breaks: alter(listReferrers, without("Link")), options: paged},
	{name: "referrers-link-rel-last", sentence: mustLinkRef, breaks: alter(listReferrers, link(func(l string) string { return strings.Replace(l, "next", "last", 1) })), options: paged},
	{name: "referrers-link-without-brackets", sentence: mustLinkRef, breaks: alter(listReferrers, link(func(l string) string { return strings.NewReplacer("<", "", ">", "").Replace(l) })), options: paged},
	{name: "referrers-link-loses-filter", sentence: mustFilters, breaks: alter(filtered, link(func(l string) string {
		target, rest, _ := strings.Cut(strings.TrimPrefix(l, "<"), ">")
		u, _ := url.Parse(target)
		v := u.Query()
		v.Del("artifactType")
		u.RawQuery = v.Encode()
		return "<" + u.String() + ">" + rest
	})), options: paged},
	{name: "referrers-second-page-type-json", sentence: mustIndexType, breaks: alter(listReferrers, func(q *query, a *answer) {
		if len(q.URL.Query()) > 0 && !q.URL.Query().Has("artifactType") {
			a.header.Set("Content-Type", "application/json")
		}
	}), options: paged},
	{name: "referrers-second-page-is-first", sentence: "Each response is an image index with different descriptors in the manifests field.", breaks: alter(listReferrers, link(func(l string) string {
		target, rest, _ := strings.Cut(strings.TrimPrefix(l, "<"), ">")
		u, _ := url.Parse(target)
		v := url.Values{}
		if t := u.Query().Get("artifactType"); t != "" {
			v.Set("artifactType", t)
		}
		u.RawQuery = v.Encode()
		return "<" + u.String() + ">" + rest
	})), options: paged},
	{name: "referrers-second-page-filter-not-said", sentence: mustFilters, breaks: alter(filtered, func(q *query, a *answer) {
		if len(q.URL.Query()) > 1 {
			a.header.Del("OCI-Filters-Applied")
		}
	}), options: paged},
	{name: "referrers-second-page-404", sentence: mustLinkRef, breaks: around(listReferrers, func(q *query, next serve) *answer {
		if len(q.URL.Query()) > 1 || len(q.URL.Query()) == 1 && !q.URL.Query().Has("artifactType") {
			return refuse(q, 404, "MANIFEST_UNKNOWN")
		}
		return next(q)
	}), options: paged},
	{name: "referrers-second-page-skips-one", sentence: mustNewly, breaks: alter(listReferrers, func(q *query, a *answer) {
		if len(q.URL.Query()) > 0 && !q.URL.Query().Has("artifactType") {
			a.list("manifests", func(all []any) []any { return all[min(1, len(all)):] })
		}
	}), options: paged},
}
