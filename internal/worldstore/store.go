// Package worldstore is the content of many registries as one Store.
package worldstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// Store is the content of a registry and of the hosts around it as one Store: the repository
// "org/app" of the host ghcr.io is "ghcr.io/org/app". It is safe for concurrent use once all hosts are
// added.
type Store struct {
	main  registry.Store
	hosts []hosted // in the order of their names
}

// dockerHub is the host of Docker Hub in references.
const dockerHub = "docker.io"

type hosted struct {
	name    string
	matches func(name string) bool // also its aliases
	hub     bool
	later   Filler // nil: the content is there
	*memstore.Store
}

// Filler fills the store of a host when it is first used.
type Filler interface {
	// Fill fills the store, unless that is done. An error stays with the Filler.
	Fill() error

	// Initial returns the content with which the store was filled, or nil if it is not filled.
	Initial() *memstore.Store
}

// fill fills the store.
func (h *hosted) fill() *memstore.Store {
	if h.later != nil {
		_ = h.later.Fill()
	}
	return h.Store
}

// isFilled reports whether the content is in the store.
func (h *hosted) isFilled() bool { return h.later == nil || h.later.Initial() != nil }

var _ registry.Store = (*Store)(nil)

// NewStore returns the content of a registry without hosts. It is a memstore, or kept in files.
func NewStore(main registry.Store) *Store { return &Store{main: main} }

// Add adds the content of a host. Aliases are patterns of its other names. Images of Docker Hub
// without a namespace are in "library", as in references.
func (s *Store) Add(host string, aliases []string, content *memstore.Store) {
	matches := pattern.Matcher(append([]string{host}, aliases...))
	s.hosts = append(s.hosts, hosted{name: host, matches: matches, hub: matches(dockerHub), Store: content})
}

// FillLater gives the host that was added last a Filler.
func (s *Store) FillLater(f Filler) { s.hosts[len(s.hosts)-1].later = f }

// part is the content that a repository is in.
type part struct {
	registry.Store
	prefix string // of names of repositories in s that are in this part
}

// find returns the part with a repository, and its name there.
func (s *Store) find(repo string) (part, string) {
	name, rest, below := strings.Cut(repo, "/")
	if !below {
		return part{Store: s.main}, repo
	}
	for i := range s.hosts {
		h := &s.hosts[i]
		if h.name == name || h.matches(name) && !s.has(name) {
			if h.hub && !strings.Contains(rest, "/") {
				rest = "library/" + rest
			}
			return part{h.fill(), h.name + "/"}, rest
		}
	}
	return part{Store: s.main}, repo
}

func (s *Store) has(name string) bool {
	for _, h := range s.hosts {
		if h.name == name {
			return true
		}
	}
	return false
}

// Hosted reports whether a repository is in a host.
func (s *Store) Hosted(repo string) bool {
	p, _ := s.find(repo)
	return p.prefix != ""
}

// Check returns an error if a repository is in a host that there is not, although there are others.
func (s *Store) Check(repo string) error {
	host, _, below := strings.Cut(repo, "/")
	if len(s.hosts) == 0 || s.Hosted(repo) || !below || !strings.Contains(host, ".") {
		return nil
	}
	return fmt.Errorf("%s: no registry is mapped to the host %s: add it to --hosts", repo, host)
}

// Kept reports whether the content of the registry is kept in files.
func (s *Store) Kept() bool {
	_, inMemory := s.main.(*memstore.Store)
	return !inMemory
}

// Clone returns a copy of the content, of which that in files is not copied. It takes constant time.
// The copy has what a store that is filled later has at first.
func (s *Store) Clone() *Store {
	clone := &Store{main: s.main, hosts: append([]hosted(nil), s.hosts...)}
	if main, ok := s.main.(*memstore.Store); ok {
		clone.main = main.Clone()
	}
	for i := range clone.hosts {
		if h := &clone.hosts[i]; h.isFilled() {
			h.Store, h.later = h.Store.Clone(), nil
		}
	}
	return clone
}

// Restore sets the content in memory to that of a clone.
func (s *Store) Restore(from *Store) {
	if main, ok := s.main.(*memstore.Store); ok {
		main.Restore(from.main.(*memstore.Store))
	}
	for i := range s.hosts {
		switch h := &from.hosts[i]; {
		case h.later == nil:
			s.hosts[i].Restore(h.Store)
		case h.isFilled(): // since the clone was made
			s.hosts[i].Restore(h.later.Initial())
		}
	}
}

// Bytes returns the number of bytes of all content in memory.
func (s *Store) Bytes() (n int64) {
	if main, ok := s.main.(*memstore.Store); ok {
		n = main.Bytes()
	}
	for _, h := range s.hosts {
		n += h.Store.Bytes()
	}
	return n
}

// AddBlob is that of memstore. Content in files gets a copy of the blob.
func (s *Store) AddBlob(ctx context.Context, repo string, desc ocispec.Descriptor, open func() (registry.Blob, error)) error {
	if err := s.Check(repo); err != nil {
		return err
	}
	p, name := s.find(repo)
	if memory, ok := p.Store.(*memstore.Store); ok {
		return memory.AddBlob(ctx, name, desc, open)
	}
	blob, err := open()
	if err != nil {
		return err
	}
	defer blob.Close()
	u, err := p.NewUpload(ctx, name, desc.Digest.Algorithm())
	if err != nil {
		return err
	}
	err = u.Commit(ctx, registry.Chunk{Body: io.NewSectionReader(blob, 0, desc.Size), Length: desc.Size}, desc.Digest)
	if err != nil {
		return errors.Join(err, u.Cancel(context.WithoutCancel(ctx)))
	}
	return nil
}

