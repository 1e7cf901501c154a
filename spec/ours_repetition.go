package spec

import (
	"net/http"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Each thing twice: registries keep answers, and forget to forget them.

var repetitionStatements = []Statement{
	{
		ID: "asked-again", Text: "What was answered once is answered the same way again.",
		Endpoint: "end-2 end-3 end-8a end-12a", Level: Must, Area: Pull, Source: Ours,
		check: answersAgain,
	}, {
		ID: "asked-before", Text: "What was asked for before it was pushed is found once it is.",
		Endpoint: "end-2 end-3 end-8a end-12a", Level: Must, Area: Pull, Source: Ours,
		check: findsWhatWasMissing,
	}, {
		ID: "tag-moved", Text: "A tag that was moved, and moved back, is on the last manifest, for GET, HEAD and lists; manifests without tags stay.",
		Endpoint: "end-3 end-7 end-8a", Level: Must, Area: Push, Source: Ours, Needs: []Feature{MovableTags},
		check: movesTagThereAndBack,
	}, {
		ID: "manifest-pushed-again", Text: "A manifest that is pushed again by its digest or with another tag is 201 Created with a Location; nothing else changes.",
		Endpoint: "end-3 end-7 end-8a", Level: Must, Area: Push, Source: Ours,
		check: pushesManifestAgain,
	}, {
		ID: "blob-pushed-again", Text: "A blob that is pushed again, in any way, is 201 Created with a Location; nothing else changes.",
		Endpoint: "end-2 end-4a end-6 end-11", Level: Must, Area: Push, Source: Ours,
		check: pushesBlobAgain,
	}, {
		ID: "blob-deleted", Text: "A blob that was deleted is not found with any method, and can be pushed again.",
		Endpoint: "end-2 end-10 end-11", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteBlob},
		check: missesDeletedBlob,
	}, {
		ID: "manifest-deleted", Text: "A manifest that was deleted is not found with any method, and can be pushed again; its blobs, its children, its subject and its parents stay.",
		Endpoint: "end-3 end-8a end-9", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteManifest},
		check: missesDeletedManifest,
	}, {
		ID: "tag-deleted", Text: "A tag that was deleted is not found with any method, nor listed, and can be set again; its manifest and its other tags stay.",
		Endpoint: "end-3 end-8a end-9", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteTag},
		check: missesDeletedTag,
	}, {
		ID: "manifest-delete-unknown", Text: "end-9 | `DELETE` | `/v2/<name>/manifests/<reference>` | `202` | `404`/`400`/`405`",
		Section: "Endpoints", Endpoint: "end-9", Level: Must, Area: Management, Source: Distribution, Versions: since10, Needs: []Feature{DeleteManifest},
		check: deletesNoUnknownManifest,
	}, {
		ID: "upload-after-refusal", Text: "After an upload was refused, others to the repository are as before, also those of the same content.",
		Endpoint: "end-4a end-6", Level: Must, Area: Push, Source: Ours,
		check: uploadsAfterRefusal,
	},
}

// times is how often requests are repeated.
const times = 3

func answersAgain(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1")
	r.push(subject, "v2")
	r.referring(r.newArtifact("application/vnd.example.sbom", about(subject.descriptor())))
	body, d := r.newBlob(64)
	targets := []string{r.manifest("v1"), r.manifest(subject.digest().String()), r.blob(d), r.tags()}
	if t.suite.has(t.context, Referrers) {
		targets = append(targets, r.referrers(subject.digest()))
	}
	for _, target := range targets {
		first := r.get(target).wants(http.StatusOK)
		for range times {
			again := r.get(target).wants(http.StatusOK).is(first.body)
			for _, name := range []string{"Content-Type", "Docker-Content-Digest"} {
				if got, want := again.header.Get(name), first.header.Get(name); got != want {
					t.failf("GET %s: want %s: %s, as the first time, got %s", target, name, want, got)
				}
			}
		}
	}
	for range times {
		r.finds(subject, "v1")
		r.finds(subject, subject.digest().String())
		r.findsBlob(body, d)
		wantsTags(t, r.follow(""), "v1", "v2")
	}
}

