package e2e

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/spec"
)

// TestSpecPeersKnown asks for what the verdicts must have at least: faults of other
// registries that were known before package spec looked for them.
func TestSpecPeersKnown(t *testing.T) {
	judged := readVerdicts(t)
	for peer, statements := range map[string][]string{
		"go-containerregistry": {
			"upload-put",                // 201 of a blob without Location
			"manifest-put",              // 201 of a manifest without Location
			"subject-header",            // no OCI-Subject
			"range-open",                // 416 to bytes=5-
			"manifest-put-other-digest", // a manifest under a wrong digest
			"manifest-delete-gone",      // a tag that outlives its manifest
		},
		"ocimem": {
			"chunk-final-out-of-order", // 500
			"mount-unable",             // 404
		},
	} {
		for _, id := range statements {
			f, ok := judged.failure(peer, id)
			assert.True(t, ok && !f.Sometimes, "%s fails %s", peer, id)
		}
	}
}

// TestSpecPeersUnsupported shows of refusals that count as unsupported what they are.
func TestSpecPeersUnsupported(t *testing.T) {
	for _, row := range []struct {
		peer    string
		feature spec.Feature
		show    func(*testing.T, spec.Target)
	}{
		{"ocimem", spec.UploadCancel, func(t *testing.T, registry spec.Target) {
			started, _ := ask(t, registry, http.MethodPost, "/v2/a/blobs/uploads/", "")
			cancelled, _ := ask(t, registry, http.MethodDelete, started.Header.Get("Location"), "")
			assert.Equal(t, http.StatusMethodNotAllowed, cancelled.StatusCode)
		}},
		{"go-containerregistry", spec.ReferenceCheck, func(t *testing.T, registry spec.Target) {
			put, _ := ask(t, registry, http.MethodPut, "/v2/a/manifests/v1", artifact("nothing", "nothing"))
			assert.Equal(t, http.StatusCreated, put.StatusCode)
		}},
		{"go-containerregistry", spec.ReferrersFilter, func(t *testing.T, registry spec.Target) {
			ask(t, registry, http.MethodPut, "/v2/a/manifests/v1", artifact("layer", "subject"))
			_, all := ask(t, registry, http.MethodGet, "/v2/a/referrers/"+digest.FromString("subject").String()+"?artifactType=application/x-other", "")
			assert.Contains(t, all, digest.FromString(artifact("layer", "subject")).String())
		}},
	} {
		t.Run(row.peer+"/"+string(row.feature), func(t *testing.T) {
			assert.True(t, readVerdicts(t).lacks(row.peer, string(row.feature)))
			i := slices.IndexFunc(peers, func(p peer) bool { return p.name == row.peer })
			row.show(t, peers[i].start(t))
		})
	}
}

// artifact is a manifest with a layer and a subject of some content.
func artifact(layer, subject string) string {
	empty := `{"mediaType": "application/vnd.oci.empty.v1+json", "digest": "` + digest.FromString("{}").String() + `", "size": 2}`
	return `{"schemaVersion": 2, "mediaType": "` + ocispec.MediaTypeImageManifest + `", "config": ` + empty + `,
		"layers": [{"mediaType": "application/x", "digest": "` + digest.FromString(layer).String() + `", "size": 1}],
		"subject": {"mediaType": "` + ocispec.MediaTypeImageManifest + `", "digest": "` + digest.FromString(subject).String() + `", "size": 1}}`
}

// ask sends a request, with a manifest if there is a body.
func ask(t *testing.T, registry spec.Target, method, path, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, registry.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		r.Header.Set("Content-Type", ocispec.MediaTypeImageManifest)
	}
	response, err := registry.Client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(content)
}
