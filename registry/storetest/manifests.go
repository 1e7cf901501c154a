package storetest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

func manifestChecks() []check {
	return []check{
		{"manifests/are found by digest and by tag", checkPutManifest},
		{"manifests/are kept byte by byte", checkManifestContent},
		{"manifests/pushes are counted, or not", checkPushed},
		{"manifests/tags are told apart byte by byte", checkSimilarTags},
		{"manifests/a tag may look like a digest", checkTagLikeDigest},
		{"manifests/unknown ones are ManifestUnknown", checkManifestUnknown},
		{"manifests/are visible only where they were put", checkManifestsIsolated},
		{"manifests/tags move", checkRetag},
		{"manifests/immutable tags do not move", checkImmutableTags},
		{"manifests/putting one again replaces its descriptor", checkPutAgain},
		{"manifests/one that is put after it was deleted is new", checkPutAfterDelete},
		{"manifests/preconditions are judged when one is put", checkPutPrecondition},
		{"manifests/preconditions are judged when one is deleted", checkDeletePrecondition},
		{"manifests/each missing reference is reported", checkMissingReferences},
		{"manifests/references exist as blob, manifest or either", checkReferenceKinds},
		{"manifests/references exist in the same repository", checkReferencesElsewhere},
		{"manifests/references have the size and media type of what exists", checkReferencesAgree},
		{"manifests/references that are optional may be missing", checkReferencesOptional},
		{"manifests/decisions are made in order", checkDecisionOrder},
		{"manifests/a refused one changes nothing", checkAllOrNothing},
		{"manifests/deleting a tag leaves all else", checkDeleteTag},
		{"manifests/deleting a digest takes its tags along", checkDeleteByDigest},
		{"manifests/deleting a referrer takes its entry along", checkDeleteReferrer},
		{"manifests/deleting leaves what they refer to and are referred by", checkReferredStays},
	}
}

func checkPutManifest(t *tester) {
	bare := t.newManifest("bare")
	bare.Descriptor.ArtifactType, bare.Descriptor.Annotations = "", nil
	index := t.newManifest("index", "index")
	index.Descriptor.MediaType = ocispec.MediaTypeImageIndex
	for _, m := range []registry.PutManifest{
		t.newManifest("no tag"), t.newManifest("one tag", "v1"), t.newManifest("many tags", "a", "b", "_C.d-e"),
		t.inOther(t.newManifest("sha512", "sha512")), t.referrer("referrer", t.subject(), "referrer"), bare, index,
	} {
		d := t.put(app, m)
		t.hasManifest(returnsManifest, app, string(d), m)
		for _, tag := range m.Tags {
			t.hasManifest(setsTags, app, tag, m)
		}
	}
	t.hasManifest(setsTags, app, "v1", t.newManifest("one tag"))
	twice := t.newManifest("a tag that is given twice", "twice", "a", "twice")
	t.put(app, twice)
	t.hasManifest(setsTags, app, "twice", twice)
}

// checkPushed puts manifests with counts of their own, and again in another order.
func checkPushed(t *tester) {
	var all []registry.PutManifest
	for i, name := range []string{"first", "second", "third"} {
		m := t.newManifest(name, name)
		m.Pushed = uint64(1000 - i)
		t.put(app, m)
		all = append(all, m)
	}
	t.put(app, all[0])
	var last uint64
	for i, m := range all {
		got, c := t.manifest(app, string(m.Descriptor.Digest))
		c.succeeds(returnsManifest)
		switch {
		case got.Pushed == m.Pushed && got.Pushed != 0:
			c.violates(pushedIgnored, fmt.Sprintf("the count %d that was put", got.Pushed), "one of the Store's, or 0")
		case i > 0 && (got.Pushed == 0) != (last == 0), got.Pushed != 0 && got.Pushed <= last:
			c.violates(countsPushes, fmt.Sprintf("the count %d, and %d of the manifest before", got.Pushed, last), "a higher one, or 0 for both")
		}
		last = got.Pushed
	}
}

// named is a manifest of any content.
func (t *tester) named(content string, tags ...string) registry.PutManifest {
	return registry.PutManifest{Tags: tags, Manifest: registry.Manifest{
		Content: []byte(content),
		Descriptor: ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageManifest, Digest: t.digest(content), Size: int64(len(content)),
		},
	}}
}

