package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	inside "github.com/ocifake/ocifake/internal/pulled"
	"github.com/ocifake/ocifake/registrytest"
)

// TestPulled checks that what real clients pull is found in their directory. skopeo runs
// where it is installed.
func TestPulled(t *testing.T) {
	reg := registrytest.New(t)
	pushed := images.Random(images.Layers(2), images.LayerSize(20_000))
	reg.Push(t, "app:v1", pushed)
	manifest, err := pushed.RawManifest()
	require.NoError(t, err)
	config, err := pushed.RawConfigFile()
	require.NoError(t, err)
	image, err := inside.Describe(manifest, config)
	require.NoError(t, err)
	home := t.TempDir()
	for i, test := range []struct {
		command   string // REF and DIR are replaced
		converted bool
	}{
		{"crane pull --insecure REF DIR/image.tar", true},
		{"crane pull --insecure --format oci REF DIR/layout", false},
		{"crane pull --insecure --format legacy REF DIR/image.tar", true},
		{"oras copy --from-plain-http REF --to-oci-layout DIR/layout:v1", false},
		{"regctl --host reg=HOST,tls=disabled image copy REF ocidir://DIR/layout:v1", false},
		{"regctl --host reg=HOST,tls=disabled image export REF DIR/image.tar", false},
		{"regctl --host reg=HOST,tls=disabled image export --compress REF DIR/image.tgz", false},
		{"skopeo copy --src-tls-verify=false docker://REF dir:DIR/image", false},
		{"skopeo copy --src-tls-verify=false docker://REF oci:DIR/layout:v1", false},
		{"skopeo copy --src-tls-verify=false docker://REF oci-archive:DIR/image.tar", false},
		{"skopeo copy --src-tls-verify=false docker://REF docker-archive:DIR/image.tar", true},
	} {
		client, _, _ := strings.Cut(test.command, " ")
		t.Run(fmt.Sprintf("%s-%d", client, i), func(t *testing.T) {
			dir := t.TempDir()
			args := strings.Fields(strings.NewReplacer("REF", reg.Ref("app:v1"), "HOST", reg.Host(), "DIR", dir).Replace(test.command))
			path := args[0]
			if path == "skopeo" {
				if path, err = exec.LookPath(path); err != nil {
					t.Skip("skopeo is not installed")
				}
			} else {
				path = tool(t, path)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, path, args[1:]...)
			cmd.Env = append(cmd.Environ(), "HOME="+home, "DOCKER_CONFIG="+filepath.Join(home, ".docker"))
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s: %s", test.command, out)
			result, err := inside.Find(t.Context(), dir, image)
			require.NoError(t, err)
			assert.Equal(t, inside.Found, result.State, "%s: %s", test.command, result.Reason)
			assert.Equal(t, test.converted, result.Converted, "%s: %s", test.command, result.Reason)
		})
	}
}
