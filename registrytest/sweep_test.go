package registrytest_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// ignore takes any error for success.
func ignore(context.Context, *registrytest.Trial, error) error { return nil }

// TestSweepClients lets clients go through sweeps. What comes of each cell is in
// their tables.
func TestSweepClients(t *testing.T) {
	for _, test := range []struct {
		name   string
		client puller
	}{
		{"correct", puller{retries: 2}},
		{"does not try again", puller{}},
		{"swallows errors", puller{failed: ignore}},
		{"skips digests", puller{credulous: true}},
		{"ignores its context", puller{detached: true}},
		{"leaks credentials", puller{credential: "Basic eDp5"}},
		{"panics", puller{failed: func(_ context.Context, _ *registrytest.Trial, err error) error { panic(err) }}},
		{"ends its goroutine", puller{failed: func(context.Context, *registrytest.Trial, error) error {
			testing.TB(&fakeTest{}).FailNow()
			return nil
		}}},
		{"storms", puller{failed: func(ctx context.Context, reg *registrytest.Trial, err error) error {
			for ctx.Err() == nil && err != nil {
				_, _, err = puller{}.try(ctx, reg, "tags/list", "")
				err = errors.Join(err, errors.New("never content"))
			}
			return err
		}}},
		{"deletes", puller{failed: func(ctx context.Context, reg *registrytest.Trial, err error) error {
			request, _ := http.NewRequestWithContext(ctx, http.MethodDelete, reg.URL()+"/v2/app/manifests/v1", nil)
			if response, err := reg.Client().Do(request); err == nil {
				response.Body.Close()
			}
			return err
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := registrytest.Sweep(t, test.client.scenario(), registrytest.SweepReportOnly())
			if result.Complete() {
				requireGolden(t, "sweep/"+strings.ReplaceAll(test.name, " ", "-")+".txt", result.Text())
			}
		})
	}
}

// plainStore is a store that cannot be cloned.
type plainStore struct{ registry.Store }

func TestSweepStore(t *testing.T) {
	for _, test := range []struct {
		name   string
		store  func() registry.Store
		setups int // of a sweep with two cells
	}{
		{"cloned", func() registry.Store { return memstore.New(memstore.Options{}) }, 1},
		{"set up again", func() registry.Store { return plainStore{memstore.New(memstore.Options{})} }, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			scenario, setups := puller{}.scenario(), atomic.Int32{}
			scenario.Setup = func(t testing.TB, reg *registrytest.Registry) {
				setups.Add(1)
				setUpApp(t, reg)
			}
			result := registrytest.Sweep(t, scenario, registrytest.SweepStore(test.store), registrytest.SweepEffects(
				registrytest.SweepEffect{Name: "gone", At: func(p registrytest.SweepPoint) faults.Effect {
					if p.Op == op.ManifestGet {
						return faults.Status(http.StatusGone)
					}
					return nil
				}}))
			assert.Equal(t, 2, result.Count(registrytest.FailedCleanly))
			assert.EqualValues(t, test.setups, setups.Load())
		})
	}
}

// TestSweepTransports sweeps where the effects on connections differ.
func TestSweepTransports(t *testing.T) {
	effects := registrytest.DefaultSweepEffects()
	// In real time, it is the stalls that take as long as they may.
	few := []registrytest.SweepEffect{effects[0], effects[7], {Name: "stall", At: func(p registrytest.SweepPoint) faults.Effect {
		if p.Op != op.ManifestGet {
			return nil
		}
		return faults.Delay(0)
	}}}
	for _, test := range []struct {
		name    string
		opts    []registrytest.SweepOption
		streams bool // the effect on streams makes sense
	}{
		{"memory TLS", []registrytest.SweepOption{registrytest.SweepWith(registrytest.TLS())}, false},
		{"memory HTTP/2", []registrytest.SweepOption{registrytest.SweepWith(registrytest.HTTP2())}, true},
		{"loopback", []registrytest.SweepOption{registrytest.SweepOnLoopback(), registrytest.SweepWithin(10 * time.Second), registrytest.SweepEffects(few...)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := registrytest.Sweep(t, puller{}.scenario(), test.opts...)
			assert.Empty(t, result.Violations())
			assert.Zero(t, result.Count(registrytest.NotReached))
			for _, c := range result.Cells {
				if c.Effect == "reset-stream" {
					assert.Equal(t, test.streams, c.Outcome == registrytest.FailedCleanly, c.String())
				}
				if c.Effect == "stall" && c.Outcome != registrytest.Senseless {
					assert.Equal(t, registrytest.TimedOut, c.Outcome, c.String())
				}
			}
		})
	}
}

