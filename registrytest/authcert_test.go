package registrytest_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// withCertificate is a client that has one.
func withCertificate(t testing.TB, reg *registrytest.Registry, name string) *http.Client {
	t.Helper()
	transport := reg.Transport().Clone()
	transport.TLSClientConfig.Certificates = []tls.Certificate{reg.ClientCertificate(name)}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestClientCerts: what a client gets without a certificate, and with one.
func TestClientCerts(t *testing.T) {
	rules := []auth.Rule{{Users: []string{"alice"}, Repos: []string{"app"}, Actions: []registry.Action{registry.Pull}}}
	password := registrytest.WithAuth(auth.Options{Rules: rules, CertificateLogin: true})
	token := registrytest.WithAuth(auth.Options{Rules: rules, Token: &auth.TokenOptions{}, CertificateLogin: true})
	secured := registrytest.WithAuth(auth.Options{Rules: rules})
	open := func() []registrytest.Option { return nil }
	for name, test := range map[string]struct {
		required            bool
		options             []registrytest.Option
		without, alice, bob int // 0: no TLS; of /v2/app/tags/list
	}{
		"optional":             {false, open(), 200, 200, 200},
		"required":             {true, open(), 0, 200, 200},
		"optional, or Basic":   {false, []registrytest.Option{password}, 401, 200, 403},
		"required, no login":   {true, []registrytest.Option{secured}, 0, 401, 401},
		"required, and Basic":  {true, []registrytest.Option{password}, 0, 200, 403},
		"optional, or Bearer":  {false, []registrytest.Option{token}, 401, 200, 403},
		"required, and Bearer": {true, []registrytest.Option{token}, 0, 200, 403},
		"required, HTTP/2":     {true, []registrytest.Option{password, registrytest.WithHTTP2()}, 0, 200, 403},
		"required, in memory":  {true, []registrytest.Option{password, registrytest.WithInMemory()}, 0, 200, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certs := registrytest.WithClientCerts()
			if test.required {
				certs = registrytest.WithRequiredClientCerts()
			}
			reg := registrytest.New(t, append(test.options, certs)...)
			reg.Push(t, "app:v1", images.Random())
			status := func(client *http.Client) int {
				response, _, err := get(t.Context(), client, reg.URL()+tagsList)
				if err != nil {
					return 0
				}
				return response.StatusCode
			}
			assert.Equal(t, []int{test.without, test.alice, test.bob},
				[]int{status(reg.Client()), status(withCertificate(t, reg, "alice")), status(withCertificate(t, reg, "bob"))})
			for _, x := range reg.Requests(record.Op(op.TagList), record.Status("200", "403")) {
				if x.TLS.Client == "" {
					assert.Equal(t, "optional", name)
					continue
				}
				want := ""
				if reg.AuthService() != nil && name != "required, no login" {
					want = map[int]string{200: "alice", 403: "bob"}[x.Status]
				}
				assert.Equal(t, want, x.Subject)
			}
		})
	}
}

// A certificate is good for a token, too.
func TestTokenForCertificate(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithClientCerts(), registrytest.WithAuth(auth.Options{Token: &auth.TokenOptions{}, CertificateLogin: true}))
	c := client{t: t, http: withCertificate(t, reg, "carol"), base: reg.URL()}
	answer := c.ask("GET", "/v2/token?scope=repository:app:pull")
	require.Equal(t, 200, answer.StatusCode)
	token := tokenIn(t, answer)
	c.http = reg.Client()
	assert.Equal(t, 404, c.ask("GET", tagsList, "Authorization", "Bearer "+token).StatusCode)
	reg.Assert(t, record.Op(op.TagList)).All(record.Subject("carol"))
}
