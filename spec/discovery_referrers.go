package spec

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Listing referrers: end-12a and 12b GET.

var referrerStatements = []Statement{
	{
		ID: "referrers", Text: "Assuming a repository is found, this request MUST return a `200 OK` response code.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: listsReferrers,
	}, {
		ID: "referrers-not-404", Text: "If the registry supports the referrers API, the registry MUST NOT return a `404 Not Found` to a referrers API requests.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: knowsNoUnknownSubject,
	}, {
		ID: "referrers-invalid", Text: "If the request is invalid, such as a `<digest>` with an invalid syntax, a `400 Bad Request` MUST be returned.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: refusesInvalidSubject,
	}, {
		ID: "referrers-body", Text: "Upon success, the response MUST be a JSON body with an image index containing a list of descriptors.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: returnsIndex,
	}, {
		ID: "referrers-content-type", Text: "The `Content-Type` header MUST be set to `application/vnd.oci.image.index.v1+json`.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: tellsIndexType,
	}, {
		ID: "referrers-artifact-type", Text: "The descriptors MUST include an `artifactType` field that is set to the value of the `artifactType` in the image manifest or index, if present.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: showsArtifactType,
	}, {
		ID: "referrers-config-type", Text: "If the `artifactType` is empty or missing in the image manifest, the value of `artifactType` MUST be set to the config descriptor `mediaType` value.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: showsConfigType,
	}, {
		ID: "referrers-index-type", Text: "If the `artifactType` is empty or missing in an index, the `artifactType` MUST be omitted.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: omitsIndexType,
	}, {
		ID: "referrers-annotations", Text: "The descriptors MUST include annotations from the image manifest or index.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: showsAnnotations,
	}, {
		ID: "referrers-empty", Text: "If a query results in no matching referrers, an empty manifest list MUST be returned.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: returnsEmptyIndex,
	}, {
		ID: "referrers-link", Text: "A `Link` header MUST be included in the response when the descriptor list cannot be returned in a single manifest.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: linksLongReferrers,
	}, {
		ID: "referrers-link-next", Text: "The `Link` header MUST be set according to RFC5988 with the Relation Type `rel=\"next\"`.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: linksManyReferrers,
	}, {
		ID: "referrers-filter", Text: "The registry SHOULD support filtering on `artifactType`.",
		Section: "Listing Referrers", Endpoint: "end-12b", Level: Should, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers, ReferrersFilter},
		check: filtersReferrers,
	}, {
		ID: "referrers-filter-header", Text: "If filtering is requested and applied, the response MUST include a header `OCI-Filters-Applied: artifactType` denoting that an `artifactType` filter was applied.",
		Section: "Listing Referrers", Endpoint: "end-12b", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: namesFilter,
	}, {
		ID: "referrers-new", Text: "After the referrers API is enabled, Registries MUST include all newly pushed image manifests with a valid `subject` field in the referrers API response.",
		Section: "Enabling the Referrers API", Endpoint: "end-12a end-7", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: listsNewReferrers,
	},
}

// referrersOf asks for all referrers, page by page, and returns the first answer too.
func (r repo) referrersOf(subject digest.Digest, query string) ([]ocispec.Descriptor, *answer) {
	pages := r.pages(r.get(r.referrers(subject) + query))
	var all []ocispec.Descriptor
	for _, a := range pages {
		var index ocispec.Index
		a.json(&index)
		all = append(all, index.Manifests...)
	}
	return all, pages[0]
}

