package storetest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

func blobChecks() []check {
	return []check{
		{"blobs/are read back whole", checkBlobSizes},
		{"blobs/ReadAt reads any range", checkReadAt},
		{"blobs/WriteRange writes any range", checkWriteRange},
		{"blobs/WriteRange stops when its writer fails", checkWriteRangeFails},
		{"blobs/are read concurrently", checkReadConcurrently},
		{"blobs/are closed by themselves", checkClose},
		{"blobs/unknown ones are BlobUnknown", checkBlobUnknown},
		{"blobs/are visible only where they were pushed", checkBlobsIsolated},
		{"blobs/are told from manifests", checkBlobsAreNotManifests},
		{"blobs/are told apart by the algorithm", checkBothAlgorithms},
		{"blobs/deleted ones are gone", checkDeleteBlob},
		{"blobs/deleted ones stay readable while open", checkDeletedStaysReadable},
		{"blobs/deleted ones stay in other repositories", checkDeleteBlobElsewhere},
		{"blobs/are deleted although a manifest refers to them", checkDeleteReferredBlob},
		{"blobs/mounted ones are visible in both repositories", checkMount},
		{"blobs/mounting them again is no error", checkMountAgain},
		{"blobs/mounting unknown ones fails", checkMountUnknown},
	}
}

func checkBlobSizes(t *tester) {
	large := random(9*mebibyte + 7)
	for _, size := range []int{0, 1, 511, 4096, 4097, 65_535, 65_537, mebibyte - 1, mebibyte, mebibyte + 1, 3*mebibyte + 7, len(large)} {
		content := large[:size]
		t.hasBlob(commits, app, t.push(app, content), content)
	}
}

// ranges are ranges of large content, with bounds near those at which a Store may split it.
func ranges(size int64) [][2]int64 {
	var all [][2]int64
	for _, off := range []int64{0, 1, 4095, mebibyte - 1, mebibyte, mebibyte + 1, 2*mebibyte + 3, size - 1, size} {
		for _, n := range []int64{0, 1, 2, 5000, mebibyte, 2*mebibyte + 5, size} {
			if off+n <= size {
				all = append(all, [2]int64{off, n})
			}
		}
	}
	return all
}

func checkReadAt(t *tester) {
	content := random(3*mebibyte + 7)
	size := int64(len(content))
	b := t.open(opensBlob, app, t.push(app, content))
	for _, r := range ranges(size) {
		b.reads(readsAt, content, r[0], r[1])
	}
	for _, r := range [][2]int64{{0, size + 1}, {size - 3, 10}, {size, 1}, {size + 10, 1}, {2 * size, mebibyte}} {
		b.reads(readsShort, content, r[0], r[1])
	}
	b.close()
	empty := t.open(opensBlob, app, t.push(app, ""))
	empty.reads(readsShort, "", 0, 1)
	empty.close()
}

func checkWriteRange(t *tester) {
	content := random(3*mebibyte + 7)
	b := t.open(opensBlob, app, t.push(app, content))
	for _, r := range ranges(int64(len(content))) {
		b.writes(writesRange, content, r[0], r[1])
	}
	b.close()
	empty := t.open(opensBlob, app, t.push(app, ""))
	empty.writes(writesRange, "", 0, 0)
	empty.close()
}

// fullWriter accepts a number of bytes and then fails.
type fullWriter struct {
	left int
	err  error
}

func (w *fullWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}

func checkWriteRangeFails(t *tester) {
	content := random(2*mebibyte + 7)
	b := t.open(opensBlob, app, t.push(app, content))
	for _, room := range []int{0, 5, mebibyte + 5} {
		w := &fullWriter{left: room, err: errors.New("the client has gone away")}
		var n int64
		c := t.call("WriteRange", app, fmt.Sprintf("a writer that fails after %d bytes", room), func() (err error) {
			n, err = b.WriteRange(w, 1, int64(len(content))-1)
			return err
		})
		if !errors.Is(c.err, w.err) {
			c.violates(writesRange, describeError(c.err), "the writer's error")
		}
		if n != int64(room) {
			c.violates(writesRange, fmt.Sprintf("%d returned", n), fmt.Sprintf("%d, which were written", room))
		}
	}
	b.writes(writesRange, content, 0, int64(len(content)))
	b.close()
}

