package zot_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/e2e/internal/zot"
)

// TestStart starts zot without options, and with TLS and a user.
func TestStart(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		r := zot.Start(t, zot.Options{})
		assert.Equal(t, http.StatusOK, ping(t, r, "", ""))
	})
	t.Run("TLS and a user", func(t *testing.T) {
		r := zot.Start(t, zot.Options{TLS: true, Users: map[string]string{"ci": "secret"}, Storage: map[string]any{"gc": false}})
		assert.Equal(t, http.StatusUnauthorized, ping(t, r, "", ""))
		assert.Equal(t, http.StatusUnauthorized, ping(t, r, "ci", "wrong"))
		assert.Equal(t, http.StatusOK, ping(t, r, "ci", "secret"))
	})
}

// TestUnset skips without the variable.
func TestUnset(t *testing.T) {
	t.Setenv(zot.Variable, "")
	t.Run("skipped", func(t *testing.T) {
		defer func() { assert.True(t, t.Skipped()) }()
		zot.Start(t, zot.Options{})
	})
}

func ping(t *testing.T, r *zot.Registry, user, password string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+"/v2/", http.NoBody)
	require.NoError(t, err)
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	res, err := r.Client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	return res.StatusCode
}
