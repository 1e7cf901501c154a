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

// descriptor returns the number of the open file of this process that a path stands
// for. Opening such a path would begin at the file's start, over what is there.
func descriptor(path string) (fd int, ok bool) {
	switch filepath.Dir(path) {
	case "/dev/fd", "/proc/self/fd", "/proc/" + strconv.Itoa(os.Getpid()) + "/fd":
		n, err := strconv.ParseUint(filepath.Base(path), 10, 31)
		return int(n), err == nil
	}
	return 0, false
}

// statDescriptor returns what an open file is, which must be one that can be
// written.
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

// checkWritable fails if this process may not write a file, or in a folder.
func checkWritable(path string) error {
	if err := syscall.Access(path, accessWrite); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// isPlain reports whether a new file in the place of this one would have the same
// owner and links.
func isPlain(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Nlink == 1 && int(s.Uid) == os.Geteuid() && int(s.Gid) == os.Getegid()
}

// openPipe opens a named pipe for writing when it has a reader. If ctx ends before,
// there must be one already.
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
	// The goroutine is let go by a reader.
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errNoReader // the pipe is gone: nothing lets it go before the process ends
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

// isBrokenPipe reports whether a write failed because nobody reads any more.
func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
