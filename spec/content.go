package spec

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// octets is the media type of uploads.
const octets = "application/octet-stream"

// repo is a repository of the registry that no other check knows.
type repo struct {
	*tester
	name string
}

// newRepo returns a repository with a random name.
func (t *tester) newRepo() repo {
	return repo{t, t.suite.nameRepository()}
}

// nowhere returns a digest that no content has.
func (t *tester) nowhere() digest.Digest {
	d := digest.FromString(unique())
	t.suite.ledger.nowhere(d)
	return d
}

// unique returns a word that was not used before, in this run or another.
func unique() string { return strconv.FormatUint(rand.Uint64(), 36) }

func (r repo) blob(d digest.Digest) string      { return "/v2/" + r.name + "/blobs/" + d.String() }
func (r repo) manifest(reference string) string { return "/v2/" + r.name + "/manifests/" + reference }
func (r repo) uploads() string                  { return "/v2/" + r.name + "/blobs/uploads/" }
func (r repo) tags() string                     { return "/v2/" + r.name + "/tags/list" }
func (r repo) referrers(subject digest.Digest) string {
	return "/v2/" + r.name + "/referrers/" + subject.String()
}

// bytes returns n bytes of text that no registry has seen before, if n is at least
// [leastRandom].
func (t *tester) bytes(n int) []byte {
	const longest = 14 // bytes of a line: 64 bits in base 36
	b := make([]byte, 0, n+longest)
	for len(b) < min(n, 1<<10) {
		b = append(strconv.AppendUint(b, rand.Uint64(), 36), '\n')
	}
	for len(b) < n { // the rest may repeat
		b = append(b, b[:min(len(b), n-len(b))]...)
	}
	return b[:n:n]
}

// start opens an upload session and returns where it is.
func (r repo) start() (location string) {
	return r.do(http.MethodPost, r.uploads(), nil).wants(http.StatusAccepted).location()
}

// commit closes an upload with the content as a whole.
func (t *tester) commit(location string, body []byte, d digest.Digest) *answer {
	return t.do(http.MethodPut, with(location, "digest", d.String()), nonNil(body), "Content-Type", octets)
}

// nonNil is the body of a request that has one, even if it is empty.
func nonNil(body []byte) []byte {
	if body == nil {
		return []byte{}
	}
	return body
}

// put pushes a blob under its sha256 digest.
func (r repo) put(body []byte) digest.Digest {
	d := digest.FromBytes(body)
	r.commit(r.start(), body, d).wants(http.StatusCreated)
	return d
}

// newBlob pushes a blob of n bytes.
func (r repo) newBlob(n int) ([]byte, digest.Digest) {
	body := r.bytes(n)
	return body, r.put(body)
}

// descriptor describes content.
func descriptor(mediaType string, body []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(body), Size: int64(len(body))}
}

// layer pushes a layer.
func (r repo) layer() ocispec.Descriptor {
	body, _ := r.newBlob(64)
	return descriptor(ocispec.MediaTypeImageLayer, body)
}

// manifest is a manifest as it is pushed.
type manifest struct {
	mediaType string
	body      []byte
}

func (m manifest) digest() digest.Digest { return digest.FromBytes(m.body) }

func (m manifest) descriptor() ocispec.Descriptor { return descriptor(m.mediaType, m.body) }

// encode makes a manifest of an image manifest or an index.
func (t *tester) encode(mediaType string, value any) manifest {
	body, err := json.Marshal(value)
	if err != nil {
		t.failf("encode a manifest: %v", err)
	}
	return manifest{mediaType, body}
}

