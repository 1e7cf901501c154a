package registrytest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// tokens asks for tokens of the registry's own service.
func tokens() registrytest.Option {
	return registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}, Token: new(auth.TokenOptions)})
}

// redirectBlobs redirects every blob to a second origin.
func redirectBlobs(t *testing.T, reg *registrytest.Registry) {
	reg.Inject(t, faults.On(op.BlobGet).Do(faults.Redirect(http.StatusTemporaryRedirect, "{cdn}")))
}

// pullAs pulls an image as a user, and reads all of it.
func pullAs(t *testing.T, reg *registrytest.Registry, username, password string) error {
	ref, transport := remoteRef(t, reg, "team/app:v1")
	image, err := remote.Image(ref, transport, remote.WithAuth(&authn.Basic{Username: username, Password: password}))
	if err != nil {
		return err
	}
	return validate.Image(image)
}

// A client pulls and pushes through a registry in front of another, which asks for tokens and
// redirects blobs to a second origin: all of it passes here, and faults act in the middle of blobs.
func TestWithUpstream(t *testing.T) {
	behind := registrytest.New(t, registrytest.WithHTTP2(), tokens())
	reg := registrytest.New(t, registrytest.WithUpstream(behind.URL()), registrytest.WithUpstreamOptions(registrytest.UpstreamOptions{CAs: behind.CertPool()}))
	pushed := behind.Push(t, "team/app:v1", images.Random())
	redirectBlobs(t, behind)
	require.NoError(t, pullAs(t, reg, "ci", "secret"))
	reg.Assert(t, record.Op(op.Token)).Count(1)
	reg.Assert(t, record.Op(op.External), record.Repo("team/app"), record.Digest(pushed.Layers[0].Digest)).AtLeast(1)
	for _, x := range behind.Requests(record.Op(op.External)) {
		assert.Empty(t, x.Header.Get("Authorization"))
	}
	assert.ErrorContains(t, pullAs(t, reg, "ci", "wrong"), "UNAUTHORIZED")

	layer := pushed.Layers[0]
	reg.Inject(t, faults.On(op.External).Digest(layer.Digest).Times(1).Do(faults.Reset(layer.Size/2)))
	require.Error(t, pullAs(t, reg, "ci", "secret"))
	require.NoError(t, pullAs(t, reg, "ci", "secret"))
	reg.Assert(t, record.Op(op.External), record.Cut()).Count(1)

	ref, transport := remoteRef(t, reg, "team/app:v2")
	require.NoError(t, remote.Write(ref, images.Random(), transport, remote.WithAuth(&authn.Basic{Username: "ci", Password: "secret"})))
	assert.Equal(t, []string{"v1", "v2"}, behind.Tags(t, "team/app"))
}

// With credentials for the other registry, and users of its own, each side sees its own.
func TestWithUpstreamCredentials(t *testing.T) {
	behind := registrytest.New(t, registrytest.WithTLS(), tokens())
	redirectBlobs(t, behind)
	credentials := func(host string) (string, string, error) {
		assert.Equal(t, behind.Host(), host)
		return "ci", "secret", nil
	}
	reg := registrytest.New(t, registrytest.WithTLS(), registrytest.WithUpstream(behind.URL()),
		registrytest.WithUpstreamOptions(registrytest.UpstreamOptions{CAs: behind.CertPool(), Credentials: credentials}),
		registrytest.WithAuth(auth.Options{Users: map[string]string{"dev": "mine"}}))
	pushed := reg.Push(t, "team/app:v1", images.Random())
	assert.Equal(t, pushed.Digest, behind.Pushed(t, "team/app:v1").Digest)
	require.NoError(t, validate.Image(reg.Image(t, "team/app:v1")))
	reg.Attach(t, "team/app:v1", images.Artifact("application/x.sbom"))
	assert.Equal(t, []string{"v1"}, reg.Tags(t, "team/app"))
	assert.Empty(t, reg.Requests())

	require.NoError(t, pullAs(t, reg, "dev", "mine"))
	require.Error(t, pullAs(t, reg, "ci", "secret"))
	for _, x := range behind.Requests(record.Authenticated(), record.Op(op.Token)) {
		assert.Equal(t, "ci", x.Subject)
	}
	reg.Delete(t, "team/app:v1")
}

