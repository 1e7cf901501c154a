package exam_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registrytest"
)

// runTest runs a function as go test runs a test, without output.
func runTest(name string, test func(t *testing.T)) {
	verbose := flag.Lookup("test.v").Value
	was := verbose.String()
	defer verbose.Set(was)
	if err := verbose.Set("false"); err != nil {
		panic(err)
	}
	all := func(string, string) (bool, error) { return true, nil }
	testing.RunTests(all, []testing.InternalTest{{Name: name, F: test}})
}

func ExampleSweep() {
	// In a test file this is func TestPull(t *testing.T).
	table := ""
	test := func(t *testing.T) {
		result := exam.Sweep(t, exam.Scenario{
			Setup: func(t testing.TB, reg *registrytest.Registry) {
				reg.Push(t, "app:v1", images.Random(images.Layers(1)))
			},
			Run:   puller{retries: 1}.run, // pulls app:v1
			Check: checkPulled,            // compares it with the content of the registry
		}, exam.WithEffects(
			exam.Effect{Name: "503", Effect: faults.Status(503)},
			exam.Effect{Name: "404", Effect: faults.Status(404)},
			exam.Effect{Name: "zeros", Effect: faults.Zeros()},
		))
		table = result.Text()
	}
	runTest("TestPull", test)
	fmt.Print(table)
	// Output:
	// 503  404  zeros
	// blob.get_app@sha256:7fe70a50f38b  r/f  f/f  f/f
	// blob.get_app@sha256:f94b86b33ce3  r/f  f/f  f/f
	// manifest.get_app:v1               r/f  f/f  f/f
	//
	// Once / forever: 3 r recovered, 15 f failed cleanly
}

// ExampleScorecard_Compare fails only for what got worse.
func ExampleScorecard_Compare() {
	trial := func(name string, verdict exam.Verdict) exam.TrialResult {
		return exam.TrialResult{Group: "faults", Name: name, Action: "pull", Verdict: verdict}
	}
	before := &exam.Scorecard{Client: "puller", Trials: []exam.TrialResult{trial("blob-500", "gave up"), trial("reset-mid-blob", "recovered")}}
	now := &exam.Scorecard{Client: "puller", Trials: []exam.TrialResult{trial("blob-500", "gave up"), trial("reset-mid-blob", "gave up")}}
	fmt.Print(now.Compare(before).Text())
	fmt.Println(before.Grade("", "", ""), now.Grade("", "", ""))
	// Output:
	// Worse than the baseline:
	//   faults/reset-mid-blob/pull: gave up, was recovered
	// Faults as in the baseline: 1
	// F F
}

// ExampleScorecard_UnmarshalJSON keeps a scorecard in a file.
func ExampleScorecard_UnmarshalJSON() {
	card := &exam.Scorecard{Client: "puller", Version: "1.0", Trials: []exam.TrialResult{{Group: "profiles", Name: "ghcr", Action: "pull", Verdict: "passed"}}}
	text, err := card.JSON()
	if err != nil {
		fmt.Println(err)
		return
	}
	var again exam.Scorecard
	if err := json.Unmarshal(text, &again); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(again.Client, again.Trials[0].ID(), again.Trials[0].Verdict)
	// Output: puller profiles/ghcr/pull passed
}

// ExampleRun examines the list of tags of go-containerregistry with three registries.
func ExampleRun() {
	client := exam.Client{
		Name: "crane",
		List: func(ctx context.Context, reg *exam.Trial) ([]string, error) {
			return crane.ListTags(reg.Reference, crane.WithContext(ctx), crane.WithTransport(reg.Transport()),
				crane.WithAuth(&authn.Basic{Username: reg.Username, Password: reg.Password}))
		},
	}
	// In a test file this is func TestClient(t *testing.T).
	test := func(t *testing.T) {
		card := exam.Run(t, client, exam.Only("profiles/ghcr", "profiles/ecr", "profiles/quay"), exam.WithSeed(7))
		for _, r := range card.Trials {
			fmt.Println(r.ID(), r.Verdict)
		}
	}
	runTest("TestClient", test)
	// Output:
	// none/list passed
	// profiles/ecr/list passed
	// profiles/ghcr/list passed
	// profiles/quay/list passed
}

// ExampleAll sweeps all requests, and shows each result when it is there.
func ExampleAll() {
	client := exam.Client{Run: func(_ context.Context, reg *exam.Trial) error {
		answer, err := reg.Client().Get(reg.URL() + "/v2/")
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}}
	trials := 0
	count := func(exam.TrialResult) { trials++ }
	runTest("TestPing", func(t *testing.T) {
		exam.Run(t, client, exam.All(), exam.Only("sweep"), exam.WithProgress(count), exam.WithEffects(exam.DefaultEffects()[:3]...))
	})
	fmt.Println(trials, "trials")
	// Output: 7 trials
}

// ExampleExamine examines a command that is no client.
func ExampleExamine() {
	_, err := exam.Examine(context.Background(), exam.Client{
		Pull: exam.Command{"echo", "pull $OCIFAKE_IMAGE into $OCIFAKE_DIR"}.Run,
		List: exam.Command{"echo", "list the tags of $OCIFAKE_IMAGE"}.List,
	})
	fmt.Println(err)
	// Output: exam: pull: the client sent no request to the registry, which ends the exam
}
