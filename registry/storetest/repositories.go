package storetest

import (
	"slices"

	"github.com/ocifake/ocifake/registry"
)

func repositoryChecks() []check {
	return []check{
		{"repositories/exist from their first content", checkExists},
		{"repositories/do not exist from what was not completed", checkDoesNotExist},
		{"repositories/survive what is deleted", checkSurvives},
		{"repositories/with similar names are told apart", checkSimilarNames},
		{"repositories/refused calls change nothing", checkRefusedChangesNothing},
	}
}

// hasRepository checks whether a repository exists.
func (t *tester) hasRepository(repo string, want bool) {
	names := []string{repo}
	if !want {
		names = nil
		t.tags(repo, "", all).fails(exists, registry.NameUnknown)
	} else {
		t.tags(repo, "", all).succeeds(exists)
	}
	others := t.repositories("", all)
	others.succeeds(exists)
	var got []string
	for _, name := range others.keys {
		if name == repo {
			got = append(got, name)
		}
	}
	others.keys = got
	others.shows(exists, names)
}

func checkExists(t *tester) {
	d := t.push("pushed", "content")
	t.hasRepository("pushed", true)
	t.mountBlob("mounted", d, "pushed").succeeds(mountsBlob)
	t.hasRepository("mounted", true)
	t.put("put", t.newManifest("image"))
	t.hasRepository("put", true)
	t.repositories("", all).shows(exists, []string{"mounted", "pushed", "put"})
}

func checkDoesNotExist(t *tester) {
	d := t.digest("content")
	t.hasRepository(app, false)
	s := t.newUpload(app)
	t.hasRepository(app, false)
	s.append(chunk("content")).succeeds(appends)
	s.commit(chunk("too much"), d).fails(commitFails, registry.DigestInvalid)
	t.mountBlob(app, d, lib).fails(mountFails, registry.BlobUnknown)
	t.deleteBlob(app, d).fails(deleteBlobFails, registry.BlobUnknown)
	t.deleteManifest(app, "v1", registry.Precondition{}).fails(deleteFails, registry.ManifestUnknown)
	m := t.newManifest("image", "v1")
	m.Require = []registry.Reference{t.asBlob("content")}
	t.putManifest(app, m).fails(requires, registry.ManifestBlobUnknown)
	t.hasRepository(app, false)
	s.cancel().succeeds(cancels)
	t.hasRepository(app, false)
	t.push(app, "content")
	t.hasRepository(app, true)
}

func checkSurvives(t *tester) {
	d := t.push("pushed", "content")
	t.mountBlob("mounted", d, "pushed").succeeds(mountsBlob)
	for _, repo := range []string{"pushed", "mounted"} {
		t.deleteBlob(repo, d).succeeds(deletesBlob)
	}
	m := t.newManifest("image", "v1", "v2")
	t.put("put", m)
	t.deleteManifest("put", "v1", registry.Precondition{}).succeeds(deletesManifest)
	t.deleteManifest("put", string(m.Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
	for _, repo := range []string{"mounted", "pushed", "put"} {
		t.hasRepository(repo, true)
		t.tags(repo, "", all).shows(exists, nil)
		t.manifests(repo, "", all).shows(deletesManifest, nil)
		t.blobs(repo, "", all).shows(deletesBlob, nil)
	}
	t.push("pushed", "content")
	t.hasBlob(commits, "pushed", d, "content")
}

// checkSimilarNames fills repositories whose names begin with each other's, or are
// equal but for separators, and empties every second one.
func checkSimilarNames(t *tester) {
	names := []string{"a", "a-b", "a.b", "a/b", "a/b/c", "a/bc", "a__b", "a_b", "ab", "b", "b/a"}
	manifests := map[string]registry.PutManifest{}
	sessions := map[string]session{}
	has := func(repo string, content bool) {
		d := t.digest(repo)
		m := manifests[repo]
		var blobs, tags, digests, referrers []string
		if content {
			blobs, tags, digests = []string{string(d)}, []string{"tag"}, []string{string(m.Descriptor.Digest)}
			referrers = digests
			t.hasBlob(visible, repo, d, repo)
			t.hasManifest(visible, repo, "tag", m)
		}
		t.blobs(repo, "", all).shows(visible, blobs)
		t.tags(repo, "", all).shows(visible, tags)
		t.manifests(repo, "", all).shows(visible, digests)
		t.referrers(repo, t.subject(), "", all).shows(visible, referrers)
		t.uploads(repo, all).shows(listsUploads, []string{sessions[repo].ID()})
		t.blobRepositories(d, all).showsInAnyOrder(visible, slices.Repeat([]string{repo}, len(blobs)))
	}
	for _, repo := range names {
		t.push(repo, repo)
		manifests[repo] = t.referrer(repo, t.subject(), "tag")
		t.put(repo, manifests[repo])
		sessions[repo] = t.newUpload(repo)
	}
	for _, repo := range names {
		has(repo, true)
	}
	for i, repo := range names {
		if i%2 == 0 {
			t.deleteBlob(repo, t.digest(repo)).succeeds(deletesBlob)
			t.deleteManifest(repo, string(manifests[repo].Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
		}
	}
	for i, repo := range names {
		has(repo, i%2 == 1)
	}
	t.repositories("", all).shows(listsRepositories, names)
}
