package engine_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// host is a registry with an engine in a server of net/http's.
type host struct {
	t      testing.TB
	engine *engine.Engine
	store  registry.Store // as it is
	server *httptest.Server
}

func newHost(t testing.TB, rules ...faults.Rule) *host {
	t.Helper()
	store := memstore.New(memstore.Options{})
	h := &host{t: t, engine: engine.New(store), store: store}
	require.NoError(t, h.engine.Add(rules...))
	h.server = httptest.NewServer(h.engine.Wrap(registry.New(h.engine.Store(), registry.Options{})))
	t.Cleanup(h.server.Close)
	return h
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request, "GET /v2/". Headers are names and values in turn.
func (h *host) do(request, body string, header ...string) answer {
	h.t.Helper()
	method, target, _ := strings.Cut(request, " ")
	if !strings.HasPrefix(target, "http") {
		target = h.server.URL + target
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, target, strings.NewReader(body))
	require.NoError(h.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := h.server.Client().Do(r)
	require.NoError(h.t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(h.t, err)
	return answer{resp.StatusCode, resp.Header, string(content)}
}

// want sends a request with no body and wants a status.
func (h *host) want(status int, request string) answer {
	h.t.Helper()
	a := h.do(request, "")
	require.Equal(h.t, status, a.status, "%s: %s", request, a.body)
	return a
}

// wants sends a request again and again and wants these statuses.
func (h *host) wants(request string, statuses ...int) {
	h.t.Helper()
	var got []int
	for range statuses {
		got = append(got, h.do(request, "").status)
	}
	require.Equal(h.t, statuses, got, request)
}

// pushBlob pushes a blob with one request.
func (h *host) pushBlob(repo, content string) string {
	h.t.Helper()
	d := digest.FromString(content).String()
	a := h.do("POST /v2/"+repo+"/blobs/uploads/?digest="+d, content)
	require.Equal(h.t, http.StatusCreated, a.status, a.body)
	return "/v2/" + repo + "/blobs/" + d
}

// index is a manifest that refers to nothing, and differs by its name.
func index(name string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"name":%q}}`, ocispec.MediaTypeImageIndex, name)
}

// put puts a manifest.
func (h *host) put(target, manifest string) answer {
	h.t.Helper()
	var m struct{ MediaType string }
	require.NoError(h.t, json.Unmarshal([]byte(manifest), &m))
	return h.do("PUT "+target, manifest, "Content-Type", m.MediaType)
}

// push puts a manifest, which is accepted, and returns its URL by digest.
func (h *host) push(target, manifest string) string {
	h.t.Helper()
	a := h.put(target, manifest)
	require.Equal(h.t, http.StatusCreated, a.status, a.body)
	repo, _, _ := strings.Cut(target, "/manifests/")
	return repo + "/manifests/" + digest.FromString(manifest).String()
}
