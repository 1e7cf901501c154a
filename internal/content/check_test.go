package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lying is a Store that says something else than what is, where it is told to.
type lying struct {
	registry.Store
	blob         func(registry.Blob) (registry.Blob, error)
	manifest     func(ref string, m registry.Manifest) (registry.Manifest, error)
	repositories func(iter.Seq2[string, error]) iter.Seq2[string, error]
	tags         func(iter.Seq2[registry.Tag, error]) iter.Seq2[registry.Tag, error]
	manifests    func(iter.Seq2[ocispec.Descriptor, error]) iter.Seq2[ocispec.Descriptor, error]
	referrers    func(subject digest.Digest, list iter.Seq2[ocispec.Descriptor, error]) iter.Seq2[ocispec.Descriptor, error]
	blobs        func(iter.Seq2[ocispec.Descriptor, error]) iter.Seq2[ocispec.Descriptor, error]
	where        func(iter.Seq2[string, error]) iter.Seq2[string, error]
	uploads      func(iter.Seq2[string, error]) iter.Seq2[string, error]
}

func (l *lying) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	b, err := l.Store.OpenBlob(ctx, repo, d)
	if err != nil || l.blob == nil {
		return b, err
	}
	return l.blob(b)
}

func (l *lying) Manifest(ctx context.Context, repo, ref string) (registry.Manifest, error) {
	m, err := l.Store.Manifest(ctx, repo, ref)
	if err != nil || l.manifest == nil {
		return m, err
	}
	return l.manifest(ref, m)
}

func say[T any](list iter.Seq2[T, error], lie func(iter.Seq2[T, error]) iter.Seq2[T, error]) iter.Seq2[T, error] {
	if lie == nil {
		return list
	}
	return lie(list)
}

func (l *lying) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	return say(l.Store.Repositories(ctx, after), l.repositories)
}

func (l *lying) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	return say(l.Store.Tags(ctx, repo, after), l.tags)
}

func (l *lying) Manifests(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return say(l.Store.Manifests(ctx, repo, after), l.manifests)
}

func (l *lying) Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	list := l.Store.Referrers(ctx, repo, subject, after)
	if l.referrers == nil {
		return list
	}
	return l.referrers(subject, list)
}

func (l *lying) Blobs(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return say(l.Store.Blobs(ctx, repo, after), l.blobs)
}

func (l *lying) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[string, error] {
	return say(l.Store.BlobRepositories(ctx, d), l.where)
}

func (l *lying) Uploads(ctx context.Context, repo string) iter.Seq2[string, error] {
	return say(l.Store.Uploads(ctx, repo), l.uploads)
}

// but changes each element of a list.
func but[T any](change func(*T)) func(iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(list iter.Seq2[T, error]) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			for v, err := range list {
				change(&v)
				if !yield(v, err) {
					return
				}
			}
		}
	}
}

func only[T any](values ...T) func(iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(iter.Seq2[T, error]) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			for _, v := range values {
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

func fails[T any](list iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, errors.New("it broke"))
	}
}

// filled is a store with an artifact that refers to another, tagged.
func filled(t *testing.T) (store registry.Store, subject, referrer ocispec.Descriptor) {
	t.Helper()
	store = memstore.New(memstore.Options{})
	to := newApp(store)
	_, err := to.PutBlob(t.Context(), strings.NewReader("{}"))
	require.NoError(t, err)
	artifact := func(kind, more, tag string) ocispec.Descriptor {
		raw := `{"schemaVersion":2,"artifactType":"` + kind + `","config":` + string(encode(ocispec.DescriptorEmptyJSON)) + `,"layers":[]` + more + `}`
		desc, err := to.PutManifest(t.Context(), ocispec.MediaTypeImageManifest, []byte(raw), tag)
		require.NoError(t, err)
		return desc
	}
	subject = artifact("application/x-a", "", "v1")
	of := ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	return store, subject, artifact("application/x-b", `,"annotations":{"a":"b"},"subject":`+string(encode(of)), "v2")
}

