// Package layoutdir reads the directories of package layoutstore: an OCI image layout, and a log of
// what a layout cannot express.
package layoutdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// LogName is the file with the log.
const LogName = "ocifake.store"

// Dir is the directory of a store. Names are slash-separated paths in it; symbolic links do not
// lead out of it.
type Dir struct{ *os.Root }

// Read opens a regular file, and returns its size. Opening a named pipe would block.
func (d Dir) Read(name string) (*os.File, int64, error) {
	info, err := d.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: not a regular file: %v", name, info.Mode().Type())
	}
	f, err := d.Open(name)
	return f, info.Size(), err
}

// ReadSmall returns the content of a file, which has at most the given size.
func (d Dir) ReadSmall(name string, limit int64) ([]byte, error) {
	f, size, err := d.Read(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, fmt.Errorf("%s: %d bytes: want at most %d", name, size, limit)
	}
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return content, err
}

// Exists reports whether there is a file of any kind.
func (d Dir) Exists(name string) (bool, error) {
	_, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// BlobPath is the file of content with a digest. The digest must be valid.
func BlobPath(d digest.Digest) string {
	return ocispec.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

// OpenBlob opens content, which must have the given size.
func (d Dir) OpenBlob(of digest.Digest, size int64) (registry.Blob, error) {
	f, got, err := d.Read(BlobPath(of))
	if err == nil && got != size {
		err = errors.Join(fmt.Errorf("%s: it has %d bytes, and the content %d: the file is damaged", BlobPath(of), got, size), f.Close())
	}
	if err != nil {
		return nil, err
	}
	return registry.NewBlob(f, size), nil
}

// ReadManifest returns the content of a manifest, whose digest must be right.
func (d Dir) ReadManifest(of digest.Digest, size int64) ([]byte, error) {
	content, err := d.ReadSmall(BlobPath(of), size)
	if err == nil && of.Algorithm().FromBytes(content) != of {
		err = fmt.Errorf("%s: the content has another digest: the file is damaged", BlobPath(of))
	}
	return content, err
}
