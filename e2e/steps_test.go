package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// step is something that clients do with a registry. Each has repositories of
// its own, so that the steps do not depend on each other.
type step struct {
	name string
	can  func(client) bool
	run  func(*testing.T, client, *session)
}

var steps = []step{
	{"push", func(c client) bool { return c.push != nil }, pushes},
	{"pull", func(c client) bool { return c.pull != nil }, pulls},
	{"index", func(c client) bool { return c.indexes }, pushesAndPullsIndex},
	{"sha512", func(c client) bool { return c.sha512 }, pushesAndPullsSHA512},
	{"chunks", func(c client) bool { return c.pushChunked != nil }, pushesInChunks},
	{"resolve", func(c client) bool { return c.resolve != nil }, resolves},
	{"tag", func(c client) bool { return c.tag != nil }, putsTag},
	{"tags", func(c client) bool { return c.tags != nil }, listsTags},
	{"copy", func(c client) bool { return c.copy != nil }, copiesWithMounts},
	{"delete", func(c client) bool { return c.delete != nil }, deletesByDigest},
	{"attach", func(c client) bool { return c.attach != nil }, attaches},
	{"referrers", func(c client) bool { return c.referrers != nil }, listsReferrers},
	{"catalog", func(c client) bool { return c.catalog != nil }, listsRepositories},
}

// chartName is what every repository is called in the end, since Helm puts the
// name of the chart there.
const chartName = "demo"

func pushes(t *testing.T, c client, s *session) {
	const repo, tag = "push/" + chartName, "1.0.0"
	image := c.newContent(t, tag)
	require.NoError(t, c.push(s, image, s.ref(repo, tag)))
	s.holds(t, repo, tag, image)
}

// holds checks that a repository has what a content consists of, every byte.
func (s *session) holds(t *testing.T, repo, reference string, c content) {
	t.Helper()
	requireContains(t, s.graph(t, repo, reference), c)
}

func requireContains(t *testing.T, got map[digest.Digest][]byte, c content) {
	t.Helper()
	for _, d := range slices.Sorted(maps.Keys(c.blobs)) {
		require.Contains(t, slices.Collect(maps.Keys(got)), d)
		require.True(t, string(c.blobs[d]) == string(got[d]), "content of %s differs", d)
	}
}

func pulls(t *testing.T, c client, s *session) {
	const repo, tag = "pull/" + chartName, "1.0.0"
	image := c.newContent(t, tag)
	require.NoError(t, c.push(s, image, s.ref(repo, tag)))
	s.pulls(t, c, s.ref(repo, tag), image)
}

// pulls checks that a client pulls what a content consists of, every byte.
func (s *session) pulls(t *testing.T, c client, ref string, want content) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, c.pull(s, ref, dir))
	requireContains(t, readBlobs(t, dir), want)
}

func pushesAndPullsIndex(t *testing.T, c client, s *session) {
	const repo, tag = "index/" + chartName, "1.0.0"
	index := newIndex(t, tag)
	require.NoError(t, c.push(s, index, s.ref(repo, tag)))
	s.holds(t, repo, tag, index)
	s.pulls(t, c, s.ref(repo, tag), index)
}

func pushesAndPullsSHA512(t *testing.T, c client, s *session) {
	const repo = "sha512/" + chartName
	image := newSHA512Image(t, "1.0.0")
	root := image.root.Digest.String()
	require.NoError(t, c.push(s, image, s.ref(repo, root)))
	s.holds(t, repo, root, image)
	s.pulls(t, c, s.ref(repo, root), image)
}

func pushesInChunks(t *testing.T, c client, s *session) {
	const repo, tag = "chunks/" + chartName, "1.0.0"
	image := c.newContent(t, tag)
	require.NoError(t, c.pushChunked(s, image, s.ref(repo, tag)))
	s.holds(t, repo, tag, image)
	assert.GreaterOrEqual(t, len(s.find(op.UploadChunk, repo, http.StatusAccepted)), c.chunks)
}

func resolves(t *testing.T, c client, s *session) {
	const repo, tag = "resolve/" + chartName, "1.0.0"
	require.NoError(t, c.push(s, c.newContent(t, tag), s.ref(repo, tag)))
	got, err := c.resolve(s, s.ref(repo, tag))
	require.NoError(t, err)
	assert.Equal(t, s.digest(t, repo, tag), got)
	s.notFound(t, c, s.ref(repo, "2.0.0"))
}

// digest returns the digest of the manifest that a tag is on.
func (s *session) digest(t *testing.T, repo, tag string) digest.Digest {
	t.Helper()
	status, header, body := s.get(t, repo+"/manifests/"+tag)
	require.Equal(t, http.StatusOK, status, "%s", body)
	require.Equal(t, digest.FromBytes(body).String(), header.Get("Docker-Content-Digest"))
	return digest.FromBytes(body)
}

// notFound checks that a client says of a reference that there is no such thing.
func (s *session) notFound(t *testing.T, c client, ref string) {
	t.Helper()
	_, err := c.resolve(s, ref)
	require.Error(t, err)
	require.Contains(t, strings.ToLower(err.Error()), "not found")
}

