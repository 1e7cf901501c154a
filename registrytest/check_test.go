package registrytest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

func TestCheck(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	reg.Check(t)
	app := reg.Push(t, "app:v1", images.Random())
	reg.Check(t)
	require.NoError(t, reg.Store().DeleteBlob(t.Context(), "app", app.Layers[0].Digest))
	upload, err := reg.Store().NewUpload(t.Context(), "app", digest.SHA256)
	require.NoError(t, err)

	failed := runTest(func(t testing.TB) {
		reg.Check(t)
		t.Log("the test goes on")
	})
	assert.NotEmpty(t, failed.logs)
	require.Len(t, failed.failures, 1)
	found := strings.Split(failed.failures[0], "\n")
	require.Len(t, found, 3)
	assert.Equal(t, "registrytest: the content is not consistent:", found[0])
	assert.Contains(t, found[1], "app: manifest "+string(app.Digest)+": refers to "+string(app.Layers[0].Digest))
	assert.Equal(t, "upload "+upload.ID()+" is open", found[2])

	require.NoError(t, upload.Cancel(t.Context()))
	require.Panics(t, func() { reg.Check(nil) })
	reg.SetOptions(registry.Options{AllowSparse: true})
	reg.Check(t)
}

func ExampleRegistry_Check() {
	// In a test file this is func TestPush(t *testing.T).
	test := func(t testing.TB) {
		reg := registrytest.New(t)
		response, err := reg.Client().Post(reg.URL()+"/v2/app/blobs/uploads/?digest="+string(digest.FromString("hello")), "", strings.NewReader("hello"))
		require.NoError(t, err)
		defer response.Body.Close()
		reg.Check(t) // all that the client pushed is right, and nothing is half done
		fmt.Println(response.Status)
	}
	runTest(test)
	// Output: 201 Created
}
