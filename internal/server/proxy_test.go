package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
)

// startProxy starts a proxy, and a server "a.example" on its network that answers with the host and
// the target of each request.
func startProxy(t testing.TB, config Config) (proxy, host *Server) {
	t.Helper()
	if config.Proxy == nil {
		config.Proxy = &Proxy{}
	}
	config.Proxy.Hosts = new(Network)
	echo := func(who string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s: %s %s %s", who, r.Method, r.Host, r.RequestURI)
		})
	}
	host = start(t, Config{
		Network: config.Proxy.Hosts, Host: "a.example", Aliases: []string{"*.a.example"}, Options: Options{HTTP2: true},
		Registry: echo("a"), Recorder: config.Recorder,
	})
	start(t, Config{Network: config.Proxy.Hosts, Host: "b.example", Registry: echo("b"), Recorder: config.Recorder})
	config.Registry = echo("main")
	return start(t, config), host
}

// TestProxyRequests are requests on a raw connection to a proxy.
func TestProxyRequests(t *testing.T) {
	const end = "\r\nConnection: close\r\n\r\n"
	for name, test := range map[string]struct {
		say    string // {self} is the address of the proxy, and {port} its port
		status int
		want   string // in the body
	}{
		"absolute URL":                    {"GET http://a.example/v2/?n=1 HTTP/1.1\r\nHost: a.example", 200, "a: GET a.example /v2/?n=1"},
		"port":                            {"GET http://a.example:5000/v2/ HTTP/1.1\r\nHost: a.example:5000", 200, "a: GET a.example:5000 /v2/"},
		"alias":                           {"GET http://x.A.example/v2/ HTTP/1.1\r\nHost: x", 200, "a: GET x.A.example /v2/"},
		"final dot":                       {"GET http://a.example./v2/ HTTP/1.1\r\nHost: x", 200, "a: GET a.example. /v2/"},
		"no path":                         {"GET http://a.example HTTP/1.1\r\nHost: a.example", 200, "a: GET a.example /"},
		"another Host":                    {"GET http://a.example/ HTTP/1.1\r\nHost: b.example", 200, "a: GET a.example /"},
		"another Host that is refused":    {"GET http://c.example/ HTTP/1.1\r\nHost: a.example", 403, "c.example"},
		"HTTP/1.0":                        {"GET http://a.example/ HTTP/1.0", 200, "a: GET a.example /"},
		"unknown host":                    {"GET http://c.example:81/ HTTP/1.1\r\nHost: c.example:81", 403, "no registry is mapped to the host c.example:81"},
		"IP address":                      {"GET http://169.254.169.254/latest/ HTTP/1.1\r\nHost: x", 403, "169.254.169.254"},
		"https":                           {"GET https://a.example/ HTTP/1.1\r\nHost: a.example", 400, "use CONNECT for https"},
		"ftp":                             {"GET ftp://a.example/ HTTP/1.1\r\nHost: a.example", 400, "use CONNECT for https"},
		"user":                            {"GET http://user:hunter2@a.example/ HTTP/1.1\r\nHost: a.example", 400, "user name"},
		"malformed port":                  {"GET http://a.example:99999/ HTTP/1.1\r\nHost: a.example", 400, "port"},
		"malformed host":                  {"GET http://a_,b/ HTTP/1.1\r\nHost: a.example", 400, "neither an IP address nor a host name"},
		"itself":                          {"GET http://{self}/x HTTP/1.1\r\nHost: {self}", 200, "main: GET {self} /x"},
		"itself by another name":          {"GET http://localhost:{port}/x HTTP/1.1\r\nHost: x", 200, "main: GET localhost:{port} /x"},
		"itself, without an absolute URL": {"GET /x HTTP/1.1\r\nHost: a.example", 200, "main: GET a.example /x"},
		"CONNECT to itself":               {"CONNECT {self} HTTP/1.1\r\nHost: {self}", 403, "this is the proxy itself"},
		"CONNECT to itself, IPv6":         {"CONNECT [::1]:{port} HTTP/1.1\r\nHost: x", 403, "this is the proxy itself"},
		"CONNECT to an unknown host":      {"CONNECT c.example:443 HTTP/1.1\r\nHost: c.example:443", 403, "to the host c.example,"},
		"CONNECT to an IP address":        {"CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: x", 403, "10.0.0.1"},
		"CONNECT to an address of IPv6":   {"CONNECT [fe80::1]:443 HTTP/1.1\r\nHost: x", 403, "fe80::1"},
		"CONNECT to a mapped address":     {"CONNECT [::ffff:127.0.0.1]:{port} HTTP/1.1\r\nHost: x", 403, "this is the proxy itself"},
		"CONNECT with a zone":             {"CONNECT [fe80::1%25lo]:443 HTTP/1.1\r\nHost: x", 400, "malformed"},
		"CONNECT without a port":          {"CONNECT a.example HTTP/1.1\r\nHost: a.example", 400, "want host:port"},
		"CONNECT to port 0":               {"CONNECT a.example:0 HTTP/1.1\r\nHost: a.example", 400, "port"},
		"CONNECT with a user":             {"CONNECT user:hunter2@a.example:443 HTTP/1.1\r\nHost: a.example", 400, "user name"},
		"CONNECT with a path":             {"CONNECT /a.example:443 HTTP/1.1\r\nHost: a.example", 400, "malformed"},
		"CONNECT with a URL":              {"CONNECT http://a.example:443 HTTP/1.1\r\nHost: a.example", 400, ""},
		"CONNECT with content":            {"CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\nContent-Length: 5", 400, "no content"},
		"CONNECT with chunks":             {"CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", 400, "no content"},
		"CONNECT to a dead host":          {"CONNECT dead.test:443 HTTP/1.1\r\nHost: a.example", 502, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := recorder.New(recorder.Options{})
			s, _ := startProxy(t, Config{Recorder: rec})
			_, port, err := net.SplitHostPort(s.Host())
			require.NoError(t, err)
			fill := strings.NewReplacer("{self}", s.Host(), "{port}", port).Replace
			c := dial(t, s)
			say(t, c, fill(test.say)+"\r\nProxy-Authorization: Basic aHVudGVyMg=="+end)
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			assert.Equal(t, test.status, response.StatusCode, "%s", body)
			assert.Contains(t, string(body), fill(test.want))
			if response.Header.Get("Content-Type") == "application/json" {
				var form struct {
					Errors []struct{ Code, Message string }
				}
				require.NoError(t, json.Unmarshal(body, &form))
				require.Len(t, form.Errors, 1)
				assert.NotEmpty(t, form.Errors[0].Code)
			}
			kept := fmt.Sprint(rec.Log(), rec.Connections(), s.Asked(), string(body))
			for _, secret := range []string{"hunter2", "aHVudGVyMg"} {
				assert.NotContains(t, kept, secret)
			}
			if test.status == 200 {
				require.Len(t, rec.Log(), 1)
				if !strings.Contains(name, "without") { // that client shows to a registry what is for a proxy
					assert.NotContains(t, rec.Log()[0].Header, "Proxy-Authorization")
				}
				assert.NotZero(t, rec.Log()[0].Conn)
			} else {
				assert.Empty(t, rec.Log())
			}
			if test.status == 403 && !strings.Contains(test.want, "itself") {
				require.Len(t, s.Asked(), 1)
				assert.Equal(t, 1, s.Asked()[0].Count)
			} else {
				assert.Empty(t, s.Asked())
			}
		})
	}
}

