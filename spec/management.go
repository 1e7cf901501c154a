package spec

import (
	"net/http"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Content management: end-9 and end-10 DELETE.

var deleteStatements = []Statement{
	{
		ID: "delete", Text: "Registries MAY implement deletion or they MAY disable it.",
		Section: "Content Management", Endpoint: "end-9 end-10", Level: May, Area: Management, Source: Distribution, Versions: since10, Needs: []Feature{DeleteManifest, DeleteBlob},
		check: deletes,
	}, {
		ID: "delete-tags", Text: "Similarly, a registry MAY implement tag deletion, while others MAY allow deletion only by manifest.",
		Section: "Content Management", Endpoint: "end-9", Level: May, Area: Management, Source: Distribution, Versions: since10, Needs: []Feature{DeleteTag},
		check: deletesTag,
	}, {
		ID: "tag-delete", Text: "Upon success, the registry MUST respond with a `202 Accepted` code.",
		Section: "Deleting tags", Endpoint: "end-9", Level: Must, Area: Management, Source: Distribution, Versions: since10, Needs: []Feature{DeleteTag},
		check: deletesTag,
	}, {
		ID: "tag-delete-disabled", Text: "If tag deletion is disabled, the registry MUST respond with either a `400 Bad Request` or a `405 Method Not Allowed`.",
		Section: "Deleting tags", Endpoint: "end-9", Level: Must, Area: Management, Source: Distribution, Versions: since10,
		check: deletesOrRefuses(func(r repo) string { r.pushImage("v1"); return r.manifest("v1") }),
	}, {
		ID: "tag-delete-gone", Text: "Once deleted, a `GET` to `/v2/<name>/manifests/<tag>` will return a 404.",
		Section: "Deleting tags", Endpoint: "end-9 end-3", Level: Must, Area: Management, Source: Distribution, Versions: since11, Needs: []Feature{DeleteTag},
		check: deletedTagIsGone,
	}, {
		ID: "tag-delete-unknown", Text: "end-9 | `DELETE` | `/v2/<name>/manifests/<reference>` | `202` | `404`/`400`/`405`",
		Section: "Endpoints", Endpoint: "end-9", Level: Must, Area: Management, Source: Distribution, Versions: since10, Needs: []Feature{DeleteTag},
		check: deletesNoUnknownTag,
	}, {
		ID: "manifest-delete", Text: "Upon success, the registry MUST respond with a `202 Accepted` code.",
		Section: "Deleting Manifests", Endpoint: "end-9", Level: Must, Area: Management, Source: Distribution, Versions: since10, Needs: []Feature{DeleteManifest},
		check: deletesManifest,
	}, {
		ID: "manifest-delete-repository-unknown", Text: "If the repository does not exist, the response MUST return `404 Not Found`.",
		Section: "Deleting Manifests", Endpoint: "end-9", Level: Must, Area: Management, Source: Distribution, Versions: since10, Needs: []Feature{DeleteManifest},
		check: func(t *tester) {
			r := t.newRepo()
			r.delete(r.manifest(t.nowhere().String())).wants(http.StatusNotFound)
		},
	}, {
		ID: "manifest-delete-disabled", Text: "If manifest deletion is disabled, the registry MUST respond with either a `400 Bad Request` or a `405 Method Not Allowed`.",
		Section: "Deleting Manifests", Endpoint: "end-9", Level: Must, Area: Management, Source: Distribution, Versions: since11,
		check: deletesOrRefuses(func(r repo) string { return r.manifest(r.pushImage("v1").digest().String()) }),
	}, {
		ID: "manifest-delete-gone", Text: "Once deleted, a `GET` to `/v2/<name>/manifests/<digest>` and any tag pointing to that digest will return a 404.",
		Section: "Deleting Manifests", Endpoint: "end-9 end-3", Level: Must, Area: Management, Source: Distribution, Versions: since11, Needs: []Feature{DeleteManifest},
		check: deletedManifestIsGone,
	}, {
		ID: "blob-delete", Text: "Upon success, the registry MUST respond with code `202 Accepted`.",
		Section: "Deleting Blobs", Endpoint: "end-10", Level: Must, Area: Management, Source: Distribution, Versions: since10, Needs: []Feature{DeleteBlob},
		check: deletesBlob,
	}, {
		ID: "blob-delete-unknown", Text: "If the blob is not found, a `404 Not Found` code MUST be returned.",
		Section: "Deleting Blobs", Endpoint: "end-10", Level: Must, Area: Management, Source: Distribution, Versions: since10, Needs: []Feature{DeleteBlob},
		check: deletesNoUnknownBlob,
	}, {
		ID: "blob-delete-disabled", Text: "If blob deletion is disabled, the registry MUST respond with either a `400 Bad Request` or a `405 Method Not Allowed`.",
		Section: "Deleting Blobs", Endpoint: "end-10", Level: Must, Area: Management, Source: Distribution, Versions: since11,
		check: deletesOrRefuses(func(r repo) string { _, d := r.newBlob(32); return r.blob(d) }),
	}, {
		ID: "blob-delete-gone", Text: "A blob that was deleted is not found, and can be pushed again.",
		Endpoint: "end-10 end-2", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteBlob},
		check: deletedBlobIsGone,
	}, {
		ID: "tag-delete-keeps", Text: "Deleting a tag keeps the manifest, and other tags on it.",
		Endpoint: "end-9 end-3", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteTag},
		check: tagGoesAlone,
	}, {
		ID: "manifest-delete-referrers", Text: "A referrer that was deleted is no longer listed; those of a subject that was deleted are.",
		Endpoint: "end-9 end-12a", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteManifest, Referrers},
		check: deletesReferrers,
	}, {
		ID: "manifest-delete-tags", Text: "The tags of a manifest that was deleted are no longer listed.",
		Endpoint: "end-9 end-8a", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteManifest},
		check: deletedTagsAreNotListed,
	}, {
		ID: "manifest-delete-again", Text: "A manifest that was deleted is pushed again as if for the first time: its old tags stay gone.",
		Endpoint: "end-9 end-7", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteManifest},
		check: pushesDeletedAgain,
	},
}

