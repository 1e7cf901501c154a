package e2e

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/spec"
)

// TestSpecServe holds the specification against "ocifake serve".
func TestSpecServe(t *testing.T) {
	login := userName + ":" + userPassword
	open := []string{"http-401-challenge", "credentials-wrong"}
	for _, tt := range []struct {
		name  string
		flags []string
		tls   bool
		proto string
		skips []string // features that it lacks, and statements that say nothing of it
	}{
		{name: "HTTP", proto: "HTTP/1.1", skips: open},
		{name: "TLS", flags: []string{"--tls"}, tls: true, proto: "HTTP/1.1", skips: open},
		{name: "HTTP 2", flags: []string{"--http2"}, tls: true, proto: "HTTP/2.0", skips: open},
		{name: "Basic", flags: []string{"--user", login}, proto: "HTTP/1.1"},
		// A token is for what can be named: neither all repositories nor what has no valid name.
		{name: "Bearer", flags: []string{"--bearer", "--user", login}, proto: "HTTP/1.1", skips: []string{string(spec.AnonymousMount), "code-8"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// With these there is something to be seen of every statement.
			flags := append([]string{"--page-size", "50", "--chunk-min-length", "100", "--warning", "a test"}, tt.flags...)
			ca := filepath.Join(t.TempDir(), "ca.pem")
			if tt.tls {
				flags = append(flags, "--ca-file", ca)
			}
			in, client := serve(t, flags...), http.DefaultClient
			if tt.tls {
				client = trusting(t, ca)
			}
			response, err := client.Get(in.url.JoinPath("v2/").String())
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, tt.proto, response.Proto)

			results, err := spec.Run(t.Context(), spec.Target{URL: in.url.String(), Client: client, Username: userName, Password: userPassword})
			require.NoError(t, err)
			for _, r := range results {
				switch r.Outcome {
				case spec.Unsupported:
					assert.Contains(t, tt.skips, r.Detail, r.Statement.ID)
				case spec.NotApplicable:
					assert.Contains(t, tt.skips, r.Statement.ID, r.Detail)
				case spec.Passed, spec.Failed:
					assert.Equal(t, spec.Passed, r.Outcome, "%s: %s", r.Statement.ID, r.Detail)
				}
			}
		})
	}
}
