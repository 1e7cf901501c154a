package registrytest_test

import (
	"fmt"

	"github.com/ocifake/ocifake/registrytest"
)

// A client that cannot be configured otherwise chooses faults in the reference. Each
// name has its own counts, and the repository under its own name has no faults.
func ExampleWithFaultNames() {
	reg, err := registrytest.Start(registrytest.WithInMemory(), registrytest.WithFaultNames())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close()
	for _, name := range []string{"fault/status-503/times-1/lib/app", "fault/status-503/times-1/lib/app", "lib/app"} {
		response, err := reg.Client().Get(reg.URL() + "/v2/" + name + "/tags/list")
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
		fmt.Println(name, response.StatusCode)
	}
	for _, x := range reg.Requests() {
		fmt.Println(x.Op, x.Repo, x.Status, x.Faults)
	}
	// Output:
	// fault/status-503/times-1/lib/app 503
	// fault/status-503/times-1/lib/app 404
	// lib/app 404
	// tag.list lib/app 503 [fault/status-503/times-1/lib/app]
	// tag.list lib/app 404 []
	// tag.list lib/app 404 []
}