func checkManifestContent(t *tester) {
	for _, content := range []string{
		"{}", " {}", "{}\n", "{ }", "\r\n{\r\n\t\"a\" : 1.0e0,\"a\":\"\\u00e9\u00e9<>&\"\r\n}\r\n ", "\ufeff{}", "{}\x00", "{\"\xff\":1}",
		random(65_537), random(4*mebibyte - 1),
	} {
		m := t.named(content, "latest")
		t.put(app, m)
		t.hasManifest(contentIs, app, string(m.Descriptor.Digest), m)
		t.hasManifest(contentIs, app, "latest", m)
	}
}

func checkSimilarTags(t *tester) {
	tags := []string{"0", "00", "V1", "V1.0", "_", "__", "a", "a-", "a.", "a_", "v1", "v1-0", "v1.", "v1.0", "v1_0", strings.Repeat("a", 127), strings.Repeat("a", 128)}
	digests := map[string]digest.Digest{}
	manifests := map[string]registry.PutManifest{}
	for _, tag := range tags {
		for _, other := range tags {
			if digests[other] == "" {
				t.hasNoManifest(byteByByte, app, other)
			}
		}
		m := t.newManifest(tag, tag)
		m.ImmutableTags = true // it is on no other manifest
		m.Ref, m.Precondition.IfNoneMatch = tag, []string{"*"}
		digests[tag], manifests[tag] = t.put(app, m), m
	}
	for _, tag := range tags {
		t.hasManifest(byteByByte, app, tag, manifests[tag])
	}
	t.hasTags(byteByByte, app, digests)
	for _, tag := range tags {
		t.deleteManifest(app, tag, registry.Precondition{}).succeeds(deletesManifest)
		delete(digests, tag)
		t.hasTags(byteByByte, app, digests)
	}
}

func checkTagLikeDigest(t *tester) {
	there := t.newManifest("there")
	d := t.put(app, there)
	blob := t.push(app, "blob")
	for i, tag := range []string{
		d.Encoded(), d.Algorithm().String() + "-" + d.Encoded(), d.Algorithm().String(), d.Encoded()[:12], blob.Encoded(), "sha256", t.digest("unknown").Encoded(),
	} {
		if len(tag) > 128 {
			continue // is none
		}
		t.hasNoManifest(manifestFails, app, tag)
		t.deleteManifest(app, tag, registry.Precondition{}).fails(deleteFails, registry.ManifestUnknown)
		m := t.newManifest(fmt.Sprint("tagged ", i), tag)
		m.Ref, m.Precondition.IfNoneMatch = tag, []string{"*"}
		t.put(app, m)
		t.hasManifest(returnsManifest, app, tag, m)
		t.hasManifest(returnsManifest, app, string(d), there)
		t.hasTags(returnsManifest, app, map[string]digest.Digest{tag: m.Descriptor.Digest})
		t.deleteManifest(app, tag, registry.Precondition{}).succeeds(deletesManifest)
		t.hasManifest(returnsManifest, app, string(d), there)
		t.hasManifest(returnsManifest, app, string(m.Descriptor.Digest), m)
	}
}

func checkManifestUnknown(t *tester) {
	unknown := t.newManifest("never put").Descriptor.Digest
	for range 2 {
		for _, ref := range []string{"v2", string(unknown)} {
			t.hasNoManifest(manifestFails, lib, ref)
			t.hasNoManifest(manifestFails, app, ref)
			t.deleteManifest(app, ref, registry.Precondition{}).fails(deleteFails, registry.ManifestUnknown)
		}
		t.put(app, t.newManifest("image", "v1"))
	}
}

