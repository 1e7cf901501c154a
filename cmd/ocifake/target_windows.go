package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// descriptor reports false: no path refers to a descriptor.
func descriptor(string) (fd int, ok bool) { return 0, false }

var errNoDescriptors = errors.New("file descriptors have no names on Windows")

func statDescriptor(int) (fs.FileInfo, error) { return nil, errNoDescriptors }

func duplicate(int) (*os.File, error) { return nil, errNoDescriptors }

// checkWritable fails if this process may not write to a file or directory.
func checkWritable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	var f *os.File
	if !info.IsDir() {
		if f, err = os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			err = f.Close()
		}
		return err
	}
	if f, err = createBeside(filepath.Join(path, "file")); err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// isPlain reports whether the file may be replaced.
func isPlain(fs.FileInfo) bool { return true }

// openPipe opens a named pipe for writing.
func openPipe(_ context.Context, path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_WRONLY, 0)
}

// openNow opens a file for reading.
func openNow(name string) (*os.File, error) { return os.Open(name) }

// isBrokenPipe reports whether a write failed because the reader has closed the pipe.
func isBrokenPipe(err error) bool {
	const noData, brokenPipe = syscall.Errno(232), syscall.Errno(109)
	return errors.Is(err, noData) || errors.Is(err, brokenPipe)
}
