package spec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Lists have what they must have and nothing else, on each page.

var setStatements = []Statement{
	{
		ID: "tags-exact", Text: "Upon success, the response MUST be a json body in the following format:",
		Section: "Listing Tags", Endpoint: "end-8a", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: listsTagsOfAllKinds,
	}, {
		ID: "tags-pages-exact", Text: "A request of this sort will return up to `<int>` tags, beginning non-inclusively with `<tagname>`.",
		Section: "Listing Tags", Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Distribution, Versions: since10,
		check: listsEachPageOfTags,
	}, {
		ID: "referrers-exact", Text: "Upon success, the response MUST be a JSON body with an image index containing a list of descriptors.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: listsReferrersOfAllKinds,
	}, {
		ID: "referrers-annotations-exact", Text: "The descriptors MUST include annotations from the image manifest or index.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: showsAnnotationsAsTheyAre,
	}, {
		ID: "referrers-filter-exact", Text: "If filtering is requested and applied, the response MUST include a header `OCI-Filters-Applied: artifactType` denoting that an `artifactType` filter was applied.",
		Section: "Listing Referrers", Endpoint: "end-12b", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers, ReferrersFilter},
		check: filtersExactly,
	}, {
		ID: "referrers-filter-accepted", Text: "Assuming a repository is found, this request MUST return a `200 OK` response code.",
		Section: "Listing Referrers", Endpoint: "end-12b", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: acceptsFilters,
	}, {
		ID: "referrers-pages-exact", Text: "The `Link` header MUST be set according to RFC5988 with the Relation Type `rel=\"next\"`.",
		Section: "Listing Referrers", Endpoint: "end-12a end-12b", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: listsEachPageOfReferrers,
	},
}

func listsTagsOfAllKinds(t *tester) {
	r := t.newRepo()
	image := r.newImage()
	r.push(image, image.digest().String()) // is not listed
	r.push(r.newImage(), "image")
	r.push(r.newIndex([]ocispec.Descriptor{image.descriptor()}), "index")
	r.push(r.newArtifact("application/vnd.example.sbom", about(image.descriptor())), "referrer")
	r.push(r.newArtifact("application/vnd.example.a"), "artifact")
	want := []string{"artifact", "image", "image-2", "index", "referrer"}
	r.push(image, "image-2")
	if r.try(r.newDockerImage(), "docker").status == http.StatusCreated {
		want = append(want, "docker")
	}
	for range 2 {
		wantsTags(t, r.follow(""), want...)
	}
	a := r.get(r.tags()).wants(http.StatusOK)
	var raw map[string]json.RawMessage // in Go, other fields ignore the case of names
	a.json(&raw)
	if decoded(raw["name"]) != r.name || raw["tags"] == nil {
		t.failf("want the name %s, and tags, got %s", r.name, a.body)
	}
}

// listsEachPageOfTags goes by the order of the whole list, as there are two.
func listsEachPageOfTags(t *tester) {
	r := t.newRepo()
	tags := []string{"B", "C", "a", "b", "c", "v1", "v1.0", "v2"}
	r.tag(tags...)
	all := r.follow("")
	wantsTags(t, all, tags...)
	for _, n := range []int{0, 1, 3, len(all) - 1, len(all), len(all) + 1} {
		r.wantsPage(fmt.Sprintf("?n=%d", n), n, all)
		for i, last := range all {
			r.wantsPage(fmt.Sprintf("?n=%d&last=%s", n, last), n, all[i+1:])
		}
	}
	for i, last := range all {
		wantsInOrder(t, r.follow("?last="+last), all[i+1:]...)
	}
	if n := len(all); !slices.Equal(r.follow(fmt.Sprintf("?n=%d", n+1000)), all) {
		t.failf("want all tags, as n is more than there are")
	}
}

// wantsPage checks that a page has the first n of the tags, or fewer and a Link.
func (r repo) wantsPage(query string, n int, tags []string) {
	page, a := r.tagPage(query)
	a.hasArray()
	var list struct {
		Name string `json:"name"`
	}
	if a.json(&list); list.Name != r.name {
		r.failf("%s: want the name %s, got %q", query, r.name, list.Name)
	}
	want := tags[:min(n, len(tags))]
	if len(page) < len(want) && len(page) > 0 && a.hasNext() {
		want = want[:len(page)]
	}
	wantsInOrder(r.tester, page, want...)
	if n == 0 && a.hasNext() {
		r.failf("want no Link, as n is zero")
	}
}

