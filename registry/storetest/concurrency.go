package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/ocifake/ocifake/registry"
)

// rounds is the number of repetitions of a race, and racers the number of its participants.
const (
	rounds = 20
	racers = 4
)

func concurrencyChecks() []check {
	return []check{
		{"concurrency/nothing waits for a body that is appended", checkStalledAppend},
		{"concurrency/nothing waits for a body that is committed", checkStalledCommit},
		{"concurrency/nothing waits for a writer", checkStalledWriter},
		{"concurrency/a blob that is being read is deleted", checkDeleteWhileReading},
		{"concurrency/pushes of one blob", checkPushOneBlob},
		{"concurrency/pushes of many blobs", checkPushManyBlobs},
		{"concurrency/one blob is deleted once", checkDeleteOnce},
		{"concurrency/a mount meets a delete", checkMountMeetsDelete},
		{"concurrency/chunks for one place", checkAppendRace},
		{"concurrency/chunks for any place", checkAppendAnywhere},
		{"concurrency/commits of one session", checkCommitRace},
		{"concurrency/a commit meets a cancel", checkCommitMeetsCancel},
		{"concurrency/pushes of one tag", checkPushOneTag},
		{"concurrency/an immutable tag is set once", checkImmutableRace},
		{"concurrency/a precondition holds once", checkPreconditionRace},
		{"concurrency/a delete meets a tag that moves", checkDeleteMeetsMove},
		{"concurrency/a commit meets a chunk", checkCommitMeetsAppend},
		{"concurrency/one manifest is deleted once", checkDeleteManifestOnce},
		{"concurrency/a manifest meets the delete of its blob", checkPutMeetsDeleteBlob},
		{"concurrency/a manifest meets the delete of its child", checkPutMeetsDeleteManifest},
		{"concurrency/references exist at one moment", checkReferencesAtOnce},
		{"concurrency/tags set together are seen together", checkTagsTogether},
		{"concurrency/a manifest comes and goes everywhere at once", checkManifestViews},
		{"concurrency/a blob comes and goes everywhere at once", checkBlobViews},
	}
}

// everything calls each method once. Concurrent calls use different content.
func (t *tester) everything(repo, name string) {
	d := t.push(repo, name)
	t.hasBlob(noWaiting, repo, d, name)
	t.mountBlob(repo+"/mounted", d, repo).succeeds(noWaiting)
	s := t.newUpload(repo)
	again, c := t.openUpload(repo, s.ID())
	c.succeeds(noWaiting)
	again.append(chunk(name)).succeeds(noWaiting)
	s.cancel().succeeds(noWaiting)
	m := t.referrer(name, t.subject(), name)
	m.Require = []registry.Reference{t.asBlob(name)}
	t.put(repo, m)
	t.hasManifest(noWaiting, repo, name, m)
	t.repositories("", all).succeeds(noWaiting)
	t.tags(repo, "", all).succeeds(noWaiting)
	t.manifests(repo, "", all).succeeds(noWaiting)
	t.referrers(repo, t.subject(), "", all).succeeds(noWaiting)
	t.blobs(repo, "", all).succeeds(noWaiting)
	t.blobRepositories(d, all).succeeds(noWaiting)
	t.uploads(repo, all).succeeds(noWaiting)
	t.deleteManifest(repo, name, registry.Precondition{}).succeeds(noWaiting)
	t.deleteManifest(repo, string(m.Descriptor.Digest), registry.Precondition{}).succeeds(noWaiting)
	t.deleteBlob(repo, d).succeeds(noWaiting)
}

// whileStalled calls everything while write is stalled, and then releases write.
func (t *tester) whileStalled(write func(), s *stalled) {
	written := t.spawn(write)
	t.wait(s.stuck)
	t.spawn(func() { t.everything(app, "same") })()
	t.spawn(func() { t.everything(lib, "other") })()
	s.release()
	written()
}

func checkStalledAppend(t *tester) {
	s := t.newUpload(app)
	body := t.newStalled("hello ", "world")
	t.whileStalled(func() { s.append(body.chunk()).succeeds(appends) }, body)
	s.commit(registry.Chunk{}, t.digest("hello world")).succeeds(commits)
	t.hasBlob(appends, app, t.digest("hello world"), "hello world")
}

func checkStalledCommit(t *tester) {
	s := t.newUpload(app)
	body := t.newStalled("hello ", "world")
	d := t.digest("hello world")
	t.whileStalled(func() { s.commit(body.chunk(), d).succeeds(commits) }, body)
	t.hasBlob(commits, app, d, "hello world")
}

