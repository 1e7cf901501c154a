package registrytest_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/keep"
	"github.com/ocifake/ocifake/registrytest"
)

// keepGHCR keeps an image of a registry that is like GHCR, as the host ghcr.io.
func keepGHCR(t *testing.T, dir string, real *registrytest.Registry) {
	t.Helper()
	t.Setenv("OCIFAKE_UPDATE", "1")
	t.Run("keep", func(t *testing.T) {
		world := keep.World(t, dir, keep.Hosts("ghcr.io"), keep.From("ghcr.io", real.URL(), registrytest.UpstreamOptions{CAs: real.CertPool()}))
		pullFrom(t, world, "ghcr.io/org/app:v1")
		assert.Equal(t, []string{"v1"}, world.Host("ghcr.io").Tags(t, "org/app"), "it logs in by itself")
	})
	t.Setenv("OCIFAKE_UPDATE", "")
}

// pullFrom pulls an image through the proxy of a world.
func pullFrom(t *testing.T, world *registrytest.World, ref string) {
	t.Helper()
	transport := &http.Transport{Proxy: world.Proxy(), TLSClientConfig: &tls.Config{RootCAs: world.CertPool()}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	parsed, err := name.ParseReference(ref)
	require.NoError(t, err)
	img, err := remote.Image(parsed, remote.WithTransport(transport))
	require.NoError(t, err)
	layers, err := img.Layers()
	require.NoError(t, err)
	for _, l := range layers {
		content, err := l.Compressed()
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, content)
		require.NoError(t, err)
		require.NoError(t, content.Close())
	}
	_, err = img.RawConfigFile()
	require.NoError(t, err)
}

// treeOf returns the files below a directory.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			var text []byte
			text, err = os.ReadFile(path)
			files[path[len(dir):]] = string(text)
		}
		return err
	}))
	return files
}

func TestReplay(t *testing.T) {
	real := registrytest.New(t, registrytest.WithTLS(), registrytest.WithProfile("ghcr"))
	real.Push(t, "org/app:v1", images.Random())
	dir := filepath.Join(t.TempDir(), "world")
	keepGHCR(t, dir, real)
	first := treeOf(t, dir)
	keepGHCR(t, dir, real)
	second := treeOf(t, dir)
	assert.ElementsMatch(t, sortedKeys(first), sortedKeys(second))
	for name := range first {
		assert.Equal(t, first[name], second[name], name)
	}
	assert.NoError(t, real.Close())
	for name, text := range first {
		for _, secret := range []string{"Bearer ", "eyJ", "/upstream/", "token="} {
			assert.False(t, bytes.Contains([]byte(text), []byte(secret)), "%s has %s", name, secret)
		}
	}

	world := keep.World(t, dir)
	pullFrom(t, world, "ghcr.io/org/app:v1")
	world.Network().Assert(t).AtLeast(3)
	world.Host("ghcr.io").Push(t, "org/new:v1", images.Random())
	pullFrom(t, world, "ghcr.io/org/new:v1")
	assert.NotEmpty(t, world.Host("ghcr.io").Profile().Facts)
}

// TestReplayWithoutNetwork: in a bubble there are no sockets. What is missing fails the test.
func TestReplayWithoutNetwork(t *testing.T) {
	real := registrytest.New(t, registrytest.WithTLS())
	real.Push(t, "org/app:v1", images.Random())
	dir := filepath.Join(t.TempDir(), "world")
	keepGHCR(t, dir, real)
	synctest.Test(t, func(t *testing.T) {
		replayed := runTest(func(t testing.TB) {
			world := registrytest.NewWorld(t, registrytest.Replay(dir))
			for _, tag := range []string{"v1", "v2"} {
				response, err := world.Transport().RoundTrip(httptest.NewRequest(http.MethodGet, "https://ghcr.io/v2/org/app/manifests/"+tag, nil))
				if err == nil {
					err = response.Body.Close()
				}
				if err != nil {
					t.Errorf("%v", err)
				}
			}
		})
		require.Len(t, replayed.failures, 1)
		assert.Contains(t, replayed.failures[0], "keep it anew, by keep.World and OCIFAKE_UPDATE=1:\n  ghcr.io/org/app/manifests/v2 (1)")
	})
}

// TestKeepFails: a test that fails leaves the world as it was, as does one that only replays.
func TestKeepFails(t *testing.T) {
	real := registrytest.New(t, registrytest.WithTLS())
	real.Push(t, "org/app:v1", images.Random())
	dir := filepath.Join(t.TempDir(), "world")
	keepGHCR(t, dir, real)
	before := treeOf(t, dir)
	t.Setenv("OCIFAKE_UPDATE", "1")
	runTest(func(t testing.TB) {
		keep.World(t, dir)
		t.Errorf("it fails")
	})
	assert.Equal(t, before, treeOf(t, dir))
	for want, test := range map[string]func(t testing.TB){
		"give the hosts to keep with Hosts": func(t testing.TB) { keep.World(t, dir+"-none") },
		"not one of": func(t testing.TB) {
			keep.World(t, dir, keep.From("quay.io", real.URL(), registrytest.UpstreamOptions{}))
		},
		"does not keep " + dir + " anew: call World of": func(t testing.TB) { registrytest.NewWorld(t, registrytest.Replay(dir)) },
	} {
		failed := runTest(test)
		require.Len(t, failed.failures, 1)
		assert.Contains(t, failed.failures[0], want)
	}
	assert.Equal(t, before, treeOf(t, dir))
}

// TestWorldOfHosts: registries with options of their own are in the place of hosts.
func TestWorldOfHosts(t *testing.T) {
	world := registrytest.NewWorld(t, registrytest.Host("docker.io"), registrytest.Host("ghcr.io", registrytest.WithProfile("ghcr")))
	world.Host("docker.io").Push(t, "library/alpine:3", images.Random())
	pullFrom(t, world, "alpine:3")
	assert.Equal(t, "ghcr", world.Host("ghcr.io").Profile().Name)
	for want, options := range map[string][]registrytest.WorldOption{
		"no hosts":    nil,
		"there twice": {registrytest.Host("ghcr.io"), registrytest.Host("ghcr.io")},
		"the name of": {registrytest.Host("a.example,b.example")},
	} {
		failed := runTest(func(t testing.TB) { registrytest.NewWorld(t, options...) })
		require.Len(t, failed.failures, 1)
		assert.Contains(t, failed.failures[0], want)
	}
}

func sortedKeys(m map[string]string) (keys []string) {
	for k := range maps.Keys(m) {
		keys = append(keys, k)
	}
	return keys
}
