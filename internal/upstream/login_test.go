package upstream_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/upstream"
)

// guarded is a registry that asks for tokens of a service at another host.
type guarded struct {
	registry, service *httptest.Server

	mu     sync.Mutex
	asked  []string // tokens
	seen   []string // requests with a token
	answer func(http.ResponseWriter, *http.Request) bool
}

func newGuarded(t *testing.T, password string) *guarded {
	g := &guarded{}
	g.service = origin(t, func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.answer != nil && g.answer(w, r) {
			return
		}
		_ = r.ParseForm()
		_, given, _ := r.BasicAuth()
		g.asked = append(g.asked, fmt.Sprintf("%s %v %v %s%s", r.Method, r.Form["service"], r.Form["scope"], given, r.Form.Get("refresh_token")))
		if given != password && r.Form.Get("refresh_token") != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"token":%q,"expires_in":300}`, base64.RawURLEncoding.EncodeToString([]byte(strings.Join(r.Form["scope"], " "))))
	})
	g.registry = origin(t, func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		scopes, err := base64.RawURLEncoding.DecodeString(token)
		want := "repository:team/app:pull"
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			want += ",push"
		}
		if r.URL.Path == "/v2/_catalog" {
			want = "registry:catalog:*"
		}
		if token == "" || err != nil || r.URL.Path != "/v2/" && !strings.Contains(string(scopes), want) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+g.service.URL+`/token?x=1",service="reg",scope="`+want+`"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.seen = append(g.seen, r.Method+" "+r.URL.Path+" "+string(body))
	})
	return g
}

func login(username, password string) func(string) (string, string, error) {
	return func(host string) (string, string, error) { return username, password, nil }
}

// With credentials of ours, tokens are requested here, once for each kind of request, and the client
// is asked for nothing.
func TestLogin(t *testing.T) {
	g := newGuarded(t, "secret")
	f := inFront(t, g.registry, upstream.Options{Credentials: func(host string) (string, string, error) {
		assert.Equal(t, strings.TrimPrefix(g.registry.URL, "https://"), host)
		return "ci", "secret", nil
	}})
	blob := "/v2/team/app/blobs/" + someDigest
	for range 3 {
		a := f.get(t, blob, "Authorization", "Basic eDp5")
		require.Equal(t, http.StatusOK, a.StatusCode, a.body)
		assert.Empty(t, a.Header.Get("Www-Authenticate"))
	}
	a := f.send(t, http.MethodPut, "/v2/team/app/manifests/v1", "body")
	require.Equal(t, http.StatusOK, a.StatusCode, a.body)
	require.Equal(t, http.StatusOK, f.get(t, "/v2/_catalog").StatusCode)
	assert.Equal(t, []string{
		"GET [reg] [repository:team/app:pull] secret", "GET [reg] [repository:team/app:pull,push] secret", "GET [reg] [registry:catalog:*] secret",
	}, g.asked)
	assert.Equal(t, []string{"GET " + blob + " ", "GET " + blob + " ", "GET " + blob + " ", "PUT /v2/team/app/manifests/v1 body", "GET /v2/_catalog "}, g.seen)
}

// The first request can be one with a body.
func TestLoginBody(t *testing.T) {
	g := newGuarded(t, "secret")
	f := inFront(t, g.registry, upstream.Options{Credentials: login("<token>", "secret")})
	require.Equal(t, http.StatusOK, f.send(t, http.MethodPut, "/v2/team/app/manifests/v1", strings.Repeat("body", 100_000)).StatusCode)
	assert.Equal(t, []string{"POST [reg] [repository:team/app:pull,push] secret"}, g.asked)
}

// A token that is refused before the body has come does not tear the body: the request fails, and
// succeeds when the client sends it again.
func TestLoginBodyIsSentOnce(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			var tokens atomic.Int32
			refused := make(chan bool)
			up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch token := r.Header.Get("Authorization"); {
				case r.URL.Path == "/token":
					fmt.Fprintf(w, `{"token":"t%d"}`, tokens.Add(1))
				case r.Method == http.MethodPatch && token == "Bearer t1":
					assert.Equal(t, proto, r.Proto)
					defer close(refused)
					fallthrough
				case token == "":
					w.Header().Set("WWW-Authenticate", `Bearer realm="/token",service="x"`)
					w.Header().Set("Connection", "close") // HTTP/1.1: do not wait for the body
					w.WriteHeader(http.StatusUnauthorized)
					assert.NoError(t, http.NewResponseController(w).Flush())
				default:
					text, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					assert.Equal(t, "first,second", string(text))
					w.WriteHeader(http.StatusAccepted)
				}
			}))
			up.EnableHTTP2 = proto == "HTTP/2.0"
			up.StartTLS()
			t.Cleanup(up.Close)
			f := inFront(t, up, upstream.Options{Credentials: login("ci", "secret")})
			send := func() answer {
				body, late := io.Pipe()
				go func() {
					<-refused
					_, _ = io.WriteString(late, "first,")
					_, _ = io.WriteString(late, "second")
					_ = late.Close()
				}()
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, f.URL+"/v2/app/blobs/uploads/1", body)
				require.NoError(t, err)
				response, err := f.Client().Transport.RoundTrip(r)
				require.NoError(t, err)
				text, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				return answer{response, string(text)}
			}
			f.refused(t, send(), "send the request again")
			assert.Equal(t, http.StatusAccepted, send().StatusCode)
		})
	}
}

