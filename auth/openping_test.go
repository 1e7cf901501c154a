package auth_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/auth"
)

// TestOpenPing: GET /v2/ needs no credentials, takes no wrong ones, and nothing else is open.
func TestOpenPing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		token *auth.TokenOptions
		ping  int
	}{
		{"Basic", nil, http.StatusOK},
		{"Bearer", &auth.TokenOptions{}, http.StatusOK},
		{"Bearer, tokens for everything", &auth.TokenOptions{Required: true}, http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, auth.Options{Users: map[string]string{"alice": "secret"}, Token: tt.token, OpenPing: true})
			assert.Equal(t, tt.ping, f.get(anonymous, "/v2/").Status)
			assert.Equal(t, http.StatusUnauthorized, f.get(basic("alice", "wrong"), "/v2/").Status)
			for _, path := range []string{"/v2/_catalog", "/v2/app/tags/list"} {
				assert.Equal(t, http.StatusUnauthorized, f.get(anonymous, path).Status, path)
			}
		})
	}
}
