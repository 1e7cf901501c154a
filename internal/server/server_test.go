package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// way is a way in which a server is reached.
type way struct {
	name    string
	options Options
	memory  bool
	url     string // default the server's
	proto   string // spoken by the server's transport
	tls     bool
}

var ways = []way{
	{name: "HTTP/1.1", proto: "HTTP/1.1"},
	{name: "TLS", options: Options{TLS: true}, proto: "HTTP/1.1", tls: true},
	{name: "HTTP/2", options: Options{HTTP2: true}, proto: "HTTP/2.0", tls: true},
	{name: "h2c", options: Options{H2C: true}, proto: "HTTP/2.0"},
	{name: "HTTP/1.1 in memory", memory: true, proto: "HTTP/1.1"},
	{name: "https in memory without TLS", memory: true, url: "https://any.example", proto: "HTTP/1.1", tls: true},
	{name: "https to an address in memory", memory: true, url: "https://192.0.2.7:8443", proto: "HTTP/1.1", tls: true},
	{name: "TLS in memory", options: Options{TLS: true}, memory: true, proto: "HTTP/1.1", tls: true},
	{name: "http in memory with TLS", options: Options{TLS: true}, memory: true, url: "http://any.example", proto: "HTTP/1.1"},
	{name: "HTTP/2 in memory", options: Options{HTTP2: true}, memory: true, proto: "HTTP/2.0", tls: true},
	{name: "http in memory with HTTP/2", options: Options{HTTP2: true}, memory: true, url: "http://any.example", proto: "HTTP/1.1"},
	{name: "h2c in memory", options: Options{H2C: true}, memory: true, proto: "HTTP/2.0"},
	{name: "https in memory with h2c", options: Options{H2C: true}, memory: true, url: "https://any.example", proto: "HTTP/2.0", tls: true},
}

// eachWay runs a test once for each way.
func eachWay(t *testing.T, check func(t *testing.T, w way)) {
	t.Helper()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			check(t, w)
		})
	}
}

// start starts a server with the handler, and returns it with the URL to use.
func (w way) start(t testing.TB, handler http.HandlerFunc) (*Server, string) {
	t.Helper()
	config := Config{Options: w.options, Registry: handler}
	if w.memory {
		config.Network = new(Network)
	}
	s := start(t, config)
	return s, cmp.Or(w.url, s.URL())
}

func start(t testing.TB, config Config) *Server {
	t.Helper()
	if config.Log == nil {
		config.Log = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if config.Registry == nil { // only connections are of interest
		config.Registry = http.NotFoundHandler()
	}
	s, err := Start(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func do(t testing.TB, s *Server, method, url string, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	response, content, err := fetch(t.Context(), s, method, url, body)
	require.NoError(t, err)
	return response, content
}

func fetch(ctx context.Context, s *Server, method, url string, body io.Reader) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, nil, err
	}
	response, err := s.Transport().RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response, content, err
}

func TestProtocols(t *testing.T) {
	type seen struct {
		Proto, Host string
		TLS         bool
		ServerName  string
		Conn        uint64
	}
	eachWay(t, func(t *testing.T, w way) {
		s, url := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			is := seen{Proto: r.Proto, Host: r.Host, TLS: r.TLS != nil, Conn: ConnOf(r.Context()).ID()}
			if r.TLS != nil {
				is.ServerName = r.TLS.ServerName
			}
			json.NewEncoder(w).Encode(is)
		})
		for range 2 { // the second time over the same connection
			response, content := do(t, s, "GET", url+"/v2/", nil)
			assert.Equal(t, w.proto, response.Proto)
			assert.Equal(t, w.tls, response.TLS != nil)
			want := seen{Proto: w.proto, Host: response.Request.URL.Host, TLS: w.tls, Conn: 1}
			if host := response.Request.URL.Hostname(); w.tls && net.ParseIP(host) == nil {
				want.ServerName = host
			}
			var got seen
			require.NoError(t, json.Unmarshal(content, &got), "%s", content)
			assert.Equal(t, want, got)
		}
	})
}

