package storetest

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

func listChecks() []check {
	var checks []check
	for _, l := range listings() {
		checks = append(checks,
			check{"lists/" + l.method + " is sorted bytewise", l.checkSorted},
			check{"lists/" + l.method + " begins after an entry", l.checkAfter},
			check{"lists/" + l.method + " ends when its loop does", l.checkEnds},
			check{"lists/" + l.method + " can be looped over again", l.checkAgain},
			check{"lists/" + l.method + " has no limit", l.checkMany},
			check{"lists/" + l.method + " shows one moment while it grows", l.checkGrowing},
			check{"lists/" + l.method + " shows one moment while others push", l.checkPushing},
		)
		if l.method != "Repositories" { // which are never deleted
			checks = append(checks, check{"lists/" + l.method + " shows one moment while it shrinks", l.checkShrinking})
		}
	}
	return append(checks,
		check{"lists/Tags tells the digests", checkTagDigests},
		check{"lists/Manifests and Referrers describe manifests", checkManifestDescriptors},
		check{"lists/Blobs tells the sizes", checkBlobDescriptors},
		check{"lists/Referrers are those of one subject", checkReferrersOfSubject},
		check{"lists/BlobRepositories shows where a blob is visible", checkBlobRepositories},
		check{"lists/BlobRepositories shows one moment", checkBlobRepositoriesMoment},
		check{"lists/BlobRepositories shows one moment while others push", mounts().checkPushing},
		check{"lists/BlobRepositories has no limit", checkManyBlobRepositories},
		check{"lists/Uploads shows the open sessions", checkUploads},
		check{"lists/Uploads shows one moment", checkUploadsMoment},
		check{"lists/Uploads has no limit", checkManyUploads},
		check{"lists/unknown repositories", checkListsUnknown},
	)
}

// listing is a sorted list of the Store.
type listing struct {
	method  string
	promise promise
	fill    func(*tester) filling
	fillAll func(*tester) []string // with many entries, which it returns in order
	list    func(t *tester, after string, visit func(string) bool) shown
}

// filling is the content of a list: keys in bytewise order, each of which can be added and removed.
type filling struct {
	keys   []string
	add    func(i int)
	remove func(i int)
}

func listings() []listing {
	return []listing{
		{"Repositories", listsRepositories, fillRepositories, manyRepositories, func(t *tester, after string, visit func(string) bool) shown {
			return t.repositories(after, visit).shown
		}},
		{"Tags", listsTags, fillTags, manyTags, func(t *tester, after string, visit func(string) bool) shown {
			return t.tags(app, after, visit).shown
		}},
		{"Manifests", listsManifests, fillManifests, manyManifests, func(t *tester, after string, visit func(string) bool) shown {
			return t.manifests(app, digest.Digest(after), visit).shown
		}},
		{"Referrers", listsReferrers, fillManifests, manyManifests, func(t *tester, after string, visit func(string) bool) shown {
			return t.referrers(app, t.subject(), digest.Digest(after), visit).shown
		}},
		{"Blobs", listsBlobs, fillBlobs, manyBlobs, func(t *tester, after string, visit func(string) bool) shown {
			return t.blobs(app, digest.Digest(after), visit).shown
		}},
	}
}

// mounts is the list of the repositories that a blob is mounted into, put in order.
func mounts() listing {
	return listing{method: "BlobRepositories", promise: listsBlobRepositories, fill: fillMounts,
		list: func(t *tester, _ string, visit func(string) bool) shown {
			l := t.blobRepositories(t.digest("content"), visit)
			slices.Sort(l.keys)
			return l.shown
		}}
}

func fillMounts(t *tester) filling {
	d := t.push(app, "content")
	keys := []string{"a", "a-b", "a.b", "a/b", "a0", "a_b", "aa", "b"}
	return filling{keys: keys, add: func(i int) { t.mountBlob(keys[i], d, app).succeeds(mountsBlob) }}
}

func fillRepositories(t *tester) filling {
	keys := []string{"a", "a-b", "a.b", "a/b", "a0", "a_b", "aa", "b"}
	return filling{keys: keys, add: func(i int) { t.push(keys[i], "content") }}
}

func fillTags(t *tester) filling {
	keys := []string{"1-0", "1.0", "10", "9", "B", "_", "a", "b"}
	return filling{
		keys:   keys,
		add:    func(i int) { t.put(app, t.newManifest(keys[i], keys[i])) },
		remove: func(i int) { t.deleteManifest(app, keys[i], registry.Precondition{}).succeeds(deletesManifest) },
	}
}

