package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// http2Start is the preface of HTTP/2 and an empty SETTINGS frame.
const http2Start = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// http2Settings is how a server that speaks HTTP/2 begins, but for the length
// of its SETTINGS.
const http2Settings = "\x04\x00\x00\x00\x00\x00"

// dial connects to a server without speaking.
func dial(t testing.TB, s *Server) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	if s.config.Network != nil {
		c, err = s.config.Network.DialContext(t.Context(), "tcp", "registry.test:443")
	} else {
		c, err = net.Dial("tcp", s.Host())
	}
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// shake does the client's part of a TLS handshake.
func shake(t testing.TB, s *Server, c net.Conn, protocols ...string) *tls.Conn {
	t.Helper()
	secure := tls.Client(c, &tls.Config{RootCAs: s.Authority().CertPool(), ServerName: "localhost", NextProtos: protocols, CurvePreferences: []tls.CurveID{tls.CurveP256}})
	require.NoError(t, secure.Handshake())
	return secure
}

// isReset knows the error that Windows has of its own.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.Errno(10054))
}

func say(t testing.TB, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
}

// readUntil reads until it has found the text, if that is HTTP/2, or to the end.
func readUntil(c net.Conn, text string) ([]byte, error) {
	if text != http2Settings {
		return io.ReadAll(c)
	}
	got := make([]byte, len("len")+len(text))
	_, err := io.ReadFull(c, got)
	return got, err
}

// TestFirstBytes is about clients that do not begin as they should.
func TestFirstBytes(t *testing.T) {
	const badRequest = "HTTP/1.1 400 Bad Request"
	both := []bool{false, true}
	for _, test := range []struct {
		name    string
		options Options
		memory  []bool
		tls     []string // ALPN; nil: in the clear
		say     string
		want    string // in what the server answers before it closes
	}{
		{"HTTP/1.1", Options{}, both, nil, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"},
		{"HTTP/1.0", Options{}, both, nil, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
		{"HTTP/1.1 where h2c is on", Options{H2C: true}, both, nil, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"},
		{"HTTP/1.1 over TLS", Options{TLS: true}, both, []string{"http/1.1"}, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
		{"HTTP/1.1 over TLS without ALPN", Options{HTTP2: true}, both, []string{}, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
		{"nothing", Options{}, both, nil, "", ""},
		{"nothing, TLS", Options{TLS: true}, both, nil, "", ""},
		{"a preface that was not allowed", Options{}, both, nil, http2Start, badRequest},
		{"a preface in the clear, only TLS allows it", Options{HTTP2: true}, both[1:], nil, http2Start, badRequest},
		{"a preface over TLS without ALPN", Options{HTTP2: true}, both, []string{}, http2Start, badRequest},
		{"a preface where HTTP/1.1 was agreed on", Options{HTTP2: true}, both, []string{"http/1.1"}, http2Start, badRequest},
		{"no preface where HTTP/2 was agreed on", Options{HTTP2: true}, both, []string{"h2"}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", badRequest},
		{"a preface where HTTP/2 was agreed on", Options{HTTP2: true}, both, []string{"h2"}, http2Start, http2Settings},
		{"a preface where h2c is on", Options{H2C: true}, both, nil, http2Start, http2Settings},
		{"a preface that ends otherwise where HTTP/2 was agreed on", Options{HTTP2: true}, both, []string{"h2"}, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", badRequest},
		{"a preface that ends otherwise", Options{H2C: true}, both, nil, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "HTTP/1."},
		{"plain HTTP to TLS", Options{TLS: true}, both[:1], nil, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"},
		{"a plain PATCH to TLS", Options{TLS: true}, both[:1], nil, "PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", "Client sent an HTTP request to an HTTPS server.\n"},
		{"garbage", Options{}, both, nil, "\x00\x01\x02\x03\x04\r\n\r\n", badRequest},
		{"garbage to TLS", Options{TLS: true}, both[:1], nil, "\x00\x01\x02\x03\x04\r\n\r\n", ""},
		{"garbage that begins as TLS", Options{TLS: true}, both, nil, "\x16\x01\x02\x03\x04garbage", ""},
		{"TLS to a clear port", Options{}, both[:1], nil, "\x16\x03\x01\x00\x02\x01\x00\r\n\r\n", badRequest},
		{"a header bomb", Options{}, both, nil, "GET / HTTP/1.1\r\nHost: a\r\nBomb: " + strings.Repeat("x", maxHeader+8<<10), "HTTP/1.1 431 Request Header Fields Too Large"},
		{"a header bomb over TLS", Options{TLS: true}, both, []string{}, "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("Bomb: x\r\n", maxHeader/9+1<<10), "HTTP/1.1 431 Request Header Fields Too Large"},
	} {
		for _, memory := range test.memory {
			name := test.name + " over TCP"
			if memory {
				name = test.name + " in memory"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				config := Config{Options: test.options, Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})}
				if memory {
					config.Network = new(Network)
				}
				s := start(t, config)
				raw := dial(t, s)
				c := raw
				if test.tls != nil {
					c = shake(t, s, raw, test.tls...)
				}
				go func() {
					io.WriteString(c, test.say) // may fail: the server need not read all
					if test.want != http2Settings {
						c.(interface{ CloseWrite() error }).CloseWrite()
					}
				}()
				got, err := readUntil(c, test.want)
				if err != nil { // the server did not read the rest
					require.True(t, isReset(err), "%v", err)
				}
				assert.Contains(t, string(got), test.want)
				if test.want == "" && !strings.HasPrefix(test.name, "garbage") {
					assert.Empty(t, got)
				}
			})
		}
	}
}

// TestSlowClients are dropped when their time is over, and no earlier.
func TestSlowClients(t *testing.T) {
	hello := clientHello(t)
	for _, test := range []struct {
		name string
		say  string
	}{
		{"no first byte", ""},
		{"half a request line", "GET /v2"},
		{"half a header", "GET /v2/ HTTP/1.1\r\nHost: a\r\nUser-"},
		{"half a preface", "PRI * HT"},
		{"half a TLS record header", hello[:3]},
		{"half a TLS hello", hello[:len(hello)/2]},
		{"a TLS hello", hello},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Config{Network: new(Network), Options: Options{HTTP2: true}})
				begin := time.Now()
				c := dial(t, s)
				say(t, c, test.say)
				_, err := io.Copy(io.Discard, c)
				require.NoError(t, err)
				assert.Equal(t, headerTimeout, time.Since(begin))
			})
		})
	}
	t.Run("a header byte by byte", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, Config{Network: new(Network)})
			begin := time.Now()
			c := dial(t, s)
			var err error
			for err == nil {
				_, err = c.Write([]byte("x"))
				time.Sleep(time.Second)
			}
			require.ErrorIs(t, err, syscall.EPIPE)
			assert.InDelta(t, headerTimeout, time.Since(begin), float64(2*time.Second))
		})
	})
	t.Run("a body byte by byte", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, Config{Network: new(Network), Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, err := io.Copy(io.Discard, r.Body)
				assert.NoError(t, err)
				assert.Equal(t, int64(100), n)
			})})
			c := dial(t, s)
			say(t, c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
			for range 100 {
				time.Sleep(time.Minute)
				say(t, c, "x")
			}
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, response.StatusCode)
		})
	})
	t.Run("the second request after a day", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, Config{Network: new(Network), Registry: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
			c := dial(t, s)
			from := bufio.NewReader(c)
			for range 2 {
				say(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				response, err := http.ReadResponse(from, nil)
				require.NoError(t, err)
				assert.Equal(t, http.StatusOK, response.StatusCode)
				time.Sleep(24 * time.Hour)
			}
		})
	})
}

