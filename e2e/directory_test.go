package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	fixture "github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDirectoryIsReadByOthers copies an image and an index from the directory of a store by other
// programs, which do not change it.
func TestDirectoryIsReadByOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "content")
	store, err := layoutstore.Open(dir, layoutstore.Options{})
	require.NoError(t, err)
	var digests []string
	for _, text := range []string{"app:v1 layers=2", "team/multi:v2 index"} {
		g, err := fixture.ParseGenerate(text)
		require.NoError(t, err)
		loaded, err := g.Into(t.Context(), store)
		require.NoError(t, err)
		digests = append(digests, string(loaded[0].Descriptor.Digest))
	}
	require.NoError(t, store.Close())
	before := files(t, dir)
	reg := registrytest.New(t)
	for _, copied := range []struct {
		name    string
		command []string
		same    int // of digests; -1: the image is in an index of all
	}{
		{"oras", []string{"copy", "--from-oci-layout-path", dir, "app:v1", "--to-plain-http", reg.Ref("oras:v1")}, 0},
		{"oras", []string{"copy", "--from-oci-layout-path", dir, "team/multi:v2", "--to-plain-http", reg.Ref("oras:v1")}, 1},
		{"skopeo", []string{"copy", "--preserve-digests", "--dest-tls-verify=false", "oci:" + dir + ":app:v1", "docker://" + reg.Ref("skopeo:v1")}, 0},
		{"skopeo", []string{"copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "oci:" + dir + ":team/multi:v2", "docker://" + reg.Ref("skopeo:v1")}, 1},
		{"regctl", []string{"--host", "reg=" + reg.Host() + ",tls=disabled", "image", "copy", "ocidir://" + dir + ":v1", reg.Ref("regctl:v1")}, 0},
		{"regctl", []string{"--host", "reg=" + reg.Host() + ",tls=disabled", "image", "copy", "ocidir://" + dir + ":v2", reg.Ref("regctl:v1")}, 1},
		{"crane", []string{"push", "--index", "--insecure", dir, reg.Ref("crane:v1")}, -1},
	} {
		path := "skopeo"
		if copied.name != path {
			path = tool(t, copied.name)
		} else if _, err := exec.LookPath(path); err != nil {
			t.Log("skopeo is not installed")
			continue
		}
		cmd := exec.CommandContext(t.Context(), path, copied.command...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %q: %s", copied.name, copied.command, out)
		m, err := reg.Store().Manifest(t.Context(), copied.name, "v1")
		require.NoError(t, err)
		if copied.same >= 0 {
			assert.Equal(t, digests[copied.same], string(m.Descriptor.Digest), copied.name)
			continue
		}
		for _, d := range digests {
			assert.Contains(t, string(m.Content), d)
		}
	}
	assert.Equal(t, before, files(t, dir))
}

// files returns the content of all files in a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	}))
	return all
}
