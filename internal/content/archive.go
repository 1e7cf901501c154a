package content

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/ocifake/ocifake/registry"
)

// archive is a tar whose files are read where they lie. Nothing is extracted.
type archive struct {
	content io.ReaderAt
	files   map[string]extent
	links   map[string]string // to the name of another entry
}

type extent struct{ offset, size int64 }

// maxEntries is the number of entries of an archive, at most.
const maxEntries = 1 << 20

// readArchive finds the entries of a tar. It refuses one with a name that is
// absolute or leads out of it, an entry twice, a link out of it, a sparse file, or
// anything that is no file, directory or link.
func readArchive(ctx context.Context, content io.ReaderAt, size int64) (*archive, error) {
	a := &archive{content: content, files: make(map[string]extent), links: make(map[string]string)}
	r := io.NewSectionReader(content, 0, size)
	entries := tar.NewReader(seekReader{contextReader{ctx, r}, r})
	for n := 0; ; n++ {
		h, err := entries.Next()
		if err == io.EOF {
			return a, nil
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d of the archive: %w", n+1, err)
		}
		if n >= maxEntries {
			return nil, fmt.Errorf("the archive has more than %d entries", maxEntries)
		}
		offset, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if err := a.add(h, offset); err != nil {
			return nil, fmt.Errorf("entry %q of the archive: %w", h.Name, err)
		}
	}
}

// seekReader lets the tar reader skip what it does not parse.
type seekReader struct {
	io.Reader
	io.Seeker
}

func (a *archive) add(h *tar.Header, offset int64) error {
	name := strings.TrimSuffix(strings.TrimPrefix(h.Name, "./"), "/")
	switch h.Typeflag {
	case tar.TypeXGlobalHeader:
		return nil
	case tar.TypeDir:
		if name == "" || fs.ValidPath(name) {
			return nil
		}
		return errors.New("the path leads out of the archive")
	}
	if !fs.ValidPath(name) || name == "." {
		return errors.New("not a path within the archive")
	}
	if a.has(name) {
		return errors.New("it is there twice")
	}
	switch h.Typeflag {
	case tar.TypeReg:
		if isSparse(h) {
			return errors.New("a sparse file: write the archive without --sparse")
		}
		a.files[name] = extent{offset, h.Size}
		return nil
	case tar.TypeSymlink:
		return a.link(name, path.Dir(name), h.Linkname)
	case tar.TypeLink:
		return a.link(name, ".", strings.TrimPrefix(h.Linkname, "./"))
	}
	return fmt.Errorf("neither a file nor a directory: type %q", h.Typeflag)
}

func (a *archive) has(name string) bool {
	_, isFile := a.files[name]
	_, isLink := a.links[name]
	return isFile || isLink
}

// isSparse reports whether a file is not there as it is read: its size would be
// what its header makes of it.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// link notes a link, as docker save writes them for a layer that several images
// share. What it leads to must be a file of the archive, once it is opened.
func (a *archive) link(name, dir, target string) error {
	to := path.Join(dir, target)
	if path.IsAbs(target) || !fs.ValidPath(to) || to == "." {
		return fmt.Errorf("a link to %q, which leads out of the archive", target)
	}
	a.links[name] = to
	return nil
}

func (a *archive) open(name string) (*file, error) {
	at, ok := a.files[name]
	if target, isLink := a.links[name]; isLink {
		if at, ok = a.files[target]; !ok {
			return nil, fmt.Errorf("%s: a link to %s, which is no file of the archive", name, target)
		}
	}
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{Blob: registry.NewBlob(io.NewSectionReader(a.content, at.offset, at.size), at.size)}, nil
}

func (a *archive) again(string, *file) func() (registry.Blob, error) { return nil }
