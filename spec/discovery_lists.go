package spec

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Lists in pages (RFC 8288, Web Linking), and the list of repositories, which
// Docker's registry has and the specification has not.

var linkStatements = []Statement{
	{
		ID: "link-form", Text: "Link = #link-value; link-value = \"<\" URI-Reference \">\" *( OWS \";\" OWS link-param )",
		Section: "3", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: RFC8288,
		check: formsLink,
	}, {
		ID: "link-rel", Text: "The relation type of a link is conveyed in the \"rel\" parameter's value. The rel parameter MUST be present but MUST NOT appear more than once in a given link-value",
		Section: "3.3", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: RFC8288,
		check: relatesOnce,
	}, {
		ID: "pages-complete", Text: "A list shows each entry once, in order, by its links and by last, whatever the length of its pages.",
		Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Ours,
		check: listsAllTags,
	}, {
		ID: "pages-after-change", Text: "Tags that come and go while a list is followed are there or not; all others are there once.",
		Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Ours, Needs: []Feature{DeleteTag},
		check: followsThroughChanges,
	},
}

var catalogStatements = []Statement{
	{
		ID: "catalog", Text: "GET /v2/_catalog lists the repositories, as in Docker's registry.",
		Level: May, Area: Discovery, Source: Ours, Needs: []Feature{Catalog},
		check: listsRepositories,
	}, {
		ID: "catalog-order", Text: "The list of repositories is in order, and in pages as tags are.",
		Level: May, Area: Discovery, Source: Ours, Needs: []Feature{Catalog},
		check: sortsRepositories,
	},
}

// next returns where the Link of an answer leads to.
func (t *tester) next(a *answer) string {
	target, found := a.link()
	if !found {
		t.failf("want a Link with rel=\"next\", got %q", a.header.Values("Link"))
	}
	u, err := a.request.URL.Parse(target)
	if err != nil {
		t.failf("Link <%s>: %v", target, err)
	}
	if u.String() == a.request.URL.String() {
		t.failf("want a Link to the next page, got one to the same: <%s>", target)
	}
	return u.String()
}

// hasNext reports whether an answer has a link to the next page.
func (a *answer) hasNext() bool {
	_, found := a.link()
	return found
}

// pages returns the pages of a list, from the given one on, by their links.
func (t *tester) pages(first *answer) []*answer {
	pages := []*answer{first.wants(http.StatusOK)}
	for a := first; a.hasNext(); pages = append(pages, a) {
		if len(pages) > many {
			t.failf("want the list to end, got more than %d pages", many)
		}
		a = t.get(t.next(a)).wants(http.StatusOK)
	}
	return pages
}

// follow lists all tags through links.
func (r repo) follow(query string) []string {
	return r.tagsOf(r.pages(r.get(r.tags() + query)))
}

// tagsOf returns the tags on pages.
func (r repo) tagsOf(pages []*answer) (tags []string) {
	for _, page := range pages {
		tags = append(tags, r.decodeTags(page)...)
	}
	return tags
}

func formsLink(t *tester) {
	r := t.newRepo()
	r.tag("a", "b", "c")
	if _, a := r.tagPage("?n=1"); a.header.Get("Link") != "" {
		t.next(a)
	}
}

func relatesOnce(t *tester) {
	r := t.newRepo()
	r.tag("a", "b", "c")
	_, a := r.tagPage("?n=1")
	for _, l := range a.links() {
		if l.Rels != 1 {
			t.failf("want rel once in each link, got %q", a.header.Values("Link"))
		}
	}
}

// followsTagLinks needs more tags than fit on one page.
func followsTagLinks(t *tester) {
	r := t.newRepo()
	tags := numbered("v%03d", many)
	r.tag(tags...)
	for _, query := range []string{"?n=50", "?n=7", "?n=119"} {
		if _, a := r.tagPage(query); a.header.Get("Link") != "" {
			wantsInOrder(t, r.follow(query), tags...)
		}
	}
}

