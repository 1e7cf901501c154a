package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing/iotest"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

func uploadChecks() []check {
	return []check{
		{"uploads/are found again by a UUID", checkFindUpload},
		{"uploads/unknown ones are UploadUnknown", checkUploadUnknown},
		{"uploads/chunks are joined in order", checkChunks},
		{"uploads/a chunk without a body is none", checkNoChunk},
		{"uploads/bodies may come in any pieces", checkBodies},
		{"uploads/a chunk is the caller's again afterwards", checkChunkIsCallers},
		{"uploads/a last chunk comes with the commit", checkLastChunk},
		{"uploads/nothing is visible before the commit", checkNothingBeforeCommit},
		{"uploads/content that is there already is no error", checkCommitAgain},
		{"uploads/a commit may name any algorithm", checkAlgorithms},
		{"uploads/a chunk at a wrong offset changes nothing", checkWrongOffset},
		{"uploads/a body of another length changes nothing", checkWrongLength},
		{"uploads/a body that fails is kept as far as it came", checkBodyFails},
		{"uploads/errors are decided in order", checkWriteErrors},
		{"uploads/a wrong digest leaves the session", checkWrongDigest},
		{"uploads/a wrong digest takes the last chunk back", checkRollback},
		{"uploads/cancelled ones are gone", checkCancel},
		{"uploads/cancelled while a body arrives", checkCancelRunning},
		{"uploads/cancelled while a wrong body arrives", checkCancelBroken},
		{"uploads/a second writer is refused at once", checkSecondWriter},
		{"uploads/Size includes what is still arriving", checkSizeWhileArriving},
	}
}

func checkFindUpload(t *tester) {
	uuid := regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	first, second := t.newUpload(app), t.newUpload(app)
	c := &call{t: t, method: "ID", repo: app}
	if !uuid.MatchString(first.ID()) {
		c.violates(isUUID, first.ID(), "a UUID")
	}
	if first.ID() == second.ID() {
		c.violates(identifies, "two sessions called "+first.ID(), "two identifiers")
	}
	again, opened := t.openUpload(app, first.ID())
	opened.succeeds(findsUpload)
	if again.ID() != first.ID() {
		opened.violates(findsUpload, "a session called "+again.ID(), first.ID())
	}
	first.append(chunk("hello ")).succeeds(appends)
	again.hasSize(findsUpload, 6)
	again.append(chunkAt(6, "world")).succeeds(appends)
	first.hasSize(findsUpload, 11)
	second.hasSize(identifies, 0)
	second.append(chunkAt(0, "hello")).succeeds(identifies)
	first.commit(registry.Chunk{}, t.digest("hello world")).succeeds(commits)
	t.hasBlob(commits, app, t.digest("hello world"), "hello world")
	second.commit(registry.Chunk{}, t.digest("hello")).succeeds(commits)
	again.isGone(commits)
}

func checkUploadUnknown(t *tester) {
	const never = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
	s := t.newUpload(app)
	for _, other := range []struct{ repo, id string }{{app, never}, {lib, never}, {lib, s.ID()}} {
		_, c := t.openUpload(other.repo, other.id)
		c.fails(findUploadFails, registry.UploadUnknown)
	}
	t.push(lib, "now this repository exists")
	_, c := t.openUpload(lib, s.ID())
	c.fails(findUploadFails, registry.UploadUnknown)
	s.unchanged(findsUpload, "", "content")
	s.isGone(commits)
}

func checkChunks(t *tester) {
	large := random(3*mebibyte + 7)
	for _, pieces := range [][]string{
		{}, {""}, {"a"}, {"a", "b", "c"}, {"", "a", "", "b"},
		{large[:1], large[1:mebibyte], large[mebibyte : 2*mebibyte+3], large[2*mebibyte+3:]},
	} {
		t.pushChunks(pieces, func(off int64, s string) registry.Chunk { return chunkAt(off, s) })
		t.pushChunks(pieces, func(_ int64, s string) registry.Chunk { return chunk(s) })
		t.pushChunks(pieces, func(off int64, s string) registry.Chunk {
			return registry.Chunk{Body: strings.NewReader(s), Offset: off, Length: registry.Unknown}
		})
		t.pushChunks(pieces, func(_ int64, s string) registry.Chunk {
			return registry.Chunk{Body: strings.NewReader(s), Offset: registry.Unknown, Length: int64(len(s))}
		})
	}
}

