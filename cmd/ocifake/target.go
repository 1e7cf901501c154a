package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// target is an output file of a flag. Writing preserves the file type: a symbolic link stays a
// link, an existing file keeps its mode and owner, and a named pipe receives the data.
type target struct {
	flag string // empty for an argument
	name string // as in the command line
	path string // the name with all links resolved
	way  way
	info fs.FileInfo // of the existing file, or nil
	fd   int         // for wayDescriptor
}

// way is how a target is written.
type way int

const (
	wayReplace    way = iota // a temporary file in the same directory is renamed
	wayInPlace               // the file is truncated, to keep its owner and hard links
	wayDevice                // a terminal, /dev/null
	wayPipe                  // a named pipe: opening waits for a reader
	wayDescriptor            // an open file of this process: /dev/stdout, /dev/fd/3
)

// findTarget determines how to write a file, and fails if it is not writable. It changes nothing.
func findTarget(flag, name string) (*target, error) {
	t := &target{flag: flag, name: name}
	if err := t.find(); err != nil {
		return nil, t.failed(err)
	}
	return t, nil
}

func (t *target) find() (err error) {
	switch {
	case t.name == "-":
		return errors.New("use /dev/stdout for standard output, or ./- for a file named -")
	case os.IsPathSeparator(t.name[len(t.name)-1]):
		return errors.New("the name is that of a directory")
	}
	var linked bool
	if t.path, t.info, linked, err = resolve(t.name); err != nil {
		return err
	}
	if fd, ok := descriptor(t.path); ok {
		t.way, t.fd = wayDescriptor, fd
		t.info, err = statDescriptor(fd)
		return err
	}
	if t.info == nil {
		if linked {
			return fmt.Errorf("the file is a link to %s, which does not exist: create that file, or remove the link", t.path)
		}
		return checkFolder(filepath.Dir(t.path))
	}
	return t.findExisting()
}

// findExisting is find for an existing file.
func (t *target) findExisting() error {
	switch mode := t.info.Mode(); {
	case mode.IsDir():
		return errors.New("it is a directory: want a file")
	case mode&fs.ModeNamedPipe != 0:
		t.way = wayPipe
	case mode&fs.ModeCharDevice != 0:
		t.way = wayDevice
	case !mode.IsRegular():
		return fmt.Errorf("unsupported file type (%v): want a file, a named pipe or a terminal", mode.Type())
	case !isPlain(t.info) || checkFolder(filepath.Dir(t.path)) != nil:
		t.way = wayInPlace
	}
	return checkWritable(t.path)
}

// errNoReader is the error for a named pipe without a reader.
var errNoReader = errors.New("no process reads from the named pipe")

// maxLinks is the maximum number of symbolic links in a path.
const maxLinks = 40

// resolve follows symbolic links to a file, to a name that does not exist, with a nil info, or to a
// descriptor.
func resolve(name string) (path string, info fs.FileInfo, linked bool, err error) {
	path = name
	for range maxLinks {
		dir, base := filepath.Split(path) // without Clean: if a is a link, a/../b is relative to its target
		if dir == "" {
			dir = "."
		}
		if dir, err = filepath.EvalSymlinks(dir); err == nil {
			dir, err = filepath.Abs(dir)
		}
		if err != nil {
			return "", nil, false, err
		}
		path = filepath.Join(dir, base)
		if _, ok := descriptor(path); ok {
			return path, nil, linked, nil
		}
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return path, nil, linked, nil
		case err != nil || info.Mode()&fs.ModeSymlink == 0:
			return path, info, linked, err
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", nil, false, err
		}
		if linked = true; !filepath.IsAbs(to) {
			to = dir + string(filepath.Separator) + to
		}
		path = to
	}
	return "", nil, false, errors.New("too many links")
}

// checkFolder checks that a directory exists and is writable.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	}
	return checkWritable(dir)
}

// clear removes the output of an earlier run.
func (t *target) clear() error {
	if t.info == nil || t.way > wayInPlace {
		return nil
	}
	if t.way == wayReplace {
		err := os.Remove(t.path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		t.way = wayInPlace // for example a mount point
	}
	if err := os.Truncate(t.path, 0); err != nil {
		return t.failed(err)
	}
	return nil
}

// write writes the target with a function. A regular file is replaced atomically. For a named pipe,
// write waits for a reader until ctx ends.
func (t *target) write(ctx context.Context, write func(io.Writer) error) error {
	var err error
	switch t.way {
	case wayReplace:
		err = t.replace(write)
	case wayInPlace:
		err = t.overwrite(write)
	default:
		var f io.WriteCloser
		if f, err = t.open(ctx); err == nil {
			err = errors.Join(write(f), f.Close())
		}
	}
	return t.failed(err)
}

// failed adds the target to an error.
func (t *target) failed(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write %s: %w", t.name, err)
	if t.flag != "" {
		err = fmt.Errorf("%s: %w", t.flag, err)
	}
	return err
}

// open opens the target for writing at its start.
func (t *target) open(ctx context.Context) (io.WriteCloser, error) {
	switch t.way {
	case wayDescriptor:
		return duplicate(t.fd)
	case wayPipe:
		return openPipe(ctx, t.path)
	case wayDevice:
		return os.OpenFile(t.path, os.O_WRONLY, 0)
	}
	return os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
}

// replace writes a temporary file and renames it.
func (t *target) replace(write func(io.Writer) error) (err error) {
	f, err := createBeside(t.path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if t.info != nil {
		err = f.Chmod(t.info.Mode().Perm())
	}
	if err = errors.Join(err, write(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), t.path)
}

// createBeside creates a temporary file in the directory of another one, with the permissions of a
// new file.
func createBeside(path string) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), ".ocifake-"+strings.ToLower(rand.Text()))
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// overwrite writes to the existing file after all content is known: on an error before, the file
// does not change.
func (t *target) overwrite(write func(io.Writer) error) (err error) {
	spool, err := os.CreateTemp("", "ocifake-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close(), os.Remove(spool.Name())) }()
	if err := write(spool); err != nil {
		return err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, spool)
	return errors.Join(err, f.Close())
}