// referrer returns the only descriptor of a manifest among referrers.
func (t *tester) referrer(all []ocispec.Descriptor, m manifest) ocispec.Descriptor {
	var found []ocispec.Descriptor
	for _, d := range all {
		if d.Digest == m.digest() {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		t.failf("want %s once among the referrers, got it %d times", m.digest(), len(found))
	}
	if d := found[0]; d.MediaType != m.mediaType || d.Size != int64(len(m.body)) {
		t.failf("want a descriptor of %s, %d bytes, got %s, %d bytes", m.mediaType, len(m.body), d.MediaType, d.Size)
	}
	return found[0]
}

// referring pushes manifests by their digests.
func (r repo) referring(all ...manifest) {
	for _, m := range all {
		r.push(m, m.digest().String())
	}
}

func listsReferrers(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	m := r.newArtifact("application/vnd.example.sbom", about(subject))
	r.referring(m)
	all, _ := r.referrersOf(subject.Digest, "")
	r.referrer(all, m)
}

func knowsNoUnknownSubject(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	r.get(r.referrers(digest.FromString(unique()))).wants(http.StatusOK)
}

func refusesInvalidSubject(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	for _, d := range []string{"sha256:abc", "nonsense", "sha256:" + strings.Repeat("G", 64)} {
		r.get(r.referrers(digest.Digest(d))).wants(http.StatusBadRequest)
	}
}

func returnsIndex(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	r.referring(r.newArtifact("application/vnd.example.sbom", about(subject)))
	_, a := r.referrersOf(subject.Digest, "")
	var index ocispec.Index
	a.json(&index)
	if index.SchemaVersion != 2 || index.MediaType != "" && index.MediaType != ocispec.MediaTypeImageIndex || len(index.Manifests) != 1 {
		t.failf("want an image index with one descriptor, got %s", a.body)
	}
}

func tellsIndexType(t *tester) {
	r := t.newRepo()
	_, a := r.referrersOf(r.pushImage("v1").digest(), "")
	a.hasField("Content-Type", ocispec.MediaTypeImageIndex)
}

func showsArtifactType(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	artifact := r.newArtifact("application/vnd.example.sbom", about(subject))
	index := r.newIndex(nil, func(i *ocispec.Index) { i.Subject, i.ArtifactType = &subject, "application/vnd.example.set" })
	r.referring(artifact, index)
	all, _ := r.referrersOf(subject.Digest, "")
	wantsType(t, r.referrer(all, artifact), "application/vnd.example.sbom")
	wantsType(t, r.referrer(all, index), "application/vnd.example.set")
}

// wantsType fails the check unless a descriptor has an artifactType.
func wantsType(t *tester, d ocispec.Descriptor, want string) {
	if d.ArtifactType != want {
		t.failf("want the artifactType %s, got %q", want, d.ArtifactType)
	}
}

// wantsCount fails the check unless there are n referrers.
func wantsCount(t *tester, all []ocispec.Descriptor, n int) {
	if len(all) != n {
		t.failf("want %d referrers, got %d", n, len(all))
	}
}

func showsConfigType(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	m := r.newImage(about(subject), func(m *ocispec.Manifest) { m.Config.MediaType = "application/vnd.example.config" })
	r.referring(m)
	all, _ := r.referrersOf(subject.Digest, "")
	wantsType(t, r.referrer(all, m), "application/vnd.example.config")
	if empty := withEmptyType(m); r.try(empty, empty.digest().String()).status == http.StatusCreated {
		all, _ = r.referrersOf(subject.Digest, "")
		wantsType(t, r.referrer(all, empty), "application/vnd.example.config")
	}
}

// withEmptyType returns a manifest with an artifactType that is empty. Registries need not take it.
func withEmptyType(m manifest) manifest {
	return manifest{m.mediaType, []byte(strings.Replace(string(m.body), "{", `{"artifactType":"",`, 1))}
}

func omitsIndexType(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	index := r.newIndex(nil, aboutIndex(subject))
	r.referring(index)
	empty := withEmptyType(index)
	r.try(empty, empty.digest().String())
	all, a := r.referrersOf(subject.Digest, "")
	r.referrer(all, index)
	var raw struct {
		Manifests []map[string]json.RawMessage `json:"manifests"`
	}
	a.json(&raw)
	for _, d := range raw.Manifests {
		if d["artifactType"] != nil {
			t.failf("want no artifactType, got %s", d["artifactType"])
		}
	}
}

func showsAnnotations(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	annotations := map[string]string{"org.example.a": "1", "org.example.ä": "ö\n", "org.example.empty": ""}
	artifact := r.newArtifact("application/vnd.example.sbom", about(subject), func(m *ocispec.Manifest) { m.Annotations = annotations })
	index := r.newIndex(nil, func(i *ocispec.Index) { i.Subject, i.Annotations = &subject, annotations })
	r.referring(artifact, index)
	all, _ := r.referrersOf(subject.Digest, "")
	for _, m := range []manifest{artifact, index} {
		got := r.referrer(all, m).Annotations
		for name, want := range annotations {
			if value, ok := got[name]; !ok || value != want {
				t.failf("want the annotation %s: %q, got %q", name, want, value)
			}
		}
	}
}

func returnsEmptyIndex(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	for _, subject := range []digest.Digest{m.digest(), digest.FromString(unique())} {
		a := r.get(r.referrers(subject)).wants(http.StatusOK)
		var raw map[string]json.RawMessage
		a.json(&raw)
		if string(raw["manifests"]) != "[]" {
			t.failf("want manifests: [], got %s", raw["manifests"])
		}
	}
}

func filtersReferrers(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	sbom := r.newArtifact("application/vnd.example.sbom+json", about(subject))
	r.referring(sbom, r.newArtifact("application/vnd.example.signature", about(subject)))
	all, _ := r.referrersOf(subject.Digest, "?artifactType=application%2Fvnd.example.sbom%2Bjson")
	r.referrer(all, sbom)
	wantsCount(t, all, 1)
}

// namesFilter holds an answer to what it says: that it is filtered, or not.
func namesFilter(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	r.referring(r.newArtifact("application/vnd.example.sbom", about(subject)), r.newArtifact("application/vnd.example.signature", about(subject)))
	all, a := r.referrersOf(subject.Digest, "?artifactType=application/vnd.example.sbom")
	if slices.Contains(a.listed("OCI-Filters-Applied"), "artifactType") {
		wantsCount(t, all, 1)
	} else {
		wantsCount(t, all, 2)
	}
}

func listsNewReferrers(t *tester) {
	r := t.newRepo()
	before := r.newArtifact("application/vnd.example.before")
	r.push(before, "before")
	subject := r.newImage()
	early := r.newArtifact("application/vnd.example.early", about(subject.descriptor()))
	r.push(early, "early")
	r.push(subject, "v1")
	late := r.newArtifact("application/vnd.example.late", about(subject.descriptor()))
	r.referring(late)
	all, _ := r.referrersOf(subject.digest(), "")
	r.referrer(all, early)
	r.referrer(all, late)
	wantsCount(t, all, 2)
}
