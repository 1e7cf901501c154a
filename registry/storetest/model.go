package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

func sequenceChecks() []check {
	return []check{
		{"sequences/any calls one after another", checkSequences},
	}
}

// model is what a Store must show after a sequence of calls.
type model map[string]*modelRepository

type modelRepository struct {
	blobs     map[digest.Digest]string
	manifests map[digest.Digest]registry.PutManifest
	tags      map[string]digest.Digest
}

func (m model) find(repo string) *modelRepository {
	if r, ok := m[repo]; ok {
		return r
	}
	return &modelRepository{map[digest.Digest]string{}, map[digest.Digest]registry.PutManifest{}, map[string]digest.Digest{}}
}

// resolve returns the digest that a reference is on, or "".
func (r *modelRepository) resolve(ref string) digest.Digest {
	if !strings.Contains(ref, ":") {
		return r.tags[ref]
	}
	return r.manifests[digest.Digest(ref)].Descriptor.Digest
}

// refuses returns the cause for which a manifest is refused.
func (r *modelRepository) refuses(p registry.PutManifest) (registry.Cause, bool) {
	if !p.Precondition.Holds(r.resolve(p.Ref)) {
		return registry.PreconditionFailed, true
	}
	for _, tag := range p.Tags {
		if d := r.tags[tag]; p.ImmutableTags && d != "" && d != p.Descriptor.Digest {
			return registry.TagImmutable, true
		}
	}
	for _, reference := range p.Require {
		var blob, manifest *ocispec.Descriptor
		if content, ok := r.blobs[reference.Digest]; ok {
			blob = &ocispec.Descriptor{Digest: reference.Digest, Size: int64(len(content))}
		}
		if m, ok := r.manifests[reference.Digest]; ok {
			manifest = &m.Descriptor
		}
		if cause := registry.Cause(0); errors.As(reference.Judge("", blob, manifest), &cause) {
			return cause, true
		}
	}
	return 0, false
}

// sequence makes random calls, the same in each run, of a Store and its model.
type sequence struct {
	*tester
	model
	random    *rand.Rand
	repos     []string
	contents  []string
	manifests []registry.PutManifest
	tags      []string
}

func one[T any](s *sequence, of []T) T { return of[s.random.IntN(len(of))] }

// checkSequences makes calls with little content in few repositories, so that they
// meet what earlier ones have left.
func checkSequences(t *tester) {
	m := model{}
	for seed := range uint64(8) {
		s := &sequence{
			tester: t, model: m, random: rand.New(rand.NewPCG(seed, 0)),
			contents: []string{"", "a", "b"}, tags: []string{"latest", "v1", "v2"},
		}
		for i := range 3 {
			s.repos = append(s.repos, fmt.Sprintf("sequence%d/%d", seed, i))
		}
		child := t.newManifest("child")
		s.manifests = []registry.PutManifest{
			child, t.inOther(t.newManifest("other")),
			t.imageOf("image", "", []registry.Reference{t.asBlob("a"), t.asBlob("b")}),
			t.referrer("referrer", t.subject()), t.imageOf("signature", t.subject(), []registry.Reference{t.asBlob("")}),
			t.imageOf("index", child.Descriptor.Digest, []registry.Reference{asManifest(child)}),
		}
		steps := []func(){s.push, s.mount, s.deleteBlobOf, s.putOne, s.putOne, s.putOne, s.deleteTag, s.deleteDigest}
		for range 60 {
			one(s, steps)()
			s.compare(one(s, s.repos))
			if t.violations() != nil {
				return
			}
		}
		for _, repo := range s.repos {
			s.compare(repo)
		}
	}
}

// expect checks that a call succeeds, or fails for the cause.
func (c *call) expect(cause registry.Cause, fails bool) {
	if fails {
		c.fails(onlyNamed, cause)
	} else {
		c.succeeds(decides)
	}
}

// blobIn returns a repository and the digest of content that it may have.
func (s *sequence) blobIn() (repo, content string, d digest.Digest, has bool) {
	repo, content = one(s, s.repos), one(s, s.contents)
	d = s.digest(content)
	_, has = s.find(repo).blobs[d]
	return repo, content, d, has
}

