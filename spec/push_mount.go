package spec

import (
	"net/http"

	"github.com/opencontainers/go-digest"
)

// Mounting a blob from another repository: end-11.

var mountStatements = []Statement{
	{
		ID: "mount", Text: "The response to a successful mount MUST be `201 Created`, and MUST contain the following header:",
		Section: "Mounting a blob from another repository", Endpoint: "end-11", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Mount},
		check: mounts,
	}, {
		ID: "mount-namespace", Text: "In this case, `<name>` is the namespace to which the blob will be mounted.",
		Section: "Mounting a blob from another repository", Endpoint: "end-11", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Mount},
		check: mountedIsThere,
	}, {
		ID: "mount-location", Text: "The Location header will contain the registry URL to access the accepted layer file.",
		Section: "Mounting a blob from another repository", Endpoint: "end-11", Level: Must, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Mount},
		check: mountLocationIsPullable,
	}, {
		ID: "mount-digest", Text: "The Docker-Content-Digest header returns the … digest of the uploaded blob which MAY differ from the provided digest.",
		Section: "Mounting a blob from another repository", Endpoint: "end-11", Level: May, Area: Push, Source: Distribution, Versions: since10, Needs: []Feature{Mount},
		check: mountDigestIsRight,
	}, {
		ID: "mount-anonymous", Text: "The registry MAY treat the `from` parameter as optional, and it MAY cross-mount the blob if it can be found.",
		Section: "Mounting a blob from another repository", Endpoint: "end-11", Level: May, Area: Push, Source: Distribution, Versions: since11, Needs: []Feature{AnonymousMount},
		check: mountsAnonymously,
	}, {
		ID: "mount-unable", Text: "Alternatively, if a registry does not support cross-repository mounting or is unable to mount the requested blob, it SHOULD return a `202`.",
		Section: "Mounting a blob from another repository", Endpoint: "end-11", Level: Should, Area: Push, Source: Distribution, Versions: since10,
		check: startsUploadInstead,
	}, {
		ID: "mount-unable-upload", Text: "This indicates that the upload session has begun and that the client MAY proceed with the upload.",
		Section: "Mounting a blob from another repository", Endpoint: "end-11 end-6", Level: May, Area: Push, Source: Distribution, Versions: since10,
		check: uploadsInstead,
	}, {
		ID: "mount-not-there", Text: "A mount of a blob that the source does not have makes nothing visible in the target, whoever else has the blob.",
		Endpoint: "end-11", Level: Must, Area: Push, Source: Ours,
		check: mountsOnlyFromSource,
	}, {
		ID: "mount-survives-source", Text: "A blob that was mounted stays when it is deleted from the repository that it was mounted from.",
		Endpoint: "end-11 end-10", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Mount, DeleteBlob},
		check: mountedSurvives,
	},
}

// mount asks for a blob of another repository; without a name, of any.
func (r repo) mount(d digest.Digest, from string) *answer {
	target := with(r.uploads(), "mount", d.String())
	if from != "" {
		target = with(target, "from", from)
	}
	return r.do(http.MethodPost, target, nil)
}

func mounts(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	_, d := from.newBlob(64)
	to.mount(d, from.name).wants(http.StatusCreated).field("Location")
}

func mountedIsThere(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	body, d := from.newBlob(64)
	to.mount(d, from.name).wants(http.StatusCreated)
	to.get(to.blob(d)).wants(http.StatusOK).is(body)
	from.get(from.blob(d)).wants(http.StatusOK).is(body)
}

func mountLocationIsPullable(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	body, d := from.newBlob(64)
	to.get(to.mount(d, from.name).wants(http.StatusCreated).location()).wants(http.StatusOK).is(body)
}

func mountDigestIsRight(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	body, d := from.newBlob(64)
	to.mount(d, from.name).wants(http.StatusCreated).digests(body)
}

func mountsAnonymously(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	body, d := from.newBlob(64)
	to.mount(d, "").wants(http.StatusCreated)
	to.get(to.blob(d)).wants(http.StatusOK).is(body)
}

// startsUploadInstead asks for a blob that is nowhere, of a repository that has
// none of it and of one that does not exist.
func startsUploadInstead(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	from.newBlob(64)
	d := digest.FromString(unique())
	to.mount(d, from.name).wants(http.StatusAccepted)
	to.mount(d, t.newRepo().name).wants(http.StatusAccepted)
	to.mount(d, "").wants(http.StatusAccepted)
}

func uploadsInstead(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	from.newBlob(64)
	body := t.bytes(64)
	d := digest.FromBytes(body)
	a := to.mount(d, from.name)
	if a.status != http.StatusAccepted {
		t.notApplicable("the mount was not answered with 202")
	}
	to.commit(a.location(), body, d).wants(http.StatusCreated)
	to.get(to.blob(d)).wants(http.StatusOK).is(body)
}

// sharesBlob reports whether a blob is found in a repository that nothing was pushed to.
func (t *tester) sharesBlob(d digest.Digest) bool {
	r := t.newRepo()
	return r.head(r.blob(d)).status == http.StatusOK
}

func mountsOnlyFromSource(t *tester) {
	owner, other, to := t.newRepo(), t.newRepo(), t.newRepo()
	_, d := owner.newBlob(64)
	other.newBlob(64)
	if t.sharesBlob(d) {
		t.notApplicable("the registry shares blobs between repositories")
	}
	if to.mount(d, other.name).status != http.StatusCreated {
		to.get(to.blob(d)).wants(http.StatusNotFound)
		return
	}
	if t.suite.has(t.context, AnonymousMount) {
		t.notApplicable("the registry mounts a blob from wherever it is")
	}
	t.failf("want no mount from %s, which does not have the blob", other.name)
}

func mountedSurvives(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	body, d := from.newBlob(64)
	to.mount(d, from.name).wants(http.StatusCreated)
	from.delete(from.blob(d)).wants(http.StatusAccepted)
	to.get(to.blob(d)).wants(http.StatusOK).is(body)
	if !t.sharesBlob(d) {
		from.get(from.blob(d)).wants(http.StatusNotFound)
	}
}