// openTunnel opens a tunnel on a connection to a proxy. early is sent with the request.
func openTunnel(t testing.TB, c net.Conn, to, early string) {
	t.Helper()
	say(t, c, "CONNECT "+to+" HTTP/1.1\r\nHost: "+to+"\r\nProxy-Authorization: Basic aHVudGVyMg==\r\n\r\n"+early)
	const want = "HTTP/1.1 200 Connection established\r\n\r\n"
	got := make([]byte, len(want))
	_, err := io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

// TestTunnel is about what a client says in a tunnel.
func TestTunnel(t *testing.T) {
	for name, test := range map[string]struct {
		to, early, say string
		name           string // in the TLS handshake; "-": no TLS
		status         int
		want           string
	}{
		"in the clear":             {"a.example:80", "", "GET /x HTTP/1.1\r\nHost: a.example", "-", 200, "a: GET a.example /x"},
		"before the answer":        {"a.example:80", "GET /x HTT", "P/1.1\r\nHost: a.example", "-", 200, "a: GET a.example /x"},
		"TLS":                      {"a.example:443", "", "GET /x HTTP/1.1\r\nHost: a.example", "a.example", 200, "a: GET a.example /x"},
		"TLS without a name":       {"a.example:443", "", "GET /x HTTP/1.1\r\nHost: a.example", "", 200, "a: GET a.example /x"},
		"another host":             {"a.example:443", "", "GET /x HTTP/1.1\r\nHost: b.example", "a.example", 421, "another registry"},
		"another alias":            {"a.example:443", "", "GET /x HTTP/1.1\r\nHost: x.a.example", "a.example", 200, "a: GET x.a.example /x"},
		"absolute URL in it":       {"a.example:443", "", "GET http://b.example/x HTTP/1.1\r\nHost: a.example", "a.example", 421, "another registry"},
		"a tunnel in the tunnel":   {"a.example:443", "", "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example", "a.example", 421, "another registry"},
		"a tunnel to itself in it": {"a.example:443", "", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example", "a.example", 200, "a: CONNECT a.example:443"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := recorder.New(recorder.Options{})
			s, _ := startProxy(t, Config{Recorder: rec})
			c := dial(t, s)
			openTunnel(t, c, test.to, test.early)
			if test.name != "-" {
				config := &tls.Config{RootCAs: s.Authority().CertPool(), ServerName: test.name}
				if test.name == "" { // a client that sends no name, and checks that the certificate has it
					config.InsecureSkipVerify = true
					config.VerifyConnection = func(state tls.ConnectionState) error {
						return state.PeerCertificates[0].VerifyHostname("a.example")
					}
				}
				secure := tls.Client(c, config)
				require.NoError(t, secure.Handshake())
				c = secure
			}
			say(t, c, test.say+"\r\nConnection: close\r\n\r\n")
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			assert.Equal(t, test.status, response.StatusCode, "%s", body)
			assert.Contains(t, string(body), test.want)
			assert.Equal(t, 1, rec.Log().Count(), "the CONNECT that opens the tunnel is no exchange")
			all := rec.Connections()
			require.Len(t, all, 1, "a tunnel is one connection")
			assert.Equal(t, test.to, all[0].Host)
			assert.Equal(t, 1, all[0].Requests)
			assert.Equal(t, test.name != "-", all[0].TLS != nil)
			assert.Equal(t, all[0].ID, rec.Log()[0].Conn)
			assert.NotContains(t, fmt.Sprint(rec.Log(), all), "aHVudGVyMg")
		})
	}
}

