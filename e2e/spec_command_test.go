package e2e

import (
	"bytes"
	"errors"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
)

// TestSpecCommand runs "ocifake conformance" on registries with foreign content, which
// is the same afterwards. go-containerregistry has blobs that are those of all
// repositories.
func TestSpecCommand(t *testing.T) {
	for of, filter := range map[string]string{
		"go-containerregistry": "", "distribution": "management || manifest-kinds || blob-bytes", "olareg": "management || manifest-kinds || blob-bytes",
	} {
		t.Run(of, func(t *testing.T) {
			i := slices.IndexFunc(peers, func(p peer) bool { return p.name == of })
			target := peers[i].start(t)
			ref, err := name.ParseReference(strings.TrimPrefix(target.URL, "http://")+"/team/app:v1", name.Insecure)
			require.NoError(t, err)
			image := images.Random()
			require.NoError(t, remote.Write(ref, image))
			for _, content := range []string{"{}", "", "x"} {
				require.NoError(t, remote.WriteLayer(ref.Context(), static.NewLayer([]byte(content), types.MediaType("text/plain"))))
			}
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), ocifake(t), "conformance", "--repo", "team", "--label-filter", filter, target.URL)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err = cmd.Run()
			var exit *exec.ExitError
			require.True(t, err == nil || errors.As(err, &exit) && exit.ExitCode() == 1, "%v: %s", err, &stderr)
			assert.Regexp(t, `(?m)^MUST: \d+ pass`, stdout.String())
			assert.NotContains(t, stdout.String(), "Left in the registry", "what it made is deleted")

			pulled, err := remote.Image(ref)
			require.NoError(t, err)
			require.NoError(t, validate.Image(pulled))
			want, err := image.Digest()
			require.NoError(t, err)
			got, err := pulled.Digest()
			require.NoError(t, err)
			assert.Equal(t, want, got)
			for _, d := range []string{
				"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
				"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
			} {
				response, _ := ask(t, target, http.MethodGet, "/v2/team/app/blobs/"+d, "")
				assert.Equal(t, http.StatusOK, response.StatusCode, d)
			}
			tags, err := remote.List(ref.Context())
			require.NoError(t, err)
			assert.Equal(t, []string{"v1"}, tags)
		})
	}
}
