package layoutstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// changes are calls that change a store, one after another.
func changes(t *testing.T) []func(registry.Store) error {
	ctx := t.Context()
	commit := func(s registry.Store, repo, content string) error {
		u, err := s.NewUpload(ctx, repo, digest.SHA256)
		if err != nil {
			return err
		}
		half := len(content) / 2
		if err = u.Append(ctx, chunk(content[:half])); err == nil {
			err = u.Commit(ctx, chunk(content[half:]), digest.FromString(content))
		}
		if err != nil {
			_ = u.Cancel(ctx) // it may be gone
		}
		return err
	}
	d := image(t, "one").Descriptor.Digest
	return []func(registry.Store) error{
		func(s registry.Store) error { return commit(s, "app", "{}") },
		func(s registry.Store) error { return commit(s, "app", "layer") },
		func(s registry.Store) error { return s.MountBlob(ctx, "lib", digest.FromString("layer"), "app") },
		func(s registry.Store) error {
			p := image(t, "one")
			p.Tags = []string{"v1", "v2"}
			return s.PutManifest(ctx, "app", p)
		},
		func(s registry.Store) error { return s.DeleteBlob(ctx, "app", digest.FromString("layer")) },
		func(s registry.Store) error { return s.DeleteBlob(ctx, "lib", digest.FromString("layer")) },
		func(s registry.Store) error { return s.DeleteManifest(ctx, "app", "v1", registry.Precondition{}) },
		func(s registry.Store) error { return s.DeleteManifest(ctx, "app", string(d), registry.Precondition{}) },
	}
}

// shown returns all that a store shows.
func shown(t *testing.T, s registry.Store) string {
	t.Helper()
	var b strings.Builder
	for _, repo := range collect(t, s.Repositories(t.Context(), "")) {
		fmt.Fprintln(&b, repo, collect(t, s.Tags(t.Context(), repo, "")), collect(t, s.Blobs(t.Context(), repo, "")))
		fmt.Fprintln(&b, collect(t, s.Manifests(t.Context(), repo, "")))
	}
	return b.String()
}

// TestFaults makes each operation on the directory fail in turn, once or from then on. A call that
// fails changes nothing that is visible, and what the store shows then, or after all the calls of a
// store that goes on, is there after a restart.
func TestFaults(t *testing.T) {
	t.Parallel()
	full := syscall.ENOSPC
	for _, lasting := range []bool{false, true} {
		for nth := 1; ; nth++ {
			dir, count := newDirectory(t), 0
			var failed string
			s, err := layoutstore.OpenShortening(dir, func(op, name string) error {
				if count++; count == nth || lasting && count > nth {
					if count == nth {
						failed = op + " " + name
					}
					return full
				}
				return nil
			})
			if err == nil {
				makeChanges(t, s, nth, full)
				before := shown(t, s)
				err = s.Close()
				again := open(t, dir, layoutstore.Options{})
				if failed != "sync ocifake.store" { // or the outcome is unknown until now
					require.Equal(t, before, shown(t, again), "operation %d fails: %s", nth, failed)
				}
				check(t, again)
				require.NoError(t, again.Close())
				requireNoLeftovers(t, dir)
			}
			if err != nil {
				require.ErrorIs(t, err, full)
				again := open(t, dir, layoutstore.Options{})
				check(t, again)
			}
			if failed == "" {
				require.Greater(t, nth, 40)
				break
			}
		}
	}
}

// makeChanges compares a store, some of whose calls fail, with a memstore that gets the others.
func makeChanges(t *testing.T, s *layoutstore.Store, nth int, full error) {
	t.Helper()
	model := memstore.New(memstore.Options{})
	for i, change := range changes(t) {
		err := change(s)
		var cause registry.Cause
		switch {
		case err == nil:
			require.NoError(t, change(model))
		case errors.As(err, &cause): // because an earlier call failed
			require.ErrorIs(t, change(model), cause)
		default:
			require.ErrorIs(t, err, full)
		}
		require.Equal(t, shown(t, model), shown(t, s), "call %d, operation %d fails", i, nth)
	}
}

func requireNoLeftovers(t *testing.T, dir string) {
	t.Helper()
	s := open(t, dir, layoutstore.Options{ReadOnly: true})
	visible := map[string]bool{}
	for _, repo := range collect(t, s.Repositories(t.Context(), "")) {
		for _, d := range collect(t, s.Blobs(t.Context(), repo, "")) {
			visible[filepath.ToSlash(blobFile(d.Digest))] = true
		}
		for _, d := range collect(t, s.Manifests(t.Context(), repo, "")) {
			visible[filepath.ToSlash(blobFile(d.Digest))] = true
		}
	}
	for name, about := range tree(t, dir) {
		switch {
		case about[0] == 'd', name == "oci-layout", name == "index.json", name == "ocifake.store", visible[name]:
		case strings.HasPrefix(name, "ocifake.uploads/"): // a session whose file could not be deleted, and that expires
		default:
			require.Fail(t, "a file is left over", name)
		}
	}
}

