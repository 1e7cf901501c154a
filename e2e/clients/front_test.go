package clients

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/e2e/internal/far"
	"github.com/ocifake/ocifake/images"
)

// fronted are the clients of TestFront, with the steps that they have with a registry under an address
// of ocifake.
var fronted = []struct {
	client string
	steps  string
}{
	{"docker", "build push pull"},
	{"podman", "build push pull"},
	{"buildah", "build push pull"},
	{"skopeo", "push pull"},
	{"ctr", "build push pull"},
	{"ctr2", "build push pull"},
	{"nerdctl", "push pull"},
	{"buildctl", "build push pull"},
	{"crane", "build push pull"},
	{"oras", "push pull attach discover"},
	{"regctl", "push pull copy"},
	{"helm", "build push pull"},
	{"cosign", "sign verify push"},
	{"python", "push pull"},
	{"sigstore", "push pull"},
}

// TestFront: clients, unmodified, push to and pull from a registry that ocifake is in front of, as an
// upstream and, by its own name, as a host that is kept. Then they pull what was kept while the
// registry is down. The registry is CNCF distribution with TLS, tokens and redirected blobs.
func TestFront(t *testing.T) {
	versions := installed(t)
	ocifake, err := binary()
	require.NoError(t, err)
	t.Setenv("OCIFAKE_BINARY", ocifake)
	t.Setenv("OCIFAKE_LOGIN", far.User+":"+far.Password)
	t.Setenv("DOCKER_CONFIG", dockerConfig(t, "ghcr.io", "docker.io", "https://index.docker.io/v1/"))
	registry := far.New(t)
	registry.Push(t, "library/alpine:3", images.Random(images.Seed(1)))
	registry.Push(t, "org/app:v1", images.Random(images.Seed(2)))
	upstream := []string{"--upstream-ca", registry.CAFile(t)}
	worlds := t.TempDir()
	kept := map[string]bool{}
	for _, mode := range []struct {
		name string
		run  func(t *testing.T, client, steps string) map[string]string
	}{
		{"upstream", func(t *testing.T, client, steps string) map[string]string {
			before := registry.Blobs.Load()
			results, _ := runScript(t, client, append(upstream, "--upstream", registry.URL), strings.Fields(steps)...)
			assert.Positive(t, registry.Blobs.Load()-before, "blobs at another host")
			return results
		}},
		{"keep", func(t *testing.T, client, _ string) map[string]string {
			results, _ := runScript(t, "world", append(upstream, "--no-control=false", "--keep", filepath.Join(worlds, client),
				"--hosts", "docker.io,ghcr.io", "--keep-from", "docker.io="+registry.URL, "--keep-from", "ghcr.io="+registry.URL), client)
			_, err := os.Stat(filepath.Join(worlds, client, "world.json"))
			kept[client] = err == nil
			return results
		}},
		{"replay", func(t *testing.T, client, _ string) map[string]string {
			if !kept[client] {
				t.Skip("nothing was kept")
			}
			results, log := runScript(t, "world", []string{"--no-control=false", "--replay", filepath.Join(worlds, client)}, client)
			assert.NotContains(t, log, "refused hosts", "it asks for no other hosts")
			return results
		}},
	} {
		if mode.name == "replay" {
			registry.Close(t)
		}
		t.Run(mode.name, func(t *testing.T) {
			for _, c := range fronted {
				t.Run(c.client, func(t *testing.T) {
					requireVersion(t, versions, c.client)
					results := mode.run(t, c.client, c.steps)
					require.NotEmpty(t, results)
					for step, result := range results {
						assert.True(t, result == ok || strings.HasPrefix(result, ok+": "), "%s: %s", step, result)
					}
				})
			}
		})
	}
}

// dockerConfig returns a directory with Docker's configuration, which has a login for hosts.
func dockerConfig(t *testing.T, hosts ...string) string {
	t.Helper()
	type login struct {
		Auth string `json:"auth"`
	}
	auths := map[string]login{}
	for _, host := range hosts {
		auths[host] = login{base64.StdEncoding.EncodeToString([]byte(far.User + ":" + far.Password))}
	}
	text, err := json.Marshal(map[string]any{"auths": auths})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600))
	return dir
}
