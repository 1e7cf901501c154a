package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// The repositories of the checks.
const (
	app = "storetest/app"
	lib = "storetest/lib"
)

const mebibyte = 1 << 20

// random returns n pseudo-random bytes, the same in every run.
func random(n int) string {
	var b strings.Builder
	b.Grow(n)
	_, _ = io.CopyN(&b, rand.NewChaCha8([32]byte{}), int64(n)) // never fails
	return b.String()
}

// algorithmOf alternates between the digest algorithms.
func algorithmOf(i int) digest.Algorithm {
	return [...]digest.Algorithm{digest.SHA256, digest.SHA512}[i%2]
}

// differ describes the difference between two contents, or returns "".
func differ(got, want string) string {
	if got == want {
		return ""
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return fmt.Sprintf("%s, which differs at byte %d", describe(got), at)
}

func describe(content string) string {
	if len(content) <= 40 {
		return fmt.Sprintf("%q (%d bytes)", content, len(content))
	}
	return fmt.Sprintf("%q... (%d bytes)", content[:20], len(content))
}

// chunk returns a chunk without offset and length.
func chunk(content string) registry.Chunk {
	return registry.Chunk{Body: strings.NewReader(content), Offset: registry.Unknown, Length: registry.Unknown}
}

// chunkAt returns a chunk with offset and length.
func chunkAt(off int64, content string) registry.Chunk {
	return registry.Chunk{Body: strings.NewReader(content), Offset: off, Length: int64(len(content))}
}

func describeChunk(c registry.Chunk) string {
	number := func(n int64) string {
		if n == registry.Unknown {
			return "unknown"
		}
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s, offset %s, length %s", describeBody(c.Body), number(c.Offset), number(c.Length))
}

func describeBody(body io.Reader) string {
	switch b := body.(type) {
	case nil:
		return "no body"
	case *strings.Reader:
		return fmt.Sprintf("%d bytes", b.Len())
	case *broken:
		return fmt.Sprintf("%d bytes and an error", len(b.content))
	case *stalled:
		return "a body that stalls"
	default:
		return "a body"
	}
}

// broken is a body that ends with an error: together with the last bytes if joined is set, and
// after them otherwise.
type broken struct {
	content string
	err     error
	joined  bool
}

func (b *broken) Read(p []byte) (int, error) {
	n := copy(p, b.content)
	b.content = b.content[n:]
	if b.content == "" && (n == 0 || b.joined) {
		return n, b.err
	}
	return n, nil
}

// stalled is a body or a writer that blocks: it signals stuck after the first part, and continues
// when released.
type stalled struct {
	over    context.Context
	stuck   chan struct{} // closed when there
	release func()        // may be called more than once
	free    chan struct{}
	once    sync.Once
	head    io.Reader
	tail    io.Reader
	got     strings.Builder
	read    int // bytes of the body that were read
}

func (t *tester) newStalled(head, tail string) *stalled {
	s := &stalled{over: t.over, stuck: make(chan struct{}), free: make(chan struct{})}
	s.release = sync.OnceFunc(func() { close(s.free) })
	s.head, s.tail = strings.NewReader(head), strings.NewReader(tail)
	return s
}

// stall signals stuck, and waits for the release or the end of the check.
func (s *stalled) stall() error {
	s.once.Do(func() { close(s.stuck) })
	select {
	case <-s.free:
		return nil
	case <-s.over.Done():
		return s.over.Err()
	}
}

// holds reports whether a call is blocked.
func (s *stalled) holds() bool {
	select {
	case <-s.free:
		return false
	default:
	}
	select {
	case <-s.stuck:
		return true
	default:
		return false
	}
}

func (s *stalled) Read(p []byte) (int, error) {
	n, err := s.head.Read(p)
	if err == io.EOF {
		if err := s.stall(); err != nil {
			return 0, err
		}
		n, err = s.tail.Read(p)
	}
	s.read += n
	return n, err
}

func (s *stalled) Write(p []byte) (int, error) {
	if err := s.stall(); err != nil {
		return 0, err
	}
	return s.got.Write(p)
}

// chunk returns a chunk with body s, without offset and length.
func (s *stalled) chunk() registry.Chunk {
	return registry.Chunk{Body: s, Offset: registry.Unknown, Length: registry.Unknown}
}

// digest returns the digest of content by the check's algorithm.
func (t *tester) digest(content string) digest.Digest { return t.digests.of(t.algorithm, content) }

// digests has the digests of large contents, which a check needs several times.
type digests struct {
	mu  sync.Mutex
	all map[digestKey]digest.Digest
}

type digestKey struct {
	content   string
	algorithm digest.Algorithm
}

func (d *digests) of(a digest.Algorithm, content string) digest.Digest {
	if len(content) < mebibyte {
		return a.FromString(content)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := digestKey{content, a}
	if _, ok := d.all[key]; !ok {
		// Not FromString, which copies the content.
		hash := a.Hash()
		_, _ = io.Copy(hash, struct{ io.Reader }{strings.NewReader(content)}) // never fails
		d.all[key] = digest.NewDigest(a, hash)
	}
	return d.all[key]
}

// other is the algorithm that is not the check's.
func (t *tester) other() digest.Algorithm {
	if t.algorithm == digest.SHA256 {
		return digest.SHA512
	}
	return digest.SHA256
}

// subject is the digest of a manifest that does not exist.
func (t *tester) subject() digest.Digest { return t.digest("subject") }

// newManifest makes an image manifest. Different names make different manifests.
func (t *tester) newManifest(name string, tags ...string) registry.PutManifest {
	return t.referrer(name, "", tags...)
}

// referrer makes an image manifest that has a subject.
func (t *tester) referrer(name string, subject digest.Digest, tags ...string) registry.PutManifest {
	return t.imageOf(name, subject, nil, tags...)
}

// imageOf makes an image manifest that requires references, which its content has
// as layers. The content is indented and ends with a newline, as nothing but the
// bytes that were put has the digest.
func (t *tester) imageOf(name string, subject digest.Digest, references []registry.Reference, tags ...string) registry.PutManifest {
	manifest := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: "application/vnd.storetest",
		Config:       ocispec.DescriptorEmptyJSON,
		Layers:       []ocispec.Descriptor{ocispec.DescriptorEmptyJSON},
		Annotations: map[string]string{
			ocispec.AnnotationTitle: name, ocispec.AnnotationVendor: "<storetest & \u00e9>", "Empty": "", "empty": " ",
		},
	}
	if subject != "" {
		manifest.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: 2}
	}
	for _, r := range references {
		manifest.Layers = append(manifest.Layers, r.Descriptor)
	}
	content, err := json.MarshalIndent(manifest, "", "\t")
	if err != nil {
		panic(err) // a struct of strings can be marshalled
	}
	content = append(content, "\r\n"...)
	return registry.PutManifest{
		Manifest: registry.Manifest{
			Content: content,
			Descriptor: ocispec.Descriptor{
				MediaType:    manifest.MediaType,
				Digest:       t.algorithm.FromBytes(content),
				Size:         int64(len(content)),
				ArtifactType: manifest.ArtifactType,
				Annotations:  manifest.Annotations,
			},
		},
		Subject: subject,
		Require: references,
		Tags:    tags,
	}
}

// sortedManifests returns n manifests in the bytewise order of their digests,
// which are of both algorithms. They are in no order by anything else.
func (t *tester) sortedManifests(n int, subject digest.Digest) []registry.PutManifest {
	manifests := make([]registry.PutManifest, n)
	for i := range manifests {
		manifests[i] = t.referrer(fmt.Sprintf("sorted %d%s", i, strings.Repeat("x", 7*i%5)), subject)
		manifests[i].Descriptor.Digest = algorithmOf(i).FromBytes(manifests[i].Content)
	}
	slices.SortFunc(manifests, func(a, b registry.PutManifest) int {
		return strings.Compare(string(a.Descriptor.Digest), string(b.Descriptor.Digest))
	})
	for i := range manifests {
		d := &manifests[i].Descriptor
		d.ArtifactType = fmt.Sprintf("application/vnd.storetest.%d", 5*i%8)
		d.MediaType = [...]string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, "application/vnd.docker.distribution.manifest.v2+json"}[i%3]
	}
	return manifests
}

