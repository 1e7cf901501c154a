package registrytest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// remoteRef is a reference for go-containerregistry, and the option that it
// reaches a registry with.
func remoteRef(t testing.TB, reg *registrytest.Registry, ref string) (name.Reference, remote.Option) {
	t.Helper()
	parsed, err := name.ParseReference(reg.Ref(ref))
	require.NoError(t, err)
	return parsed, remote.WithTransport(reg.Transport())
}

func TestPush(t *testing.T) {
	fromGGCR, err := random.Image(1000, 2)
	require.NoError(t, err)
	images := map[string]v1.Image{
		"random": images.Random(),
		"docker": images.Random(images.DockerMediaTypes(), images.Layers(1)),
		"none":   images.Random(images.Layers(0)),
		"ggcr":   fromGGCR,
	}
	for name, img := range images {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := registrytest.New(t)
			pushed := reg.Push(t, "app:v1", img)
			d, err := img.Digest()
			require.NoError(t, err)
			m, err := img.Manifest()
			require.NoError(t, err)
			assert.Equal(t, d.String(), pushed.Digest.String())
			assert.Equal(t, string(m.MediaType), pushed.MediaType)
			assert.Equal(t, "app", pushed.Repository)
			assert.Equal(t, []string{"v1"}, pushed.Tags)
			assert.Equal(t, m.Config.Digest.String(), pushed.Config.Digest.String())
			assert.Len(t, pushed.Layers, len(m.Layers))
			for i, layer := range pushed.Layers {
				assert.Equal(t, m.Layers[i].Digest.String(), layer.Digest.String())
			}
			reg.Check(t)

			ref, transport := remoteRef(t, reg, "app:v1")
			pulled, err := remote.Image(ref, transport)
			require.NoError(t, err)
			require.NoError(t, validate.Image(pulled))
			elsewhere, transport := remoteRef(t, reg, "copy:v1")
			require.NoError(t, remote.Write(elsewhere, img, transport), "a client pushes the same image")
			reg.Check(t)
		})
	}
}

func TestPushIndex(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	inner := images.RandomIndex(images.Platforms("linux/arm/v7"))
	index := mutate.AppendManifests(images.RandomIndex(images.Seed(1)), mutate.IndexAddendum{Add: inner})
	pushed := reg.Push(t, reg.Ref("team/app:v1"), index)
	assert.Equal(t, "team/app", pushed.Repository)
	require.Len(t, pushed.Manifests, 3)
	assert.Equal(t, &ocispec.Platform{OS: "linux", Architecture: "arm64"}, pushed.Manifests[1].Platform)
	assert.Len(t, pushed.Manifests[1].Layers, 3)
	require.Len(t, pushed.Manifests[2].Manifests, 1)
	assert.NotEmpty(t, pushed.Manifests[2].Manifests[0].Config.Digest)
	reg.Check(t)

	ref, transport := remoteRef(t, reg, "team/app:v1")
	pulled, err := remote.Index(ref, transport)
	require.NoError(t, err)
	require.NoError(t, validate.Index(pulled))
	elsewhere, transport := remoteRef(t, reg, "copy:v1")
	// Parallel jobs of go-containerregistry that mount layers race with one another.
	require.NoError(t, remote.WriteIndex(elsewhere, pulled, transport, remote.WithJobs(1)))
	reg.Check(t)
}

func TestPushUntagged(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	img := images.Random()
	pushed := reg.Push(t, "app", img)
	assert.Empty(t, pushed.Tags)
	again := reg.Push(t, "app@"+string(pushed.Digest), img)
	assert.Equal(t, pushed, again)
	for range reg.Store().Tags(t.Context(), "app", "") {
		assert.Fail(t, "a tag was set")
	}
}

