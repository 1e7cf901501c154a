package upstream_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/ocifake/ocifake/internal/upstream"
)

// wire is a registry that answers every request with 200, and keeps what it receives as it is on the
// wire.
type wire struct {
	*httptest.Server

	mu       sync.Mutex
	bytes    bytes.Buffer
	requests []string // methods and targets, as this server reads them
}

func newWire(t *testing.T) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{Server: &httptest.Server{URL: "http://" + l.Addr().String()}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { w.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return w
}

// Write implements [io.Writer].
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes.Write(p)
}

func (w *wire) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(io.TeeReader(c, w))
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.requests = append(w.requests, r.Method+" "+r.RequestURI)
		w.mu.Unlock()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

// bareLF finds the end of a line that some servers take for one, and folded a line that some take for
// a part of the one before.
var bareLF, folded = regexp.MustCompile(`[^\r]\n`), regexp.MustCompile(`\n[ \t]`)

// framing finds the fields that say where a body ends.
var framing = regexp.MustCompile(`(?im)^(content-length|transfer-encoding)[ \t]*:`)

// Requests whose end is in doubt reach the registry as what they are here, in one form, or not at all:
// there is no request that the registry sees and the record does not.
func TestSmuggling(t *testing.T) {
	const evil = "GET /v2/evil/tags/list HTTP/1.1\r\nHost: a\r\n\r\n"
	chunk := "3\r\nabc\r\n0\r\n\r\n"
	post := func(fields, body string) string { return "POST /v2/ HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body }
	for name, send := range map[string]string{
		"both lengths, chunks first":  post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"+evil),
		"both lengths, length first":  post("Content-Length: 99\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+evil),
		"two lengths":                 post("Content-Length: 0\r\nContent-Length: 45\r\n", evil),
		"a list of lengths":           post("Content-Length: 0, 45\r\n", evil),
		"a list of the same":          post("Content-Length: 3, 3\r\n", "abc"+evil),
		"a length with a sign":        post("Content-Length: +3\r\n", "abc"+evil),
		"a length with a zero":        post("Content-Length: 03\r\n", "abc"+evil),
		"a length in hexadecimal":     post("Content-Length: 0x3\r\n", "abc"+evil),
		"an underscore":               post("Content_Length: 3\r\nContent-Length: 0\r\n", evil),
		"a folded length":             post("Content-Length:\r\n 3\r\n", "abc"+evil),
		"a folded coding":             post("Transfer-Encoding:\r\n\tchunked\r\n", chunk+evil),
		"a folded field":              post("A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "abc"+evil),
		"line feeds in the header":    "POST /v2/ HTTP/1.1\nHost: a\nContent-Length: 3\n\nabc" + evil,
		"a line feed before a coding": post("A: b\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n", "abc"+evil),
		"a carriage return":           post("A: b\rTransfer-Encoding: chunked\r\nContent-Length: 3\r\n", "abc"+evil),
		"a space before the colon":    post("Transfer-Encoding : chunked\r\nContent-Length: 3\r\n", "abc"+evil),
		"a space before the name":     "POST /v2/ HTTP/1.1\r\n Host: a\r\nContent-Length: 3\r\n\r\nabc" + evil,
		"a NUL":                       post("A: \x00\r\nContent-Length: 3\r\n", "abc"+evil),
		"two codings":                 post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunk+evil),
		"a list of codings":           post("Transfer-Encoding: chunked, identity\r\n", chunk+evil),
		"a vertical tab":              post("Transfer-Encoding: \x0bchunked\r\nContent-Length: 3\r\n", "abc"+evil),
		"chunks in HTTP/1.0":          "POST /v2/ HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc" + evil,
		"line feeds in chunks":        post("Transfer-Encoding: chunked\r\n", "3\nabc\n0\n\n"+evil),
		"an extension with a feed":    post("Transfer-Encoding: chunked\r\n", "3;a\nb\r\nabc\r\n0\r\n\r\n"+evil),
		"a long extension":            post("Transfer-Encoding: chunked\r\n", "3;"+strings.Repeat("a", 1<<20)+"\r\nabc\r\n0\r\n\r\n"+evil),
		"a chunk that is too long":    post("Transfer-Encoding: chunked\r\n", "2\r\nabc\r\n0\r\n\r\n"+evil),
		"a size that overflows":       post("Transfer-Encoding: chunked\r\n", "10000000000000003\r\nabc\r\n0\r\n\r\n"+evil),
		"a size with a prefix":        post("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"+evil),
		"a negative size":             post("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n"+evil),
		"trailers that frame":         post("Transfer-Encoding: chunked\r\nTrailer: Content-Length, Transfer-Encoding, Host\r\n", "0\r\nContent-Length: 45\r\nHost: b\r\n\r\n"+evil),
		"a trailer without a name":    post("Transfer-Encoding: chunked\r\n", "0\r\n"+evil),
		"a body of GET":               "GET /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + evil,
		"a length that is dropped":    post("Connection: Content-Length\r\nContent-Length: 3\r\n", "abc"+evil),
		"a coding that is dropped":    post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", chunk+evil),
		"a target with a feed":        "GET /v2/%0d%0aA:%20b/tags/list HTTP/1.1\r\nHost: a\r\n\r\n" + evil,
		"a target with spaces":        "GET /v2/ HTTP/1.1 x HTTP/1.1\r\nHost: a\r\n\r\n" + evil,
		"a method with a feed":        "GET\t/v2/ HTTP/1.1\r\nHost: a\r\n\r\n" + evil,
		"an upgrade":                  "GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n" + evil,
		"HTTP/2 in the clear":         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + evil,
	} {
		t.Run(name, func(t *testing.T) {
			up := newWire(t)
			f := inFront(t, up.Server, upstream.Options{})
			var seen []string
			served := f.Config.Handler
			f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen = append(seen, r.Method+" "+r.RequestURI)
				served.ServeHTTP(w, r)
			})
			answers := dialled(t, f, send+last)
			f.Close() // all have been served
			up.mu.Lock()
			defer up.mu.Unlock()
			text := up.bytes.String()
			assert.LessOrEqual(t, strings.Count(answers, "HTTP/1.1 200 OK"), len(seen))
			assert.Subset(t, seen, up.requests)
			assert.LessOrEqual(t, len(up.requests), len(seen))
			header, _, _ := strings.Cut(text, "\r\n\r\n")
			assert.NotRegexp(t, bareLF, header)
			assert.NotRegexp(t, folded, header)
			assert.LessOrEqual(t, len(framing.FindAllString(header, -1)), 1)
		})
	}
}

