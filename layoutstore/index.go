package layoutstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/layoutdir"
	"github.com/ocifake/ocifake/registry"
)

// maxIndex is the maximum size of index.json.
const maxIndex = 64 << 20

// layoutIndex is an index.json.
type layoutIndex struct {
	fields  map[string]json.RawMessage // without manifests
	entries []entry
}

// entry is an entry of index.json: a name for content.
type entry struct {
	text   json.RawMessage
	repo   string
	tag    string // or empty
	digest digest.Digest
}

// key is the name of the entry.
func (e entry) key() layoutdir.Name { return layoutdir.NameOf(e.repo, e.tag, e.digest) }

// parseIndex parses an index.json. Entries without a repository are in the given one.
func parseIndex(text []byte, repo string) (layoutIndex, error) {
	var x layoutIndex
	if _, err := registry.ParseManifest(ocispec.MediaTypeImageIndex, text); err != nil {
		return x, fmt.Errorf("%s: %w", ocispec.ImageIndexFile, err)
	}
	var list struct{ Manifests []json.RawMessage }
	if err := cmp.Or(json.Unmarshal(text, &x.fields), json.Unmarshal(text, &list)); err != nil {
		return x, fmt.Errorf("%s: %w", ocispec.ImageIndexFile, err)
	}
	delete(x.fields, "manifests")
	for _, text := range list.Manifests {
		var d ocispec.Descriptor
		if err := json.Unmarshal(text, &d); err != nil {
			return x, fmt.Errorf("%s: %w", ocispec.ImageIndexFile, err)
		}
		e := entry{text: text, digest: d.Digest}
		e.repo, e.tag = content.EntryName(d)
		e.repo = cmp.Or(e.repo, repo)
		x.entries = append(x.entries, e)
	}
	return x, nil
}

// text returns the index with an entry on each line.
func (x layoutIndex) text() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("{")
	first := []string{"schemaVersion", "mediaType"}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(x.fields)), func(key string) bool { return slices.Contains(first, key) })
	for _, key := range append(first, others...) {
		if value, ok := x.fields[key]; ok {
			fmt.Fprintf(&b, "\n  %q: ", key)
			if err := json.Compact(&b, value); err != nil {
				return nil, err
			}
			b.WriteByte(',')
		}
	}
	b.WriteString("\n  \"manifests\": [")
	for i, e := range x.entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		if err := json.Compact(&b, e.text); err != nil {
			return nil, err
		}
	}
	if len(x.entries) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("]\n}\n")
	return b.Bytes(), nil
}

// roots returns the entries that index.json must have: the tags, and the manifests that have no tag
// and are not part of another one in their repository.
func (s *state) roots() ([]entry, error) {
	ctx := context.Background()
	reached := map[place]bool{}
	for at, f := range s.facts {
		for _, child := range f.Children {
			reached[place{at.repo, child}] = true
		}
	}
	var roots []entry
	for repo, err := range s.head.Repositories(ctx, "") {
		if err != nil {
			return nil, err
		}
		for t, err := range s.head.Tags(ctx, repo, "") {
			if err != nil {
				return nil, err
			}
			reached[place{repo, t.Digest}] = true
			roots = append(roots, entry{repo: repo, tag: t.Name, digest: t.Digest})
		}
	}
	for at := range s.facts {
		if !reached[at] {
			roots = append(roots, entry{repo: at.repo, digest: at.digest})
		}
	}
	return roots, nil
}

// rendered returns the index.json of the head. Entries of the old one that are still right stay as
// they are.
func (s *state) rendered(old layoutIndex) ([]byte, error) {
	named, err := layoutdir.Names(s.head)
	if err != nil {
		return nil, err
	}
	has := map[layoutdir.Name]bool{}
	x := layoutIndex{fields: old.fields}
	for _, e := range old.entries {
		if named[e.key()] == e.digest && !has[e.key()] {
			has[e.key()] = true
			x.entries = append(x.entries, e)
		}
	}
	roots, err := s.roots()
	if err != nil {
		return nil, err
	}
	for _, e := range roots {
		if has[e.key()] {
			continue
		}
		if e.text, err = e.describe(s.facts[place{e.repo, e.digest}].Manifest); err != nil {
			return nil, err
		}
		x.entries = append(x.entries, e)
	}
	slices.SortStableFunc(x.entries, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.repo, b.repo), strings.Compare(a.key().Ref, b.key().Ref))
	})
	if x.fields == nil {
		x.fields = map[string]json.RawMessage{"schemaVersion": json.RawMessage("2"), "mediaType": json.RawMessage(strconv.Quote(ocispec.MediaTypeImageIndex))}
	}
	return x.text()
}

// describe returns the text of a new entry, which is of a manifest.
func (e entry) describe(m layoutdir.Manifest) (json.RawMessage, error) {
	d := ocispec.Descriptor{MediaType: m.MediaType, Digest: e.digest, Size: m.Size,
		Annotations: map[string]string{ocispec.AnnotationRefName: content.LayoutName(e.repo, e.tag, e.digest)}}
	return json.Marshal(d)
}