// TestProxyTLS: a server that has TLS is a proxy with TLS and without, and serves its own requests
// with TLS only.
func TestProxyTLS(t *testing.T) {
	s, _ := startProxy(t, Config{Options: Options{HTTP2: true}})
	for name, test := range map[string]struct {
		tls  bool
		say  string
		want string
	}{
		"its own":                 {true, "GET /x HTTP/1.1\r\nHost: a", "main: GET"},
		"its own in the clear":    {false, "GET /x HTTP/1.1\r\nHost: a", "Client sent an HTTP request to an HTTPS server."},
		"proxied":                 {true, "GET http://a.example/x HTTP/1.1\r\nHost: a.example", "a: GET a.example /x"},
		"proxied in the clear":    {false, "GET http://a.example/x HTTP/1.1\r\nHost: a.example", "a: GET a.example /x"},
		"tunnel":                  {true, "", "a: GET a.example /x"},
		"tunnel in the clear":     {false, "", "a: GET a.example /x"},
		"unknown host, encrypted": {true, "GET http://c.example/x HTTP/1.1\r\nHost: c.example", "c.example"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			if test.tls {
				c = shake(t, s, c, "http/1.1")
			}
			if test.say == "" {
				openTunnel(t, c, "a.example:443", "")
				secure := tls.Client(c, &tls.Config{RootCAs: s.Authority().CertPool(), ServerName: "a.example"})
				require.NoError(t, secure.Handshake())
				c, test.say = secure, "GET /x HTTP/1.1\r\nHost: a.example"
			}
			say(t, c, test.say+"\r\nConnection: close\r\n\r\n")
			got, err := io.ReadAll(c)
			require.NoError(t, err)
			assert.Contains(t, string(got), test.want)
		})
	}
	t.Run("a tunnel in HTTP/2", func(t *testing.T) {
		r, err := http.NewRequest("CONNECT", s.URL(), strings.NewReader(""))
		require.NoError(t, err)
		r.URL = &url.URL{Scheme: "https", Host: s.Host()}
		r.Host = "a.example:443"
		response, err := s.Transport().RoundTrip(r)
		require.NoError(t, err)
		defer response.Body.Close()
		assert.Equal(t, "HTTP/2.0", response.Proto)
		assert.Equal(t, http.StatusBadRequest, response.StatusCode)
	})
}

