package spec

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Every way to name content, and every kind of it.

var nameStatements = []Statement{
	{
		ID: "tag-forms", Text: "`<tag-or-digest>` MUST be either (a) the digest of the manifest or (b) a tag…",
		Section: "Pulling manifests", Endpoint: "end-3 end-7 end-8a", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: findsTagsOfAllForms,
	}, {
		ID: "tag-others", Text: "If the manifest is not found in the … response code MUST be `404 Not Found`.",
		Section: "Pulling manifests", Endpoint: "end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: tellsTagsApart,
	}, {
		ID: "manifest-kinds", Text: "A GET request to an existing manifest URL MUST provide the expected manifest, with a response code that MUST be `200 OK`.",
		Section: "Pulling manifests", Endpoint: "end-3 end-7", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: findsManifestsOfAllKinds,
	}, {
		ID: "repository-forms", Text: "Throughout this document, `<name>` MUST match the following regular expression:",
		Section: "Pulling manifests", Endpoint: "end-3 end-7 end-8a", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: findsManifestsInAllRepositories,
	}, {
		ID: "unknown-in-repositories", Text: "If the manifest is not found in the … response code MUST be `404 Not Found`.",
		Section: "Pulling manifests", Endpoint: "end-3 end-8a", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: missesInAllRepositories,
	}, {
		ID: "referrers-in-repositories", Text: "If the registry supports the referrers API, the registry MUST NOT return a `404 Not Found` to a referrers API requests.",
		Section: "Listing Referrers", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11, Needs: []Feature{Referrers},
		check: listsReferrersInAllRepositories,
	}, {
		ID: "sha512-blob", Text: "A blob with a sha512 digest is found, described, mounted and deleted by it, as with sha256.",
		Endpoint: "end-2 end-6 end-10 end-11", Level: Must, Area: Push, Source: Ours, Needs: []Feature{SHA512},
		check: handlesSHA512Blob,
	}, {
		ID: "sha512-manifest", Text: "A manifest with a sha512 digest is found, described, referred to and deleted by it, as with sha256.",
		Endpoint: "end-3 end-7 end-9 end-12a", Level: Must, Area: Push, Source: Ours, Needs: []Feature{SHA512Manifest},
		check: handlesSHA512Manifest,
	},
}

// finds checks that a manifest is found by a reference, with GET and HEAD, and that
// what the fields say of it is right.
func (r repo) finds(m manifest, reference string) {
	get := r.get(r.manifest(reference)).wants(http.StatusOK).is(m.body).digests(m.body)
	head := r.head(r.manifest(reference)).wants(http.StatusOK).digests(m.body).measures(m.body)
	for _, a := range []*answer{get, head} {
		if got, _, _ := strings.Cut(a.field("Content-Type"), ";"); got != m.mediaType {
			r.failf("%s %s: want Content-Type %s, got %s", a.sent.method, a.sent.url, m.mediaType, got)
		}
	}
}

// measures fails the check if Content-Length is there and not the length of the
// content.
func (a *answer) measures(body []byte) *answer {
	if a.header.Get("Content-Length") != "" {
		a.hasField("Content-Length", strconv.Itoa(len(body)))
	}
	return a
}

// findsBlob checks that a blob is found with GET and HEAD, and that what the fields
// say of it is right.
func (r repo) findsBlob(body []byte, d digest.Digest) {
	get := r.get(r.blob(d)).wants(http.StatusOK).is(body)
	if encoding := get.header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		r.failf("want the blob as it was pushed, without Content-Encoding, got %s", encoding)
	}
	get.digests(body)
	r.head(r.blob(d)).wants(http.StatusOK).digests(body).measures(body)
}

// misses checks that nothing is found at a place, with any method.
func (r repo) misses(target string) {
	r.get(target).wants(http.StatusNotFound)
	r.head(target).wants(http.StatusNotFound)
}

