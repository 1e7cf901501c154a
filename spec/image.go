package spec

import (
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// What the image specification asks of whoever stores its manifests.

var imageStatements = []Statement{
	{
		ID: "image-artifact-type-unknown", Text: "Implementations storing or copying image manifests MUST NOT error on encountering an `artifactType` that is unknown to the implementation.",
		Section: "Image Manifest Property Descriptions", Endpoint: "end-7", Level: Must, Area: Push, Source: Image,
		check: keeps(func(r repo) manifest { return r.newArtifact("application/vnd.example.unknown." + unique()) }),
	}, {
		ID: "image-config-type-unknown", Text: "Implementations storing or copying image manifests MUST NOT error on encountering a value that is unknown to the implementation.",
		Section: "Image Manifest Property Descriptions", Endpoint: "end-7", Level: Must, Area: Push, Source: Image,
		check: keeps(func(r repo) manifest {
			return r.newImage(func(m *ocispec.Manifest) { m.Config.MediaType = "application/vnd.example.config.v1+json" })
		}),
	}, {
		ID: "image-layer-type-unknown", Text: "Implementations storing or copying image manifests MUST NOT error on encountering a `mediaType` that is unknown to the implementation.",
		Section: "Image Manifest Property Descriptions", Endpoint: "end-7", Level: Must, Area: Push, Source: Image,
		check: keeps(func(r repo) manifest {
			return r.newImage(func(m *ocispec.Manifest) { m.Layers[0].MediaType = "application/vnd.example.layer" })
		}),
	}, {
		ID: "image-media-type-absent", Text: "This property SHOULD be used and remain compatible with earlier versions of this specification and with other similar external formats.",
		Section: "Image Manifest Property Descriptions", Endpoint: "end-7", Level: Should, Area: Push, Source: Image,
		check: keeps(func(r repo) manifest {
			return r.newImage(func(m *ocispec.Manifest) { m.MediaType = "" })
		}),
	}, {
		ID: "image-artifact", Text: "Content other than OCI container images MAY be packaged using the image manifest.",
		Section: "Guidelines for Artifact Usage", Endpoint: "end-7", Level: May, Area: Push, Source: Image,
		check: keeps(func(r repo) manifest {
			return r.newImage(func(m *ocispec.Manifest) { m.Config.MediaType = "application/vnd.example.recipe" })
		}),
	}, {
		ID: "index-empty", Text: "While this property MUST be present, the size of the array MAY be zero.",
		Section: "Image Index Property Descriptions", Endpoint: "end-7", Level: May, Area: Push, Source: Image,
		check: keeps(func(r repo) manifest { return r.newIndex(nil) }),
	}, {
		ID: "index-manifests", Text: "Implementations MUST support at least the following media types:",
		Section: "Image Index Property Descriptions", Endpoint: "end-7", Level: Must, Area: Push, Source: Image,
		check: keeps(func(r repo) manifest { return r.newIndex([]ocispec.Descriptor{r.pushImage("child").descriptor()}) }),
	}, {
		ID: "index-of-indexes", Text: "Also, implementations SHOULD support the following media types:",
		Section: "Image Index Property Descriptions", Endpoint: "end-7", Level: Should, Area: Push, Source: Image,
		check: keeps(indexOfIndex),
	}, {
		ID: "index-media-type-unknown", Text: "An encountered `mediaType` that is unknown to the implementation MUST NOT generate an error.",
		Section: "Image Index Property Descriptions", Endpoint: "end-7", Level: Must, Area: Push, Source: Image,
		check: keeps(indexOfUnknown),
	}, {
		ID: "referrers-media-type", Text: "This property SHOULD be used and …",
		Section: "Image Index Property Descriptions", Endpoint: "end-12a", Level: Should, Area: Discovery, Source: Image, Needs: []Feature{Referrers},
		check: referrersHaveMediaType,
	}, {
		ID: "descriptor-fields", Text: "Descriptors with data, urls, annotations, platform and artifactType are kept, and so are fields that nobody knows.",
		Endpoint: "end-7", Level: Must, Area: Push, Source: Ours,
		check: keeps(imageWithFields),
	}, {
		ID: "descriptor-data", Text: "For example, a registry MUST NOT arbitrarily populate `data` fields within uploaded manifests, as that would modify the content identifier of those manifests.",
		Section: "Embedded Content", Endpoint: "end-7 end-3", Level: Must, Area: Push, Source: Image,
		check: keeps(func(r repo) manifest { return r.newArtifact("application/vnd.example") }),
	}, {
		ID: "digest-sha256", Text: "Implementations MUST implement SHA-256 digest verification for use in descriptors.",
		Section: "SHA-256", Endpoint: "end-6", Level: Must, Area: Push, Source: Image,
		check: putRefusesOtherContent,
	}, {
		ID: "digest-sha256-form", Text: "Note that `[A-F]` MUST NOT be used here.",
		Section: "SHA-256", Endpoint: "end-2 end-6", Level: Must, Area: Push, Source: Image,
		check: refusesUpperCaseDigest,
	}, {
		ID: "digest-sha512", Text: "Implementations MAY implement SHA-512 digest verification for use in descriptors.",
		Section: "SHA-512", Endpoint: "end-6 end-2", Level: May, Area: Push, Source: Image, Needs: []Feature{SHA512},
		check: verifiesSHA512,
	}, {
		ID: "digest-unrecognized", Text: "Implementations SHOULD allow digests with unrecognized algorithms to pass validation if they comply with the above grammar.",
		Section: "Digests", Endpoint: "end-7", Level: Should, Area: Push, Source: Image, Needs: []Feature{AnyDigest},
		check: keeps(func(r repo) manifest { return r.newImage(unrecognizedSubject) }),
	},
}

// keeps checks that a manifest can be pushed, and pulled as it was.
func keeps(makeManifest func(repo) manifest) func(*tester) {
	return func(t *tester) {
		r := t.newRepo()
		m := makeManifest(r)
		r.push(m, "v1")
		r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
		r.get(r.manifest(m.digest().String())).wants(http.StatusOK).is(m.body)
	}
}

func referrersHaveMediaType(t *tester) {
	r := t.newRepo()
	var index ocispec.Index
	r.get(r.referrers(r.pushImage("v1").digest())).wants(http.StatusOK).json(&index)
	if index.MediaType != ocispec.MediaTypeImageIndex {
		t.failf("want a list of referrers with the mediaType %s, got %q", ocispec.MediaTypeImageIndex, index.MediaType)
	}
}

func indexOfIndex(r repo) manifest {
	inner := r.newIndex([]ocispec.Descriptor{r.pushImage("child").descriptor()})
	r.push(inner, inner.digest().String())
	return r.newIndex([]ocispec.Descriptor{inner.descriptor()})
}

// indexOfUnknown refers to content that is there, as a manifest and as a blob: what
// it is, the media type does not tell.
func indexOfUnknown(r repo) manifest {
	child := r.pushImage("child")
	r.put(child.body)
	return r.newIndex([]ocispec.Descriptor{descriptor("application/vnd.example.unknown", child.body)})
}

func imageWithFields(r repo) manifest {
	config := []byte(`{"architecture":"amd64","os":"linux","author":"` + unique() + `"}`)
	r.put(config)
	m := r.newImage(func(m *ocispec.Manifest) {
		m.Config = descriptor(ocispec.MediaTypeImageConfig, config)
		m.Config.Data = config
		m.Layers[0].URLs = []string{"https://blobs.example/layer"}
		m.Layers[0].Annotations = map[string]string{"org.example.ä": "ö\n"}
		m.Layers[0].Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
		m.Layers[0].ArtifactType = "application/vnd.example"
		m.Annotations = map[string]string{"": "empty", "org.example": ""}
	})
	m.body = []byte(strings.Replace(string(m.body), "{", `{"org.example.unknown":{"nested":[null,true]},`, 1))
	return m
}

func refusesUpperCaseDigest(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(64)
	upper := digest.Digest("sha256:" + strings.ToUpper(d.Encoded()))
	r.get(r.blob(upper)).refuses()
	r.commit(r.start(), body, upper).refuses()
}

func verifiesSHA512(t *tester) {
	r := t.newRepo()
	body, other := r.bytes(64), digest.SHA512.FromString(unique())
	d := digest.SHA512.FromBytes(body)
	r.commit(r.start(), body, other).refuses()
	r.commit(r.start(), body, d).wants(http.StatusCreated)
	r.get(r.blob(d)).wants(http.StatusOK).is(body).digests(body)
	r.get(r.blob(other)).wants(http.StatusNotFound)
}