func checkReadConcurrently(t *tester) {
	content := random(2*mebibyte + 7)
	size := int64(len(content))
	d := t.push(app, content)
	shared := t.open(opensBlob, app, d)
	t.parallel(8, func(i int) {
		off := int64(i) * 200_001
		shared.writes(readsConcurrently, content, off, size-off)
		shared.reads(readsConcurrently, content, off, 500_000)
		t.hasBlob(safe, app, d, content)
	})
	shared.close()
}

func checkClose(t *tester) {
	content := random(mebibyte + 7)
	d := t.push(app, content)
	first, second := t.open(opensBlob, app, d), t.open(opensBlob, app, d)
	first.close()
	second.holds(closedByItself, content)
	t.hasBlob(closedByItself, app, d, content)
	second.close()
	t.hasBlob(closedByItself, app, d, content)
}

// checkBothAlgorithms pushes the same content with a digest by each algorithm.
func checkBothAlgorithms(t *tester) {
	one, two := t.pushAs(app, "content", t.algorithm), t.other().FromString("content")
	t.hasNoBlob(openBlobFails, app, two)
	t.mountBlob(lib, two, app).fails(mountFails, registry.BlobUnknown)
	t.pushAs(app, "content", t.other())
	t.blobs(app, "", all).shows(byteByByte, slices.Sorted(slices.Values([]string{string(one), string(two)})))
	t.mountBlob(lib, one, app).succeeds(mountsBlob)
	t.blobs(lib, "", all).shows(byteByByte, []string{string(one)})
	t.blobRepositories(one, all).showsInAnyOrder(byteByByte, []string{app, lib})
	t.blobRepositories(two, all).showsInAnyOrder(byteByByte, []string{app})
	t.deleteBlob(app, one).succeeds(deletesBlob)
	t.hasNoBlob(deletesBlob, app, one)
	t.hasBlob(deletesBlob, app, two, "content")
	t.hasBlob(deletesBlob, lib, one, "content")
}

func checkBlobUnknown(t *tester) {
	unknown := t.digest("never pushed")
	for _, repo := range []string{app, lib} {
		t.hasNoBlob(openBlobFails, repo, unknown)
		t.deleteBlob(repo, unknown).fails(deleteBlobFails, registry.BlobUnknown)
		t.push(app, "pushed")
	}
	t.hasNoBlob(openBlobFails, app, t.other().FromString("pushed, but not by this digest"))
}

func checkBlobsIsolated(t *tester) {
	d := t.push(app, "content")
	t.push(lib, "other content")
	t.hasNoBlob(visible, lib, d)
	t.deleteBlob(lib, d).fails(deleteBlobFails, registry.BlobUnknown)
	t.blobs(lib, "", all).shows(visible, []string{string(t.digest("other content"))})
	t.blobRepositories(d, all).showsInAnyOrder(visible, []string{app})
	t.hasBlob(visible, app, d, "content")
}

func checkBlobsAreNotManifests(t *tester) {
	m := t.newManifest("image")
	d := t.put(app, m)
	t.hasNoBlob(openBlobFails, app, d)
	t.deleteBlob(app, d).fails(deleteBlobFails, registry.BlobUnknown)
	t.blobs(app, "", all).shows(listsBlobs, nil)
	t.blobRepositories(d, all).showsInAnyOrder(listsBlobRepositories, nil)
	layer := t.push(app, "layer")
	t.hasNoManifest(manifestFails, app, string(layer))
	t.manifests(app, "", all).shows(listsManifests, []string{string(d)})

	t.push(app, string(m.Content)) // the same bytes as both, each deleted by itself
	t.deleteBlob(app, d).succeeds(deletesBlob)
	t.hasManifest(deletesBlob, app, string(d), m)
	t.push(app, string(m.Content))
	t.deleteManifest(app, string(d), registry.Precondition{}).succeeds(deletesManifest)
	t.hasBlob(deletesManifest, app, d, string(m.Content))
}

func checkDeleteBlob(t *tester) {
	d, kept := t.push(app, "deleted"), t.push(app, "kept")
	t.deleteBlob(app, d).succeeds(deletesBlob)
	t.hasNoBlob(deletesBlob, app, d)
	t.deleteBlob(app, d).fails(deleteBlobFails, registry.BlobUnknown)
	t.blobs(app, "", all).shows(deletesBlob, []string{string(kept)})
	t.blobRepositories(d, all).showsInAnyOrder(deletesBlob, nil)
	t.mountBlob(lib, d, app).fails(mountFails, registry.BlobUnknown)
	t.hasBlob(deletesBlob, app, kept, "kept")
	t.push(app, "deleted")
	t.hasBlob(commits, app, d, "deleted")
}

