package exam_test

import (
	"flag"
	"fmt"
	"testing"

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
