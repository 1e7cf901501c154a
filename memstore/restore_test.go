package memstore_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

func TestRestore(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{MaxBytes: 30})
	kept := push(t, s, "app", "kept")
	deleted := push(t, s, "app", "deleted")
	require.NoError(t, s.PutManifest(ctx, "app", putManifest("{}", "v1")))
	start := s.Clone()

	for range 3 {
		require.NoError(t, s.DeleteBlob(ctx, "app", deleted))
		require.NoError(t, s.PutManifest(ctx, "app", putManifest("{ }", "v1", "v2")))
		added := push(t, s, "new", "added")
		opened, err := s.OpenBlob(ctx, "new", added)
		require.NoError(t, err)

		s.Restore(start)
		assert.Equal(t, []string{"app"}, collect(t, s.Repositories(ctx, "")))
		assert.Equal(t, collect(t, start.Blobs(ctx, "app", "")), collect(t, s.Blobs(ctx, "app", "")))
		assert.Equal(t, collect(t, start.Manifests(ctx, "app", "")), collect(t, s.Manifests(ctx, "app", "")))
		assert.Equal(t, []registry.Tag{{Name: "v1", Digest: digest.FromString("{}")}}, collect(t, s.Tags(ctx, "app", "")))
		assert.Equal(t, "kept", read(t, s, "app", kept))
		assert.Equal(t, "deleted", read(t, s, "app", deleted))
		_, err = s.OpenBlob(ctx, "new", added)
		assert.ErrorIs(t, err, registry.BlobUnknown)
		assert.EqualValues(t, 13, s.Bytes())

		content := make([]byte, 5)
		_, err = opened.ReadAt(content, 0)
		require.NoError(t, err, "what was open is still readable")
		assert.Equal(t, "added", string(content))
	}

	err := newUpload(t, s, "sha256").Append(ctx, whole("more than 17 bytes"))
	assert.ErrorIs(t, err, registry.Full)
	require.NoError(t, newUpload(t, s, "sha256").Append(ctx, whole("exactly 17 bytes!")))
}

// Neither store sees what changes in the other once one was restored from it.
func TestRestoreIsApart(t *testing.T) {
	ctx := t.Context()
	s, from := memstore.New(memstore.Options{}), memstore.New(memstore.Options{})
	d := push(t, from, "app", "content")
	s.Restore(from)
	require.NoError(t, s.DeleteBlob(ctx, "app", d))
	assert.Equal(t, "content", read(t, from, "app", d))
	push(t, from, "app", "more")
	assert.Empty(t, collect(t, s.Blobs(ctx, "app", "")))
	assert.Zero(t, s.Bytes())
	assert.EqualValues(t, 11, from.Bytes())
}

func TestRestoreFromItself(t *testing.T) {
	s := memstore.New(memstore.Options{})
	d := push(t, s, "app", "content")
	u := newUpload(t, s, digest.SHA256)
	require.NoError(t, u.Append(t.Context(), whole("arrived")))
	s.Restore(s)
	assert.Equal(t, "content", read(t, s, "app", d))
	assert.ErrorIs(t, u.Append(t.Context(), whole("more")), registry.UploadUnknown)
	assert.EqualValues(t, 7, s.Bytes())
}

// Content beyond the limit of the store is there; nothing can be added.
func TestRestoreMoreThanMaxBytes(t *testing.T) {
	ctx := t.Context()
	from := memstore.New(memstore.Options{})
	d := push(t, from, "app", "content")
	s := memstore.New(memstore.Options{MaxBytes: 5})
	s.Restore(from)
	assert.Equal(t, "content", read(t, s, "app", d))
	assert.EqualValues(t, 7, s.Bytes())
	assert.ErrorIs(t, newUpload(t, s, digest.SHA256).Append(ctx, whole("x")), registry.Full)
	assert.ErrorIs(t, s.PutManifest(ctx, "app", putManifest("{}")), registry.Full)
	require.NoError(t, s.DeleteBlob(ctx, "app", d))
	push(t, s, "app", "small")
}

func TestRestoreEndsUploads(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{MaxUploads: 2})
	empty := s.Clone()
	idle := newUpload(t, s, digest.SHA256)
	require.NoError(t, idle.Append(ctx, whole("arrived")))
	again, err := s.OpenUpload(ctx, "app", idle.ID())
	require.NoError(t, err)
	newUpload(t, s, digest.SHA512)

	s.Restore(empty)
	assert.Zero(t, s.Bytes())
	assert.Empty(t, collect(t, s.Uploads(ctx, "")))
	_, err = s.OpenUpload(ctx, "app", idle.ID())
	assert.ErrorIs(t, err, registry.UploadUnknown)
	for _, u := range []registry.Upload{idle, again} {
		assert.ErrorIs(t, u.Append(ctx, whole("more")), registry.UploadUnknown)
		assert.ErrorIs(t, u.Commit(ctx, registry.Chunk{}, digest.FromString("arrived")), registry.UploadUnknown)
		assert.ErrorIs(t, u.Cancel(ctx), registry.UploadUnknown)
	}
	newUpload(t, s, digest.SHA256)
	newUpload(t, s, digest.SHA256)
	assert.Zero(t, s.Bytes())
}