// inOther names the manifest by a digest of the other algorithm.
func (t *tester) inOther(m registry.PutManifest) registry.PutManifest {
	m.Descriptor.Digest = t.other().FromBytes(m.Content)
	return m
}

// asBlob, asManifest and asEither are references to content. Their descriptors
// have all fields.
func (t *tester) asBlob(content string) registry.Reference {
	return reference("layers[0]", registry.Reference{Blob: true, Descriptor: ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageLayer, Digest: t.digest(content), Size: int64(len(content))}})
}

func asManifest(m registry.PutManifest) registry.Reference {
	return reference("manifests[0]", registry.Reference{Manifest: true, Descriptor: ocispec.Descriptor{
		MediaType: m.Descriptor.MediaType, Digest: m.Descriptor.Digest, Size: m.Descriptor.Size}})
}

func (t *tester) asEither(content string) registry.Reference {
	r := t.asBlob(content)
	r.Manifest = true
	return r
}

func reference(name string, r registry.Reference) registry.Reference {
	r.Name = name
	r.URLs = []string{"https://storetest.example/1", "https://storetest.example/2"}
	r.Annotations = map[string]string{"a": "b", "c": "d"}
	r.Data = []byte("data")
	r.Platform = &ocispec.Platform{OS: "linux", Architecture: "arm64", OSFeatures: []string{"feature"}}
	r.ArtifactType = "application/vnd.storetest.reference"
	return r
}