// pushChunks pushes content in pieces.
func (t *tester) pushChunks(pieces []string, chunkOf func(off int64, s string) registry.Chunk) {
	s := t.newUpload(app)
	off := int64(0)
	for _, piece := range pieces {
		c := s.append(chunkOf(off, piece))
		c.succeeds(appends)
		off += int64(len(piece))
		s.hasSize(uploadSize, off)
	}
	content := strings.Join(pieces, "")
	s.commit(registry.Chunk{}, t.digest(content)).succeeds(commits)
	t.hasBlob(appends, app, t.digest(content), content)
}

func checkNoChunk(t *tester) {
	for _, none := range []registry.Chunk{
		{}, {Offset: registry.Unknown, Length: registry.Unknown}, {Length: 3}, {Offset: 3}, {Offset: 5},
	} {
		s := t.newUpload(app)
		s.append(none).succeeds(noChunk)
		s.append(chunk("hello")).succeeds(appends)
		s.append(none).succeeds(noChunk)
		s.hasSize(noChunk, 5)
		s.commit(none, t.digest("hell")).fails(commitFails, registry.DigestInvalid)
		s.commit(none, t.digest("hello")).succeeds(noChunk)
		t.hasBlob(noChunk, app, t.digest("hello"), "hello")
	}
}

func checkBodies(t *tester) {
	content := random(2000)
	for _, body := range []func(io.Reader) io.Reader{
		iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
		func(r io.Reader) io.Reader { return &empties{r: r} },
	} {
		for _, length := range []int64{registry.Unknown, 1000} {
			s := t.newUpload(app)
			s.append(registry.Chunk{Body: body(strings.NewReader(content[:1000])), Offset: 0, Length: length}).succeeds(appends)
			s.hasSize(uploadSize, 1000)
			last := registry.Chunk{Body: body(strings.NewReader(content[1000:])), Offset: 1000, Length: length}
			s.commit(last, t.digest(content)).succeeds(commits)
			t.hasBlob(appends, app, t.digest(content), content)
		}
	}
}

// empties is a body whose every second Read returns no bytes and no error, which is allowed.
type empties struct {
	r     io.Reader
	empty bool
}

func (e *empties) Read(p []byte) (int, error) {
	if e.empty = !e.empty; e.empty {
		return 0, nil
	}
	return e.r.Read(p[:min(len(p), 100)])
}

// lender is a body that implements WriterTo, as the readers of package bytes do.
type lender []byte

func (l *lender) Read(p []byte) (int, error) {
	n := copy(p, *l)
	*l = (*l)[n:]
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (l *lender) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(*l)
	*l = (*l)[n:]
	return int64(n), err
}

func checkChunkIsCallers(t *tester) {
	content := random(10_000)
	s := t.newUpload(app)
	for off := 0; off < len(content); off += 5000 {
		buffer := []byte(content[off : off+5000])
		body := lender(buffer)
		s.append(registry.Chunk{Body: &body, Offset: int64(off), Length: 5000}).succeeds(appends)
		clear(buffer)
	}
	s.commit(registry.Chunk{}, t.digest(content)).succeeds(commits)
	t.hasBlob(appends, app, t.digest(content), content)
}

func checkLastChunk(t *tester) {
	large := random(2*mebibyte + 7)
	for _, content := range []string{"", "hello world", large} {
		for _, first := range []int{0, len(content) / 3, len(content)} {
			for _, last := range []registry.Chunk{
				chunk(content[first:]),
				chunkAt(int64(first), content[first:]),
			} {
				s := t.newUpload(app)
				s.append(chunk(content[:first])).succeeds(appends)
				s.commit(last, t.digest(content)).succeeds(commits)
				t.hasBlob(commits, app, t.digest(content), content)
				s.isGone(commits)
			}
		}
	}
}