func TestAttach(t *testing.T) {
	reg := registrytest.New(t)
	app := reg.Push(t, "app:v1", images.Random())
	sbom := reg.Attach(t, "app:v1", images.Artifact("application/spdx+json",
		images.Annotations(map[string]string{"a": "b"}),
		images.Layer("application/spdx+json", strings.NewReader("{}")),
		images.Layer("", strings.NewReader("more")),
	))
	assert.Equal(t, "application/spdx+json", sbom.ArtifactType)
	require.Len(t, sbom.Layers, 2)
	assert.Equal(t, "application/spdx+json", sbom.Layers[0].MediaType)
	assert.Equal(t, "application/octet-stream", sbom.Layers[1].MediaType)
	assert.Equal(t, digest.FromString("more"), sbom.Layers[1].Digest)
	signature := reg.Attach(t, "app@"+string(sbom.Digest), images.Artifact("application/x-signature"))
	assert.Equal(t, []ocispec.Descriptor{ocispec.DescriptorEmptyJSON}, signature.Layers)
	reg.Check(t)

	ref, transport := remoteRef(t, reg, "app@"+string(app.Digest))
	referrers, err := remote.Referrers(ref.(name.Digest), transport)
	require.NoError(t, err)
	list, err := referrers.IndexManifest()
	require.NoError(t, err)
	require.Len(t, list.Manifests, 1)
	assert.Equal(t, string(sbom.Digest), list.Manifests[0].Digest.String())
	assert.Equal(t, map[string]string{"a": "b"}, list.Manifests[0].Annotations)
}

func TestPushArtifact(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	pushed := reg.Push(t, "chart:1.0.0", images.Artifact("application/x-chart"))
	assert.Equal(t, []string{"1.0.0"}, pushed.Tags)
	ref, transport := remoteRef(t, reg, "chart:1.0.0")
	got, err := remote.Get(ref, transport)
	require.NoError(t, err)
	assert.Equal(t, string(pushed.Digest), got.Digest.String())
	reg.Check(t)
}

func TestPushManifest(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	raw := []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[{"mediaType":"` +
		ocispec.MediaTypeImageManifest + `","digest":"` + string(digest.FromString("missing")) + `","size":7}]}`)
	failed := runTest(func(t testing.TB) { reg.PushManifest(t, "app:v1", ocispec.MediaTypeImageIndex, raw) })
	require.Len(t, failed.failures, 1)
	assert.Contains(t, failed.failures[0], "registrytest: push app:v1: put manifest sha256:")
	assert.Contains(t, failed.failures[0], string(digest.FromString("missing")))

	reg.SetOptions(registry.Options{AllowSparse: true})
	pushed := reg.PushManifest(t, "app:v1", ocispec.MediaTypeImageIndex, raw)
	assert.Equal(t, digest.FromBytes(raw), pushed.Digest)
	require.Len(t, pushed.Manifests, 1)
	assert.Equal(t, digest.FromString("missing"), pushed.Manifests[0].Digest)
	reg.Check(t)
}

func TestPushBlob(t *testing.T) {
	const size = 100 << 30
	reg := registrytest.New(t, registrytest.WithInMemory())
	small := reg.PushBlob(t, "app", strings.NewReader("hello"))
	assert.Equal(t, digest.FromString("hello"), small.Digest)
	content := images.RandomContent(1, size)
	trusted := digest.FromString("nobody hashes so much")
	desc := reg.PushBlob(t, reg.Ref("app"), images.KnownDigest(content, trusted))
	assert.Equal(t, ocispec.Descriptor{MediaType: "application/octet-stream", Digest: trusted, Size: size}, desc)

	request, err := http.NewRequest(http.MethodGet, reg.URL()+"/v2/app/blobs/"+string(trusted), nil)
	require.NoError(t, err)
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", size-10, size-1))
	response, err := reg.Client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusPartialContent, response.StatusCode)
	got, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	want := make([]byte, 10)
	_, err = content.ReadAt(want, size-10)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// broken is an image that cannot say what it is.
type broken struct{}

func (broken) RawManifest() ([]byte, error) { return nil, nil }

func TestPushFails(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	reg.Push(t, "app:v1", empty.Image)
	other := "app@" + string(digest.FromString("other"))
	tests := map[string]struct {
		push func(t testing.TB)
		want string
	}{
		"repository": {func(t testing.TB) { reg.Push(t, "App:v1", empty.Image) }, `registrytest: push App:v1: invalid repository name "App"`},
		"tag":        {func(t testing.TB) { reg.Push(t, "app:-", empty.Image) }, `registrytest: push app:-: invalid tag "-" for repository app`},
		"digest":     {func(t testing.TB) { reg.Push(t, other, empty.Image) }, "registrytest: push " + other + ": what was pushed has the digest sha256:"},
		"kind":       {func(t testing.TB) { reg.Push(t, "app:v1", broken{}) }, "a registrytest_test.broken is neither a v1.Image nor a v1.ImageIndex"},
		"no subject": {func(t testing.TB) { reg.Attach(t, "app:v2", images.Artifact("a/b")) }, "registrytest: push app: attach to app:v2: "},
		"no tag":     {func(t testing.TB) { reg.Attach(t, "app", images.Artifact("a/b")) }, "want a tag or a digest"},
		"no image":   {func(t testing.TB) { reg.Attach(t, "app:v1", nil) }, "registrytest: Attach: app:v1: image is nil"},
		"no blob":    {func(t testing.TB) { reg.PushBlob(t, "app", nil) }, `registrytest: PushBlob: app: c is nil`},
		"blob":       {func(t testing.TB) { reg.PushBlob(t, "app:v1", strings.NewReader("")) }, `registrytest: invalid repository name "app:v1"`},
		"digest of a blob": {func(t testing.TB) {
			reg.PushBlob(t, "app", images.KnownDigest(strings.NewReader("a"), digest.FromString("b")))
		}, "registrytest: put blob into app: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			failed := runTest(tt.push)
			require.Len(t, failed.failures, 1)
			assert.Contains(t, failed.failures[0], tt.want)
			require.Panics(t, func() { tt.push(nil) }, "without a test")
		})
	}
	reg.Check(t)
}

