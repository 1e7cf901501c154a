package exam_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// ignore treats every error as success.
func ignore(context.Context, *exam.Trial, error) error { return nil }

// TestSweepClients sweeps clients with different defects, every second one by default. The outcome
// of each cell is in the client's table in testdata.
func TestSweepClients(t *testing.T) {
	type defect struct {
		name   string
		client puller
	}
	for _, test := range thorough.Sample([]defect{
		{"correct", puller{retries: 2}},
		{"does not try again", puller{}},
		{"swallows errors", puller{failed: ignore}},
		{"skips digests", puller{credulous: true}},
		{"ignores its context", puller{detached: true}},
		{"leaks credentials", puller{credential: "Basic eDp5"}},
		{"panics", puller{failed: func(_ context.Context, _ *exam.Trial, err error) error { panic(err) }}},
		{"ends its goroutine", puller{failed: func(context.Context, *exam.Trial, error) error {
			runtime.Goexit()
			return nil
		}}},
		{"storms", puller{failed: func(ctx context.Context, reg *exam.Trial, err error) error {
			for ctx.Err() == nil && err != nil {
				_, _, err = puller{}.try(ctx, reg, "tags/list", "")
				err = errors.Join(err, errors.New("never content"))
			}
			return err
		}}},
		{"deletes", puller{failed: func(ctx context.Context, reg *exam.Trial, err error) error {
			request, _ := http.NewRequestWithContext(ctx, http.MethodDelete, reg.URL()+"/v2/app/manifests/v1", nil)
			if response, err := reg.Client().Do(request); err == nil {
				response.Body.Close()
			}
			return err
		}}},
	}, 2, 0) {
		t.Run(test.name, func(t *testing.T) {
			opts := []exam.Option{exam.WithReportOnly()}
			if test.name == "storms" { // many requests
				opts = append(opts, only("500", "404", "corrupt")...)
			}
			result := exam.Sweep(t, test.client.scenario(), opts...)
			if result.Complete() {
				requireGolden(t, strings.ReplaceAll(test.name, " ", "-")+".txt", result.Text())
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
		{"set up again", func() registry.Store { return plainStore{memstore.New(memstore.Options{})} }, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			scenario, setups := puller{}.scenario(), atomic.Int32{}
			scenario.Setup = func(t testing.TB, reg *registrytest.Registry) {
				setups.Add(1)
				setUpApp(t, reg)
			}
			result := exam.Sweep(t, scenario, exam.WithStore(test.store), exam.WithEffects(
				exam.Effect{Name: "gone", At: func(p exam.Point) faults.Effect {
					if p.Op == op.ManifestGet {
						return faults.Status(http.StatusGone)
					}
					return nil
				}}))
			assert.Equal(t, 2, result.Count(exam.FailedCleanly))
			assert.EqualValues(t, test.setups, setups.Load())
		})
	}
}

// TestSweepTransports sweeps over the transports on which effects on connections
// differ.
func TestSweepTransports(t *testing.T) {
	t.Parallel() // a stall in real time takes the whole timeout
	effects := exam.DefaultEffects()
	// In real time each stall takes the whole timeout.
	few := []exam.Effect{effects[0], effects[7], {Name: "stall", At: func(p exam.Point) faults.Effect {
		if p.Op != op.ManifestGet {
			return nil
		}
		return faults.Delay(0)
	}}}
	for _, test := range []struct {
		name     string
		loopback bool
		option   exam.Option
		streams  bool // the effect on streams applies
	}{
		{"memory TLS", false, exam.WithRegistry(registrytest.WithTLS()), false},
		{"memory HTTP/2", false, exam.WithRegistry(registrytest.WithHTTP2()), true},
		{"loopback", true, exam.WithEffects(few...), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			scenario := puller{}.scenario()
			if test.loopback {
				scenario.Loopback, scenario.Timeout = true, 10*time.Second
			}
			result := exam.Sweep(t, scenario, test.option)
			assert.Zero(t, result.Count(exam.Violated), result.Text())
			assert.Zero(t, result.Count(exam.NotReached))
			for _, c := range result.Cells {
				if c.Effect == "reset-stream" {
					assert.Equal(t, test.streams, c.Verdict == exam.FailedCleanly, "%s %s", c.Point, c.Effect)
				}
				if c.Effect == "stall" && c.Verdict != exam.NotApplicable {
					assert.Equal(t, exam.TimedOut, c.Verdict, c.Point)
				}
			}
		})
	}
}

// TestSweepPoints has a client whose requests are of several kinds.
func TestSweepPoints(t *testing.T) {
	result := exam.Sweep(t, exam.Scenario{
		Setup: func(t testing.TB, reg *registrytest.Registry) {
			reg.PushBlob(t, "team/app", strings.NewReader("{}"))
		},
		Run: func(ctx context.Context, reg *exam.Trial) error {
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
		Check: func(context.Context, *exam.Trial) error { return nil },
	}, exam.WithEffects(exam.Effect{Name: "500", Effect: faults.Status(500)},
		exam.DefaultEffects()[6]))
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
		assert.Equal(t, c.Effect == "close-body" && !hasBody, c.Verdict == exam.NotApplicable, "%s %s", c.Point, c.Effect)
	}
}

// TestSweepNotReached has a client that sends no request after its first run.
func TestSweepNotReached(t *testing.T) {
	for _, test := range []struct {
		name    string
		err     error
		outcome exam.Verdict
	}{
		{"without an error", nil, exam.NotReached},
		{"with an error", errors.New("not today"), exam.Violated},
	} {
		t.Run(test.name, func(t *testing.T) {
			runs := atomic.Int32{}
			scenario := puller{}.scenario()
			scenario.Run = func(ctx context.Context, reg *exam.Trial) error {
				if runs.Add(1) > 1 {
					return test.err
				}
				return puller{}.run(ctx, reg)
			}
			scenario.Check = func(context.Context, *exam.Trial) error { return nil }
			result := exam.Sweep(t, scenario, exam.WithReportOnly(),
				exam.WithEffects(exam.Effect{Name: "500", Effect: faults.Status(500)}))
			assert.True(t, result.Complete())
			assert.Equal(t, len(result.Cells), result.Count(test.outcome))
		})
	}
}

func TestSweepHTML(t *testing.T) {
	scenario := puller{credulous: true}.scenario()
	scenario.Serial = true
	result := exam.Sweep(t, scenario, exam.WithReportOnly())
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
		`<p>accepted a lie: Run returns no error`,
		`<pre>manifest.get_app:v1/corrupt/once:`,
	} {
		assert.Contains(t, page, want)
	}
	for _, other := range []string{"src=", "http://", "https://", "<script"} {
		assert.NotContains(t, strings.ReplaceAll(page, "http://use-registry-transport.test", ""), other)
	}
	links := regexp.MustCompile(`href="#([^"]*)">X</a>`).FindAllStringSubmatch(page, -1)
	assert.Len(t, links, result.Count(exam.Violated))
	for _, link := range links {
		assert.Contains(t, page, `<h2 id="`+link[1]+`">`)
	}
}
