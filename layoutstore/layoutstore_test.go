package layoutstore_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/content"

	"github.com/ocifake/ocifake/internal/testmain"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
)

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childVariable)]; child != nil {
		child(os.Args[1])
		return
	}
	testmain.Run(m)
}

// TestStore checks new stores, and stores that are closed and reopened before each call.
func TestStore(t *testing.T) {
	open := func(dir string) (registry.Store, error) {
		return layoutstore.OpenUnsynced(dir, layoutstore.Options{}, nil)
	}
	for _, store := range []struct {
		name   string
		open   func(dir string) (registry.Store, error)
		checks []storetest.Check
	}{
		{"new", open, thorough.Sample(storetest.Checks(), 8, 0)},
		{"reopened", func(dir string) (registry.Store, error) {
			return storetest.Reopen(func() (registry.Store, error) { return open(dir) })
		}, thorough.Sample(storetest.Checks(), 32, 3)},
	} {
		for _, check := range store.checks {
			t.Run(store.name+"/"+check.Name, func(t *testing.T) {
				t.Parallel()
				var stores []registry.Store
				err := check.Run(t.Context(), func() (registry.Store, error) {
					s, err := store.open(newDirectory(t))
					stores = append(stores, s)
					return s, err
				})
				for _, s := range stores {
					err = errors.Join(err, s.(io.Closer).Close())
				}
				assert.NoError(t, err)
			})
		}
	}
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	other, empty, nested := newDirectory(t), newDirectory(t), filepath.Join(newDirectory(t), "a", "b")
	write(t, "hello", other, "file")
	before := tree(t, other)
	for _, o := range []layoutstore.Options{{}, {ReadOnly: true}, {Adopt: true}} {
		require.ErrorContains(t, refused(t, other, o), "not empty and is not an OCI image layout")
	}
	require.Equal(t, before, tree(t, other))
	require.ErrorContains(t, refused(t, empty, layoutstore.Options{ReadOnly: true}), "the directory is empty")
	require.ErrorContains(t, refused(t, empty, layoutstore.Options{ReadOnly: true, Adopt: true}), "choose one")
	require.ErrorContains(t, refused(t, empty, layoutstore.Options{Repository: "A"}), "is not the name of a repository")
	require.Empty(t, tree(t, empty)["oci-layout"])
	require.ErrorIs(t, refused(t, filepath.Join(empty, "none"), layoutstore.Options{ReadOnly: true}), fs.ErrNotExist)

	s := open(t, nested, layoutstore.Options{})
	require.False(t, s.ReadOnly())
	err := refused(t, nested, layoutstore.Options{})
	require.ErrorContains(t, err, nested)
	require.ErrorContains(t, err, "another process, or another store, is using the directory")
	put(t, s, "app", "image", "v1")
	require.NoError(t, refused(t, nested, layoutstore.Options{ReadOnly: true}), "needs no lock")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "again")
	for range s.Tags(t.Context(), "app", "") {
		_, err = s.Manifest(t.Context(), "app", "v1")
	}
	require.Error(t, err, "it is closed")
	require.NoError(t, refused(t, nested, layoutstore.Options{}))
}

