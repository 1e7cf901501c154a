package pulled

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"
)

// Bounds of what is read, in all.
const (
	maxBytes = 1 << 30 // decompressed
	maxFiles = 20_000
	maxTexts = 32 << 20 // bytes of files that are kept
	maxLinks = 5

	maxEntries = maxFiles // of one list of images
)

// tree is a directory or an archive.
type tree struct {
	name   string // for messages: path of the archive; empty for the directory
	files  map[string]*file
	links  map[string]string // target of each link in an archive, from its root
	broken error             // the archive ends early, or is not valid
}

// file is a file in a tree.
type file struct {
	size    int64
	digests []digest.Digest // of its content, and of its content without compression
	text    []byte          // of a small file that may be JSON

	parsed   bool          // by Image.converted, which returned manifest
	manifest *manifestFile // nil: it is not of the image
}

// at returns a file by its path.
func (t *tree) at(name string) *file {
	name = path.Clean(name)
	for range maxLinks {
		if f := t.files[name]; f != nil {
			return f
		}
		target, ok := t.links[name]
		if !ok {
			return nil
		}
		name = target
	}
	return nil
}

// has reports whether a file has one of the contents.
func (t *tree) has(ds ...digest.Digest) bool {
	for _, f := range t.files {
		if f.is(ds...) {
			return true
		}
	}
	return false
}

// is reports whether the file has one of the contents.
func (f *file) is(ds ...digest.Digest) bool {
	return slices.ContainsFunc(ds, func(d digest.Digest) bool { return d != "" && slices.Contains(f.digests, d) })
}

// reader reads trees, within bounds.
type reader struct {
	ctx    context.Context
	wanted []digest.Digest
	bytes  int64
	files  int
	texts  int
}

// readDirectory returns the tree of a directory, followed by those of the archives in it.
func (r *reader) readDirectory(dir string) ([]*tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	t := &tree{files: map[string]*file{}}
	trees := []*tree{t}
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return r.count()
		case entry.Type()&fs.ModeSymlink == 0 && !entry.Type().IsRegular():
			return nil
		}
		info, err := root.Stat(name) // follows a link, if it stays in the directory
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		archive, err := r.readFile(root, t, name)
		if archive != nil {
			trees = append(trees, archive)
		}
		return err
	})
	return trees, err
}

// count counts a file.
func (r *reader) count() error {
	if r.files--; r.files < 0 {
		return fmt.Errorf("%w: too many files", errTooMuch)
	}
	return r.ctx.Err()
}

// readFile adds a file to the tree. If it is an archive, and not a layer of the image, its
// tree is returned.
func (r *reader) readFile(root *os.Root, t *tree, name string) (*tree, error) {
	content, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if err := r.add(t, name, content); err != nil {
		return nil, err
	}
	f := t.files[name]
	if f.is(r.wanted...) || namesDigest(name) {
		return nil, nil
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return r.readArchive(name, content)
}

// namesDigest reports whether a file has the name of a blob in a layout.
func namesDigest(name string) bool {
	return digest.NewDigestFromEncoded(digest.Algorithm(path.Base(path.Dir(name))), path.Base(name)).Validate() == nil
}

// add reads a file and adds it to the tree.
func (r *reader) add(t *tree, name string, content io.Reader) error {
	if err := r.count(); err != nil {
		return err
	}
	read := &prefix{atMost: maxText}
	hashes, plain := r.hashes(), r.hashes()
	buffered := bufio.NewReaderSize(io.TeeReader(r.limited(content), io.MultiWriter(append(writersOf(hashes), read)...)), 64<<10)
	unzipped := false
	if isGzip(buffered) {
		z, err := gzip.NewReader(buffered)
		if err == nil {
			_, err = io.Copy(io.MultiWriter(writersOf(plain)...), r.limited(z))
		}
		if errors.Is(err, errTooMuch) {
			return err
		}
		unzipped = err == nil
	}
	if _, err := io.Copy(io.Discard, buffered); err != nil {
		return err
	}
	f := &file{digests: digestsOf(hashes)}
	if unzipped {
		f.digests = append(f.digests, digestsOf(plain)...)
	}
	if first := bytes.TrimLeft(read.kept, " \t\r\n"); read.size <= maxText && len(first) > 0 && (first[0] == '{' || first[0] == '[') {
		if r.texts += len(read.kept); r.texts <= maxTexts {
			f.text = read.kept
		}
	}
	f.size = read.size
	t.files[path.Clean(name)] = f
	return nil
}

func isGzip(content *bufio.Reader) bool {
	magic, _ := content.Peek(2)
	return bytes.Equal(magic, []byte{0x1f, 0x8b})
}

// hashes returns a hash for each algorithm that the image has.
func (r *reader) hashes() map[digest.Algorithm]hash.Hash {
	all := map[digest.Algorithm]hash.Hash{}
	for _, d := range r.wanted {
		if all[d.Algorithm()] == nil {
			all[d.Algorithm()] = d.Algorithm().Hash()
		}
	}
	return all
}

func writersOf(hashes map[digest.Algorithm]hash.Hash) (all []io.Writer) {
	for _, h := range hashes {
		all = append(all, h)
	}
	return all
}

func digestsOf(hashes map[digest.Algorithm]hash.Hash) (all []digest.Digest) {
	for algorithm, h := range hashes {
		all = append(all, digest.NewDigest(algorithm, h))
	}
	return all
}

// limited returns a reader that counts what is read, and fails after too much.
func (r *reader) limited(content io.Reader) io.Reader { return &limited{r, content} }

type limited struct {
	r       *reader
	content io.Reader
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.content.Read(p)
	if l.r.bytes -= int64(n); l.r.bytes < 0 {
		return n, fmt.Errorf("%w: too many bytes", errTooMuch)
	}
	if ctxErr := l.r.ctx.Err(); ctxErr != nil {
		return n, ctxErr
	}
	return n, err
}

// prefix keeps the beginning of what is written, and counts all.
type prefix struct {
	kept   []byte
	atMost int
	size   int64
}

func (p *prefix) Write(b []byte) (int, error) {
	p.size += int64(len(b))
	p.kept = append(p.kept, b[:min(len(b), p.atMost-len(p.kept))]...)
	return len(b), nil
}

// readArchive returns the tree of a tar, which may be compressed by gzip, or nil if the
// content is not one.
func (r *reader) readArchive(name string, content io.Reader) (*tree, error) {
	buffered := bufio.NewReaderSize(r.limited(content), 64<<10)
	if isGzip(buffered) {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil
		}
		buffered = bufio.NewReaderSize(r.limited(unzipped), 64<<10)
	}
	if start, _ := buffered.Peek(512); len(start) < 512 || string(start[257:262]) != "ustar" {
		return nil, nil
	}
	t := &tree{name: name, files: map[string]*file{}, links: map[string]string{}}
	members := tar.NewReader(buffered)
	for {
		h, err := members.Next()
		if err == nil {
			err = r.addMember(t, h, members)
		}
		switch {
		case errors.Is(err, io.EOF):
			return t, nil
		case errors.Is(err, errTooMuch) || r.ctx.Err() != nil:
			return nil, err
		case err != nil:
			t.broken = err
			return t, nil
		}
	}
}

// addMember adds a member of an archive to its tree.
func (r *reader) addMember(t *tree, h *tar.Header, content io.Reader) error {
	name := path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		return r.add(t, name, content)
	case tar.TypeSymlink:
		t.links[name] = path.Join(path.Dir(name), h.Linkname)
	case tar.TypeLink:
		t.links[name] = path.Clean(h.Linkname)
	}
	return r.count()
}
