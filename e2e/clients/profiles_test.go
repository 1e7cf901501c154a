package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registrytest"
)

// commands are the command lines of a client. In their words, LAYOUT is an OCI image layout whose
// image is called v1, REPO a repository, HOST the registry, and DIGEST that of the image.
type commands struct {
	client                   string
	push, list, pull, delete string
}

var commandLines = []commands{
	{"crane", "crane push LAYOUT REPO:v1", "crane ls REPO", "crane pull --format oci REPO:v1 LAYOUT", "crane delete REPO@DIGEST"},
	{"oras", "oras cp --from-oci-layout LAYOUT:v1 --to-plain-http REPO:v1", "oras repo tags --plain-http REPO",
		"oras cp --from-plain-http REPO:v1 --to-oci-layout LAYOUT:v1", "oras manifest delete --plain-http --force REPO@DIGEST"},
	{"regctl", "regctl --host reg=HOST,tls=disabled image copy ocidir://LAYOUT:v1 REPO:v1", "regctl --host reg=HOST,tls=disabled tag ls REPO",
		"regctl --host reg=HOST,tls=disabled image copy REPO:v1 ocidir://LAYOUT:v1", "regctl --host reg=HOST,tls=disabled manifest delete REPO@DIGEST"},
	{"skopeo", "skopeo copy --dest-tls-verify=false oci:LAYOUT:v1 docker://REPO:v1", "skopeo list-tags --tls-verify=false docker://REPO",
		"skopeo copy --src-tls-verify=false docker://REPO:v1 oci:LAYOUT:v1", "skopeo delete --tls-verify=false docker://REPO:v1"},
}

// treated is what a client does with each profile: what failed, by step.
type treated struct {
	Version  string                       `json:"version"`
	Profiles map[string]map[string]string `json:"profiles"`
}

func (p treated) version() string { return p.Version }

// TestProfiles pushes an image with each client to a registry with each profile, lists its tags,
// pulls and deletes it.
func TestProfiles(t *testing.T) {
	document, versions := readDocument(t), installed(t)
	for _, c := range commandLines {
		t.Run(c.client, func(t *testing.T) {
			row := treated{requireVersion(t, versions, c.client), map[string]map[string]string{}}
			for _, name := range profiles.Names() {
				t.Run(name, func(t *testing.T) { row.Profiles[name] = c.try(t, name) })
			}
			document.Profiles.judge(t, c.client, row)
		})
	}
	document.write(t)
}

// try runs the commands of a client with a profile, and returns what failed.
func (c commands) try(t *testing.T, profile string) map[string]string {
	t.Helper()
	reg := registrytest.New(t, registrytest.WithProfile(profile))
	work := t.TempDir()
	image := images.Random(images.Seed(1))
	pushed, err := layout.Write(filepath.Join(work, "pushed"), empty.Index)
	require.NoError(t, err)
	require.NoError(t, pushed.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "v1"})))
	digest, err := image.Digest()
	require.NoError(t, err)
	env := append(os.Environ(), "HOME="+work)
	if reg.AuthService() != nil {
		config := reg.Login(t, "ci").DockerConfig(t)
		env = append(env, "DOCKER_CONFIG="+config, "REGISTRY_AUTH_FILE="+filepath.Join(config, "config.json"))
	}
	failed := map[string]string{}
	for _, step := range []struct{ name, command, layout string }{
		{"push", c.push, "pushed"}, {"list", c.list, ""}, {"pull", c.pull, "pulled"}, {"delete", c.delete, ""},
	} {
		command := strings.NewReplacer("LAYOUT", filepath.Join(work, step.layout), "REPO", reg.Ref("team/app"), "HOST", reg.Host(), "DIGEST", digest.String()).Replace(step.command)
		out, err := execute(t.Context(), command, env)
		if err != nil {
			failed[step.name] = steady(lastLine(out, err))
			continue
		}
		switch step.name {
		case "list":
			assert.Contains(t, out, "v1", command)
		case "pull":
			assert.Equal(t, digest.String(), firstDigest(t, filepath.Join(work, "pulled")), command)
		}
	}
	return failed
}

// execute runs a command for at most a minute, and returns what it printed.
func execute(ctx context.Context, command string, env []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	words := strings.Fields(command)
	path := words[0]
	if own := filepath.Join(clientsDir(), "bin", words[0]); fileExists(own) {
		path = own
	}
	cmd := exec.CommandContext(ctx, path, words[1:]...)
	cmd.Env = env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// clientsDir is where install.sh puts clients.
func clientsDir() string {
	if dir := os.Getenv("OCIFAKE_CLIENTS"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".cache", "ocifake-clients")
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// lastLine returns the last line that a command printed, or its error.
func lastLine(out string, err error) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return fmt.Sprint(err)
}

// firstDigest returns the digest of the first manifest in a layout.
func firstDigest(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	require.NoError(t, err)
	var index struct {
		Manifests []struct{ Digest string }
	}
	require.NoError(t, json.Unmarshal(text, &index))
	require.NotEmpty(t, index.Manifests)
	return index.Manifests[0].Digest
}
