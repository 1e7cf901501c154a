//go:build linux

package image

import (
	"archive/tar"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.." // of the project

// nonroot is the user of the base image that .ko.yaml names, which stands in a registry
// that cannot be reached here; the base image of these tests has it, too.
const nonroot = "65532"

// build is what a user types. There is no Docker daemon, and no other registry.
const build = `
export KO_DOCKER_REPO="$OCIFAKE_HOST/ocifake" KO_DEFAULTBASEIMAGE="$OCIFAKE_HOST/base:latest"
ko build --bare --sbom none --tags v1 --platform "$PLATFORM" ./cmd/ocifake
crane pull --format oci "$OCIFAKE_HOST/ocifake:v1" "$PULLED"
`

func TestImage(t *testing.T) {
	ko := koPath(t)
	base, pulled := writeBase(t), filepath.Join(t.TempDir(), "pulled")
	env := []string{
		"PATH=" + strings.Join([]string{filepath.Dir(ko), filepath.Dir(crane(t)), os.Getenv("PATH")}, ":"),
		"PLATFORM=linux/" + runtime.GOARCH,
		"PULLED=" + pulled,
	}
	command(t, env, ocifake(t), "run", "--load", "base="+base,
		"--expect", "op=manifest.get repo=base status=200",
		"--expect", "op=blob.mount repo=ocifake status=201 count==1", // the layer of the base image
		"--expect", "op=manifest.put repo=ocifake tag=v1 status=201 count==1",
		"--expect", "status=5xx count==0",
		"--", "sh", "-ec", build)

	image := readImage(t, pulled)
	file, err := image.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "linux/"+runtime.GOARCH, file.Platform().String())
	assert.Equal(t, nonroot, file.Config.User)
	assert.Equal(t, []string{"/ko-app/ocifake"}, file.Config.Entrypoint)
	assert.Empty(t, file.Config.Cmd)

	c := container{root: t.TempDir(), user: file.Config.User, env: file.Config.Env, entrypoint: file.Config.Entrypoint}
	extract(t, image, c.root)
	c.printsVersion(t)
	url := c.start(t, "serve", "--addr", "127.0.0.1:0", "--generate", "app:v1")
	assert.Contains(t, get(t, url+"/v2/app/tags/list", http.StatusOK), `"tags":["v1"]`)
}

// koPath is where ko is.
func koPath(t *testing.T) string {
	t.Helper()
	clients := os.Getenv("OCIFAKE_CLIENTS")
	if clients == "" {
		home, err := os.UserHomeDir()
		require.NoError(t, err)
		clients = filepath.Join(home, ".cache", "ocifake-clients")
	}
	path, err := exec.LookPath(filepath.Join(clients, "bin", "ko"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no ko: bash e2e/clients/install.sh ko")
	}
	require.NoError(t, err)
	return path
}

// crane is where the tool of the module e2e is.
func crane(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(command(t, nil, "go", "-C", "e2e", "tool", "-n", "crane"))
}

// ocifake builds the binary under test.
func ocifake(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ocifake")
	command(t, nil, "go", "build", "-o", path, "./cmd/ocifake")
	return path
}

// command runs a program in the project's directory, and returns what it printed.
func command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.Stderr = root, append(os.Environ(), env...), &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s%s", cmd, out, &stderr)
	return string(out)
}

// writeBase makes an image to build on, and returns the layout that it is in.
func writeBase(t *testing.T) string {
	t.Helper()
	image, err := random.Image(1024, 1)
	require.NoError(t, err)
	file, err := image.ConfigFile()
	require.NoError(t, err)
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config.User = "linux", runtime.GOARCH, nonroot
	image, err = mutate.ConfigFile(mutate.MediaType(image, types.OCIManifestSchema1), file)
	require.NoError(t, err)
	path, err := layout.Write(filepath.Join(t.TempDir(), "base"), empty.Index)
	require.NoError(t, err)
	require.NoError(t, path.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "latest"})))
	return string(path)
}

// readImage reads the only image in a layout.
func readImage(t *testing.T, dir string) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	image, err := index.Image(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	return image
}

// extract makes the files of an image.
func extract(t *testing.T, image v1.Image, dir string) {
	t.Helper()
	files := mutate.Extract(image)
	defer files.Close()
	for r := tar.NewReader(files); ; {
		header, err := r.Next()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
		path := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(header.Name, "/")))
		require.True(t, filepath.IsLocal(strings.TrimPrefix(header.Name, "/")), header.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if header.Typeflag == tar.TypeReg {
			writeFile(t, path, r, header.FileInfo().Mode().Perm())
		}
	}
}

func writeFile(t *testing.T, path string, content io.Reader, mode os.FileMode) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	require.NoError(t, err)
	_, err = io.Copy(file, content)
	require.NoError(t, errors.Join(err, file.Close()))
}