// Many clients that come at once share a token.
func TestLoginShared(t *testing.T) {
	g := newGuarded(t, "")
	f := inFront(t, g.registry, upstream.Options{Credentials: upstream.Anonymous})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			assert.Equal(t, http.StatusOK, f.get(t, "/v2/team/app/manifests/v1").StatusCode)
		})
	}
	all.Wait()
	assert.Less(t, len(g.asked), 3)
}

// A token service that hangs holds up nobody who does not wait for it, and those who wait fail
// together.
func TestLoginHangs(t *testing.T) {
	g := newGuarded(t, "")
	reached, release := make(chan bool, 10), make(chan bool)
	g.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		reached <- true
		<-release
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	f := inFront(t, g.registry, upstream.Options{Credentials: upstream.Anonymous})
	first := make(chan int)
	go func() { first <- f.get(t, "/v2/team/app/manifests/v1").StatusCode }()
	<-reached
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v2/team/app/manifests/v1", nil)
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { f.upstream.ServeHTTP(httptest.NewRecorder(), r) }, "it left")
	close(release)
	assert.Equal(t, http.StatusBadGateway, <-first)
	assert.Empty(t, reached, "one request for a token")
}

// What is wrong with credentials is said, and is no challenge to the client.
func TestLoginFails(t *testing.T) {
	for name, test := range map[string]struct {
		credentials func(string) (string, string, error)
		answer      string // of the token service
		status      int
		want        string
	}{
		"wrong password": {login("ci", "wrong"), "", 0, "status 401 to a request for a token: check the credentials"},
		"no helper":      {func(string) (string, string, error) { return "", "", errors.New("no helper") }, "", 0, "no helper"},
		"no JSON":        {login("ci", "secret"), "<html>", 200, "its answer is not JSON"},
		"no token":       {login("ci", "secret"), "{}", 200, "its answer has no token"},
		"a strange one":  {login("ci", "secret"), `{"token":"a\r\nb"}`, 200, "its answer has no token"},
		"an endless one": {login("ci", "secret"), `{"token":"` + strings.Repeat("a", 2<<20), 200, "its answer is not JSON"},
		"a redirect":     {login("ci", "secret"), "", 307, "status 307"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, "secret")
			if test.status != 0 {
				g.answer = func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("Location", g.registry.URL)
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, test.answer)
					return true
				}
			}
			f := inFront(t, g.registry, upstream.Options{Credentials: test.credentials})
			a := f.get(t, "/v2/team/app/manifests/v1")
			f.refused(t, a, test.want)
			assert.Empty(t, a.Header.Get("Www-Authenticate"))
			assert.Empty(t, g.seen)
		})
	}
}

// Basic authentication needs no token. Credentials that the registry does not accept are tried once.
func TestLoginBasic(t *testing.T) {
	var tries atomic.Int32
	up := origin(t, func(w http.ResponseWriter, r *http.Request) {
		tries.Add(1)
		if user, password, _ := r.BasicAuth(); user+password != "cisecret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	f := inFront(t, up, upstream.Options{Credentials: login("ci", "secret")})
	assert.Equal(t, http.StatusOK, f.send(t, http.MethodPut, "/v2/a/manifests/v1", "x").StatusCode)
	assert.EqualValues(t, 2, tries.Load(), "a ping before the body")
	for _, credentials := range []func(string) (string, string, error){login("ci", "wrong"), upstream.Anonymous} {
		f = inFront(t, up, upstream.Options{Credentials: credentials})
		f.refused(t, f.get(t, "/v2/a/manifests/v1"), "401: it does not accept the configured credentials")
	}
}

// Credentials of ours do not leave for a host that a redirect leads to.
func TestLoginRedirect(t *testing.T) {
	cdn := origin(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Get("Authorization"))
		w.Header().Set("Www-Authenticate", `Basic realm="give me"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	up := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, cdn.URL+"/blob", http.StatusFound)
	})
	f := inFront(t, up, upstream.Options{Credentials: login("ci", "secret")})
	a := f.get(t, "/v2/a/blobs/"+someDigest)
	require.Equal(t, http.StatusFound, a.StatusCode)
	a = f.get(t, a.Header.Get("Location"), "Authorization", "Basic eDp5")
	assert.Equal(t, http.StatusUnauthorized, a.StatusCode)
	assert.Empty(t, a.Header.Get("Www-Authenticate"))
}

// Direct asks for anonymous tokens in place of a client.
func TestDirect(t *testing.T) {
	g := newGuarded(t, "")
	f := inFront(t, g.registry, upstream.Options{})
	challenged := f.get(t, "/v2/team/app/manifests/v1")
	assert.Equal(t, http.StatusUnauthorized, challenged.StatusCode)
	realm := strings.Split(challenged.Header.Get("Www-Authenticate"), `"`)[1]
	refused := httptest.NewRecorder()
	f.upstream.Direct().ServeHTTP(refused, httptest.NewRequestWithContext(t.Context(), http.MethodGet, realm, nil))
	assert.Equal(t, http.StatusNotFound, refused.Code, "no tokens but those of the client")
	w := httptest.NewRecorder()
	f.upstream.Direct().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/team/app/manifests/v1", nil))
	assert.Equal(t, http.StatusOK, w.Code)
}
