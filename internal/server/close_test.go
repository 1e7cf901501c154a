package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hanging are connections that would never end by themselves.
var hanging = []struct {
	name    string
	options Options
	tls     []string // ALPN; nil: in the clear
	say     string
	respond bool // the client hears of the response before it stops reading
}{
	{name: "silent"},
	{name: "silent, TLS", options: Options{TLS: true}},
	{name: "half a header", say: "GET /v2/ HTTP/1.1\r\nHost: a\r\nUser-"},
	{name: "half a TLS hello", options: Options{TLS: true}, say: "\x16\x03\x01\x02\x00\x01\x00"},
	{name: "half a header, TLS", options: Options{TLS: true}, tls: []string{}, say: "GET /v2/ HTTP/1.1\r\nHo"},
	{name: "half a body", say: "PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf"},
	{name: "half a body, TLS", options: Options{TLS: true}, tls: []string{}, say: "PUT /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"},
	{name: "a response that is not read", say: "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n", respond: true},
	{name: "a response that is not read, TLS", options: Options{TLS: true}, tls: []string{}, say: "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n", respond: true},
	{name: "a request that waits", say: "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "a hijacked connection", say: "GET /hijack HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "HTTP/2 without requests", options: Options{HTTP2: true}, tls: []string{"h2"}, say: http2Start},
	{name: "h2c without requests", options: Options{H2C: true}, say: http2Start},
	{name: "half a preface", options: Options{H2C: true}, say: http2Start[:10]},
	{name: "idle", say: "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "an upload that was refused", say: "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"},
}

// hang serves the requests of the hanging connections.
func hang(t *testing.T) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/upload", func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		assert.Error(t, err)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 1<<20)
		var err error
		for err == nil {
			_, err = w.Write(block)
		}
	})
	mux.HandleFunc("/wait", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if assert.NoError(t, err) {
			_, err = io.Copy(io.Discard, c)
			assert.ErrorIs(t, err, net.ErrClosed)
		}
	})
	return mux
}

func TestCloseHanging(t *testing.T) {
	for _, test := range hanging {
		run := func(t *testing.T, network *Network, settle func(*Server)) {
			s := start(t, Config{Options: test.options, Registry: hang(t), Network: network})
			c := dial(t, s)
			raw := c
			if test.tls != nil {
				c = shake(t, s, c, test.tls...)
			}
			say(t, c, test.say)
			if test.respond {
				_, err := c.Read(make([]byte, 1))
				require.NoError(t, err)
			}
			settle(s)
			require.NoError(t, s.Close())
			_, err := io.Copy(io.Discard, raw)
			if err != nil {
				require.True(t, isReset(err), "%v", err)
			}
		}
		t.Run(test.name+" over TCP", func(t *testing.T) {
			t.Parallel()
			run(t, nil, func(s *Server) { waitForBytes(s, int64(len(test.say))) })
		})
		t.Run(test.name+" in memory", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run(t, new(Network), func(*Server) { synctest.Wait() })
			})
		})
	}
}

// waitForBytes returns when the server has a connection on which it has read n
// bytes.
func waitForBytes(s *Server, n int64) {
	for {
		s.mu.Lock()
		for c := range s.conns {
			if in, _ := c.Bytes(); in >= n {
				s.mu.Unlock()
				return
			}
		}
		s.mu.Unlock()
		runtime.Gosched()
	}
}

// TestCloseTransports closes servers in the middle of what their own transports
// do.
func TestCloseTransports(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		paths := []string{"/upload", "/endless", "/wait"}
		handler := hang(t)
		var arrived sync.WaitGroup
		arrived.Add(len(paths))
		var running atomic.Int64
		s, url := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Add(-1)
			arrived.Done()
			handler.ServeHTTP(w, r)
		})
		var clients sync.WaitGroup
		bodies, write := io.Pipe()
		defer write.Close()
		for _, path := range paths {
			clients.Go(func() {
				var body io.Reader
				if path == "/upload" {
					body = bodies
				}
				_, _, err := fetch(t.Context(), s, "PUT", url+path, body)
				assert.Error(t, err)
			})
		}
		arrived.Wait()
		require.NoError(t, s.Close())
		assert.Zero(t, running.Load(), "handlers are waited for")
		bodies.Close()
		clients.Wait()
		_, _, err := fetch(t.Context(), s, "GET", url, nil)
		assert.Error(t, err)
	})
}

// TestCloseMany calls Close from many goroutines, while clients keep coming. In
// the bubble, waiting for one another must not stop the clock.
func TestCloseMany(t *testing.T) {
	run := func(t *testing.T, config Config, pause func()) {
		config.Registry = hang(t)
		s := start(t, config)
		do(t, s, "GET", s.URL(), nil)
		ctx, cancel := context.WithCancel(t.Context())
		var clients, closers sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for ctx.Err() == nil {
					pause()
					fetch(ctx, s, "PUT", s.URL()+"/refuse", strings.NewReader(strings.Repeat("x", 1<<20)))
				}
			})
		}
		for range 4 {
			closers.Go(func() { assert.NoError(t, s.Close()) })
		}
		closers.Wait()
		cancel()
		clients.Wait()
		require.NoError(t, s.Close())
	}
	t.Run("over TCP", func(t *testing.T) { run(t, Config{}, func() {}) })
	t.Run("in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			// The clock stands still while somebody is never blocked.
			run(t, Config{Network: new(Network)}, func() { time.Sleep(time.Millisecond) })
		})
	})
}

// TestCloseFreesTheAddress starts on the same address and name again.
func TestCloseFreesTheAddress(t *testing.T) {
	network := new(Network)
	for _, config := range []Config{{}, {Network: network, Host: "a.example"}} {
		s := start(t, config)
		require.NoError(t, s.Close())
		if network := config.Network; network == nil {
			config.Addr = s.Host()
		}
		start(t, config)
	}
}

// TestVirtualTime: an hour of waiting costs nothing.
func TestVirtualTime(t *testing.T) {
	for _, w := range ways {
		if !w.memory {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, url := w.start(t, func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(time.Hour)
					io.WriteString(w, "late")
				})
				begin := time.Now()
				for range 2 {
					_, content := do(t, s, "GET", url, nil)
					assert.Equal(t, "late", string(content))
				}
				assert.Equal(t, 2*time.Hour, time.Since(begin))
			})
		})
	}
}

func TestHijack(t *testing.T) {
	s := start(t, Config{Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer c.Close()
		line, err := rw.ReadString('\n')
		assert.NoError(t, err)
		io.WriteString(c, "echo "+line)
	})})
	c := dial(t, s)
	say(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\nhello\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "echo hello\n", line)
}