func fillManifests(t *tester) filling {
	manifests := t.sortedManifests(8, t.subject())
	keys := make([]string, len(manifests))
	for i, m := range manifests {
		keys[i] = string(m.Descriptor.Digest)
	}
	return filling{
		keys:   keys,
		add:    func(i int) { t.put(app, manifests[i]) },
		remove: func(i int) { t.deleteManifest(app, keys[i], registry.Precondition{}).succeeds(deletesManifest) },
	}
}

func fillBlobs(t *tester) filling {
	contents := map[string]string{}
	var keys []string
	for i := range 8 {
		content := fmt.Sprintf("blob %d%s", i, strings.Repeat("x", 7*i%5))
		key := string(algorithmOf(i).FromString(content))
		keys, contents[key] = append(keys, key), content
	}
	slices.Sort(keys)
	return filling{
		keys:   keys,
		add:    func(i int) { t.pushAs(app, contents[keys[i]], digest.Digest(keys[i]).Algorithm()) },
		remove: func(i int) { t.deleteBlob(app, digest.Digest(keys[i])).succeeds(deletesBlob) },
	}
}

// many is the number of entries of a list that is to have no limit.
const many = 1001

// inParallel calls f for each of the many entries.
func (t *tester) inParallel(f func(i int)) {
	t.parallel(racers, func(racer int) {
		for i := racer; i < many; i += racers {
			f(i)
		}
	})
}

func manyRepositories(t *tester) []string {
	keys := []string{app}
	d := t.push(app, "content")
	for i := range many {
		keys = append(keys, fmt.Sprintf("%s%d", []string{"m/", "m", "m-", "m/a/"}[i%4], i))
	}
	t.inParallel(func(i int) { t.mountBlob(keys[i+1], d, app).succeeds(mountsBlob) })
	return slices.Sorted(slices.Values(keys))
}

// manyTags are in another order if they are compared as numbers or regardless of
// case.
func manyTags(t *tester) []string {
	var keys []string
	for i := range many {
		keys = append(keys, fmt.Sprintf([]string{"v%d", "V%d", "%d", "v%04d.0", "_%d", "v-%d"}[i%6], i/6))
	}
	t.put(app, t.newManifest("image", keys...))
	return slices.Sorted(slices.Values(keys))
}

func manyManifests(t *tester) []string {
	keys := make([]string, many)
	t.inParallel(func(i int) { keys[i] = string(t.put(app, t.referrer(fmt.Sprint(i), t.subject()))) })
	return slices.Sorted(slices.Values(keys))
}

func manyBlobs(t *tester) []string {
	keys := make([]string, many)
	t.inParallel(func(i int) { keys[i] = string(t.pushAs(app, fmt.Sprint(i), algorithmOf(i))) })
	return slices.Sorted(slices.Values(keys))
}

// addAll adds the entries in an order that is not theirs.
func (f filling) addAll(indices ...int) []string {
	var keys []string
	for _, i := range slices.Backward(indices) {
		if i%2 == 0 {
			f.add(i)
		}
	}
	for _, i := range indices {
		if i%2 == 1 {
			f.add(i)
		}
		keys = append(keys, f.keys[i])
	}
	return keys
}

func (l listing) checkSorted(t *tester) {
	f := l.fill(t)
	keys := f.addAll(0, 1, 2, 3, 4, 5, 6, 7)
	l.list(t, "", all).shows(l.promise, keys)
}

func (l listing) checkAfter(t *tester) {
	f := l.fill(t)
	keys := f.addAll(1, 3, 4, 6)
	for i, key := range f.keys {
		first := slices.IndexFunc(keys, func(k string) bool { return k > key })
		if first < 0 {
			first = len(keys)
		}
		l.list(t, f.keys[i], all).shows(l.promise, keys[first:])
	}
}

func (l listing) checkEnds(t *tester) {
	f := l.fill(t)
	keys := f.addAll(0, 1, 2, 3, 4, 5, 6, 7)
	for taken := 1; taken <= len(keys); taken++ {
		n := 0
		l.list(t, "", func(string) bool { n++; return n < taken }).shows(oneMoment, keys[:taken])
	}
	f.add(0) // nothing is left locked
	l.list(t, "", all).shows(l.promise, keys)
}

