package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// Store is a registry.Store that is as simple as one can be: maps, one mutex, and
// copies of everything. Read it to learn what the methods do; a Store for use
// would hold content in files or shared extents and sort its lists in advance.
//
// The one thing to be careful about is that mu is never held while the caller's
// code runs: a body's Read, a writer's Write, the loop over a list.
type Store struct {
	mu           sync.Mutex
	repositories map[string]*repository
	uploads      map[string]*upload // by identifier
}

// NewStore returns an empty Store.
func NewStore() *Store {
	return &Store{repositories: map[string]*repository{}, uploads: map[string]*upload{}}
}

// repository is what is visible in one repository. Nothing is shared between
// repositories, so nothing can be seen in the wrong one.
type repository struct {
	blobs     map[digest.Digest][]byte
	manifests map[digest.Digest]registry.PutManifest
	tags      map[string]digest.Digest
}

// find returns a repository, or an empty one that exists as soon as it is put
// into the map.
func (s *Store) find(name string) *repository {
	if r, ok := s.repositories[name]; ok {
		return r
	}
	return &repository{map[digest.Digest][]byte{}, map[digest.Digest]registry.PutManifest{}, map[string]digest.Digest{}}
}

// add makes content a blob of a repository, which exists from now on.
func (s *Store) add(repo string, d digest.Digest, content []byte) {
	r := s.find(repo)
	r.blobs[d] = content
	s.repositories[repo] = r
}

// OpenBlob hands out content that is never changed, so that it stays readable
// when the blob is deleted.
func (s *Store) OpenBlob(_ context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.find(repo).blobs[d]
	if !ok {
		return nil, registry.BlobUnknown
	}
	return registry.NewBlob(bytes.NewReader(content), int64(len(content))), nil
}

func (s *Store) DeleteBlob(_ context.Context, repo string, d digest.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.find(repo).blobs[d]; !ok {
		return registry.BlobUnknown
	}
	delete(s.find(repo).blobs, d)
	return nil
}

func (s *Store) MountBlob(_ context.Context, repo string, d digest.Digest, from string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.find(from).blobs[d]
	if !ok {
		return registry.BlobUnknown
	}
	s.add(repo, d, content)
	return nil
}

// upload is a session, and the handle on it. All its fields but the first two are
// guarded by the Store's mutex.
type upload struct {
	store    *Store
	repo, id string
	content  []byte
	arriving int64 // bytes received of the chunk that is being written
	writing  bool
	gone     bool
}

// NewUpload needs no algorithm, as the content is only hashed when it is complete.
func (s *Store) NewUpload(_ context.Context, repo string, _ digest.Algorithm) (registry.Upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &upload{store: s, repo: repo, id: uuid.NewString()}
	s.uploads[u.id] = u
	return u, nil
}

func (s *Store) OpenUpload(_ context.Context, repo, id string) (registry.Upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.uploads[id]
	if !ok || u.repo != repo {
		return nil, registry.UploadUnknown
	}
	return u, nil
}

func (u *upload) ID() string { return u.id }

func (u *upload) Size() int64 {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	return int64(len(u.content)) + u.arriving
}

// Append keeps what arrived before a read error.
func (u *upload) Append(_ context.Context, c registry.Chunk) error {
	return u.write(c, func(chunk []byte, err error) error {
		u.keep(chunk)
		return err
	})
}

// keep takes the chunk over.
func (u *upload) keep(chunk []byte) {
	if len(u.content) == 0 {
		u.content = chunk
	} else {
		u.content = append(u.content, chunk...)
	}
}

// Commit keeps what arrived before a read error, and else leaves the session alone
// until all is known to be right.
func (u *upload) Commit(_ context.Context, c registry.Chunk, d digest.Digest) error {
	return u.write(c, func(chunk []byte, err error) error {
		if err != nil {
			u.keep(chunk)
			return err
		}
		content := chunk
		if len(u.content) > 0 {
			content = slices.Concat(u.content, chunk)
		}
		if d.Algorithm().FromBytes(content) != d {
			return registry.DigestInvalid
		}
		u.store.add(u.repo, d, content)
		u.end()
		return nil
	})
}

