package content

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ocifake/ocifake/registry"
)

// directory is a source on disk. Symbolic links cannot lead out of it.
type directory struct {
	path string // absolute, because the working directory may change before files are reopened
}

func newDirectory(path string) (directory, error) {
	path, err := filepath.Abs(path)
	return directory{path}, err
}

func (d directory) open(name string) (_ *file, err error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	local := filepath.FromSlash(name)
	info, err := root.Stat(local)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a named pipe would block
		return nil, fmt.Errorf("%s: not a regular file: %v", name, info.Mode().Type())
	}
	f, err := root.Open(local)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &file{Blob: registry.NewBlob(f, info.Size()), modified: info.ModTime()}, nil
}

func (d directory) again(name string, was *file) func() (registry.Blob, error) {
	size, modified := was.Size(), was.modified
	return func() (registry.Blob, error) {
		f, err := d.open(name)
		if err != nil {
			return nil, fmt.Errorf("%s, loaded from %s: %w", name, d.path, err)
		}
		if f.Size() != size || !f.modified.Equal(modified) {
			return nil, errors.Join(fmt.Errorf("%s in %s has changed since it was loaded", name, d.path), f.Close())
		}
		return f.Blob, nil
	}
}