// checkAgain loops over each list three times, once within another loop over it.
func (l listing) checkAgain(t *tester) {
	f := l.fill(t)
	keys := f.addAll(0, 1, 2, 3, 4)
	again := *t
	again.loops = 2
	l.list(&again, "", all).shows(unlimited, keys)
	l.list(&again, keys[1], all).shows(unlimited, keys[2:])
}

// checkMany takes the list as a whole and by pages.
func (l listing) checkMany(t *tester) {
	keys := l.fillAll(t)
	l.list(t, "", all).shows(unlimited, keys)
	after := ""
	var pages shown
	for n, left := 0, keys; len(left) > 0; left = left[n:] {
		n = min(300, len(left))
		taken := 0
		pages = l.list(t, after, func(string) bool { taken++; return taken < n })
		pages.shows(l.promise, left[:n])
		after = left[n-1]
	}
	l.list(t, after, all).shows(l.promise, nil)
}

// checkGrowing adds an entry before and then one after those that are there, in
// the middle of the loop. The list began before, so it can show neither: with the
// later one it would have to show the earlier one too.
func (l listing) checkGrowing(t *tester) {
	f := l.fill(t)
	keys := f.addAll(2, 4, 5)
	grown := false
	l.list(t, "", func(string) bool {
		if !grown {
			f.add(0)
			f.add(7)
			grown = true
			l.list(t, "", all).shows(l.promise, []string{f.keys[0], f.keys[2], f.keys[4], f.keys[5], f.keys[7]})
		}
		return true
	}).shows(oneMoment, keys)
}

// checkShrinking removes the current entry and then one that was not listed yet: the list contains
// the first, so it must contain the second.
func (l listing) checkShrinking(t *tester) {
	f := l.fill(t)
	keys := f.addAll(1, 2, 3, 4)
	shrunk := false
	l.list(t, "", func(string) bool {
		if !shrunk {
			f.remove(1)
			f.remove(3)
			shrunk = true
		}
		return true
	}).shows(oneMoment, keys)
	l.list(t, "", all).shows(l.promise, []string{f.keys[2], f.keys[4]})
}

// checkPushing pushes pairs: the first sorts before all existing entries and the second after them.
// A list must show the state at one moment, and never an earlier state than before.
func (l listing) checkPushing(t *tester) {
	t.put(app, t.newManifest("so that the repository exists"))
	f := l.fill(t)
	before := l.list(t, "", all).keys
	order := []int{3, 4, 2, 5, 1, 6, 0, 7}
	for pushed := 0; pushed < len(order); pushed += 2 {
		t.parallel(1+racers, func(i int) {
			if i == 0 {
				f.add(order[pushed])
				f.add(order[pushed+1])
				return
			}
			last := pushed
			for range rounds / 4 {
				shown := l.list(t, "", all)
				shown.succeeds(oneMoment)
				step := f.stepOf(shown.keys, before, order)
				if step < last {
					shown.violates(oneMoment, fmt.Sprintf("%q", shown.keys), "all that was pushed up to one moment, and no less than before")
					return
				}
				last = step
			}
		})
	}
}

// stepOf returns the number of steps that explain the added entries of a list, or -1 if there is
// none.
func (f filling) stepOf(shown, before []string, order []int) int {
	keys := slices.Clone(before)
	for step := 0; ; step++ {
		slices.Sort(keys)
		if slices.Equal(shown, keys) {
			return step
		}
		if step == len(order) {
			return -1
		}
		keys = append(keys, f.keys[order[step]])
	}
}

func checkTagDigests(t *tester) {
	one, two := t.newManifest("one", "a", "c"), t.inOther(t.newManifest("two", "b"))
	t.put(app, one)
	t.put(app, two)
	t.put(lib, t.newManifest("three", "a", "d"))
	t.hasTags(tagHas, app, map[string]digest.Digest{"a": one.Descriptor.Digest, "b": two.Descriptor.Digest, "c": one.Descriptor.Digest})
	t.put(app, t.newManifest("four"))
	t.deleteManifest(app, "a", registry.Precondition{}).succeeds(deletesManifest)
	t.hasTags(listsTags, app, map[string]digest.Digest{"b": two.Descriptor.Digest, "c": one.Descriptor.Digest})
}

