package fidelity_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/fidelity"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// conversation sends requests to a mirror: an upload in chunks, a list in pages, and a
// condition.
func conversation(t *testing.T, server *httptest.Server) {
	t.Helper()
	send := func(method, target string, body []byte, header ...string) *http.Response {
		t.Helper()
		u, err := http.NewRequest(method, server.URL, nil)
		require.NoError(t, err)
		at, err := u.URL.Parse(target)
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), method, at.String(), bytes.NewReader(body))
		require.NoError(t, err)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := server.Client().Do(r)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer
	}
	content := []byte("hello")
	d := digest.FromBytes(content).String()
	at := send(http.MethodPost, "/v2/app/blobs/uploads/", nil).Header.Get("Location")
	at = send(http.MethodPatch, at, content).Header.Get("Location")
	assert.Equal(t, http.StatusCreated, send(http.MethodPut, at+"&digest="+d, nil).StatusCode)
	index := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	for _, tag := range []string{"a", "b"} {
		send(http.MethodPut, "/v2/app/manifests/"+tag, index, "Content-Type", "application/vnd.oci.image.index.v1+json")
	}
	next, _, _ := strings.Cut(send(http.MethodGet, "/v2/app/tags/list?n=1", nil).Header.Get("Link"), ";")
	assert.Equal(t, http.StatusOK, send(http.MethodGet, strings.Trim(next, "<>"), nil).StatusCode)
	tag := send(http.MethodGet, "/v2/app/manifests/a", nil).Header.Get("ETag")
	assert.Equal(t, http.StatusNotModified, send(http.MethodGet, "/v2/app/manifests/a", nil, "If-None-Match", tag).StatusCode)
	assert.Equal(t, http.StatusNotFound, send(http.MethodGet, "/v2/app/manifests/c", nil).StatusCode)
}

func TestMirror(t *testing.T) {
	other := &registry.Dialect{FixedLocation: true, OpaqueCursor: true}
	mirror := fidelity.NewMirror(start(t), nil, start(t), start(t, registrytest.WithOptions(registry.Options{Dialect: other})))
	server := httptest.NewServer(mirror)
	defer server.Close()
	conversation(t, server)

	var different []string
	for _, x := range mirror.Exchanges() {
		assert.Empty(t, x.Differences[0], x.Request)
		if len(x.Differences[1]) > 0 {
			different = append(different, x.Op.String())
		}
		assert.Equal(t, x.Answer.Status, x.Got[1].Status, x.Request)
	}
	assert.Equal(t, []string{"upload.start", "upload.chunk", "tag.list"}, different)
	assert.Empty(t, mirror.Exchanges(), "each is returned once")
}
