package registrytest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

func ExampleWithAuth() {
	// In a test file this is func TestPull(t *testing.T).
	test := func(t testing.TB) {
		reg := registrytest.New(t, registrytest.WithAuth(auth.Options{
			Users: map[string]string{"alice": "secret"},
			Token: &auth.TokenOptions{},
		}))
		reg.Push(t, "app:v1", images.Random())
		login := crane.WithAuth(&authn.Basic{Username: "alice", Password: "secret"})
		_, err := crane.Digest(reg.Ref("app:v1"), login)
		require.NoError(t, err)
		reg.Assert(t, record.Op(op.Token)).Count(1)
		reg.Assert(t).CredentialsOnlyTo()
		fmt.Println(reg.Requests(record.Op(op.Token))[0].Scopes)
	}
	runTest(test)
	// Output: [repository:app:pull]
}

func ExampleWithAuthenticator() {
	reg := must(registrytest.Start(registrytest.WithAuthenticator(closed{})))
	defer reg.Close()
	fmt.Println(fetch(reg, "/v2/"))
	// Output: 403
}

// closed lets nobody do anything.
type closed struct{}

func (closed) Authenticate(*http.Request) (auth.Identity, error) { return auth.Identity{}, nil }
func (closed) Authorize(context.Context, auth.Identity, auth.Access) error {
	return errors.New("come back tomorrow")
}
func (closed) Challenge(*http.Request, auth.Access, error) []string { return nil }

func ExampleWithClientCerts() {
	reg := must(registrytest.Start(registrytest.WithRequiredClientCerts()))
	defer reg.Close()
	_, err := reg.Client().Get(reg.URL() + "/v2/")
	fmt.Println(err != nil)
	// Output: true
}

func ExampleRegistry_ClientCertificate() {
	reg := must(registrytest.Start(registrytest.WithRequiredClientCerts(), registrytest.WithAuth(auth.Options{CertificateLogin: true})))
	defer reg.Close()
	transport := reg.Transport().Clone()
	transport.TLSClientConfig.Certificates = []tls.Certificate{reg.ClientCertificate("alice")}
	defer transport.CloseIdleConnections()
	ping(&http.Client{Transport: transport}, reg.URL())
	fmt.Println(reg.Requests()[0].Subject)
	// Output:
	// HTTP/1.1 200 OK
	// alice
}

func ExampleRegistry_AuthService() {
	// In a test file this is func TestPush(t *testing.T).
	test := func(t testing.TB) {
		reg := registrytest.New(t, registrytest.WithAuth(auth.Options{Token: &auth.TokenOptions{}}))
		reg.AuthService().Next(auth.Life{Uses: 2}) // then the client must get another token
		login := reg.Login(t, "alice")
		err := crane.Push(images.Random(), reg.Ref("app:v1"), crane.WithJobs(1),
			crane.WithAuth(&authn.Basic{Username: login.Username, Password: login.Password}))
		require.NoError(t, err)
		fmt.Println(len(reg.Requests(record.Op(op.Token))))
	}
	runTest(test)
	// Output: 2
}

func ExampleRegistry_Login() {
	// In a test file this is func TestPull(t *testing.T).
	test := func(t testing.TB) {
		reg := registrytest.New(t, registrytest.WithAuth(auth.Options{}))
		reg.Push(t, "app:v1", images.Random())
		login := reg.Login(t, "alice")
		_, err := crane.Digest(reg.Ref("app:v1"), crane.WithAuth(&authn.Basic{Username: login.Username, Password: login.Password}))
		fmt.Println(err, login.Host == reg.Host())
	}
	runTest(test)
	// Output: <nil> true
}

func ExampleCredentials_DockerConfig() {
	// In a test file this is func TestTool(t *testing.T).
	test := func(t testing.TB) {
		reg := registrytest.New(t, registrytest.WithAuth(auth.Options{}))
		dir := reg.Login(t, "alice").DockerConfig(t)
		// Here: exec.Command("oras", "pull", "--registry-config", filepath.Join(dir, "config.json"), ...)
		_, err := os.Stat(filepath.Join(dir, "config.json"))
		fmt.Println(err)
	}
	runTest(test)
	// Output: <nil>
}

func ExampleRegistry_AuthService_revoke() {
	// In a test file this is func TestPush(t *testing.T).
	test := func(t testing.TB) {
		reg := registrytest.New(t, registrytest.WithAuth(auth.Options{
			Users: map[string]string{"alice": "secret"}, // other passwords would be revoked, too
			Token: &auth.TokenOptions{},
		}))
		reg.Inject(t, faults.On(op.ManifestPut).Named("too late").BeforeAuth().Times(1).Do(faults.RevokeTokens()))
		err := crane.Push(images.Random(), reg.Ref("app:v1"), crane.WithAuth(&authn.Basic{Username: "alice", Password: "secret"}))
		fmt.Println(err)
		fmt.Println(reg.Requests(record.Faulted("too late"))[0].Status, len(reg.Requests(record.Op(op.Token))))
	}
	runTest(test)
	// Output:
	// <nil>
	// 401 2
}
