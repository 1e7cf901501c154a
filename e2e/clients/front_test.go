package clients

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/e2e/internal/far"
	"github.com/ocifake/ocifake/e2e/internal/zot"
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

// origin is the registry that ocifake is in front of.
type origin struct {
	url, caFile string
	push        func(ref string, image v1.Image)
	close       func()
	clients     []string     // that are tried; all if empty
	blobs       func() int64 // that were read from another host; nil if it has none
}

// TestFront has CNCF distribution with TLS, tokens and redirected blobs.
func TestFront(t *testing.T) {
	registry := far.New(t)
	testFront(t, origin{
		url: registry.URL, caFile: registry.CAFile(t), blobs: registry.Blobs.Load,
		push:  func(ref string, image v1.Image) { registry.Push(t, ref, image) },
		close: func() { registry.Close(t) },
	})
}

// TestFrontZot has zot with TLS and Basic authentication, for each request.
func TestFrontZot(t *testing.T) {
	registry := zot.Start(t, zot.Options{
		TLS: true, Users: map[string]string{far.User: far.Password}, HTTP: map[string]any{"compat": []string{"docker2s2"}},
	})
	t.Setenv("OCIFAKE_SCHEME", "Basic")
	testFront(t, origin{
		url: registry.URL, caFile: registry.CAFile,
		push:    func(ref string, image v1.Image) { far.PushTo(t, registry.URL, registry.CAs, ref, image) },
		close:   registry.Close,
		clients: []string{"docker", "podman", "skopeo", "crane", "oras", "regctl", "helm"},
	})
}

// testFront: clients, unmodified, push to and pull from a registry that ocifake is in front of, as an
// upstream and, by its own name, as a host that is kept. Then they pull what was kept while the
// registry is down.
func testFront(t *testing.T, registry origin) {
	versions := installed(t)
	ocifake, err := binary()
	require.NoError(t, err)
	t.Setenv("OCIFAKE_BINARY", ocifake)
	t.Setenv("OCIFAKE_LOGIN", far.User+":"+far.Password)
	t.Setenv("DOCKER_CONFIG", dockerConfig(t, "ghcr.io", "docker.io", "https://index.docker.io/v1/"))
	registry.push("library/alpine:3", images.Random(images.Seed(1)))
	registry.push("org/app:v1", images.Random(images.Seed(2)))
	upstream := []string{"--upstream-ca", registry.caFile}
	worlds := t.TempDir()
	kept := map[string]bool{}
	for _, mode := range []struct {
		name string
		run  func(t *testing.T, client, steps string) map[string]string
	}{
		{"upstream", func(t *testing.T, client, steps string) map[string]string {
			flags := append(upstream, "--upstream", registry.url)
			if registry.blobs == nil {
				results, _ := runScript(t, client, flags, strings.Fields(steps)...)
				return results
			}
			before := registry.blobs()
			results, _ := runScript(t, client, flags, strings.Fields(steps)...)
			assert.Positive(t, registry.blobs()-before, "blobs at another host")
			return results
		}},
		{"keep", func(t *testing.T, client, _ string) map[string]string {
			results, _ := runScript(t, "world", append(upstream, "--no-control=false", "--keep", filepath.Join(worlds, client),
				"--hosts", "docker.io,ghcr.io", "--keep-from", "docker.io="+registry.url, "--keep-from", "ghcr.io="+registry.url), client)
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
			registry.close()
		}
		t.Run(mode.name, func(t *testing.T) {
			for _, c := range fronted {
				if len(registry.clients) > 0 && !slices.Contains(registry.clients, c.client) {
					continue
				}
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
