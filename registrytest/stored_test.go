package registrytest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// What a client pushed is there as tags, descriptors and images.
func TestWhatAClientPushed(t *testing.T) {
	reg := registrytest.New(t)
	want := images.Random(images.Layers(2))
	ref, transport := remoteRef(t, reg, "team/app:v1")
	require.NoError(t, remote.Write(ref, want, transport))
	before := len(reg.Requests())

	assert.Equal(t, []string{"v1"}, reg.Tags(t, "team/app"))
	assert.Equal(t, []string{"v1"}, reg.Tags(t, reg.Ref("team/app")), "with the host, too")
	assert.Empty(t, reg.Tags(t, "nothing"))

	got := reg.Image(t, "team/app:v1")
	require.NoError(t, validate.Image(got))
	d, err := want.Digest()
	require.NoError(t, err)
	pushed := reg.Pushed(t, "team/app:v1")
	assert.Equal(t, d.String(), pushed.Digest.String())
	assert.Equal(t, []string{"v1"}, pushed.Tags)
	assert.Len(t, pushed.Layers, 2)
	assert.Equal(t, pushed.Layers, reg.Pushed(t, "team/app@"+pushed.Digest.String()).Layers)

	layers, err := got.Layers()
	require.NoError(t, err)
	diff, err := layers[1].DiffID()
	require.NoError(t, err)
	same, err := got.LayerByDiffID(diff)
	require.NoError(t, err)
	h, err := same.Digest()
	require.NoError(t, err)
	assert.Equal(t, pushed.Layers[1].Digest.String(), h.String())
	_, err = got.LayerByDigest(d)
	assert.ErrorContains(t, err, "no layer has the digest")
	assert.Len(t, reg.Requests(), before, "nothing of this was a request")
}

func TestIndexThatAClientPushed(t *testing.T) {
	reg := registrytest.New(t)
	index := images.RandomIndex()
	ref, transport := remoteRef(t, reg, "app:v1")
	require.NoError(t, remote.WriteIndex(ref, index, transport))
	require.NoError(t, validate.Index(reg.Index(t, "app:v1")))
	assert.Len(t, reg.Pushed(t, "app:v1").Manifests, 2)
}

func TestDelete(t *testing.T) {
	reg := registrytest.New(t)
	pushed := reg.Push(t, "app:v1", images.Random())
	reg.Push(t, "app:v2", images.Random())
	reg.Delete(t, "app:v1")
	assert.Equal(t, []string{"v2"}, reg.Tags(t, "app"))
	assert.Equal(t, pushed.Digest, reg.Pushed(t, "app@"+pushed.Digest.String()).Digest, "the manifest stays")
	reg.Delete(t, "app@"+pushed.Digest.String())
	assert.Empty(t, reg.Tags(t, "app"), "with all tags on it")
	reg.Delete(t, "app@"+pushed.Layers[0].Digest.String())

	for ref, want := range map[string]string{
		"app:v1": "delete app:v1:", "app": "want a tag or a digest",
		"app@" + string(digest.FromString("x")): "neither a manifest nor a blob has the digest",
	} {
		assert.Contains(t, fatal(func(t testing.TB) { reg.Delete(t, ref) }), want)
	}
	assert.Contains(t, fatal(func(t testing.TB) { reg.Image(t, "app:v1") }), "registrytest: app:v1: manifest v1 in app")
	assert.Contains(t, fatal(func(t testing.TB) { reg.Pushed(t, "app:v1") }), "registrytest: app:v1: ")
}

// fatal returns what a test that ends says.
func fatal(f func(t testing.TB)) string {
	return strings.Join(runTest(f).failures, "\n")
}

func TestResetAndSnapshot(t *testing.T) {
	reg := registrytest.New(t)
	reg.Push(t, "app:v1", images.Random())
	response, err := reg.Client().Get(reg.URL() + "/v2/app/tags/list")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	file := filepath.Join(t.TempDir(), "content.tar")
	reg.Snapshot(t, file)
	reg.Snapshot(t, file, "app")
	require.FileExists(t, file)
	assert.NoFileExists(t, file+".new")
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, fatal(func(t testing.TB) { reg.Snapshot(t, file, "nothing") }), "registrytest: snapshot: ")
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, before, after, "it stays if writing fails")

	reg.Reset(t)
	assert.Empty(t, reg.Tags(t, "app"))
	assert.Empty(t, reg.Requests())
	reg.Load(t, "", file)
	assert.Equal(t, []string{"v1"}, reg.Tags(t, "app"))

	other := registrytest.New(t, registrytest.WithStore(struct{ registry.Store }{reg.Store()}))
	assert.Contains(t, fatal(other.Reset), "cannot be restored")
}

// Without the referrers API, an artifact is in the index under the fallback tag.
func TestAttachWithoutReferrers(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithOptions(registry.Options{NoReferrers: true}))
	subject := reg.Push(t, "app:v1", images.Random())
	first := reg.Attach(t, "app:v1", images.Artifact("application/x.sbom", images.Annotations(map[string]string{"a": "b"})))
	second := reg.Attach(t, "app@"+subject.Digest.String(), images.Artifact("application/x.signature"))
	reg.Attach(t, "app:v1", images.Artifact("application/x.signature"))
	tag := "sha256-" + subject.Digest.Encoded()
	assert.Equal(t, []string{tag, "v1"}, reg.Tags(t, "app"))
	list := reg.Pushed(t, "app:"+tag)
	require.Len(t, list.Manifests, 2)
	assert.Equal(t, first.Digest, list.Manifests[0].Digest)
	assert.Equal(t, "application/x.sbom", list.Manifests[0].ArtifactType)
	assert.Equal(t, map[string]string{"a": "b"}, list.Manifests[0].Annotations)
	assert.Equal(t, second.Digest, list.Manifests[1].Digest)
	reg.Check(t)
}