// The directory is an image layout that Load, and other programs, read.
func TestLayout(t *testing.T) {
	t.Parallel()
	dir := newDirectory(t)
	s := open(t, dir, layoutstore.Options{})
	one := put(t, s, "app", "one", "v1", "v2")
	two := put(t, s, "a.io/team/app", "two")
	require.NoError(t, s.Close())
	loaded := memstore.New(memstore.Options{})
	_, err := content.Load(t.Context(), loaded, dir, content.LoadOptions{})
	require.NoError(t, err)
	require.Equal(t, []registry.Tag{{Name: "v1", Digest: one}, {Name: "v2", Digest: one}}, collect(t, loaded.Tags(t.Context(), "app", "")))
	m, err := loaded.Manifest(t.Context(), "a.io/team/app", string(two))
	require.NoError(t, err)
	require.Equal(t, two, m.Descriptor.Digest)

	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	require.NoError(t, err)
	require.Contains(t, string(index), `"org.opencontainers.image.ref.name":"app:v2"`)
	before := tree(t, dir)
	require.NoError(t, refused(t, dir, layoutstore.Options{}))
	s = open(t, dir, layoutstore.Options{})
	require.Len(t, collect(t, s.Repositories(t.Context(), "")), 2)
	require.NoError(t, s.Close())
	require.Equal(t, before, tree(t, dir), "opening, reading and closing change nothing")

	s = open(t, dir, layoutstore.Options{ReadOnly: true})
	check(t, s)
	require.Equal(t, "{}", read(t, s, "app", digest.FromString("{}")))
	require.NoError(t, s.Close())
	require.Equal(t, before, tree(t, dir))
}

// Without the log, the layout is that of another program.
func TestAdopt(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), newDirectory(t)
	s := open(t, dir, layoutstore.Options{})
	d := put(t, s, "app", "one", "v1")
	require.NoError(t, s.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "ocifake.store")))
	write(t, "the user's", dir, "notes")
	write(t, "the user's", dir, "blobs", "sha256", "notes")
	unlisted := digest.FromString("unlisted")
	write(t, "unlisted", dir, blobFile(unlisted))
	wrong := digest.FromString("wrong")
	write(t, "other content", dir, blobFile(wrong))
	before := tree(t, dir)

	s = open(t, dir, layoutstore.Options{})
	require.True(t, s.ReadOnly())
	require.NoError(t, refused(t, dir, layoutstore.Options{}), "it is not locked")
	check(t, s)
	for _, err := range []error{
		s.DeleteManifest(ctx, "app", "v1", registry.Precondition{}),
		s.PutManifest(ctx, "app", image(t, "two")),
		s.DeleteBlob(ctx, "app", digest.FromString("{}")),
		s.MountBlob(ctx, "lib", digest.FromString("{}"), "app"),
		func() error { _, err := s.NewUpload(ctx, "app", digest.SHA256); return err }(),
	} {
		require.ErrorIs(t, err, registry.Denied)
	}
	require.NoError(t, s.Close())
	require.Equal(t, before, tree(t, dir))

	s = open(t, dir, layoutstore.Options{Adopt: true})
	require.False(t, s.ReadOnly())
	check(t, s)
	push(t, s, "app", "unlisted")
	u, err := s.NewUpload(ctx, "app", digest.SHA256)
	require.NoError(t, err)
	require.ErrorContains(t, u.Commit(ctx, chunk("wrong"), wrong), "has other content: remove it")
	require.NoError(t, u.Cancel(ctx))
	own := push(t, s, "app", "own")
	for _, blob := range []digest.Digest{digest.FromString("{}"), unlisted, own} {
		require.NoError(t, s.DeleteBlob(ctx, "app", blob))
	}
	require.NoError(t, s.DeleteManifest(ctx, "app", string(d), registry.Precondition{}))
	put(t, s, "app", "three", "v3")
	require.NoError(t, s.Close())
	after := tree(t, dir)
	require.NotContains(t, after, filepath.ToSlash(blobFile(own)))
	delete(after, "index.json")
	for name, was := range before {
		if strings.HasPrefix(was, "-") && name != "index.json" {
			require.Equal(t, was, after[name], name)
		}
	}
}

