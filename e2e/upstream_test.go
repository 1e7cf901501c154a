package e2e

import (
	"crypto/x509"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/containerd/log"
	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // the authentication "token"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"          // the driver "filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/middleware/redirect" // the middleware "redirect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

// far is CNCF distribution over TLS, with tokens of a service at a second origin, and blobs at a
// third.
type far struct {
	url     string
	cas     *x509.CertPool
	service *registrytest.Registry // of tokens
	blobs   atomic.Int64           // that were read from the third origin
}

func newFar(t *testing.T) *far {
	t.Helper()
	f := &far{service: registrytest.New(t, registrytest.WithTLS(), registrytest.WithAuth(auth.Options{
		Users: map[string]string{userName: userPassword}, Token: &auth.TokenOptions{Service: "distribution"},
	}))}
	f.cas = f.service.CertPool()
	dir := t.TempDir()
	keys := filepath.Join(t.TempDir(), "keys.json")
	response, err := f.service.Client().Get(f.service.URL() + op.TokenPath + "/keys")
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NoError(t, os.WriteFile(keys, text, 0o600))

	files := http.FileServer(http.Dir(dir))
	storage := secured(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Get("Authorization"), "credentials at a host that they are not for")
		f.blobs.Add(1)
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
			"realm": f.service.URL() + op.TokenPath, "service": "distribution", "issuer": "ocifake", "jwks": keys,
		}},
		Middleware: map[string][]configuration.Middleware{"storage": {{Name: "redirect", Options: configuration.Parameters{"baseurl": storage.URL}}}},
	}
	config.HTTP.Secret = "a secret"
	config.Log.AccessLog.Disabled = true
	app := handlers.NewApp(t.Context(), config)
	t.Cleanup(func() { assert.NoError(t, app.Shutdown()) })
	server := secured(t, app)
	f.url = server.URL
	f.cas.AddCert(server.Certificate())
	return f
}

// secured serves a handler over TLS until the test ends.
func secured(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// front is a registry in front of another, for clients.
func (f *far) front(t *testing.T, options ...registrytest.Option) *target {
	t.Helper()
	reg := registrytest.New(t, append([]registrytest.Option{
		registrytest.WithUpstream(f.url), registrytest.WithUpstreamOptions(registrytest.UpstreamOptions{CAs: f.cas}),
	}, options...)...)
	base, err := url.Parse(reg.URL())
	require.NoError(t, err)
	return &target{base: base, transport: reg.Transport(), direct: reg.Client(), registry: reg, requests: func(*testing.T) record.Log { return reg.Requests() }}
}

// TestUpstreamClients pushes and pulls with clients, unmodified, through a registry in front of CNCF
// distribution, with tokens and with blobs at another host. All of it passes here.
func TestUpstreamClients(t *testing.T) {
	f := newFar(t)
	for _, g := range guests {
		if !slices.Contains([]string{"crane", "oras", "regctl"}, g.name) {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			r := f.front(t)
			before := f.blobs.Load()
			s := g.asUser(t, r)
			c := g.newContent(t, "v1")
			repo := "team/" + g.name
			ref := r.ref(repo, "v1")
			require.NoError(t, g.push(s, c, ref))
			dir := filepath.Join(t.TempDir(), "pulled")
			require.NoError(t, g.pull(s, ref, dir))
			log := r.registry.Requests()
			read := log.Count(record.Op(op.External), record.Repo(repo), record.Status("2xx"))
			assert.Positive(t, read)
			assert.EqualValues(t, f.blobs.Load()-before, read, "every blob passes here")
			assert.Positive(t, log.Count(record.Op(op.Token), record.Status("200")))
			assert.Zero(t, log.Count(record.Status("5xx")), "%s", log)
			for i := range log {
				assert.Empty(t, log[i].UpstreamError)
			}
			host := strings.TrimPrefix(f.url, "https://")
			assert.NotContains(t, strings.ToLower(headers(log)), host, "an address of the registry has passed")
		})
	}
}

func headers(log record.Log) string {
	var b strings.Builder
	for i := range log {
		_ = log[i].ResponseHeader.Write(&b) // never fails
	}
	return b.String()
}

// A fault acts in the middle of a blob that comes from a third origin: the client resumes or begins
// again, and gets the right bytes.
func TestUpstreamFault(t *testing.T) {
	f := newFar(t)
	r := f.front(t)
	i := slices.IndexFunc(guests, func(g guest) bool { return g.name == "crane" })
	g := guests[i]
	s := g.asUser(t, r)
	ref := r.ref("team/app", "v1")
	require.NoError(t, g.push(s, g.newContent(t, "v1"), ref))
	r.registry.Inject(t, faults.On(op.External).Do(faults.Status(http.StatusServiceUnavailable)))
	require.Error(t, g.pull(s, ref, filepath.Join(t.TempDir(), "pulled")))
	r.registry.Assert(t, record.Op(op.External), record.Status("503")).AtLeast(1)
}

// TestUpstreamSpec holds the specification against registries, and against ocifake in front of them:
// both come to the same.
func TestUpstreamSpec(t *testing.T) {
	judged := readVerdicts(t)
	for _, p := range peers {
		if p.name != "distribution" && p.name != "olareg" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			outcomes := func(target spec.Target) map[string]spec.Outcome {
				results, err := spec.Run(t.Context(), target)
				require.NoError(t, err)
				all := map[string]spec.Outcome{}
				for _, r := range results {
					all[r.Statement.ID] = judged.settled(p.name, r)
				}
				// A client that has left a proxy can ask for the status before the registry sees that the chunk broke off.
				all["upload-interrupted"] = races
				return all
			}
			reg := registrytest.New(t, registrytest.WithUpstream(p.start(t).URL))
			want := outcomes(p.start(t))
			if p.name == "olareg" { // gives no answer to n=0 and n=-1, which is a 502 here
				want["server-errors"] = spec.Failed
			}
			assert.Equal(t, want, outcomes(spec.Target{URL: reg.URL(), Client: reg.Client()}))
		})
	}
}

// TestUpstreamConformance runs the official conformance program against registries, and against an
// ocifake in front of them: the same tests pass.
func TestUpstreamConformance(t *testing.T) {
	for _, p := range peers {
		if p.name != "distribution" && p.name != "olareg" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			outcomes := func(target string) report {
				at, err := url.Parse(target)
				require.NoError(t, err)
				r, _ := conformance(t, "OCI_VERSION=1.1", "OCI_TLS=disabled", "OCI_REGISTRY="+at.Host) // it fails if a test does
				return r
			}
			want := outcomes(p.start(t).URL)
			got := outcomes(registrytest.New(t, registrytest.WithUpstream(p.start(t).URL)).URL())
			t.Logf("%v", want.counts)
			assert.NotZero(t, want.counts["Pass"])
			assert.Equal(t, want.counts, got.counts)
			assert.Equal(t, want.statuses, got.statuses)
			assert.Equal(t, want.skipped, got.skipped)
			assert.Len(t, got.problems, len(want.problems))
		})
	}
}