// clientHello returns what a TLS client says first.
func clientHello(t *testing.T) string {
	t.Helper()
	var hello bytes.Buffer
	err := tls.Client(deaf{&hello}, &tls.Config{ServerName: "a.example"}).Handshake()
	require.ErrorIs(t, err, io.EOF)
	return hello.String()
}

// deaf is a connection that takes what is written and never answers.
type deaf struct{ *bytes.Buffer }

func (deaf) Read([]byte) (int, error)         { return 0, io.EOF }
func (deaf) Close() error                     { return nil }
func (deaf) LocalAddr() net.Addr              { return nil }
func (deaf) RemoteAddr() net.Addr             { return nil }
func (deaf) SetDeadline(time.Time) error      { return nil }
func (deaf) SetReadDeadline(time.Time) error  { return nil }
func (deaf) SetWriteDeadline(time.Time) error { return nil }

func TestAbort(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s, _ := w.start(t, func(_ http.ResponseWriter, r *http.Request) {
			assert.NoError(t, ConnOf(r.Context()).Abort())
			<-r.Context().Done()
		})
		c := dial(t, s)
		if w.tls {
			c = shake(t, s, c)
		}
		say(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		_, err := io.ReadAll(c)
		require.True(t, isReset(err), "%v", err)
	})
}

func TestConnBytes(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		const size = 1 << 20
		var in int64
		s, url := w.start(t, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			assert.NoError(t, err)
			in, _ = ConnOf(r.Context()).Bytes()
		})
		do(t, s, "PUT", url, bytes.NewReader(make([]byte, size)))
		assert.GreaterOrEqual(t, in, int64(size))
		assert.Less(t, in, int64(size+size/10))
	})
}
