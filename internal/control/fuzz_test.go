package control_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/server"
)

// serve asks the API without a network in between.
func (f *fixture) serve(r *http.Request) *httptest.ResponseRecorder {
	r.RemoteAddr = "127.0.0.1:1234"
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, r)
	return w
}

// checkRefusal holds what every answer to a bad request must be.
func checkRefusal(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Less(t, w.Code, 500, w.Body.String())
	if w.Code < 400 {
		return
	}
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var e refusal
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e), w.Body.String())
	assert.NotEmpty(t, e.Error.Message)
}

// FuzzBody sends bodies to all routes that take one.
func FuzzBody(f *testing.F) {
	routes := []struct{ method, target string }{
		{"POST", "expectations"}, {"POST", "faults"}, {"PUT", "faults/a"}, {"PATCH", "faults/a"}, {"POST", "load?repo=app"},
	}
	for i, body := range []string{
		`{"expect": ["repo=a count==2", "op=blob.get inflight<=3"], "timeout": "0s"}`, "- name: b\n  where: op=blob.get\n  do: [{status: 503}]",
		`{"do":["pass"]}`, `{"enabled": false}`, "no tar",
	} {
		f.Add(uint8(i), body)
	}
	reg := start(f, setup{network: new(server.Network), maxLoad: 1 << 20})
	reg.api.Close() // nothing is waited for
	f.Fuzz(func(t *testing.T, i uint8, body string) {
		route := routes[int(i)%len(routes)]
		reg.faults.Clear()
		require.Equal(t, http.StatusCreated, reg.serve(httptest.NewRequest("POST", "http://localhost/_ocifake/v1/faults", strings.NewReader("name: a\ndo: [pass]"))).Code)
		w := reg.serve(httptest.NewRequest(route.method, "http://localhost/_ocifake/v1/"+route.target, strings.NewReader(body)))
		checkRefusal(t, w)
		list := reg.serve(httptest.NewRequest("GET", "http://localhost/_ocifake/v1/faults", nil))
		require.Equal(t, http.StatusOK, list.Code, "what was added can be shown")
		require.True(t, utf8.Valid(list.Body.Bytes()))
	})
}

// FuzzTarget asks for whatever may stand in a URL.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{
		"requests?filter=op%3Dblob.get+repo%3Dapp&after=1&before=9&limit=3", "requests?tail=1", "requests/1", "requests.har?filter=status%3D5xx",
		"faults/a%2Fb", "faults/known/reset-mid-blob", "tags?repo=app&after=v1", "manifest?repo=app&ref=v1", "..%2f", "%", "?;", "//", "snapshot?repo=app",
	} {
		f.Add("GET", target)
	}
	f.Add("POST", "reset?what=faults,requests")
	f.Add("POST", "faults/known/reset-mid-blob?where=repo%3Da")
	f.Add("DELETE", "faults/x")
	reg := start(f, setup{network: new(server.Network)})
	reg.push(f, "app:{v1..v2} layers=1 size=1KiB")
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI("/_ocifake/v1/" + target)
		if err != nil || strings.Contains(u.Path, "events") && method == "GET" {
			return // the one cannot be sent, the other does not end
		}
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.Method, r.URL, r.RequestURI = method, u, u.RequestURI()
		checkRefusal(t, reg.serve(r))
	})
}

// FuzzGuard: who is let in without a token says a host that is its own, and no other
// origin.
func FuzzGuard(f *testing.F) {
	for _, host := range []string{"localhost", "127.0.0.1:5000", "[::1]", "evil.example", "localhost.evil.example:80", "", "a:b:c", "[", "::", "use-registry-transport.test"} {
		f.Add(host, "", "", "127.0.0.1:1")
		f.Add(host, "http://"+host, "same-origin", "[::1]:1")
		f.Add(host, "http://evil.example", "cross-site", "192.0.2.1:1")
	}
	reg := start(f, setup{network: new(server.Network)})
	f.Fuzz(func(t *testing.T, host, origin, site, remote string) {
		r := httptest.NewRequest("GET", "http://localhost"+probe, nil)
		r.Host, r.RemoteAddr = host, remote
		for name, value := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site} {
			if value != "" {
				r.Header[name] = []string{value}
			}
		}
		w := httptest.NewRecorder()
		reg.api.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			require.Equal(t, http.StatusForbidden, w.Code)
			return
		}
		peer, err := netip.ParseAddrPort(remote)
		require.NoError(t, err)
		require.True(t, peer.Addr().Unmap().IsLoopback())
		require.Contains(t, []string{"", "none", "same-origin"}, site)
		name := strings.TrimSuffix((&url.URL{Host: host}).Hostname(), ".")
		_, err = netip.ParseAddr(name)
		known := err == nil || slices.Contains([]string{"localhost", "use-registry-transport.test"}, strings.ToLower(name))
		require.True(t, known, "let in by the host %q", host)
		if origin != "" {
			u, err := url.Parse(origin)
			require.NoError(t, err)
			require.True(t, strings.EqualFold(u.Host, host))
		}
	})
}