func TestCheckFinds(t *testing.T) {
	store, subject, referrer := filled(t)
	require.NoError(t, Check(t.Context(), store, CheckOptions{}))
	empty := ocispec.DescriptorEmptyJSON.Digest
	blobOf := func(content string, size int64) func(registry.Blob) (registry.Blob, error) {
		return func(registry.Blob) (registry.Blob, error) {
			return registry.NewBlob(bytes.NewReader([]byte(content)), size), nil
		}
	}
	none := func(digest.Digest, iter.Seq2[ocispec.Descriptor, error]) iter.Seq2[ocispec.Descriptor, error] {
		return only[ocispec.Descriptor]()(nil)
	}
	always := func(values ...ocispec.Descriptor) func(digest.Digest, iter.Seq2[ocispec.Descriptor, error]) iter.Seq2[ocispec.Descriptor, error] {
		return func(s digest.Digest, list iter.Seq2[ocispec.Descriptor, error]) iter.Seq2[ocispec.Descriptor, error] {
			if s != subject.Digest {
				return list
			}
			return only(values...)(nil)
		}
	}
	otherType := referrer
	otherType.ArtifactType = "application/x-c"
	a, b := string(subject.Digest), string(referrer.Digest)

	tests := map[string]struct {
		lie  lying
		want []string // the violations, in order
	}{
		"blob's content":    {lying{blob: blobOf("[]", 2)}, []string{"app: blob " + string(empty) + ": the content has digest " + string(digest.FromString("[]"))}},
		"blob's size":       {lying{blob: blobOf("{} ", 3)}, []string{"app: blob " + string(empty) + ": size is 3, but 2 is listed"}},
		"blob cut":          {lying{blob: blobOf("{", 2)}, []string{"app: blob " + string(empty) + ": EOF"}},
		"blob gone":         {lying{blob: func(registry.Blob) (registry.Blob, error) { return nil, registry.BlobUnknown }}, []string{"app: blob " + string(empty) + ": blob unknown to registry"}},
		"blob closed badly": {lying{blob: func(b registry.Blob) (registry.Blob, error) { return unclosable{b}, nil }}, []string{"app: blob " + string(empty) + ": cannot be closed"}},
		"blob not there":    {lying{where: only[string]("other")}, []string{"app: blob " + string(empty) + ": the repository is not listed for this blob"}},
		"blob somewhere":    {lying{where: fails[string]}, []string{"app: blob " + string(empty) + ": it broke"}},
		"blob's digest": {lying{blobs: only(ocispec.DescriptorEmptyJSON, ocispec.Descriptor{Digest: "sha256:1"})},
			[]string{"app: blob sha256:1: invalid checksum digest length"}},
		"blob not listed": {lying{blobs: only[ocispec.Descriptor]()}, []string{
			"app: manifest " + min(a, b) + ": refers to " + string(empty) + ", a application/vnd.oci.empty.v1+json that does not exist",
			"app: manifest " + max(a, b) + ": refers to " + string(empty) + ", a application/vnd.oci.empty.v1+json that does not exist"}},
		"manifest's content": {lying{manifest: change(a, func(m *registry.Manifest) { m.Content = []byte("{}") })},
			[]string{"app: manifest " + a + ": the content has digest " + string(empty)}},
		"manifest gone": {lying{manifest: func(ref string, m registry.Manifest) (registry.Manifest, error) {
			if ref == a {
				return m, registry.ManifestUnknown
			}
			return m, nil
		}}, []string{"app: manifest " + a + ": manifest unknown to registry"}},
		"manifest's type": {lying{manifest: change(a, func(m *registry.Manifest) { m.Descriptor.MediaType = ocispec.MediaTypeImageIndex })},
			[]string{"app: manifest " + a + ": config and layers do not belong"}},
		"manifest's size": {lying{manifest: change(a, func(m *registry.Manifest) { m.Descriptor.Size++ })},
			[]string{"app: manifest " + a + ": descriptor is "}},
		"manifest's listing": {lying{manifests: but(func(d *ocispec.Descriptor) { d.Size = 1 })},
			[]string{"app: manifest " + min(a, b) + ": descriptor is ", "app: manifest " + max(a, b) + ": descriptor is "}},
		"manifest's digest": {lying{manifests: but(func(d *ocispec.Descriptor) {
			if d.Digest == subject.Digest {
				d.Digest = "x"
			}
		})}, []string{"app: manifest x: invalid checksum digest format", "app: tag v1 refers to " + a + ", which is not a manifest of the repository"}},
		"manifest not listed": {lying{manifests: only(subject)}, []string{
			"app: " + b + " is listed as a referrer of " + a + ", but does not have this subject, or is listed twice",
			"app: tag v2 refers to " + b + ", which is not a manifest of the repository"}},
		"tag": {lying{manifest: func(ref string, m registry.Manifest) (registry.Manifest, error) {
			if ref == "v1" {
				m.Descriptor.Digest = referrer.Digest
			}
			return m, nil
		}}, []string{"app: tag v1 is listed on " + a + ": it resolves to " + b}},
		"tag on nothing":    {lying{tags: only(registry.Tag{Name: "v3", Digest: empty})}, []string{"app: tag v3 refers to " + string(empty) + ", which is not a manifest of the repository"}},
		"tag not there":     {lying{tags: only(registry.Tag{Name: "v3", Digest: subject.Digest})}, []string{"app: tag v3 is listed on " + a + ": "}},
		"referrer missing":  {lying{referrers: none}, []string{"app: " + b + " is not listed as a referrer of its subject " + a}},
		"referrer too many": {lying{referrers: always(referrer, subject)}, []string{"app: " + a + " is listed as a referrer of " + a + ", but does not have this subject, or is listed twice"}},
		"referrer twice":    {lying{referrers: always(referrer, referrer)}, []string{"app: " + b + " is listed as a referrer of " + a + ", but does not have this subject, or is listed twice"}},
		"referrer's type":   {lying{referrers: always(otherType)}, []string{"app: referrer " + b + " of " + a + ": listed as "}},
		"uploads":           {lying{uploads: only("some-id")}, []string{"upload some-id is open"}},
		"list repositories": {lying{repositories: fails[string]}, []string{"list the repositories: it broke"}},
		"list blobs":        {lying{blobs: fails[ocispec.Descriptor]}, []string{"app: list the blobs: it broke", "app: manifest ", "app: manifest "}},
		"list manifests":    {lying{manifests: fails[ocispec.Descriptor]}, []string{"app: list the manifests: it broke", "app: tag v1", "app: tag v2"}},
		"list tags":         {lying{tags: fails[registry.Tag]}, []string{"app: list the tags: it broke"}},
		"list uploads":      {lying{uploads: fails[string]}, []string{"list the uploads: it broke"}},
		"list referrers": {lying{referrers: func(s digest.Digest, list iter.Seq2[ocispec.Descriptor, error]) iter.Seq2[ocispec.Descriptor, error] {
			if s == subject.Digest {
				return fails(list)
			}
			return list
		}}, []string{"app: list the referrers of " + a + ": it broke"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.lie.Store = store
			err := Check(t.Context(), &tt.lie, CheckOptions{})
			require.Error(t, err)
			joined, ok := err.(interface{ Unwrap() []error })
			require.True(t, ok, "%T", err)
			found := joined.Unwrap()
			require.Len(t, found, len(tt.want), "%v", err)
			for i, want := range tt.want {
				assert.True(t, strings.HasPrefix(found[i].Error(), want), "violation %d\nwant: %s\ngot:  %v", i, want, found[i])
			}
		})
	}
}

