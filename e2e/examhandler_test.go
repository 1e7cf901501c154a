package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	ggcr "github.com/google/go-containerregistry/pkg/crane"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registrytest"
)

// foreign are registries of other kinds, which end with the test.
var foreign = []struct {
	name  string
	start func(*testing.T) http.Handler
}{
	{"distribution", func(t *testing.T) http.Handler { return distributionHandler(t, true) }},
	{"olareg", func(t *testing.T) http.Handler {
		registry := newOlareg()
		t.Cleanup(func() { assert.NoError(t, registry.Close()) })
		return registry
	}},
	{"ocimem", func(*testing.T) http.Handler { return ociserver.New(ocimem.New(), nil) }},
}

// TestExamHandlers examines a client with registries of other kinds: a pull with each of its requests
// failing. The client notices.
func TestExamHandlers(t *testing.T) {
	image := images.Random(images.Layers(1), images.LayerSize(2048))
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range foreign {
		t.Run(f.name, func(t *testing.T) {
			result := exam.Sweep(t, exam.Scenario{
				Setup: func(t testing.TB, reg *registrytest.Registry) { reg.Push(t, "app:v1", image) },
				Run: func(ctx context.Context, trial *exam.Trial) error {
					pulled, err := ggcr.Pull(trial.Ref("app:v1"), ggcrOptions(ctx, trial)...)
					if err != nil {
						return err
					}
					trial.Got, err = ggcr.Digest(trial.Ref("app:v1"), ggcrOptions(ctx, trial)...)
					if err == nil {
						err = ggcr.SaveOCI(pulled, trial.Dir())
					}
					return err
				},
				Check: func(_ context.Context, trial *exam.Trial) error {
					if trial.Got != want.String() {
						return fmt.Errorf("the digest is %v, not %s", trial.Got, want)
					}
					return nil
				},
				Loopback: true,
			}, exam.WithHandler(func() http.Handler { return f.start(t) }),
				exam.WithEffects(chosenEffects("503", "close-body", "corrupt")...))
			assert.Greater(t, len(result.Cells), 8)
		})
	}
}

// chosenEffects returns those of the default effects with these names.
func chosenEffects(names ...string) (chosen []exam.Effect) {
	for _, name := range names {
		for _, e := range exam.DefaultEffects() {
			if e.Name == name {
				chosen = append(chosen, e)
			}
		}
	}
	return chosen
}
