package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/ocifake/ocifake/registry"
)

// contextChecks do not ask that a Store looks at its context.
func contextChecks() []check {
	return []check{
		{"context/errors are its own or a cause", checkContextErrors},
		{"context/changes happen or not when it is done", checkContextChanges},
		{"context/uploads happen or not when it is done", checkContextUploads},
		{"context/reads are right or fail when it is done", checkContextReads},
		{"context/lists are whole or fail when it is done", checkContextLists},
		{"context/it ends while a body arrives", checkContextEndsInBody},
	}
}

// late returns the tester with a canceled context.
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
	m := t.referrer("image", t.subject(), "v1", "v2")
	there := func(repo string, is bool) {
		for _, ref := range []string{string(m.Descriptor.Digest), "v1", "v2"} {
			if is {
				t.hasManifest(putsManifest, repo, ref, m)
			} else {
				t.hasNoManifest(putsManifest, repo, ref)
			}
		}
		l := t.referrers(repo, t.subject(), "", all)
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
	d := t.digest(held + "orld")
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
	m := t.newManifest("image", "v1")
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

// checkContextErrors calls what would fail even if the context were not done.
func checkContextErrors(t *tester) {
	late := t.late()
	unknown := t.digest("never pushed")
	gone, s := t.newUpload(app), t.newUpload(app)
	gone.cancel().succeeds(cancels)
	gone.t, s.t = late, late
	missing := t.newManifest("image", "v1")
	missing.Require = []registry.Reference{t.asBlob("missing")}
	_, opened := late.openBlob(app, unknown)
	_, found := late.openUpload(app, gone.ID())
	_, got := late.manifest(app, "v1")
	for c, cause := range map[*call]registry.Cause{
		opened:                                 registry.BlobUnknown,
		late.deleteBlob(app, unknown):          registry.BlobUnknown,
		late.mountBlob(app, unknown, lib):      registry.BlobUnknown,
		found:                                  registry.UploadUnknown,
		gone.append(chunk("content")):          registry.UploadUnknown,
		gone.commit(chunk("content"), unknown): registry.UploadUnknown,
		gone.cancel():                          registry.UploadUnknown,
		s.append(chunkAt(5, "content")):        registry.UploadRange,
		s.commit(registry.Chunk{}, unknown):    registry.DigestInvalid,
		got:                                    registry.ManifestUnknown,
		late.putManifest(app, missing):         registry.ManifestBlobUnknown,
		late.deleteManifest(app, "v1", registry.Precondition{}): registry.ManifestUnknown,
		late.tags(app, "", all).call:                            registry.NameUnknown,
	} {
		if !errors.Is(c.err, late.ctx.Err()) {
			c.fails(contextDone, cause)
		} else if c.hasOther(nil) {
			c.violates(contextDone, describeError(c.err), "the error of the context or a Cause, not both")
		}
	}
	t.hasRepository(app, false)
}

// checkContextEndsInBody ends the context before the body has ended.
func checkContextEndsInBody(t *tester) {
	for _, write := range t.writers() {
		ctx, cancel := context.WithCancel(t.ctx)
		s := t.newUpload(app)
		s.append(chunk("he")).succeeds(appends)
		body := t.newStalled("llo ", "world")
		content := "hello world"
		d := t.digest(content)
		var running *call
		written := t.spawn(func() {
			running = write(session{t: t.withContext(ctx), repo: app, Upload: s.Upload}, body.chunk(), d)
		})
		t.wait(body.stuck)
		cancel()
		body.release()
		written()
		if running.happened() && running.method == "Commit" {
			s.isGone(commits)
			t.hasBlob(commits, app, d, content)
		} else {
			t.hasNoBlob(contextEnds, app, d)
			s.unchanged(contextEnds, content[:2+body.read], content[2+body.read:])
		}
		t.deleteBlob(app, d).succeeds(deletesBlob)
	}
}