// A full disk, as the limit of the size of files of a process, fails pushes and nothing else.
func fullDisk(dir string) {
	limitFiles(1 << 20)
	s, err := layoutstore.Open(dir, layoutstore.Options{})
	if err != nil {
		panic(err)
	}
	large := strings.Repeat("x", 2<<20)
	for _, content := range []string{"small", large, "also small"} {
		u, err := s.NewUpload(context.Background(), "app", digest.SHA256)
		if err != nil {
			panic(err)
		}
		err = u.Commit(context.Background(), chunk(content), digest.FromString(content))
		fmt.Println(len(content), err == nil, errors.Is(err, syscall.EFBIG))
	}
	fmt.Println(s.Close() == nil)
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	if !canLimitFiles {
		t.Skip("the size of files cannot be limited on " + runtime.GOOS)
	}
	dir := newDirectory(t)
	cmd, lines := startChild(t, "full", dir)
	var got []string
	for lines.Scan() {
		got = append(got, lines.Text())
	}
	require.NoError(t, cmd.Wait())
	require.Equal(t, []string{"5 true false", "2097152 false true", "10 true false", "true"}, got)
	s := open(t, dir, layoutstore.Options{})
	check(t, s)
	require.Len(t, collect(t, s.Blobs(t.Context(), "app", "")), 2)
}

// Files have the permissions of the umask, and links do not lead out of the directory.
func TestPermissionsAndLinks(t *testing.T) {
	t.Parallel()
	dir, outside := newDirectory(t), newDirectory(t)
	s := open(t, dir, layoutstore.Options{})
	d := put(t, s, "app", "image", "v1")
	require.NoError(t, s.Close())
	write(t, "", outside, "reference")
	reference, err := os.Stat(filepath.Join(outside, "reference"))
	require.NoError(t, err)
	for name, about := range tree(t, dir) {
		if about[0] == '-' {
			require.Equal(t, reference.Mode().String(), about[:10], name)
		}
	}

	blob := filepath.Join(dir, blobFile(digest.FromString("{}")))
	write(t, "{}", outside, "blob")
	require.NoError(t, os.Remove(blob))
	if err := os.Symlink(filepath.Join(outside, "blob"), blob); err != nil {
		t.Skip("links cannot be made: ", err)
	}
	s = open(t, dir, layoutstore.Options{})
	_, err = s.OpenBlob(t.Context(), "app", digest.FromString("{}"))
	require.ErrorContains(t, err, "escapes")
	require.NoError(t, os.WriteFile(filepath.Join(dir, blobFile(d)), []byte("damaged"), 0o600))
	_, err = s.Manifest(t.Context(), "app", "v1")
	require.ErrorContains(t, err, "damaged")
	require.NoError(t, s.Close())

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "blobs")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "blobs")))
	s = open(t, dir, layoutstore.Options{})
	u, err := s.NewUpload(t.Context(), "app", digest.SHA256)
	require.NoError(t, err)
	require.Error(t, u.Commit(t.Context(), chunk("content"), digest.FromString("content")))
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing was written outside")
	require.NoError(t, u.Cancel(t.Context()))
}

// A reader of a blob that is deleted goes on.
func TestOpenBlobIsDeleted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be deleted")
	}
	dir := newDirectory(t)
	s := open(t, dir, layoutstore.Options{})
	d := push(t, s, "app", "content")
	b, err := s.OpenBlob(t.Context(), "app", d)
	require.NoError(t, err)
	require.NoError(t, s.DeleteBlob(t.Context(), "app", d))
	require.NoFileExists(t, filepath.Join(dir, blobFile(d)))
	all, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	require.NoError(t, err)
	require.Equal(t, "content", string(all))
	require.NoError(t, b.Close())
}

// A layout with a wrong index.json is refused, and not changed.
func TestHostileIndex(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ index, want string }{
		"no JSON":        {"{", "index.json"},
		"twice":          {`{"schemaVersion":2,"manifests":[],"manifests":[]}`, "index.json"},
		"path":           {`{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:../../x","size":1}]}`, "index.json"},
		"missing":        {`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + string(digest.FromString("x")) + `","size":1,"annotations":{"org.opencontainers.image.ref.name":"a:v1"}}]}`, "missing file"},
		"no version":     {`{"manifests":[]}`, "index.json"},
		"another format": {`[]`, "index.json"},
	} {
		for _, o := range []layoutstore.Options{{}, {Adopt: true}, {ReadOnly: true}} {
			dir := newDirectory(t)
			write(t, `{"imageLayoutVersion":"1.0.0"}`, dir, "oci-layout")
			write(t, tt.index, dir, "index.json")
			before := tree(t, dir)
			err := refused(t, dir, o)
			require.ErrorContains(t, err, tt.want, name)
			require.ErrorContains(t, err, dir)
			require.Equal(t, before, tree(t, dir))
		}
	}
}
