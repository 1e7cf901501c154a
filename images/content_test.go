package images_test

import (
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registrytest"
)

// A blob of 100 GiB costs no memory, and none of the hour that it would take to
// receive it, if its digest is known.
func ExampleKnownDigest() {
	reg := registrytest.New(nil, registrytest.WithInMemory())
	defer reg.Close()
	content := images.RandomContent(1, 100<<30)
	blob := reg.PushBlob(nil, "app", images.KnownDigest(content, digest.FromString("anything")))
	response, err := reg.Client().Head(reg.URL() + "/v2/app/blobs/" + string(blob.Digest))
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	fmt.Println(response.ContentLength)
	// Output: 107374182400
}

func ExampleRandomContent() {
	p := make([]byte, 4)
	_, err := images.RandomContent(1, 1<<40).ReadAt(p, 1<<39)
	fmt.Printf("%x %v\n", p, err)
	// Output: 2af50558 <nil>
}