// OpenBlob implements [registry.Store].
func (s *Store) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	p, name := s.find(repo)
	return p.OpenBlob(ctx, name, d)
}

// DeleteBlob implements [registry.Store].
func (s *Store) DeleteBlob(ctx context.Context, repo string, d digest.Digest) error {
	p, name := s.find(repo)
	return p.DeleteBlob(ctx, name, d)
}

// MountBlob implements [registry.Store]. It mounts blobs within a host only.
func (s *Store) MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error {
	p, name := s.find(repo)
	source, fromName := s.find(from)
	if p.Store != source.Store {
		return fmt.Errorf("%w: a blob of another host cannot be mounted", registry.BlobUnknown)
	}
	return p.MountBlob(ctx, name, d, fromName)
}

// NewUpload implements [registry.Store].
func (s *Store) NewUpload(ctx context.Context, repo string, algorithm digest.Algorithm) (registry.Upload, error) {
	if err := s.Check(repo); err != nil {
		return nil, err
	}
	p, name := s.find(repo)
	return p.NewUpload(ctx, name, algorithm)
}

// OpenUpload implements [registry.Store].
func (s *Store) OpenUpload(ctx context.Context, repo, id string) (registry.Upload, error) {
	p, name := s.find(repo)
	return p.OpenUpload(ctx, name, id)
}

// Manifest implements [registry.Store].
func (s *Store) Manifest(ctx context.Context, repo, ref string) (registry.Manifest, error) {
	p, name := s.find(repo)
	return p.Manifest(ctx, name, ref)
}

// PutManifest implements [registry.Store].
func (s *Store) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	if err := s.Check(repo); err != nil {
		return err
	}
	p, name := s.find(repo)
	return p.PutManifest(ctx, name, m)
}

// DeleteManifest implements [registry.Store].
func (s *Store) DeleteManifest(ctx context.Context, repo, ref string, c registry.Precondition) error {
	p, name := s.find(repo)
	return p.DeleteManifest(ctx, name, ref, c)
}

// Tags implements [registry.Store].
func (s *Store) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	p, name := s.find(repo)
	return p.Tags(ctx, name, after)
}

// Manifests implements [registry.Store].
func (s *Store) Manifests(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	p, name := s.find(repo)
	return p.Manifests(ctx, name, after)
}

// Referrers implements [registry.Store].
func (s *Store) Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	p, name := s.find(repo)
	return p.Referrers(ctx, name, subject, after)
}

// Blobs implements [registry.Store].
func (s *Store) Blobs(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	p, name := s.find(repo)
	return p.Blobs(ctx, name, after)
}

// Repositories implements [registry.Store].
func (s *Store) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	var lists []iter.Seq2[string, error]
	for _, p := range s.parts() {
		from := ""
		if below, ok := strings.CutPrefix(after, p.prefix); ok {
			from = below
		} else if after > p.prefix {
			continue // all names with this prefix are before
		}
		lists = append(lists, prefixed(p.prefix, p.Repositories(ctx, from)))
	}
	return merged(lists)
}

// BlobRepositories implements [registry.Store].
func (s *Store) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
	var lists []iter.Seq2[string, error]
	for _, p := range s.parts() {
		lists = append(lists, prefixed(p.prefix, p.BlobRepositories(ctx, d)))
	}
	return merged(lists)
}

// Uploads implements [registry.Store].
func (s *Store) Uploads(ctx context.Context, repo string) iter.Seq2[string, error] {
	if repo != "" {
		p, name := s.find(repo)
		return p.Uploads(ctx, name)
	}
	return func(yield func(string, error) bool) {
		for _, p := range s.parts() {
			for id, err := range p.Uploads(ctx, "") {
				if !yield(id, err) {
					return
				}
			}
		}
	}
}

func (s *Store) parts() []part {
	parts := []part{{Store: s.main}}
	for i := range s.hosts {
		h := &s.hosts[i]
		parts = append(parts, part{h.fill(), h.name + "/"})
	}
	return parts
}

// prefixed returns a list with a prefix before each entry.
func prefixed(prefix string, list iter.Seq2[string, error]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name, err := range list {
			if !yield(prefix+name, err) {
				return
			}
		}
	}
}

// merged returns sorted lists as one. It ends at the first error.
func merged(lists []iter.Seq2[string, error]) iter.Seq2[string, error] {
	if len(lists) == 1 {
		return lists[0]
	}
	return func(yield func(string, error) bool) {
		type source struct {
			next func() (string, error, bool)
			name string
		}
		var sources []*source
		for _, list := range lists {
			next, stop := iter.Pull2(list)
			defer stop()
			sources = append(sources, &source{next: next})
		}
		advance := func(x *source) (err error) {
			var more bool
			if x.name, err, more = x.next(); !more {
				x.next = nil
			}
			return err
		}
		for _, x := range sources {
			if err := advance(x); err != nil {
				yield("", err)
				return
			}
		}
		for {
			var least *source
			for _, x := range sources {
				if x.next != nil && (least == nil || x.name < least.name) {
					least = x
				}
			}
			if least == nil || !yield(least.name, nil) {
				return
			}
			if err := advance(least); err != nil {
				yield("", err)
				return
			}
		}
	}
}
