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

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sweepScenario is one kind of work that clients do while the registry fails.
type sweepScenario struct {
	name  string
	can   func(client) bool
	setup func(testing.TB, *registrytest.Registry, content)
	run   func(client, *session, content, *exam.Trial) error
	check func(context.Context, content, *exam.Trial) error
}

// The repositories of a sweep.
const sweepFrom, sweepTo, sweepTag = "sweep/from", "sweep/to", "1.0.0"

var sweepScenarios = []sweepScenario{
	{
		name:  "pull",
		can:   func(c client) bool { return c.pull != nil },
		setup: loadsImage,
		run: func(c client, s *session, _ content, trial *exam.Trial) error {
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
		run: func(c client, s *session, image content, _ *exam.Trial) error {
			return c.push(s, image, s.ref(sweepTo, sweepTag))
		},
		check: hasPushed,
	},
	{
		name:  "copy",
		can:   func(c client) bool { return c.copy != nil },
		setup: loadsImage,
		run: func(c client, s *session, _ content, _ *exam.Trial) error {
			return c.copy(s, s.ref(sweepFrom, sweepTag), s.ref(sweepTo, sweepTag))
		},
		check: hasPushed,
	},
}

func loadsImage(t testing.TB, reg *registrytest.Registry, image content) {
	reg.Load(t, sweepFrom, image.dir)
}

// hasPulled checks that a client has every byte of an image.
func hasPulled(_ context.Context, image content, trial *exam.Trial) error {
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

// hasPushed checks that the tag refers to the image. Sweep checks that the content is
// consistent.
func hasPushed(ctx context.Context, image content, trial *exam.Trial) error {
	m, err := trial.Store().Manifest(ctx, sweepTo, sweepTag)
	if err != nil {
		return err
	}
	if m.Descriptor.Digest != image.root.Digest {
		return fmt.Errorf("the tag is on %.19s, not on %.19s", m.Descriptor.Digest, image.root.Digest)
	}
	return nil
}

// newSweepImage returns an image with three small layers, which is always the same.
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

// TestSweep lets every request of a client fail in every way, and compares the outcomes
// with the tables in testdata/sweep, which also list the defects of each client.
// OCIFAKE_UPDATE=1 writes the tables.
func TestSweep(t *testing.T) {
	image := newSweepImage(t)
	for _, c := range []client{goContainerregistry, orasGo, regclientGo, containerd} {
		for _, scenario := range sweepScenarios {
			if !scenario.can(c) {
				continue
			}
			t.Run(c.name+"-"+scenario.name, func(t *testing.T) {
				begin := time.Now()
				result := exam.Sweep(t, exam.Scenario{
					Setup: func(t testing.TB, reg *registrytest.Registry) { scenario.setup(t, reg, image) },
					Run: func(ctx context.Context, trial *exam.Trial) error {
						return scenario.run(c, sweepSession(t, ctx, trial), image, trial)
					},
					Check: func(ctx context.Context, trial *exam.Trial) error {
						return scenario.check(ctx, image, trial)
					},
				}, exam.WithReportOnly(), exam.WithEffects(sweepEffects(c)...))
				t.Logf("%d cells took %v", len(result.Cells)-result.Count(exam.NotApplicable), time.Since(begin).Round(time.Millisecond))
				if result.Complete() {
					requireSweep(t, filepath.Join("testdata", "sweep", c.name+"-"+scenario.name+".txt"), result.Text())
				}
			})
		}
	}
}

// sweepEffects returns the effects whose outcome is predictable for a client.
func sweepEffects(c client) []exam.Effect {
	effects := exam.DefaultEffects()
	switch c.name {
	case regclientGo.name: // resolves the hosts of redirects with DNS
		effects = slices.DeleteFunc(effects, func(e exam.Effect) bool { return strings.HasPrefix(e.Name, "redirect") })
	case containerd.name:
		for i := range effects {
			effects[i] = settled(effects[i])
		}
	}
	return effects
}

// settled leaves out points with an unpredictable outcome: if containerd repeats a push
// and the answer arrives before the whole body was read, a select in its push writer
// takes either the next request or the rest of the last one. This mostly affects blobs,
// and sometimes manifests. Its uploads begin in parallel, so that it depends on their order
// which of them is sent again too early.
func settled(e exam.Effect) exam.Effect {
	if !slices.Contains([]string{"500", "503", "429", "close"}, e.Name) {
		return e
	}
	return exam.Effect{Name: e.Name, At: func(p exam.Point) faults.Effect {
		if p.Op == op.UploadStart || p.Op == op.UploadCommit || p.Op == op.ManifestPut {
			return nil
		}
		return e.Effect
	}}
}

// sweepSession returns a session of a client in a trial. Each request has a connection
// of its own: net/http repeats requests that fail on a reused connection, and which
// requests reuse one depends on the order of parallel requests.
func sweepSession(t *testing.T, ctx context.Context, trial *exam.Trial) *session {
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

// requireSweep compares a table with a file, or writes the file.
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
