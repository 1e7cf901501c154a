package content

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/ocifake/ocifake/registry"
)

// source is a directory or an archive. Files are opened by name, a slash-separated path from its
// root.
type source interface {
	// open opens a regular file. It fails with [fs.ErrNotExist] if the file is missing.
	open(name string) (*file, error)

	// again returns a function that reopens a file, which fails if the file has changed. It returns
	// nil if the source is temporary.
	again(name string, f *file) func() (registry.Blob, error)
}

type file struct {
	registry.Blob
	modified time.Time
}

// openSource opens a directory, a tar, or a tar compressed with gzip, detected by its content. The
// returned function closes it.
func openSource(ctx context.Context, path string, unpacked int64) (source, func() error, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		d, err := newDirectory(path)
		return d, func() error { return nil }, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("neither a directory nor a file: %v", info.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	var a *archive
	done := f.Close
	if hasMagic(f, gzipMagic) {
		var discard func() error
		a, discard, err = unpack(ctx, f, unpacked)
		done = func() error { return errors.Join(discard(), f.Close()) }
	} else {
		a, err = readArchive(ctx, f, info.Size())
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return a, done, nil
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

func hasMagic(r io.ReaderAt, magic []byte) bool {
	start := make([]byte, len(magic))
	n, _ := r.ReadAt(start, 0) // a later read reports the error
	return n == len(magic) && bytes.Equal(start, magic)
}

// unpack decompresses an archive into a temporary file. The returned function deletes it.
func unpack(ctx context.Context, r io.Reader, limit int64) (*archive, func() error, error) {
	f, err := os.CreateTemp("", "ocifake-*.tar")
	if err != nil {
		return nil, nil, err
	}
	discard := func() error { return errors.Join(f.Close(), os.Remove(f.Name())) }
	size, err := decompress(f, contextReader{ctx, r}, limit)
	if err != nil {
		return nil, nil, errors.Join(err, discard())
	}
	a, err := readArchive(ctx, f, size)
	if err != nil {
		return nil, nil, errors.Join(err, discard())
	}
	return a, discard, nil
}

func decompress(w io.Writer, r io.Reader, limit int64) (int64, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return 0, fmt.Errorf("decompress: %w", err)
	}
	size, err := io.Copy(w, io.LimitReader(z, limit+1))
	if err != nil {
		return 0, fmt.Errorf("decompress: %w", err)
	}
	if size > limit {
		return 0, fmt.Errorf("decompressed size exceeds %d bytes: decompress the archive before loading", limit)
	}
	return size, nil
}

// readSmall reads a whole JSON file.
func readSmall(src source, name string) ([]byte, error) {
	f, err := src.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Size() > maxDocument {
		return nil, fmt.Errorf("%s: %d bytes: want at most %d", name, f.Size(), maxDocument)
	}
	content := make([]byte, f.Size())
	if n, err := f.ReadAt(content, 0); n < len(content) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

// maxDocument is the maximum size in bytes of manifests, configs and indexes.
const maxDocument = 64 << 20

func exists(src source, name string) (bool, error) {
	f, err := src.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// contextReader fails after its context ends.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// contextContent is content whose reads fail after its context ends.
type contextContent struct {
	ctx context.Context
	Content
}

func (c contextContent) ReadAt(p []byte, off int64) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.Content.ReadAt(p, off)
}