func listsAllTags(t *tester) {
	r := t.newRepo()
	tags := numbered("v%03d", many)
	r.tag(tags...)
	wantsInOrder(t, r.follow(""), tags...)
	for _, n := range []int{7, 50, 119} {
		var got []string
		for last := ""; ; last = got[len(got)-1] {
			page, _ := r.tagPage(fmt.Sprintf("?n=%d&last=%s", n, last))
			got = append(got, page...)
			if len(page) == 0 || len(got) > many {
				break
			}
		}
		wantsInOrder(t, got, tags...)
	}
}

func followsThroughChanges(t *tester) {
	r := t.newRepo()
	tags := numbered("v%02d", 12)
	r.tag(tags...)
	_, a := r.tagPage("?n=5")
	if !a.hasNext() {
		t.notApplicable("the registry sends no Link")
	}
	r.delete(r.manifest("v04")).wants(http.StatusAccepted) // the last one of the page
	r.delete(r.manifest("v06")).wants(http.StatusAccepted)
	r.tag("v041")
	got := slices.DeleteFunc(r.tagsOf(r.pages(a)), func(tag string) bool { return tag == "v041" || tag == "v04" || tag == "v06" })
	wantsInOrder(t, got, slices.DeleteFunc(tags, func(tag string) bool { return tag == "v04" || tag == "v06" })...)
}

type catalog struct {
	Repositories []string `json:"repositories"`
}

// repositories lists the repositories after a name, page by page, up to another.
func (t *tester) repositories(query, last string) []string {
	a := t.get("/v2/_catalog" + query).wants(http.StatusOK)
	var all []string
	for {
		var page catalog
		a.json(&page)
		all = append(all, page.Repositories...)
		if !a.hasNext() || len(all) > 0 && all[len(all)-1] >= last {
			return all
		}
		a = t.get(t.next(a)).wants(http.StatusOK)
	}
}

func listsRepositories(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	if all := t.repositories("", r.name); !slices.Contains(all, r.name) {
		t.failf("want %s among the repositories, got %d others", r.name, len(all))
	}
}

func sortsRepositories(t *tester) {
	base := t.newRepo().name
	names := []string{base + "/a", base + "/a-b", base + "/a/b", base + "/b"}
	for _, name := range names {
		repo{t, name}.pushImage("v1")
	}
	var got []string
	for _, name := range t.repositories("?n=2&last="+base, names[3]) {
		if strings.HasPrefix(name, base+"/") {
			got = append(got, name)
		}
	}
	// Docker's registry goes through the names as through directories.
	byPath := []string{names[0], names[2], names[1], names[3]}
	if !slices.Equal(got, names) && !slices.Equal(got, byPath) {
		t.failf("want the repositories %q, got %q", names, got)
	}
}

// linksLongReferrers makes descriptors, with their annotations, that do not fit
// into 4 megabytes together.
func linksLongReferrers(t *tester) {
	const each = 10_000
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	annotations := map[string]string{}
	for i := range largeManifest / 2 / each {
		annotations[fmt.Sprintf("org.example.%d", i)] = strings.Repeat("x", each)
	}
	pushed := make([]manifest, 3)
	for i := range pushed {
		pushed[i] = r.newArtifact("application/vnd.example.sbom", about(subject), func(m *ocispec.Manifest) {
			annotations["org.example.unique"] = unique()
			m.Annotations = annotations
		})
		r.referring(pushed[i])
	}
	all, _ := r.referrersOf(subject.Digest, "")
	for _, m := range pushed {
		r.referrer(all, m)
	}
}

// many is how many entries lists are tried with.
const many = 120

func linksManyReferrers(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	pushed := []manifest{r.newArtifact("application/vnd.example.sbom", about(subject))}
	for len(pushed) < many {
		pushed = append(pushed, r.artifact("application/vnd.example.sbom", about(subject)))
	}
	for _, m := range pushed {
		r.referring(m)
	}
	for _, query := range []string{"", "?n=7"} {
		all, _ := r.referrersOf(subject.Digest, query)
		for _, m := range pushed {
			r.referrer(all, m)
		}
	}
}