// readIndex reads index.json. It returns nil if there is none.
func (d *disk) readIndex() ([]byte, error) {
	text, err := d.ReadSmall(ocispec.ImageIndexFile, d.maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// check checks the log without reading its records, and reports whether index.json is that of the
// last one.
func (s *Store) check() (clean bool, err error) {
	f, _, err := s.disk.Read(layoutdir.LogName)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var last []byte
	end, err := layoutdir.Scan(f, func(text []byte) error {
		last = append(last[:0], text...)
		return nil
	})
	if err != nil {
		return false, err
	}
	info, err := f.Stat()
	if err != nil || info.Size() != end {
		return false, err
	}
	r, err := layoutdir.ParseRecord(last)
	if err != nil || r.Kind != layoutdir.IndexKind {
		return false, nil // reading the records says what is wrong
	}
	text, err := s.disk.readIndex()
	if err != nil || text == nil || !r.IsOf(text) {
		return false, err
	}
	there, err := s.disk.Exists(ocispec.ImageLayoutFile)
	s.end, s.synced, s.folded = end, end, end
	return there, err
}

var errIndexSize = errors.New(ocispec.ImageIndexFile + " is too large")

// renderIndex returns index.json as it is and as it should be, and notes how much it can grow.
func (s *Store) renderIndex() (before, text []byte, err error) {
	if before, err = s.disk.readIndex(); err != nil {
		return nil, nil, err
	}
	var old layoutIndex
	if before != nil {
		if old, err = parseIndex(before, s.options.Repository); err != nil {
			return nil, nil, err
		}
	}
	if text, err = s.rendered(old); err != nil {
		return nil, nil, err
	}
	s.room, s.measured = s.disk.maxIndex-int64(len(text)), s.head
	return before, text, nil
}

// fits returns an error if index.json could be too large after a change. The caller holds the lock.
func (s *Store) fits(r layoutdir.Record) error {
	if s.failed != nil {
		return s.failed
	}
	need := s.growth(r)
	if need > s.room && s.measured != s.head {
		if _, _, err := s.renderIndex(); err != nil {
			return err
		}
	}
	if need > s.room {
		return failf(registry.Full, "put manifest %s into repository %s: %s may have at most %d bytes: delete tags or manifests", r.Digest, r.Repo, ocispec.ImageIndexFile, s.disk.maxIndex)
	}
	return nil
}

// entryGrowth is by how much index.json grows at most, in the usual case, when a manifest loses a
// tag or the manifest that refers to it.
const entryGrowth = 1 << 10

// growth returns by how many bytes a change makes index.json grow at most: the entries of new tags,
// and of manifests without one, are counted even if they are there already or not needed.
func (s *state) growth(r layoutdir.Record) (n int64) {
	m := r.Stored
	switch f := s.facts[place{r.Repo, r.Digest}]; r.Kind {
	case layoutdir.NoTagKind:
		return entryGrowth
	case layoutdir.NoManifestKind:
		return int64(len(f.Children)) * entryGrowth
	case layoutdir.TagKind:
		m = f.Manifest
	case layoutdir.ManifestKind:
		n = entryLength(entry{repo: r.Repo, digest: r.Digest}, m)
		r.Tags = m.Tags
	}
	for _, tag := range r.Tags {
		n += entryLength(entry{repo: r.Repo, tag: tag, digest: r.Digest}, m)
	}
	return n
}

// entryLength returns the length of an entry with its line.
func entryLength(e entry, m layoutdir.Manifest) int64 {
	text, _ := e.describe(m) // strings and numbers can be encoded
	return int64(len(text) + len(",\n    "))
}

// fold writes index.json and shortens the log, so that it has only what is in the head.
func (s *Store) fold() error {
	if s.log != nil {
		if err := s.log.Close(); err != nil {
			return err
		}
		s.log = nil
	}
	layout, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if err != nil {
		return err
	}
	there, err := s.disk.Exists(ocispec.ImageLayoutFile)
	if err == nil && !there {
		if err = s.disk.mkdir(ocispec.ImageBlobsDir); err == nil {
			err = s.disk.replace(ocispec.ImageLayoutFile, layout)
		}
	}
	if err != nil {
		return err
	}
	before, text, err := s.renderIndex()
	if err != nil {
		return err
	}
	if s.room < 0 {
		return fmt.Errorf("%w: it would have %d bytes, and may have %d: delete tags", errIndexSize, len(text), s.disk.maxIndex)
	}
	if !bytes.Equal(before, text) {
		if err := s.disk.replace(ocispec.ImageIndexFile, text); err != nil {
			return err
		}
	}
	if err := s.writeLog(s.disk, layoutdir.Record{Kind: layoutdir.IndexKind, Size: int64(len(text)), Sum: layoutdir.Checksum(text), Repo: s.options.Repository}); err != nil {
		return err
	}
	s.folded = s.end
	s.visible.Store(s.head)
	return s.openLog(s.disk)
}

// minLog is the size in bytes below which a log is not shortened while the store is open.
const minLog = 8 << 20

// nextLimit sets the limit of the log to several times its size, so that shortening it takes time
// linear in the number of changes.
func (s *Store) nextLimit() { s.limit = max(s.disk.minLog, 4*s.end) }

// shorten folds the log while the store is open. The log stays as it is if index.json would be too
// large.
func (s *Store) shorten() error {
	err := s.fold()
	if errors.Is(err, errIndexSize) {
		err = s.openLog(s.disk)
	}
	s.nextLimit()
	return err
}