func (u *upload) Cancel(context.Context) error {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	if u.gone {
		return registry.UploadUnknown
	}
	u.end()
	return nil
}

// end removes the session; a writer finds out when its body has ended.
func (u *upload) end() {
	u.gone = true
	delete(u.store.uploads, u.id)
}

// write reads a chunk without holding the mutex, and then has finish decide on
// what arrived and the error with which it ended.
func (u *upload) write(c registry.Chunk, finish func(chunk []byte, err error) error) error {
	if err := u.begin(c); err != nil {
		return err
	}
	chunk, err := u.receive(c)
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.writing, u.arriving = false, 0
	if u.gone {
		return registry.UploadUnknown
	}
	return finish(chunk, err)
}

// begin makes the caller the session's only writer.
func (u *upload) begin(c registry.Chunk) error {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	switch {
	case u.gone:
		return registry.UploadUnknown
	case u.writing:
		return registry.UploadRange
	case c.Body != nil && c.Offset != registry.Unknown && c.Offset != int64(len(u.content)):
		return registry.UploadRange
	}
	u.writing = true
	return nil
}

// receive reads the body to its end, counts what arrives, and returns what may be
// kept of it.
func (u *upload) receive(c registry.Chunk) ([]byte, error) {
	chunk := make([]byte, 0, min(max(c.Length, 0), 16<<20)) // else most of the time goes into growing it
	buffer := make([]byte, 32<<10)
	for c.Body != nil {
		n, err := c.Body.Read(buffer)
		chunk = append(chunk, buffer[:n]...)
		u.store.mu.Lock()
		u.arriving += int64(n)
		u.store.mu.Unlock()
		switch {
		case c.Length != registry.Unknown && int64(len(chunk)) > c.Length, err == io.EOF && c.Length != registry.Unknown && int64(len(chunk)) < c.Length:
			return nil, registry.SizeInvalid
		case err == io.EOF:
			return chunk, nil
		case err != nil:
			return chunk, err
		}
	}
	return nil, nil
}

func (s *Store) Manifest(_ context.Context, repo, ref string) (registry.Manifest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(repo)
	m, ok := r.manifests[r.resolve(ref)]
	if !ok {
		return registry.Manifest{}, registry.ManifestUnknown
	}
	return m.Manifest, nil
}

// resolve returns the digest of the manifest that a tag or digest leads to, or "".
func (r *repository) resolve(ref string) digest.Digest {
	if !strings.Contains(ref, ":") {
		return r.tags[ref]
	}
	return r.manifests[digest.Digest(ref)].Descriptor.Digest
}

// PutManifest decides everything before it changes anything.
func (s *Store) PutManifest(_ context.Context, repo string, m registry.PutManifest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(repo)
	if err := r.accepts(m); err != nil {
		return err
	}
	m.Content = bytes.Clone(m.Content)
	m.Descriptor.Annotations = maps.Clone(m.Descriptor.Annotations)
	m.Pushed = 0 // this store does not count pushes
	r.manifests[m.Descriptor.Digest] = m
	for _, tag := range m.Tags {
		r.tags[tag] = m.Descriptor.Digest
	}
	s.repositories[repo] = r
	return nil
}

func (r *repository) accepts(m registry.PutManifest) error {
	if !m.Precondition.Holds(r.resolve(m.Ref)) {
		return registry.PreconditionFailed
	}
	for _, tag := range m.Tags {
		if d, ok := r.tags[tag]; ok && m.ImmutableTags && d != m.Descriptor.Digest {
			return registry.TagImmutable
		}
	}
	var failed []error
	for _, reference := range m.Require {
		var blob, manifest *ocispec.Descriptor
		if content, ok := r.blobs[reference.Digest]; ok {
			blob = &ocispec.Descriptor{Digest: reference.Digest, Size: int64(len(content))}
		}
		if m, ok := r.manifests[reference.Digest]; ok {
			manifest = &m.Descriptor
		}
		failed = append(failed, reference.Judge("the repository", blob, manifest))
	}
	return errors.Join(failed...)
}

