package registrytest_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registrytest"
)

// TestWithoutTest calls all that takes a testing.TB with none: with nil, and with a nil
// pointer, as a variable that was not set is.
func TestWithoutTest(t *testing.T) {
	for name, none := range map[string]testing.TB{
		"nil": nil, "T": (*testing.T)(nil), "B": (*testing.B)(nil), "F": (*testing.F)(nil),
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(none, registrytest.WithInMemory(), registrytest.WithAuth(auth.Options{}))
			defer reg.Close()
			app := reg.Push(none, "app:v1", images.Random())
			manifest, err := reg.Store().Manifest(t.Context(), "app", "v1")
			require.NoError(t, err)
			reg.PushManifest(none, "app", app.MediaType, manifest.Content)
			reg.Push(none, "app", images.Artifact("application/x"))
			reg.Attach(none, "app:v1", images.Artifact("application/x"))
			reg.PushBlob(none, "app", strings.NewReader("blob"))
			reg.Check(none)
			reg.Assert(none).Count(0)
			reg.Require(none).Count(0)
			login := reg.Login(none, "ci")
			dir := login.DockerConfig(none)
			assert.FileExists(t, dir+"/config.json")
			require.NoError(t, os.RemoveAll(dir))
			calls := 0
			reg.Intercept(none, func(http.ResponseWriter, *http.Request, *op.Info) bool { calls++; return false })
			reg.Inject(none, faults.On(op.Ping).Do(faults.Status(503)))
			reg.Inject(none, faults.On(op.TagList).Named("unmet").Times(2).Do(faults.Status(503)))

			_, _, err = get(t.Context(), reg.Client(), reg.URL()+"/v2/")
			require.NoError(t, err)
			assert.Equal(t, 1, calls)

			assert.Panics(t, func() { reg.Load(none, "", "nowhere") })
			assert.Panics(t, func() { reg.Inject(none, faults.On(op.Ping)) })
			assert.Panics(t, func() { reg.Assert(none).Count(0) })
			assert.Panics(t, func() { registrytest.New(none, registrytest.WithInMemory(), registrytest.WithAddr("127.0.0.1:0")) })
			assert.ErrorContains(t, reg.Close(), `fault rule "unmet"`)
			assert.NoError(t, reg.Close())
		})
	}
}
