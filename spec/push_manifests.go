package spec

import (
	"bytes"
	"net/http"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Pushing manifests: end-7a PUT.

var pushManifestStatements = []Statement{
	{
		ID: "manifest-put", Text: "Upon a successful upload, the registry MUST return response code `201 Created`, and MUST have the following header:",
		Section: "Pushing Manifests", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: putsManifest,
	}, {
		ID: "manifest-put-location", Text: "The `<location>` is a pullable manifest URL.",
		Section: "Pushing Manifests", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: manifestLocationIsPullable,
	}, {
		ID: "manifest-put-reference", Text: "… the `<reference>` MUST be either a) a digest or b) a tag.",
		Section: "Pushing Manifests", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: putsByEitherReference,
	}, {
		ID: "manifest-put-bytes", Text: "The registry MUST store the manifest in the exact byte representation provided by the client.",
		Section: "Pushing Manifests", Endpoint: "end-7 end-3", Level: Must, Area: Push, Source: Distribution, Versions: since11,
		check: keepsBytes,
	}, {
		ID: "manifest-put-content-type-parameters", Text: "The registry SHOULD ignore parameters on the `Content-Type` header.",
		Section: "Pushing Manifests", Endpoint: "end-7", Level: Should, Area: Push, Source: Distribution, Versions: since11,
		check: ignoresTypeParameters,
	}, {
		ID: "manifest-put-no-blobs", Text: "However, the list of blobs MAY be empty.",
		Section: "Pushing Manifests", Endpoint: "end-7", Level: May, Area: Push, Source: Distribution, Versions: since10,
		check: putsWithoutBlobs,
	}, {
		ID: "manifest-put-digest", Text: "The Docker-Content-Digest header returns the … digest of the uploaded blob, and MUST be equal to the client provided digest.",
		Section: "Pushing Manifests", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since11,
		check: putTellsDigest,
	}, {
		ID: "manifest-put-digest-sha512", Text: "The Docker-Content-Digest header returns the … digest of the uploaded blob, and MUST be equal to the client provided digest.",
		Section: "Pushing Manifests", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{SHA512Manifest},
		check: putTellsSHA512,
	}, {
		ID: "manifest-put-other-digest", Text: "code-4 | `DIGEST_INVALID` | provided digest did not match uploaded content",
		Section: "Error Codes", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		check: refusesOtherDigest,
	}, {
		ID: "manifest-limit", Text: "A registry SHOULD enforce some limit on the maximum manifest size that it can accept.",
		Section: "Pushing Manifests", Endpoint: "end-7", Level: Should, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{ManifestLimit},
		check: func(t *tester) { t.newRepo().tryHuge().refuses() },
	}, {
		ID: "manifest-limit-status", Text: "A registry that enforces this limit SHOULD respond to a request to push a manifest over this limit with a response code `413 Payload Too Large`.",
		Section: "Pushing Manifests", Endpoint: "end-7", Level: Should, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{ManifestLimit},
		check: func(t *tester) {
			t.newRepo().tryHuge().wants(http.StatusRequestEntityTooLarge).followsFormat()
		},
	}, {
		ID: "manifest-4-megabytes", Text: "Client and registry implementations SHOULD expect to be able to support manifest pushes of at least 4 megabytes.",
		Section: "Pushing Manifests", Endpoint: "end-7 end-3", Level: Should, Area: Push, Source: Distribution, Versions: since11,
		check: takesLargeManifest,
	}, {
		ID: "manifest-missing-references", Text: "… registry MAY reject a manifest …",
		Section: "Push", Endpoint: "end-7", Level: May, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{ReferenceCheck},
		check: refusesMissingReferences,
	}, {
		ID: "manifest-missing-references-code", Text: "When a manifest is rejected for this reason, it MUST result in one or more `MANIFEST_BLOB_UNKNOWN` errors",
		Section: "Push", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since11,
		check: namesMissingReferences,
	}, {
		ID: "manifest-put-again", Text: "A manifest can be pushed again, and moves its tag from another one, which stays.",
		Endpoint: "end-7 end-3", Level: Must, Area: Push, Source: Ours, Needs: []Feature{MovableTags},
		check: movesTag,
	}, {
		ID: "manifest-refused-leaves-tag", Text: "A manifest that is refused leaves the tag where it was.",
		Endpoint: "end-7 end-3", Level: Must, Area: Push, Source: Ours,
		check: refusalLeavesTag,
	},
}

const (
	largeManifest = 4_000_000 // 4 megabytes
	hugeManifest  = 16 << 20
)

func putsManifest(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	r.push(m, "v1").field("Location")
	r.push(m, m.digest().String()).field("Location")
}

func manifestLocationIsPullable(t *tester) {
	r := t.newRepo()
	one, other := r.newImage(), r.newImage()
	r.get(r.push(one, "v1").location()).wants(http.StatusOK).is(one.body)
	r.get(r.push(other, other.digest().String()).location()).wants(http.StatusOK).is(other.body)
}

func putsByEitherReference(t *tester) {
	r := t.newRepo()
	one, other := r.newImage(), r.newImage()
	r.push(one, one.digest().String())
	r.push(other, "v1")
	r.get(r.manifest(one.digest().String())).wants(http.StatusOK).is(one.body)
	r.get(r.manifest(other.digest().String())).wants(http.StatusOK).is(other.body)
}

// keepsBytes pushes an image in an unusual layout, with a field that nobody knows.
func keepsBytes(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	m.body = bytes.Replace(m.body, []byte(`{`), []byte("{\r\n\t \"org.example.unknown\" : [ 1.50, 1e3, \"\\u00e4\\/\" ],\n"), 1)
	m.body = append(m.body, "\n\n "...)
	r.push(m, "v1")
	r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
	r.get(r.manifest(m.digest().String())).wants(http.StatusOK).is(m.body)
}

func ignoresTypeParameters(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	m.mediaType += "; charset=utf-8"
	r.push(m, "v1")
	r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
}

func putsWithoutBlobs(t *tester) {
	r := t.newRepo()
	m := r.newImage(func(m *ocispec.Manifest) { m.Layers = []ocispec.Descriptor{} })
	r.push(m, "v1")
	r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
}

func putTellsDigest(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	for _, reference := range []string{m.digest().String(), "v1"} {
		a := r.push(m, reference)
		if a.header.Get("Docker-Content-Digest") != "" {
			a.hasField("Docker-Content-Digest", m.digest().String())
		}
	}
}

func putTellsSHA512(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	d := digest.SHA512.FromBytes(m.body)
	a := r.push(m, d.String())
	if a.header.Get("Docker-Content-Digest") != "" {
		a.hasField("Docker-Content-Digest", d.String())
	}
}

func refusesOtherDigest(t *tester) {
	r := t.newRepo()
	other := digest.FromString(unique())
	r.try(r.newImage(), other.String()).refuses()
	r.get(r.manifest(other.String())).wants(http.StatusNotFound)
}

// newIndexOf returns an index without children of the given length in bytes, which
// is blank for the most part.
func (t *tester) newIndexOf(length int) manifest {
	m := t.newIndex(nil)
	body := make([]byte, length)
	_, _ = spaces{}.Read(body[copy(body, m.body):]) // never fails
	return manifest{m.mediaType, body}
}

// tryHuge pushes an index that is larger than registries take.
func (r repo) tryHuge() *answer {
	m := r.newIndex(nil)
	body := content{bytes: m.body, blank: hugeManifest - len(m.body)}
	return r.mustSend(http.MethodPut, r.manifest("v1"), body, "Content-Type", m.mediaType)
}

func takesLargeManifest(t *tester) {
	r := t.newRepo()
	m := r.newIndexOf(largeManifest)
	r.push(m, "v1")
	r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
}

// missing describes a manifest that is nowhere.
func (t *tester) missing() ocispec.Descriptor {
	return descriptor(ocispec.MediaTypeImageManifest, []byte(unique()))
}

// incomplete returns manifests of which a part is not there.
func incomplete(r repo) []manifest {
	gone := descriptor(ocispec.MediaTypeImageLayer, []byte(unique()))
	return []manifest{
		r.newImage(func(m *ocispec.Manifest) { m.Layers = append(m.Layers, gone) }),
		r.newImage(func(m *ocispec.Manifest) {
			m.Config = descriptor(ocispec.MediaTypeImageConfig, []byte(unique()))
		}),
		r.newIndex([]ocispec.Descriptor{r.missing()}),
	}
}

func refusesMissingReferences(t *tester) {
	r := t.newRepo()
	for _, m := range incomplete(r) {
		if r.try(m, "v1").status == http.StatusCreated {
			t.failf("want the manifest rejected, of which a part is missing, got it accepted")
		}
		r.get(r.manifest(m.digest().String())).wants(http.StatusNotFound)
	}
}

func namesMissingReferences(t *tester) {
	r := t.newRepo()
	rejected := false
	for _, m := range incomplete(r) {
		if a := r.try(m, "v1"); a.status != http.StatusCreated {
			rejected = true
			a.refuses().hasCode("MANIFEST_BLOB_UNKNOWN")
		}
	}
	if !rejected {
		t.notApplicable("the registry does not refuse it")
	}
}

func movesTag(t *tester) {
	r := t.newRepo()
	old, next := r.newImage(), r.newImage()
	for _, m := range []manifest{old, old, next} {
		r.push(m, "v1")
		r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
	}
	r.get(r.manifest(old.digest().String())).wants(http.StatusOK).is(old.body)
}

func refusalLeavesTag(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	if r.try(manifest{m.mediaType, []byte(`{"schemaVersion": 2, "org.example.unique": "` + unique() + `", `)}, "v1").status == http.StatusCreated {
		t.notApplicable("the registry does not refuse it")
	}
	r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
}