// What a registry sends after the end of an answer, or in place of the body that it may not have, is no
// part of it.
func TestAnswerSplitting(t *testing.T) {
	log.SetOutput(io.Discard) // net/http logs what comes after an answer
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for name, test := range map[string]struct {
		method, answer, want string // want is the error, if there must be one
	}{
		"after a body":                 {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" + evil, ""},
		"after chunks":                 {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + evil, ""},
		"after both lengths":           {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + evil, ""},
		"a body of HEAD":               {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n" + evil, ""},
		"a body of 204":                {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 42\r\n\r\n" + evil, ""},
		"a body of 304":                {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\n\r\n" + evil, ""},
		"after a redirect":             {"GET", "HTTP/1.1 302 Found\r\nLocation: /v2/\r\nContent-Length: 0\r\n\r\n" + evil, ""},
		"a line feed in a field":       {"GET", "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n" + evil, ""},
		"a carriage return in a field": {"GET", "HTTP/1.1 200 OK\r\nA: b\rContent-Length: 0\r\n\r\n" + evil, ""},
		"a NUL in a field":             {"GET", "HTTP/1.1 200 OK\r\nA: \x00\r\nContent-Length: 0\r\n\r\n" + evil, ""},
		"a space before a colon":       {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\nabc" + evil, ""},
		"lengths that differ":          {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabc" + evil, "Content-Length"},
		"a folded field":               {"GET", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 3\r\n\r\nabc" + evil, ""},
		"a status of two digits":       {"GET", "HTTP/1.1 20 OK\r\nContent-Length: 3\r\n\r\nabc" + evil, "malformed HTTP status code"},
	} {
		t.Run(name, func(t *testing.T) {
			f := inFront(t, raw(t, func(w io.Writer) { _, _ = io.WriteString(w, test.answer) }), upstream.Options{})
			c, err := net.Dial("tcp", strings.TrimPrefix(f.URL, "http://"))
			require.NoError(t, err)
			defer c.Close()
			r, err := http.NewRequestWithContext(t.Context(), test.method, f.URL+"/v2/", http.NoBody)
			require.NoError(t, err)
			require.NoError(t, r.Write(c))
			answer, err := http.ReadResponse(bufio.NewReader(c), r)
			require.NoError(t, err)
			text, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			assert.NotContains(t, string(text), "evil")
			for name, values := range answer.Header {
				assert.NotContains(t, name, " ")
				assert.NotRegexp(t, "[\r\n\x00]", strings.Join(values, ""))
			}
			if test.want != "" {
				assert.Equal(t, http.StatusBadGateway, answer.StatusCode)
				assert.Contains(t, string(text), test.want)
			}
		})
	}
}

// Over HTTP/2, a registry floods with frames of a header that does not end, with provisional answers,
// and with frames that want an answer. Each ends.
func TestHTTP2Floods(t *testing.T) {
	field := func(name, value string) []byte {
		var b bytes.Buffer
		e := hpack.NewEncoder(&b)
		_ = e.WriteField(hpack.HeaderField{Name: name, Value: value}) // a buffer never fails
		return b.Bytes()
	}
	status := field(":status", "200")
	for name, test := range map[string]struct {
		flood func(f *http2.Framer, stream uint32) error // again and again, until it fails
		begin func(f *http2.Framer, stream uint32) error
	}{
		"a header without end": {
			begin: func(f *http2.Framer, stream uint32) error {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: status})
			},
			flood: func(f *http2.Framer, stream uint32) error {
				return f.WriteContinuation(stream, false, field("a", strings.Repeat("b", 1000)))
			},
		},
		"provisional answers": {
			flood: func(f *http2.Framer, stream uint32) error {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: field(":status", "103"), EndHeaders: true})
			},
		},
		"a large header": {
			flood: func(f *http2.Framer, stream uint32) error {
				err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: status})
				for range 100 {
					if err == nil {
						err = f.WriteContinuation(stream, false, field("a", strings.Repeat("b", 10_000)))
					}
				}
				if err == nil {
					err = f.WriteContinuation(stream, true, field("a", "b"))
				}
				return err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			up := httptest.NewUnstartedServer(nil)
			up.TLS = &tls.Config{NextProtos: []string{"h2"}}
			up.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) {
				if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
					return
				}
				f := http2.NewFramer(c, c)
				_ = f.WriteSettings()
				for {
					frame, err := f.ReadFrame()
					if err != nil {
						return
					}
					if h, ok := frame.(*http2.HeadersFrame); ok {
						go func() {
							if test.begin == nil || test.begin(f, h.StreamID) == nil {
								for test.flood(f, h.StreamID) == nil {
								}
							}
						}()
						_, _ = io.Copy(io.Discard, c) // the client can write
						return
					}
				}
			}}
			up.StartTLS()
			t.Cleanup(up.Close)
			f := inFront(t, up, upstream.Options{})
			a := f.get(t, "/v2/")
			assert.Equal(t, http.StatusBadGateway, a.StatusCode)
			up.CloseClientConnections()
		})
	}
}