// TestSweepPoints has a client whose requests differ in what they are about.
func TestSweepPoints(t *testing.T) {
	result := registrytest.Sweep(t, registrytest.Scenario{
		Setup: func(t testing.TB, reg *registrytest.Registry) {
			reg.PushBlob(t, "team/app", strings.NewReader("{}"))
		},
		Run: func(ctx context.Context, reg *registrytest.Trial) error {
			for range 2 {
				for _, request := range []string{
					"GET /v2/team/app/tags/list", "GET /v2/", "POST /v2/team/app/blobs/uploads/",
					"HEAD /v2/team/app/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
				} {
					method, target, _ := strings.Cut(request, " ")
					r, err := http.NewRequestWithContext(ctx, method, reg.URL()+target, nil)
					if err != nil {
						return err
					}
					response, err := reg.Client().Do(r)
					if err != nil {
						return err
					}
					response.Body.Close()
				}
			}
			return nil
		},
		Check: func(context.Context, *registrytest.Trial) error { return nil },
	}, registrytest.SweepEffects(registrytest.SweepEffect{Name: "500", Effect: faults.Status(500)},
		registrytest.DefaultSweepEffects()[6]))
	names := []string{}
	for _, p := range result.Points {
		names = append(names, p.String())
	}
	assert.Equal(t, []string{
		"ping", "ping,2",
		"blob.head_team/app@sha256:44136fa355b3", "blob.head_team/app@sha256:44136fa355b3,2",
		"upload.start_team/app", "upload.start_team/app,2",
		"tag.list_team/app", "tag.list_team/app,2",
	}, names)
	assert.Equal(t, []string{"500", "close-body"}, result.Effects)
	for _, c := range result.Cells {
		hasBody := c.Point.Op == op.Ping || c.Point.Op == op.TagList
		assert.Equal(t, c.Effect == "close-body" && !hasBody, c.Outcome == registrytest.Senseless, c.String())
	}
}

// TestSweepNotReached has a client that does nothing when it is run again.
func TestSweepNotReached(t *testing.T) {
	for _, test := range []struct {
		name    string
		err     error
		outcome registrytest.SweepOutcome
	}{
		{"without an error", nil, registrytest.NotReached},
		{"with an error", errors.New("not today"), registrytest.Violated},
	} {
		t.Run(test.name, func(t *testing.T) {
			runs := atomic.Int32{}
			scenario := puller{}.scenario()
			scenario.Run = func(ctx context.Context, reg *registrytest.Trial) error {
				if runs.Add(1) > 1 {
					return test.err
				}
				return puller{}.run(ctx, reg)
			}
			scenario.Check = func(context.Context, *registrytest.Trial) error { return nil }
			result := registrytest.Sweep(t, scenario, registrytest.SweepReportOnly(),
				registrytest.SweepEffects(registrytest.SweepEffect{Name: "500", Effect: faults.Status(500)}))
			assert.True(t, result.Complete())
			assert.Equal(t, len(result.Cells), result.Count(test.outcome))
		})
	}
}

func TestSweepHTML(t *testing.T) {
	result := registrytest.Sweep(t, puller{credulous: true}.scenario(), registrytest.SweepReportOnly(), registrytest.SweepInTurn())
	if !result.Complete() {
		return
	}
	page := result.HTML()
	for _, want := range []string{
		`<title>Sweep: TestSweepHTML</title>`,
		`<span class="failed-cleanly">failed cleanly: `,
		`<th>wrong-digest</th>`,
		`<th>manifest.get_app:v1</th>`,
		"title=\"500, once: failed cleanly\n500 Internal Server Error\"",
		`<pre>manifest.get_app:v1/corrupt/once:`,
	} {
		assert.Contains(t, page, want)
	}
	for _, other := range []string{"src=", "http://", "https://", "<script"} {
		assert.NotContains(t, strings.ReplaceAll(page, "http://use-registry-transport.test", ""), other)
	}
	links := regexp.MustCompile(`href="#([^"]*)">X</a>`).FindAllStringSubmatch(page, -1)
	assert.Len(t, links, len(result.Violations()))
	for _, link := range links {
		assert.Contains(t, page, `<h2 id="`+link[1]+`">`)
	}
}
