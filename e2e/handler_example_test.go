package e2e

import (
	"context"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net/http"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/containerd/log"
	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	cranego "github.com/google/go-containerregistry/pkg/crane"
	"github.com/olareg/olareg"
	olaregconfig "github.com/olareg/olareg/config"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registrytest"
)

// inFront puts recording, faults and lint in front of a registry, and pulls an image with crane: the
// first attempt fails. It prints how many requests crane sent for the manifest, and whether crane
// violates a rule for clients.
func inFront(registry http.Handler) {
	stdlog.SetOutput(io.Discard) // crane logs that it tries again
	reg, err := registrytest.Start(registrytest.WithHandler(registry))
	if err != nil {
		panic(err)
	}
	defer reg.Close()
	reg.Push(nil, "app:v1", images.Random())
	reg.Inject(nil, faults.On(op.ManifestGet).Times(1).Do(faults.Status(http.StatusServiceUnavailable)))
	_, err = cranego.Manifest(reg.Ref("app:v1"))
	report := reg.Lint(nil)
	fmt.Println(reg.Requests().Ops(), err, len(report.Failing(lint.Must)))
}

// CNCF distribution behind recording, faults and lint.
func Example_distribution() {
	if err := log.SetLevel("panic"); err != nil {
		panic(err)
	}
	config := &configuration.Configuration{Storage: configuration.Storage{
		"inmemory":    nil,
		"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
	}}
	config.HTTP.Secret = "a secret"
	config.Log.AccessLog.Disabled = true
	app := handlers.NewApp(context.Background(), config)
	defer app.Shutdown()
	inFront(app)
	// Output: [ping manifest.get manifest.get] <nil> 0
}

func newOlareg() *olareg.Server {
	return olareg.New(olaregconfig.Config{
		Storage: olaregconfig.ConfigStorage{StoreType: olaregconfig.StoreMem},
		Log:     slog.New(slog.DiscardHandler),
	})
}

// olareg behind recording, faults and lint.
func Example_olareg() {
	registry := newOlareg()
	defer registry.Close()
	inFront(registry)
	// Output: [ping manifest.get manifest.get] <nil> 0
}

// ocimem behind recording, faults and lint.
func Example_ocimem() {
	inFront(ociserver.New(ocimem.New(), nil))
	// Output: [ping manifest.get manifest.get] <nil> 0
}