// What other programs do to index.json is done to the store, and their entries stay as they are.
func TestChangedByAnother(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), newDirectory(t)
	s := open(t, dir, layoutstore.Options{})
	one := put(t, s, "app", "one", "keep", "remove", "move")
	two := put(t, s, "app", "two", "v2")
	require.NoError(t, s.Close())

	three := image(t, "three")
	write(t, string(three.Content), dir, blobFile(three.Descriptor.Digest))
	index := func() map[string]any {
		text, err := os.ReadFile(filepath.Join(dir, "index.json"))
		require.NoError(t, err)
		var index map[string]any
		require.NoError(t, json.Unmarshal(text, &index))
		return index
	}
	x := index()
	x["annotations"] = map[string]any{"theirs": "yes"}
	var entries []any
	for _, e := range x["manifests"].([]any) {
		entry := e.(map[string]any)
		names := entry["annotations"].(map[string]any)
		switch names[ocispec.AnnotationRefName] {
		case "app:remove":
			continue
		case "app:move":
			entry["digest"], entry["size"] = string(two), len(image(t, "two").Content)
		case "app:keep":
			names["theirs"] = "kept"
		}
		entries = append(entries, entry)
	}
	x["manifests"] = append(entries, map[string]any{
		"mediaType": ocispec.MediaTypeImageManifest, "digest": string(three.Descriptor.Digest), "size": len(three.Content),
		"annotations": map[string]any{ocispec.AnnotationRefName: "new"},
	})
	text, err := json.Marshal(x)
	require.NoError(t, err)
	write(t, string(text), dir, "index.json")

	require.ErrorContains(t, refused(t, dir, layoutstore.Options{}), `"new" has no repository: specify one`)
	for _, o := range []layoutstore.Options{{Repository: "lib", ReadOnly: true}, {Repository: "lib"}, {}} {
		s = open(t, dir, o)
		check(t, s)
		require.Equal(t, []registry.Tag{{Name: "keep", Digest: one}, {Name: "move", Digest: two}, {Name: "v2", Digest: two}}, collect(t, s.Tags(ctx, "app", "")))
		require.Equal(t, []registry.Tag{{Name: "new", Digest: three.Descriptor.Digest}}, collect(t, s.Tags(ctx, "lib", "")))
		require.NoError(t, s.Close())
	}
	s = open(t, dir, layoutstore.Options{})
	put(t, s, "app", "four", "v4")
	require.NoError(t, s.DeleteManifest(ctx, "lib", string(three.Descriptor.Digest), registry.Precondition{}))
	require.NoError(t, s.Close())
	after := index()
	require.Equal(t, x["annotations"], after["annotations"])
	require.Contains(t, after["manifests"], entries[0])
	require.FileExists(t, filepath.Join(dir, blobFile(three.Descriptor.Digest)), "ocifake did not write it")
}