// referrersPages returns the descriptors on all pages, as they are, and the answers.
func (r repo) referrersPages(subject digest.Digest, query string) (all []map[string]json.RawMessage, pages []*answer) {
	pages = r.pages(r.get(r.referrers(subject) + query))
	for _, a := range pages {
		a.hasField("Content-Type", ocispec.MediaTypeImageIndex)
		var list struct {
			SchemaVersion int                           `json:"schemaVersion"`
			Manifests     *[]map[string]json.RawMessage `json:"manifests"`
		}
		a.json(&list)
		if list.SchemaVersion != 2 || list.Manifests == nil {
			r.failf("want an image index with an array of manifests, got %s", a.body)
		}
		all = append(all, *list.Manifests...)
	}
	return all, pages
}

// wantsReferrers checks that a subject has certain referrers, and that each is
// described as it is.
func (r repo) wantsReferrers(subject digest.Digest, query string, want ...manifest) (pages []*answer) {
	all, pages := r.referrersPages(subject, query)
	if len(all) != len(want) {
		r.failf("want %d referrers of %s, got %d", len(want), subject, len(all))
	}
	for _, m := range want {
		i := slices.IndexFunc(all, func(d map[string]json.RawMessage) bool { return decoded(d["digest"]) == m.digest().String() })
		if i < 0 {
			r.failf("want %s among the referrers of %s, got none", m.digest(), subject)
		}
		r.describes(all[i], m)
	}
	return pages
}

// decoded is a JSON string, or empty.
func decoded(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s)
	return s
}

// describes fails the check unless a descriptor is that of a manifest.
func (t *tester) describes(d map[string]json.RawMessage, m manifest) {
	var is struct {
		ArtifactType string             `json:"artifactType"`
		Config       ocispec.Descriptor `json:"config"`
		Annotations  map[string]string  `json:"annotations"`
	}
	_ = json.Unmarshal(m.body, &is) // it was encoded here
	fields := map[string]any{"mediaType": m.mediaType, "size": float64(len(m.body))}
	if fields["artifactType"] = cmp.Or(is.ArtifactType, is.Config.MediaType); fields["artifactType"] == "" {
		fields["artifactType"] = nil // "MUST be omitted"
	}
	for name, want := range fields {
		var got any
		_ = json.Unmarshal(d[name], &got)
		if got != want || want == nil && d[name] != nil {
			t.failf("want a descriptor of %s with %s: %v, got %s", m.digest(), name, want, d[name])
		}
	}
	var annotations map[string]string
	if d["annotations"] != nil && (json.Unmarshal(d["annotations"], &annotations) != nil || annotations == nil) {
		t.failf("want annotations that are an object, got %s", d["annotations"])
	}
	if !maps.Equal(annotations, is.Annotations) {
		t.failf("want a descriptor of %s with the annotations %q, got %q", m.digest(), is.Annotations, annotations)
	}
}

func listsReferrersOfAllKinds(t *tester) {
	r, elsewhere := t.newRepo(), t.newRepo()
	subject, other := r.newImage(), r.newImage()
	early := r.newArtifact("application/vnd.example.early", about(subject.descriptor()))
	r.push(early, early.digest().String())
	r.push(subject, "v1")
	r.push(other, "v2")
	ofSubject := about(subject.descriptor())
	artifact := r.newArtifact("application/vnd.example.A+json", ofSubject)
	bare := r.newArtifact("application/vnd.example.bare", ofSubject, func(m *ocispec.Manifest) { m.Annotations = nil })
	image := r.newImage(ofSubject)
	typed := r.newImage(ofSubject, func(m *ocispec.Manifest) { m.Config.MediaType = "application/vnd.example.config" })
	index := r.newIndex([]ocispec.Descriptor{other.descriptor()}, aboutIndex(subject.descriptor()))
	set := r.newIndex(nil, aboutIndex(subject.descriptor()), func(i *ocispec.Index) { i.ArtifactType = "application/vnd.example.set" })
	tagged := r.newArtifact("application/vnd.example.tagged", ofSubject)
	want := []manifest{early, artifact, bare, image, typed, index, set, tagged}
	for _, m := range want[1 : len(want)-1] {
		r.push(m, m.digest().String())
	}
	for _, tag := range []string{"tagged", "tagged.too", "tagged"} {
		r.push(tagged, tag)
	}
	deep := r.newArtifact("application/vnd.example.deep", about(artifact.descriptor()))
	apart := r.newArtifact("application/vnd.example.apart", about(other.descriptor()))
	r.referring(deep, apart, r.newIndex([]ocispec.Descriptor{subject.descriptor()}))
	absent := t.missing()
	orphan := r.newArtifact("application/vnd.example.orphan", about(absent))
	r.referring(orphan)
	r.wantsReferrers(absent.Digest, "", orphan)
	elsewhere.referring(elsewhere.newArtifact("application/vnd.example.elsewhere", ofSubject))
	for range 2 {
		r.wantsReferrers(subject.digest(), "", want...)
	}
	r.wantsReferrers(other.digest(), "", apart)
	r.wantsReferrers(artifact.digest(), "", deep)
	r.wantsReferrers(deep.digest(), "")
	r.wantsReferrers(digest.FromString(unique()), "")
}

