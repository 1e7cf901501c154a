package spec

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Listing tags: end-8a and 8b GET.

var tagStatements = []Statement{
	{
		ID: "tags", Text: "Assuming a repository is found, this request MUST return a `200 OK` response code.",
		Section: "Listing Tags", Endpoint: "end-8a", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: listsTags,
	}, {
		ID: "tags-unknown", Text: "end-8a | `GET` | `/v2/<name>/tags/list` | `200` | `404`",
		Section: "Endpoints", Endpoint: "end-8a", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: func(t *tester) { r := t.newRepo(); r.get(r.tags()).wants(http.StatusNotFound) },
	}, {
		ID: "tags-empty", Text: "The list of tags MAY be empty if there are no tags on the repository.",
		Section: "Listing Tags", Endpoint: "end-8a", Level: May, Area: Discovery, Source: Distribution, Versions: since10,
		check: listsNoTags,
	}, {
		ID: "tags-order", Text: "If the list is not empty, the tags MUST be in lexical …(i.e. case-insensitive alphanumeric order)…",
		Section: "Listing Tags", Endpoint: "end-8a", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: sortsTags(""),
	}, {
		ID: "tags-format", Text: "Upon success, the response MUST be a json body in the following format:",
		Section: "Listing Tags", Endpoint: "end-8a", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: formatsTags,
	}, {
		ID: "tags-n", Text: "The response to such a request MAY return fewer than `<int>` results, but only when the total number of tags attached to the repository is less than `<int>`…",
		Section: "Listing Tags", Endpoint: "end-8b", Level: May, Area: Discovery, Source: Distribution, Versions: since10,
		check: returnsFewerOnlyAtEnd,
	}, {
		ID: "tags-n-results", Text: "Otherwise, the response MUST include `<int>` results.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: returnsNResults,
	}, {
		ID: "tags-link", Text: "A `Link` header MAY be included in the response when additional tags are available.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: May, Area: Discovery, Source: Distribution, Versions: since11,
		check: linksOnlyIfMore,
	}, {
		ID: "tags-link-next", Text: "If included, the `Link` header MUST be set according to RFC5988 with the Relation Type `rel=\"next\"`.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since11,
		check: followsTagLinks,
	}, {
		ID: "tags-n-zero", Text: "When `n` is zero, this endpoint MUST return an empty list, and MUST NOT include a `Link` header.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: returnsNothing,
	}, {
		ID: "tags-from-start", Text: "Without the `last` query parameter (described next), the list returned will start at the beginning of the list and include `<int>` results.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: startsAtBeginning,
	}, {
		ID: "tags-n-order", Text: "As above, the tags MUST be in lexical …order",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: sortsTags("?n=1000"),
	}, {
		ID: "tags-last-value", Text: "`<tagname>` MUST NOT be a numerical index, but rather it MUST be a proper tag.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: takesNumericTag,
	}, {
		ID: "tags-last", Text: "A request of this sort will return up to `<int>` tags, beginning non-inclusively with `<tagname>`.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: returnsTagsAfter,
	}, {
		ID: "tags-last-excluded", Text: "That is to say, `<tagname>` will not be included in the results, but up to `<int>` tags *after* `<tagname>` will be returned.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: leavesOutLast,
	}, {
		ID: "tags-last-order", Text: "The tags MUST be in lexical …order",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: sortsTags("?last=B"),
	}, {
		ID: "tags-last-without-n", Text: "When using the `last` query parameter, the `n` parameter is OPTIONAL.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: May, Area: Discovery, Source: Distribution, Versions: since10,
		check: takesLastAlone,
	}, {
		ID: "tags-last-missing", Text: "A last that is not, or is no longer, a tag of the repository selects the tags after it.",
		Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Ours,
		check: takesMissingLast,
	},
}

type tagList struct {
	Name string    `json:"name"`
	Tags *[]string `json:"tags"`
}

// tagPage asks for tags and decodes them.
func (r repo) tagPage(query string) ([]string, *answer) {
	a := r.get(r.tags() + query)
	return r.decodeTags(a), a
}

// decodeTags decodes a page of tags.
func (r repo) decodeTags(a *answer) []string {
	var list tagList
	a.wants(http.StatusOK).json(&list)
	if list.Tags == nil {
		return nil
	}
	return *list.Tags
}

// hasArray fails the check unless a list of tags is an array, be it empty.
func (a *answer) hasArray() *answer {
	var list tagList
	if a.json(&list); list.Tags == nil {
		a.t.failf("%s %s: want an array of tags, got %s", a.sent.method, a.sent.url, a.body)
	}
	return a
}

// tag puts tags on one small image, in turn.
func (r repo) tag(tags ...string) {
	m := r.newImage()
	for _, tag := range tags {
		r.push(m, tag)
	}
}

