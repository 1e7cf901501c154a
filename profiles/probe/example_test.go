package probe_test

import (
	"context"
	"fmt"

	"github.com/ocifake/ocifake/profiles/probe"
	"github.com/ocifake/ocifake/registrytest"
)

func ExampleRun() {
	reg, err := registrytest.Start(registrytest.WithProfile("zot"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close()
	facts, _, err := probe.Run(context.Background(), probe.Target{URL: reg.URL()})
	for _, fact := range facts {
		if fact.Trait == "blob.mount" {
			fmt.Println(fact.Trait, fact.Value, err)
		}
	}
	// Output: blob.mount any <nil>
}