func showsAnnotationsAsTheyAre(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	annotations := map[string]string{
		"org.example.unique": unique(), "org.example.long": strings.Repeat("long ", 1000), "org.example.empty": "",
		"org.example.markup": `<a href="x">&amp;</a> &`, "org.example.blanks": "  blanks  \n", "org.example.Upper": "UPPER", "org.example.ä": "ö",
		ocispec.AnnotationTitle: "title", ocispec.AnnotationCreated: "2024-01-01T00:00:00Z", ocispec.AnnotationDescription: "…",
	}
	for i := range 20 {
		annotations[fmt.Sprintf("org.example.%d", i)] = fmt.Sprint(i)
	}
	artifact := r.newArtifact("application/vnd.example.sbom", about(subject), func(m *ocispec.Manifest) { m.Annotations = annotations })
	index := r.newIndex(nil, aboutIndex(subject), func(i *ocispec.Index) { i.Annotations = annotations })
	config := r.newImage(about(subject), func(m *ocispec.Manifest) {
		m.Config.Annotations = map[string]string{"org.example.config": "config"}
		m.Layers[0].Annotations = map[string]string{"org.example.layer": "layer"}
	})
	own := r.newImage(about(subject), func(m *ocispec.Manifest) { m.Annotations = map[string]string{"org.example.own": "own"} })
	r.referring(artifact, index, config, own)
	r.wantsReferrers(subject.Digest, "", artifact, index, config, own)
}

func filtersExactly(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	ofSubject := about(subject)
	sbom, more := r.newArtifact("application/vnd.example.sbom+json", ofSubject), r.newArtifact("application/vnd.example.sbom+json", ofSubject)
	long := r.newArtifact("application/vnd.example.sbom+json.long", ofSubject)
	typed := r.newImage(ofSubject, func(m *ocispec.Manifest) { m.Config.MediaType = "application/vnd.example.config" })
	set := r.newIndex(nil, aboutIndex(subject), func(i *ocispec.Index) { i.ArtifactType = "application/vnd.example.set" })
	index := r.newIndex(nil, aboutIndex(subject))
	all := []manifest{sbom, more, long, typed, set, index}
	r.referring(all...)
	for filter, want := range map[string][]manifest{
		"application/vnd.example.sbom%2Bjson": {sbom, more}, "application/vnd.example.config": {typed}, "application/vnd.example.set": {set},
		"application/vnd.example.none": nil, "application/vnd.example.sbom": nil, "application/vnd.example": nil,
		"application/vnd.oci.empty.v1%2Bjson": nil, "application/vnd.oci.image.index.v1%2Bjson": nil, "application/vnd.oci.image.manifest.v1%2Bjson": nil,
	} {
		for _, query := range []string{"", "&n=1"} {
			for _, a := range r.wantsReferrers(subject.Digest, "?artifactType="+filter+query, want...) {
				a.hasField("OCI-Filters-Applied", "artifactType")
			}
		}
	}
	for _, a := range r.wantsReferrers(subject.Digest, "", all...) {
		if a.header.Get("OCI-Filters-Applied") != "" {
			t.failf("want no OCI-Filters-Applied, as no filter was asked for")
		}
	}
}

func acceptsFilters(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	m := r.newArtifact("application/vnd.example.sbom", about(subject))
	r.referring(m)
	r.wantsReferrers(subject.Digest, "?artifactType=application/vnd.example.sbom", m)
	r.referrersPages(subject.Digest, "?artifactType=application/vnd.example.none")
}

// listsEachPageOfReferrers asks for short pages, as registries that have pages do take
// n. Others send all referrers at once.
func listsEachPageOfReferrers(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	var all, some []manifest
	for i := range 7 {
		m := r.newArtifact("application/vnd.example."+fmt.Sprint(i%2), about(subject))
		all = append(all, m)
		if i%2 == 0 {
			some = append(some, m)
		}
	}
	r.referring(all...)
	for _, n := range []string{"n=1", "n=2", "n=3"} {
		r.wantsReferrers(subject.Digest, "?"+n, all...)
		if t.suite.has(t.context, ReferrersFilter) {
			r.wantsReferrers(subject.Digest, "?artifactType=application%2Fvnd.example.0&"+n, some...)
		}
	}
}