func checkNothingBeforeCommit(t *tester) {
	d := t.digest("hello world")
	s := t.newUpload(app)
	for _, piece := range []string{"hello ", "world"} {
		t.hasNoBlob(commits, app, d)
		s.append(chunk(piece)).succeeds(appends)
	}
	t.hasNoBlob(commits, app, d)
	t.blobs(app, "", all).shows(commits, nil)
	t.blobRepositories(d, all).showsInAnyOrder(commits, nil)
	t.mountBlob(lib, d, app).fails(mountFails, registry.BlobUnknown)
	s.commit(registry.Chunk{}, d).succeeds(commits)
	t.blobs(app, "", all).shows(commits, []string{string(d)})
}

func checkCommitAgain(t *tester) {
	content := random(mebibyte + 7)
	for range 3 {
		d := t.push(app, content)
		t.push(lib, content)
		t.blobs(app, "", all).shows(commits, []string{string(d)})
		t.hasBlob(commits, app, d, content)
	}
}

func checkAlgorithms(t *tester) {
	algorithms := []digest.Algorithm{digest.SHA256, digest.SHA512}
	for i := range 16 { // announced, pushed, judged wrongly before, with a last chunk
		announced, pushed, judged := algorithms[i&1], algorithms[i>>1&1], algorithms[i>>2&1]
		content := fmt.Sprintf("content %d", i)
		first := len(content) - 3*(i>>3)
		s := t.newUploadFor(app, announced)
		s.append(chunk(content[:first])).succeeds(appends)
		s.commit(registry.Chunk{}, judged.FromString("other content")).fails(commitFails, registry.DigestInvalid)
		d := pushed.FromString(content)
		s.commit(chunk(content[first:]), d).succeeds(anyAlgorithm)
		t.hasBlob(anyAlgorithm, app, d, content)
	}
}

func checkWrongOffset(t *tester) {
	for _, held := range []string{"", "hello "} {
		for _, off := range []int64{0, 1, 5, 7, 1 << 40} {
			if off == int64(len(held)) {
				continue
			}
			s := t.newUpload(app)
			s.append(chunk(held)).succeeds(appends)
			for _, body := range []string{"world", ""} {
				s.append(chunkAt(off, body)).fails(appendFails, registry.UploadRange)
				s.hasSize(keepsWhatCame, int64(len(held)))
				s.commit(chunkAt(off, body), t.digest(held+body)).fails(commitFails, registry.UploadRange)
				s.hasSize(keepsWhatCame, int64(len(held)))
				of := chunkAt(off, body)
				of.Length = registry.Unknown
				s.append(of).fails(appendFails, registry.UploadRange)
			}
			s.unchanged(offsetIs, held, "world")
		}
	}
}

func checkWrongLength(t *tester) {
	large := random(mebibyte + 7)
	for _, held := range []string{"", "hello "} {
		for _, body := range []string{"", "world", large} {
			for _, length := range []int{0, 4, 6, len(large) - 1, len(large) + 1} {
				if length == len(body) {
					continue
				}
				c := chunkAt(int64(len(held)), body)
				c.Length = int64(length)
				s := t.newUpload(app)
				s.append(chunk(held)).succeeds(appends)
				s.append(c).fails(lengthIs, registry.SizeInvalid)
				s.hasSize(keepsWhatCame, int64(len(held)))
				c.Body = strings.NewReader(body)
				s.commit(c, t.digest(held+body)).fails(lengthIs, registry.SizeInvalid)
				s.unchanged(keepsWhatCame, held, "world")
			}
		}
	}
}

