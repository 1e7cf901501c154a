package server

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/record"
)

// showing is a client that shows a certificate, whatever authorities the server
// names; or none.
func showing(t testing.TB, s *Server, certificate *tls.Certificate) *http.Client {
	t.Helper()
	transport := s.Transport().Clone()
	transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if certificate == nil {
			return new(tls.Certificate), nil
		}
		return certificate, nil
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// subjects answers with whose certificates a request came with, and how many
// chains TLS has verified.
func subjects(w http.ResponseWriter, r *http.Request) {
	seen := []string{}
	for _, c := range r.TLS.PeerCertificates {
		seen = append(seen, c.Subject.CommonName)
	}
	if len(seen) > 0 && len(r.TLS.VerifiedChains) == 0 {
		seen = append(seen, "not verified")
	}
	_ = json.NewEncoder(w).Encode(seen)
}

func TestClientCerts(t *testing.T) {
	other := new(Authority)
	otherAlice := other.ClientCertificate("alice")
	self, _ := selfSigned(t)
	for name, w := range map[string]way{
		"TLS":              {options: Options{TLS: true}},
		"HTTP/2":           {options: Options{HTTP2: true}},
		"TLS in memory":    {options: Options{TLS: true}, memory: true},
		"HTTP/2 in memory": {options: Options{HTTP2: true}, memory: true},
	} {
		for _, test := range []struct {
			certs   ClientCerts
			shown   func(s *Server) *tls.Certificate
			want    []string // nil: the handshake fails
			problem string   // that the server sees, a part
		}{
			{RequireClientCerts, nothing, nil, "didn't provide a certificate"},
			{RequireClientCerts, alice, []string{"alice"}, ""},
			{RequireClientCerts, fixed(&otherAlice), nil, "certificate signed by unknown authority"},
			{RequireClientCerts, fixed(self), nil, "certificate signed by unknown authority"},
			{RequireClientCerts, serversOwn, nil, "incompatible key usage"},
			{RequireClientCerts, expiredAlice, nil, "has expired"},
			{RequireClientCerts, stolenAlice, nil, "invalid signature by the client"},
			{OptionalClientCerts, nothing, []string{}, ""},
			{OptionalClientCerts, alice, []string{"alice"}, ""},
			{OptionalClientCerts, fixed(&otherAlice), nil, "certificate signed by unknown authority"},
			{OptionalClientCerts, expiredAlice, nil, "has expired"},
			{NoClientCerts, nothing, []string{}, ""},
			{NoClientCerts, alice, []string{}, ""},
		} {
			t.Run(name+" "+test.certs.String()+" "+test.problem, func(t *testing.T) {
				t.Parallel()
				rec := recorder.New(recorder.Options{})
				config := Config{Options: w.options, Registry: http.HandlerFunc(subjects), Recorder: rec}
				config.ClientCerts = test.certs
				if w.memory {
					config.Network = new(Network)
				}
				s := start(t, config)
				response, err := showing(t, s, test.shown(s)).Get(s.URL())
				if test.want == nil {
					require.Error(t, err)
					// The client has the alert a moment before it is on record.
					require.NoError(t, rec.Wait(t.Context(), func(record.Log) bool { return rec.Connections()[0].Error != "" }))
					assert.Contains(t, rec.Connections()[0].Error, test.problem)
					assert.Empty(t, rec.Log())
					return
				}
				require.NoError(t, err)
				defer response.Body.Close()
				var got []string
				require.NoError(t, json.NewDecoder(response.Body).Decode(&got))
				assert.Equal(t, test.want, got)
			})
		}
	}
}

func nothing(*Server) *tls.Certificate { return nil }

func fixed(c *tls.Certificate) func(*Server) *tls.Certificate {
	return func(*Server) *tls.Certificate { return c }
}

func alice(s *Server) *tls.Certificate {
	c := s.Authority().ClientCertificate("alice")
	return &c
}

// serversOwn is the certificate of the server, which is not one for clients.
func serversOwn(s *Server) *tls.Certificate {
	return s.Authority().issue([]string{"localhost"}, notAfter)
}

func expiredAlice(s *Server) *tls.Certificate {
	a := s.Authority()
	a.CertPool()
	template := template("alice")
	template.NotAfter = expired
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	key := newKey()
	return &tls.Certificate{Certificate: [][]byte{sign(template, a.root, key, a.rootKey)}, PrivateKey: key}
}

// stolenAlice is alice's certificate without her key.
func stolenAlice(s *Server) *tls.Certificate {
	c := s.Authority().ClientCertificate("alice")
	c.PrivateKey = newKey()
	return &c
}

func selfSigned(t testing.TB) (*tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, template := newKey(), template("alice")
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der := sign(template, template, key, key)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, parsed
}

// Other authorities than the server's own take its place.
func TestClientCAs(t *testing.T) {
	self, root := selfSigned(t)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	s := start(t, Config{Options: Options{TLS: true, ClientCerts: RequireClientCerts}, ClientCAs: pool, Registry: http.HandlerFunc(subjects)})
	response, err := showing(t, s, self).Get(s.URL())
	require.NoError(t, err)
	response.Body.Close()
	_, err = showing(t, s, alice(s)).Get(s.URL())
	require.Error(t, err)
}

// The second origin asks for no certificates: those are the registry's business.
func TestExternalAsksForNoCertificates(t *testing.T) {
	for _, memory := range []bool{false, true} {
		w := way{options: Options{TLS: true, ClientCerts: RequireClientCerts}, memory: memory}
		s, _ := w.start(t, subjects)
		host, err := s.External()
		require.NoError(t, err)
		response, _ := do(t, s, "GET", "https://"+host+"/", nil)
		assert.Equal(t, http.StatusNotFound, response.StatusCode)
		_, _, err = fetch(t.Context(), s, "GET", s.URL(), nil)
		require.Error(t, err)
	}
}

func TestClientCertificatesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := way{options: Options{TLS: true, ClientCerts: RequireClientCerts}, memory: true}
		s, _ := w.start(t, subjects)
		c := showing(t, s, alice(s))
		response, err := c.Get(s.URL())
		require.NoError(t, err)
		content, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.JSONEq(t, `["alice"]`, string(content))
		c.CloseIdleConnections()
	})
}

func TestEncodeCertificate(t *testing.T) {
	a := new(Authority)
	certificate, key, err := EncodeCertificate(a.ClientCertificate("alice"))
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(certificate, key)
	require.NoError(t, err)
	assert.Equal(t, "alice", pair.Leaf.Subject.CommonName)
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: a.CertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	require.NoError(t, err)
	require.IsType(t, new(ecdsa.PrivateKey), pair.PrivateKey)

	_, _, err = EncodeCertificate(tls.Certificate{})
	require.EqualError(t, err, "server: encode certificate: the private key is not an *ecdsa.PrivateKey: use a certificate of an Authority")
}

func TestClientCertsText(t *testing.T) {
	for c, text := range map[ClientCerts]string{NoClientCerts: "none", OptionalClientCerts: "optional", RequireClientCerts: "required"} {
		encoded, err := json.Marshal(c)
		require.NoError(t, err)
		assert.Equal(t, `"`+text+`"`, string(encoded))
		var back ClientCerts
		require.NoError(t, json.Unmarshal(encoded, &back))
		assert.Equal(t, c, back)
	}
	assert.Equal(t, "ClientCerts(3)", ClientCerts(3).String())
	var c ClientCerts
	require.EqualError(t, c.UnmarshalText([]byte("always")), `server: client certificates "always": want none, optional or required`)
}
