package exam_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

// sweepVariable names the sweep that a child process runs.
const sweepVariable = "OCIFAKE_TEST_SWEEP"

// failingSweeps run in child processes, because they fail or leave goroutines behind.
var failingSweeps = map[string]struct {
	scenario exam.Scenario
	pattern  string   // for the flag -run; by default the whole test
	want     []string // patterns in the output
	not      string
}{
	"violated": {
		scenario: puller{credulous: true}.scenario(),
		want: []string{
			`--- FAIL: TestSweepFailing/manifest\.get_app:v1/corrupt/once`,
			`--- PASS: TestSweepFailing/manifest\.get_app:v1/500/forever`,
			`    accepted a lie: Run returned no error, but Check failed .*: sha256:\w+ was not pulled as it is`,
			`fault: \{"name":"corrupt","where":"op=manifest.get repo=app tag=v1","times":1,"do":\[\{"corrupt":\{"offset":\d+\}\}\]\}`,
			`journal:\n.*\n.* manifest\.get  app:v1 .*fault corrupt`,
			`go test -run '\^TestSweepFailing\$/\^manifest\\\.get_app:v1\$/\^corrupt\$/\^once\$'`,
		},
	},
	"one cell": {
		scenario: puller{credulous: true}.scenario(),
		pattern:  `^TestSweepFailing$/^manifest\.get_app:v1$/^corrupt$/^once$`,
		want:     []string{`--- FAIL: TestSweepFailing/manifest\.get_app:v1/corrupt/once`, `to run it again`},
		not:      "/forever",
	},
	"without a fault": {
		scenario: exam.Scenario{
			Run:   func(context.Context, *exam.Trial) error { return errors.New("no such host") },
			Check: func(context.Context, *exam.Trial) error { return nil },
		},
		want: []string{`the run without a fault failed:\n\s+fails without a fault: Run returned an error: no such host\n\s+journal:\n\s+no requests`},
	},
	"one page": {
		scenario: (&client{bug: "reads one page only"}).scenario("list"),
		want:     []string{`hid a failure: Run returned no error, but Check failed: not all tags were listed`},
	},
	"first Location": {
		scenario: (&client{bug: "uses the first Location for all"}).scenario("push"),
		want:     []string{`uses an old Location: the registry answered with a newer Location: upload\.chunk target`},
	},
	"own Location": {
		scenario: (&client{bug: "builds the Location itself"}).scenario("push"),
		want:     []string{`BLOB_UPLOAD_UNKNOWN`},
	},
	"no body closed": {
		scenario: exam.Scenario{
			Setup: setUpApp,
			Run: func(ctx context.Context, reg *exam.Trial) error {
				for range 3 {
					request, err := http.NewRequestWithContext(ctx, http.MethodGet, reg.URL()+"/v2/app/manifests/v1", nil)
					if err != nil {
						return err
					}
					if _, err := reg.Client().Do(request); err != nil {
						return err
					}
				}
				return nil
			},
			Check: func(context.Context, *exam.Trial) error { return nil },
		},
		want: []string{`leaves connections open: connections are in use after Run returned`},
	},
	"no request": {
		scenario: exam.Scenario{
			Run:   func(context.Context, *exam.Trial) error { return nil },
			Check: func(context.Context, *exam.Trial) error { return nil },
		},
		want: []string{`the client sent no request`},
	},
	"no check": {
		scenario: exam.Scenario{Run: puller{}.run},
		want:     []string{`the scenario needs Run and Check`},
	},
	"leak": {
		scenario: puller{failed: func(_ context.Context, _ *exam.Trial, err error) error {
			go forgotten(make(chan int))
			return err
		}}.scenario(),
		pattern: `^TestSweepFailing$/^manifest\.get_app:v1$/^404$`,
		want:    []string{`leaves goroutines behind: they remain when the trial has ended\n\s+deadlock`, `exam_test\.forgotten`},
	},
	"storm": {
		scenario: puller{failed: func(_ context.Context, reg *exam.Trial, err error) error {
			for err != nil {
				_, _, err = puller{}.try(context.Background(), reg, "manifests/v2", "")
			}
			return err
		}}.scenario(),
		pattern: `^TestSweepFailing$/^manifest\.get_app:v1$/^404$/^once$`,
		want:    []string{`hung: Run has not returned 1m0s after its context ended\n\s+floods the registry: more than 240 requests without a pause`},
	},
}

// TestSweepFrozenBubble runs TestSweepFrozen in a child process, where the bubble that
// it leaves behind does no harm.
func TestSweepFrozenBubble(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^TestSweepFrozen$")
	child.Env = append(os.Environ(), sweepVariable+"=frozen")
	output, _ := child.CombinedOutput() // goleak finds what the bubble has left
	assert.Contains(t, string(output), "--- PASS: TestSweepFrozen (")
}

func forgotten(c chan int) { <-c }

// TestSweepFailing is run in the child processes of TestSweepFailures.
func TestSweepFailing(t *testing.T) {
	name := os.Getenv(sweepVariable)
	if name == "" {
		t.Skip("TestSweepFailures runs it")
	}
	exam.Sweep(t, failingSweeps[name].scenario)
}

func TestSweepFailures(t *testing.T) {
	for name, test := range failingSweeps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := test.pattern
			if pattern == "" {
				pattern = "^TestSweepFailing$"
			}
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", pattern)
			child.Env = append(os.Environ(), sweepVariable+"="+name)
			output, err := child.CombinedOutput()
			var failed *exec.ExitError
			require.ErrorAs(t, err, &failed, "%s", output)
			for _, want := range test.want {
				assert.Regexp(t, regexp.MustCompile(want), string(output))
			}
			if test.not != "" {
				assert.NotContains(t, string(output), test.not)
			}
		})
	}
}

// TestSweepFrozen has a client that waits for the registry while it holds a mutex that
// its other goroutine waits for, so that virtual time stands still.
func TestSweepFrozen(t *testing.T) {
	if os.Getenv(sweepVariable) != "frozen" {
		t.Skip("TestSweepFrozenBubble runs it")
	}
	scenario := puller{}.scenario()
	scenario.Run = func(ctx context.Context, reg *exam.Trial) error {
		var mu sync.Mutex
		errs := make(chan error, 2)
		for range cap(errs) {
			go func() {
				mu.Lock()
				defer mu.Unlock()
				errs <- puller{}.run(ctx, reg)
			}()
		}
		return errors.Join(<-errs, <-errs)
	}
	result := exam.Sweep(t, scenario, exam.WithEffects(exam.Effect{Name: "stall", At: func(p exam.Point) faults.Effect {
		if p.Op != op.ManifestGet || p.Occurrence > 1 {
			return nil
		}
		return faults.Delay(0)
	}}), exam.WithQuietLimit(3*time.Second), exam.WithLoopbackLimit(5*time.Second))
	assert.Equal(t, 2, result.Count(exam.TimedOut))
	require.Len(t, result.Notes, 1)
	assert.Regexp(t, `^virtual time stood still in manifest\.get_app:v1/stall/(once|forever): one bubble was abandoned, `+
		`and all further runs were on loopback, in real time$`, result.Notes[0])
}