func checkManifestDescriptors(t *tester) {
	plain := t.referrer("plain", t.subject())
	plain.Descriptor.ArtifactType, plain.Descriptor.Annotations = "", nil
	index := t.referrer("index", t.subject())
	index.Descriptor.MediaType = ocispec.MediaTypeImageIndex
	put := map[digest.Digest]registry.PutManifest{}
	for _, m := range []registry.PutManifest{plain, index, t.inOther(t.referrer("image", t.subject()))} {
		put[t.put(app, m)] = m
	}
	l := t.referrers(app, t.subject(), "", all)
	l.hasLength(listsReferrers, len(put))
	for _, got := range l.entries {
		l.sameDescriptor(listsReferrers, got, put[got.Digest].Descriptor)
	}
	l = t.manifests(app, "", all)
	l.hasLength(listsManifests, len(put))
	for _, got := range l.entries {
		want := put[got.Digest].Descriptor
		if got.MediaType != want.MediaType || got.Digest != want.Digest || got.Size != want.Size {
			l.violates(listsManifests, fmt.Sprintf("descriptor %+v", got), fmt.Sprintf("%+v", want))
		}
	}
}

func checkBlobDescriptors(t *tester) {
	sizes := map[digest.Digest]int64{}
	for i, content := range []string{"", "x", random(mebibyte + 7)} {
		sizes[t.pushAs(app, content, algorithmOf(i))] = int64(len(content))
	}
	s := t.newUpload(app)
	s.append(chunk("hello ")).succeeds(appends)
	s.append(chunk("wor")).succeeds(appends)
	s.commit(chunk("ld"), t.digest("hello world")).succeeds(commits)
	t.mountBlob(app, t.push(lib, "mounted"), lib).succeeds(mountsBlob)
	sizes[t.digest("hello world")], sizes[t.digest("mounted")] = 11, 7
	l := t.blobs(app, "", all)
	l.hasLength(listsBlobs, len(sizes))
	for _, got := range l.entries {
		if want, ok := sizes[got.Digest]; !ok || got.Size != want {
			l.violates(listsBlobs, fmt.Sprintf("%s of %d bytes", got.Digest, got.Size), fmt.Sprintf("%d bytes", want))
		}
	}
}

func checkReferrersOfSubject(t *tester) {
	other := t.digest("another subject")
	a := t.put(app, t.referrer("a", t.subject()))
	b := t.put(app, t.referrer("b", other))
	t.put(app, t.newManifest("no referrer"))
	inLib := t.put(lib, t.referrer("in lib", t.subject()))
	t.referrers(app, t.subject(), "", all).shows(hasSubject, []string{string(a)})
	t.referrers(app, other, "", all).shows(hasSubject, []string{string(b)})
	t.referrers(lib, t.subject(), "", all).shows(visible, []string{string(inLib)})
	t.referrers(app, a, "", all).shows(listsReferrers, nil)
	both := t.other().FromString("subject") // of the same content, by the other algorithm
	t.referrers(app, both, "", all).shows(listsReferrers, nil)
	c := t.put(app, t.referrer("c", both))
	t.referrers(app, both, "", all).shows(hasSubject, []string{string(c)})
	t.referrers(app, t.subject(), "", all).shows(hasSubject, []string{string(a)})
	// A referrer may itself be one's subject.
	nested := t.put(app, t.referrer("nested", a))
	t.referrers(app, a, "", all).shows(listsReferrers, []string{string(nested)})
}

func checkBlobRepositories(t *tester) {
	d := t.push(app, "content")
	t.blobRepositories(d, all).showsInAnyOrder(listsBlobRepositories, []string{app})
	t.push(lib, "content")
	t.mountBlob("storetest/mounted", d, lib).succeeds(mountsBlob)
	t.push("storetest/without", "other content")
	t.blobRepositories(d, all).showsInAnyOrder(listsBlobRepositories, []string{app, lib, "storetest/mounted"})
	t.deleteBlob(app, d).succeeds(deletesBlob)
	t.blobRepositories(d, all).showsInAnyOrder(listsBlobRepositories, []string{lib, "storetest/mounted"})
	t.blobRepositories(t.digest("never pushed"), all).showsInAnyOrder(listsBlobRepositories, nil)
	t.blobRepositories(d, func(string) bool { return false }).hasLength(oneMoment, 1)
	t.blobRepositories(t.push(app, ""), all).showsInAnyOrder(listsBlobRepositories, []string{app})
}

// checkBlobRepositoriesMoment deletes the blob from the listed repository, and then mounts it into
// another one.
func checkBlobRepositoriesMoment(t *tester) {
	d := t.push(app, "content")
	t.push(lib, "content")
	changed := false
	t.blobRepositories(d, func(repo string) bool {
		if !changed {
			other := lib
			if repo == lib {
				other = app
			}
			t.deleteBlob(repo, d).succeeds(deletesBlob)
			t.mountBlob("storetest/third", d, other).succeeds(mountsBlob)
			t.mountBlob("a", d, other).succeeds(mountsBlob)
			t.deleteBlob(other, d).succeeds(deletesBlob)
			changed = true
		}
		return true
	}).showsInAnyOrder(oneMoment, []string{app, lib})
	t.blobRepositories(d, all).showsInAnyOrder(listsBlobRepositories, []string{"a", "storetest/third"})
}

