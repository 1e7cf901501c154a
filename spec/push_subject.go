package spec

import (
	"net/http"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Pushing manifests with a subject: end-7a PUT.

var subjectStatements = []Statement{
	{
		ID: "subject-missing", Text: "A registry MUST initially accept an otherwise valid manifest with a `subject` field that references a manifest that does not exist in the repository, allowing clients to push a manifest and referrers to that manifest in either order.",
		Section: "Push", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since11,
		check: acceptsMissingSubject,
	}, {
		ID: "subject-header", Text: "When processing a request for an image manifest with the `subject` field, a registry implementation that supports the referrers API MUST respond with the response header `OCI-Subject: <subject digest>` to indicate to the client that the registry processed the request's `subject`.",
		Section: "Pushing Manifests with Subject", Endpoint: "end-7", Level: Must, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: namesSubject,
	}, {
		ID: "subject-header-absent", Text: "A manifest without a subject is not answered with OCI-Subject.",
		Endpoint: "end-7", Level: Must, Area: Push, Source: Ours,
		check: namesNoSubject,
	},
}

// about sets the subject of a manifest.
func about(subject ocispec.Descriptor) func(*ocispec.Manifest) {
	return func(m *ocispec.Manifest) { m.Subject = &subject }
}

// aboutIndex sets the subject of an index.
func aboutIndex(subject ocispec.Descriptor) func(*ocispec.Index) {
	return func(i *ocispec.Index) { i.Subject = &subject }
}

// unrecognizedSubject is a subject with a digest of an algorithm that no
// implementation knows, which is valid by the grammar.
func unrecognizedSubject(m *ocispec.Manifest) {
	m.Subject = &ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest,
		Digest:    digest.Digest("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"),
		Size:      1,
	}
}

func acceptsMissingSubject(t *tester) {
	r := t.newRepo()
	m := r.newArtifact("application/vnd.example.sbom", about(t.missing()))
	r.push(m, m.digest().String())
	r.get(r.manifest(m.digest().String())).wants(http.StatusOK).is(m.body)
	index := r.newIndex(nil, aboutIndex(t.missing()))
	r.push(index, "v1")
}

func namesSubject(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	m := r.newArtifact("application/vnd.example.sbom", about(subject))
	r.push(m, m.digest().String()).hasField("OCI-Subject", subject.Digest.String())
	later := t.missing()
	m = r.newArtifact("application/vnd.example.sbom", about(later))
	r.push(m, "v2").hasField("OCI-Subject", later.Digest.String())
	r.push(r.newImage(about(subject)), "v3").hasField("OCI-Subject", subject.Digest.String()) // without artifactType
}

func namesNoSubject(t *tester) {
	r := t.newRepo()
	if got := r.push(r.newImage(), "v1").header.Get("OCI-Subject"); got != "" {
		t.failf("want no OCI-Subject, got %s", got)
	}
}