func checkDeletedStaysReadable(t *tester) {
	content := random(mebibyte + 7)
	d := t.push(app, content)
	b := t.open(opensBlob, app, d)
	t.deleteBlob(app, d).succeeds(deletesBlob)
	t.push(app, strings.Repeat("x", len(content))) // may take the room of what is freed
	b.holds(openStaysReadable, content)
	b.reads(openStaysReadable, content, mebibyte-1, 5)
	b.close()
}

func checkDeleteBlobElsewhere(t *tester) {
	d := t.push(app, "content")
	t.push(lib, "content")
	t.mountBlob("storetest/mounted", d, app).succeeds(mountsBlob)
	t.deleteBlob(app, d).succeeds(deletesBlob)
	t.hasNoBlob(deletesBlob, app, d)
	t.hasBlob(deletesBlob, lib, d, "content")
	t.hasBlob(deletesBlob, "storetest/mounted", d, "content")
	t.deleteBlob(lib, d).succeeds(deletesBlob)
	t.hasBlob(deletesBlob, "storetest/mounted", d, "content")
	t.blobRepositories(d, all).showsInAnyOrder(deletesBlob, []string{"storetest/mounted"})
}

func checkDeleteReferredBlob(t *tester) {
	d := t.push(app, "layer")
	m := t.imageOf("image", "", []registry.Reference{t.asBlob("layer")}, "v1")
	t.put(app, m)
	t.deleteBlob(app, d).succeeds(deletesBlob)
	t.hasNoBlob(deletesBlob, app, d)
	t.hasManifest(deletesBlob, app, "v1", m)
}

func checkMount(t *tester) {
	content := random(mebibyte + 7)
	d := t.push(app, content)
	t.mountBlob(lib, d, app).succeeds(mountsBlob)
	t.hasBlob(mountsBlob, lib, d, content)
	t.hasBlob(mountsBlob, app, d, content)
	t.blobs(lib, "", all).shows(mountsBlob, []string{string(d)})
	t.blobRepositories(d, all).showsInAnyOrder(listsBlobRepositories, []string{app, lib})
	m := t.newManifest("image")
	m.Require = []registry.Reference{t.asBlob(content)}
	t.putManifest(lib, m).succeeds(requires)
	t.mountBlob("storetest/third", d, lib).succeeds(mountsBlob)
	t.hasBlob(mountsBlob, "storetest/third", d, content)
}

func checkMountAgain(t *tester) {
	d := t.push(app, "content")
	for range 2 {
		t.mountBlob(lib, d, app).succeeds(mountsAgain)
	}
	t.mountBlob(app, d, app).succeeds(mountsAgain)
	t.mountBlob(app, d, lib).succeeds(mountsAgain)
	t.blobs(lib, "", all).shows(mountsAgain, []string{string(d)})
	t.blobRepositories(d, all).showsInAnyOrder(mountsAgain, []string{app, lib})
	t.deleteBlob(lib, d).succeeds(deletesBlob)
	t.hasNoBlob(deletesBlob, lib, d) // however often it was mounted
}

func checkMountUnknown(t *tester) {
	d := t.push(app, "content")
	unknown := t.digest("never pushed")
	t.mountBlob(lib, unknown, app).fails(mountFails, registry.BlobUnknown)
	t.mountBlob(lib, d, "storetest/unknown").fails(mountFails, registry.BlobUnknown)
	t.mountBlob(lib, d, lib).fails(mountFails, registry.BlobUnknown)
	m := t.put(app, t.newManifest("image"))
	t.mountBlob(lib, m, app).fails(mountFails, registry.BlobUnknown)
	t.hasNoBlob(mountFails, lib, d)
	t.hasNoBlob(mountFails, lib, unknown)
	t.mountBlob(app, d, lib).fails(mountFails, registry.BlobUnknown)
}

func (t *tester) openBlob(repo string, d digest.Digest) (b registry.Blob, c *call) {
	c = t.call("OpenBlob", repo, string(d), func() (err error) {
		b, err = t.store.OpenBlob(t.ctx, repo, d)
		return err
	})
	return b, c
}

