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

// archive is a tar whose files are read in place, without extraction.
type archive struct {
	content io.ReaderAt
	files   map[string]extent
	links   map[string]string // target entries by name
}

type extent struct{ offset, size int64 }

// maxEntries is the maximum number of entries of an archive.
const maxEntries = 1 << 20

// readArchive indexes the entries of a tar. It refuses absolute names, names and links that lead
// out of the archive, duplicate entries, sparse files, and special files.
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
			return nil, fmt.Errorf("the archive exceeds %d entries", maxEntries)
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

// seekReader lets the tar reader seek over content.
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
		return errors.New("the path is outside of the archive")
	}
	if !fs.ValidPath(name) || name == "." {
		return errors.New("invalid path")
	}
	if a.has(name) {
		return errors.New("duplicate entry")
	}
	switch h.Typeflag {
	case tar.TypeReg:
		if isSparse(h) {
			return errors.New("sparse files are not supported: create the archive without --sparse")
		}
		a.files[name] = extent{offset, h.Size}
		return nil
	case tar.TypeSymlink:
		return a.link(name, path.Dir(name), h.Linkname)
	case tar.TypeLink:
		return a.link(name, ".", strings.TrimPrefix(h.Linkname, "./"))
	}
	return fmt.Errorf("unsupported type %q: want files, directories and links", h.Typeflag)
}

func (a *archive) has(name string) bool {
	_, isFile := a.files[name]
	_, isLink := a.links[name]
	return isFile || isLink
}

// isSparse reports whether a file is stored in a sparse format, in which its content is not
// contiguous.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// link records a link. docker save writes links for layers that several images share. The target
// must be a file of the archive when it is opened.
func (a *archive) link(name, dir, target string) error {
	to := path.Join(dir, target)
	if path.IsAbs(target) || !fs.ValidPath(to) || to == "." {
		return fmt.Errorf("link to %q, which is outside of the archive", target)
	}
	a.links[name] = to
	return nil
}

func (a *archive) open(name string) (*file, error) {
	at, ok := a.files[name]
	if target, isLink := a.links[name]; isLink {
		if at, ok = a.files[target]; !ok {
			return nil, fmt.Errorf("%s: link to %s, which is not a file of the archive", name, target)
		}
	}
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{Blob: registry.NewBlob(io.NewSectionReader(a.content, at.offset, at.size), at.size)}, nil
}

func (a *archive) again(string, *file) func() (registry.Blob, error) { return nil }