func checkStalledWriter(t *tester) {
	content := random(mebibyte + 7)
	b := t.open(opensBlob, app, t.push(app, content))
	w := t.newStalled("", "")
	t.whileStalled(func() { b.writesTo(noWaiting, w, &w.got, content, 0, int64(len(content))) }, w)
	b.close()
}

func checkDeleteWhileReading(t *tester) {
	content := random(2*mebibyte + 7)
	d := t.push(app, content)
	b := t.open(opensBlob, app, d)
	w := t.newStalled("", "")
	written := t.spawn(func() { b.writesTo(openStaysReadable, w, &w.got, content, 0, int64(len(content))) })
	t.wait(w.stuck)
	t.deleteBlob(app, d).succeeds(deletesBlob)
	t.hasNoBlob(deletesBlob, app, d)
	t.push(app, random(2*mebibyte + 8)[1:]) // may take the room of what is freed
	w.release()
	written()
	b.close()
}

func checkPushOneBlob(t *tester) {
	for i := range rounds {
		content := fmt.Sprint("round ", i)
		t.parallel(racers, func(i int) {
			repo := []string{app, lib}[i%2]
			t.hasBlob(commits, repo, t.push(repo, content), content)
		})
		t.blobRepositories(t.digest(content), all).showsInAnyOrder(safe, []string{app, lib})
	}
	for _, repo := range []string{app, lib} {
		t.blobs(repo, "", all).hasLength(safe, rounds)
	}
}

func checkPushManyBlobs(t *tester) {
	large := random(mebibyte + 7)
	t.parallel(racers, func(i int) {
		for n := range 4 {
			content := large[4*i+n:]
			repo := fmt.Sprintf("%s%d", app, i%2)
			s := t.newUploadFor(repo, algorithmOf(n))
			s.append(chunk(content[:700_000])).succeeds(appends)
			d := algorithmOf(n).FromString(content)
			s.commit(chunkAt(700_000, content[700_000:]), d).succeeds(commits)
			t.hasBlob(safe, repo, d, content)
		}
	})
	t.blobs(app+"0", "", all).hasLength(safe, 8)
	t.repositories("", all).shows(safe, []string{app + "0", app + "1"})
}

