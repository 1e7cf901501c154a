package layoutdir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// ReadLog calls f with each record of a log, and returns the offset after the last one.
func ReadLog(log io.Reader, f func(Record) error) (end int64, err error) {
	first := true
	end, err = Scan(log, func(text []byte) error {
		r, err := ParseRecord(text)
		if err == nil && first != (r.Kind == HeaderKind) {
			err = errors.New("the first record, and only that, has the version of the format")
		}
		first = false
		if err != nil {
			return err
		}
		return f(r)
	})
	if err == nil && first {
		err = fmt.Errorf("%s: it has no records: it is not of ocifake, or damaged", LogName)
	}
	return end, err
}

// Reader returns a function that reads a manifest.
type Reader func(d digest.Digest, size int64) func() ([]byte, error)

// Described is a blob of which only the size is known.
type Described struct {
	registry.Blob
	size int64
}

// Size implements [registry.Blob].
func (d Described) Size() int64 { return d.size }

// Close implements [registry.Blob].
func (d Described) Close() error { return nil }

// Apply makes the change of a record on a store, whose blobs are [Described]. stored returns a
// manifest that is in a repository.
func Apply(r Record, to *memstore.Store, stored func(repo string, d digest.Digest) (Manifest, bool), read Reader) error {
	ctx := context.Background() // that of the log: it has no end
	switch r.Kind {
	case RepositoryKind:
		return create(to, r.Repo)
	case BlobKind:
		return AddBlob(to, r.Repo, r.Digest, r.Size)
	case NoBlobKind:
		return to.DeleteBlob(ctx, r.Repo, r.Digest)
	case ManifestKind:
		return addManifest(to, r.Repo, r.Stored, r.Stored.Tags, read)
	case TagKind:
		m, ok := stored(r.Repo, r.Digest)
		if !ok {
			return fmt.Errorf("repository %s has no manifest %s to tag", r.Repo, r.Digest)
		}
		return addManifest(to, r.Repo, m, r.Tags, read)
	case NoTagKind:
		return to.DeleteManifest(ctx, r.Repo, r.Tags[0], registry.Precondition{})
	case NoManifestKind:
		return to.DeleteManifest(ctx, r.Repo, string(r.Digest), registry.Precondition{})
	}
	return nil
}

// AddBlob adds a blob that is [Described].
func AddBlob(to *memstore.Store, repo string, d digest.Digest, size int64) error {
	return to.AddBlob(context.Background(), repo, ocispec.Descriptor{Digest: d, Size: size},
		func() (registry.Blob, error) { return Described{size: size}, nil })
}

func addManifest(to *memstore.Store, repo string, m Manifest, tags []string, read Reader) error {
	p := registry.PutManifest{Manifest: registry.Manifest{Descriptor: m.Descriptor()}, Subject: m.Subject, Tags: tags}
	return to.AddManifest(context.Background(), repo, p, read(m.Digest, m.Size))
}

// create creates a repository that does not exist.
func create(in *memstore.Store, repo string) error {
	ctx := context.Background()
	for _, err := range in.Tags(ctx, repo, "") {
		if !errors.Is(err, registry.NameUnknown) {
			return err
		}
		d := digest.FromBytes(nil)
		return cmp.Or(AddBlob(in, repo, d, 0), in.DeleteBlob(ctx, repo, d))
	}
	return nil
}

// Name is a repository and a tag or a digest.
type Name struct{ Repo, Ref string }

// NameOf returns the name of an entry of index.json, which has a tag or is named by its digest.
func NameOf(repo, tag string, d digest.Digest) Name {
	if tag == "" {
		tag = string(d)
	}
	return Name{repo, tag}
}

// Changes are what other programs have changed in index.json, which was written from folded, while
// the log goes on to head.
type Changes struct{ before, now map[Name]digest.Digest }

// NewChanges returns the changes between two versions.
func NewChanges(folded, head *memstore.Store) (c Changes, err error) {
	if c.before, err = Names(folded); err != nil {
		return c, err
	}
	c.now, err = Names(head)
	return c, err
}

// Has reports whether an entry is in one of the versions, so that no other program added or moved it.
func (c Changes) Has(n Name, d digest.Digest) bool { return c.before[n] == d || c.now[n] == d }

// RemovedTags returns the tags that another program has removed, given the entries that are listed.
func (c Changes) RemovedTags(listed map[Name]bool) []Name {
	var removed []Name
	for n, d := range c.before {
		if n.Ref != string(d) && !listed[n] && c.now[n] == d {
			removed = append(removed, n)
		}
	}
	return removed
}

// Names returns the digests of the names in a store: of all tags, and of all blobs and manifests.
func Names(in *memstore.Store) (map[Name]digest.Digest, error) {
	ctx := context.Background()
	all := map[Name]digest.Digest{}
	for repo, err := range in.Repositories(ctx, "") {
		if err != nil {
			return nil, err
		}
		for t, err := range in.Tags(ctx, repo, "") {
			if err != nil {
				return nil, err
			}
			all[Name{repo, t.Name}] = t.Digest
		}
		for d, err := range in.Manifests(ctx, repo, "") {
			if err != nil {
				return nil, err
			}
			all[Name{repo, string(d.Digest)}] = d.Digest
		}
		for d, err := range in.Blobs(ctx, repo, "") {
			if err != nil {
				return nil, err
			}
			all[Name{repo, string(d.Digest)}] = d.Digest
		}
	}
	return all, nil
}