func TestLargeBodies(t *testing.T) {
	const blocks = 2
	block := random(1 << 20)
	body := bytes.Repeat(block, blocks)
	sum := sha256.Sum256(body)
	eachWay(t, func(t *testing.T, w way) {
		s, url := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			hash := sha256.New()
			_, err := io.Copy(hash, r.Body)
			assert.NoError(t, err)
			w.Header().Set("Trailer", "Blocks")
			w.Header().Set("Digest", hex.EncodeToString(hash.Sum(nil)))
			for range blocks {
				_, err := w.Write(block)
				assert.NoError(t, err)
			}
			w.Header().Set("Blocks", strconv.Itoa(blocks))
		})
		var clients sync.WaitGroup
		for range 2 {
			clients.Go(func() {
				response, content, err := fetch(t.Context(), s, "PUT", url, bytes.NewReader(body))
				if !assert.NoError(t, err) {
					return
				}
				assert.Equal(t, hex.EncodeToString(sum[:]), response.Header.Get("Digest"))
				assert.True(t, bytes.Equal(body, content))
				assert.Equal(t, strconv.Itoa(blocks), response.Trailer.Get("Blocks"))
			})
		}
		clients.Wait()
	})
}

// TestConcurrentStreams has many requests wait for one another; over HTTP/2 they
// share a connection.
func TestConcurrentStreams(t *testing.T) {
	const streams = 32
	eachWay(t, func(t *testing.T, w way) {
		var waiting sync.WaitGroup
		waiting.Add(streams)
		s, url := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/wait" {
				waiting.Done()
				waiting.Wait()
			}
			fmt.Fprint(w, ConnOf(r.Context()).ID())
		})
		do(t, s, "GET", url, nil) // the version is known from here on
		conns := make(chan string, streams)
		for range streams {
			go func() {
				_, content, err := fetch(t.Context(), s, "POST", url+"/wait", nil)
				assert.NoError(t, err)
				conns <- string(content)
			}()
		}
		used := map[string]bool{}
		for range streams {
			used[<-conns] = true
		}
		want := streams
		if w.proto == "HTTP/2.0" {
			want = 1
		}
		assert.Len(t, used, want)
	})
}

func TestClientLeaves(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		arrived, gone := make(chan struct{}), make(chan struct{})
		s, url := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
			close(gone)
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, _, err := fetch(ctx, s, "GET", url, nil)
			done <- err
		}()
		<-arrived
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		<-gone
	})
}

func TestURL(t *testing.T) {
	for _, test := range []struct {
		config Config
		want   string // a regular expression
	}{
		{Config{}, `^http://127\.0\.0\.1:[0-9]+$`},
		{Config{Options: Options{TLS: true}}, `^https://127\.0\.0\.1:[0-9]+$`},
		{Config{Options: Options{HTTP2: true}}, `^https://127\.0\.0\.1:[0-9]+$`},
		{Config{Options: Options{Addr: "localhost:0"}}, `^http://(127\.0\.0\.1|\[::1\]):[0-9]+$`},
		{Config{Network: new(Network)}, `^http://use-registry-transport\.test$`},
		{Config{Network: new(Network), Options: Options{TLS: true}}, `^https://use-registry-transport\.test$`},
		{Config{Network: new(Network), Host: "a.example"}, `^http://a\.example$`},
		{Config{Network: new(Network), Host: "::1"}, `^http://\[::1\]$`},
	} {
		s := start(t, test.config)
		assert.Regexp(t, test.want, s.URL())
		assert.True(t, strings.HasSuffix(s.URL(), "://"+s.Host()))
	}
}

func TestReachable(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:5000": "127.0.0.1:5000",
		"[::1]:5000":     "[::1]:5000",
		"0.0.0.0:5000":   "127.0.0.1:5000",
		"[::]:5000":      "127.0.0.1:5000",
		"10.0.0.1:5000":  "10.0.0.1:5000",
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		assert.Equal(t, want, reachable(a))
	}
}

func TestStartFails(t *testing.T) {
	taken := start(t, Config{})
	network := new(Network)
	start(t, Config{Network: network, Host: "a.example"})
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Config{Options: Options{Addr: taken.Host()}}, "server: listen tcp " + taken.Host() + ": bind: "},
		{Config{Options: Options{Addr: "nonsense"}}, "server: listen tcp: address nonsense: missing port in address"},
		{Config{Network: network, Host: "A.example"}, "server: listen mem a.example:0: bind: address already in use"},
		{Config{Options: Options{H2C: true, TLS: true}}, "server: h2c is HTTP/2 without TLS: it excludes tls and http2"},
		{Config{Options: Options{H2C: true, HTTP2: true}}, "server: h2c is HTTP/2 without TLS: it excludes tls and http2"},
		{Config{Options: Options{Hosts: []string{"a b"}}}, `server: start: host "a b" is neither an IP address nor a host name`},
	} {
		s, err := Start(test.config)
		require.ErrorContains(t, err, test.want)
		assert.Nil(t, s)
	}
}

func random(size int) []byte {
	b := make([]byte, size)
	source := rand.NewChaCha8([32]byte{})
	source.Read(b)
	return b
}