func deletes(t *tester) {
	deletesManifest(t)
	deletesBlob(t)
}

func deletesTag(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	r.delete(r.manifest("v1")).wants(http.StatusAccepted)
}

// deletesOrRefuses holds for whoever has deleting disabled, and for the others.
func deletesOrRefuses(target func(repo) string) func(*tester) {
	return func(t *tester) {
		t.delete(target(t.newRepo())).wants(http.StatusAccepted, http.StatusBadRequest, http.StatusMethodNotAllowed)
	}
}

func deletedTagIsGone(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	r.delete(r.manifest("v1")).wants(http.StatusAccepted)
	r.get(r.manifest("v1")).wants(http.StatusNotFound)
	r.head(r.manifest("v1")).wants(http.StatusNotFound)
}

// deletesNothing deletes a manifest or a tag that does not exist.
func (t *tester) deletesNothing(target string) {
	t.delete(target).wants(http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed)
}

func deletesNoUnknownTag(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	r.deletesNothing(r.manifest("v2"))
}

func deletesManifest(t *tester) {
	r := t.newRepo()
	r.delete(r.manifest(r.pushImage("v1").digest().String())).wants(http.StatusAccepted)
}

func deletedManifestIsGone(t *tester) {
	r := t.newRepo()
	m, other := r.newImage(), r.pushImage("other")
	r.push(m, "v1")
	r.push(m, "v2")
	r.delete(r.manifest(m.digest().String())).wants(http.StatusAccepted)
	for _, reference := range []string{m.digest().String(), "v1", "v2"} {
		r.get(r.manifest(reference)).wants(http.StatusNotFound)
	}
	r.get(r.manifest("other")).wants(http.StatusOK).is(other.body)
}

func deletesBlob(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(32)
	r.delete(r.blob(d)).wants(http.StatusAccepted)
}

func deletesNoUnknownBlob(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(32)
	r.delete(r.blob(t.nowhere())).wants(http.StatusNotFound)
	r.delete(r.blob(d)).wants(http.StatusAccepted)
	r.delete(r.blob(d)).wants(http.StatusNotFound)
	none := t.newRepo()
	none.delete(none.blob(t.nowhere())).wants(http.StatusNotFound)
}

func deletedBlobIsGone(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(32)
	r.delete(r.blob(d)).wants(http.StatusAccepted)
	r.get(r.blob(d)).wants(http.StatusNotFound)
	r.head(r.blob(d)).wants(http.StatusNotFound)
	r.put(body)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

func tagGoesAlone(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	others := []string{"V1", "v", "v1-x", "v1.0", "v10", "v2"}
	for _, tag := range others {
		r.push(m, tag)
	}
	r.delete(r.manifest("v1")).wants(http.StatusAccepted)
	for _, reference := range append([]string{m.digest().String()}, others...) {
		r.get(r.manifest(reference)).wants(http.StatusOK).is(m.body)
	}
	tags := r.follow("")
	wantsTags(t, tags, others...)
}

func deletesReferrers(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1")
	stays := r.newArtifact("application/vnd.example.stays", about(subject.descriptor()))
	goes := r.newArtifact("application/vnd.example.goes", about(subject.descriptor()))
	r.referring(stays, goes)
	r.delete(r.manifest(goes.digest().String())).wants(http.StatusAccepted)
	r.delete(r.manifest(subject.digest().String())).wants(http.StatusAccepted)
	all, _ := r.referrersOf(subject.digest(), "")
	r.referrer(all, stays)
	wantsCount(t, all, 1)
}

func deletedTagsAreNotListed(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	r.push(m, "v2")
	r.pushImage("v3")
	r.delete(r.manifest(m.digest().String())).wants(http.StatusAccepted)
	tags := r.follow("")
	wantsTags(t, tags, "v3")
}

func pushesDeletedAgain(t *tester) {
	r := t.newRepo()
	index := r.newIndex([]ocispec.Descriptor{})
	r.push(index, "old")
	r.delete(r.manifest(index.digest().String())).wants(http.StatusAccepted)
	r.head(r.manifest("old")).wants(http.StatusNotFound)
	r.push(index, "new")
	r.get(r.manifest("new")).wants(http.StatusOK).is(index.body)
	r.get(r.manifest("old")).wants(http.StatusNotFound)
}
