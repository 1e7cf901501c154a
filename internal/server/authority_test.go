package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCertificates(t *testing.T) {
	s := start(t, Config{Options: Options{TLS: true, Hosts: []string{"10.1.2.3", "ci.example.com"}}})
	memory := start(t, Config{Network: new(Network)})
	for _, test := range []struct {
		server     *Server
		serverName string // asked for
		verify     string // what the client holds the certificate against
		want       string // an error
	}{
		{server: s, serverName: "registry.test", verify: "registry.test"},
		{server: s, serverName: "a.b.c.example", verify: "a.b.c.example"},
		{server: s, serverName: "UPPER.example", verify: "upper.example"},
		{server: s, serverName: "localhost", verify: "127.0.0.1"},
		{server: s, serverName: "", verify: "127.0.0.1"},
		{server: s, serverName: "", verify: "::1"},
		{server: s, serverName: "", verify: "localhost"},
		{server: s, serverName: "", verify: "10.1.2.3"},
		{server: s, serverName: "x.example", verify: "ci.example.com"},
		{server: s, serverName: strings.Repeat("x", 64) + ".example", verify: "localhost"},
		{server: s, serverName: "a.example", verify: "b.example", want: "not b.example"},
		{server: s, serverName: "", verify: "10.9.9.9", want: "not 10.9.9.9"},
		{server: memory, serverName: "", verify: "registry.test"},
		{server: memory, serverName: "any.example", verify: "any.example"},
	} {
		c := tls.Client(dial(t, test.server), &tls.Config{
			ServerName:         test.serverName,
			InsecureSkipVerify: true,
			VerifyConnection: func(state tls.ConnectionState) error {
				leaf := state.PeerCertificates[0]
				_, err := leaf.Verify(x509.VerifyOptions{
					DNSName:   test.verify,
					Roots:     test.server.Authority().CertPool(),
					KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
				})
				assert.False(t, leaf.IsCA)
				return err
			},
		})
		err := c.Handshake()
		if test.want != "" {
			require.ErrorContains(t, err, test.want)
			continue
		}
		require.NoError(t, err, "%+v", test)
		assert.Equal(t, uint16(tls.VersionTLS13), c.ConnectionState().Version)
	}
}

func TestCertificateIsNotTrusted(t *testing.T) {
	s := start(t, Config{Options: Options{TLS: true}})
	other := start(t, Config{Options: Options{TLS: true}})
	response, err := other.Transport().RoundTrip(httpGet(t, s.URL()))
	if err == nil {
		response.Body.Close()
	}
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
}

func httpGet(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	require.NoError(t, err)
	return r
}

func TestCertPEM(t *testing.T) {
	var a Authority
	block, rest := pem.Decode(a.CertPEM())
	require.NotNil(t, block)
	assert.Empty(t, rest)
	assert.Equal(t, "CERTIFICATE", block.Type)
	root, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	assert.True(t, root.IsCA)
	assert.Equal(t, 1970, root.NotBefore.Year())
	assert.Equal(t, 2084, root.NotAfter.Year())
	require.NoError(t, root.CheckSignatureFrom(root))
	want := x509.NewCertPool()
	want.AddCert(root)
	assert.True(t, want.Equal(a.CertPool()))
	assert.NotSame(t, a.CertPool(), a.CertPool())
}

// TestAuthorityIsLazy: keys are made when somebody is to be certified, and then
// those who trust the authority have its certificate.
func TestAuthorityIsLazy(t *testing.T) {
	network := new(Network)
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s := start(t, Config{Network: network, Host: "a.example", Registry: ok})
	start(t, Config{Network: network, Host: "b.example", Registry: ok})
	shared := network.NewTransport()
	defer shared.CloseIdleConnections()
	do(t, s, "GET", "http://a.example/", nil)
	assert.Nil(t, network.authority.root)
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			transport := shared
			if i%2 == 0 {
				transport = s.Transport()
			}
			response, err := transport.RoundTrip(httpGet(t, fmt.Sprintf("https://%c.example/", "ab"[i/2%2])))
			if assert.NoError(t, err) {
				response.Body.Close()
			}
		})
	}
	clients.Wait()
	assert.NotNil(t, network.authority.root)
}

func TestCertificatesAreKept(t *testing.T) {
	var a Authority
	get := func(name string) *tls.Certificate {
		c, err := a.certificate(&tls.ClientHelloInfo{ServerName: name})
		require.NoError(t, err)
		return c
	}
	first := get("a.example")
	assert.Same(t, first, get("a.example"))
	assert.Same(t, first, get("A.Example"))
	for i := range maxCertificates {
		get(fmt.Sprintf("%d.example", i))
	}
	assert.LessOrEqual(t, len(a.certificates), maxCertificates)
	assert.NotSame(t, first, get("a.example"))
}

// TestCertificatesInABubble: there the year is 2000.
func TestCertificatesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Network: new(Network), Options: Options{TLS: true}, Registry: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
		assert.Equal(t, 2000, time.Now().Year())
		response, _ := do(t, s, "GET", s.URL(), nil)
		assert.Equal(t, http.StatusOK, response.StatusCode)
	})
}

func FuzzCertifiable(f *testing.F) {
	for _, name := range []string{"a.example", "127.0.0.1", "::1", "*.test", "a..b", "ä.example", "a b", strings.Repeat("a.", 200), "-"} {
		f.Add(name)
	}
	var a Authority
	f.Fuzz(func(t *testing.T, name string) {
		if !certifiable(name) {
			return
		}
		leaf, err := x509.ParseCertificate(a.issue(a.hostsFor(name), notAfter).Certificate[0])
		require.NoError(t, err)
		if net.ParseIP(name) != nil {
			require.NoError(t, leaf.VerifyHostname(name))
		} else {
			require.Contains(t, leaf.DNSNames, name)
		}
	})
}