func (s *sequence) addBlob(repo, content string) {
	r := s.find(repo)
	r.blobs[s.digest(content)] = content
	s.model[repo] = r
}

func (s *sequence) push() {
	repo, content, _, _ := s.blobIn()
	s.tester.push(repo, content)
	s.addBlob(repo, content)
}

func (s *sequence) mount() {
	from, content, d, has := s.blobIn()
	repo := one(s, s.repos)
	s.mountBlob(repo, d, from).expect(registry.BlobUnknown, !has)
	if has {
		s.addBlob(repo, content)
	}
}

func (s *sequence) deleteBlobOf() {
	repo, _, d, has := s.blobIn()
	s.deleteBlob(repo, d).expect(registry.BlobUnknown, !has)
	delete(s.find(repo).blobs, d)
}

func (s *sequence) putOne() {
	repo, p := one(s, s.repos), one(s, s.manifests)
	p.Tags = s.tags[:s.random.IntN(len(s.tags)+1)]
	p.ImmutableTags = s.random.IntN(4) == 0
	if s.random.IntN(2) == 0 {
		p = otherwise(p)
	}
	if p.Ref = one(s, s.tags); s.random.IntN(4) == 0 {
		p.Precondition = one(s, s.preconditions(one(s, s.manifests).Descriptor.Digest)).Precondition
	}
	r := s.find(repo)
	cause, refused := r.refuses(p)
	if s.putManifest(repo, p).expect(cause, refused); refused {
		return
	}
	r.manifests[p.Descriptor.Digest] = p
	for _, tag := range p.Tags {
		r.tags[tag] = p.Descriptor.Digest
	}
	s.model[repo] = r
}

func (s *sequence) deleteTag() {
	repo, tag := one(s, s.repos), one(s, s.tags)
	r := s.find(repo)
	s.deleteManifest(repo, tag, registry.Precondition{}).expect(registry.ManifestUnknown, r.tags[tag] == "")
	delete(r.tags, tag)
}

func (s *sequence) deleteDigest() {
	repo, d := one(s, s.repos), one(s, s.manifests).Descriptor.Digest
	r := s.find(repo)
	s.deleteManifest(repo, string(d), registry.Precondition{}).expect(registry.ManifestUnknown, r.resolve(string(d)) == "")
	delete(r.manifests, d)
	maps.DeleteFunc(r.tags, func(_ string, on digest.Digest) bool { return on == d })
}

func sorted[K ~string, V any](m map[K]V, wanted func(K) bool) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if wanted(key) {
			keys = append(keys, string(key))
		}
	}
	return keys
}

// compare compares all that a repository shows with the model.
func (s *sequence) compare(repo string) {
	r := s.find(repo)
	_, exists := s.model[repo]
	s.hasRepository(repo, exists)
	if exists {
		s.hasTags(decides, repo, r.tags)
	}
	for tag, d := range r.tags {
		s.hasManifest(decides, repo, tag, r.manifests[d])
	}
	for d, content := range r.blobs {
		s.hasBlob(decides, repo, d, content)
		s.blobRepositories(d, all).showsInAnyOrder(decides, s.having(d))
	}
	anything := func(digest.Digest) bool { return true }
	s.blobs(repo, "", all).shows(decides, sorted(r.blobs, anything))
	s.tester.manifests(repo, "", all).shows(decides, sorted(r.manifests, anything))
	for _, subject := range []digest.Digest{s.subject(), s.manifests[0].Descriptor.Digest} {
		l := s.referrers(repo, subject, "", all)
		l.shows(decides, sorted(r.manifests, func(d digest.Digest) bool { return r.manifests[d].Subject == subject }))
		for _, got := range l.entries {
			l.sameDescriptor(decides, got, r.manifests[got.Digest].Descriptor)
		}
	}
}

// having returns the repositories that have a blob.
func (s *sequence) having(d digest.Digest) (repos []string) {
	for name, r := range s.model {
		if _, ok := r.blobs[d]; ok {
			repos = append(repos, name)
		}
	}
	return slices.Sorted(slices.Values(repos))
}
