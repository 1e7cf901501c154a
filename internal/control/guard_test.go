package control_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/server"
)

const probe = "/_ocifake/v1/requests/count"

// TestHost: by a name of which somebody else decides where it leads, nobody gets in
// (DNS rebinding).
func TestHost(t *testing.T) {
	f := start(t, setup{hosts: []string{"ocifake.test:5000", "Other.Test"}})
	for _, test := range []struct {
		host string
		ok   bool
	}{
		{f.Host(), true},
		{"127.0.0.1", true},
		{"127.0.0.1:1", true},
		{"192.0.2.1", true}, // a page from there does not reach another address by it
		{"[::1]:5000", true},
		{"[::1]", true},
		{"localhost", true},
		{"LOCALHOST:5000", true},
		{"localhost.:5000", true},
		{"ocifake.test", true},
		{"ocifake.test:1", true},
		{"other.test", true},
		{"evil.example", false},
		{"evil.example:5000", false},
		{"localhost.evil.example", false},
		{"evil-localhost", false},
		{"127.0.0.1.evil.example", false},
		{"127.0.0.1.", true},
		{"0x7f.1", false},
		{"127.1", false},
		{"test", false},
		{"ocifake.test.", true},
		{"x.ocifake.test", false},
		{"::", false}, // an address stands in brackets
	} {
		for _, target := range []string{probe, "/_ocifake/", "/_ocifake/v1/", "/_ocifake/v1/nothing"} {
			a := f.ask(t, "GET", target, "", host(test.host))
			assert.Equal(t, !test.ok, a.StatusCode == http.StatusForbidden, "%s of %s: %d", target, test.host, a.StatusCode)
			if !test.ok {
				assert.Contains(t, decode[refusal](t, a.body).Error.Message, test.host)
			}
		}
		for _, target := range []string{"health", "ready"} {
			f.v1(t, http.StatusOK, "GET", target, "", host(test.host))
		}
	}
}

// TestNoHost is HTTP/1.0, in which a name need not be said.
func TestNoHost(t *testing.T) {
	f := start(t, setup{})
	c, err := net.Dial("tcp", f.Host())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET "+probe+" HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
}

// TestOwnHost in memory is any name: there the server has one of its own.
func TestOwnHost(t *testing.T) {
	f := start(t, setup{network: new(server.Network)})
	assert.Equal(t, "use-registry-transport.test", f.Host())
	assert.Equal(t, http.StatusOK, f.ask(t, "GET", probe, "").StatusCode)
	assert.Equal(t, http.StatusForbidden, f.ask(t, "GET", probe, "", host("evil.example")).StatusCode)
	closed := start(t, setup{network: new(server.Network), closed: true})
	assert.Equal(t, http.StatusForbidden, closed.ask(t, "GET", probe, "", host("")).StatusCode, "no host is not its own")
}

// TestOrigin: browsers do not ask for pages of others, whatever the method.
func TestOrigin(t *testing.T) {
	f := start(t, setup{})
	token := start(t, setup{token: "secret"})
	for _, test := range []struct {
		name   string
		fields map[string][]string
		ok     bool
	}{
		{"no browser", nil, true},
		{"the page", map[string][]string{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://HOST"}}, true},
		{"the address bar", map[string][]string{"Sec-Fetch-Site": {"none"}}, true},
		{"the page, in an old browser", map[string][]string{"Origin": {"http://HOST"}}, true},
		{"another site", map[string][]string{"Sec-Fetch-Site": {"cross-site"}}, false},
		{"another port", map[string][]string{"Sec-Fetch-Site": {"same-site"}}, false},
		{"another site, in an old browser", map[string][]string{"Origin": {"https://evil.example"}}, false},
		{"another port, in an old browser", map[string][]string{"Origin": {"http://127.0.0.1:1"}}, false},
		{"a sandbox", map[string][]string{"Origin": {"null"}}, false},
		{"an origin that is none", map[string][]string{"Origin": {"http://%zz"}}, false},
		{"an empty origin", map[string][]string{"Origin": {""}}, false},
		{"two origins", map[string][]string{"Origin": {"http://HOST", "https://evil.example"}}, false},
		{"two sites", map[string][]string{"Sec-Fetch-Site": {"same-origin", "cross-site"}}, false},
		{"an origin that lies about its site", map[string][]string{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"https://evil.example"}}, false},
		{"an unknown site", map[string][]string{"Sec-Fetch-Site": {"same-planet"}}, false},
	} {
		for _, request := range []struct{ method, target string }{
			{"GET", probe}, {"HEAD", probe}, {"GET", "/_ocifake/v1/events"}, {"DELETE", "/_ocifake/v1/requests"},
			{"POST", "/_ocifake/v1/reset"}, {"OPTIONS", probe}, {"GET", "/_ocifake/"},
		} {
			for _, f := range []*fixture{f, token} {
				got := f.open(t, request.method, request.target, header("Authorization", "Bearer secret"), func(r *http.Request) {
					for name, values := range test.fields {
						for _, v := range values {
							r.Header.Add(name, strings.ReplaceAll(v, "HOST", r.Host))
						}
					}
				})
				assert.Equal(t, test.ok, got.StatusCode != http.StatusForbidden, "%s: %s %s: %d", test.name, request.method, request.target, got.StatusCode)
				for name := range got.Header {
					assert.NotContains(t, name, "Access-Control", "there is no CORS")
				}
			}
		}
	}
}

// open sends a request, and does not read the body.
func (f *fixture) open(t *testing.T, method, target string, edits ...func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.URL()+target, nil)
	require.NoError(t, err)
	r.Host = f.Host()
	for _, edit := range edits {
		edit(r)
	}
	response, err := f.Transport().RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response
}