// failures are bodies that fail after some content.
func failures(content string) []*broken {
	var all []*broken
	for _, err := range []error{
		errors.New("connection reset"), io.ErrUnexpectedEOF, fmt.Errorf("not the end: %w", io.EOF), context.Canceled, io.ErrNoProgress,
	} {
		for _, joined := range []bool{false, true} {
			all = append(all, &broken{content: content, err: err, joined: joined})
		}
	}
	return all
}

func checkBodyFails(t *tester) {
	large := random(3*mebibyte + 7)
	for _, came := range []int{0, 5, mebibyte, mebibyte + 5} {
		for i, body := range failures(large[6 : 6+came]) {
			lengths := []int64{registry.Unknown, int64(len(large) - 6), int64(came)}
			if came >= mebibyte { // the error makes no difference
				if i > 0 {
					break
				}
				lengths = lengths[1:2]
			}
			for _, length := range lengths {
				for _, write := range t.writers() {
					fails := *body
					s := t.newUpload(app)
					s.append(chunk(large[:6])).succeeds(appends)
					c := write(s, registry.Chunk{Body: &fails, Offset: 6, Length: length}, t.digest(large[:6+came]))
					if !errors.Is(c.err, body.err) {
						c.violates(breaksOff, describeError(c.err), "the body's error, "+body.err.Error())
					}
					t.hasNoBlob(keepsWhatCame, app, t.digest(large[:6+came]))
					s.unchanged(keepsWhatCame, large[:6+came], "the rest")
					t.deleteBlob(app, t.digest(large[:6+came]+"the rest")).succeeds(deletesBlob)
				}
			}
		}
	}
}

// checkWriteErrors has two reasons to fail for each call.
func checkWriteErrors(t *tester) {
	wrong := t.digest("never pushed")
	cut := errors.New("connection reset")
	for name, write := range t.writers() {
		s := t.newUpload(app)
		s.append(chunk("hello ")).succeeds(appends)
		refused := func(offset, length int64, body io.Reader, cause registry.Cause) {
			write(s, registry.Chunk{Body: body, Offset: offset, Length: length}, wrong).fails(appendFails, cause)
			s.hasSize(keepsWhatCame, 6)
		}
		refused(5, 4, strings.NewReader("world"), registry.UploadRange)
		refused(5, registry.Unknown, strings.NewReader("world"), registry.UploadRange)
		refused(7, 5, &broken{content: "wor", err: cut}, registry.UploadRange)
		refused(6, 6, strings.NewReader("world"), registry.SizeInvalid)
		refused(6, 4, strings.NewReader("world"), registry.SizeInvalid)
		refused(6, 0, strings.NewReader("world"), registry.SizeInvalid)
		refused(6, 4, &broken{content: "world", err: cut}, registry.SizeInvalid)
		refused(6, 4, &broken{content: "world", err: cut, joined: true}, registry.SizeInvalid)
		s.unchanged(keepsWhatCame, "hello ", "world "+name)
		refused = func(offset, length int64, body io.Reader, cause registry.Cause) {
			write(s, registry.Chunk{Body: body, Offset: offset, Length: length}, wrong).fails(appendFails, cause)
		}
		refused(5, 4, strings.NewReader("world"), registry.UploadUnknown)
		refused(0, 5, &broken{content: "wor", err: cut}, registry.UploadUnknown)
	}
}

func checkWrongDigest(t *tester) {
	for _, held := range []string{"", "hello ", random(mebibyte + 7)} {
		wrong := t.digest(held + "not this")
		s := t.newUpload(app)
		s.append(chunk(held)).succeeds(appends)
		for range 2 {
			s.commit(registry.Chunk{}, wrong).fails(commitFails, registry.DigestInvalid)
			s.hasSize(commitFails, int64(len(held)))
		}
		t.hasNoBlob(commitFails, app, wrong)
		t.hasNoBlob(commitFails, app, t.digest(held))
		if l := t.uploads(app, all); !slices.Contains(l.keys, s.ID()) {
			l.violates(commitFails, "no session "+s.ID(), "the session, which stays")
		}
		s.unchanged(commitFails, held, "the rest")
	}
}

