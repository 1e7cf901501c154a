package spec

import (
	"net/http"
	"strings"
)

// Conditional requests (RFC 9110, 13). The specification counts on them where
// clients keep referrers in a tag ("Referrers Tag Schema").

var conditionStatements = []Statement{
	{
		ID: "etag-form", Text: "An entity tag consists of an opaque quoted string, possibly prefixed by a weakness indicator.",
		Section: "8.8.3", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: RFC9110,
		check: entityTagsAreQuoted,
	}, {
		ID: "if-none-match", Text: "If-None-Match … the origin server MUST respond with … the 304 (Not Modified) status code if the request method is GET or HEAD",
		Section: "13.1.2", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Conditional},
		check: notModified,
	}, {
		ID: "if-none-match-other", Text: "If the field value is a list of entity tags, the condition is false if one of the listed tags matches the entity tag of the selected representation. … Otherwise, the condition is true.",
		Section: "13.1.2", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: RFC9110,
		check: modified,
	}, {
		ID: "not-modified-fields", Text: "The server generating a 304 response MUST generate … ETag … that would have been sent in a 200 (OK) response to the same request",
		Section: "15.4.5", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Conditional},
		check: notModifiedHasEntityTag,
	}, {
		ID: "not-modified-empty", Text: "A 304 response is terminated by the end of the header section; it cannot contain content or trailers.",
		Section: "15.4.5", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: RFC9110, Needs: []Feature{Conditional},
		check: notModifiedIsEmpty,
	}, {
		ID: "if-match-put", Text: "If-Match … the origin server MUST NOT perform the requested method if the condition evaluates to false",
		Section: "13.1.1", Endpoint: "end-7", Level: Must, Area: Push, Source: RFC9110, Needs: []Feature{ConditionalPut, MovableTags},
		check: putsOnlyOverMatch,
	}, {
		ID: "if-match-put-status", Text: "Instead, the origin server MAY indicate that the conditional request failed by responding with a 412 (Precondition Failed) status code.",
		Section: "13.1.1", Endpoint: "end-7", Level: May, Area: Push, Source: RFC9110, Needs: []Feature{ConditionalPut},
		check: tellsMismatch,
	}, {
		ID: "if-none-match-put", Text: "If-None-Match can also be used with a value of \"*\" to prevent an unsafe request method … from inadvertently modifying an existing representation of the target resource",
		Section: "13.1.2", Endpoint: "end-7", Level: Must, Area: Push, Source: RFC9110, Needs: []Feature{ConditionalPut},
		check: putsOnlyNew,
	}, {
		ID: "if-match-delete", Text: "If-Match … the origin server MUST NOT perform the requested method if the condition evaluates to false",
		Section: "13.1.1", Endpoint: "end-9", Level: Must, Area: Management, Source: RFC9110, Needs: []Feature{ConditionalPut, DeleteTag},
		check: deletesOnlyMatch,
	}, {
		ID: "if-none-match-race", Text: "Of several clients that create one tag with If-None-Match: * at once, one succeeds.",
		Endpoint: "end-7", Level: Must, Area: Push, Source: Ours, Needs: []Feature{ConditionalPut},
		check: oneCreates,
	},
}

