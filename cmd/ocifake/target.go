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

// target is a file that a flag names and that is written. Writing keeps what the
// name stands for: a link stays a link, an existing file keeps its mode and owner,
// a named pipe gets a reader.
type target struct {
	flag string // empty: it is an argument
	name string // as the command line has it
	path string // the name with all links resolved
	way  way
	info fs.FileInfo // of what is there; nil if nothing is
	fd   int         // of wayDescriptor
}

// way is how a target is written.
type way int

const (
	wayReplace    way = iota // a temporary file beside it is renamed to it
	wayInPlace               // it is truncated: a new file would have another owner, or fewer links
	wayDevice                // opened as it is: a terminal, /dev/null
	wayPipe                  // a named pipe: opening it waits for a reader
	wayDescriptor            // an open file of this process: /dev/stdout, /dev/fd/3
)

// findTarget finds out how the file with a name is written, and fails if it cannot
// be. It changes nothing.
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
		return errors.New("for standard output write /dev/stdout, for a file of this name ./-")
	case os.IsPathSeparator(t.name[len(t.name)-1]):
		return errors.New("it is the name of a folder")
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
			return fmt.Errorf("it is a link to %s, which does not exist: create that file, or remove the link", t.path)
		}
		return checkFolder(filepath.Dir(t.path))
	}
	return t.findExisting()
}

// findExisting is find for what is there.
func (t *target) findExisting() error {
	switch mode := t.info.Mode(); {
	case mode.IsDir():
		return errors.New("it is a folder: want a file")
	case mode&fs.ModeNamedPipe != 0:
		t.way = wayPipe
	case mode&fs.ModeCharDevice != 0:
		t.way = wayDevice
	case !mode.IsRegular():
		return fmt.Errorf("it is neither a file nor a pipe nor a terminal (%v)", mode.Type())
	case !isPlain(t.info) || checkFolder(filepath.Dir(t.path)) != nil:
		t.way = wayInPlace
	}
	return checkWritable(t.path)
}

// errNoReader is the error of a named pipe.
var errNoReader = errors.New("no process reads from the named pipe")

// maxLinks is how many links a name may go through.
const maxLinks = 40

// resolve follows the links of a name as far as they lead: to a file, to one that
// does not exist, whose info is nil, or to a descriptor.
func resolve(name string) (path string, info fs.FileInfo, linked bool, err error) {
	path = name
	for range maxLinks {
		dir, base := filepath.Split(path) // without Clean: a/../b is below where the link a leads
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

// checkFolder wants a folder in which files can be made.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	}
	return checkWritable(dir)
}

// clear removes what an earlier run left, so that nobody takes it for this one's.
func (t *target) clear() error {
	if t.info == nil || t.way > wayInPlace {
		return nil
	}
	if t.way == wayReplace {
		err := os.Remove(t.path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		t.way = wayInPlace // it is a mount point, say
	}
	if err := os.Truncate(t.path, 0); err != nil {
		return t.failed(err)
	}
	return nil
}

// write writes the target by a function. A file is written in one step: a reader
// sees all of it or nothing. A named pipe waits for a reader until ctx ends.
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

// failed says which target an error is about.
func (t *target) failed(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("cannot write %s: %w", t.name, err)
	if t.flag != "" {
		err = fmt.Errorf("%s: %w", t.flag, err)
	}
	return err
}

// open opens the target for writing from its beginning on.
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

// createBeside creates a file in the folder of another one, with the permissions
// that new files get.
func createBeside(path string) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), ".ocifake-"+strings.ToLower(rand.Text()))
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// overwrite writes into the file that is there, once all that it gets is known: if
// that fails, the file keeps what it has.
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
