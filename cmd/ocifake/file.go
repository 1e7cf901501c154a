package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile writes a file in one step: a reader sees all of it or nothing. What
// is there and no regular file (a named pipe, a symbolic link, /dev/fd/3) is
// written to as it is; a named pipe waits for its reader until ctx ends.
func writeFile(ctx context.Context, name string, data []byte) error {
	if !isSpecial(name) {
		return replaceFile(name, func(w io.Writer) error { _, err := w.Write(data); return err })
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(name, data, 0) }()
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// replaceFile writes a regular file by a function, in one step.
func replaceFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("create a file to rename to %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err = errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// removeStale removes what an earlier run left under the name, so that nobody
// takes it for this one's.
func removeStale(name string) error {
	if name == "" || isSpecial(name) {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func isSpecial(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && !info.Mode().IsRegular()
}
