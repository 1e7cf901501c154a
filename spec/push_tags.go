package spec

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Pushing tags with a manifest: end-7b PUT.

var pushTagStatements = []Statement{
	{
		ID: "tag-parameters", Text: "When pushing a manifest by digest, the registry MAY support the pushing of tags specified by addition of `tag` query parameters.",
		Section: "Pushing Manifests", Endpoint: "end-7b", Level: May, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{TagParameters},
		check: func(t *tester) { pushesTags(t, 3) },
	}, {
		ID: "tag-parameters-ten", Text: "SHOULD support pushing at least 10 tags per request.",
		Section: "Pushing Manifests", Endpoint: "end-7b", Level: Should, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{TagParameters},
		check: func(t *tester) { pushesTags(t, 10) },
	}, {
		ID: "tag-parameters-too-many", Text: "MAY return a `414 Request-URI Too Long` status if too many tags are included in the request.",
		Section: "Pushing Manifests", Endpoint: "end-7b", Level: May, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{TagParameters},
		check: pushesTooManyTags,
	}, {
		ID: "tag-parameters-header", Text: "MUST include an `OCI-Tag` response header, in accordance with RFC 9110 (section 5) semantics, for each accepted tag.",
		Section: "Pushing Manifests", Endpoint: "end-7b", Level: Must, Area: Push, Source: Distribution, Versions: inDraft, Needs: []Feature{TagParameters},
		check: namesAcceptedTags,
	}, {
		ID: "tag-parameters-atomic", Text: "If a manifest with tag parameters is refused, none of the tags is set.",
		Endpoint: "end-7b", Level: Must, Area: Push, Source: Ours, Needs: []Feature{TagParameters},
		check: setsAllTagsOrNone,
	},
}

// tagged adds tag parameters to the digest of a manifest.
func tagged(m manifest, tags []string) string {
	reference := m.digest().String()
	for _, tag := range tags {
		reference = with(reference, "tag", tag)
	}
	return reference
}

func numbered(format string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(format, i)
	}
	return names
}

// listed returns the values of a field that is a list (RFC 9110, 5.6.1).
func (a *answer) listed(name string) []string {
	var all []string
	for _, value := range a.header.Values(name) {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				all = append(all, item)
			}
		}
	}
	return all
}

func pushesTags(t *tester, n int) {
	r := t.newRepo()
	m, tags := r.newImage(), numbered("v%d", n)
	a := r.push(m, tagged(m, tags))
	for _, tag := range tags {
		if !slices.Contains(a.listed("OCI-Tag"), tag) {
			t.failf("want OCI-Tag to name %s, got %s", tag, a.listed("OCI-Tag"))
		}
		r.get(r.manifest(tag)).wants(http.StatusOK).is(m.body)
	}
	r.get(r.manifest(m.digest().String())).wants(http.StatusOK).is(m.body)
}

func pushesTooManyTags(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	r.try(m, tagged(m, numbered("v%d", 1000))).wants(http.StatusCreated, http.StatusRequestURITooLong,
		http.StatusRequestHeaderFieldsTooLarge, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
}

func namesAcceptedTags(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	a := r.push(m, tagged(m, []string{"v1", "latest"}))
	accepted := a.listed("OCI-Tag")
	for _, tag := range []string{"v1", "latest"} {
		got := r.get(r.manifest(tag)).wants(http.StatusOK, http.StatusNotFound)
		if there := got.status == http.StatusOK; there != slices.Contains(accepted, tag) {
			t.failf("want OCI-Tag to name the tags that were set, got %s, and %d for %s", accepted, got.status, tag)
		}
	}
}

func setsAllTagsOrNone(t *tester) {
	r := t.newRepo()
	old, next := r.pushImage("v1"), r.newImage()
	r.try(next, tagged(next, []string{"v1", "v2", "-not-a-tag-"})).refuses()
	r.get(r.manifest("v1")).wants(http.StatusOK).is(old.body)
	r.get(r.manifest("v2")).wants(http.StatusNotFound)
}