func entityTagsAreQuoted(t *tester) {
	r := t.newRepo()
	for _, c := range existing(r) {
		tag := r.get(c.target).wants(http.StatusOK).header.Get("Etag")
		if tag == "" {
			continue
		}
		opaque := strings.TrimPrefix(tag, "W/")
		if len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"' || strings.Contains(opaque[1:len(opaque)-1], `"`) {
			t.failf("want an ETag in quotes, got %s", tag)
		}
	}
}

func notModified(t *tester) {
	r := t.newRepo()
	for _, c := range existing(r) {
		tag := r.get(c.target).wants(http.StatusOK).field("Etag")
		for _, value := range []string{tag, "W/" + strings.TrimPrefix(tag, "W/"), `"another", ` + tag, "*"} {
			r.get(c.target, "If-None-Match", value).wants(http.StatusNotModified)
			r.head(c.target, "If-None-Match", value).wants(http.StatusNotModified)
		}
	}
}

func modified(t *tester) {
	r := t.newRepo()
	for _, c := range existing(r) {
		r.get(c.target, "If-None-Match", `"another"`).wants(http.StatusOK).is(c.body)
		r.head(c.target, "If-None-Match", `"another", "and-another"`).wants(http.StatusOK)
	}
}

func notModifiedHasEntityTag(t *tester) {
	r := t.newRepo()
	for _, c := range existing(r) {
		tag := r.get(c.target).wants(http.StatusOK).field("Etag")
		r.get(c.target, "If-None-Match", tag).wants(http.StatusNotModified).hasField("Etag", tag)
	}
}

func notModifiedIsEmpty(t *tester) {
	r := t.newRepo()
	for _, c := range existing(r) {
		tag := r.get(c.target).wants(http.StatusOK).field("Etag")
		r.get(c.target, "If-None-Match", tag).wants(http.StatusNotModified).is(nil).endsWithHeader()
	}
}

// strongTag returns the entity tag of an answer for a strong comparison (RFC 9110,
// 8.8.3.2). The check does not apply if there is none.
func (a *answer) strongTag() string {
	tag := a.header.Get("Etag")
	if tag == "" || strings.HasPrefix(tag, "W/") {
		a.t.notApplicable("the registry has no strong entity tags")
	}
	return tag
}

func putsOnlyOverMatch(t *tester) {
	r := t.newRepo()
	old, next := r.pushImage("v1"), r.newImage()
	tag := r.get(r.manifest("v1")).strongTag()
	r.try(next, "v1", "If-Match", `"another"`).refuses()
	r.get(r.manifest("v1")).wants(http.StatusOK).is(old.body)
	r.try(next, "v1", "If-Match", tag).wants(http.StatusCreated)
	r.get(r.manifest("v1")).wants(http.StatusOK).is(next.body)
}

func tellsMismatch(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	r.try(r.newImage(), "v1", "If-Match", `"another"`).refuses().wants(http.StatusPreconditionFailed, http.StatusConflict)
}

func putsOnlyNew(t *tester) {
	r := t.newRepo()
	one, other := r.newImage(), r.newImage()
	r.try(one, "v1", "If-None-Match", "*").wants(http.StatusCreated)
	r.try(other, "v1", "If-None-Match", "*").wants(http.StatusPreconditionFailed)
	r.get(r.manifest("v1")).wants(http.StatusOK).is(one.body)
}

func deletesOnlyMatch(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	tag := r.get(r.manifest("v1")).strongTag()
	r.delete(r.manifest("v1"), "If-Match", `"another"`).refuses()
	r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
	r.delete(r.manifest("v1"), "If-Match", tag).wants(http.StatusAccepted)
	r.get(r.manifest("v1")).wants(http.StatusNotFound)
}

func oneCreates(t *tester) {
	r := t.newRepo()
	images := make([]manifest, racers)
	for i := range images {
		images[i] = r.newImage()
	}
	statuses := make([]int, racers)
	t.together(racers, func(i int) {
		statuses[i] = r.try(images[i], "v1", "If-None-Match", "*").wants(http.StatusCreated, http.StatusPreconditionFailed).status
	})
	r.get(r.manifest("v1")).wants(http.StatusOK).is(images[onlyOne(t, statuses)].body)
}

// onlyOne returns which of several requests created something.
func onlyOne(t *tester, statuses []int) (winner int) {
	won := 0
	for i, status := range statuses {
		if status == http.StatusCreated {
			winner, won = i, won+1
		}
	}
	if won != 1 {
		t.failf("want one of %d requests to succeed, %d did", len(statuses), won)
	}
	return winner
}