// DeleteManifest need not touch referrers: they are found by looking at all
// manifests that there are.
func (s *Store) DeleteManifest(_ context.Context, repo, ref string, p registry.Precondition) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(repo)
	d := r.resolve(ref)
	switch {
	case d == "":
		return registry.ManifestUnknown
	case !p.Holds(d):
		return registry.PreconditionFailed
	case string(d) != ref:
		delete(r.tags, ref)
		return nil
	}
	delete(r.manifests, d)
	maps.DeleteFunc(r.tags, func(_ string, on digest.Digest) bool { return on == d })
	return nil
}

func (s *Store) Repositories(_ context.Context, after string) iter.Seq2[string, error] {
	return list(s, func() ([]string, error) { return keysAfter(s.repositories, after), nil })
}

func (s *Store) Tags(_ context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	return list(s, func() (tags []registry.Tag, err error) {
		r, ok := s.repositories[repo]
		if !ok {
			return nil, registry.NameUnknown
		}
		for _, name := range keysAfter(r.tags, after) {
			tags = append(tags, registry.Tag{Name: name, Digest: r.tags[name]})
		}
		return tags, nil
	})
}

func (s *Store) Manifests(_ context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return s.manifests(repo, after, func(registry.PutManifest) bool { return true })
}

func (s *Store) Referrers(_ context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return s.manifests(repo, after, func(m registry.PutManifest) bool { return m.Subject == subject })
}

func (s *Store) manifests(repo string, after digest.Digest, wanted func(registry.PutManifest) bool) iter.Seq2[ocispec.Descriptor, error] {
	return list(s, func() (descriptors []ocispec.Descriptor, err error) {
		r := s.find(repo)
		for _, d := range keysAfter(r.manifests, after) {
			if m := r.manifests[d]; wanted(m) {
				descriptors = append(descriptors, m.Descriptor)
			}
		}
		return descriptors, nil
	})
}

func (s *Store) Blobs(_ context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return list(s, func() (descriptors []ocispec.Descriptor, err error) {
		r := s.find(repo)
		for _, d := range keysAfter(r.blobs, after) {
			descriptors = append(descriptors, ocispec.Descriptor{Digest: d, Size: int64(len(r.blobs[d]))})
		}
		return descriptors, nil
	})
}

func (s *Store) BlobRepositories(_ context.Context, d digest.Digest) iter.Seq2[string, error] {
	return list(s, func() ([]string, error) {
		names := keysAfter(s.repositories, "")
		return slices.DeleteFunc(names, func(name string) bool {
			_, visible := s.repositories[name].blobs[d]
			return !visible
		}), nil
	})
}

func (s *Store) Uploads(_ context.Context, repo string) iter.Seq2[string, error] {
	return list(s, func() ([]string, error) {
		ids := keysAfter(s.uploads, "")
		return slices.DeleteFunc(ids, func(id string) bool { return repo != "" && s.uploads[id].repo != repo }), nil
	})
}

// list shows what collect finds at one moment, the beginning of the loop. The
// mutex is free again while the loop runs, which may change what is listed.
func list[T any](s *Store, collect func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s.mu.Lock()
		entries, err := collect()
		s.mu.Unlock()
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, entry := range entries {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// keysAfter returns the keys of a map that come after one, in bytewise order.
func keysAfter[K ~string, V any](m map[K]V, after K) []K {
	keys := slices.Sorted(maps.Keys(m))
	i, found := slices.BinarySearch(keys, after)
	if found {
		i++
	}
	return keys[i:]
}
