package spec

import (
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Pulling manifests: end-3 GET.

var pullManifestStatements = []Statement{
	{
		ID: "manifest-get", Text: "A GET request to an existing manifest URL MUST provide the expected manifest, with a response code that MUST be `200 OK`.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: getsManifest,
	}, {
		ID: "manifest-get-unknown", Text: "If the manifest is not found in the … response code MUST be `404 Not Found`.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: missesManifest,
	}, {
		ID: "manifest-reference", Text: "`<tag-or-digest>` MUST be either (a) the digest of the manifest or (b) a tag…",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: getsByEitherReference,
	}, {
		ID: "manifest-reference-other", Text: "The `<tag-or-digest>` MUST NOT be in any other format.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: refusesOtherReferences,
	}, {
		ID: "repository-name", Text: "Throughout this document, `<name>` MUST match the following regular expression:",
		Section: "Pulling manifests", Endpoint: "end-3 end-4a", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: takesNames,
	}, {
		ID: "repository-name-other", Text: "Throughout this document, `<name>` MUST match the following regular expression:",
		Section: "Pulling manifests", Endpoint: "end-4a", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: refusesOtherNames,
	}, {
		ID: "tag-grammar", Text: "Throughout this document, `<tag-or-digest>` as a tag MUST be at most 128 characters in length and MUST match the following regular expression:",
		Section: "Pulling manifests", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since11,
		check: takesTags,
	}, {
		ID: "tag-grammar-other", Text: "Throughout this document, `<tag-or-digest>` as a tag MUST be at most 128 characters in length and MUST match the following regular expression:",
		Section: "Pulling manifests", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since11,
		check: refusesOtherTags,
	}, {
		ID: "manifest-content-type", Text: "In a successful response, the `Content-Type` header will indicate the type of the returned manifest.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: tellsManifestType,
	}, {
		ID: "manifest-content-type-parameters", Text: "The registry SHOULD NOT include parameters on the `Content-Type` header.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Should, Area: Pull, Source: Distribution, Versions: since11,
		check: tellsTypeWithoutParameters,
	}, {
		ID: "manifest-content-type-pushed", Text: "The `Content-Type` header SHOULD match what the client pushed as the manifest's `Content-Type`.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Should, Area: Pull, Source: Distribution, Versions: since10,
		check: tellsPushedType,
	}, {
		ID: "manifest-digest", Text: "A successful response SHOULD contain the digest of the uploaded blob in the header `Docker-Content-Digest`.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Should, Area: Pull, Source: Distribution, Versions: until11,
		check: tellsManifestDigest,
	}, {
		ID: "manifest-digest-required", Text: "A successful response MUST contain the digest of the uploaded blob in the header `Docker-Content-Digest`.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Must, Area: Pull, Source: Distribution, Versions: inDraft,
		check: tellsManifestDigest,
	}, {
		ID: "manifest-digest-value", Text: "The `Docker-Content-Digest` header, if present on the response, returns the … digest of the uploaded blob which MAY differ from the provided digest.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: May, Area: Pull, Source: Distribution, Versions: since10,
		check: manifestDigestIsRight,
	}, {
		ID: "manifest-digest-algorithm", Text: "If the digest does differ, it MAY be the case that the hashing algorithms used do not match.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: May, Area: Pull, Source: Distribution, Versions: since10,
		Needs: []Feature{SHA512Manifest}, check: manifestBySHA512,
	}, {
		ID: "repository-unknown", Text: "An attempt to pull a nonexistent repository MUST return response code `404 Not Found`",
		Section: "Pushing Manifests", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: missesRepository,
	}, {
		ID: "accept-absent", Text: "A request without any Accept header field implies that the user agent will accept any media type in response.",
		Section: "12.5.1", Endpoint: "end-3", Level: Must, Area: Pull, Source: RFC9110,
		check: servesWithoutAccept,
	}, {
		ID: "accept-index", Text: "An index is served as the index that was pushed, never as one of its children, whatever a request accepts.",
		Endpoint: "end-3", Level: Must, Area: Pull, Source: Ours,
		check: servesIndexAsItIs,
	},
}

func getsManifest(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	for _, reference := range []string{"v1", m.digest().String()} {
		r.get(r.manifest(reference)).wants(http.StatusOK).is(m.body)
		switch a := r.get(r.manifest(reference), "Range", "bytes=2-9").wants(http.StatusOK, http.StatusPartialContent); a.status {
		case http.StatusOK:
			a.is(m.body)
		case http.StatusPartialContent:
			a.is(m.body[2:10])
		}
	}
}

func missesManifest(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	r.get(r.manifest("v2")).wants(http.StatusNotFound)
	r.get(r.manifest(digest.FromString(unique()).String())).wants(http.StatusNotFound)
}

func getsByEitherReference(t *tester) {
	r := t.newRepo()
	one, other := r.newImage(), r.newImage()
	r.push(one, one.digest().String())
	r.push(other, "v1")
	r.get(r.manifest(one.digest().String())).wants(http.StatusOK).is(one.body)
	r.get(r.manifest("v1")).wants(http.StatusOK).is(other.body)
	r.get(r.manifest(other.digest().String())).wants(http.StatusOK).is(other.body)
}

func refusesOtherReferences(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	encoded := m.digest().Encoded()
	for _, reference := range []string{
		":v1", "v1:latest", "sha256:", "sha256:" + encoded[:63], "sha256-" + encoded + ":", "sha256:" + strings.ToUpper(encoded), "@" + m.digest().String(),
	} {
		r.get(r.manifest(reference)).refuses()
		r.try(m, reference).refuses()
	}
}

func takesNames(t *tester) {
	for _, form := range []string{"a", "a.b", "a_b", "a__b", "a-b", "a---b", "0", "a/b/c", "a.b/c-d"} {
		r := repo{t, t.suite.target.Repository + "/" + unique() + "/" + form}
		body, d := r.newBlob(32)
		r.get(r.blob(d)).wants(http.StatusOK).is(body)
	}
}

func refusesOtherNames(t *tester) {
	for _, form := range []string{"A", "-a", "a-", ".a", "a.", "_a", "a_", "a..b", "a___b", "a._b", "a%20b", "a@b", "%C3%A4", "a%3Ab"} {
		r := repo{t, t.suite.target.Repository + "/" + unique() + "/" + form}
		r.do(http.MethodPost, r.uploads(), nil).refuses()
		r.try(manifest{ocispec.MediaTypeImageIndex, t.newIndex(nil).body}, "v1").refuses()
	}
}

func takesTags(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	for _, tag := range []string{"a", "A", "0", "_", "_-.", "v1.0-rc.1", strings.Repeat("t", 128)} {
		r.push(m, tag)
		r.get(r.manifest(tag)).wants(http.StatusOK).is(m.body)
	}
}

func refusesOtherTags(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	for _, tag := range []string{"-a", ".a", "a%20b", "a+b", "a@b", "%C3%A4", "a%00b", strings.Repeat("t", 129)} {
		r.try(m, tag).refuses()
	}
}

func tellsManifestType(t *tester) {
	r := t.newRepo()
	image := r.pushImage("image")
	index := r.newIndex([]ocispec.Descriptor{image.descriptor()})
	r.push(index, "index")
	for tag, want := range map[string]string{"image": image.mediaType, "index": index.mediaType} {
		got, _, _ := strings.Cut(r.get(r.manifest(tag)).wants(http.StatusOK).field("Content-Type"), ";")
		if got != want {
			t.failf("want Content-Type %s, got %s", want, got)
		}
	}
}

func tellsTypeWithoutParameters(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	if got := r.get(r.manifest("v1")).wants(http.StatusOK).field("Content-Type"); strings.Contains(got, ";") {
		t.failf("want a Content-Type without parameters, got %s", got)
	}
}

func tellsPushedType(t *tester) {
	r := t.newRepo()
	image := r.newImage(func(m *ocispec.Manifest) { m.MediaType = "" })
	r.push(image, "v1")
	r.get(r.manifest("v1")).wants(http.StatusOK).hasField("Content-Type", image.mediaType)
	r.get(r.manifest(image.digest().String())).wants(http.StatusOK).hasField("Content-Type", image.mediaType)
}

func tellsManifestDigest(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	r.get(r.manifest("v1")).wants(http.StatusOK).field("Docker-Content-Digest")
	r.get(r.manifest(m.digest().String())).wants(http.StatusOK).field("Docker-Content-Digest")
}

func manifestDigestIsRight(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	for _, reference := range []string{"v1", m.digest().String()} {
		r.get(r.manifest(reference)).wants(http.StatusOK).digests(m.body)
		r.head(r.manifest(reference)).wants(http.StatusOK).digests(m.body)
	}
}

// digests fails the check if Docker-Content-Digest is there and not a digest of
// the content.
func (a *answer) digests(body []byte) *answer {
	value := a.header.Get("Docker-Content-Digest")
	if value == "" {
		return a
	}
	d, err := digest.Parse(value)
	if err != nil {
		a.t.failf("Docker-Content-Digest: %s: %v", value, err)
	}
	if got := d.Algorithm().FromBytes(body); got != d {
		a.t.failf("Docker-Content-Digest: want %s, got %s", got, d)
	}
	return a
}

func manifestBySHA512(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	d := digest.SHA512.FromBytes(m.body)
	r.try(m, d.String()).wants(http.StatusCreated)
	r.get(r.manifest(d.String())).wants(http.StatusOK).is(m.body).digests(m.body)
}

func missesRepository(t *tester) {
	r := t.newRepo()
	d := digest.FromString(unique())
	r.get(r.manifest("v1")).wants(http.StatusNotFound)
	r.get(r.manifest(d.String())).wants(http.StatusNotFound)
	r.get(r.blob(d)).wants(http.StatusNotFound)
}

func servesWithoutAccept(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	for _, reference := range []string{"v1", m.digest().String()} {
		r.get(r.manifest(reference), "Accept", "").wants(http.StatusOK).is(m.body)
		r.get(r.manifest(reference), "Accept", "*/*").wants(http.StatusOK).is(m.body)
	}
}

func servesIndexAsItIs(t *tester) {
	r := t.newRepo()
	image := r.pushImage("image")
	index := r.newIndex([]ocispec.Descriptor{image.descriptor()})
	r.push(index, "v1")
	a := r.get(r.manifest("v1"), "Accept", ocispec.MediaTypeImageManifest).survives()
	if a.status == http.StatusOK {
		a.is(index.body)
	}
}