func checkManyBlobRepositories(t *tester) {
	repositories := manyRepositories(t)
	l := t.blobRepositories(t.digest("content"), all)
	l.showsInAnyOrder(unlimited, repositories)
	again := *t
	again.loops = 2
	again.blobRepositories(t.digest("content"), all).showsInAnyOrder(unlimited, repositories)
}

func checkManyUploads(t *tester) {
	ids := make([]string, 101)
	t.parallel(len(ids), func(i int) { ids[i] = t.newUpload(app).ID() })
	if slices.Sort(ids); len(slices.Compact(slices.Clone(ids))) < len(ids) {
		(&call{t: t, method: "NewUpload", repo: app}).violates(identifies, "the same identifier twice", "different identifiers")
	}
	again := *t
	again.loops = 2
	for _, repo := range []string{app, ""} {
		again.uploads(repo, all).showsInAnyOrder(unlimited, ids)
	}
}

func checkUploads(t *tester) {
	t.uploads(app, all).showsInAnyOrder(listsUploads, nil)
	var open []string
	for range 5 {
		open = append(open, t.newUpload(app).ID())
	}
	elsewhere := t.newUpload(lib).ID()
	t.uploads(app, all).showsInAnyOrder(listsUploads, open)
	t.uploads("", all).showsInAnyOrder(listsUploads, append([]string{elsewhere}, open...))
	cancelled, c := t.openUpload(app, open[0])
	c.succeeds(findsUpload)
	cancelled.cancel().succeeds(cancels)
	committed, c := t.openUpload(app, open[1])
	c.succeeds(findsUpload)
	committed.commit(chunk("content"), t.digest("content")).succeeds(commits)
	kept, c := t.openUpload(app, open[2])
	c.succeeds(findsUpload)
	kept.commit(chunk("content"), t.digest("other content")).fails(commitFails, registry.DigestInvalid)
	t.uploads(app, all).showsInAnyOrder(listsUploads, open[2:])
	n := 0
	t.uploads(app, func(string) bool { n++; return n < 2 }).hasLength(listsUploads, 2)
}

// checkUploadsMoment cancels the listed session, and then the others.
func checkUploadsMoment(t *tester) {
	open := map[string]session{}
	for range 3 {
		s := t.newUpload(app)
		open[s.ID()] = s
	}
	before := slices.Collect(maps.Keys(open))
	t.uploads(app, func(id string) bool {
		if len(open) == len(before) {
			open[id].cancel().succeeds(cancels)
			delete(open, id)
			for _, s := range open {
				s.cancel().succeeds(cancels)
			}
			t.newUpload(app)
		}
		return true
	}).showsInAnyOrder(oneMoment, before)
}

func checkListsUnknown(t *tester) {
	t.repositories("", all).shows(listsRepositories, nil)
	for range 2 {
		t.tags(lib, "", all).fails(tagsFail, registry.NameUnknown)
		t.manifests(lib, "", all).shows(manifestsOfNone, nil)
		t.referrers(lib, t.subject(), "", all).shows(referrersOfNone, nil)
		t.blobs(lib, "", all).shows(blobsOfNone, nil)
		t.uploads(lib, all).shows(listsUploads, nil)
		t.put(app, t.referrer("image", t.subject(), "v1"))
		t.push(app, "content")
		t.newUpload(app)
	}
	t.repositories("", all).shows(listsRepositories, []string{app})
}

// shown are the listed entries, by the name or digest by which they are sorted.
type shown struct {
	*call
	keys []string
}

// shows checks a sorted list.
func (s shown) shows(p promise, keys []string) {
	s.succeeds(p)
	if !slices.Equal(s.keys, keys) {
		s.violates(p, fmt.Sprintf("%q", s.keys), fmt.Sprintf("%q", keys))
	}
}

// showsInAnyOrder checks an unsorted list.
func (s shown) showsInAnyOrder(p promise, keys []string) {
	s.keys = slices.Sorted(slices.Values(s.keys))
	s.shows(p, slices.Sorted(slices.Values(keys)))
}