func findsWhatWasMissing(t *tester) {
	r := t.newRepo()
	referrers := t.suite.has(t.context, Referrers)
	subject := r.newImage()
	body := r.bytes(64)
	d := digest.FromBytes(body)
	r.misses(r.blob(d))
	r.misses(r.manifest("v1"))
	r.misses(r.manifest(subject.digest().String()))
	r.put(body)
	r.findsBlob(body, d)
	r.push(subject, "v1")
	r.finds(subject, "v1")
	r.finds(subject, subject.digest().String())
	for i, tag := range []string{"v2", "v3"} {
		wantsTags(t, r.follow(""), []string{"v1", "v2"}[:i+1]...)
		if referrers {
			if all, _ := r.referrersOf(subject.digest(), ""); len(all) != i {
				t.failf("want %d referrers, got %d", i, len(all))
			}
		}
		r.push(r.newArtifact("application/vnd.example.sbom", about(subject.descriptor())), tag)
	}
	wantsTags(t, r.follow(""), "v1", "v2", "v3")
	if referrers {
		if all, _ := r.referrersOf(subject.digest(), ""); len(all) != 2 {
			t.failf("want 2 referrers, got %d", len(all))
		}
	}
}

func movesTagThereAndBack(t *tester) {
	r := t.newRepo()
	one, other := r.newImage(), r.newIndex(nil)
	r.push(one, "stays")
	for _, m := range []manifest{one, other, one, other, other} {
		a := r.push(m, "v1").digests(m.body)
		r.finds(m, "v1")
		r.finds(m, "v1")
		r.get(a.location()).wants(http.StatusOK).is(m.body)
		r.finds(m, m.digest().String())
		r.finds(one, "stays")
		wantsTags(t, r.follow(""), "stays", "v1")
	}
	r.push(other, "stays")
	r.finds(one, one.digest().String())
	wantsTags(t, r.follow(""), "stays", "v1")
}

func pushesManifestAgain(t *tester) {
	r := t.newRepo()
	subject := r.newImage()
	m := r.newArtifact("application/vnd.example.sbom", about(subject.descriptor()))
	r.push(subject, "subject")
	tags := []string{"subject"}
	for _, tag := range []string{"v1", "v2", "v3"} {
		for _, reference := range []string{tag, m.digest().String()} {
			a := r.push(m, reference).digests(m.body)
			r.get(a.location()).wants(http.StatusOK).is(m.body)
			if t.suite.has(t.context, Referrers) {
				a.hasField("OCI-Subject", subject.digest().String())
				all, _ := r.referrersOf(subject.digest(), "")
				if r.referrer(all, m); len(all) != 1 {
					t.failf("want one referrer, got %d", len(all))
				}
			}
		}
		tags = append(tags, tag)
		for _, each := range tags[1:] {
			r.finds(m, each)
		}
		wantsTags(t, r.follow(""), tags...)
	}
	r.finds(subject, "subject")
}

func pushesBlobAgain(t *tester) {
	r, other := t.newRepo(), t.newRepo()
	body, d := r.newBlob(64)
	other.put(body)
	for range times {
		a := r.commit(r.start(), body, d).wants(http.StatusCreated).digests(body)
		r.get(a.location()).wants(http.StatusOK).is(body)
		if a := r.post(body).wants(http.StatusCreated, http.StatusAccepted); a.status == http.StatusCreated {
			r.get(a.location()).wants(http.StatusOK).is(body)
		}
		if a := r.mount(d, other.name).wants(http.StatusCreated, http.StatusAccepted); a.status == http.StatusCreated {
			r.get(a.location()).wants(http.StatusOK).is(body)
		}
		r.findsBlob(body, d)
	}
}

func missesDeletedBlob(t *tester) {
	r, to := t.newRepo(), t.newRepo()
	body, d := r.newBlob(64)
	other, kept := r.newBlob(64)
	for range 2 {
		r.findsBlob(body, d)
		r.delete(r.blob(d)).wants(http.StatusAccepted)
		if t.sharesBlob(d) {
			t.notApplicable("the registry shares blobs between repositories")
		}
		r.misses(r.blob(d))
		r.get(r.blob(d), "Range", "bytes=2-5").wants(http.StatusNotFound)
		r.delete(r.blob(d)).wants(http.StatusNotFound)
		if to.mount(d, r.name).status == http.StatusCreated {
			t.failf("want no mount of a blob that was deleted")
		}
		r.findsBlob(other, kept)
		r.commit(r.start(), body, d).wants(http.StatusCreated)
	}
	r.findsBlob(body, d)
}

