package storetest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ocifake/ocifake/registry"
)

// state is what the lists of a Store show: a text for each.
type state map[string]string

// state returns what the Store shows of the repositories app and lib.
func (t *tester) state() state {
	s := state{}
	names := t.repositories("", all)
	names.succeeds(listsRepositories)
	s["Repositories"] = fmt.Sprintf("%q", names.keys)
	for _, repo := range []string{app, lib} {
		tags := t.tags(repo, "", all)
		s["Tags in "+repo] = fmt.Sprint(tags.entries, tags.err != nil)
		for _, m := range t.manifests(repo, "", all).entries {
			got, _ := t.manifest(repo, string(m.Digest))
			s["manifest "+string(m.Digest)+" in "+repo] = fmt.Sprint(got.Descriptor, len(got.Content))
		}
		s["Referrers in "+repo] = fmt.Sprint(t.referrers(repo, t.subject(), "", all).entries)
		s["Blobs in "+repo] = fmt.Sprint(t.blobs(repo, "", all).entries)
		for _, id := range t.uploads(repo, all).keys {
			u, c := t.openUpload(repo, id)
			c.succeeds(findsUpload)
			s["upload "+id+" in "+repo] = fmt.Sprint(u.Size(), " bytes")
		}
	}
	return s
}

// unchangedBy checks that a call that fails changes nothing that the lists show.
func (t *tester) unchangedBy(refused func() *call) {
	before := t.state()
	c := refused()
	if c.err == nil {
		c.violates(failsWhole, "no error", "an error")
	}
	after := t.state()
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if before[key] != after[key] {
			c.violates(failsWhole, fmt.Sprintf("afterwards %s: %s", key, after[key]), before[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[key]; !ok {
			c.violates(failsWhole, fmt.Sprintf("afterwards %s: %s", key, after[key]), "none")
		}
	}
}

// checkRefusedChangesNothing makes each call that can fail, for each reason.
func checkRefusedChangesNothing(t *tester) {
	t.put(app, t.referrer("image", t.subject(), "v1", "v2"))
	d := t.push(app, "content")
	other := t.push(lib, "other content")
	s := t.newUpload(app)
	s.append(chunk("hello ")).succeeds(appends)
	unknown := t.digest("never pushed")
	never := registry.Precondition{IfMatch: []string{string(unknown)}}
	for _, refused := range []func() *call{
		func() *call { return t.deleteBlob(app, unknown) },
		func() *call { return t.deleteBlob(app, other) },
		func() *call { return t.deleteBlob("storetest/unknown", d) },
		func() *call { return t.mountBlob("storetest/unknown", unknown, app) },
		func() *call { return t.mountBlob(lib, d, "storetest/unknown") },
		func() *call { return t.mountBlob(app, other, app) },
		func() *call { return t.deleteManifest(app, "v3", registry.Precondition{}) },
		func() *call { return t.deleteManifest(app, string(d), registry.Precondition{}) },
		func() *call { return t.deleteManifest(app, "v1", never) },
		func() *call { return t.deleteManifest("storetest/unknown", "v1", registry.Precondition{}) },
		func() *call { _, c := t.openUpload(lib, s.ID()); return c },
		func() *call { return s.append(chunkAt(5, "world")) },
		func() *call { return s.append(chunkAt(7, "")) },
		func() *call { return s.commit(chunk("world"), unknown) },
	} {
		t.unchangedBy(refused)
	}
	s.unchanged(failsWhole, "hello ", "world")
}