// change changes the manifest with a digest.
func change(d string, f func(*registry.Manifest)) func(string, registry.Manifest) (registry.Manifest, error) {
	return func(_ string, m registry.Manifest) (registry.Manifest, error) {
		if string(m.Descriptor.Digest) == d {
			f(&m)
		}
		return m, nil
	}
}

type unclosable struct{ registry.Blob }

func (unclosable) Close() error { return errors.New("cannot be closed") }

func (u unclosable) WriteRange(w io.Writer, off, n int64) (int64, error) {
	return u.Blob.WriteRange(w, off, n)
}

func TestCheckAllows(t *testing.T) {
	store, _, _ := filled(t)
	require.NoError(t, store.DeleteBlob(t.Context(), "app", ocispec.DescriptorEmptyJSON.Digest))
	upload, err := store.NewUpload(t.Context(), "app", digest.SHA256)
	require.NoError(t, err)
	err = Check(t.Context(), store, CheckOptions{})
	require.ErrorContains(t, err, "that does not exist")
	require.ErrorContains(t, err, "upload "+upload.ID()+" is open")
	require.NoError(t, Check(t.Context(), store, CheckOptions{AllowSparse: true, AllowUploads: true}))
	require.NoError(t, upload.Cancel(t.Context()))
	require.NoError(t, Check(t.Context(), store, CheckOptions{AllowSparse: true}))
}

