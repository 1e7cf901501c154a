package e2e

import (
	"io"
	stdlog "log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/containerd/log"
	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // the driver "filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"   // the driver "inmemory"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/olareg/olareg"
	olaregconfig "github.com/olareg/olareg/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/e2e/internal/zot"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

// peer is a registry that the specification is held against.
type peer struct {
	name  string
	start func(*testing.T) spec.Target
	raced string // the data race of its own that the race detector finds
	kept  string // file of what it came to, for machines without it
}

// The peers have everything enabled that they have. All but distribution2 and zot, which are processes
// with temporary directories, hold their content in memory.
var peers = []peer{
	{name: "ocifake", start: func(t *testing.T) spec.Target {
		reg := registrytest.New(t, registrytest.WithLogger(slog.New(slog.DiscardHandler)))
		return spec.Target{URL: reg.URL(), Client: reg.Client()}
	}},
	{name: "go-containerregistry", start: func(t *testing.T) spec.Target {
		stdlog.SetOutput(io.Discard) // it logs digests that do not match, whatever its logger
		t.Cleanup(func() { stdlog.SetOutput(os.Stderr) })
		quiet := ggcr.Logger(stdlog.New(io.Discard, "", 0))
		return listening(t, ggcr.New(quiet, ggcr.WithReferrersSupport(true)))
	}},
	{name: "ocimem", raced: "the offset of a session is set without its lock", start: func(t *testing.T) spec.Target {
		return listening(t, ociserver.New(ocimem.New(), nil))
	}},
	{name: "olareg", start: func(t *testing.T) spec.Target {
		yes := true
		s := olareg.New(olaregconfig.Config{
			Storage: olaregconfig.ConfigStorage{StoreType: olaregconfig.StoreMem},
			API: olaregconfig.ConfigAPI{
				DeleteEnabled: &yes,
				Blob:          olaregconfig.ConfigAPIBlob{DeleteEnabled: &yes},
			},
			Log: slog.New(slog.DiscardHandler),
		})
		t.Cleanup(func() { assert.NoError(t, s.Close()) })
		return listening(t, s)
	}},
	{name: "distribution", start: func(t *testing.T) spec.Target { return distribution(t, true) }},
	{name: "distribution2", start: func(t *testing.T) spec.Target { return distribution2(t, "") }},
	{name: "zot", kept: filepath.Join("testdata", "spec", "zot.yaml"), start: func(t *testing.T) spec.Target {
		z := zot.Start(t, zot.Options{HTTP: map[string]any{"compat": []string{"docker2s2"}}})
		return spec.Target{URL: z.URL, Client: z.Client}
	}},
}

// distribution starts CNCF distribution in memory, which deletes only if it is told to.
func distribution(t *testing.T, deletes bool) spec.Target {
	t.Helper()
	return listening(t, distributionHandler(t, deletes))
}

// distributionImage starts CNCF distribution as its image does, with its content in a directory. A
// list of tags in memory omits those that have the name of a directory.
func distributionImage(t *testing.T) spec.Target {
	t.Helper()
	return listening(t, distributionOn(t, "filesystem", configuration.Parameters{"rootdirectory": t.TempDir()}, false))
}

func distributionHandler(t *testing.T, deletes bool) http.Handler {
	t.Helper()
	return distributionOn(t, "inmemory", nil, deletes)
}

func distributionOn(t *testing.T, driver string, parameters configuration.Parameters, deletes bool) http.Handler {
	t.Helper()
	level := log.GetLevel()
	require.NoError(t, log.SetLevel("panic")) // it logs what it refuses
	t.Cleanup(func() { assert.NoError(t, log.SetLevel(level.String())) })
	config := &configuration.Configuration{Storage: configuration.Storage{
		driver:        parameters,
		"delete":      configuration.Parameters{"enabled": deletes},
		"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
	}}
	config.Catalog.MaxEntries = 1000
	config.Validation.Manifests.URLs.Allow = []string{".*"}
	config.HTTP.Secret = "a secret"
	config.Log.AccessLog.Disabled = true
	app := handlers.NewApp(t.Context(), config)
	t.Cleanup(func() { assert.NoError(t, app.Shutdown()) })
	return app
}

// listening serves a registry until the test ends.
func listening(t *testing.T, handler http.Handler) spec.Target {
	t.Helper()
	server := httptest.NewServer(handler)
	server.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // handlers that panic
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return spec.Target{URL: server.URL, Client: server.Client()}
}