func checkRollback(t *tester) {
	large := random(2*mebibyte + 7)
	for _, held := range []string{"", "hello ", large} {
		for _, last := range []string{"world!", large} {
			s := t.newUpload(app)
			s.append(chunk(held)).succeeds(appends)
			right := t.digest(held + "world")
			for _, c := range []registry.Chunk{chunk(last), chunkAt(int64(len(held)), last)} {
				s.commit(c, right).fails(commitFails, registry.DigestInvalid)
				s.hasSize(commitFails, int64(len(held)))
			}
			t.hasNoBlob(commitFails, app, t.digest(held+last))
			s.unchanged(commitFails, held, "world")
		}
	}
}

func checkCancel(t *tester) {
	s, other := t.newUpload(app), t.newUpload(app)
	other.append(chunk("hello ")).succeeds(appends)
	s.append(chunk("content")).succeeds(appends)
	s.cancel().succeeds(cancels)
	s.isGone(cancels)
	t.hasNoBlob(cancels, app, t.digest("content"))
	other.unchanged(cancels, "hello ", "world")
	fresh := t.newUpload(app)
	fresh.cancel().succeeds(cancels)
	fresh.isGone(cancels)
}

// writers are the two ways to write to a session.
func (t *tester) writers() map[string]func(s session, c registry.Chunk, d digest.Digest) *call {
	return map[string]func(s session, c registry.Chunk, d digest.Digest) *call{
		"append": func(s session, c registry.Chunk, _ digest.Digest) *call { return s.append(c) },
		"commit": func(s session, c registry.Chunk, d digest.Digest) *call { return s.commit(c, d) },
	}
}

// checkCancelBroken cancels a session to which a chunk arrives that then turns out
// to be wrong as well.
func checkCancelBroken(t *tester) {
	for _, write := range t.writers() {
		for _, length := range []int64{registry.Unknown, 11, 12, 10} {
			s := t.newUpload(app)
			body := t.newStalled("hello ", "world")
			var running *call
			written := t.spawn(func() {
				running = write(s, registry.Chunk{Body: body, Offset: 0, Length: length}, t.digest("never pushed"))
			})
			t.wait(body.stuck)
			s.cancel().succeeds(cancels)
			body.release()
			written()
			running.fails(appendFails, registry.UploadUnknown)
			s.isGone(cancels)
		}
	}
}

func checkCancelRunning(t *tester) {
	for _, write := range t.writers() {
		s := t.newUpload(app)
		body := t.newStalled("hello ", "world")
		var running *call
		written := t.spawn(func() { running = write(s, body.chunk(), t.digest("hello world")) })
		t.wait(body.stuck)
		again, c := t.openUpload(app, s.ID())
		c.succeeds(noWaiting)
		again.cancel().succeeds(cancels)
		s.isGone(cancels)
		body.release()
		written()
		running.fails(cancelsRunning, registry.UploadUnknown)
		s.isGone(cancels)
		t.hasNoBlob(cancelsRunning, app, t.digest("hello world"))
	}
}

func checkSecondWriter(t *tester) {
	for _, first := range t.writers() {
		for _, second := range t.writers() {
			s := t.newUpload(app)
			body := t.newStalled("hello ", "world")
			var running *call
			written := t.spawn(func() { running = first(s, body.chunk(), t.digest("hello world")) })
			t.wait(body.stuck)
			again, c := t.openUpload(app, s.ID())
			c.succeeds(noWaiting)
			for _, c := range []registry.Chunk{chunk("other"), chunkAt(0, "other"), chunkAt(6, "other"), chunkAt(99, ""), chunk(""), {}} {
				second(again, c, t.digest("hello world")).fails(oneAtATime, registry.UploadRange)
			}
			t.hasNoBlob(oneAtATime, app, t.digest("hello world"))
			body.release()
			written()
			running.succeeds(appendFails)
			if running.method == "Append" {
				s.hasSize(appendFails, 11)
				s.commit(registry.Chunk{}, t.digest("hello world")).succeeds(commits)
			}
			t.hasBlob(oneAtATime, app, t.digest("hello world"), "hello world")
			t.deleteBlob(app, t.digest("hello world")).succeeds(deletesBlob)
		}
	}
}

