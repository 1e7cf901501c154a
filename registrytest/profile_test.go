package registrytest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// everybody lets everybody do everything.
var everybody = registrytest.WithAuth(auth.Options{Rules: []auth.Rule{{}}})

func send(t *testing.T, reg *registrytest.Registry, method, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, reg.URL()+path, nil)
	require.NoError(t, err)
	client := reg.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response
}

func TestWithProfile(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithProfile("ecr"))
	assert.Equal(t, "ecr", reg.Profile().Name)
	response := send(t, reg, http.MethodGet, "/v2/")
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	assert.True(t, strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Basic "), "of ECR")

	open := registrytest.New(t, registrytest.WithProfile("ecr"), everybody)
	open.Push(t, "lib:v1", images.Random())
	assert.Equal(t, "text/plain; charset=utf-8", send(t, open, http.MethodGet, "/v2/lib/tags/list").Header.Get("Content-Type"))
}

// The record marks what a trait decided, and the journal explains it.
func TestProfileMarksTraits(t *testing.T) {
	p, err := profiles.Read([]byte(`{"name":"mine","title":"Mine","facts":[
		{"trait":"blob.mount","value":"referenced","seen":"it refuses other mounts.","source":"mine#1","grade":"R"},
		{"trait":"manifest.missing","value":"403 DENIED","seen":"403","source":"mine#2","grade":"R"},
		{"trait":"blob.redirect","value":307,"seen":"a redirect","source":"mine#3","grade":"R"}]}`))
	require.NoError(t, err)
	reg := registrytest.New(t, registrytest.WithCustomProfile(p))
	pushed := reg.Push(t, "lib:v1", images.Random())
	loose := reg.PushBlob(t, "lib", strings.NewReader("no manifest refers to it"))
	assert.Equal(t, http.StatusAccepted, send(t, reg, http.MethodPost, "/v2/app/blobs/uploads/?mount="+string(loose.Digest)+"&from=lib").StatusCode)
	assert.Equal(t, http.StatusCreated, send(t, reg, http.MethodPost, "/v2/app/blobs/uploads/?mount="+string(pushed.Config.Digest)+"&from=lib").StatusCode)
	assert.Equal(t, http.StatusForbidden, send(t, reg, http.MethodGet, "/v2/lib/manifests/v2").StatusCode)
	redirect := send(t, reg, http.MethodGet, "/v2/lib/blobs/"+string(loose.Digest))
	assert.Equal(t, http.StatusTemporaryRedirect, redirect.StatusCode)
	var traits [][]string
	for _, x := range reg.Requests() {
		assert.Empty(t, x.Faults)
		traits = append(traits, x.Traits)
	}
	assert.Equal(t, [][]string{{"blob.mount"}, nil, {"manifest.missing"}, {"blob.redirect"}}, traits)
	assert.Equal(t, "Mine: it refuses other mounts (mine#1)", p.Explain("blob.mount"))
	assert.Contains(t, reg.Requests().Journal(), "trait manifest.missing")
}

// The rules of a profile are behind the user's, which Clear removes, and they are not unfired.
func TestProfileRulesAreALayer(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithProfile("dockerhub"), registrytest.WithAuth(auth.Options{
		Users: map[string]string{"ann": "secret"}, Rules: []auth.Rule{{}}, Token: &auth.TokenOptions{},
	}))
	reg.Push(t, "app:v1", images.Random())
	get := func() *http.Response { return send(t, reg, http.MethodGet, "/v2/app/manifests/v1") }
	assert.Equal(t, "99;w=21600", get().Header.Get("RateLimit-Remaining"))
	reg.Inject(t, faults.On(op.ManifestGet).Times(1).Do(faults.Status(503)))
	assert.Equal(t, http.StatusServiceUnavailable, get().StatusCode)
	assert.Equal(t, "98;w=21600", get().Header.Get("RateLimit-Remaining"), "the profile did not see the failed one")
	reg.Faults().Clear()
	assert.Equal(t, "97;w=21600", get().Header.Get("RateLimit-Remaining"))
	assert.Len(t, reg.Requests(record.Op(op.ManifestGet)), 4)
}

// A token endpoint can be elsewhere, and the default path is then unknown.
func TestProfileTokenPath(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithProfile("ghcr"))
	challenge := send(t, reg, http.MethodGet, "/v2/").Header.Get("WWW-Authenticate")
	assert.Equal(t, `Bearer realm="`+reg.URL()+`/token",service="ghcr.io"`, challenge)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, reg.URL()+"/token?service=ghcr.io&scope=repository:app:pull", nil)
	require.NoError(t, err)
	login := reg.Login(t, "ann")
	r.SetBasicAuth(login.Username, login.Password)
	response, err := reg.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, http.StatusUnauthorized, send(t, reg, http.MethodGet, "/v2/token?service=ghcr.io").StatusCode, "it is any path")
	assert.Len(t, reg.Requests(record.Op(op.Token)), 1)
}

func TestForEachProfile(t *testing.T) {
	seen := make(chan string, 100)
	t.Run("all", func(t *testing.T) {
		registrytest.ForEachProfile(t, func(t *testing.T, reg *registrytest.Registry) {
			reg.Push(t, "app:v1", images.Random())
			assert.Equal(t, []string{"v1"}, reg.Tags(t, "app"))
			seen <- reg.Profile().Name
		})
	})
	close(seen)
	var names []string
	for name := range seen {
		names = append(names, name)
	}
	assert.ElementsMatch(t, profiles.Names(), names)
}