// A chunk that is arriving does not, however it goes on, get into the store.
func TestRestoreWhileWriting(t *testing.T) {
	rest := long(3 << 20)
	writes := map[string]func(registry.Upload, registry.Chunk) error{
		"append": func(u registry.Upload, c registry.Chunk) error { return u.Append(t.Context(), c) },
		"commit": func(u registry.Upload, c registry.Chunk) error {
			return u.Commit(t.Context(), c, digest.FromString("begun"+rest))
		},
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			s := memstore.New(memstore.Options{})
			start := s.Clone()
			u := newUpload(t, s, digest.SHA256)
			require.NoError(t, u.Append(t.Context(), whole("begun")))
			b := newBody()
			done := make(chan error)
			go func() { done <- write(u, stream(b)) }()
			b.send(rest)
			require.GreaterOrEqual(t, s.Bytes(), int64(len(rest)))

			s.Restore(start)
			assert.Empty(t, collect(t, s.Uploads(t.Context(), "")))
			go b.answerAll()
			assert.ErrorIs(t, <-done, registry.UploadUnknown)
			close(b.asked)
			assert.Zero(t, s.Bytes(), "all is given back")
			assert.Empty(t, collect(t, s.Repositories(t.Context(), "")))
		})
	}
}

// A reader never sees some of one content and some of another.
func TestRestoreIsAtomic(t *testing.T) {
	const blobs, restores, readers = 200, 300, 4
	ctx := t.Context()
	contents := make([]*memstore.Store, 2)
	lists := make([]string, len(contents))
	for i := range contents {
		contents[i] = memstore.New(memstore.Options{})
		for n := range blobs {
			push(t, contents[i], "app", fmt.Sprint(i, " ", n))
		}
		lists[i] = fmt.Sprint(collect(t, contents[i].Blobs(ctx, "app", "")))
	}
	s := contents[0].Clone()
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for range restores {
				var list []any
				for desc, err := range s.Blobs(ctx, "app", "") {
					assert.NoError(t, err)
					list = append(list, desc)
				}
				assert.Contains(t, lists, fmt.Sprint(list))
			}
		})
	}
	wg.Go(func() {
		for i := range restores {
			s.Restore(contents[i%2])
		}
	})
	wg.Wait()
}

// Whatever goes on meanwhile, the bytes are right in the end.
func TestRestoreConcurrently(t *testing.T) {
	const rounds = 200
	ctx := t.Context()
	s := memstore.New(memstore.Options{})
	push(t, s, "app", "at the start")
	start := s.Clone()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range rounds {
				content := strings.Repeat(fmt.Sprint(worker, i%7), 1000)
				d := digest.FromString(content)
				u, err := s.NewUpload(ctx, "app", digest.SHA256)
				if !assert.NoError(t, err) {
					return
				}
				if err := u.Append(ctx, whole(content)); err == nil {
					err = u.Commit(ctx, registry.Chunk{}, d)
					onlyCause(t, err, registry.UploadUnknown)
				} else {
					onlyCause(t, err, registry.UploadUnknown)
				}
				onlyCause(t, s.MountBlob(ctx, "other", d, "app"), registry.BlobUnknown)
				onlyCause(t, s.PutManifest(ctx, "app", putManifest(content, "v1")), nil)
				onlyCause(t, s.DeleteManifest(ctx, "app", string(d), registry.Precondition{}), registry.ManifestUnknown)
				onlyCause(t, s.DeleteBlob(ctx, "app", d), registry.BlobUnknown)
			}
		})
	}
	wg.Go(func() {
		for range rounds {
			s.Restore(start)
			runtime.Gosched()
		}
	})
	wg.Wait()
	assert.Equal(t, held(t, s), s.Bytes(), "what is counted is what is there")
	s.Restore(start)
	assert.Equal(t, start.Bytes(), s.Bytes())
	assert.Equal(t, []string{"app"}, collect(t, s.Repositories(ctx, "")))
}

// onlyCause fails the test if there is an error of another cause.
func onlyCause(t *testing.T, err, cause error) {
	t.Helper()
	if err != nil {
		assert.ErrorIs(t, err, cause)
	}
}

// held counts the bytes of all blobs and manifests, each digest once.
func held(t *testing.T, s *memstore.Store) int64 {
	blobs, manifests := map[digest.Digest]int64{}, map[digest.Digest]int64{}
	for _, repo := range collect(t, s.Repositories(t.Context(), "")) {
		for _, b := range collect(t, s.Blobs(t.Context(), repo, "")) {
			blobs[b.Digest] = b.Size
		}
		for _, m := range collect(t, s.Manifests(t.Context(), repo, "")) {
			manifests[m.Digest] = m.Size
		}
	}
	var n int64
	for _, sizes := range []map[digest.Digest]int64{blobs, manifests} {
		for _, size := range sizes {
			n += size
		}
	}
	return n
}

func TestRestoreLetsGo(t *testing.T) {
	s := memstore.New(memstore.Options{})
	start := s.Clone()
	before := memory()
	push(t, s, "app", long(16<<20))
	require.NoError(t, newUpload(t, s, digest.SHA256).Append(t.Context(), whole(long(16<<20))))
	assert.Greater(t, memory().HeapAlloc, before.HeapAlloc+(30<<20))
	s.Restore(start)
	assert.Less(t, memory().HeapAlloc, before.HeapAlloc+(1<<20))
	runtime.KeepAlive(s)
	runtime.KeepAlive(start)
}

// A restore takes the same time, and no memory to speak of, whatever the content.
func TestRestoreAllocations(t *testing.T) {
	few, many := memstore.New(memstore.Options{}), memstore.New(memstore.Options{})
	push(t, few, "app", "one")
	for i := range 5000 {
		push(t, many, "app", fmt.Sprint(i))
	}
	allocations := func(from *memstore.Store) float64 {
		s := memstore.New(memstore.Options{})
		return testing.AllocsPerRun(20, func() { s.Restore(from) })
	}
	assert.Equal(t, allocations(few), allocations(many))
}
