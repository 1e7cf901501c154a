package server

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
)

// TestWrongPort: it is on record in plain words that a client speaks TLS to a port
// without it, or the other way round, and the client is told as by any other server.
func TestWrongPort(t *testing.T) {
	for _, test := range []struct {
		name    string
		options Options
		scheme  string
		failure string // of the client; empty: it is answered
		want    string
	}{
		{"TLS on plain", Options{}, "https", "server gave HTTP response to HTTPS client", "TLS on a plain HTTP port: use http:// in the URL, or start the registry with TLS"},
		{"TLS on h2c", Options{H2C: true}, "https", "server gave HTTP response to HTTPS client", "TLS on a plain HTTP port: use http:// in the URL, or start the registry with TLS"},
		{"plain on TLS", Options{TLS: true}, "http", "", "plain HTTP on a TLS port: use https:// in the URL, or start the registry without TLS"},
		{"plain on HTTP/2", Options{HTTP2: true}, "http", "", "plain HTTP on a TLS port: use https:// in the URL, or start the registry without TLS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rec := recorder.New(recorder.Options{})
			s, err := Start(Config{Options: test.options, Registry: http.NotFoundHandler(), Recorder: rec})
			require.NoError(t, err)
			defer s.Close()
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.Authority().CertPool()}, DisableKeepAlives: true}}
			response, err := client.Get(test.scheme + "://" + s.Host() + "/v2/")
			if test.failure != "" {
				require.ErrorContains(t, err, test.failure)
			} else {
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				assert.Equal(t, http.StatusBadRequest, response.StatusCode)
			}
			connections := rec.Connections()
			require.Len(t, connections, 1)
			assert.Equal(t, test.want, connections[0].Error)
			assert.Zero(t, connections[0].Requests)
			assert.Empty(t, rec.Log())
		})
	}
}
