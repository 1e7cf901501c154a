package registrytest_test

import (
	"fmt"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/registrytest"
)

// TestRandomImageGolden has digests that users have in their tests: they never
// change.
func TestRandomImageGolden(t *testing.T) {
	tests := map[string]struct {
		options []registrytest.ImageOption
		image   string
		index   string
	}{
		"default": {nil,
			"sha256:18eff3da08cb40046b10667abb1809c6cdbcd16377c2a175120f85ecf1778336",
			"sha256:b2e60527fc9cdebceb85f9381498749866be44186d204d13e498af6a82732984"},
		"seed": {[]registrytest.ImageOption{registrytest.Seed(42)},
			"sha256:63455b4b1d2c0675dc05bf2072704e6f433525a20461201ee81342ff21cf0042",
			"sha256:a7f41a41852568d263a2c2320c85de2457d516964e0ab2f56a540a23de97c29e"},
		"all": {[]registrytest.ImageOption{registrytest.Seed(1), registrytest.Layers(5), registrytest.LayerSize(100_001),
			registrytest.Platforms("linux/arm64/v8"), registrytest.Annotations(map[string]string{"b": "2", "a": "1"})},
			"sha256:d53011c9809a1702ab7a0d14e72b3ec30bd0947908a990efc2281df92adc47ff",
			"sha256:5ff3bdf57ff89395964c4d820603ba31dbd4e0ed71a87d1a3d15ebc72dd7663a"},
		"docker": {[]registrytest.ImageOption{registrytest.DockerMediaTypes(), registrytest.Layers(1)},
			"sha256:0e8d49229132a842bea92d6a85413d7cc346e64dcaa5f92cb5dc74c2e0d03cdf",
			"sha256:e12f7958fc032a286dd16a56ced516610af346bba1e5d161bbde1fe38230446c"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			img := registrytest.RandomImage(tt.options...)
			require.NoError(t, validate.Image(img))
			d, err := img.Digest()
			require.NoError(t, err)
			assert.Equal(t, tt.image, d.String())
			index := registrytest.RandomIndex(tt.options...)
			require.NoError(t, validate.Index(index))
			d, err = index.Digest()
			require.NoError(t, err)
			assert.Equal(t, tt.index, d.String())
		})
	}
}

func TestRandomImagePanics(t *testing.T) {
	assert.PanicsWithValue(t, "registrytest: random image: -1 layers", func() { registrytest.RandomImage(registrytest.Layers(-1)) })
	assert.PanicsWithValue(t, `registrytest: random image: platform "x": want os/architecture or os/architecture/variant`,
		func() { registrytest.RandomIndex(registrytest.Platforms("x")) })
}

func ExampleRandomImage() {
	img := registrytest.RandomImage(
		registrytest.Seed(7),
		registrytest.Layers(2),
		registrytest.LayerSize(1<<20),
		registrytest.Platforms("linux/arm64"),
		registrytest.Annotations(map[string]string{"org.opencontainers.image.version": "1.0"}),
	)
	fmt.Println(img.Digest())
	// Output: sha256:4fa02b91650a8966e8737bb30df26ab996c42e0b4ba6282eddae0fec5e9a09be <nil>
}

func ExampleRandomIndex() {
	index := registrytest.RandomIndex(registrytest.Platforms("linux/amd64", "linux/arm64", "windows/amd64"))
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
	a := registrytest.RandomImage(registrytest.Seed(1))
	b := registrytest.RandomImage(registrytest.Seed(2))
	c := registrytest.RandomImage(registrytest.Seed(2))
	fmt.Println(digestOf(a) == digestOf(b), digestOf(b) == digestOf(c))
	// Output: false true
}

func ExampleLayers() {
	layers, err := registrytest.RandomImage(registrytest.Layers(5)).Layers()
	fmt.Println(len(layers), err)
	// Output: 5 <nil>
}

func ExampleLayerSize() {
	layers, err := registrytest.RandomImage(registrytest.LayerSize(100 << 30)).Layers()
	if err != nil {
		panic(err)
	}
	fmt.Println(layers[0].Size())
	// Output: 107374182400 <nil>
}

func ExamplePlatforms() {
	config, err := registrytest.RandomImage(registrytest.Platforms("linux/arm64/v8")).ConfigFile()
	if err != nil {
		panic(err)
	}
	fmt.Println(config.Platform())
	// Output: linux/arm64/v8
}

func ExampleAnnotations() {
	m, err := registrytest.RandomImage(registrytest.Annotations(map[string]string{"a": "b"})).Manifest()
	fmt.Println(m.Annotations, err)
	// Output: map[a:b] <nil>
}

func ExampleDockerMediaTypes() {
	fmt.Println(registrytest.RandomImage(registrytest.DockerMediaTypes()).MediaType())
	// Output: application/vnd.docker.distribution.manifest.v2+json <nil>
}

func digestOf(img interface{ RawManifest() ([]byte, error) }) string {
	raw, err := img.RawManifest()
	if err != nil {
		panic(err)
	}
	return string(raw)
}