// hasLength ends the check unless the list has n entries.
func (s shown) hasLength(p promise, n int) {
	s.succeeds(p)
	if len(s.keys) != n {
		s.violates(p, fmt.Sprintf("%d entries: %q", len(s.keys), s.keys), fmt.Sprintf("%d entries", n))
		panic(abort{})
	}
}

// list is a result of a list method.
type list[T any] struct {
	shown
	entries []T
}

// all is a visitor that reads the whole list.
func all(string) bool { return true }

// take calls a list method and reads entries until visit returns false.
func take[T any](t *tester, method, repo, with string, visit func(string) bool, key func(T) string, seq func() iter.Seq2[T, error]) list[T] {
	l := list[T]{}
	l.call = t.call(method, repo, with, func() (err error) {
		c := &call{t: t, method: method, repo: repo, with: with}
		s := seq()
		loops := make([][]string, 2*t.loops) // what was seen by those before
		for i := range t.loops {
			_ = loop(c, s, func(entry T) bool {
				if loops[2*i] == nil {
					_ = loop(c, s, func(inner T) bool { loops[2*i+1] = append(loops[2*i+1], key(inner)); return true })
				}
				loops[2*i] = append(loops[2*i], key(entry))
				return true
			})
		}
		err = loop(c, s, func(entry T) bool {
			l.entries, l.keys = append(l.entries, entry), append(l.keys, key(entry))
			return visit(key(entry))
		})
		for _, keys := range loops {
			if !slices.Equal(keys, l.keys) {
				c.violates(unlimited, fmt.Sprintf("%q in one loop", keys), fmt.Sprintf("%q, as in another", l.keys))
				break
			}
		}
		return err
	})
	return l
}

// loop loops over a list until visit returns false.
func loop[T any](c *call, s iter.Seq2[T, error], visit func(T) bool) (err error) {
	ended := false
	s(func(entry T, problem error) bool {
		if ended {
			c.violates(oneMoment, "one more entry", "none after the loop was left")
			panic(abort{})
		}
		if problem != nil {
			err, ended = problem, true
			return false
		}
		ended = !visit(entry)
		return !ended
	})
	return err
}

func itself(s string) string               { return s }
func tagName(t registry.Tag) string        { return t.Name }
func digestOf(d ocispec.Descriptor) string { return string(d.Digest) }

func (t *tester) repositories(after string, visit func(string) bool) list[string] {
	return take(t, "Repositories", "", fmt.Sprintf("after %q", after), visit, itself, func() iter.Seq2[string, error] {
		return t.store.Repositories(t.ctx, after)
	})
}

func (t *tester) tags(repo, after string, visit func(string) bool) list[registry.Tag] {
	return take(t, "Tags", repo, fmt.Sprintf("after %q", after), visit, tagName, func() iter.Seq2[registry.Tag, error] {
		return t.store.Tags(t.ctx, repo, after)
	})
}

func (t *tester) manifests(repo string, after digest.Digest, visit func(string) bool) list[ocispec.Descriptor] {
	return take(t, "Manifests", repo, fmt.Sprintf("after %q", after), visit, digestOf, func() iter.Seq2[ocispec.Descriptor, error] {
		return t.store.Manifests(t.ctx, repo, after)
	})
}

func (t *tester) referrers(repo string, subject, after digest.Digest, visit func(string) bool) list[ocispec.Descriptor] {
	with := fmt.Sprintf("subject %s, after %q", subject, after)
	return take(t, "Referrers", repo, with, visit, digestOf, func() iter.Seq2[ocispec.Descriptor, error] {
		return t.store.Referrers(t.ctx, repo, subject, after)
	})
}

func (t *tester) blobs(repo string, after digest.Digest, visit func(string) bool) list[ocispec.Descriptor] {
	return take(t, "Blobs", repo, fmt.Sprintf("after %q", after), visit, digestOf, func() iter.Seq2[ocispec.Descriptor, error] {
		return t.store.Blobs(t.ctx, repo, after)
	})
}

func (t *tester) blobRepositories(d digest.Digest, visit func(string) bool) list[string] {
	return take(t, "BlobRepositories", "", string(d), visit, itself, func() iter.Seq2[string, error] {
		return t.store.BlobRepositories(t.ctx, d)
	})
}

func (t *tester) uploads(repo string, visit func(string) bool) list[string] {
	return take(t, "Uploads", repo, "", visit, itself, func() iter.Seq2[string, error] {
		return t.store.Uploads(t.ctx, repo)
	})
}
