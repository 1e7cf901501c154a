package apistore_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/apistore"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

const imageOf = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
	`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]`

func newStore(options registry.Options) *apistore.Store {
	return apistore.New(registry.New(memstore.New(memstore.Options{}), options), apistore.Login{})
}

func upload(t *testing.T, s *apistore.Store, repo, content string, algorithm digest.Algorithm) digest.Digest {
	t.Helper()
	u, err := s.NewUpload(t.Context(), repo, algorithm)
	require.NoError(t, err)
	half := len(content) / 2
	require.NoError(t, u.Append(t.Context(), registry.Chunk{Body: strings.NewReader(content[:half]), Length: int64(half)}))
	assert.EqualValues(t, half, u.Size())
	assert.NotEmpty(t, u.ID())
	assert.ErrorIs(t, u.Append(t.Context(), registry.Chunk{Body: strings.NewReader("x"), Length: 1, Offset: int64(half) + 1}), registry.UploadRange)
	d := algorithm.FromString(content)
	require.NoError(t, u.Commit(t.Context(), registry.Chunk{Body: strings.NewReader(content[half:]), Offset: registry.Unknown, Length: registry.Unknown}, d))
	return d
}

func put(t *testing.T, s *apistore.Store, repo, rest string, tags ...string) digest.Digest {
	t.Helper()
	upload(t, s, repo, "{}", digest.SHA256)
	m, err := registry.ParseManifest(ocispec.MediaTypeImageManifest, []byte(imageOf+rest+"}"))
	require.NoError(t, err)
	m.Tags = tags
	require.NoError(t, s.PutManifest(t.Context(), repo, m))
	return m.Descriptor.Digest
}

func collect[T any](t *testing.T, entries iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for entry, err := range entries {
		require.NoError(t, err)
		all = append(all, entry)
	}
	return all
}

func TestBlobs(t *testing.T) {
	s := newStore(registry.Options{})
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		d := upload(t, s, "app", "the content", algorithm)
		blob, err := s.OpenBlob(t.Context(), "app", d)
		require.NoError(t, err)
		content, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
		require.NoError(t, err)
		assert.Equal(t, "the content", string(content))
		require.NoError(t, s.MountBlob(t.Context(), "other", d, "app"))
		require.NoError(t, s.DeleteBlob(t.Context(), "app", d))
		assert.ErrorIs(t, s.DeleteBlob(t.Context(), "app", d), registry.BlobUnknown)
		_, err = s.OpenBlob(t.Context(), "app", d)
		assert.ErrorIs(t, err, registry.BlobUnknown)
		assert.ErrorIs(t, s.MountBlob(t.Context(), "third", d, "app"), registry.BlobUnknown)
	}
	upload(t, s, "app", "", digest.SHA256)
}

func TestUploadFails(t *testing.T) {
	s := newStore(registry.Options{})
	u, err := s.NewUpload(t.Context(), "app", digest.SHA256)
	require.NoError(t, err)
	broken := errors.New("broken")
	assert.ErrorIs(t, u.Append(t.Context(), registry.Chunk{Body: iotest.ErrReader(broken), Length: 5}), broken)
	u, err = s.NewUpload(t.Context(), "app", digest.SHA256)
	require.NoError(t, err)
	assert.ErrorContains(t, u.Commit(t.Context(), registry.Chunk{Body: strings.NewReader("x"), Length: 1}, digest.FromString("y")), "DIGEST_INVALID")
	require.NoError(t, u.Cancel(t.Context()))
	assert.ErrorIs(t, u.Cancel(t.Context()), registry.UploadUnknown)
	_, err = s.OpenUpload(t.Context(), "app", "id")
	assert.ErrorIs(t, err, apistore.ErrCannot)
}

// TestLists checks that all pages of a list are read.
func TestLists(t *testing.T) {
	s := newStore(registry.Options{PageSize: 1})
	a := put(t, s, "app", "", "v1", "v2", "v3")
	one := put(t, s, "app", `,"artifactType":"a/b","subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"`+string(a)+`","size":`+size(t, s, a)+`}`)
	put(t, s, "other", "")
	assert.Equal(t, []string{"app", "other"}, collect(t, s.Repositories(t.Context(), "")))
	assert.Equal(t, []string{"other"}, collect(t, s.Repositories(t.Context(), "app")))
	assert.Equal(t, []registry.Tag{{Name: "v2", Digest: a}, {Name: "v3", Digest: a}}, collect(t, s.Tags(t.Context(), "app", "v1")))
	referrers := collect(t, s.Referrers(t.Context(), "app", a, ""))
	require.Len(t, referrers, 1)
	assert.Equal(t, one, referrers[0].Digest)
	for _, err := range s.Tags(t.Context(), "nothing", "") {
		assert.ErrorIs(t, err, registry.NameUnknown)
	}
	for range s.Tags(t.Context(), "app", "") {
		break // the caller stops early
	}
	for _, err := range s.Manifests(t.Context(), "app", "") {
		assert.ErrorIs(t, err, apistore.ErrCannot)
	}
}

func size(t *testing.T, s *apistore.Store, d digest.Digest) string {
	t.Helper()
	m, err := s.Manifest(t.Context(), "app", string(d))
	require.NoError(t, err)
	require.EqualValues(t, len(m.Content), m.Descriptor.Size)
	return strconv.FormatInt(m.Descriptor.Size, 10)
}

func TestManifests(t *testing.T) {
	s := newStore(registry.Options{})
	d := put(t, s, "app", `,"annotations":{"a":"b"}`, "v1")
	m, err := s.Manifest(t.Context(), "app", "v1")
	require.NoError(t, err)
	assert.Equal(t, d, m.Descriptor.Digest)
	assert.Equal(t, map[string]string{"a": "b"}, m.Descriptor.Annotations)
	require.NoError(t, s.DeleteManifest(t.Context(), "app", "v1", registry.Precondition{}))
	assert.ErrorIs(t, s.DeleteManifest(t.Context(), "app", "v1", registry.Precondition{}), registry.ManifestUnknown)
	_, err = s.Manifest(t.Context(), "app", "v1")
	assert.ErrorIs(t, err, registry.ManifestUnknown)
	_, err = s.Manifest(t.Context(), "app", string(d))
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Manifest(ended, "app", string(d))
	assert.ErrorIs(t, err, context.Canceled)
}

// TestHostileHandler checks the errors for handlers that violate the specification.
func TestHostileHandler(t *testing.T) {
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		call  func(*apistore.Store) error
		want  string
	}{
		"other content": {
			func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") },
			func(s *apistore.Store) error {
				_, err := s.Manifest(t.Context(), "app", string(digest.FromString("x")))
				return err
			}, "does not match the digest"},
		"no Location": {
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) },
			func(s *apistore.Store) error {
				_, err := s.NewUpload(t.Context(), "app", digest.SHA256)
				return err
			}, "status 202 without a Location"},
		"an invalid Location": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://[::1")
				w.WriteHeader(202)
			},
			func(s *apistore.Store) error {
				u, err := s.NewUpload(t.Context(), "app", digest.SHA256)
				if err != nil {
					return err
				}
				return u.Cancel(t.Context())
			}, "missing ']' in host"},
		"pages without end": {
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Link", "<"+r.URL.Path+`>; rel="next"`)
				io.WriteString(w, `{"repositories":[]}`)
			},
			func(s *apistore.Store) error {
				for _, err := range s.Repositories(t.Context(), "") {
					return err
				}
				return nil
			}, "more than 100000 pages"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, test.call(apistore.New(test.serve, apistore.Login{})), test.want)
		})
	}
}