func (t *tester) deleteBlob(repo string, d digest.Digest) *call {
	return t.call("DeleteBlob", repo, string(d), func() error { return t.store.DeleteBlob(t.ctx, repo, d) })
}

func (t *tester) mountBlob(repo string, d digest.Digest, from string) *call {
	with := fmt.Sprintf("%s, from %s", d, from)
	return t.call("MountBlob", repo, with, func() error { return t.store.MountBlob(t.ctx, repo, d, from) })
}

// push makes content a blob in one step.
func (t *tester) push(repo, content string) digest.Digest {
	return t.pushAs(repo, content, t.algorithm)
}

func (t *tester) pushAs(repo, content string, a digest.Algorithm) digest.Digest {
	d := t.digests.of(a, content)
	t.newUploadFor(repo, a).commit(chunkAt(0, content), d).succeeds(commits)
	return d
}

// open opens an existing blob.
func (t *tester) open(p promise, repo string, d digest.Digest) blob {
	b, c := t.openBlob(repo, d)
	c.succeeds(p)
	return blob{t: t, repo: repo, Blob: b}
}

// hasBlob checks that a blob exists and has the content.
func (t *tester) hasBlob(p promise, repo string, d digest.Digest, content string) {
	b := t.open(p, repo, d)
	b.holds(p, content)
	b.close()
}

func (t *tester) hasNoBlob(p promise, repo string, d digest.Digest) {
	b, c := t.openBlob(repo, d)
	if c.err == nil {
		c.violates(p, "a blob", "BlobUnknown")
		blob{t: t, repo: repo, Blob: b}.close()
		return
	}
	c.fails(openBlobFails, registry.BlobUnknown)
}

// blob is an open blob of a repository.
type blob struct {
	t    *tester
	repo string
	registry.Blob
}

// holds checks the whole content of a blob.
func (b blob) holds(p promise, content string) {
	var size int64
	c := b.t.call("Blob.Size", b.repo, "", func() error { size = b.Size(); return nil })
	if size != int64(len(content)) {
		c.violates(blobSize, fmt.Sprint(size), fmt.Sprint(len(content)))
		return
	}
	b.writes(p, content, 0, size)
}

// writes checks WriteRange with a range of the content.
func (b blob) writes(p promise, content string, off, n int64) {
	var w strings.Builder
	w.Grow(int(n))
	b.writesTo(p, &w, &w, content, off, n)
}

// writesTo checks WriteRange with a writer. got returns what the writer received.
func (b blob) writesTo(p promise, w io.Writer, got fmt.Stringer, content string, off, n int64) {
	var written int64
	c := b.t.callUsing(w, "WriteRange", b.repo, fmt.Sprintf("off %d, n %d", off, n), func() (err error) {
		written, err = b.WriteRange(w, off, n)
		return err
	})
	c.succeeds(p)
	want := content[off : off+n]
	if difference := differ(got.String(), want); difference != "" {
		c.violates(p, difference, describe(want))
	}
	if written != n {
		c.violates(writesRange, fmt.Sprintf("%d returned", written), fmt.Sprintf("%d, which were written", n))
	}
}

// reads checks ReadAt with n bytes at off, which may be out of range.
func (b blob) reads(p promise, content string, off, n int64) {
	buf := make([]byte, n)
	var got int
	c := b.t.call("ReadAt", b.repo, fmt.Sprintf("%d bytes, off %d", n, off), func() (err error) {
		got, err = b.ReadAt(buf, off)
		return err
	})
	size := int64(len(content))
	want := content[min(off, size):min(off+n, size)]
	difference := ""
	if string(buf[:got]) != want {
		difference = differ(string(buf[:got]), want)
	}
	clear(buf) // which is not the Store's
	switch {
	case difference != "":
		c.violates(p, difference, describe(want))
	case int64(got) < n && c.err != io.EOF:
		c.violates(readsShort, describeError(c.err), "io.EOF")
	case int64(got) == n && c.err != nil && (c.err != io.EOF || off+n < size):
		c.violates(p, describeError(c.err), "no error")
	}
}

func (b blob) close() {
	b.t.call("Blob.Close", b.repo, "", b.Close).succeeds(opensBlob)
}
