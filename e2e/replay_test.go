package e2e

import (
	"encoding/pem"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
)

// TestKeepAndReplay: a repository whose CI pulls from Docker Hub and GHCR, with clients that are not
// configured, needs no network after "make keep". CNCF distribution stands for the hosts.
func TestKeepAndReplay(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/replay")))
	hub, ghcr := behindTLS(t, distributionHandler(t, false)), behindTLS(t, distributionHandler(t, false))
	client := hub.Client().Transport
	push := func(s *httptest.Server, ref string) {
		t.Helper()
		at, err := name.ParseReference(s.Listener.Addr().String() + "/" + ref)
		require.NoError(t, err)
		require.NoError(t, remote.Write(at, images.Random(images.Seed(uint64(len(ref)))), remote.WithTransport(client)))
	}
	push(hub, "library/alpine:3")
	push(ghcr, "org/app:v1")
	push(ghcr, "org/app:v2.0")
	pushChart(t, ghcr, "org/chart:1.0")
	ca := filepath.Join(dir, "ca.pem")
	var certificates []byte
	for _, s := range []*httptest.Server{hub, ghcr} {
		certificates = append(certificates, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})...)
	}
	require.NoError(t, os.WriteFile(ca, certificates, 0o600))

	bin := t.TempDir()
	for _, program := range []struct{ name, path string }{{"ocifake", ocifake(t)}, {"crane", tool(t, "crane")}, {"oras", tool(t, "oras")}} {
		require.NoError(t, os.Symlink(program.path, filepath.Join(bin, program.name)))
	}
	ci := func(flags ...string) (out string) {
		t.Helper()
		out = t.TempDir()
		cmd := exec.CommandContext(t.Context(), "make", flags...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "OUT="+out, "HOME="+t.TempDir())
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", text)
		return out
	}
	first := ci("keep", "KEEPFLAGS=--keep-from docker.io="+hub.URL+" --keep-from ghcr.io="+ghcr.URL+" --upstream-ca "+ca)
	hub.Close()
	ghcr.Close()
	again := ci("test")
	for _, file := range []string{"alpine/index.json", "app/index.json", "tags", "manifest.json", "chart/values.yaml"} {
		want, err := os.ReadFile(filepath.Join(first, file))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(again, file))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), file)
	}
	tags, err := os.ReadFile(filepath.Join(again, "tags"))
	require.NoError(t, err)
	assert.Equal(t, "v1\nv2.0\n", string(tags), "also of those that were not pulled")
}

// behindTLS serves a registry over TLS.
func behindTLS(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// pushChart pushes an artifact with a file for oras.
func pushChart(t *testing.T, s *httptest.Server, ref string) {
	t.Helper()
	img, err := mutate.Append(mutate.ConfigMediaType(empty.Image, "application/vnd.example.config.v1+json"), mutate.Addendum{
		Layer:       static.NewLayer([]byte("replicas: 3\n"), "text/yaml"),
		Annotations: map[string]string{"org.opencontainers.image.title": "values.yaml"},
	})
	require.NoError(t, err)
	at, err := name.ParseReference(s.Listener.Addr().String() + "/" + ref)
	require.NoError(t, err)
	require.NoError(t, remote.Write(at, img, remote.WithTransport(s.Client().Transport)))
}
