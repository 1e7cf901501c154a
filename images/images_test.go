package images_test

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRandomGolden has digests that users have in their tests: they never
// change.
func TestRandomGolden(t *testing.T) {
	tests := map[string]struct {
		options []images.Option
		image   string
		index   string
	}{
		"default": {nil,
			"sha256:18eff3da08cb40046b10667abb1809c6cdbcd16377c2a175120f85ecf1778336",
			"sha256:b2e60527fc9cdebceb85f9381498749866be44186d204d13e498af6a82732984"},
		"seed": {[]images.Option{images.Seed(42)},
			"sha256:63455b4b1d2c0675dc05bf2072704e6f433525a20461201ee81342ff21cf0042",
			"sha256:a7f41a41852568d263a2c2320c85de2457d516964e0ab2f56a540a23de97c29e"},
		"all": {[]images.Option{images.Seed(1), images.Layers(5), images.LayerSize(100_001),
			images.Platforms("linux/arm64/v8"), images.Annotations(map[string]string{"b": "2", "a": "1"})},
			"sha256:d53011c9809a1702ab7a0d14e72b3ec30bd0947908a990efc2281df92adc47ff",
			"sha256:5ff3bdf57ff89395964c4d820603ba31dbd4e0ed71a87d1a3d15ebc72dd7663a"},
		"docker": {[]images.Option{images.DockerMediaTypes(), images.Layers(1)},
			"sha256:0e8d49229132a842bea92d6a85413d7cc346e64dcaa5f92cb5dc74c2e0d03cdf",
			"sha256:e12f7958fc032a286dd16a56ced516610af346bba1e5d161bbde1fe38230446c"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			img := images.Random(tt.options...)
			require.NoError(t, validate.Image(img))
			d, err := img.Digest()
			require.NoError(t, err)
			assert.Equal(t, tt.image, d.String())
			index := images.RandomIndex(tt.options...)
			require.NoError(t, validate.Index(index))
			d, err = index.Digest()
			require.NoError(t, err)
			assert.Equal(t, tt.index, d.String())
		})
	}
}

func TestRandomPanics(t *testing.T) {
	assert.PanicsWithValue(t, "images: Random: -1 layers", func() { images.Random(images.Layers(-1)) })
	assert.PanicsWithValue(t, `images: RandomIndex: platform "x": want os/architecture or os/architecture/variant`,
		func() { images.RandomIndex(images.Platforms("x")) })
}

func ExampleRandom() {
	img := images.Random(
		images.Seed(7),
		images.Layers(2),
		images.LayerSize(1<<20),
		images.Platforms("linux/arm64"),
		images.Annotations(map[string]string{"org.opencontainers.image.version": "1.0"}),
	)
	fmt.Println(img.Digest())
	// Output: sha256:4fa02b91650a8966e8737bb30df26ab996c42e0b4ba6282eddae0fec5e9a09be <nil>
}

func ExampleRandomIndex() {
	index := images.RandomIndex(images.Platforms("linux/amd64", "linux/arm64", "windows/amd64"))
	m, err := index.IndexManifest()
	if err != nil {
		panic(err)
	}
	for _, child := range m.Manifests {
		fmt.Println(child.Platform, child.Size)
	}
	// Output:
	// linux/amd64 712
	// linux/arm64 712
	// windows/amd64 712
}

func ExampleSeed() {
	a := images.Random(images.Seed(1))
	b := images.Random(images.Seed(2))
	c := images.Random(images.Seed(2))
	fmt.Println(digestOf(a) == digestOf(b), digestOf(b) == digestOf(c))
	// Output: false true
}

func ExampleLayers() {
	layers, err := images.Random(images.Layers(5)).Layers()
	fmt.Println(len(layers), err)
	// Output: 5 <nil>
}

func ExampleLayerSize() {
	layers, err := images.Random(images.LayerSize(100 << 30)).Layers()
	if err != nil {
		panic(err)
	}
	fmt.Println(layers[0].Size())
	// Output: 107374182400 <nil>
}