func TestProfileRefused(t *testing.T) {
	for want, options := range map[string][]registrytest.Option{
		"dockerhub":                {registrytest.WithProfile("dockerhud")},
		"given twice":              {registrytest.WithProfile("ecr"), registrytest.WithProfile("ghcr")},
		"WithHandler excludes":     {registrytest.WithProfile("zot"), registrytest.WithHandler(http.NotFoundHandler())},
		"WithCustomProfile of nil": {registrytest.WithCustomProfile(nil)},
	} {
		_, err := registrytest.Start(options...)
		assert.ErrorContains(t, err, want)
	}
}

// Options that are not zero replace those of the profile.
func TestProfileOptions(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithProfile("quay"), registrytest.WithOptions(registry.Options{PageSize: 7}))
	assert.Equal(t, 7, reg.Options().PageSize)
	assert.True(t, reg.Options().Dialect.AbsoluteUpload)
}

func ExampleWithProfile() {
	reg, err := registrytest.Start(registrytest.WithProfile("quay"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close()
	response, err := reg.Client().Get(reg.URL() + "/v2/")
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	fmt.Println(reg.Profile().Title, response.StatusCode)
	// Output: Quay 401
}

func ExampleForEachProfile() {
	test := func(t *testing.T) {
		registrytest.ForEachProfile(t, func(t *testing.T, reg *registrytest.Registry) {
			reg.Push(t, "app:v1", images.Random())
			// Run the client on reg.Ref("app:v1"), with the login of reg.Login(t, "ci").
		}, "ecr", "ghcr")
	}
	_ = test
}

// TestProfileUploadPath: the Location of an upload has another path, which is accepted by the
// registry and by what is in front of it: authentication, rules and the record.
func TestProfileUploadPath(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithProfile("ghcr"), registrytest.WithFaultNames())
	reg.Inject(t, faults.On(op.UploadCommit).Do(faults.SetRequestHeader("X-Edited", "yes")))
	ref, err := name.ParseReference(reg.Ref("app:v1"))
	require.NoError(t, err)
	t.Setenv("DOCKER_CONFIG", reg.Login(t, "ci").DockerConfig(t))
	require.NoError(t, remote.Write(ref, images.Random(), remote.WithAuthFromKeychain(authn.DefaultKeychain)))
	log := reg.Requests(record.Op(op.UploadChunk, op.UploadCommit))
	require.NotEmpty(t, log)
	for _, x := range log {
		assert.Contains(t, x.Target, "/v2/app/blobs/upload/")
		assert.Equal(t, "app", x.Repo)
		assert.Less(t, x.Status, 300)
	}
	assert.Equal(t, []string{"v1"}, reg.Tags(t, "app"))
}

// TestProfileHosts: on a network, the host names of a real registry lead to the one with its
// profile, and its certificate fits them.
func TestProfileHosts(t *testing.T) {
	network := registrytest.NewNetwork()
	hub := registrytest.New(t, registrytest.WithNetwork(network, "hub.example"), registrytest.WithProfile("dockerhub"), registrytest.WithTLS())
	ecr := registrytest.New(t, registrytest.WithNetwork(network, "ecr.example"), registrytest.WithProfile("ecr"), registrytest.WithTLS())
	own := registrytest.New(t, registrytest.WithNetwork(network, "index.docker.io"))
	client := &http.Client{Transport: network.Transport()}
	for host, reg := range map[string]*registrytest.Registry{
		"registry-1.docker.io": hub, "hub.example": hub, "index.docker.io": own,
		"012345678901.dkr.ecr.eu-central-1.amazonaws.com": ecr,
	} {
		before := len(reg.Requests())
		response, err := client.Get("https://" + host + "/v2/")
		require.NoError(t, err, host)
		require.NoError(t, response.Body.Close())
		assert.Len(t, reg.Requests(), before+1, host)
		if reg == hub {
			assert.Contains(t, response.Header.Get("Www-Authenticate"), `Bearer realm="https://`+host+`/token"`)
		}
		assert.Same(t, reg, network.Registry(t, host))
	}
	_, err := client.Get("https://ghcr.io/v2/")
	require.ErrorContains(t, err, "connection refused")
}

// TestProfileStatus: a fault with a status alone answers as the registry of the profile does.
func TestProfileStatus(t *testing.T) {
	message := "no {reference} here"
	reg := registrytest.New(t, registrytest.WithCustomProfile(&profiles.Profile{Name: "mine", Facts: []profiles.Fact{
		{Trait: "answer.shape", Value: "bare"},
		{Trait: "answer.type", Value: "application/problem+json"},
		{Trait: "manifest.missing", Value: "404 GONE", Answer: &registry.Answer{Message: &message, Header: map[string][]string{"X-Mine": {"yes"}}}},
	}}))
	get := func() string {
		response, err := reg.Client().Get(reg.URL() + "/v2/app/manifests/v1")
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return fmt.Sprintf("%d %s %s %s", response.StatusCode, response.Header.Get("Content-Type"), response.Header.Get("X-Mine"), body)
	}
	reg.Push(t, "app:v1", images.Random())
	for _, test := range []struct {
		fault faults.Effect
		want  string
	}{
		{faults.Status(404), `404 application/problem+json yes {"code":"GONE","message":"no v1 here"}`},
		{faults.Status(429), `429 application/problem+json  {"code":"TOOMANYREQUESTS","message":"too many requests"}`},
		{faults.Status(404).Error("DENIED", "mine"), `404 application/json  {"errors":[{"code":"DENIED","message":"mine"}]}`},
		{faults.Status(503), "503 text/plain; charset=utf-8  Service Unavailable\n"},
	} {
		reg.Inject(t, faults.On(op.ManifestGet).Times(1).Do(test.fault))
		assert.Equal(t, test.want, get())
	}
	for _, x := range reg.Requests(record.Faulted()) {
		assert.Empty(t, x.Traits)
	}
}
