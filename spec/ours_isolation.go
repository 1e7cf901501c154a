package spec

import (
	"net/http"

	"github.com/opencontainers/go-digest"
)

// Repositories know nothing of each other.

var isolationStatements = []Statement{
	{
		ID: "isolation-blob", Text: "A blob is found in the repositories that it was pushed or mounted into; in another one it is not found, or is whole.",
		Endpoint: "end-2", Level: Must, Area: Pull, Source: Ours,
		check: blobIsNotElsewhere,
	}, {
		ID: "isolation-manifest", Text: "A manifest is found in the repositories that it was pushed into, and in no other.",
		Endpoint: "end-3", Level: Must, Area: Pull, Source: Ours,
		check: manifestIsNotElsewhere,
	}, {
		ID: "isolation-nested", Text: "A repository below another one by its name has nothing to do with it.",
		Endpoint: "end-3 end-8a", Level: Must, Area: Pull, Source: Ours,
		check: nestedIsAnother,
	}, {
		ID: "isolation-delete", Text: "What is deleted from a repository stays in others.",
		Endpoint: "end-9 end-10", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteBlob, DeleteManifest},
		check: deletesFromOne,
	}, {
		ID: "isolation-upload", Text: "The upload session of a repository is none of another.",
		Endpoint: "end-6", Level: Must, Area: Push, Source: Ours,
		check: sessionIsNotElsewhere,
	}, {
		ID: "isolation-referrers", Text: "Referrers are listed in the repository that they were pushed into, and in no other.",
		Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Ours, Needs: []Feature{Referrers},
		check: referrersAreNotElsewhere,
	}, {
		ID: "isolation-kinds", Text: "A manifest is no blob, and a blob no manifest.",
		Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: Ours,
		check: kindsAreApart,
	},
}

func blobIsNotElsewhere(t *tester) {
	r, other := t.newRepo(), t.newRepo()
	other.newBlob(32)
	body, d := r.newBlob(64)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
	if head := other.head(other.blob(d)).wants(http.StatusNotFound, http.StatusOK); head.status == http.StatusOK {
		other.get(other.blob(d)).wants(http.StatusOK).is(body)
		return
	}
	other.get(other.blob(d)).wants(http.StatusNotFound)
}

func manifestIsNotElsewhere(t *tester) {
	r, other := t.newRepo(), t.newRepo()
	other.pushImage("v2")
	m := r.pushImage("v1")
	for _, reference := range []string{"v1", m.digest().String()} {
		other.get(other.manifest(reference)).wants(http.StatusNotFound)
		other.head(other.manifest(reference)).wants(http.StatusNotFound)
	}
}

func nestedIsAnother(t *tester) {
	r := t.newRepo()
	inner := repo{t, r.name + "/inner"}
	outerImage, innerImage := r.pushImage("outer"), inner.pushImage("inner")
	r.get(r.manifest("inner")).wants(http.StatusNotFound)
	inner.get(inner.manifest("outer")).wants(http.StatusNotFound)
	r.get(r.manifest("outer")).wants(http.StatusOK).is(outerImage.body)
	inner.get(inner.manifest("inner")).wants(http.StatusOK).is(innerImage.body)
	tags := r.follow("")
	wantsTags(t, tags, "outer")
}

func deletesFromOne(t *tester) {
	r, other := t.newRepo(), t.newRepo()
	body, d := r.newBlob(64)
	other.put(body)
	index := t.newIndex(nil)
	r.push(index, "v1")
	other.push(index, "v1")
	r.delete(r.blob(d)).wants(http.StatusAccepted)
	r.delete(r.manifest(index.digest().String())).wants(http.StatusAccepted)
	other.get(other.blob(d)).wants(http.StatusOK).is(body)
	other.get(other.manifest("v1")).wants(http.StatusOK).is(index.body)
	target := t.newRepo()
	if target.mount(d, other.name).status == http.StatusCreated {
		target.delete(target.blob(d))
		other.get(other.blob(d)).wants(http.StatusOK).is(body)
	}
}

// sessionIsNotElsewhere changes the repository in a location, if it stands there.
func sessionIsNotElsewhere(t *tester) {
	r, other := t.newRepo(), t.newRepo()
	other.newBlob(32)
	moved, found := replaceOnce(r.start(), r.name, other.name)
	if !found {
		t.notApplicable("the location of an upload does not name the repository")
	}
	body := t.bytes(64)
	d := digest.FromBytes(body)
	t.commit(moved, body, d).refuses()
	other.get(other.blob(d)).wants(http.StatusNotFound)
	r.get(r.blob(d)).wants(http.StatusNotFound)
}

func referrersAreNotElsewhere(t *tester) {
	r, other := t.newRepo(), t.newRepo()
	subject := t.newIndex(nil)
	r.push(subject, "v1")
	other.push(subject, "v1")
	m := r.newArtifact("application/vnd.example.sbom", about(subject.descriptor()))
	r.referring(m)
	all, _ := r.referrersOf(subject.digest(), "")
	r.referrer(all, m)
	all, _ = other.referrersOf(subject.digest(), "")
	wantsCount(t, all, 0)
}

func kindsAreApart(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	body, d := r.newBlob(64)
	r.get(r.blob(m.digest())).wants(http.StatusNotFound)
	r.get(r.manifest(d.String())).wants(http.StatusNotFound)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}