func ExamplePlatforms() {
	config, err := images.Random(images.Platforms("linux/arm64/v8")).ConfigFile()
	if err != nil {
		panic(err)
	}
	fmt.Println(config.Platform())
	// Output: linux/arm64/v8
}

func ExampleAnnotations() {
	m, err := images.Random(images.Annotations(map[string]string{"a": "b"})).Manifest()
	fmt.Println(m.Annotations, err)
	// Output: map[a:b] <nil>
}

func ExampleDockerMediaTypes() {
	fmt.Println(images.Random(images.DockerMediaTypes()).MediaType())
	// Output: application/vnd.docker.distribution.manifest.v2+json <nil>
}

func digestOf(img interface{ RawManifest() ([]byte, error) }) string {
	raw, err := img.RawManifest()
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func ExampleArtifact() {
	chart := images.Artifact("application/vnd.example.chart", images.Layer("text/plain", strings.NewReader("hello")))
	reg := registrytest.New(nil, registrytest.WithInMemory())
	defer reg.Close()
	pushed := reg.Push(nil, "chart:1.0.0", chart)
	fmt.Println(pushed.ArtifactType, pushed.Layers[0].MediaType, pushed.Layers[0].Size)
	// Output: application/vnd.example.chart text/plain 5
}

func TestArtifact(t *testing.T) {
	for name, artifact := range map[string]v1.Image{
		"empty":  images.Artifact("application/x.sbom"),
		"layers": images.Artifact("application/x.sbom", images.Layer("", strings.NewReader("a")), images.Layer("text/plain", images.RandomContent(1, 1000))),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := artifact.Manifest()
			require.NoError(t, err)
			layers, err := artifact.Layers()
			require.NoError(t, err)
			require.Len(t, layers, len(m.Layers))
			for i, layer := range layers {
				body, err := layer.Compressed()
				require.NoError(t, err)
				h, size, err := v1.SHA256(body)
				require.NoError(t, err)
				assert.Equal(t, m.Layers[i].Digest, h)
				assert.Equal(t, m.Layers[i].Size, size)
				found, err := artifact.LayerByDigest(h)
				require.NoError(t, err)
				assert.Equal(t, layer, found)
			}
			config, err := artifact.ConfigName()
			require.NoError(t, err)
			assert.Equal(t, m.Config.Digest, config)
		})
	}
	assert.Panics(t, func() { images.Layer("", nil) })
	assert.PanicsWithValue(t, "images: Artifact: the artifact type is empty: want a media type", func() { images.Artifact("") })
}

func TestOptionsPanic(t *testing.T) {
	for name, option := range map[string]images.Option{
		"Seed":             images.Seed(1),
		"Layers":           images.Layers(1),
		"LayerSize":        images.LayerSize(1),
		"Platforms":        images.Platforms("linux/amd64"),
		"Annotations":      images.Annotations(nil),
		"DockerMediaTypes": images.DockerMediaTypes(),
	} {
		assert.PanicsWithValue(t, "images: Random: "+name+" is given twice: give it once", func() { images.Random(option, option) })
		assert.PanicsWithValue(t, "images: RandomIndex: "+name+" is given twice: give it once", func() { images.RandomIndex(option, option) })
	}
	layer := images.Layer("", strings.NewReader(""))
	images.Artifact("a/b", layer, layer)
	assert.PanicsWithValue(t, "images: Random: option 1 of 1 is nil", func() { images.Random(nil) })
	assert.PanicsWithValue(t, "images: Random: Layer is not one of its options", func() { images.Random(layer) })
	assert.PanicsWithValue(t, "images: Artifact: Seed is not one of its options", func() { images.Artifact("a/b", images.Seed(1)) })
}

func ExampleLayer() {
	sbom := images.Artifact("application/spdx+json", images.Layer("application/spdx+json", strings.NewReader("{}")))
	layers, err := sbom.Layers()
	fmt.Println(len(layers), err)
	// Output: 1 <nil>
}