func missesDeletedManifest(t *tester) {
	const ofType = "?artifactType=application/vnd.example.sbom"
	r := t.newRepo()
	var shared ocispec.Descriptor
	m := r.newImage(func(m *ocispec.Manifest) { shared = m.Layers[0] })
	sibling := r.newImage(func(m *ocispec.Manifest) { m.Layers = append(m.Layers, shared) })
	r.push(sibling, "sibling")
	r.push(m, m.digest().String()) // without a tag
	parent := r.newIndex([]ocispec.Descriptor{sibling.descriptor()})
	referrer := r.newArtifact("application/vnd.example.sbom", about(sibling.descriptor()))
	gone := []string{r.manifest(m.digest().String()), r.manifest(parent.digest().String()), r.manifest(referrer.digest().String())}
	for range 2 {
		r.push(m, m.digest().String())
		r.push(parent, "parent")
		r.push(parent, "parent.too")
		r.push(referrer, "referrer")
		r.finds(m, m.digest().String())
		r.finds(parent, "parent.too")
		r.finds(referrer, "referrer")
		wantsTags(t, r.follow(""), "parent", "parent.too", "referrer", "sibling")
		if t.suite.has(t.context, Referrers) {
			for _, query := range []string{"", ofType} {
				all, _ := r.referrersOf(sibling.digest(), query)
				r.referrer(all, referrer)
			}
		}
		for _, target := range gone {
			r.delete(target).wants(http.StatusAccepted)
			r.misses(target)
			r.deletesNothing(target)
		}
		for _, tag := range []string{"parent", "parent.too", "referrer"} {
			r.misses(r.manifest(tag))
		}
		wantsTags(t, r.follow(""), "sibling")
		r.finds(sibling, "sibling")
		r.get(r.blob(shared.Digest)).wants(http.StatusOK)
		if t.suite.has(t.context, Referrers) {
			for _, query := range []string{"", ofType} {
				if all, _ := r.referrersOf(sibling.digest(), query); len(all) > 0 {
					t.failf("want no referrer, as it was deleted, got %d", len(all))
				}
			}
		}
	}
	r.push(referrer, referrer.digest().String())
	if t.suite.has(t.context, Referrers) {
		all, _ := r.referrersOf(sibling.digest(), "")
		r.referrer(all, referrer)
		r.delete(r.manifest(sibling.digest().String())).wants(http.StatusAccepted)
		all, _ = r.referrersOf(sibling.digest(), "")
		r.referrer(all, referrer)
	}
}

func missesDeletedTag(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	r.push(m, "v1")
	for range 2 {
		r.push(m, "v2")
		r.push(m, "v3")
		wantsTags(t, r.follow(""), "v1", "v2", "v3")
		r.delete(r.manifest("v2")).wants(http.StatusAccepted)
		r.misses(r.manifest("v2"))
		r.deletesNothing(r.manifest("v2"))
		for _, reference := range []string{"v1", "v3", m.digest().String()} {
			r.finds(m, reference)
		}
		wantsTags(t, r.follow(""), "v1", "v3")
	}
	for _, tag := range []string{"v1", "v3"} {
		r.delete(r.manifest(tag)).wants(http.StatusAccepted)
	}
	r.finds(m, m.digest().String())
	wantsTags(t, r.follow(""))
	if t.suite.has(t.context, Referrers) {
		referrer := r.newArtifact("application/vnd.example.sbom", about(m.descriptor()))
		r.push(referrer, "referrer")
		r.delete(r.manifest("referrer")).wants(http.StatusAccepted)
		all, _ := r.referrersOf(m.digest(), "")
		r.referrer(all, referrer)
	}
}

func deletesNoUnknownManifest(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	unknown := r.manifest(t.nowhere().String())
	r.deletesNothing(unknown)
	r.delete(r.manifest(m.digest().String())).wants(http.StatusAccepted)
	r.deletesNothing(r.manifest(m.digest().String()))
}

func uploadsAfterRefusal(t *tester) {
	r := t.newRepo()
	body, other := r.bytes(64), r.bytes(64)
	d := digest.FromBytes(body)
	for range 2 {
		wrong := digest.FromString(unique())
		open := r.start()
		r.commit(r.start(), body, wrong).refuses()
		r.commit(r.start(), r.bytes(32), d).refuses()
		r.misses(r.blob(wrong))
		if !t.sharesBlob(d) {
			r.misses(r.blob(d))
		}
		r.commit(open, other, digest.FromBytes(other)).wants(http.StatusCreated)
		r.findsBlob(other, digest.FromBytes(other))
	}
	r.put(body)
	r.findsBlob(body, d)
}