// TestRoot: a browser at / is led to the page; a request of anybody else is one to the
// registry.
func TestRoot(t *testing.T) {
	f := start(t, setup{})
	accept := header("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	for _, method := range []string{"GET", "HEAD"} {
		answer := f.open(t, method, "/", accept)
		assert.Equal(t, http.StatusTemporaryRedirect, answer.StatusCode)
		assert.Equal(t, "_ocifake/", answer.Header.Get("Location"))
	}
	assert.Empty(t, f.recorder.Log(), "it is not recorded")
	for _, answer := range []*http.Response{
		f.open(t, "GET", "/"), f.open(t, "GET", "/", header("Accept", "*/*")), f.open(t, "GET", "/", header("Accept", "application/json, text/html")),
		f.open(t, "POST", "/", accept), f.open(t, "GET", "/other", accept),
	} {
		assert.Empty(t, answer.Header.Get("Location"))
	}
	assert.Len(t, f.recorder.Log(), 5)
}

// TestLink: the page may be linked to, but not be put in a frame or read.
func TestLink(t *testing.T) {
	f := start(t, setup{})
	cross := header("Sec-Fetch-Site", "cross-site")
	link := []func(*http.Request){cross, header("Sec-Fetch-Mode", "navigate"), header("Sec-Fetch-Dest", "document")}
	assert.Equal(t, http.StatusOK, f.ask(t, "GET", "/_ocifake/", "", link...).StatusCode)
	assert.Equal(t, http.StatusForbidden, f.ask(t, "GET", probe, "", link...).StatusCode)
	assert.Equal(t, http.StatusForbidden, f.ask(t, "GET", "/_ocifake/", "", cross, header("Sec-Fetch-Mode", "navigate"), header("Sec-Fetch-Dest", "iframe")).StatusCode)
	assert.Equal(t, http.StatusForbidden, f.ask(t, "GET", "/_ocifake/app.js", "", cross, header("Sec-Fetch-Mode", "no-cors"), header("Sec-Fetch-Dest", "script")).StatusCode)
}

