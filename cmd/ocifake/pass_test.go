package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answerer listens, and gives the header of the first request to a function, which returns what is
// sent back.
func answerer(t *testing.T, answer func(header string) string) (url *url.URL) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		var header strings.Builder
		from := bufio.NewReader(c)
		for !strings.HasSuffix(header.String(), "\r\n\r\n") {
			line, err := from.ReadString('\n')
			if err != nil {
				return
			}
			header.WriteString(line)
		}
		io.WriteString(c, answer(header.String()))
		io.Copy(c, from)
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return urlOf(l.Addr().String())
}

func urlOf(host string) *url.URL { return &url.URL{Scheme: "http", Host: host} }

// TestDialThrough: a tunnel goes through the user's own proxy, which gets the user's credentials.
func TestDialThrough(t *testing.T) {
	var asked string
	proxy := answerer(t, func(header string) string {
		asked = header
		return "HTTP/1.1 200 OK\r\n\r\nearly "
	})
	proxy.User = url.UserPassword("ann", "hunter2")
	c, err := dialThrough(t.Context(), new(net.Dialer), proxy, "real.example:443")
	require.NoError(t, err)
	defer c.Close()
	assert.Equal(t, "CONNECT real.example:443 HTTP/1.1\r\nHost: real.example:443\r\nProxy-Authorization: Basic YW5uOmh1bnRlcjI=\r\n\r\n", asked)
	_, err = io.WriteString(c, "late")
	require.NoError(t, err)
	require.NoError(t, closeWriteOf(c))
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Equal(t, "early late", string(got))

	for answer, want := range map[string]string{
		"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n": "answers 407 to CONNECT",
		"garbage\r\n\r\n": "read the answer of the proxy",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxProxyAnswer) + "\r\n\r\n": "read the answer of the proxy",
	} {
		proxy := answerer(t, func(string) string { return answer })
		proxy.User = url.UserPassword("ann", "hunter2")
		_, err := dialThrough(t.Context(), new(net.Dialer), proxy, "real.example:443")
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	_, err = dialThrough(t.Context(), new(net.Dialer), &url.URL{Scheme: "socks5", Host: "x"}, "real.example:443")
	require.ErrorContains(t, err, "is not an HTTP proxy")
}

func closeWriteOf(c net.Conn) error { return c.(interface{ CloseWrite() error }).CloseWrite() }

// TestDialPassed: addresses of this machine and of its link are reached only if they are named.
func TestDialPassed(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} { // read once for the process, and unset in tests
		t.Setenv(name, "")
	}
	real := answerer(t, func(string) string { return "HTTP/1.1 200 OK\r\n\r\n" })
	none := func(netip.AddrPort) bool { return false }
	c, err := dialPassed(t.Context(), "127.0.0.1", real.Port(), false, none)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	for name, test := range map[string]struct {
		host   string
		public bool
		own    func(netip.AddrPort) bool
		want   string
	}{
		"loopback": {"127.0.0.1", true, none, "an address of this machine"},
		"link":     {"169.254.169.254", true, none, "an address of this machine or of its link"},
		"none":     {"0.0.0.0", false, none, "no address of a host"},
		"itself":   {"127.0.0.1", false, func(at netip.AddrPort) bool { return fmt.Sprint(at.Port()) == real.Port() }, "this proxy itself"},
	} {
		_, err := dialPassed(t.Context(), test.host, real.Port(), test.public, test.own)
		require.ErrorContains(t, err, test.want, name)
	}
}

// TestPassList: a name has precedence over a wildcard.
func TestPassList(t *testing.T) {
	var l passList
	require.NoError(t, l.Set("*.example.com, a.example.com"))
	require.Error(t, l.Set("*"))
	p, ok := l.matching("a.example.com", "443")
	require.True(t, ok)
	assert.True(t, p.Exact())
	p, ok = l.matching("b.example.com", "443")
	require.True(t, ok)
	assert.False(t, p.Exact())
	_, ok = l.matching("c.example.org", "443")
	assert.False(t, ok)
}