// TestPass: tunnels lead to the real host if it is passed on, and are neither read nor recorded.
func TestPass(t *testing.T) {
	real, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer real.Close()
	go func() { // says in capitals what it hears
		for {
			c, err := real.Accept()
			if err != nil {
				return
			}
			heard, _ := io.ReadAll(c)
			io.WriteString(c, strings.ToUpper(string(heard)))
			c.Close()
		}
	}()
	rec := recorder.New(recorder.Options{})
	s, _ := startProxy(t, Config{Recorder: rec, Proxy: &Proxy{
		Passes: func(host, port string) bool { return host != "c.example" && port == "443" },
		Dial: func(ctx context.Context, host, port string) (net.Conn, error) {
			if host == "down.example" {
				return nil, fmt.Errorf("no route")
			}
			return new(net.Dialer).DialContext(ctx, "tcp", real.Addr().String())
		},
	}})
	c := dial(t, s)
	openTunnel(t, c, "real.example:443", "hello ")
	say(t, c, "world")
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Equal(t, "HELLO WORLD", string(got))

	open := dial(t, s)
	openTunnel(t, open, "real.example:443", "")
	for target, want := range map[string]string{
		"CONNECT down.example:443": "502", "CONNECT c.example:443": "403", "CONNECT real.example:444": "403",
		"GET http://real.example/": "https only",
	} {
		c := dial(t, s)
		say(t, c, target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		assert.Contains(t, string(got), want, target)
	}
	assert.Equal(t, []Asked{
		{Host: "c.example", Count: 1}, {Host: "down.example", Count: 1, Passed: true},
		{Host: "real.example", Count: 3, Passed: true}, {Host: "real.example:444", Count: 1},
	}, s.Asked())
	assert.Empty(t, rec.Log())
	require.NoError(t, s.Close(), "an open tunnel ends with the server")
	_, err = io.ReadAll(open)
	assert.True(t, err == nil || isReset(err), "%v", err)
}

// TestTunnelsEnd: the end of the proxy and that of the registry close tunnels, and a proxy has a
// limited number of them.
func TestTunnelsEnd(t *testing.T) {
	for name, ends := range map[string]func(proxy, host *Server) *Server{
		"proxy": func(proxy, _ *Server) *Server { return proxy }, "registry": func(_, host *Server) *Server { return host },
	} {
		t.Run(name, func(t *testing.T) {
			s, host := startProxy(t, Config{})
			c := dial(t, s)
			openTunnel(t, c, "a.example:443", "")
			c = shake(t, s, c)
			say(t, c, "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n")
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.NoError(t, ends(s, host).Close())
			_, err = c.Read(make([]byte, 1))
			require.Error(t, err)
			require.NoError(t, host.Close())
			s.proxy.mu.Lock()
			defer s.proxy.mu.Unlock()
			assert.Zero(t, s.proxy.tunnels)
		})
	}
	s, _ := startProxy(t, Config{})
	s.proxy.tunnels = maxTunnels
	c := dial(t, s)
	say(t, c, "CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Contains(t, string(got), "HTTP/1.1 503 ")
	s.proxy.tunnels = 0
}

// TestAskedIsBounded: clients cannot fill the memory with names of hosts.
func TestAskedIsBounded(t *testing.T) {
	p := newProxy(Proxy{}, nil)
	for i := range 2 * maxAsked {
		p.ask(authority{host: fmt.Sprintf("%d.example", i), port: "443"}, false)
	}
	p.ask(authority{host: "0.example", port: "443"}, false)
	assert.Len(t, p.asked, maxAsked)
	assert.Equal(t, 2, p.asked["0.example"].Count)
}

// FuzzAuthority: what is accepted is a host and a port, and means the same when it is read again.
func FuzzAuthority(f *testing.F) {
	for _, text := range []string{"ghcr.io:443", "GHCR.io.:080", "[::1]:5000", "::1", "a", "a:0", "a:65536", "[fe80::1%25lo]:1", "a b:1", "a@b:1", ":443", "[a]:1"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, optional bool) {
		port := ""
		if optional {
			port = "80"
		}
		at, err := parseAuthority(text, port)
		if err != nil {
			return
		}
		again, err := parseAuthority(at.String(), "")
		require.NoError(t, err)
		assert.Equal(t, at, again)
		assert.True(t, certifiable(at.host), at.host)
	})
}