// tagForms are tags that look like something else, or like each other.
func tagForms() []string {
	hex := digest.FromString(unique()).Encoded()
	return []string{
		"0", "123", "A", "UPPER", "_", "_x", "a", "a-", "a..b", "a.b", hex, "latest", "sha256-" + hex, strings.Repeat("t", 65),
		strings.Repeat("t", 128), "v1", "v1.0", "v1.0.0",
	}
}

func findsTagsOfAllForms(t *tester) {
	r := t.newRepo()
	m, forms := r.newImage(), tagForms()
	for _, tag := range forms {
		r.push(m, tag)
	}
	for _, tag := range forms {
		r.finds(m, tag)
	}
	wantsTags(t, r.follow(""), forms...)
}

func tellsTagsApart(t *tester) {
	r := t.newRepo()
	upper, lower, long := r.newImage(), r.newImage(), r.newIndex(nil)
	r.push(lower, "case")
	r.misses(r.manifest("CASE"))
	r.misses(r.manifest("Case"))
	r.push(upper, "Case")
	r.push(long, "case.long")
	r.finds(lower, "case")
	r.finds(upper, "Case")
	r.finds(long, "case.long")
	for _, other := range []string{"latest", "cas", "case.", "case.lon", "case.long.", lower.digest().Encoded(), "sha256-" + lower.digest().Encoded()} {
		r.misses(r.manifest(other))
	}
	wantsTags(t, r.follow(""), "Case", "case", "case.long")
}

func findsManifestsOfAllKinds(t *tester) {
	r := t.newRepo()
	child := r.newImage()
	r.push(child, child.digest().String())
	untyped := r.newImage(func(m *ocispec.Manifest) { m.MediaType = "" })
	artifact := r.newArtifact("application/vnd.example.kind+json")
	referrer := r.newArtifact("application/vnd.example.sbom", about(child.descriptor()))
	early := r.newArtifact("application/vnd.example.sbom", about(t.missing()))
	set := r.newIndex([]ocispec.Descriptor{child.descriptor()}, func(i *ocispec.Index) { i.ArtifactType = "application/vnd.example.set" })
	all := []manifest{child, untyped, artifact, referrer, early, r.newIndex([]ocispec.Descriptor{child.descriptor()}), set}
	docker := r.newDockerImage()
	if r.try(docker, docker.digest().String()).status == http.StatusCreated {
		all = append(all, docker)
		if list := r.newDockerList(docker); r.try(list, list.digest().String()).status == http.StatusCreated {
			all = append(all, list)
		}
	}
	for i, m := range all {
		r.push(m, m.digest().String())
		r.finds(m, m.digest().String())
		r.push(m, "kind-"+strconv.Itoa(i))
		r.finds(m, "kind-"+strconv.Itoa(i))
	}
	for _, m := range all { // some are children and subjects by now
		r.finds(m, m.digest().String())
	}
	wantsTags(t, r.follow(""), numbered("kind-%d", len(all))...)
}

const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"

// newDockerImage returns an image in Docker's format, which a registry need not take.
func (r repo) newDockerImage() manifest {
	m := r.newImage(func(m *ocispec.Manifest) {
		m.MediaType = dockerManifest
		m.Config.MediaType = "application/vnd.docker.container.image.v1+json"
		m.Layers[0].MediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	})
	m.mediaType = dockerManifest
	return m
}

// newDockerList returns a list of images in Docker's format, which a registry need not take.
func (r repo) newDockerList(images ...manifest) manifest {
	const dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
	var children []ocispec.Descriptor
	for _, m := range images {
		child := m.descriptor()
		child.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
		children = append(children, child)
	}
	m := r.newIndex(children, func(i *ocispec.Index) { i.MediaType, i.Annotations = dockerList, nil })
	m.mediaType = dockerList
	return m
}

func findsManifestsInAllRepositories(t *tester) {
	for _, form := range []string{"a", "a__b", "a-b", "a--b", "a.b", "a/b/c/d/e", "blobs/x", "tags/list/x"} {
		r := repo{t, t.suite.target.Repository + "/" + unique() + "/" + form}
		m := r.pushImage("v1")
		r.finds(m, "v1")
		r.finds(m, m.digest().String())
		wantsTags(t, r.follow(""), "v1")
	}
}

