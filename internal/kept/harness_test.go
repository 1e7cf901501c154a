package kept_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/kept"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/internal/upstream"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// real is a host with content.
type real struct {
	store *memstore.Store
	http.Handler
}

// newReal returns a host with the content of a text for content.ParseGenerate.
func newReal(t testing.TB, text string) *real {
	t.Helper()
	store := memstore.New(memstore.Options{})
	g, err := content.ParseGenerate(text)
	require.NoError(t, err)
	_, err = g.Into(t.Context(), store)
	require.NoError(t, err)
	return &real{store, registry.New(store, registry.Options{})}
}

// keep keeps what a client reads of ghcr.io, for which a handler stands in.
func keep(t testing.TB, dir string, options kept.Options, host http.Handler, client func(c client)) error {
	t.Helper()
	server := httptest.NewServer(host)
	defer server.Close()
	base, err := upstream.ParseURL(server.URL)
	require.NoError(t, err)
	keeper, err := kept.Keep(dir, options)
	require.NoError(t, err)
	h, err := keeper.Add("ghcr.io")
	require.NoError(t, err)
	u := upstream.New(base, upstream.Options{Tap: h.Tap})
	defer u.Close()
	h.Upstream = u
	front := httptest.NewServer(u.Address(u))
	client(newClient(t, front))
	front.Close()
	return keeper.Finish(context.Background())
}

// replay serves the host of a kept world.
func replayed(t testing.TB, dir string, client func(c client)) *replay.World {
	t.Helper()
	w, err := replay.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.Len(t, w.Hosts, 1)
	r := w.Hosts[0]
	store := memstore.New(memstore.Options{})
	r.Into(store)
	server := httptest.NewServer(r.Handler(registry.New(r.Store(store), registry.Options{Log: slog.New(slog.DiscardHandler)})))
	defer server.Close()
	client(newClient(t, server))
	return w
}

// client sends requests to a server.
type client struct {
	t     testing.TB
	http  *http.Client
	url   string
	token string
}

func newClient(t testing.TB, s *httptest.Server) client {
	return client{t: t, http: s.Client(), url: s.URL}
}

// answer is a response with its body.
type answer struct {
	*http.Response
	body []byte
	err  error
}

func (c client) do(method, path string, header ...string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+"/v2/"+path, http.NoBody)
	require.NoError(c.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(r)
	require.NoError(c.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response, body, err}
}

func (c client) get(path string) answer {
	c.t.Helper()
	return c.do(http.MethodGet, path)
}

// pull reads an image with all that it refers to, and returns its manifest.
func (c client) pull(repo, ref string) []byte {
	c.t.Helper()
	a := c.get(repo + "/manifests/" + ref)
	require.Equal(c.t, http.StatusOK, a.StatusCode, "%s", a.body)
	p, err := registry.ParseManifest(a.Header.Get("Content-Type"), a.body)
	require.NoError(c.t, err)
	for _, r := range p.Require {
		if r.Manifest && !r.Blob {
			c.pull(repo, string(r.Digest))
			continue
		}
		blob := c.get(repo + "/blobs/" + string(r.Digest))
		require.NoError(c.t, blob.err)
		require.Equal(c.t, r.Digest, digest.FromBytes(blob.body), "%d", blob.StatusCode)
	}
	return a.body
}

// tree returns the files below a directory.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path[len(dir):]] = string(text)
		return err
	}))
	return files
}

// put pushes a manifest to a store.
func put(t testing.TB, store registry.Store, repo, mediaType string, text []byte, tags ...string) digest.Digest {
	t.Helper()
	p, err := registry.ParseManifest(mediaType, text)
	require.NoError(t, err)
	p.Content, p.Tags = text, tags
	require.NoError(t, store.PutManifest(t.Context(), repo, p))
	return p.Descriptor.Digest
}

// putBlob pushes a blob to a store.
func putBlob(t testing.TB, store registry.Store, repo string, text []byte) digest.Digest {
	t.Helper()
	u, err := store.NewUpload(t.Context(), repo, digest.SHA256)
	require.NoError(t, err)
	d := digest.FromBytes(text)
	require.NoError(t, u.Commit(t.Context(), registry.Chunk{Body: bytes.NewReader(text), Offset: registry.Unknown, Length: int64(len(text))}, d))
	return d
}