func checkManifestsIsolated(t *tester) {
	inApp, inLib := t.newManifest("app", "v1", "app"), t.newManifest("lib", "v1")
	t.put(app, inApp)
	t.put(lib, inLib)
	t.hasManifest(visible, app, "v1", inApp)
	t.hasManifest(visible, lib, "v1", inLib)
	t.hasNoManifest(visible, lib, "app")
	t.hasNoManifest(visible, lib, string(inApp.Descriptor.Digest))
	t.manifests(lib, "", all).shows(visible, []string{string(inLib.Descriptor.Digest)})
	t.deleteManifest(lib, string(inApp.Descriptor.Digest), registry.Precondition{}).fails(visible, registry.ManifestUnknown)

	// The same manifest, described otherwise and deleted, is another repository's.
	other := t.referrer("app", "", "other")
	other.Descriptor.MediaType = ocispec.MediaTypeImageIndex
	other.Descriptor.Annotations = map[string]string{"a": "b"}
	t.put(lib, other)
	t.hasManifest(visible, app, "v1", inApp)
	t.deleteManifest(lib, string(other.Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
	t.hasManifest(visible, app, string(inApp.Descriptor.Digest), inApp)
	t.hasManifest(visible, app, "app", inApp)
}

func checkRetag(t *tester) {
	one, two := t.newManifest("one", "a", "b", "c"), t.newManifest("two", "b", "d")
	t.put(app, one)
	t.put(app, two)
	digests := map[string]digest.Digest{
		"a": one.Descriptor.Digest, "b": two.Descriptor.Digest, "c": one.Descriptor.Digest, "d": two.Descriptor.Digest,
	}
	t.hasTags(setsTags, app, digests)
	t.hasManifest(setsTags, app, "b", two)
	t.hasManifest(setsTags, app, string(one.Descriptor.Digest), one)
	// Put again without tags, a manifest keeps those that it has.
	t.put(app, t.newManifest("one"))
	t.put(app, t.newManifest("two", "d"))
	t.hasTags(setsTags, app, digests)
	// A tag that was moved to another manifest is not deleted.
	t.deleteManifest(app, string(one.Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
	t.hasTags(deletesManifest, app, map[string]digest.Digest{"b": two.Descriptor.Digest, "d": two.Descriptor.Digest})
}

func checkImmutableTags(t *tester) {
	immutable := func(name string, tags ...string) registry.PutManifest {
		m := t.newManifest(name, tags...)
		m.ImmutableTags = true
		return m
	}
	one := t.newManifest("one").Descriptor.Digest
	t.put(app, immutable("one", "a", "b"))
	t.putManifest(app, immutable("one", "b", "a", "c")).succeeds(immutableTags)
	for _, tags := range [][]string{{"a"}, {"new", "a"}, {"b", "new"}} {
		t.putManifest(app, immutable("two", tags...)).fails(immutableTags, registry.TagImmutable)
	}
	t.hasTags(immutableTags, app, map[string]digest.Digest{"a": one, "b": one, "c": one})
	t.put(lib, t.newManifest("elsewhere", "d"))
	two := immutable("two", "d")
	t.putManifest(app, two).succeeds(immutableTags)
	t.putManifest(app, immutable("three")).succeeds(immutableTags)
	t.putManifest(app, t.newManifest("two", "c")).succeeds(setsTags)
	t.deleteManifest(app, "a", registry.Precondition{}).succeeds(deletesManifest)
	t.putManifest(app, immutable("two", "a")).succeeds(immutableTags)
	t.hasTags(immutableTags, app, map[string]digest.Digest{
		"a": two.Descriptor.Digest, "b": one, "c": two.Descriptor.Digest, "d": two.Descriptor.Digest,
	})
}

func checkPutAgain(t *tester) {
	old := t.referrer("image", t.subject(), "v1")
	d := t.put(app, old)
	again := t.referrer("image", t.subject(), "v2")
	again.Descriptor.MediaType = ocispec.MediaTypeImageIndex
	again.Descriptor.ArtifactType = "application/vnd.storetest.other"
	again.Descriptor.Annotations = map[string]string{"other": "annotation"}
	bare := t.referrer("image", t.subject())
	bare.Descriptor.ArtifactType, bare.Descriptor.Annotations = "", nil
	for _, m := range []registry.PutManifest{again, bare, old} {
		t.put(app, m)
		for _, ref := range []string{string(d), "v1", "v2"} {
			t.hasManifest(replacesDescriptor, app, ref, m)
		}
		l := t.referrers(app, t.subject(), "", all)
		l.hasLength(replacesDescriptor, 1)
		l.sameDescriptor(replacesDescriptor, l.entries[0], m.Descriptor)
	}
}

func checkPutAfterDelete(t *tester) {
	m := t.referrer("image", t.subject(), "v1", "v2")
	bare := t.referrer("image", t.subject(), "v3")
	bare.Descriptor.MediaType, bare.Descriptor.ArtifactType, bare.Descriptor.Annotations = ocispec.MediaTypeImageIndex, "", nil
	for _, m := range []registry.PutManifest{m, bare, m} {
		d := t.put(app, m)
		t.hasManifest(putsManifest, app, string(d), m)
		tags := map[string]digest.Digest{}
		for _, tag := range m.Tags {
			tags[tag] = d
		}
		t.hasTags(putsManifest, app, tags)
		l := t.referrers(app, t.subject(), "", all)
		l.hasLength(putsManifest, 1)
		l.sameDescriptor(putsManifest, l.entries[0], m.Descriptor)
		t.deleteManifest(app, string(d), registry.Precondition{}).succeeds(deletesManifest)
	}
}

// preconditions are what may be asked of a manifest, and whether that holds if
// it is there, and if nothing is.
func (t *tester) preconditions(current digest.Digest) []precondition {
	there, other := string(current), string(t.digest("another manifest"))
	return []precondition{
		{registry.Precondition{}, true, true},
		{registry.Precondition{IfMatch: []string{there}}, true, false},
		{registry.Precondition{IfMatch: []string{other, there}}, true, false},
		{registry.Precondition{IfMatch: []string{other}}, false, false},
		{registry.Precondition{IfMatch: []string{"*"}}, true, false},
		{registry.Precondition{IfNoneMatch: []string{"*"}}, false, true},
		{registry.Precondition{IfNoneMatch: []string{there}}, false, true},
		{registry.Precondition{IfNoneMatch: []string{other, there}}, false, true},
		{registry.Precondition{IfNoneMatch: []string{other}}, true, true},
		{registry.Precondition{IfMatch: []string{there}, IfNoneMatch: []string{other}}, true, false},
		{registry.Precondition{IfMatch: []string{there}, IfNoneMatch: []string{"*"}}, false, false},
	}
}

type precondition struct {
	registry.Precondition
	ifThere, ifNot bool
}

func checkPutPrecondition(t *tester) {
	there := t.newManifest("there", "there")
	for i, p := range t.preconditions(there.Descriptor.Digest) {
		repo := fmt.Sprintf("%s%d", app, i)
		t.put(repo, there)
		n := 0
		for _, ref := range []string{"there", string(there.Descriptor.Digest), "new", string(t.digest("new"))} {
			n++
			m := t.newManifest(fmt.Sprint("put ", n), fmt.Sprint("put", n)) // not the tag that is judged
			m.Precondition, m.Ref = p.Precondition, ref
			if holds := n <= 2 && p.ifThere || n > 2 && p.ifNot; holds {
				t.putManifest(repo, m).succeeds(judgesRef)
				t.hasManifest(judgesRef, repo, m.Tags[0], m)
				continue
			}
			t.putManifest(repo, m).fails(judgesRef, registry.PreconditionFailed)
			t.hasNoManifest(judgesRef, repo, m.Tags[0])
			t.hasNoManifest(judgesRef, repo, string(m.Descriptor.Digest))
		}
		t.hasManifest(judgesRef, repo, "there", there)
	}
	// What is elsewhere, or a blob, is not addressed.
	t.put(lib, there)
	blob := t.push(app, "blob")
	for i, ref := range []string{"there", string(there.Descriptor.Digest), string(blob)} {
		m := t.newManifest(fmt.Sprint("not there ", i))
		m.Ref, m.Precondition = ref, registry.Precondition{IfMatch: []string{"*"}}
		t.putManifest(app, m).fails(judgesRef, registry.PreconditionFailed)
		m.Precondition = registry.Precondition{IfNoneMatch: []string{"*"}}
		t.putManifest(app, m).succeeds(judgesRef)
	}
	m := t.newManifest("no ref", "v1") // nothing is asked, so nothing is addressed
	t.putManifest(app, m).succeeds(alwaysHolds)
}

func checkDeletePrecondition(t *tester) {
	there := t.newManifest("there", "there")
	d := string(there.Descriptor.Digest)
	for _, p := range t.preconditions(there.Descriptor.Digest) {
		for _, ref := range []string{"there", d} {
			t.put(app, there)
			if p.ifThere {
				t.deleteManifest(app, ref, p.Precondition).succeeds(deleteFails)
				t.hasNoManifest(deletesManifest, app, ref)
			} else {
				t.deleteManifest(app, ref, p.Precondition).fails(deleteFails, registry.PreconditionFailed)
				t.hasManifest(deleteFails, app, "there", there)
				t.hasManifest(deleteFails, app, d, there)
			}
		}
		for _, ref := range []string{"new", string(t.digest("new"))} {
			t.deleteManifest(app, ref, p.Precondition).fails(deleteFails, registry.ManifestUnknown)
		}
	}
}

// details returns the details of the errors with a cause.
func (c *call) details(cause registry.Cause) []any {
	var details []any
	var walk func(error)
	walk = func(err error) {
		if e, ok := err.(*registry.Error); ok {
			if e.Cause == cause {
				details = append(details, e.Detail)
			}
			return
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		}
	}
	walk(c.err)
	return details
}

// wantDetails checks that the errors of the call are one for each reference that
// failed, in order, with its descriptor.
func (c *call) wantDetails(cause registry.Cause, failed ...registry.Reference) {
	details := c.details(cause)
	seen := map[digest.Digest]bool{}
	for _, r := range failed {
		if len(details) > 0 && reflect.DeepEqual(details[0], r.Descriptor) {
			details, seen[r.Digest] = details[1:], true
		} else if !seen[r.Digest] {
			c.violates(errorsInOrder, fmt.Sprintf("the Details %+v", c.details(cause)), fmt.Sprintf("there %+v", r.Descriptor))
			return
		}
	}
	if len(details) > 0 {
		c.violates(errorsInOrder, fmt.Sprintf("the Details %+v", c.details(cause)), "only those of the references that failed")
	}
}

// checkMissingReferences has references fail alone, and together in an order that
// is not that of anything else.
func checkMissingReferences(t *tester) {
	blob, child := t.asBlob("there"), asManifest(t.newManifest("there"))
	t.push(app, "there")
	t.put(app, t.newManifest("there"))
	var missing []registry.Reference
	for i := range 8 {
		missing = append(missing, t.asBlob(fmt.Sprint("missing ", i)), asManifest(t.newManifest(fmt.Sprint("missing ", i))), t.asEither(fmt.Sprint("either ", i)))
	}
	missing = append(missing, asManifest(t.inOther(t.newManifest("there"))), t.asBlob("missing 0"))
	t.putManifest(app, t.imageOf("complete", "", []registry.Reference{blob, child})).succeeds(requires)
	for i, r := range missing {
		m := t.imageOf(fmt.Sprint("image ", i), "", []registry.Reference{blob, r, child}, "v1")
		c := t.putManifest(app, m)
		c.fails(requires, registry.ManifestBlobUnknown)
		c.wantDetails(registry.ManifestBlobUnknown, r)
		t.hasNoManifest(requires, app, string(m.Descriptor.Digest))
	}
	m := t.imageOf("image", "", slices.Concat([]registry.Reference{blob}, missing, []registry.Reference{child}), "v1")
	c := t.putManifest(app, m)
	c.fails(requires, registry.ManifestBlobUnknown)
	c.wantDetails(registry.ManifestBlobUnknown, missing...)
	t.hasNoManifest(requires, app, string(m.Descriptor.Digest))
	var joined interface{ Unwrap() []error }
	if !errors.As(c.err, &joined) {
		c.violates(decidesInOrder, fmt.Sprintf("a %T", c.err), "errors joined by errors.Join")
	}
	for _, cause := range []registry.Cause{registry.ManifestBlobUnknown, registry.ManifestInvalid} {
		wrong := blob
		wrong.Size++
		c := t.putManifest(app, t.imageOf("both", "", []registry.Reference{missing[0], wrong, missing[1]}))
		if c.wantDetails(cause, map[registry.Cause][]registry.Reference{
			registry.ManifestBlobUnknown: {missing[0], missing[1]}, registry.ManifestInvalid: {wrong},
		}[cause]...); !errors.Is(c.err, cause) {
			c.violates(errorsInOrder, describeError(c.err), "an error for each reference that failed")
		}
	}
}

func checkReferenceKinds(t *tester) {
	const asBlobs, asManifests = 1, 2
	for there := range 4 { // a set of both
		m := t.newManifest(fmt.Sprint("child ", there))
		if there&asBlobs != 0 {
			t.push(app, string(m.Content))
		}
		if there&asManifests != 0 {
			t.put(app, m)
		}
		for wanted := 1; wanted < 4; wanted++ {
			parent := t.newManifest(fmt.Sprint("parent ", there, wanted))
			r := asManifest(m)
			r.Blob, r.Manifest = wanted&asBlobs != 0, wanted&asManifests != 0
			parent.Require = []registry.Reference{r}
			p := existsAs
			if r.Blob && r.Manifest {
				p = eitherWillDo
			}
			if c := t.putManifest(app, parent); there&wanted != 0 {
				c.succeeds(p)
			} else {
				c.fails(p, registry.ManifestBlobUnknown)
			}
		}
	}
}

func checkReferencesElsewhere(t *tester) {
	child := t.newManifest("child")
	blob := t.push(lib, "layer")
	t.put(lib, child)
	t.push(app, "other layer")
	both := t.asEither(string(child.Content))
	both.MediaType = child.Descriptor.MediaType
	references := []registry.Reference{t.asBlob("layer"), asManifest(child), t.asEither("layer"), both}
	refused := func(repo string) {
		for i, r := range references {
			m := t.imageOf(fmt.Sprint("image ", i), "", []registry.Reference{r}, "v1")
			t.putManifest(repo, m).fails(requires, registry.ManifestBlobUnknown)
			t.hasNoManifest(requires, repo, "v1")
		}
	}
	refused(app)
	s := t.newUpload(app) // what is not committed does not exist either
	s.append(chunk("layer")).succeeds(appends)
	refused(app)
	m := t.imageOf("image", "", references, "v1")
	t.putManifest(lib, m).succeeds(requires)
	t.deleteManifest(lib, "v1", registry.Precondition{}).succeeds(deletesManifest)
	// What was deleted does not exist.
	t.deleteBlob(lib, blob).succeeds(deletesBlob)
	t.deleteManifest(lib, string(child.Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
	refused(lib)
	// What is mounted does.
	t.mountBlob(app, t.push(lib, "layer"), lib).succeeds(mountsBlob)
	t.putManifest(app, t.imageOf("mounted", "", references[:1])).succeeds(requires)
}

// checkReferencesAgree uses descriptors that do not match the existing content.
func checkReferencesAgree(t *tester) {
	t.push(app, "layer")
	child := t.newManifest("child")
	t.put(app, child)
	either := t.asEither(string(child.Content))
	either.MediaType = child.Descriptor.MediaType
	for i, right := range []registry.Reference{t.asBlob("layer"), asManifest(child), t.asEither("layer"), either} {
		wrong := []registry.Reference{right, right, right, right}
		wrong[0].Size++
		wrong[1].Size--
		wrong[2].MediaType = ocispec.MediaTypeImageIndex
		wrong[3].Size, wrong[3].Optional = 0, true
		for k, r := range wrong {
			m := t.newManifest(fmt.Sprint("parent ", i, k), "v1")
			m.Require = []registry.Reference{right, r, right}
			c := t.putManifest(app, m)
			if k == 2 && right.Digest == t.digest("layer") {
				c.succeeds(agrees) // a blob has no media type
				t.deleteManifest(app, string(m.Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
				continue
			}
			c.fails(agrees, registry.ManifestInvalid)
			if details := c.details(registry.ManifestInvalid); len(details) != 1 || !reflect.DeepEqual(details[0], r.Descriptor) {
				c.violates(decidesInOrder, fmt.Sprintf("the Details %v", details), "the descriptor of the wrong reference")
			}
			t.hasNoManifest(putsManifest, app, "v1")
			t.hasNoManifest(putsManifest, app, string(m.Descriptor.Digest))
		}
	}
}

func checkReferencesOptional(t *tester) {
	missing := []registry.Reference{t.asBlob("missing"), asManifest(t.newManifest("missing")), t.asEither("missing as well")}
	for i := range missing {
		missing[i].Optional = true
		m := t.newManifest(fmt.Sprint("sparse ", i), "v1")
		m.Require = missing[:i+1]
		t.putManifest(app, m).succeeds(optional)
		t.hasManifest(optional, app, "v1", m)
	}
	m := t.newManifest("not sparse")
	m.Require = append(missing, t.asBlob("missing"))
	t.putManifest(app, m).fails(requires, registry.ManifestBlobUnknown)
}

// refusals are manifests that a repository refuses if its tag "moved" is on
// another and a blob "there" exists, with the cause that comes first.
func (t *tester) refusals() map[registry.Cause]registry.PutManifest {
	sparse := t.imageOf("refused", t.subject(), []registry.Reference{t.asBlob("there"), t.asBlob("missing")}, "new", "moved")
	immutable := sparse
	immutable.ImmutableTags = true
	failed := immutable
	failed.Ref, failed.Precondition = "moved", registry.Precondition{IfNoneMatch: []string{"*"}}
	return map[registry.Cause]registry.PutManifest{
		registry.ManifestBlobUnknown: sparse,
		registry.TagImmutable:        immutable,
		registry.PreconditionFailed:  failed,
	}
}

// soleRefusals are likewise manifests that are refused for one reason only.
func (t *tester) soleRefusals() map[registry.Cause]registry.PutManifest {
	all := t.refusals()
	invalid := all[registry.ManifestBlobUnknown]
	invalid.Require = []registry.Reference{t.asBlob("there")}
	invalid.Require[0].Size++
	immutable := all[registry.TagImmutable]
	immutable.Require = invalid.Require[:0]
	failed := all[registry.PreconditionFailed]
	failed.Require, failed.ImmutableTags = nil, false
	return map[registry.Cause]registry.PutManifest{
		registry.ManifestBlobUnknown: all[registry.ManifestBlobUnknown],
		registry.ManifestInvalid:     invalid,
		registry.TagImmutable:        immutable,
		registry.PreconditionFailed:  failed,
	}
}

func checkDecisionOrder(t *tester) {
	t.put(app, t.newManifest("old", "moved"))
	t.push(app, "there")
	for _, refusals := range []map[registry.Cause]registry.PutManifest{t.refusals(), t.soleRefusals()} {
		for cause, m := range refusals {
			t.putManifest(app, m).fails(decidesInOrder, cause)
		}
	}
}

// checkAllOrNothing has manifests refused that are new, and then those that are there
// already, described otherwise.
func checkAllOrNothing(t *tester) {
	old := t.referrer("old", t.subject(), "moved")
	t.put(app, old)
	t.push(app, "there")
	for _, refusals := range []map[registry.Cause]registry.PutManifest{t.refusals(), t.soleRefusals()} {
		for _, m := range refusals {
			t.unchangedBy(func() *call { return t.putManifest(app, m) })
			t.hasNoManifest(putsManifest, app, string(m.Descriptor.Digest))
			t.hasNoManifest(putsManifest, app, "new")
		}
	}
	is := t.newManifest("there", "there")
	t.put(app, is)
	for _, m := range t.soleRefusals() {
		m.Manifest = is.Manifest
		m = otherwise(m)
		t.unchangedBy(func() *call { return t.putManifest(app, m) })
		t.hasManifest(putsManifest, app, "there", is)
	}
	t.hasManifest(putsManifest, app, "moved", old)
}

func checkDeleteTag(t *tester) {
	one, two := t.referrer("one", t.subject(), "a", "b"), t.newManifest("two", "c")
	d := t.put(app, one)
	t.put(app, two)
	t.deleteManifest(app, "a", registry.Precondition{}).succeeds(deletesManifest)
	t.hasNoManifest(deletesManifest, app, "a")
	t.deleteManifest(app, "a", registry.Precondition{}).fails(deleteFails, registry.ManifestUnknown)
	t.hasTags(deletesManifest, app, map[string]digest.Digest{"b": d, "c": two.Descriptor.Digest})
	t.deleteManifest(app, "b", registry.Precondition{}).succeeds(deletesManifest)
	t.hasManifest(deletesManifest, app, string(d), one)
	t.referrers(app, t.subject(), "", all).shows(deletesManifest, []string{string(d)})
	t.put(app, t.newManifest("two", "a"))
	t.hasManifest(setsTags, app, "a", two)
}

func checkDeleteByDigest(t *tester) {
	one, two := t.newManifest("one", "a", "c"), t.newManifest("two", "b")
	d := t.put(app, one)
	t.put(app, two)
	t.put(lib, one)
	t.deleteManifest(app, string(d), registry.Precondition{}).succeeds(deletesManifest)
	for _, ref := range []string{string(d), "a", "c"} {
		t.hasNoManifest(deletesManifest, app, ref)
		t.deleteManifest(app, ref, registry.Precondition{}).fails(deleteFails, registry.ManifestUnknown)
	}
	t.hasTags(deletesManifest, app, map[string]digest.Digest{"b": two.Descriptor.Digest})
	t.manifests(app, "", all).shows(deletesManifest, []string{string(two.Descriptor.Digest)})
	t.hasManifest(visible, lib, "a", one)
	// What is put anew does not get its old tags back.
	t.put(app, t.newManifest("one"))
	t.hasTags(deletesManifest, app, map[string]digest.Digest{"b": two.Descriptor.Digest})
}

func checkDeleteReferrer(t *tester) {
	one, two := t.referrer("one", t.subject(), "a"), t.referrer("two", t.subject())
	t.put(app, one)
	kept := string(t.put(app, two))
	t.put(lib, one)
	d := string(one.Descriptor.Digest)
	for range 2 {
		t.deleteManifest(app, d, registry.Precondition{}).succeeds(deletesManifest)
		t.referrers(app, t.subject(), "", all).shows(deletesManifest, []string{kept})
		t.put(app, one)
		both := slices.Sorted(slices.Values([]string{d, kept}))
		t.referrers(app, t.subject(), "", all).shows(hasSubject, both)
	}
	t.deleteManifest(app, kept, registry.Precondition{}).succeeds(deletesManifest)
	t.deleteManifest(app, d, registry.Precondition{}).succeeds(deletesManifest)
	t.referrers(app, t.subject(), "", all).shows(deletesManifest, nil)
	t.referrers(lib, t.subject(), "", all).shows(deletesManifest, []string{d})
}

// checkReferredStays deletes an image that has a layer, a referrer and an index.
func checkReferredStays(t *tester) {
	layer := t.push(app, "layer")
	image := t.imageOf("image", "", []registry.Reference{t.asBlob("layer")}, "image")
	d := t.put(app, image)
	signature := t.referrer("signature", d)
	signed := []string{string(t.put(app, signature))}
	index := t.imageOf("index", "", []registry.Reference{asManifest(image)}, "index")
	t.put(app, index)

	t.deleteManifest(app, string(d), registry.Precondition{}).succeeds(deletesManifest)
	t.hasBlob(referredStays, app, layer, "layer")
	t.hasManifest(referredStays, app, "index", index)
	t.hasManifest(referredStays, app, signed[0], signature)
	t.referrers(app, d, "", all).shows(referredStays, signed)
	t.put(app, image)
	t.referrers(app, d, "", all).shows(referredStays, signed)
	t.deleteManifest(app, "index", registry.Precondition{}).succeeds(deletesManifest)
	t.deleteManifest(app, string(index.Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
	t.deleteManifest(app, signed[0], registry.Precondition{}).succeeds(deletesManifest)
	t.hasManifest(referredStays, app, "image", image)
	t.hasBlob(referredStays, app, layer, "layer")
}

func (t *tester) manifest(repo, ref string) (m registry.Manifest, c *call) {
	c = t.call("Manifest", repo, ref, func() (err error) {
		m, err = t.store.Manifest(t.ctx, repo, ref)
		return err
	})
	return m, c
}

func (t *tester) putManifest(repo string, m registry.PutManifest) *call {
	var with strings.Builder
	fmt.Fprint(&with, m.Descriptor.Digest)
	if len(m.Tags) > 0 {
		fmt.Fprintf(&with, ", tags %q", m.Tags)
	}
	if len(m.Require) > 0 {
		fmt.Fprintf(&with, ", %d references required", len(m.Require))
	}
	if m.ImmutableTags {
		with.WriteString(", immutable tags")
	}
	if !isZero(m.Precondition) {
		fmt.Fprintf(&with, ", ref %s %+v", m.Ref, m.Precondition)
	}
	return t.call("PutManifest", repo, with.String(), func() error { return t.store.PutManifest(t.ctx, repo, m) })
}

func (t *tester) deleteManifest(repo, ref string, p registry.Precondition) *call {
	with := ref
	if !isZero(p) {
		with = fmt.Sprintf("%s, %+v", ref, p)
	}
	return t.call("DeleteManifest", repo, with, func() error { return t.store.DeleteManifest(t.ctx, repo, ref, p) })
}

func isZero(p registry.Precondition) bool { return len(p.IfMatch)+len(p.IfNoneMatch) == 0 }

// put stores a valid manifest, and returns its digest.
func (t *tester) put(repo string, m registry.PutManifest) digest.Digest {
	t.putManifest(repo, m).succeeds(putsManifest)
	return m.Descriptor.Digest
}

// hasManifest checks that a reference resolves to the manifest as it was put.
func (t *tester) hasManifest(p promise, repo, ref string, want registry.PutManifest) {
	got, c := t.manifest(repo, ref)
	c.succeeds(p)
	if difference := differ(string(got.Content), string(want.Content)); difference != "" {
		c.violates(p, difference, describe(string(want.Content)))
		return
	}
	c.sameDescriptor(p, got.Descriptor, want.Descriptor)
}

func (t *tester) hasNoManifest(p promise, repo, ref string) {
	if _, c := t.manifest(repo, ref); c.err == nil {
		c.violates(p, "a manifest", "ManifestUnknown")
	} else {
		c.fails(manifestFails, registry.ManifestUnknown)
	}
}

// sameDescriptor compares the fields of a descriptor that a Store keeps.
func (c *call) sameDescriptor(p promise, got, want ocispec.Descriptor) {
	same := got.MediaType == want.MediaType && got.Digest == want.Digest && got.Size == want.Size &&
		got.ArtifactType == want.ArtifactType && maps.Equal(got.Annotations, want.Annotations)
	if !same {
		c.violates(p, fmt.Sprintf("descriptor %+v", got), fmt.Sprintf("%+v", want))
	}
}

// hasTags checks all tags of a repository.
func (t *tester) hasTags(p promise, repo string, want map[string]digest.Digest) {
	l := t.tags(repo, "", all)
	l.shows(p, slices.Sorted(maps.Keys(want)))
	for _, tag := range l.entries {
		if tag.Digest != want[tag.Name] {
			l.violates(p, fmt.Sprintf("tag %s on %s", tag.Name, tag.Digest), fmt.Sprintf("on %s", want[tag.Name]))
		}
	}
}
