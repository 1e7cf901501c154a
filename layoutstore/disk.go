package layoutstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/ocifake/ocifake/internal/layoutdir"
)

// The files beside those of the image specification.
const (
	lockName    = "ocifake.lock" // on Windows
	newName     = "ocifake.new"  // becomes the log or a file of the layout
	uploadsName = "ocifake.uploads"
)

// disk is the directory of a store. New files and directories have the permissions of the umask.
type disk struct {
	layoutdir.Dir
	maxIndex int64                       // the maximum size of index.json
	minLog   int64                       // the size below which the log is not shortened
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
