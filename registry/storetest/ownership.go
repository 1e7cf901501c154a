package storetest

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

func ownershipChecks() []check {
	return []check{
		{"ownership/what a manifest is put with is not changed", checkArgumentsUnchanged},
		{"ownership/what a manifest was put with may be changed", checkArgumentsChange},
		{"ownership/manifests that were returned stay as they are", checkReturnedManifests},
		{"ownership/entries of lists stay as they are", checkReturnedEntries},
	}
}

// clonePut copies all that the caller may change.
func clonePut(m registry.PutManifest) registry.PutManifest {
	m.Content = bytes.Clone(m.Content)
	m.Descriptor.Annotations = maps.Clone(m.Descriptor.Annotations)
	m.Tags = slices.Clone(m.Tags)
	m.Precondition.IfMatch = slices.Clone(m.Precondition.IfMatch)
	m.Precondition.IfNoneMatch = slices.Clone(m.Precondition.IfNoneMatch)
	m.Require = slices.Clone(m.Require)
	for i := range m.Require {
		r := &m.Require[i]
		r.Annotations = maps.Clone(r.Annotations)
		r.URLs, r.Data = slices.Clone(r.URLs), slices.Clone(r.Data)
	}
	return m
}

// owned is a manifest that uses all fields, with tags and digests that are in no
// order.
func (t *tester) owned(name string) registry.PutManifest {
	m := t.imageOf(name, t.subject(), []registry.Reference{
		t.asBlob("z"), t.asBlob("a"), t.asBlob("missing"), t.asBlob("m"), t.asBlob("b"), t.asBlob("a"),
	}, "z", "A", "m", "a", "z", "b")
	m.Require[2].Optional = true
	m.Ref = "z"
	m.Precondition.IfNoneMatch = []string{string(t.digest("z")), string(t.digest("a")), string(t.digest("m"))}
	return m
}

func (t *tester) pushOwned(repo string) {
	for _, content := range []string{"a", "b", "m", "z"} {
		t.push(repo, content)
	}
}

func checkArgumentsUnchanged(t *tester) {
	t.pushOwned(app)
	immutable := t.owned("other")
	immutable.ImmutableTags = true
	for i, m := range []registry.PutManifest{t.owned("image"), immutable, t.owned("image")} {
		repo := []string{app, app, lib}[i] // accepted, refused for its tags and for its references
		before := clonePut(m)
		if c := t.putManifest(repo, m); !reflect.DeepEqual(m, before) {
			c.violates(callersAgain, fmt.Sprintf("changed to %+v", m), fmt.Sprintf("%+v", before))
		}
	}
	p := registry.Precondition{IfMatch: []string{"z", string(t.owned("image").Descriptor.Digest), "a"}}
	c := t.deleteManifest(app, "z", p)
	c.succeeds(deletesManifest)
	if p.IfMatch[0] != "z" || p.IfMatch[2] != "a" {
		c.violates(callersAgain, fmt.Sprintf("IfMatch changed to %q", p.IfMatch), "no change")
	}
}

func checkArgumentsChange(t *tester) {
	t.pushOwned(app)
	want := t.owned("image")
	for range 2 { // a new manifest, and one that is there
		m := clonePut(want)
		t.put(app, m)
		clear(m.Content)
		clear(m.Descriptor.Annotations)
		m.Descriptor.Annotations["later"] = "annotation"
		for i := range m.Tags {
			m.Tags[i] = "later"
		}
		for i := range m.Require {
			clear(m.Require[i].Annotations)
			clear(m.Require[i].Data)
			m.Require[i] = registry.Reference{}
		}
		clear(m.Precondition.IfNoneMatch)
		t.hasOwned(callersAgain, want)
	}
}

// hasOwned checks all that can be seen of a manifest that owned made.
func (t *tester) hasOwned(p promise, want registry.PutManifest) {
	d := want.Descriptor.Digest
	for _, ref := range append([]string{string(d)}, want.Tags...) {
		t.hasManifest(p, app, ref, want)
	}
	t.hasTags(p, app, map[string]digest.Digest{"A": d, "a": d, "b": d, "m": d, "z": d})
	l := t.referrers(app, t.subject(), "", all)
	l.hasLength(p, 1)
	l.sameDescriptor(p, l.entries[0], want.Descriptor)
	l = t.manifests(app, "", all)
	l.shows(p, []string{string(d)})
}

// otherwise is the manifest with another descriptor.
func otherwise(m registry.PutManifest) registry.PutManifest {
	m.Descriptor.MediaType = ocispec.MediaTypeImageIndex
	m.Descriptor.ArtifactType = "application/vnd.storetest.other"
	m.Descriptor.Annotations = map[string]string{"other": "annotation"}
	return m
}

// changeAll describes a manifest otherwise, and then deletes all that is in app.
func (t *tester) changeAll(m registry.PutManifest) {
	again := otherwise(m)
	again.Tags = []string{"v1"}
	t.put(app, again)
	t.deleteManifest(app, string(m.Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
	for _, b := range t.blobs(app, "", all).keys {
		t.deleteBlob(app, digest.Digest(b)).succeeds(deletesBlob)
	}
	// What comes may take the room of what is freed.
	for i := range 4 {
		t.put(app, t.newManifest(fmt.Sprint("later ", i), "v1", "v2"))
	}
}

// changes are ways to have what was returned of a manifest be out of date.
func (t *tester) changes() []func(registry.PutManifest) {
	return []func(registry.PutManifest){t.changeAll, func(m registry.PutManifest) {
		t.deleteManifest(app, string(m.Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
	}}
}

func checkReturnedManifests(t *tester) {
	m := t.referrer("image", t.subject(), "v1", "v2")
	for _, change := range t.changes() {
		t.put(app, m)
		byTag, _ := t.manifest(app, "v1")
		byDigest, c := t.manifest(app, string(m.Descriptor.Digest))
		change(m)
		for _, got := range []registry.Manifest{byTag, byDigest} {
			if difference := differ(string(got.Content), string(m.Content)); difference != "" {
				c.violates(staysAsItIs, difference, describe(string(m.Content)))
			}
			c.sameDescriptor(staysAsItIs, got.Descriptor, m.Descriptor)
		}
	}
}

func checkReturnedEntries(t *tester) {
	m := t.referrer("image", t.subject(), "v1", "v2")
	for _, change := range t.changes() {
		d, b := t.put(app, m), t.push(app, "content")
		referrers, tags, blobs := t.referrers(app, t.subject(), "", all), t.tags(app, "", all), t.blobs(app, "", all)
		referrers.hasLength(listsReferrers, 1)
		tags.hasLength(listsTags, 2)
		blobs.hasLength(listsBlobs, 1)
		change(m)
		referrers.sameDescriptor(staysAsItIs, referrers.entries[0], m.Descriptor)
		for i, name := range []string{"v1", "v2"} {
			if got := tags.entries[i]; got != (registry.Tag{Name: name, Digest: d}) {
				tags.violates(staysAsItIs, fmt.Sprint(got), fmt.Sprintf("%s on %s", name, d))
			}
		}
		if got := blobs.entries[0]; got.Digest != b || got.Size != int64(len("content")) {
			blobs.violates(staysAsItIs, fmt.Sprint(got), fmt.Sprintf("%s of %d bytes", b, len("content")))
		}
	}
}