func ExampleRegistry_Push() {
	// In a test file this is func TestPull(t *testing.T).
	test := func(t testing.TB) {
		reg := registrytest.New(t)
		app := reg.Push(t, "app:v1", images.Random(images.Layers(2)))

		response, err := reg.Client().Get(reg.URL() + "/v2/app/blobs/" + string(app.Layers[0].Digest))
		require.NoError(t, err)
		defer response.Body.Close()
		fmt.Println(response.Status, response.ContentLength, app.Layers[0].MediaType)
	}
	runTest(test)
	// Output: 200 OK 4096 application/vnd.oci.image.layer.v1.tar+gzip
}

// Where there is no test, t is nil.
func ExampleRegistry_Push_withoutTest() {
	reg := must(registrytest.Start())
	defer reg.Close()
	index := reg.Push(nil, "team/app:v1", images.RandomIndex())
	for _, child := range index.Manifests {
		fmt.Println(child.Platform.OS, child.Platform.Architecture, len(child.Layers), "layers")
	}
	// Output:
	// linux amd64 3 layers
	// linux arm64 3 layers
}

func ExampleRegistry_PushManifest() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	empty := reg.Push(nil, "cache:v1", empty.Image)
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		empty.MediaType, empty.Digest, empty.Size)
	pushed := reg.PushManifest(nil, "cache:all", string(types.OCIImageIndex), []byte(index))
	fmt.Println(pushed.Size == int64(len(index)), len(pushed.Manifests))
	// Output: true 1
}

func ExampleRegistry_Attach() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	app := reg.Push(nil, "app:v1", images.Random())
	reg.Attach(nil, "app:v1", images.Artifact("application/vnd.example.signature"))

	response, err := reg.Client().Get(reg.URL() + "/v2/app/referrers/" + string(app.Digest))
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	list, err := v1.ParseIndexManifest(response.Body)
	fmt.Println(list.Manifests[0].ArtifactType, err)
	// Output: application/vnd.example.signature <nil>
}

func ExampleRegistry_PushBlob() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	blob := reg.PushBlob(nil, "app", strings.NewReader("hello"))
	fmt.Println(blob.Digest)
	// Output: sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
}