func putsTag(t *testing.T, c client, s *session) {
	const repo, tag = "tag/" + chartName, "1.0.0"
	require.NoError(t, c.push(s, c.newContent(t, tag), s.ref(repo, tag)))
	require.NoError(t, c.tag(s, s.ref(repo, tag), "latest"))
	assert.Equal(t, s.digest(t, repo, tag), s.digest(t, repo, "latest"))
}

func listsTags(t *testing.T, c client, s *session) {
	const repo = "tags/" + chartName
	tags := []string{"1.0.0", "1.1.0", "2.0.0"}
	for _, tag := range tags {
		require.NoError(t, c.push(s, c.newContent(t, tag), s.ref(repo, tag)))
	}
	got, err := c.tags(s, repo)
	require.NoError(t, err)
	assert.ElementsMatch(t, tags, got)
}

func copiesWithMounts(t *testing.T, c client, s *session) {
	const from, to, tag = "copy/from/" + chartName, "copy/to/" + chartName, "1.0.0"
	image := c.newContent(t, tag)
	require.NoError(t, c.push(s, image, s.ref(from, tag)))
	require.NoError(t, c.copy(s, s.ref(from, tag), s.ref(to, tag)))
	s.holds(t, to, tag, image)

	mounts := s.find(op.BlobMount, to, http.StatusCreated)
	assert.NotEmpty(t, mounts)
	for _, mount := range mounts {
		assert.Equal(t, from, mount.From)
	}
	for _, upload := range s.find(op.UploadCommit, to, http.StatusCreated) {
		assert.NotEqual(t, layerSize, len(image.blobs[upload.Digest]), "a layer was uploaded again")
	}
}

func deletesByDigest(t *testing.T, c client, s *session) {
	const repo, tag = "delete/" + chartName, "1.0.0"
	require.NoError(t, c.push(s, c.newContent(t, tag), s.ref(repo, tag)))
	require.NoError(t, c.delete(s, s.ref(repo, s.digest(t, repo, tag).String())))
	s.notFound(t, c, s.ref(repo, tag))
	assert.Empty(t, s.tags(t, repo))
}

// The types of two artifacts that are attached to an image.
const (
	sbomType      = "application/vnd.example.sbom.v1"
	signatureType = "application/vnd.example.signature.v1"
)

func attaches(t *testing.T, c client, s *session) {
	const repo, tag = "attach/" + chartName, "1.0.0"
	require.NoError(t, c.push(s, c.newContent(t, tag), s.ref(repo, tag)))
	require.NoError(t, c.attach(s, s.ref(repo, tag), sbomType))

	got := s.attached(t, repo, tag)
	require.Len(t, got, 1)
	assert.Contains(t, got, sbomType)
	assert.Equal(t, []string{tag}, s.tags(t, repo), "a referrers tag was pushed although there is an API")
}

// attached returns the digests of what is attached to an image, by type.
func (s *session) attached(t *testing.T, repo, tag string) map[string]digest.Digest {
	t.Helper()
	status, _, body := s.get(t, repo+"/referrers/"+s.digest(t, repo, tag).String())
	require.Equal(t, http.StatusOK, status, "%s", body)
	var index ocispec.Index
	require.NoError(t, json.Unmarshal(body, &index))
	all := map[string]digest.Digest{}
	for _, desc := range index.Manifests {
		all[desc.ArtifactType] = desc.Digest
	}
	return all
}

func listsReferrers(t *testing.T, c client, s *session) {
	const repo, tag = "referrers/" + chartName, "1.0.0"
	require.NoError(t, c.push(s, c.newContent(t, tag), s.ref(repo, tag)))
	require.NoError(t, c.attach(s, s.ref(repo, tag), sbomType))
	require.NoError(t, c.attach(s, s.ref(repo, tag), signatureType))

	attached := s.attached(t, repo, tag)
	require.Len(t, attached, 2)
	subject := s.ref(repo, s.digest(t, repo, tag).String())
	for artifactType, d := range attached {
		got, err := c.referrers(s, subject, artifactType)
		require.NoError(t, err)
		assert.Equal(t, []digest.Digest{d}, got, artifactType)
	}
	for _, x := range s.find(op.ReferrerList, repo, http.StatusOK) {
		if x.ResponseHeader != nil && strings.Contains(x.Target, "artifactType=") {
			assert.Equal(t, "artifactType", x.ResponseHeader.Get("OCI-Filters-Applied"))
		}
	}
}

func listsRepositories(t *testing.T, c client, s *session) {
	repos := []string{"catalog/a/" + chartName, "catalog/b/" + chartName, "catalog/c/" + chartName}
	for _, repo := range repos {
		require.NoError(t, c.push(s, c.newContent(t, "1.0.0"), s.ref(repo, "1.0.0")))
	}
	got, err := c.catalog(s)
	require.NoError(t, err)
	assert.Subset(t, got, repos)
}
