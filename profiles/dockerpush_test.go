package profiles_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registrytest"
)

// TestDockerPush checks that each profile accepts manifests with the sizes that "docker push" of
// moby 20.10 writes: those which the registry has told it, of layers in the Range of a chunk, and of
// the config in the Content-Length of a HEAD.
func TestDockerPush(t *testing.T) {
	for _, profile := range profiles.Names() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			p, err := profiles.Find(profile)
			require.NoError(t, err)
			reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithCustomProfile(p))
			s := &dockerPush{T: t, url: reg.URL(), client: reg.Client()}
			if s.ask(http.MethodGet, "/v2/", "", "").StatusCode == http.StatusUnauthorized {
				host, err := name.NewRegistry(reg.Host(), name.Insecure)
				require.NoError(t, err)
				login := reg.Login(t, "user")
				user := &authn.Basic{Username: login.Username, Password: login.Password}
				s.client.Transport, err = transport.NewWithContext(t.Context(), host, user, reg.Transport(), []string{"repository:team/project/app:pull,push"})
				require.NoError(t, err)
			}
			layer, config := s.blob("a layer"), s.blob("{}")
			manifest, err := json.Marshal(map[string]any{
				"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageManifest,
				"config": descriptor{ocispec.MediaTypeImageConfig, config.digest, config.head},
				"layers": []descriptor{{ocispec.MediaTypeImageLayerGzip, layer.digest, layer.ranged}},
			})
			require.NoError(t, err)
			answer := s.ask(http.MethodPut, "/v2/team/project/app/manifests/v1", string(manifest), ocispec.MediaTypeImageManifest)
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			assert.Equal(t, http.StatusCreated, answer.StatusCode, "%s\n%s", manifest, body)
		})
	}
}

type descriptor struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size,omitempty"`
}

type dockerPush struct {
	*testing.T
	url    string
	client *http.Client
}

type dockerBlob struct {
	digest       digest.Digest
	ranged, head int64 // its size, as the registry tells it
}

func (s *dockerPush) blob(text string) (b dockerBlob) {
	b.digest = digest.FromString(text)
	start := s.ask(http.MethodPost, "/v2/team/project/app/blobs/uploads/", "", "")
	require.Equal(s, http.StatusAccepted, start.StatusCode)
	patch := s.ask(http.MethodPatch, start.Header.Get("Location"), text, "application/octet-stream")
	var from, to int64
	_, err := fmt.Sscanf(patch.Header.Get("Range"), "%d-%d", &from, &to)
	require.NoError(s, err)
	b.ranged = to - from + 1
	location := patch.Header.Get("Location")
	separator := "?"
	if strings.Contains(location, "?") {
		separator = "&"
	}
	put := s.ask(http.MethodPut, location+separator+"digest="+string(b.digest), "", "")
	require.Equal(s, http.StatusCreated, put.StatusCode)
	b.head = s.ask(http.MethodHead, "/v2/team/project/app/blobs/"+string(b.digest), "", "").ContentLength
	return b
}

func (s *dockerPush) ask(method, at, body, contentType string) *http.Response {
	if strings.HasPrefix(at, "/") {
		at = s.url + at
	}
	r, err := http.NewRequestWithContext(s.Context(), method, at, strings.NewReader(body))
	require.NoError(s, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	answer, err := s.client.Do(r)
	require.NoError(s, err)
	s.Cleanup(func() { answer.Body.Close() })
	return answer
}