// Wherever a registry of this machine sends clients, addresses of clouds' metadata services and of
// other networks are not dialled.
func TestForbiddenAddresses(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := r.URL.Query().Get("at")
		switch r.URL.Query().Get("by") {
		case "Location":
			w.Header().Set("Location", at)
			w.WriteHeader(http.StatusTemporaryRedirect)
		case "Link":
			w.Header().Set("Link", "<"+at+`>; rel="next"`)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+at+`"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(up.Close)
	f := inFront(t, up, upstream.Options{TokenPaths: true})
	handle := regexp.MustCompile(`/upstream/[A-Za-z0-9_-]+`)
	for _, host := range []string{"169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "0.0.0.0", "[::]", "10.0.0.1", "192.168.1.1:5000", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]", "[::ffff:0:a9fe:a9fe]", "255.255.255.255", "224.0.0.1"} {
		for _, by := range []string{"Location", "Link", "Www-Authenticate"} {
			a := f.get(t, "/v2/app/tags/list?"+url.Values{"by": {by}, "at": {"http://" + host + "/x" + by}}.Encode())
			named := handle.FindString(a.Header.Get(by))
			require.NotEmpty(t, named, "%s by %s: %v", host, by, a.Header)
			f.refused(t, f.get(t, named), "address, and the registry is not at one")
		}
		a := f.get(t, "/xWww-Authenticate")
		assert.Contains(t, a.body, "address, and the registry is not at one")
	}
}
