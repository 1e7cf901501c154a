package layoutstore

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/uuid"
)

// deleted is an entry of a directory whose file is deleted before its Info is called.
type deleted struct {
	fs.DirEntry
	name string
}

func (d deleted) Name() string               { return d.name }
func (d deleted) Info() (fs.FileInfo, error) { return os.Lstat(d.name) }

// A directory may list a file that is deleted before its size is known. The leftover file of a
// manifest is deleted by loadSession itself.
func TestDeletedUploads(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenUnsynced(dir, Options{}, nil)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, uploadsName), 0o777))
	manifest := uuid.New() + manifestSuffix
	require.NoError(t, os.WriteFile(filepath.Join(dir, uploadsName, manifest), nil, 0o666))
	for _, name := range []string{manifest, filepath.Base(sessionOf("app", uuid.New()).file())} {
		require.NoError(t, s.loadSession(deleted{name: name}), name)
	}
	require.NoFileExists(t, filepath.Join(dir, uploadsName, manifest))
	require.Empty(t, s.uploads)
	require.NoError(t, s.Close())
}
