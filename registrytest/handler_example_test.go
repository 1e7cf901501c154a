package registrytest_test

import (
	"fmt"
	"io"
	"log"
	"net/http"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// The registry of go-containerregistry, with recording and faults.
func ExampleWithHandler() {
	other := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	reg, err := registrytest.Start(registrytest.WithHandler(other))
	if err != nil {
		log.Fatal(err)
	}
	defer reg.Close()
	reg.Push(nil, "app:v1", images.Random())
	reg.Inject(nil, faults.On(op.TagList).Times(1).Do(faults.Status(http.StatusServiceUnavailable)))
	for range 2 {
		response, err := reg.Client().Get(reg.URL() + "/v2/app/tags/list")
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(response.StatusCode, len(body) > 0)
	}
	fmt.Println(len(reg.Requests(record.Op(op.TagList))), "requests")
	// Output:
	// 503 true
	// 200 true
	// 2 requests
}

func ExampleRegistry_Image() {
	reg, err := registrytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer reg.Close()
	reg.Push(nil, "app:v1", images.Random(images.Layers(2))) // or a client did
	layers, err := reg.Image(nil, "app:v1").Layers()
	fmt.Println(reg.Tags(nil, "app"), len(layers), err)
	// Output:
	// [v1] 2 <nil>
}
