package upstream_test

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/upstream"
)

// origin starts a server over TLS.
func origin(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// pool returns a pool with the certificate that httptest uses for every server.
func pool(s *httptest.Server) *x509.CertPool {
	certs := x509.NewCertPool()
	if s.Certificate() != nil {
		certs.AddCert(s.Certificate())
	}
	return certs
}

// front is an Upstream on the network.
type front struct {
	*httptest.Server
	upstream *upstream.Upstream
	marks    chan string // what was marked in each request
}

// inFront starts an Upstream in front of a server.
func inFront(t *testing.T, of *httptest.Server, options upstream.Options) *front {
	t.Helper()
	if options.CAs == nil {
		options.CAs = pool(of)
	}
	base, err := upstream.ParseURL(of.URL)
	require.NoError(t, err)
	f := &front{upstream: upstream.New(base, options), marks: make(chan string, 1000)}
	observed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, state := inflight.Begin(r)
		defer func() { f.marks <- state.Learned().UpstreamError }()
		f.upstream.ServeHTTP(w, r)
	})
	f.Server = httptest.NewServer(f.upstream.Address(observed))
	t.Cleanup(func() {
		f.Close()
		assert.NoError(t, f.upstream.Close())
	})
	return f
}

// answer is what a client received.
type answer struct {
	*http.Response
	body string
}

// send sends a request, whose target is a path or a URL, and follows no redirect.
func (f *front) send(t *testing.T, method, target, body string, header ...string) answer {
	t.Helper()
	if strings.HasPrefix(target, "/") {
		target = f.URL + target
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	response, err := f.Client().Transport.RoundTrip(r)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return answer{response, string(text)}
}

func (f *front) get(t *testing.T, target string, header ...string) answer {
	t.Helper()
	return f.send(t, http.MethodGet, target, "", header...)
}

// refused checks that an answer is a 502 in the form of the specification, with a message that
// contains a text, and that the record has the message.
func (f *front) refused(t *testing.T, a answer, want string) {
	t.Helper()
	assert.Equal(t, http.StatusBadGateway, a.StatusCode)
	var failure struct {
		Errors []struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &failure), a.body)
	require.Len(t, failure.Errors, 1)
	assert.Equal(t, "UNAVAILABLE", failure.Errors[0].Code)
	assert.Contains(t, failure.Errors[0].Message, want)
	mark := ""
	for len(f.marks) > 0 {
		mark = <-f.marks
	}
	assert.Equal(t, failure.Errors[0].Message, mark)
}
