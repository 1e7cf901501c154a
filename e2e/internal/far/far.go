// Package far starts a registry that stands for one on the internet, for tests of what is in front
// of it: CNCF distribution over TLS, with tokens of a service at a second origin, and blobs at a
// third.
package far

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/containerd/log"
	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // the authentication "token"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"          // the driver "filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/middleware/redirect" // the middleware "redirect"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registrytest"
)

// User may do everything, and others may pull.
const User, Password = "user", "swordfish"

// Registry is the registry.
type Registry struct {
	URL   string
	CAs   *x509.CertPool
	Blobs atomic.Int64 // that were read from the third origin

	origins []*httptest.Server // of the registry and of its blobs
	service *registrytest.Registry
}

// New starts a registry that ends with the test.
func New(t *testing.T) *Registry {
	t.Helper()
	f := &Registry{}
	f.service = registrytest.New(t, registrytest.WithTLS(), registrytest.WithAuth(auth.Options{
		Users: map[string]string{User: Password}, Token: &auth.TokenOptions{Service: "distribution"},
		Rules: []auth.Rule{{Users: []string{User}}, auth.Anonymous()},
	}))
	f.CAs = f.service.CertPool()
	dir := t.TempDir()
	files := http.FileServer(http.Dir(dir))
	storage := f.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Get("Authorization"), "credentials at a host that they are not for")
		f.Blobs.Add(1)
		files.ServeHTTP(w, r)
	}))
	level := log.GetLevel()
	require.NoError(t, log.SetLevel("panic")) // it logs what it refuses
	t.Cleanup(func() { assert.NoError(t, log.SetLevel(level.String())) })
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem":  configuration.Parameters{"rootdirectory": dir},
			"delete":      configuration.Parameters{"enabled": true},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
		Auth: configuration.Auth{"token": configuration.Parameters{
			"realm": f.service.URL() + op.TokenPath, "service": "distribution", "issuer": "ocifake", "jwks": f.keys(t),
		}},
		Middleware: map[string][]configuration.Middleware{"storage": {{Name: "redirect", Options: configuration.Parameters{"baseurl": storage.URL}}}},
	}
	config.HTTP.Secret = "a secret"
	config.Log.AccessLog.Disabled = true
	app := handlers.NewApp(t.Context(), config)
	t.Cleanup(func() { assert.NoError(t, app.Shutdown()) })
	server := f.serve(t, app)
	f.URL = server.URL
	f.CAs.AddCert(server.Certificate())
	return f
}

// keys returns a file with the keys of the token service.
func (f *Registry) keys(t *testing.T) string {
	t.Helper()
	response, err := f.service.Client().Get(f.service.URL() + op.TokenPath + "/keys")
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	name := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(name, text, 0o600))
	return name
}

// serve serves a handler over TLS.
func (f *Registry) serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	server.StartTLS()
	f.origins = append(f.origins, server)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// Close ends the registry, its token service and the origin of its blobs before the test does.
func (f *Registry) Close(t *testing.T) {
	t.Helper()
	for _, server := range f.origins {
		server.CloseClientConnections()
		server.Close()
	}
	require.NoError(t, f.service.Close())
}

// CAFile returns a file with the certificates of the authorities.
func (f *Registry) CAFile(t *testing.T) string {
	t.Helper()
	var text bytes.Buffer
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.CAs}, DisableKeepAlives: true}
	for _, at := range []string{f.URL, f.service.URL()} {
		response, err := (&http.Client{Transport: transport}).Get(at)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		chain := response.TLS.VerifiedChains[0]
		require.NoError(t, pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: chain[len(chain)-1].Raw}))
	}
	name := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(name, text.Bytes(), 0o600))
	return name
}

// Push pushes an image.
func (f *Registry) Push(t *testing.T, ref string, image v1.Image) {
	t.Helper()
	PushTo(t, f.URL, f.CAs, ref, image)
}

// PushTo pushes an image, as the user, to the registry at a URL.
func PushTo(t *testing.T, url string, cas *x509.CertPool, ref string, image v1.Image) {
	t.Helper()
	front := registrytest.New(t, registrytest.WithUpstream(url), registrytest.WithUpstreamOptions(registrytest.UpstreamOptions{
		CAs: cas, Credentials: func(string) (string, string, error) { return User, Password, nil },
	}))
	front.Push(t, ref, image)
	require.NoError(t, front.Close())
}
