package profiles_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

// TestUsersOfProfile: users that a caller adds leave what a profile allows to everybody.
func TestUsersOfProfile(t *testing.T) {
	open := &profiles.Profile{Name: "open", Title: "Open", Facts: []profiles.Fact{
		{Trait: "auth.scheme", Value: "basic"}, {Trait: "auth.anonymous", Value: "open"},
		{Trait: "auth.ping", Value: "open"}, {Trait: "auth.catalog", Value: "open"},
	}}
	settings, err := open.Settings()
	require.NoError(t, err)
	users := map[string]string{"ci": "secret"}
	for _, tt := range []struct {
		name   string
		access auth.Options
		status map[string]int // of anonymous GETs
	}{
		{"users", auth.Options{Users: users}, map[string]int{"/v2/": 200, "/v2/_catalog": 200, "/v2/app/tags/list": 404}},
		{"users and rules", auth.Options{Users: users, Rules: []auth.Rule{{Users: []string{"ci"}}}}, map[string]int{"/v2/": 200, "/v2/_catalog": 401, "/v2/app/tags/list": 401}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			merged := settings.With(registry.Options{Allow: auth.Allow}, &tt.access)
			service, err := auth.New(*merged.Auth)
			require.NoError(t, err)
			handler := auth.Handler(service, registry.New(memstore.New(memstore.Options{}), merged.Registry))
			for path, status := range tt.status {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
				assert.Equal(t, status, w.Code, path)
			}
			w := httptest.NewRecorder()
			push := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/app/blobs/uploads/", nil)
			handler.ServeHTTP(w, push)
			assert.Equal(t, http.StatusUnauthorized, w.Code)
			push.SetBasicAuth("ci", "secret")
			w = httptest.NewRecorder()
			handler.ServeHTTP(w, push)
			assert.Equal(t, http.StatusAccepted, w.Code)
		})
	}
}
