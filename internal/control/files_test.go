package control_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFiles of the page come as what they are, and can do no harm.
func TestFiles(t *testing.T) {
	f := start(t, setup{})
	mediaTypes := map[string]string{"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
	files := os.DirFS("page")
	require.NoError(t, fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		require.NoError(t, err)
		target := "/_ocifake/" + path
		if path == "index.html" {
			target = "/_ocifake/"
		}
		a := f.ask(t, "GET", target, "")
		require.Equal(t, http.StatusOK, a.StatusCode, target)
		assert.Equal(t, string(content), a.body, "%s is embedded as it is", path)
		_, extension, _ := strings.Cut(path, ".")
		assert.Equal(t, mediaTypes[extension], a.Header.Get("Content-Type"), path)
		assert.Equal(t, "no-cache", a.Header.Get("Cache-Control"))
		checkPolicy(t, a.Header)
		return nil
	}))
	a := f.ask(t, "GET", "/_ocifake/no-such-file.js", "")
	assert.Equal(t, http.StatusNotFound, a.StatusCode)
	checkPolicy(t, a.Header)
}

func checkPolicy(t testing.TB, h http.Header) {
	t.Helper()
	policy := h.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"} {
		assert.Contains(t, policy, part)
	}
	assert.NotContains(t, policy, "unsafe")
	assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	assert.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
	assert.Empty(t, h.Get("Access-Control-Allow-Origin"))
}

// TestPageIsFound without the slash at its end, and can only be read.
func TestPageIsFound(t *testing.T) {
	f := start(t, setup{})
	a := f.ask(t, "GET", "/_ocifake", "")
	assert.Equal(t, http.StatusTemporaryRedirect, a.StatusCode)
	location, err := a.Location()
	require.NoError(t, err)
	assert.Equal(t, f.URL()+"/_ocifake/", location.String())
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		a := f.ask(t, method, "/_ocifake/", "")
		assert.Equal(t, http.StatusMethodNotAllowed, a.StatusCode)
		assert.Equal(t, "GET, HEAD", a.Header.Get("Allow"))
	}
	assert.Empty(t, f.recorder.Log())
}

// TestElsewhere: the API works below a prefix that was removed, and has nothing at
// paths that are not its own.
func TestElsewhere(t *testing.T) {
	f := start(t, setup{})
	s := httptest.NewServer(http.StripPrefix("/registry", f.Handler()))
	defer s.Close()
	for path, want := range map[string]int{
		"/registry/_ocifake": 200, "/registry/_ocifake/": 200, "/registry/_ocifake/app.js": 200, "/registry/_ocifake/v1/info": 200, "/registry/_ocifake/v1/": 404,
	} {
		response, err := s.Client().Get(s.URL + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want, response.StatusCode, path)
	}
	own := httptest.NewServer(f.api)
	defer own.Close()
	for path, want := range map[string]int{"/": 200, "/v2/": 404, "/_ocifakes": 404, "/_ocifake/v1/health": 200} {
		response, err := own.Client().Get(own.URL + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want, response.StatusCode, path)
	}
}
