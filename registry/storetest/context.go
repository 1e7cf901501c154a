package storetest

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

// contextChecks do not ask that a Store looks at its context. But what it does
// when that is done must still be the whole step or nothing of it.
func contextChecks() []check {
	return []check{
		{"context/changes happen or not when it is done", checkContextChanges},
		{"context/uploads happen or not when it is done", checkContextUploads},
		{"context/reads are right or fail when it is done", checkContextReads},
		{"context/lists are whole or fail when it is done", checkContextLists},
		{"context/it ends while a body arrives", checkContextEndsInBody},
	}
}

// late is the same check with a context that is done.
func (t *tester) late() *tester {
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	return t.withContext(ctx)
}

func checkContextChanges(t *tester) {
	late := t.late()
	d := t.push(app, "content")
	if late.mountBlob(lib, d, app).happened() {
		t.hasBlob(decides, lib, d, "content")
	} else {
		t.hasRepository(lib, false)
	}
	if late.deleteBlob(app, d).happened() {
		t.hasNoBlob(decides, app, d)
	} else {
		t.hasBlob(decides, app, d, "content")
	}
	m := referrer("image", subject(), "v1", "v2")
	there := func(repo string, is bool) {
		for _, ref := range []string{string(m.Descriptor.Digest), "v1", "v2"} {
			if is {
				t.hasManifest(putsManifest, repo, ref, m)
			} else {
				t.hasNoManifest(putsManifest, repo, ref)
			}
		}
		l := t.referrers(repo, subject(), "", all)
		if len(l.keys) > 0 != is {
			l.violates(putsManifest, "only a part of what was asked for", "all or nothing")
		}
	}
	there("late", late.putManifest("late", m).happened())
	t.put(app, m)
	there(app, !late.deleteManifest(app, string(m.Descriptor.Digest), registry.Precondition{}).happened())
}

func checkContextUploads(t *tester) {
	late := t.late()
	s := t.newUpload(app)
	s.append(chunk("hello ")).succeeds(appends)
	held := "hello "
	lateSession := session{t: late, repo: app, Upload: s.Upload}
	if lateSession.append(chunk("w")).happened() {
		held += "w"
	}
	s.hasSize(keepsWhatCame, int64(len(held)))
	d := digest.FromString(held + "orld")
	if lateSession.commit(chunk("orld"), d).happened() {
		t.hasBlob(commits, app, d, held+"orld")
		s.isGone(commits)
	} else {
		t.hasNoBlob(commitFails, app, d)
		s.unchanged(commitFails, held, "orld")
	}
	s = t.newUpload(app)
	if (session{t: late, repo: app, Upload: s.Upload}).cancel().happened() {
		s.isGone(cancels)
	} else {
		s.unchanged(cancels, "", "content")
	}
}

func checkContextReads(t *tester) {
	late := t.late()
	d := t.push(app, "content")
	if b, c := late.openBlob(app, d); c.happened() {
		b := blob{t: t, repo: app, Blob: b}
		b.holds(opensBlob, "content")
		b.close()
	}
	m := newManifest("image", "v1")
	t.put(app, m)
	if got, c := late.manifest(app, "v1"); c.happened() {
		c.sameDescriptor(returnsManifest, got.Descriptor, m.Descriptor)
	}
	s := t.newUpload(app)
	if again, c := late.openUpload(app, s.ID()); c.happened() {
		again.hasSize(findsUpload, 0)
	}
}

func checkContextLists(t *tester) {
	for _, l := range listings() {
		l.fill(t).addAll(0, 1, 2, 3)
		whole := l.list(t, "", all).keys
		ctx, cancel := context.WithCancel(t.ctx)
		ending := l.list(t.withContext(ctx), "", func(string) bool { cancel(); return true })
		for _, shown := range []shown{ending, l.list(t.late(), "", all)} {
			if shown.happened() && !slices.Equal(shown.keys, whole) {
				shown.violates(oneMoment, "a part of the list, without an error", "all of it, or an error")
			}
		}
	}
}

// checkContextEndsInBody leaves open whether what arrived is kept if the Store
// gives up, so long as Size tells.
func checkContextEndsInBody(t *tester) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	s := t.newUpload(app)
	s.append(chunk("he")).succeeds(appends)
	body := t.newStalled("llo ", "world")
	var happened bool
	written := t.spawn(func() {
		happened = session{t: t.withContext(ctx), repo: app, Upload: s.Upload}.append(body.chunk()).happened()
	})
	t.wait(body.stuck)
	cancel()
	body.release()
	written()
	content := "hello world"
	size := s.Size()
	if happened && size != int64(len(content)) || size < 2 || size > int64(len(content)) {
		s.hasSize(keepsWhatCame, int64(len(content)))
		return
	}
	s.unchanged(keepsWhatCame, content[:size], content[size:])
}