func listsTags(t *tester) {
	r := t.newRepo()
	r.tag("v1", "v2")
	wantsTags(t, r.follow(""), "v1", "v2")
}

// wantsTags compares tags in any order: the statements on order check that.
func wantsTags(t *tester, got []string, want ...string) {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	wantsInOrder(t, got, want...)
}

// wantsInOrder compares tags in the order of a list, which decides what is on its pages.
func wantsInOrder(t *tester, got []string, want ...string) {
	if !slices.Equal(got, want) {
		t.failf("want the tags %q, got %q", want, got)
	}
}

// listsNoTags leaves a repository without tags: the answer may also be that there
// is no such repository.
func listsNoTags(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	r.push(m, m.digest().String())
	a := r.get(r.tags()).wants(http.StatusOK, http.StatusNotFound)
	if a.status == http.StatusOK {
		a.hasArray()
		wantsTags(t, r.follow(""))
	}
}

// sortsTags takes both of the orders that the specification names.
func sortsTags(query string) func(*tester) {
	return func(t *tester) {
		r := t.newRepo()
		r.tag("b", "_z", "C", "a", "10", "B", "9", "c", "A", "v1.10", "v1.9")
		tags := r.follow(query)
		folded := slices.IsSortedFunc(tags, func(a, b string) int {
			return strings.Compare(strings.ToLower(a), strings.ToLower(b))
		})
		if len(tags) == 0 || !slices.IsSorted(tags) && !folded {
			t.failf("want tags in order, got %q", tags)
		}
	}
}

func formatsTags(t *tester) {
	r := t.newRepo()
	r.tag("v1", "v2")
	a := r.get(r.tags()).wants(http.StatusOK)
	var list tagList
	a.json(&list)
	if list.Name != r.name || list.Tags == nil {
		t.failf("want an object with the name %s and an array of tags", r.name)
	}
	wantsTags(t, r.follow(""), "v1", "v2")
}

func returnsFewerOnlyAtEnd(t *tester) {
	r := t.newRepo()
	r.tag("a", "b", "c")
	for n := 1; n <= 5; n++ {
		tags, a := r.tagPage(fmt.Sprintf("?n=%d", n))
		if len(tags) < min(n, 3) && !a.hasNext() {
			t.failf("want %d tags or a Link, got %q", min(n, 3), tags)
		}
	}
}

func returnsNResults(t *tester) {
	r := t.newRepo()
	r.tag("a", "b", "c")
	for n := 1; n <= 3; n++ {
		tags, a := r.tagPage(fmt.Sprintf("?n=%d", n))
		if len(tags) > n || len(tags) < n && !a.hasNext() {
			t.failf("want %d tags, got %q", n, tags)
		}
	}
}

func linksOnlyIfMore(t *tester) {
	r := t.newRepo()
	r.tag("a", "b", "c")
	if _, a := r.tagPage("?n=2"); a.header.Get("Link") != "" {
		t.next(a)
		wantsInOrder(t, r.follow("?n=2"), "a", "b", "c")
	}
	if _, a := r.tagPage("?n=3"); a.hasNext() { // to an empty page
		wantsInOrder(t, r.follow("?n=3"), "a", "b", "c")
	}
}

func returnsNothing(t *tester) {
	r := t.newRepo()
	r.tag("a", "b")
	tags, a := r.tagPage("?n=0")
	wantsInOrder(t, tags)
	a.hasArray()
	if a.header.Get("Link") != "" {
		t.failf("want no Link, got %s", a.header.Get("Link"))
	}
}

func startsAtBeginning(t *tester) {
	r := t.newRepo()
	r.tag("c", "a", "b")
	tags, _ := r.tagPage("?n=1")
	wantsInOrder(t, tags, "a")
}

func takesNumericTag(t *tester) {
	r := t.newRepo()
	r.tag("0", "1", "2", "3")
	wantsInOrder(t, r.follow("?n=2&last=1"), "2", "3")
}

func returnsTagsAfter(t *tester) {
	r := t.newRepo()
	r.tag("a", "b", "c", "d")
	for i, last := range []string{"a", "b", "c"} {
		tags, _ := r.tagPage("?n=1&last=" + last)
		wantsInOrder(t, tags, string(rune('b'+i)))
	}
	wantsInOrder(t, r.follow("?n=2&last=d"))
}

func leavesOutLast(t *tester) {
	r := t.newRepo()
	r.tag("a", "b", "c")
	wantsInOrder(t, r.follow("?n=10&last=b"), "c")
}

func takesLastAlone(t *tester) {
	r := t.newRepo()
	r.tag("a", "b", "c")
	wantsInOrder(t, r.follow("?last=a"), "b", "c")
}

func takesMissingLast(t *tester) {
	r := t.newRepo()
	r.tag("a", "c")
	wantsInOrder(t, r.follow("?last=b"), "c")
}
