package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/layoutdir"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// layout is the directory of a host.
type layout struct {
	layoutdir.Dir
	path string
	has  *memstore.Store // nil: it has a log, which is read later
}

const (
	maxLog   = 256 << 20 // bytes; its records are in memory
	maxIndex = 64 << 20  // bytes of index.json
)

// openLayout opens the layout in a directory. A log is read when content is first needed. A layout
// without a log is read.
func openLayout(root *os.Root, dir, sub string) (*layout, error) {
	opened, err := root.OpenRoot(sub)
	if err != nil {
		return nil, err
	}
	l := &layout{Dir: layoutdir.Dir{Root: opened}, path: filepath.Join(dir, sub)}
	logged, err := l.Exists(layoutdir.LogName)
	if err == nil && logged {
		err = l.check()
	} else if err == nil {
		l.has = newContent()
		err = l.load(l.has, "", nil)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func newContent() *memstore.Store {
	return memstore.New(memstore.Options{MaxBytes: memstore.NoLimit})
}

// check checks the size of the log.
func (l *layout) check() error {
	f, size, err := l.Read(layoutdir.LogName)
	if err != nil {
		return err
	}
	if size > maxLog {
		err = fmt.Errorf("%s has more than %d bytes", layoutdir.LogName, maxLog)
	}
	return errors.Join(err, f.Close())
}

// load reads the files of the layout, except entries of index.json that skip selects.
func (l *layout) load(into *memstore.Store, repo string, skip func(ocispec.Descriptor) bool) error {
	_, err := content.Load(context.Background(), into, l.path, content.LoadOptions{Fallback: repo, AllowSparse: true, TrustBlobs: true, Skip: skip})
	return err
}

// content returns what is in the layout: of blobs, the digests and the sizes.
func (l *layout) content() (*memstore.Store, error) {
	if l.has != nil {
		return l.has, nil
	}
	head, index, folded, err := l.readLog()
	if err != nil || folded == nil {
		return head, err
	}
	text, err := l.ReadSmall(ocispec.ImageIndexFile, maxIndex)
	if errors.Is(err, fs.ErrNotExist) || err == nil && index.IsOf(text) {
		return head, nil
	}
	if err == nil {
		err = l.merge(head, folded, text, index.Repo)
	}
	if err != nil {
		return nil, fmt.Errorf("%s, which another program has changed: %w", ocispec.ImageIndexFile, err)
	}
	return head, nil
}

// readLog reads the log. It returns the last record of an index.json, and the content at that record.
func (l *layout) readLog() (head *memstore.Store, index layoutdir.Record, folded *memstore.Store, err error) {
	f, _, err := l.Read(layoutdir.LogName)
	if err != nil {
		return nil, index, nil, err
	}
	defer f.Close()
	head = newContent()
	manifests := map[layoutdir.Name]layoutdir.Manifest{}
	stored := func(repo string, d digest.Digest) (layoutdir.Manifest, bool) {
		m, ok := manifests[layoutdir.Name{Repo: repo, Ref: string(d)}]
		return m, ok
	}
	read := func(d digest.Digest, size int64) func() ([]byte, error) {
		return func() ([]byte, error) { return l.ReadManifest(d, size) }
	}
	_, err = layoutdir.ReadLog(f, func(r layoutdir.Record) error {
		switch r.Kind {
		case layoutdir.ManifestKind:
			manifests[layoutdir.Name{Repo: r.Repo, Ref: string(r.Digest)}] = r.Stored
		case layoutdir.IndexKind:
			index, folded = r, head.Clone()
		}
		return layoutdir.Apply(r, head, stored, read)
	})
	return head, index, folded, err
}

// merge makes the changes of other programs to index.json: entries that they added or moved, and
// tags that they removed.
func (l *layout) merge(head, folded *memstore.Store, text []byte, repo string) error {
	if _, err := registry.ParseManifest(ocispec.MediaTypeImageIndex, text); err != nil {
		return err
	}
	var index ocispec.Index
	if err := json.Unmarshal(text, &index); err != nil {
		return err
	}
	changes, err := layoutdir.NewChanges(folded, head)
	if err != nil {
		return err
	}
	listed := map[layoutdir.Name]bool{}
	for _, d := range index.Manifests {
		listed[entryName(d, repo)] = true
	}
	err = l.load(head, repo, func(d ocispec.Descriptor) bool {
		return changes.Has(entryName(d, repo), d.Digest)
	})
	if err != nil {
		return err
	}
	for _, n := range changes.RemovedTags(listed) {
		if err := head.DeleteManifest(context.Background(), n.Repo, n.Ref, registry.Precondition{}); err != nil {
			return err
		}
	}
	return nil
}

// entryName returns the name of an entry of index.json. Without a repository, it is in the given one.
func entryName(d ocispec.Descriptor, repo string) layoutdir.Name {
	in, tag := content.EntryName(d)
	return layoutdir.NameOf(cmp.Or(in, repo), tag, d.Digest)
}
