package layoutstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// The files beside those of the image specification.
const (
	logName     = "ocifake.store"
	lockName    = "ocifake.lock" // on Windows
	newName     = "ocifake.new"  // becomes the log or a file of the layout
	uploadsName = "ocifake.uploads"
)

// disk is the directory of a store. Names are slash-separated paths in it; symbolic links do not
// lead out of it. New files and directories have the permissions of the umask.
type disk struct {
	*os.Root
	maxIndex int64                       // the maximum size of index.json
	unsynced bool                        // for tests: nothing is synced
	fail     func(op, name string) error // for tests: an operation that changes the directory fails
}

func (d *disk) may(op, name string) error {
	if d.fail == nil {
		return nil
	}
	return d.fail(op, name)
}

// file is a file that is written.
type file struct {
	*os.File
	disk *disk
	name string
}

// open opens a file for writing.
func (d *disk) open(name string, flags int) (*file, error) {
	if err := d.may("open", name); err != nil {
		return nil, err
	}
	f, err := d.Root.OpenFile(name, flags, 0o666)
	if err != nil {
		return nil, err
	}
	return &file{f, d, name}, nil
}

// Write writes a part of p if the test makes it fail.
func (f *file) Write(p []byte) (int, error) {
	if err := f.disk.may("write", f.name); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *file) Sync() error {
	if err := f.disk.may("sync", f.name); err != nil {
		return err
	}
	if f.disk.unsynced {
		return nil
	}
	return f.File.Sync()
}

func (f *file) Truncate(size int64) error {
	if err := f.disk.may("truncate", f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (d *disk) rename(from, to string) error {
	if err := d.may("rename", to); err != nil {
		return err
	}
	return d.Root.Rename(from, to)
}

// remove removes a file, if it exists.
func (d *disk) remove(name string) error {
	if err := d.may("remove", name); err != nil {
		return err
	}
	if err := d.Root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// mkdir makes a directory and those above it, and syncs what it has changed.
func (d *disk) mkdir(name string) error {
	if info, err := d.Root.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	if err := d.may("mkdir", name); err != nil {
		return err
	}
	if err := d.Root.MkdirAll(name, 0o777); err != nil {
		return err
	}
	for above := path.Dir(name); ; above = path.Dir(above) {
		if err := d.syncDirectory(above); err != nil || above == "." {
			return err
		}
	}
}

func (d *disk) syncDirectory(name string) error {
	if err := d.may("sync", name); err != nil {
		return err
	}
	if d.unsynced || !syncsDirectories {
		return nil
	}
	f, err := d.Root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// replace writes a whole file, or leaves it as it was.
func (d *disk) replace(name string, content []byte) error {
	return d.replaceBy(name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

func (d *disk) replaceBy(name string, write func(io.Writer) error) error {
	if err := d.write(newName, write); err != nil {
		return err
	}
	if err := d.rename(newName, name); err != nil {
		return errors.Join(err, d.remove(newName))
	}
	return d.syncDirectory(".")
}

// write writes a new file and syncs its content.
func (d *disk) write(name string, write func(io.Writer) error) error {
	f, err := d.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, d.remove(name))
	}
	return nil
}

// read opens a regular file. Opening a named pipe would block.
func (d *disk) read(name string) (*os.File, int64, error) {
	info, err := d.Root.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: not a regular file: %v", name, info.Mode().Type())
	}
	f, err := d.Root.Open(name)
	return f, info.Size(), err
}

// readSmall returns the content of a file, which has at most the given size.
func (d *disk) readSmall(name string, limit int64) ([]byte, error) {
	f, size, err := d.read(name)
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

// exists reports whether there is a file of any kind.
func (d *disk) exists(name string) (bool, error) {
	_, err := d.Root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// blobPath is the file of content with a digest. The digest must be valid.
func blobPath(d digest.Digest) string {
	return ocispec.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

// openBlob opens content, which must have the given size.
func (d *disk) openBlob(of digest.Digest, size int64) (registry.Blob, error) {
	f, got, err := d.read(blobPath(of))
	if err == nil && got != size {
		err = errors.Join(fmt.Errorf("%s: it has %d bytes, and the content %d: the file is damaged", blobPath(of), got, size), f.Close())
	}
	if err != nil {
		return nil, err
	}
	return registry.NewBlob(f, size), nil
}

// readManifest returns the content of a manifest, whose digest must be right.
func (d *disk) readManifest(of digest.Digest, size int64) ([]byte, error) {
	content, err := d.readSmall(blobPath(of), size)
	if err == nil && of.Algorithm().FromBytes(content) != of {
		err = fmt.Errorf("%s: the content has another digest: the file is damaged", blobPath(of))
	}
	return content, err
}
