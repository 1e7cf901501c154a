package upstream_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/upstream"
)

// Paths that servers read in several ways, and those outside of the API, do not reach the registry.
func TestPaths(t *testing.T) {
	always := []string{
		"//v2/hidden/manifests/v1", "/./v2/hidden/manifests/v1", "/x/../v2/hidden/manifests/v1", "/V2/hidden/manifests/v1", "/v2x",
		"/v2/app/../hidden/manifests/v1", "/v2/app/%2e%2e/hidden/manifests/v1", "/v2/app/x/%2E%2e%2f%2e%2E/hidden/manifests/v1", "/v2/app%2Fx/manifests/v1",
		"/v2//hidden/manifests/v1", "/v2/a%2eb/manifests/v1", "/v2/app/..%5Chidden/manifests/v1", "/v2/app/x;/..;/..;/hidden/manifests/v1",
		"/v2/app/manifests/%252e%252e", "/v2/app/manifests/v1%00", "/", "/token?service=x", "/api/v2.0/projects/prod",
	}
	guarded := []string{
		"/v2", "/v2/hidden/manifests/v1/", "/v2/_ext/discover", "/v2/token?scope=repository:app:pull", "/v2/token/keys", "/v2/App/manifests/v1", "/v2/app:x/manifests/v1",
		"/v2/app/tags/list?n=1&n=2", "/v2/app/tags/list?x;n=1",
	}
	for name, options := range map[string]upstream.Options{"passing": {}, "with credentials": {Credentials: login("ci", "secret")}} {
		t.Run(name, func(t *testing.T) {
			var reached atomic.Int32
			up := origin(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
			options.CAs = pool(up)
			f := inFront(t, up, options)
			refused := always
			if options.Credentials != nil {
				refused = append(refused[:len(refused):len(refused)], guarded...)
			} else {
				for _, path := range guarded {
					assert.Equal(t, http.StatusOK, f.get(t, path).StatusCode, path)
				}
				assert.EqualValues(t, len(guarded), reached.Swap(0))
			}
			for _, path := range refused {
				a := f.get(t, path)
				want := http.StatusNotFound
				if strings.Contains(a.body, "NAME_INVALID") {
					want = http.StatusBadRequest
				}
				assert.Equal(t, want, a.StatusCode, "%s: %s", path, a.body)
				assert.Contains(t, a.body, `{"errors":[{"code":"`, path)
			}
			assert.Zero(t, reached.Load())
			assert.Equal(t, http.StatusOK, f.get(t, "/v2/app/manifests/v1?ns=x").StatusCode)
		})
	}
}

// Clients that use a registry under its own name reach the token service that it names at the path of
// that, with and without a challenge, unless the credentials are ours. No other path of the host, or of
// the service, is reached.
func TestTokenPaths(t *testing.T) {
	var asked, other atomic.Int32
	service := origin(t, func(w http.ResponseWriter, r *http.Request) {
		username, _, _ := r.BasicAuth()
		fmt.Fprintf(w, "%s for %s", r.RequestURI, username)
	})
	up := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			other.Add(1)
			return
		}
		asked.Add(1)
		assert.Empty(t, r.Header.Get("Authorization"))
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+service.URL+`/token?account=x",service="s"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	f := inFront(t, up, upstream.Options{TokenPaths: true})
	for range 2 {
		a := f.get(t, "/token?service=s", "Authorization", "Basic Y2k6c2VjcmV0")
		assert.Equal(t, "/token?account=x&service=s for ci", a.body)
	}
	assert.EqualValues(t, 1, asked.Load())
	for _, path := range []string{"/", "/x/../token", "/token/", "/api/v2.0/projects", "//token", "/token;x", "/toke%6e%2f"} {
		assert.Equal(t, http.StatusNotFound, f.get(t, path).StatusCode, path)
	}
	assert.EqualValues(t, 1, asked.Load(), "it has named its service")
	for _, options := range []upstream.Options{{}, {TokenPaths: true, Credentials: login("ci", "secret")}} {
		assert.Equal(t, http.StatusNotFound, inFront(t, up, options).get(t, "/token?service=s").StatusCode)
	}
	assert.Zero(t, other.Load())
}

// A mount names two repositories, and both are authorized.
func TestMountNames(t *testing.T) {
	up := origin(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("reached: %s", r.RequestURI) })
	f := inFront(t, up, upstream.Options{Credentials: login("ci", "secret")})
	for _, query := range []string{"from=app/../hidden", "from=app:pull%20repository:hidden", "from=app&from=hidden"} {
		a := f.send(t, http.MethodPost, "/v2/app/blobs/uploads/?mount="+someDigest+"&"+query, "")
		assert.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, a.StatusCode, "%s: %s", query, a.body)
	}
}

// Credentials of ours are for the API: other paths of the host, which they open as well, are out of
// reach, and do not choose how to log in.
func TestCredentialsAreForTheAPI(t *testing.T) {
	const token = "Bearer TOKEN-OF-CI"
	up := origin(t, func(w http.ResponseWriter, r *http.Request) {
		username, password, _ := r.BasicAuth()
		w.Header().Set("Set-Cookie", "sid=session-of-ci")
		switch {
		case strings.HasPrefix(r.URL.Path, "/v2/"):
			if r.Header.Get("Authorization") != token {
				w.Header().Set("WWW-Authenticate", `Bearer realm="/service/token",service="x"`)
				w.WriteHeader(http.StatusUnauthorized)
			} else if strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, "/storage/blob", http.StatusFound)
			}
			assert.Empty(t, r.Header.Get("X-Http-Method-Override"))
		case username != "ci" || password != "secret":
			w.Header().Set("WWW-Authenticate", `Basic realm="host"`)
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/service/token":
			fmt.Fprint(w, `{"token":"TOKEN-OF-CI"}`)
		}
	})
	f := inFront(t, up, upstream.Options{Credentials: login("ci", "secret")})
	for range 2 {
		a := f.get(t, "/v2/app/tags/list", "X-HTTP-Method-Override", "DELETE")
		assert.Equal(t, http.StatusOK, a.StatusCode)
		assert.Empty(t, a.Header.Get("Set-Cookie"))
		a = f.get(t, "/service/token?service=x&scope=repository:other:delete")
		assert.Equal(t, http.StatusNotFound, a.StatusCode)
		assert.NotContains(t, a.body, "TOKEN")
		assert.Equal(t, http.StatusNotFound, f.send(t, http.MethodDelete, "/api/v2.0/projects/prod", "").StatusCode)
		a = f.get(t, "/v2/app/blobs/"+someDigest)
		assert.Equal(t, http.StatusFound, a.StatusCode)
		assert.Equal(t, http.StatusOK, f.get(t, a.Header.Get("Location")).StatusCode)
		assert.Equal(t, http.StatusOK, f.send(t, http.MethodPut, "/v2/app/manifests/v1", "x").StatusCode)
	}
}
