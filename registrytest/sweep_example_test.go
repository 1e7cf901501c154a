package registrytest_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/registrytest"
)

// runRealTest runs a function as go test runs a test, without its output.
func runRealTest(name string, test func(t *testing.T)) {
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
		result := registrytest.Sweep(t, registrytest.Scenario{
			Setup: func(t testing.TB, reg *registrytest.Registry) {
				reg.Push(t, "app:v1", registrytest.RandomImage(registrytest.Layers(1)))
			},
			Run:   puller{retries: 1}.run, // pulls app:v1
			Check: checkPulled,            // compares it with what the registry has
		}, registrytest.SweepEffects(
			registrytest.SweepEffect{Name: "503", Effect: faults.Status(503)},
			registrytest.SweepEffect{Name: "404", Effect: faults.Status(404)},
			registrytest.SweepEffect{Name: "zeros", Effect: faults.Zeros()},
		))
		table = result.Text()
	}
	runRealTest("TestPull", test)
	fmt.Print(table)
	// Output:
	// 503  404  zeros
	// blob.get_app@sha256:7fe70a50f38b  r/f  f/f  f/f
	// blob.get_app@sha256:f94b86b33ce3  r/f  f/f  f/f
	// manifest.get_app:v1               r/f  f/f  f/f
	//
	// Once / for ever: 3 r recovered, 15 f failed cleanly
}