// The repository with which a layout was adopted is kept, and with it the entries that have none.
func TestRepositoryIsKept(t *testing.T) {
	t.Parallel()
	dir := newDirectory(t)
	theirs := image(t, "theirs")
	write(t, `{"imageLayoutVersion":"1.0.0"}`, dir, "oci-layout")
	write(t, "{}", dir, blobFile(digest.FromString("{}")))
	write(t, string(theirs.Content), dir, blobFile(theirs.Descriptor.Digest))
	entry := fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"annotations":{"org.opencontainers.image.ref.name":"v1","theirs":"kept"}}`,
		ocispec.MediaTypeImageManifest, theirs.Descriptor.Digest, len(theirs.Content))
	write(t, `{"schemaVersion":2,"manifests":[`+entry+`]}`, dir, "index.json")
	s := open(t, dir, layoutstore.Options{Adopt: true, Repository: "app"})
	require.NoError(t, s.Close())
	text := func() string {
		text, err := os.ReadFile(filepath.Join(dir, "index.json"))
		require.NoError(t, err)
		return string(text)
	}
	for _, end := range []func(*layoutstore.Store) error{(*layoutstore.Store).Close, (*layoutstore.Store).Crash, (*layoutstore.Store).Close} {
		s, err := layoutstore.OpenUnsynced(dir, layoutstore.Options{}, nil)
		require.NoError(t, err)
		put(t, s, "app", rand.Text(), "v2")
		require.NoError(t, end(s))
		require.Contains(t, text(), entry)
	}
	write(t, strings.Replace(text(), entry, entry+","+strings.Replace(entry, `"v1"`, `"v3"`, 1), 1), dir, "index.json")
	s = open(t, dir, layoutstore.Options{})
	m, err := s.Manifest(t.Context(), "app", "v3")
	require.NoError(t, err)
	require.Equal(t, theirs.Descriptor.Digest, m.Descriptor.Digest)
}

// What another program adds to index.json between Open and the first call is not in the store: it is
// in no log, so that the log could not be read after a crash.
func TestChangedWhileOpen(t *testing.T) {
	t.Parallel()
	for _, change := range []func(registry.Store, registry.PutManifest){
		func(s registry.Store, p registry.PutManifest) {
			p.Tags = []string{"v2"}
			push(t, s, "other", "{}")
			require.NoError(t, s.PutManifest(t.Context(), "other", p))
		},
		func(s registry.Store, p registry.PutManifest) {
			err := s.DeleteManifest(t.Context(), "other", string(p.Descriptor.Digest), registry.Precondition{})
			require.ErrorIs(t, err, registry.ManifestUnknown)
		},
	} {
		dir := newDirectory(t)
		s := open(t, dir, layoutstore.Options{})
		put(t, s, "app", "one", "v1")
		require.NoError(t, s.Close())
		s, err := layoutstore.OpenUnsynced(dir, layoutstore.Options{}, nil)
		require.NoError(t, err)
		theirs := image(t, "theirs")
		write(t, string(theirs.Content), dir, blobFile(theirs.Descriptor.Digest))
		index, err := os.ReadFile(filepath.Join(dir, "index.json"))
		require.NoError(t, err)
		write(t, strings.Replace(string(index), `"manifests": [`, fmt.Sprintf(
			`"manifests": [{"mediaType":%q,"digest":%q,"size":%d,"annotations":{"org.opencontainers.image.ref.name":"other:v1"}},`,
			ocispec.MediaTypeImageManifest, theirs.Descriptor.Digest, len(theirs.Content)), 1), dir, "index.json")
		change(s, theirs)
		require.NoError(t, s.Crash())
		s = open(t, dir, layoutstore.Options{})
		check(t, s)
		m, err := s.Manifest(t.Context(), "app", "v1")
		require.NoError(t, err)
		require.Equal(t, image(t, "one").Descriptor.Digest, m.Descriptor.Digest)
		require.FileExists(t, filepath.Join(dir, blobFile(theirs.Descriptor.Digest)))
	}
}

// Uploads continue after a restart, and files that others put beside theirs stay.
func TestUploadsContinue(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), newDirectory(t)
	s := open(t, dir, layoutstore.Options{})
	u, err := s.NewUpload(ctx, "app", digest.SHA512)
	require.NoError(t, err)
	require.NoError(t, u.Append(ctx, chunk("hello ")))
	require.NoError(t, s.Close())
	require.Error(t, u.Append(ctx, chunk("world")), "it is closed")
	write(t, "a file", dir, "ocifake.uploads", "notes")
	write(t, "{}", dir, "ocifake.uploads", u.ID()+".manifest")

	s = open(t, dir, layoutstore.Options{})
	require.Equal(t, []string{u.ID()}, collect(t, s.Uploads(ctx, "app")))
	require.Empty(t, collect(t, s.Uploads(ctx, "other")))
	u, err = s.OpenUpload(ctx, "app", u.ID())
	require.NoError(t, err)
	require.EqualValues(t, 6, u.Size())
	d := digest.SHA512.FromString("hello world")
	require.NoError(t, u.Commit(ctx, chunk("world"), d))
	require.Equal(t, "hello world", read(t, s, "app", d))
	require.NoFileExists(t, filepath.Join(dir, "ocifake.uploads", u.ID()+".manifest"))
	require.FileExists(t, filepath.Join(dir, "ocifake.uploads", "notes"))
}

func TestUploadsExpire(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, newDirectory(t), layoutstore.Options{MaxUploads: 1, UploadTTL: time.Nanosecond})
	u, err := s.NewUpload(ctx, "app", digest.SHA256)
	require.NoError(t, err)
	require.Empty(t, collect(t, s.Uploads(ctx, "")), "it has expired")
	require.ErrorIs(t, u.Append(ctx, chunk("a")), registry.UploadUnknown)

	s = open(t, newDirectory(t), layoutstore.Options{MaxUploads: 1})
	_, err = s.NewUpload(ctx, "app", digest.SHA256)
	require.NoError(t, err)
	_, err = s.NewUpload(ctx, "app", digest.SHA256)
	require.ErrorIs(t, err, registry.TooManyUploads)
}

// A push for which index.json would become too large is refused. A store whose index.json cannot be
// written opens, so that tags can be deleted.
func TestTooManyTags(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), newDirectory(t)
	const limit = 8 << 10
	s, err := layoutstore.OpenWithIndex(dir, limit)
	require.NoError(t, err)
	first := put(t, s, "app", "image", "first")
	p := image(t, "image")
	tag := func(n int) error {
		p.Tags = []string{fmt.Sprint("v", n)}
		return s.PutManifest(ctx, "app", p)
	}
	n := 0
	for err = tag(n); err == nil; err = tag(n) {
		n++
		require.Less(t, n, 1000)
	}
	require.ErrorIs(t, err, registry.Full)
	require.ErrorContains(t, err, "index.json may have at most 8192 bytes")
	require.Greater(t, n, limit/300)
	require.Len(t, collect(t, s.Tags(ctx, "app", "")), n+1)
	require.NoError(t, s.DeleteManifest(ctx, "app", "first", registry.Precondition{}))
	require.NoError(t, tag(n))
	require.NoError(t, s.Close())

	s, err = layoutstore.OpenWithIndex(dir, limit)
	require.NoError(t, err)
	require.ErrorIs(t, tag(n+1), registry.Full)
	require.NoError(t, s.Close())
	s = open(t, dir, layoutstore.Options{})
	for i := range 10 {
		require.NoError(t, tag(n+1+i))
	}
	require.NoError(t, s.Crash())

	for range 2 {
		s, err = layoutstore.OpenWithIndex(dir, limit)
		require.NoError(t, err)
		check(t, s)
		require.ErrorIs(t, tag(0), registry.Full)
		require.ErrorContains(t, s.Close(), "index.json is too large")
	}
	s, err = layoutstore.OpenWithIndex(dir, limit)
	require.NoError(t, err)
	for i := range 20 {
		require.NoError(t, s.DeleteManifest(ctx, "app", fmt.Sprint("v", i), registry.Precondition{}))
	}
	require.NoError(t, tag(0))
	require.NoError(t, s.Close())
	s = open(t, dir, layoutstore.Options{})
	check(t, s)
	require.Len(t, collect(t, s.Tags(ctx, "app", "")), n+1+10-20+1)
	m, err := s.Manifest(ctx, "app", "v0")
	require.NoError(t, err)
	require.Equal(t, first, m.Descriptor.Digest)
}

// index.json is written once for many pushes, and the log has a line for each.
func TestManyTags(t *testing.T) {
	t.Parallel()
	dir := newDirectory(t)
	s := open(t, dir, layoutstore.Options{})
	put(t, s, "app", "image")
	before := tree(t, dir)["index.json"]
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "ocifake.store"))
		require.NoError(t, err)
		return info.Size()
	}
	p, start := image(t, "image"), size()
	for i := range 1000 {
		p.Tags = []string{fmt.Sprintf("v%04d", i)}
		require.NoError(t, s.PutManifest(t.Context(), "app", p))
	}
	require.Equal(t, before, tree(t, dir)["index.json"])
	require.Equal(t, int64(1000*len("12345678 tag app v0000 \n")+1000*len(p.Descriptor.Digest)), size()-start)
	require.NoError(t, s.Close())
	s = open(t, dir, layoutstore.Options{})
	require.Len(t, collect(t, s.Tags(t.Context(), "app", "")), 1000)
}
