package storetest

import (
	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

func repositoryChecks() []check {
	return []check{
		{"repositories/exist from their first content", checkExists},
		{"repositories/do not exist from what was not completed", checkDoesNotExist},
		{"repositories/survive what is deleted", checkSurvives},
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
	t.put("put", newManifest("image"))
	t.hasRepository("put", true)
	t.repositories("", all).shows(exists, []string{"mounted", "pushed", "put"})
}

func checkDoesNotExist(t *tester) {
	d := digest.FromString("content")
	t.hasRepository(app, false)
	s := t.newUpload(app)
	t.hasRepository(app, false)
	s.append(chunk("content")).succeeds(appends)
	s.commit(chunk("too much"), d).fails(commitFails, registry.DigestInvalid)
	t.mountBlob(app, d, lib).fails(mountFails, registry.BlobUnknown)
	t.deleteBlob(app, d).fails(deleteBlobFails, registry.BlobUnknown)
	t.deleteManifest(app, "v1", registry.Precondition{}).fails(deleteFails, registry.ManifestUnknown)
	m := newManifest("image", "v1")
	m.Require = []registry.Reference{asBlob("content")}
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
	m := newManifest("image", "v1", "v2")
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
