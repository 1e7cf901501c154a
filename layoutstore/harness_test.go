package layoutstore_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/registry"
)

// newDirectory returns a new directory.
func newDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	require.NoError(t, err)
	return dir
}

// open opens a store that syncs nothing. The test closes it.
func open(t *testing.T, dir string, o layoutstore.Options) *layoutstore.Store {
	t.Helper()
	s, err := layoutstore.OpenUnsynced(dir, o, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// refused returns the error of opening a directory.
func refused(t *testing.T, dir string, o layoutstore.Options) error {
	t.Helper()
	s, err := layoutstore.Open(dir, o)
	if err == nil {
		require.NoError(t, s.Close())
	}
	return err
}

func push(t testing.TB, s registry.Store, repo, content string) digest.Digest {
	t.Helper()
	d := digest.FromString(content)
	u, err := s.NewUpload(t.Context(), repo, digest.SHA256)
	require.NoError(t, err)
	require.NoError(t, u.Commit(t.Context(), chunk(content), d))
	return d
}

func chunk(content string) registry.Chunk {
	return registry.Chunk{Body: strings.NewReader(content), Offset: registry.Unknown, Length: int64(len(content))}
}

// put puts an image manifest with a config, which it pushes, and a name.
func put(t testing.TB, s registry.Store, repo, name string, tags ...string) digest.Digest {
	t.Helper()
	push(t, s, repo, "{}")
	p := image(t, name)
	p.Tags = tags
	require.NoError(t, s.PutManifest(t.Context(), repo, p))
	return p.Descriptor.Digest
}

func image(t testing.TB, name string) registry.PutManifest {
	t.Helper()
	p, err := registry.ParseManifest(ocispec.MediaTypeImageManifest, fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.test","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[],"annotations":{"name":%q}}`,
		ocispec.MediaTypeImageManifest, digest.FromString("{}"), name))
	require.NoError(t, err)
	return p
}

// read reads a blob.
func read(t *testing.T, s registry.Store, repo string, d digest.Digest) string {
	t.Helper()
	b, err := s.OpenBlob(t.Context(), repo, d)
	require.NoError(t, err)
	all, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	return string(all)
}

func collect[T any](t testing.TB, list iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for item, err := range list {
		require.NoError(t, err)
		all = append(all, item)
	}
	return all
}

// check checks that all that a store shows is consistent.
func check(t *testing.T, s registry.Store) {
	t.Helper()
	require.NoError(t, content.Check(t.Context(), s, content.CheckOptions{AllowSparse: true, AllowUploads: true}))
}

// tree returns the hashes and modes of all files of a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = info.Mode().String()
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			files[filepath.ToSlash(name)] += fmt.Sprintf(" %x %v", sha256.Sum256(text), info.ModTime())
			return err
		}
		return nil
	}))
	return files
}

func write(t *testing.T, content string, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o666))
}

func blobFile(d digest.Digest) string {
	return filepath.Join("blobs", d.Algorithm().String(), d.Encoded())
}
