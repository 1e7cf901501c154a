package inflight_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/inflight"
)

func TestBase(t *testing.T) {
	tests := []struct {
		name, strip, target string
		header              map[string]string
		trust               bool
		origin, prefix      string
	}{
		{name: "plain", target: "http://reg.example:5000/v2/", origin: "http://reg.example:5000"},
		{name: "tls", target: "https://reg.example/v2/", origin: "https://reg.example"},
		{name: "stripped", strip: "/a b/c", target: "http://reg.example/a%20b/c/v2/", origin: "http://reg.example", prefix: "/a%20b/c"},
		{name: "untrusted", target: "http://in/v2/", header: map[string]string{"X-Forwarded-Proto": "https"}, origin: "http://in"},
		{name: "x-forwarded", trust: true, target: "http://in/v2/", origin: "https://out:8443", prefix: "/p",
			header: map[string]string{"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "out:8443", "X-Forwarded-Prefix": "/p/"}},
		{name: "forwarded", trust: true, target: "http://in/v2/", origin: "https://out",
			header: map[string]string{"Forwarded": `for=1.2.3.4;Proto=HTTPS;host="out", for=5.6.7.8`}},
		{name: "odd scheme", trust: true, target: "http://in/v2/", origin: "http://in",
			header: map[string]string{"X-Forwarded-Proto": "javascript"}},
		{name: "port", target: "http://in/v2/", trust: true, origin: "https://out:8443",
			header: map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "out", "X-Forwarded-Port": "8443, 80"}},
		{name: "port of the host", target: "http://in/v2/", trust: true, origin: "http://in:5000",
			header: map[string]string{"X-Forwarded-Port": "5000"}},
		{name: "port of https", target: "http://in/v2/", trust: true, origin: "https://in",
			header: map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}},
		{name: "port of http", target: "http://in/v2/", trust: true, origin: "http://in",
			header: map[string]string{"X-Forwarded-Port": "80"}},
		{name: "port of the other scheme", target: "http://in/v2/", trust: true, origin: "https://in:80",
			header: map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Port": "80"}},
		{name: "two ports", target: "http://in/v2/", trust: true, origin: "http://out:1",
			header: map[string]string{"X-Forwarded-Host": "out:1", "X-Forwarded-Port": "2"}},
		{name: "port of IPv6", target: "http://in/v2/", trust: true, origin: "http://[::1]:2",
			header: map[string]string{"X-Forwarded-Host": "[::1]", "X-Forwarded-Port": "2"}},
		{name: "two kinds", target: "http://in/v2/", trust: true, origin: "http://out",
			header: map[string]string{"Forwarded": "host=out", "X-Forwarded-Port": "2"}},
		{name: "no port", target: "http://in/v2/", trust: true, origin: "http://in",
			header: map[string]string{"X-Forwarded-Port": "70000"}},
		{name: "no host", target: "http://in/v2/", trust: true, origin: "http://in",
			header: map[string]string{"X-Forwarded-Host": `out"><a`}},
		{name: "a user", target: "http://in/v2/", trust: true, origin: "http://in",
			header: map[string]string{"X-Forwarded-Host": "me@out"}},
		{name: "a path in the host", target: "http://in/v2/", trust: true, origin: "http://in",
			header: map[string]string{"X-Forwarded-Host": "out/path"}},
		{name: "host in the prefix", target: "http://in/v2/", trust: true, origin: "http://in",
			header: map[string]string{"X-Forwarded-Prefix": "//out/p"}},
		{name: "no prefix", target: "http://in/v2/", trust: true, origin: "http://in",
			header: map[string]string{"X-Forwarded-Prefix": `/p">?x`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tt.target, nil)
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			called := false
			http.StripPrefix(tt.strip, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				called = true
				r, _ = inflight.Begin(r)
				origin, prefix := inflight.Base(r, tt.trust)
				assert.Equal(t, tt.origin, origin)
				assert.Equal(t, tt.prefix, prefix)
			})).ServeHTTP(httptest.NewRecorder(), r)
			assert.True(t, called)
		})
	}
}

// HTTP/1.0 need not say which host is meant, nor a request that is made in process.
func TestBaseWithoutHost(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
	r.Host = ""
	base := func() string {
		origin, _ := inflight.Base(r, false)
		return origin
	}
	assert.Equal(t, "http://localhost", base())
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv6loopback, Port: 5000}))
	assert.Equal(t, "http://[::1]:5000", base())
	r.URL.Host = "registry.test"
	assert.Equal(t, "http://registry.test", base())
}

func TestBeginParsesOnce(t *testing.T) {
	r, first := inflight.Begin(httptest.NewRequest(http.MethodGet, "/v2/app/manifests/v1", nil))
	same, second := inflight.Begin(r)
	assert.Same(t, first, second)
	assert.Same(t, r, same)
}

func ExampleBegin() {
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, state := inflight.Begin(r)
		fmt.Println(state.Info().Op, state.Info().Repo)
	})
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v2/app/tags/list", nil))
	// Output: tag.list app
}

func ExampleBase() {
	r := httptest.NewRequest(http.MethodGet, "http://localhost:5000/registry/v2/", nil)
	http.StripPrefix("/registry", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		origin, prefix := inflight.Base(r, false)
		fmt.Println(origin, prefix)
	})).ServeHTTP(httptest.NewRecorder(), r)
	// Output: http://localhost:5000 /registry
}