// race runs concurrent calls and returns the number of successes. Failures must have one of the
// causes.
func (t *tester) race(p promise, f func(i int) *call, causes ...registry.Cause) []int {
	var mu sync.Mutex
	var won []int
	t.parallel(racers, func(i int) {
		c := f(i)
		if c.err != nil {
			c.fails(p, causes...)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		won = append(won, i)
	})
	return won
}

// raceForOne is a race in which exactly one call must succeed.
func (t *tester) raceForOne(p promise, f func(i int) *call, causes ...registry.Cause) (winner int) {
	var last *call
	var mu sync.Mutex
	won := t.race(p, func(i int) *call {
		c := f(i)
		mu.Lock()
		defer mu.Unlock()
		last = c
		return c
	}, causes...)
	if len(won) != 1 {
		last.violates(p, fmt.Sprintf("%d of %d such calls at once succeeded", len(won), racers), "one")
		panic(abort{})
	}
	return won[0]
}

// both runs two functions concurrently, and alternates which one starts first.
func (t *tester) both(round int, f, g func()) {
	t.parallel(2, func(i int) {
		if (i+round)%2 == 0 {
			f()
		} else {
			g()
		}
	})
}

func checkDeleteOnce(t *tester) {
	for i := range rounds {
		d := t.push(app, fmt.Sprint("round ", i))
		t.raceForOne(deleteBlobFails, func(int) *call { return t.deleteBlob(app, d) }, registry.BlobUnknown)
	}
}

func checkMountMeetsDelete(t *tester) {
	for i := range rounds {
		content := fmt.Sprint("round ", i)
		d := t.push(app, content)
		var mount *call
		t.both(i, func() { mount = t.mountBlob(lib, d, app) }, func() { t.deleteBlob(app, d).succeeds(deletesBlob) })
		if mount.err == nil {
			t.hasBlob(mountsBlob, lib, d, content)
		} else {
			mount.fails(mountFails, registry.BlobUnknown)
			t.hasNoBlob(mountFails, lib, d)
		}
		t.hasNoBlob(deletesBlob, app, d)
	}
}

func checkAppendRace(t *tester) {
	for range rounds {
		s := t.newUpload(app)
		s.append(chunk("held ")).succeeds(appends)
		content := func(i int) string { return fmt.Sprint("by ", i) }
		winner := t.raceForOne(oneAtATime, func(i int) *call { return s.append(chunkAt(5, content(i))) }, registry.UploadRange)
		s.unchanged(oneAtATime, "held "+content(winner), " and more")
	}
}

func checkAppendAnywhere(t *tester) {
	for range rounds {
		s := t.newUpload(app)
		won := t.race(oneAtATime, func(int) *call { return s.append(chunk("same ")) }, registry.UploadRange)
		content := ""
		for range won {
			content += "same "
		}
		s.unchanged(oneAtATime, content, "end")
	}
}

func checkCommitRace(t *tester) {
	for i := range rounds {
		content := fmt.Sprint("round ", i)
		s := t.newUpload(app)
		s.append(chunk(content)).succeeds(appends)
		d := t.digest(content)
		t.raceForOne(commits, func(int) *call { return s.commit(registry.Chunk{}, d) }, registry.UploadRange, registry.UploadUnknown)
		t.hasBlob(commits, app, d, content)
		s.isGone(commits)
	}
}

func checkCommitMeetsCancel(t *tester) {
	for i := range rounds {
		content := fmt.Sprint("round ", i)
		s := t.newUpload(app)
		d := t.digest(content)
		var committed, cancelled *call
		t.both(i, func() { committed = s.commit(chunk(content), d) }, func() { cancelled = s.cancel() })
		if committed.err == nil {
			cancelled.fails(cancelFails, registry.UploadUnknown)
			t.hasBlob(commits, app, d, content)
		} else {
			committed.fails(cancelsRunning, registry.UploadUnknown)
			cancelled.succeeds(cancels)
			t.hasNoBlob(cancels, app, d)
		}
		s.isGone(cancels)
	}
}

// numbered are manifests that race for a tag.
func (t *tester) numbered(n int, tags ...string) []registry.PutManifest {
	manifests := make([]registry.PutManifest, n)
	for i := range manifests {
		manifests[i] = t.newManifest(fmt.Sprint("racer ", i), tags...)
	}
	return manifests
}

// checkPushOneTag reads a tag while the same number of goroutines push it: each read returns one of
// the manifests.
func checkPushOneTag(t *tester) {
	racing := t.numbered(racers, "latest")
	first := t.newManifest("first", "latest")
	t.put(app, first)
	seen := slices.Concat(racing, []registry.PutManifest{first})
	look := func() {
		got, c := t.manifest(app, "latest")
		c.succeeds(setsTags)
		i := slices.IndexFunc(seen, func(m registry.PutManifest) bool { return m.Descriptor.Digest == got.Descriptor.Digest })
		if i < 0 || string(got.Content) != string(seen[i].Content) {
			c.violates(setsTags, fmt.Sprintf("%s: %s", got.Descriptor.Digest, describe(string(got.Content))), "one of the manifests that were put")
		}
		t.tags(app, "", all).shows(setsTags, []string{"latest"})
	}
	t.parallel(2*racers, func(i int) {
		for range rounds {
			if i < racers {
				t.put(app, racing[i])
			} else {
				look()
			}
		}
	})
	look()
	t.manifests(app, "", all).hasLength(safe, racers+1)
}

func checkImmutableRace(t *tester) {
	for i := range rounds {
		tag := fmt.Sprint("v", i)
		racing := t.numbered(racers, tag)
		winner := t.raceForOne(immutableTags, func(i int) *call {
			racing[i].ImmutableTags = true
			return t.putManifest(app, racing[i])
		}, registry.TagImmutable)
		t.hasManifest(immutableTags, app, tag, racing[winner])
	}
}

// checkPreconditionRace creates a tag concurrently, if it does not exist, and then moves it with a
// precondition on its value.
func checkPreconditionRace(t *tester) {
	for i := range rounds {
		tag := fmt.Sprint("v", i)
		asked := registry.Precondition{IfNoneMatch: []string{"*"}}
		for step := range 2 {
			racing := make([]registry.PutManifest, racers)
			winner := t.raceForOne(judgesRef, func(i int) *call {
				racing[i] = t.newManifest(fmt.Sprint("step ", step, " racer ", i), tag)
				racing[i].Ref, racing[i].Precondition = tag, asked
				return t.putManifest(app, racing[i])
			}, registry.PreconditionFailed)
			t.hasManifest(judgesRef, app, tag, racing[winner])
			asked = registry.Precondition{IfMatch: []string{string(racing[winner].Descriptor.Digest)}}
		}
	}
}

// checkDeleteMeetsMove moves a tag while it is deleted from where it was: it is
// never deleted from where it is then.
func checkDeleteMeetsMove(t *tester) {
	for i := range rounds {
		old, moved := t.newManifest(fmt.Sprint("old ", i), "latest"), t.newManifest(fmt.Sprint("new ", i), "latest")
		t.put(app, old)
		var deleted *call
		t.both(i, func() { t.put(app, moved) }, func() {
			deleted = t.deleteManifest(app, "latest", registry.Precondition{IfMatch: []string{string(old.Descriptor.Digest)}})
		})
		if deleted.err != nil {
			deleted.fails(deleteFails, registry.PreconditionFailed)
		}
		t.hasManifest(decides, app, "latest", moved)
	}
}

// checkCommitMeetsAppend commits what a session holds while a chunk is added.
func checkCommitMeetsAppend(t *tester) {
	for i := range rounds {
		content := fmt.Sprint("round ", i)
		d := t.digest(content)
		s := t.newUpload(app)
		s.append(chunk(content)).succeeds(appends)
		var committed, appended *call
		t.both(i, func() { committed = s.commit(registry.Chunk{}, d) }, func() { appended = s.append(chunk(" and more")) })
		switch {
		case committed.err == nil:
			appended.fails(appendFails, registry.UploadRange, registry.UploadUnknown)
			t.hasBlob(commits, app, d, content)
			s.isGone(commits)
		case appended.err == nil:
			committed.fails(commitFails, registry.UploadRange, registry.DigestInvalid)
			t.hasNoBlob(commitFails, app, d)
			s.unchanged(oneAtATime, content+" and more", " than that")
		default:
			appended.violates(oneAtATime, "both failed", "one is made")
		}
	}
}

func checkDeleteManifestOnce(t *tester) {
	for i := range rounds {
		m := t.newManifest(fmt.Sprint("round ", i), "v1", "v2")
		for _, ref := range []string{"v1", string(m.Descriptor.Digest)} {
			t.put(app, m)
			t.raceForOne(deleteFails, func(int) *call {
				return t.deleteManifest(app, ref, registry.Precondition{})
			}, registry.ManifestUnknown)
		}
		t.tags(app, "", all).shows(deletesManifest, nil)
	}
}

// putMeets puts a manifest whose reference is deleted concurrently.
func (t *tester) putMeets(round int, r registry.Reference, remove func()) {
	m := t.newManifest(fmt.Sprint("parent ", round), fmt.Sprint("v", round))
	m.Require = []registry.Reference{r}
	var put *call
	t.both(round, func() { put = t.putManifest(app, m) }, remove)
	if put.err == nil {
		t.hasManifest(requires, app, m.Tags[0], m)
		return
	}
	put.fails(requires, registry.ManifestBlobUnknown)
	t.hasNoManifest(requires, app, m.Tags[0])
	t.hasNoManifest(requires, app, string(m.Descriptor.Digest))
}

func checkPutMeetsDeleteBlob(t *tester) {
	for i := range rounds {
		layer := fmt.Sprint("layer ", i)
		d := t.push(app, layer)
		t.putMeets(i, t.asBlob(layer), func() { t.deleteBlob(app, d).succeeds(deletesBlob) })
		t.hasNoBlob(deletesBlob, app, d)
	}
}

func checkPutMeetsDeleteManifest(t *tester) {
	for i := range rounds {
		child := t.newManifest(fmt.Sprint("child ", i))
		d := t.put(app, child)
		t.putMeets(i, asManifest(child), func() {
			t.deleteManifest(app, string(d), registry.Precondition{}).succeeds(deletesManifest)
		})
		t.hasNoManifest(deletesManifest, app, string(d))
	}
}

// checkReferencesAtOnce alternates a layer and a child, which never exist together. A manifest that
// requires both must not be accepted, whichever of its references comes first.
func checkReferencesAtOnce(t *tester) {
	child := t.newManifest("child")
	layer := t.push(app, "layer")
	m := t.newManifest("image", "v1")
	for i := range rounds {
		m.Require = []registry.Reference{t.asBlob("layer"), asManifest(child)}
		replace := func() {
			t.deleteBlob(app, layer).succeeds(deletesBlob)
			t.put(app, child)
		}
		if i%2 == 1 {
			slices.Reverse(m.Require)
			replace = func() {
				t.deleteManifest(app, string(child.Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
				t.push(app, "layer")
			}
		}
		t.both(i/2, func() { t.putManifest(app, m).fails(decides, registry.ManifestBlobUnknown) }, replace)
		t.hasNoManifest(putsManifest, app, "v1")
	}
}

// checkTagsTogether moves three tags in one step, and deletes them with their manifest.
func checkTagsTogether(t *tester) {
	racing := t.numbered(racers, "a", "m", "z")
	t.put(app, racing[0])
	t.parallel(2*racers, func(i int) {
		for n := range rounds {
			if i >= racers {
				t.seesTogether(3)
				continue
			}
			d := t.put(app, racing[i])
			if n%5 == 4 {
				t.deleteManifest(app, string(d), registry.Precondition{}).succeeds(deletesManifest)
			}
		}
	})
}

// seesTogether checks that n tags refer to one manifest, or that none exists.
func (t *tester) seesTogether(n int) {
	l := t.tags(app, "", all)
	l.succeeds(oneMoment)
	apart := len(l.entries) != 0 && len(l.entries) != n
	for _, tag := range l.entries {
		apart = apart || tag.Digest != l.entries[0].Digest
	}
	if apart {
		l.violates(oneMoment, fmt.Sprintf("%v", l.entries), "all tags on one manifest, as they were set, or none")
		panic(abort{})
	}
}

// view is a way to see whether something is there.
type view func(t *tester) (*call, bool)

// views checks that something comes and goes everywhere at once: of those who look
// at it in all ways, one after another, none sees it, or sees it no more, after it
// has gone once. Each round is about something else.
func (t *tester) views(add, remove func(round int), views func(round int) []view) {
	for round := range rounds {
		t.parallel(1+racers, func(i int) {
			if i == 0 {
				add(round)
				remove(round)
				return
			}
			looks := views(round)
			came, went := false, false
			for n := range 5 * len(looks) {
				k := (i + n) % len(looks)
				if i%2 == 0 { // in the other direction
					k = len(looks) - 1 - k
				}
				c, there := looks[k](t)
				if there && went {
					c.violates(decides, "there again after it has gone", "gone")
					panic(abort{})
				}
				came, went = came || there, went || came && !there
			}
		})
		for _, look := range views(round) {
			if c, there := look(t); there {
				c.violates(decides, "there after it was deleted", "gone")
			}
		}
	}
}

// listed looks for an entry in a list.
func listed[T any](l list[T], key string) (*call, bool) {
	return l.call, slices.Contains(l.keys, key)
}

func checkManifestViews(t *tester) {
	m := make([]registry.PutManifest, rounds)
	for i := range m {
		m[i] = t.referrer(fmt.Sprint("round ", i), t.subject(), fmt.Sprint("a", i), fmt.Sprint("z", i))
	}
	t.put(app, t.newManifest("so that the repository exists"))
	t.views(func(round int) { t.put(app, m[round]) }, func(round int) {
		t.deleteManifest(app, string(m[round].Descriptor.Digest), registry.Precondition{}).succeeds(deletesManifest)
	}, func(round int) []view {
		d := string(m[round].Descriptor.Digest)
		views := []view{
			func(t *tester) (*call, bool) { return listed(t.manifests(app, "", all), d) },
			func(t *tester) (*call, bool) { return listed(t.referrers(app, t.subject(), "", all), d) },
			func(t *tester) (*call, bool) { _, c := t.manifest(app, d); return c, c.err == nil },
		}
		for _, tag := range m[round].Tags {
			views = append(views,
				func(t *tester) (*call, bool) { return listed(t.tags(app, "", all), tag) },
				func(t *tester) (*call, bool) { _, c := t.manifest(app, tag); return c, c.err == nil },
			)
		}
		return views
	})
}

func checkBlobViews(t *tester) {
	content := func(round int) string { return fmt.Sprint("round ", round) }
	t.views(func(round int) { t.push(app, content(round)) }, func(round int) {
		t.deleteBlob(app, t.digest(content(round))).succeeds(deletesBlob)
	}, func(round int) []view {
		d := t.digest(content(round))
		return []view{
			func(t *tester) (*call, bool) { return listed(t.blobs(app, "", all), string(d)) },
			func(t *tester) (*call, bool) { return listed(t.blobRepositories(d, all), app) },
			func(t *tester) (*call, bool) {
				b, c := t.openBlob(app, d)
				if c.err == nil {
					blob{t: t, repo: app, Blob: b}.close()
				}
				return c, c.err == nil
			},
		}
	})
}