func checkSizeWhileArriving(t *tester) {
	for name, write := range t.writers() {
		s := t.newUpload(app)
		s.append(chunk("he")).succeeds(appends)
		body := t.newStalled("llo ", "world")
		var running *call
		written := t.spawn(func() { running = write(s, body.chunk(), t.digest("hello world")) })
		t.wait(body.stuck)
		s.hasSize(uploadSize, 6)
		again, c := t.openUpload(app, s.ID())
		c.succeeds(noWaiting)
		again.hasSize(uploadSize, 6)
		body.release()
		written()
		running.succeeds(appends)
		if name == "append" {
			s.hasSize(uploadSize, 11)
		}
	}
}

// session is an upload session of a repository.
type session struct {
	t    *tester
	repo string
	registry.Upload
}

// newUpload opens an upload session for a digest by the check's algorithm.
func (t *tester) newUpload(repo string) session { return t.newUploadFor(repo, t.algorithm) }

func (t *tester) newUploadFor(repo string, a digest.Algorithm) session {
	s := session{t: t, repo: repo}
	t.call("NewUpload", repo, string(a), func() (err error) {
		s.Upload, err = t.store.NewUpload(t.ctx, repo, a)
		return err
	}).succeeds(opensUpload)
	return s
}

func (t *tester) openUpload(repo, id string) (s session, c *call) {
	s = session{t: t, repo: repo}
	c = t.call("OpenUpload", repo, id, func() (err error) {
		s.Upload, err = t.store.OpenUpload(t.ctx, repo, id)
		return err
	})
	return s, c
}

func (s session) append(c registry.Chunk) *call {
	return s.t.callUsing(c.Body, "Append", s.repo, describeChunk(c), func() error { return s.Append(s.t.ctx, c) })
}

func (s session) commit(c registry.Chunk, d digest.Digest) *call {
	with := fmt.Sprintf("%s; %s", describeChunk(c), d)
	return s.t.callUsing(c.Body, "Commit", s.repo, with, func() error { return s.Commit(s.t.ctx, c, d) })
}

func (s session) cancel() *call {
	return s.t.call("Cancel", s.repo, s.ID(), func() error { return s.Cancel(s.t.ctx) })
}

// hasSize checks Size.
func (s session) hasSize(p promise, want int64) {
	var got int64
	c := s.t.call("Upload.Size", s.repo, "", func() error { got = s.Size(); return nil })
	if got != want {
		c.violates(p, fmt.Sprintf("%d bytes", got), fmt.Sprintf("%d bytes", want))
	}
}

// unchanged checks that a failed call did not change a session: it has the same content, and the
// rest completes it.
func (s session) unchanged(p promise, held, rest string) {
	s.hasSize(p, int64(len(held)))
	again, c := s.t.openUpload(s.repo, s.ID())
	c.succeeds(p)
	again.hasSize(p, int64(len(held)))
	again.append(chunkAt(int64(len(held)), rest)).succeeds(p)
	d := s.t.digest(held + rest)
	again.commit(registry.Chunk{}, d).succeeds(p)
	s.t.hasBlob(p, s.repo, d, held+rest)
}

// isGone checks that a session does not exist.
func (s session) isGone(p promise) {
	_, c := s.t.openUpload(s.repo, s.ID())
	c.fails(findUploadFails, registry.UploadUnknown)
	s.append(chunk("late")).fails(appendFails, registry.UploadUnknown)
	s.commit(chunk("late"), s.t.digest("late")).fails(commitFails, registry.UploadUnknown)
	s.cancel().fails(cancelFails, registry.UploadUnknown)
	if l := s.t.uploads(s.repo, all); slices.Contains(l.keys, s.ID()) {
		l.violates(p, "the session that is gone", "only those that are open")
	}
}
