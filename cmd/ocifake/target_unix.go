//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// descriptor returns the descriptor of this process that a path such as /dev/fd/3 refers to.
// Opening the path instead would overwrite from the start of the file.
func descriptor(path string) (fd int, ok bool) {
	switch filepath.Dir(path) {
	case "/dev/fd", "/proc/self/fd", "/proc/" + strconv.Itoa(os.Getpid()) + "/fd":
		n, err := strconv.ParseUint(filepath.Base(path), 10, 31)
		return int(n), err == nil
	}
	return 0, false
}

// statDescriptor returns the file info of a descriptor, which must be writable.
func statDescriptor(fd int) (fs.FileInfo, error) {
	if _, err := syscall.Write(fd, nil); err != nil {
		return nil, fmt.Errorf("file descriptor %d is not open for writing: %w", fd, err)
	}
	f, err := duplicate(fd)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	return info, errors.Join(err, f.Close())
}

func duplicate(fd int) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, err := syscall.Dup(fd)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(n)
	return os.NewFile(uintptr(n), fmt.Sprintf("/dev/fd/%d", fd)), nil
}

// accessWrite is W_OK of access(2).
const accessWrite = 2

// checkWritable fails if this process may not write to a file or directory.
func checkWritable(path string) error {
	if err := syscall.Access(path, accessWrite); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// isPlain reports whether replacing the file preserves its owner and hard links.
func isPlain(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Nlink == 1 && int(s.Uid) == os.Geteuid() && int(s.Gid) == os.Getegid()
}

// openPipe opens a named pipe for writing. It waits for a reader until ctx ends.
func openPipe(ctx context.Context, path string) (io.WriteCloser, error) {
	if f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil || !errors.Is(err, syscall.ENXIO) {
		return f, err
	}
	type result struct {
		f   *os.File
		err error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		return r.f, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-opened:
		return r.f, r.err
	default:
	}
	// A reader unblocks the goroutine.
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errNoReader // the pipe is gone: the goroutine blocks until the process ends
	}
	r := <-opened
	if r.err == nil {
		r.err = errors.Join(errNoReader, r.f.Close())
	}
	return nil, errors.Join(r.err, reader.Close())
}

// openNow opens a file for reading, without waiting for the writer of a named pipe.
func openNow(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// isBrokenPipe reports whether a write failed because the reader has closed the pipe.
func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