func TestToken(t *testing.T) {
	f := start(t, setup{token: "secret"})
	for _, test := range []struct {
		name   string
		values []string
		ok     bool
	}{
		{"none", nil, false},
		{"the token", []string{"Bearer secret"}, true},
		{"in another case", []string{"bearer secret"}, true},
		{"another token", []string{"Bearer secreT"}, false},
		{"a part of it", []string{"Bearer secre"}, false},
		{"more", []string{"Bearer secrets"}, false},
		{"a space more", []string{"Bearer  secret"}, false},
		{"an empty one", []string{"Bearer "}, false},
		{"nothing but the scheme", []string{"Bearer"}, false},
		{"no scheme", []string{"secret"}, false},
		{"another scheme", []string{"Basic secret"}, false},
		{"twice", []string{"Bearer secret", "Bearer secret"}, false},
		{"and another", []string{"Bearer secret", "Basic x"}, false},
	} {
		for _, target := range []string{probe, "/_ocifake/v1/", "/_ocifake/v1/nothing", "/_ocifake/v1/openapi.json"} {
			a := f.ask(t, "GET", target, "", header("Authorization", test.values...))
			assert.Equal(t, test.ok, a.StatusCode != http.StatusUnauthorized, "%s: %s: %d", test.name, target, a.StatusCode)
			assert.Equal(t, !test.ok, strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer "))
			assert.NotContains(t, a.body, "secre", "the token is not said")
		}
	}
	for _, open := range []string{"/_ocifake/", "/_ocifake/app.js", "/_ocifake/v1/health", "/_ocifake/v1/ready"} {
		assert.Equal(t, http.StatusOK, f.ask(t, "GET", open, "").StatusCode, "%s is open to everybody", open)
	}
	for _, query := range []string{"?token=secret", "?access_token=secret"} {
		assert.Equal(t, http.StatusUnauthorized, f.ask(t, "GET", probe+query, "").StatusCode, "it is not taken from the URL")
	}
	assert.Equal(t, http.StatusOK, f.ask(t, "GET", probe, "", header("Authorization", "Bearer secret"), host("ocifake.ci.svc")).StatusCode)
}

// TestPeer: without a token the API is for this machine, whatever headers say.
func TestPeer(t *testing.T) {
	f, token := start(t, setup{}), start(t, setup{token: "secret"})
	for _, test := range []struct {
		remote string
		local  bool
	}{
		{"127.0.0.1:1234", true},
		{"127.8.9.10:1234", true},
		{"[::1]:1234", true},
		{"[::ffff:127.0.0.1]:1234", true},
		{"192.0.2.1:1234", false},
		{"10.0.0.1:1234", false},
		{"172.17.0.1:1234", false},
		{"[2001:db8::1]:1234", false},
		{"[fe80::1%eth0]:1234", false},
		{"[::ffff:192.0.2.1]:1234", false},
		{"0.0.0.0:1234", false},
		{"localhost:1234", false},
		{"127.0.0.1", false},
		{"@", false},
		{"", false},
	} {
		for _, target := range []string{probe, "/_ocifake/", "/_ocifake/v1/nothing"} {
			r := httptest.NewRequest("GET", "http://127.0.0.1"+target, nil)
			r.RemoteAddr = test.remote
			for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Forwarded-Host", "Cf-Connecting-Ip", "X-Original-Url", "True-Client-Ip"} {
				r.Header.Set(name, map[string]string{"Forwarded": "for=127.0.0.1;host=localhost"}[name]+"127.0.0.1")
			}
			w := httptest.NewRecorder()
			f.api.ServeHTTP(w, r)
			assert.Equal(t, test.local, w.Code != http.StatusForbidden, "%s from %q: %d", target, test.remote, w.Code)

			r.Header.Set("Authorization", "Bearer secret")
			w = httptest.NewRecorder()
			token.api.ServeHTTP(w, r)
			assert.NotEqual(t, http.StatusForbidden, w.Code, "with the token it is for all")
		}
	}
}

// TestForwardedHost is not believed either.
func TestForwardedHost(t *testing.T) {
	f := start(t, setup{})
	a := f.ask(t, "GET", probe, "", host("evil.example"), header("X-Forwarded-Host", "localhost"), header("Forwarded", "host=localhost"))
	assert.Equal(t, http.StatusForbidden, a.StatusCode)
	c, err := net.Dial("tcp", f.Host())
	require.NoError(t, err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "GET http://evil.example%s HTTP/1.1\r\nHost: localhost\r\n\r\n", probe)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusForbidden, response.StatusCode, "an absolute target says the host")
}

// TestIPv6 is loopback too.
func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	require.NoError(t, l.Close())
	f := start(t, setup{server: server.Options{Addr: "[::1]:0"}})
	assert.Equal(t, http.StatusOK, f.ask(t, "GET", probe, "").StatusCode)
	assert.Equal(t, http.StatusForbidden, f.ask(t, "GET", probe, "", host("evil.example")).StatusCode)
}

// TestEarlyRefusal does not wait for a body that nobody will read.
func TestEarlyRefusal(t *testing.T) {
	f := start(t, setup{token: "secret"})
	c, err := net.Dial("tcp", f.Host())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "POST /_ocifake/v1/load HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nhalf")
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
}