// Users of this registry are nobody at the other one.
func TestWithUpstreamUsers(t *testing.T) {
	behind := registrytest.New(t)
	behind.Push(t, "team/app:v1", images.Random())
	reg := registrytest.New(t, registrytest.WithUpstream(behind.URL()), registrytest.WithAuth(auth.Options{Users: map[string]string{"dev": "mine"}}))
	require.NoError(t, pullAs(t, reg, "dev", "mine"))
	require.NotEmpty(t, behind.Requests())
	for _, x := range behind.Requests() {
		assert.Empty(t, x.Header.Get("Authorization"))
	}
}

// An upstream that gives no answer is a 502, and on record.
func TestWithUpstreamFails(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	reg := registrytest.New(t, registrytest.WithUpstream(gone.URL))
	response, err := reg.Client().Get(reg.URL() + "/v2/app/manifests/v1")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	reg.Require(t, record.Op(op.ManifestGet), record.Status("502")).Count(1)
	x := reg.Requests()[0]
	assert.Equal(t, []string{"UNAVAILABLE"}, x.Codes)
	assert.Contains(t, x.UpstreamError, "upstream "+gone.URL+": ")
	assert.Contains(t, reg.Requests().Journal(), x.UpstreamError[:30])
}

// What is for the registry of this module is refused by name.
func TestWithUpstreamCannot(t *testing.T) {
	const at = "https://registry.example"
	for want, opts := range map[string][]registrytest.Option{
		"WithUpstream excludes WithOptions":           {registrytest.WithUpstream(at), registrytest.WithOptions(registry.Options{})},
		"WithUpstream excludes WithProfile":           {registrytest.WithUpstream(at), registrytest.WithProfile("ecr")},
		"WithUpstream excludes WithFaultNames":        {registrytest.WithUpstream(at), registrytest.WithFaultNames()},
		"choose one of WithHandler and WithUpstream":  {registrytest.WithUpstream(at), registrytest.WithHandler(other())},
		"WithUpstreamOptions needs WithUpstream":      {registrytest.WithUpstreamOptions(registrytest.UpstreamOptions{})},
		"WithHandlerLogin needs WithHandler":          {registrytest.WithUpstream(at), registrytest.WithHandlerLogin("a", "b")},
		"WithUpstream: the URL of upstream a contain": {registrytest.WithUpstream("https://a/b")},
	} {
		_, err := registrytest.Start(opts...)
		assert.ErrorContains(t, err, want)
	}
	reg := registrytest.New(t, registrytest.WithUpstream(at))
	for effect, kind := range map[*faults.Rule]string{
		ruleOf(faults.On(op.ManifestPut).Do(faults.Hide(1, 0))):                      "hide",
		ruleOf(faults.On(op.ManifestPut).Do(faults.Vanish())):                        "vanish",
		ruleOf(faults.On(op.BlobGet).Do(faults.Redirect(http.StatusFound, "{cdn}"))): "redirect",
	} {
		assert.ErrorContains(t, add(reg, *effect), kind+" acts on content, and the Store of this registry is not known")
	}
	assert.Contains(t, fatal(reg.Reset), "the upstream registry cannot be restored")
}

func ruleOf(r faults.Rule) *faults.Rule { return &r }

func ExampleWithUpstream() {
	behind, err := registrytest.Start()
	if err != nil {
		panic(err)
	}
	defer behind.Close()
	behind.Push(nil, "app:v1", images.Random())

	reg, err := registrytest.Start(registrytest.WithUpstream(behind.URL()))
	if err != nil {
		panic(err)
	}
	defer reg.Close()
	reg.Inject(nil, faults.On(op.ManifestGet).Times(1).Do(faults.Status(503)))
	ref, err := name.ParseReference(reg.Ref("app:v1"))
	if err != nil {
		panic(err)
	}
	image, err := remote.Image(ref)
	fmt.Println(layersOf(image), err)
	fmt.Println(len(reg.Requests(record.Op(op.ManifestGet))), len(behind.Requests(record.Op(op.ManifestGet))))
	// Output:
	// 3 <nil>
	// 2 1
}

func layersOf(image v1.Image) int {
	layers, err := image.Layers()
	if err != nil {
		return 0
	}
	return len(layers)
}

func ExampleWithUpstreamOptions() {
	options := registrytest.UpstreamOptions{
		Credentials: func(host string) (username, password string, err error) {
			if host != "registry.example" {
				return "", "", nil // anonymous
			}
			return "ci", "secret", nil
		},
		AllowHosts: []string{"minio.internal"},
	}
	reg, err := registrytest.Start(registrytest.WithUpstream("https://registry.example"), registrytest.WithUpstreamOptions(options))
	if err != nil {
		panic(err)
	}
	fmt.Println(reg.Close())
	// Output: <nil>
}