// newImage returns an image with a config and one layer, which are pushed; the
// manifest is not. Changes are made to the manifest before it is encoded.
func (r repo) newImage(changes ...func(*ocispec.Manifest)) manifest {
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"author":"` + unique() + `"}`)
	r.put(config)
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    descriptor(ocispec.MediaTypeImageConfig, config),
		Layers:    []ocispec.Descriptor{r.layer()},
	}
	for _, change := range changes {
		change(&m)
	}
	return r.encode(ocispec.MediaTypeImageManifest, m)
}

// newArtifact returns an artifact of a type, with an empty config, that is not
// pushed.
func (r repo) newArtifact(artifactType string, changes ...func(*ocispec.Manifest)) manifest {
	r.put(ocispec.DescriptorEmptyJSON.Data)
	return r.artifact(artifactType, changes...)
}

// artifact is newArtifact, for a repository that has the empty config.
func (t *tester) artifact(artifactType string, changes ...func(*ocispec.Manifest)) manifest {
	empty := ocispec.DescriptorEmptyJSON
	empty.Data = nil
	m := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType,
		Config:       empty,
		Layers:       []ocispec.Descriptor{empty},
		Annotations:  map[string]string{"org.example.unique": unique()},
	}
	for _, change := range changes {
		change(&m)
	}
	return t.encode(ocispec.MediaTypeImageManifest, m)
}

// newIndex returns an index that is not pushed.
func (t *tester) newIndex(children []ocispec.Descriptor, changes ...func(*ocispec.Index)) manifest {
	i := ocispec.Index{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   ocispec.MediaTypeImageIndex,
		Manifests:   children,
		Annotations: map[string]string{"org.example.unique": unique()},
	}
	if i.Manifests == nil {
		i.Manifests = []ocispec.Descriptor{}
	}
	for _, change := range changes {
		change(&i)
	}
	return t.encode(ocispec.MediaTypeImageIndex, i)
}

// try pushes a manifest, which may be refused.
func (r repo) try(m manifest, reference string, fields ...string) *answer {
	return r.do(http.MethodPut, r.manifest(reference), nonNil(m.body), append([]string{"Content-Type", m.mediaType}, fields...)...)
}

// push pushes a manifest by a tag or its digest.
func (r repo) push(m manifest, reference string) *answer {
	return r.try(m, reference).wants(http.StatusCreated)
}

// pushImage pushes a new image under a tag.
func (r repo) pushImage(tag string) manifest {
	m := r.newImage()
	r.push(m, tag)
	return m
}

// deleteLater deletes what was made when the check ends.
func (t *tester) deleteLater(made []item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, i := range made {
		if !t.known[i] {
			t.known[i] = true
			t.made = append(t.made, i)
		}
	}
}

// cleanUp deletes what the check made, the last first, as far as the registry lets
// it. What is sent here is not part of the report. Tags go with their manifests: those
// that do not are deleted one by one.
func (t *tester) cleanUp() {
	const grace = 20 * time.Second
	ctx, cancel := lingering(t.context, grace)
	defer cancel()
	cleaner := newTester(ctx, t.suite)
	var tags []item
	for _, i := range slices.Backward(t.made) {
		if i.kind == Tag {
			tags = append(tags, i)
		} else {
			cleaner.remove(i)
		}
	}
	listed := map[string][]string{}
	for _, tag := range tags {
		name := tag.repository
		if _, asked := listed[name]; !asked {
			listed[name] = cleaner.remaining(repo{cleaner, name})
		}
		if listed[name] == nil || slices.Contains(listed[name], tag.reference) {
			cleaner.remove(tag)
		}
	}
}

// remaining returns the tags of a repository, or nil if they are not known.
func (t *tester) remaining(r repo) (tags []string) {
	end := t.try(func(*tester) {
		switch a := r.get(r.tags()); {
		case a.status == http.StatusNotFound:
		case a.hasNext():
			tags = r.follow("")
		default:
			tags = r.decodeTags(a)
		}
	})
	if end.outcome != Passed {
		return nil
	}
	return append([]string{}, tags...)
}

// remove deletes something, and records why if it stays.
func (t *tester) remove(i item) {
	if t.suite.ledger.doubts(i) {
		if a, err := t.send(http.MethodHead, i.path(), content{}); err != nil || a.status == http.StatusOK {
			t.suite.ledger.settle(i, "its push was not answered")
		}
		return
	}
	target := t.suite.ledger.deletable(i)
	if target == "" {
		return
	}
	a, err := t.send(http.MethodDelete, target, content{})
	switch {
	case err != nil:
		t.suite.ledger.settle(i, t.auth.hide(err.Error()))
		return
	case a.status >= 200 && a.status <= 299 || a.status == http.StatusNotFound:
		t.suite.ledger.settle(i, "")
		return
	}
	reason := fmt.Sprintf("DELETE: status %d", a.status)
	method := http.MethodHead
	if i.kind == UploadSession {
		method = http.MethodGet
	}
	if a, err := t.send(method, target, content{}); err == nil && a.status == http.StatusNotFound {
		reason = ""
	}
	t.suite.ledger.settle(i, reason)
}

// together calls a function n times at once and waits for all. If one fails the
// check, so does this.
func (t *tester) together(n int, work func(i int)) {
	var group sync.WaitGroup
	ends := make([]any, n)
	begin := make(chan struct{})
	for i := range n {
		group.Go(func() {
			defer func() { ends[i] = recover() }()
			<-begin
			work(i)
		})
	}
	close(begin)
	group.Wait()
	for _, end := range ends {
		if end != nil {
			panic(end)
		}
	}
}

// until repeats something until it reports success. The check fails when its time is over.
func (t *tester) until(succeeds func() bool) {
	const pause = 10 * time.Millisecond
	over := time.After(patience)
	for !succeeds() {
		select {
		case <-time.After(pause):
		case <-over:
			t.failf("want the registry to have noticed by now that the connection is gone")
		}
	}
}