// Descriptors that are wrong about what exists are found in content that no registry
// has judged.
func TestCheckDescriptors(t *testing.T) {
	store := memstore.New(memstore.Options{})
	app := fill(t, store, "app")
	child := app.image(1, false)
	config := app.blob("{}")
	layer := app.blob("layer")
	put := func(mediaType string, m any) {
		parsed, err := registry.ParseManifest(mediaType, encode(m))
		require.NoError(t, err)
		parsed.Require = nil
		require.NoError(t, store.PutManifest(t.Context(), "app", parsed))
	}
	wrongChild, wrongSubject := child, child
	wrongChild.MediaType = ocispec.MediaTypeImageIndex
	wrongSubject.Size++
	config.MediaType, config.Size, layer.Size = "application/x", 1, 999
	layer.MediaType = ocispec.MediaTypeImageLayer
	put(ocispec.MediaTypeImageManifest, ocispec.Manifest{Versioned: specsVersion, Config: config, Layers: []ocispec.Descriptor{layer}, Subject: &wrongSubject})
	put(ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: specsVersion, Manifests: []ocispec.Descriptor{wrongChild}})
	for _, sparse := range []bool{false, true} {
		err := Check(t.Context(), store, CheckOptions{AllowSparse: sparse})
		for _, want := range []string{
			"config (" + string(config.Digest) + ") has the size 1 in the manifest, but the blob in repository app has 2 bytes",
			"layers[0] (" + string(layer.Digest) + ") has the size 999 in the manifest, but the blob in repository app has 5 bytes",
			"subject (" + string(child.Digest) + ") has the size ",
			"manifests[0] (" + string(child.Digest) + `) has the mediaType "` + ocispec.MediaTypeImageIndex,
		} {
			require.ErrorContains(t, err, want)
		}
		joined, ok := err.(interface{ Unwrap() []error })
		require.True(t, ok)
		require.Len(t, joined.Unwrap(), 4)
	}
}

// TestCheckSHA512 has content under another algorithm than sha256.
func TestCheckSHA512(t *testing.T) {
	store, _, _ := filled(t)
	content := []byte("content")
	upload, err := store.NewUpload(t.Context(), "app", digest.SHA512)
	require.NoError(t, err)
	require.NoError(t, upload.Commit(t.Context(), registry.Chunk{Body: bytes.NewReader(content), Length: 7}, digest.SHA512.FromBytes(content)))
	m, err := store.Manifest(t.Context(), "app", "v1")
	require.NoError(t, err)
	parsed, err := registry.ParseManifest(m.Descriptor.MediaType, m.Content)
	require.NoError(t, err)
	parsed.Descriptor.Digest = digest.SHA512.FromBytes(m.Content)
	require.NoError(t, store.PutManifest(t.Context(), "app", parsed))
	require.NoError(t, Check(t.Context(), store, CheckOptions{}))
}