// missesInAllRepositories asks in a repository that has blobs only, in one that was
// emptied, and in one that there never was.
func missesInAllRepositories(t *tester) {
	for _, r := range poorRepositories(t) {
		r.misses(r.manifest("v1"))
		r.misses(r.manifest(digest.FromString(unique()).String()))
		r.misses(r.blob(digest.FromString(unique())))
		if a := r.get(r.tags()).wants(http.StatusOK, http.StatusNotFound); a.status == http.StatusOK {
			wantsTags(t, r.follow(""))
		}
	}
}

func poorRepositories(t *tester) []repo {
	blobs, emptied := t.newRepo(), t.newRepo()
	blobs.newBlob(32)
	m := emptied.newImage()
	emptied.push(m, m.digest().String())
	if emptied.delete(emptied.manifest(m.digest().String())).status != http.StatusAccepted {
		return []repo{blobs, t.newRepo()}
	}
	return []repo{blobs, emptied, t.newRepo()}
}

func listsReferrersInAllRepositories(t *tester) {
	poor := poorRepositories(t)
	for _, r := range poor[:len(poor)-1] {
		all, _ := r.referrersOf(digest.FromString(unique()), "")
		if len(all) > 0 {
			t.failf("want no referrers, got %d", len(all))
		}
		r.get(r.referrers("sha256:abc")).wants(http.StatusBadRequest)
		r.get(r.referrers("v1")).refuses()
	}
}

func handlesSHA512Blob(t *tester) {
	r, to := t.newRepo(), t.newRepo()
	body := r.bytes(ranged)
	d := digest.SHA512.FromBytes(body)
	a := r.commit(r.startFor(digest.SHA512), body, d).wants(http.StatusCreated)
	r.get(a.digests(body).location()).wants(http.StatusOK).is(body)
	r.findsBlob(body, d)
	r.misses(r.blob(digest.SHA512.FromString(unique())))
	if part := r.get(r.blob(d), "Range", "bytes=2-5").wants(http.StatusPartialContent, http.StatusOK); part.status == http.StatusPartialContent {
		part.is(body[2:6])
	}
	r.commit(r.startFor(digest.SHA512), r.bytes(32), digest.SHA512.FromString(unique())).refuses()
	if to.mount(d, r.name).wants(http.StatusCreated, http.StatusAccepted).status == http.StatusCreated {
		to.findsBlob(body, d)
	}
	if !disabled(r.delete(r.blob(d)).wants(http.StatusAccepted, http.StatusBadRequest, http.StatusMethodNotAllowed)) && !t.sharesBlob(d) {
		r.misses(r.blob(d))
	}
}

func handlesSHA512Manifest(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	d := digest.SHA512.FromBytes(m.body)
	a := r.push(m, d.String()).digests(m.body)
	r.get(a.location()).wants(http.StatusOK).is(m.body)
	r.finds(m, d.String())
	r.try(r.newImage(), digest.SHA512.FromString(unique()).String()).refuses()
	if t.suite.has(t.context, Referrers) {
		subject := m.descriptor()
		subject.Digest = d
		referrer := r.newArtifact("application/vnd.example.sbom", about(subject))
		r.push(referrer, referrer.digest().String()).hasField("OCI-Subject", d.String())
		all, _ := r.referrersOf(d, "")
		r.referrer(all, referrer)
		none, _ := r.referrersOf(digest.SHA512.FromString(unique()), "")
		if len(all) != 1 || len(none) > 0 {
			t.failf("want one referrer of %s, and none of another digest, got %d and %d", d, len(all), len(none))
		}
	}
	if !disabled(r.delete(r.manifest(d.String())).wants(http.StatusAccepted, http.StatusBadRequest, http.StatusMethodNotAllowed)) {
		r.misses(r.manifest(d.String()))
	}
}
