package registrytest_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// other returns another registry.
func other(opts ...ggcr.Option) http.Handler {
	return ggcr.New(append(opts, ggcr.Logger(log.New(io.Discard, "", 0)))...)
}

// Another registry has the same recording, faults and auth, and content helpers.
func TestWithHandler(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithTLS(), registrytest.WithHandler(other(ggcr.WithReferrersSupport(true))),
		registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}}))
	t.Setenv("DOCKER_CONFIG", reg.Login(t, "ci").DockerConfig(t))
	pushed := reg.Push(t, "team/app:v1", images.Random())
	reg.Attach(t, "team/app:v1", images.Artifact("application/x.sbom"))
	reg.PushBlob(t, "team/app", images.RandomContent(1, 1000))
	assert.Empty(t, reg.Requests(), "helpers make no request")

	reg.Inject(t, faults.On(op.ManifestGet).Times(1).Do(faults.Status(503)))
	ref, transport := remoteRef(t, reg, "team/app:v1")
	image, err := remote.Image(ref, transport, remote.WithAuthFromKeychain(authn.DefaultKeychain))
	require.NoError(t, err)
	require.NoError(t, validate.Image(image))
	reg.Assert(t, record.Op(op.ManifestGet)).AtLeast(2)

	assert.Equal(t, []string{"v1"}, reg.Tags(t, "team/app"))
	require.NoError(t, validate.Image(reg.Image(t, "team/app:v1")))
	assert.Equal(t, pushed.Descriptor, reg.Pushed(t, "team/app:v1").Descriptor)
	reg.Delete(t, "team/app@"+pushed.Layers[0].Digest.String())
}

// Without the referrers API, Attach uses the fallback tag.
func TestWithHandlerWithoutReferrers(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithHandler(other()))
	subject := reg.Push(t, "app:v1", images.Random())
	artifact := reg.Attach(t, "app:v1", images.Artifact("application/x.sbom"))
	assert.Equal(t, artifact.Digest, reg.Pushed(t, "app:sha256-"+subject.Digest.Encoded()).Manifests[0].Digest)
}

// Helpers log in at a handler that asks for it.
func TestWithHandlerLogin(t *testing.T) {
	handler := other()
	guarded := func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "admin" || password != "secret" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}
	reg := registrytest.New(t, registrytest.WithHandler(http.HandlerFunc(guarded)), registrytest.WithHandlerLogin("admin", "secret"))
	reg.Push(t, "app:v1", images.Random())
	reg = registrytest.New(t, registrytest.WithHandler(http.HandlerFunc(guarded)))
	assert.Contains(t, fatal(func(t testing.TB) { reg.Push(t, "app:v1", images.Random()) }), "unexpected status 401 no")
	_, err := registrytest.Start(registrytest.WithHandlerLogin("a", "b"))
	assert.ErrorContains(t, err, "WithHandlerLogin needs WithHandler")
}

// What the distribution API has no way to do is refused, and said.
func TestWithHandlerCannot(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithHandler(other()))
	reg.Push(t, "app:v1", images.Random())
	cannot := "the distribution API cannot"
	assert.Contains(t, fatal(reg.Check), cannot)
	assert.Contains(t, fatal(func(t testing.TB) { reg.Snapshot(t, filepath.Join(t.TempDir(), "x.tar")) }), cannot)
	assert.Contains(t, fatal(reg.Reset), "the handler of WithHandler cannot be restored")
	assert.Contains(t, fatal(func(t testing.TB) { reg.Inject(t, faults.On(op.ManifestPut).Do(faults.Hide(1, 0))) }), "inject")
	assert.PanicsWithValue(t, "registrytest: SetOptions: the handler of WithHandler does not have these options", func() {
		reg.SetOptions(registry.Options{})
	})
	assert.Zero(t, reg.Options())
	for want, opts := range map[string][]registrytest.Option{
		"WithHandler excludes WithOptions":             {registrytest.WithOptions(registry.Options{})},
		"WithHandler excludes WithStore, which is for": {registrytest.WithStore(memstore.New(memstore.Options{}))},
		"WithHandler excludes WithFaultNames":          {registrytest.WithFaultNames()},
	} {
		_, err := registrytest.Start(append(opts, registrytest.WithHandler(other()))...)
		assert.ErrorContains(t, err, want)
	}
	_, err := registrytest.Start(registrytest.WithHandler(nil))
	assert.ErrorContains(t, err, "WithHandler of nil")
}

// NewHandler is the whole chain without a listener.
func TestNewHandler(t *testing.T) {
	reg, err := registrytest.NewHandler(registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}}))
	require.NoError(t, err)
	defer reg.Close()
	mux := http.NewServeMux()
	mux.Handle("/v2/", reg.Handler())
	server := httptest.NewServer(mux)
	defer server.Close()
	reg.Push(t, "app:v1", images.Random())
	require.NoError(t, add(reg, faults.On(op.TagList).BeforeAuth().Times(1).Do(faults.Status(503))))
	for _, want := range []int{503, 401} {
		response, err := server.Client().Get(server.URL + "/v2/app/tags/list")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want, response.StatusCode)
	}
	reg.Assert(t, record.Op(op.TagList)).Count(2)

	for _, rule := range []faults.Rule{
		faults.OnConnect().Do(faults.Refuse()),
		faults.On(op.BlobGet).Do(faults.Reset(1)),
		faults.On(op.BlobGet).Do(faults.Raw("x")),
		faults.On(op.BlobGet).Do(faults.CloseIdle()),
		faults.On(op.BlobGet).Do(faults.GoAway(1)),
		faults.On(op.BlobGet).Do(faults.Redirect(307, "{cdn}")),
	} {
		assert.ErrorContains(t, add(reg, rule), "which a handler in another server's mux does not have")
	}

	for _, option := range []registrytest.Option{registrytest.WithAddr("127.0.0.1:0"), registrytest.WithTLS(), registrytest.WithH2C(), registrytest.WithRequiredClientCerts(),
		registrytest.WithHTTP2(), registrytest.WithNetwork(registrytest.NewNetwork(), "a.example")} {
		_, err := registrytest.NewHandler(option)
		assert.ErrorContains(t, err, "NewHandler has no listener")
	}
}
