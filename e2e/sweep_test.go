package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sweepScenario is what clients do while the registry fails.
type sweepScenario struct {
	name  string
	can   func(client) bool
	setup func(testing.TB, *registrytest.Registry, content)
	run   func(client, *session, content, *registrytest.Trial) error
	check func(context.Context, content, *registrytest.Trial) error
}

// The repositories of a sweep.
const sweepFrom, sweepTo, sweepTag = "sweep/from", "sweep/to", "1.0.0"

var sweepScenarios = []sweepScenario{
	{
		name:  "pull",
		can:   func(c client) bool { return c.pull != nil },
		setup: loadsImage,
		run: func(c client, s *session, _ content, trial *registrytest.Trial) error {
			dir := trial.Dir()
			trial.Got = dir
			return c.pull(s, s.ref(sweepFrom, sweepTag), dir)
		},
		check: hasPulled,
	},
	{
		name:  "push",
		can:   func(c client) bool { return c.push != nil },
		setup: func(testing.TB, *registrytest.Registry, content) {},
		run: func(c client, s *session, image content, _ *registrytest.Trial) error {
			return c.push(s, image, s.ref(sweepTo, sweepTag))
		},
		check: hasPushed,
	},
	{
		name:  "copy",
		can:   func(c client) bool { return c.copy != nil },
		setup: loadsImage,
		run: func(c client, s *session, _ content, _ *registrytest.Trial) error {
			return c.copy(s, s.ref(sweepFrom, sweepTag), s.ref(sweepTo, sweepTag))
		},
		check: hasPushed,
	},
}

func loadsImage(t testing.TB, reg *registrytest.Registry, image content) {
	reg.Load(t, image.dir, sweepFrom)
}

// hasPulled checks that a client has what an image consists of, every byte.
func hasPulled(_ context.Context, image content, trial *registrytest.Trial) error {
	files, err := filepath.Glob(filepath.Join(trial.Got.(string), ocispec.ImageBlobsDir, "*", "*"))
	if err != nil {
		return err
	}
	got := map[digest.Digest][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		got[digest.Digest(filepath.Base(filepath.Dir(file))+":"+filepath.Base(file))] = data
	}
	for _, d := range slices.Sorted(maps.Keys(image.blobs)) {
		switch data, ok := got[d]; {
		case !ok:
			return fmt.Errorf("%.19s was not pulled", d)
		case !bytes.Equal(data, image.blobs[d]):
			return fmt.Errorf("%.19s was pulled with other bytes", d)
		}
	}
	return nil
}

// hasPushed checks that the tag is on the image. That all of it is there, and as it
// should be, every sweep checks.
func hasPushed(ctx context.Context, image content, trial *registrytest.Trial) error {
	m, err := trial.Store().Manifest(ctx, sweepTo, sweepTag)
	if err != nil {
		return err
	}
	if m.Descriptor.Digest != image.root.Digest {
		return fmt.Errorf("the tag is on %.19s, not on %.19s", m.Descriptor.Digest, image.root.Digest)
	}
	return nil
}

// newSweepImage makes an image of three small layers, the same always.
func newSweepImage(t *testing.T) content {
	t.Helper()
	b := newBuilder(t, digest.SHA256)
	var layers []ocispec.Descriptor
	var ids []digest.Digest
	for i, size := range []int{3000, 2000, 1000} {
		layers = append(layers, b.blob(ocispec.MediaTypeImageLayer, random(size, "sweep", fmt.Sprint(i))))
		ids = append(ids, layers[i].Digest)
	}
	return b.close(sweepTag, b.manifest(b.json(ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: ids},
	}), layers...))
}

// TestSweep lets every request of a client fail in every way, and compares what the
// client makes of it with the tables in testdata/sweep. What clients get wrong
// stands there, below the tables. OCIFAKE_UPDATE=1 writes them anew.
func TestSweep(t *testing.T) {
	image := newSweepImage(t)
	for _, c := range []client{goContainerregistry, orasGo, regclientGo, containerd} {
		for _, scenario := range sweepScenarios {
			if !scenario.can(c) {
				continue
			}
			t.Run(c.name+"-"+scenario.name, func(t *testing.T) {
				begin := time.Now()
				result := registrytest.Sweep(t, registrytest.Scenario{
					Setup: func(t testing.TB, reg *registrytest.Registry) { scenario.setup(t, reg, image) },
					Run: func(ctx context.Context, trial *registrytest.Trial) error {
						return scenario.run(c, sweepSession(t, ctx, trial), image, trial)
					},
					Check: func(ctx context.Context, trial *registrytest.Trial) error {
						return scenario.check(ctx, image, trial)
					},
				}, registrytest.SweepReportOnly(), registrytest.SweepEffects(sweepEffects(c)...))
				t.Logf("%d cells took %v", len(result.Cells)-result.Count(registrytest.Senseless), time.Since(begin).Round(time.Millisecond))
				if result.Complete() {
					requireSweep(t, filepath.Join("testdata", "sweep", c.name+"-"+scenario.name+".txt"), result.Text())
				}
			})
		}
	}
}

// sweepEffects are the effects that a client can be tried with.
func sweepEffects(c client) []registrytest.SweepEffect {
	effects := registrytest.DefaultSweepEffects()
	switch c.name {
	case regclientGo.name: // asks DNS for the host that it is redirected to
		effects = slices.DeleteFunc(effects, func(e registrytest.SweepEffect) bool { return e.Name == "redirect" })
	case containerd.name:
		for i := range effects {
			effects[i] = settled(effects[i])
		}
	}
	return effects
}

// settled leaves out what comes out now one way and now the other: if a push that
// containerd tries again is answered before all of it was read, a select of its
// push writer takes either the next request or the bytes left for the last one. That
// hits blobs most of the time, and a manifest now and then.
func settled(e registrytest.SweepEffect) registrytest.SweepEffect {
	if !slices.Contains([]string{"500", "503", "429", "close"}, e.Name) {
		return e
	}
	return registrytest.SweepEffect{Name: e.Name, At: func(p registrytest.SweepPoint) faults.Effect {
		if p.Op == op.UploadCommit || p.Op == op.ManifestPut {
			return nil
		}
		return e.Effect
	}}
}

// sweepSession is a client at work in a trial. Each request has a connection of its
// own: net/http by itself tries again what fails on one that was used before, and
// which requests those are hangs on the order of parallel ones.
func sweepSession(t *testing.T, ctx context.Context, trial *registrytest.Trial) *session {
	base, err := url.Parse(trial.URL())
	if err != nil {
		panic(err) // it is the registry's own
	}
	transport := trial.Transport().Clone()
	transport.DisableKeepAlives = true
	return &session{t: t, ctx: ctx, inTurn: true, target: &target{
		base: base, transport: transport, direct: trial.Client(), registry: trial.Registry,
		requests: func(*testing.T) record.Log { return trial.Requests() },
	}}
}

// requireSweep compares a table with that in a file, or writes it.
func requireSweep(t *testing.T, file, table string) {
	t.Helper()
	if os.Getenv("OCIFAKE_UPDATE") == "1" {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(table), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), table)
}
