package spec

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/onsi/gomega"
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
	return repo{t, t.suite.target.Prefix + "/" + unique()}
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

// bytes returns n bytes of text that no registry has seen before, if there is room
// for that.
func (t *tester) bytes(n int) []byte {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(unique())
		b.WriteByte('\n')
		if b.Len() > 1<<10 { // the rest may repeat
			b.WriteString(strings.Repeat(b.String(), (n-b.Len())/b.Len()+1))
		}
	}
	return []byte(b.String()[:n])
}

// start opens an upload session and returns where it is. It is cancelled when the
// check ends, as far as the registry lets it.
func (r repo) start() (location string) {
	a := r.do(http.MethodPost, r.uploads(), nil).wants(http.StatusAccepted)
	r.cancelLater(a)
	return a.location()
}

// cancelLater cancels the session that was opened, when the check ends.
func (t *tester) cancelLater(a *answer) {
	t.later(func(t *tester) { _, _ = t.send(http.MethodDelete, a.location(), content{}) })
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
	a := r.do(http.MethodPost, r.uploads(), nil).wants(http.StatusAccepted)
	r.commit(a.location(), body, d).wants(http.StatusCreated)
	r.deleteLater(r.blob(d))
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
	t.Expect(err).NotTo(gomega.HaveOccurred())
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
	return r.encode(ocispec.MediaTypeImageManifest, m)
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
	a := r.do(http.MethodPut, r.manifest(reference), nonNil(m.body), append([]string{"Content-Type", m.mediaType}, fields...)...)
	if a.status == http.StatusCreated {
		r.deleteLater(r.manifest(m.digest().String()))
	}
	return a
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

// later calls a function when the check ends; the last one is called first.
func (t *tester) later(undo func(*tester)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.undo = append(t.undo, undo)
}

// deleteLater deletes what was made when the check ends, once.
func (t *tester) deleteLater(target string) {
	t.mu.Lock()
	known := t.deleted[target]
	t.deleted[target] = true
	t.mu.Unlock()
	if known {
		return
	}
	t.later(func(t *tester) { _, _ = t.send(http.MethodDelete, target, content{}) })
}

// cleanUp removes what the check made, as far as the registry lets it. What is
// sent here is not part of the report.
func (t *tester) cleanUp() {
	const grace = 20 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.context), grace)
	defer cancel()
	cleaner := newTester(ctx, t.suite)
	for i := len(t.undo) - 1; i >= 0 && ctx.Err() == nil; i-- {
		func() {
			defer func() {
				if _, ok := recover().(verdict); !ok {
					return
				}
			}()
			t.undo[i](cleaner)
		}()
	}
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
