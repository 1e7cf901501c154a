package recorder_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// start starts a server that logs nothing; without a recorder there is nothing
// between it and the handler.
func start(t testing.TB, config server.Config) *server.Server {
	t.Helper()
	config.Log = slog.New(slog.DiscardHandler)
	s, err := server.Start(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// handlers answer in every way that net/http has.
var handlers = map[string]http.HandlerFunc{
	"nothing": func(http.ResponseWriter, *http.Request) {},
	"write":   func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
	"string":  func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "text") },
	"error":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
	"empty":   func(w http.ResponseWriter, _ *http.Request) { w.Write(nil); w.WriteHeader(http.StatusNotFound) },
	"many": func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, strings.NewReader(strings.Repeat("x", 100_000)))
	},
	"read from": func(w http.ResponseWriter, _ *http.Request) { readFrom(w, strings.NewReader("hello")) },
	"read from nothing": func(w http.ResponseWriter, _ *http.Request) {
		readFrom(w, strings.NewReader(""))
		w.WriteHeader(http.StatusNotFound)
	},
	"read from, with status": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		readFrom(w, strings.NewReader(strings.Repeat("x", 100_000)))
	},
	"flush": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		io.WriteString(w, "second")
	},
	"flush of nothing": func(w http.ResponseWriter, _ *http.Request) {
		mustDo(http.NewResponseController(w).Flush())
		io.WriteString(w, "late")
	},
	"length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "4")
		io.WriteString(w, "four, and more")
		io.WriteString(w, "four")
	},
	"too short": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "40")
		io.WriteString(w, "four")
	},
	"trailers": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "A")
		io.WriteString(w, "body")
		w.Header().Set("A", "declared")
		w.Header().Set(http.TrailerPrefix+"B", "undeclared")
	},
	"interim": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</x>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	},
	"not modified": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotModified)
		w.Write([]byte("x"))
	},
	"without a date": func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil },
	"echo":           func(w http.ResponseWriter, r *http.Request) { w.Header().Set("A", "b"); io.Copy(w, r.Body) },
	"read late": func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		_, err := io.ReadAll(r.Body)
		mustDo(err)
	},
	"do not read": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) },
	"no body": func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, map[bool]string{true: "none"}[r.Body == http.NoBody])
	},
	"full duplex":   fullDuplex,
	"deadline":      deadline,
	"panic":         func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "half"); panic(http.ErrAbortHandler) },
	"panic at once": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"panic late": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	},
	"hijack": func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		mustDo(err)
		io.WriteString(c, "anything")
		_, err = w.Write([]byte("x"))
		if !errors.Is(err, http.ErrHijacked) {
			panic(err)
		}
		mustDo(c.Close())
	},
}

func mustDo(err error) {
	if err != nil {
		panic(err)
	}
}

func readFrom(w http.ResponseWriter, r io.Reader) {
	if from, ok := w.(io.ReaderFrom); ok {
		_, err := from.ReadFrom(r)
		mustDo(err)
		return
	}
	_, err := io.Copy(w, r)
	mustDo(err)
}

func fullDuplex(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	if r.ProtoMajor == 1 {
		mustDo(c.EnableFullDuplex())
	}
	io.WriteString(w, "before")
	mustDo(c.Flush())
	_, err := io.Copy(w, r.Body)
	mustDo(err)
}

func deadline(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	mustDo(c.SetReadDeadline(time.Now().Add(time.Hour)))
	mustDo(c.SetWriteDeadline(time.Now().Add(time.Hour)))
	_, hijacks := w.(http.Hijacker)
	_, pushes := w.(http.Pusher)
	_, copies := w.(io.ReaderFrom)
	_, strings := w.(io.StringWriter)
	if first := r.ProtoMajor == 1; hijacks != first || copies != first || pushes == first || !strings {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func route(w http.ResponseWriter, r *http.Request) { handlers[r.URL.Query().Get("handler")](w, r) }

// exchangeRaw sends a request on a connection of its own, step by step, and
// returns all that comes back.
func exchangeRaw(t *testing.T, rec *recorder.Recorder, steps []string) string {
	t.Helper()
	network := new(server.Network)
	s := start(t, server.Config{Network: network, Registry: http.HandlerFunc(route), Recorder: rec})
	c, err := network.DialContext(t.Context(), "tcp", "registry.test:80")
	require.NoError(t, err)
	defer c.Close()
	var got received
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(&got, c) // the connection may be reset
	}()
	var seen []string
	for _, step := range steps {
		io.WriteString(c, step) // the server may have closed
		synctest.Wait()
		seen = append(seen, got.String())
		time.Sleep(time.Minute)
		synctest.Wait()
		seen = append(seen, got.String())
	}
	c.Close()
	<-read
	require.NoError(t, s.Close())
	return strings.Join(seen, "\n----\n")
}

// received is what came until now.
type received struct {
	mu   sync.Mutex
	text []byte
}

func (r *received) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, p...)
	return len(p), nil
}

func (r *received) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.text)
}

// TestWire: to the byte and to the moment, the client sees the same with and
// without a recorder.
func TestWire(t *testing.T) {
	for name := range handlers {
		for _, send := range []struct {
			name  string
			steps []string
		}{
			{"GET", []string{"GET /v2/app/manifests/v1?handler=% HTTP/1.1\r\nHost: a\r\n\r\n", "GET /v2/?handler=write HTTP/1.1\r\nHost: a\r\n\r\n"}},
			{"HEAD", []string{"HEAD /v2/?handler=% HTTP/1.1\r\nHost: a\r\n\r\n"}},
			{"HTTP/1.0", []string{"GET /?handler=% HTTP/1.0\r\n\r\n"}},
			{"PUT", []string{"PUT /v2/app/manifests/v1?handler=% HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", "llo", "GET /v2/?handler=nothing HTTP/1.1\r\nHost: a\r\n\r\n"}},
			{"chunked", []string{"PUT /?handler=% HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", "3\r\nllo\r\n", "0\r\n\r\n"}},
			{"100-continue", []string{"PUT /?handler=% HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", "hello"}},
			{"cut", []string{"PUT /?handler=% HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"}},
		} {
			t.Run(name+"/"+send.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var steps []string
					for _, step := range send.steps {
						steps = append(steps, strings.ReplaceAll(step, "%", strings.ReplaceAll(name, " ", "+")))
					}
					began := time.Now()
					without := exchangeRaw(t, nil, steps)
					took := time.Since(began)
					rec := recorder.New(recorder.Options{})
					with := exchangeRaw(t, rec, steps)
					for _, date := range []time.Time{began, began.Add(time.Minute), began.Add(2 * time.Minute)} {
						second := time.Second // that "read late" sleeps
						for _, d := range []time.Time{date, date.Add(second)} {
							with = strings.ReplaceAll(with, d.Add(took).UTC().Format(http.TimeFormat), d.UTC().Format(http.TimeFormat))
						}
					}
					assert.Equal(t, without, with)
					assert.NotEmpty(t, rec.Log())
					assert.Zero(t, rec.Log().Count(record.Open()))
				})
			})
		}
	}
}

// TestWireHTTP2: what a client of HTTP/2 gets is the same with and without.
func TestWireHTTP2(t *testing.T) {
	type result struct {
		status  int
		header  http.Header
		body    string
		trailer http.Header
		failed  bool
	}
	for name := range handlers {
		if name == "hijack" {
			continue // there is no such thing
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				get := func(rec *recorder.Recorder, method, body string) (got result) {
					s := start(t, server.Config{Options: server.Options{H2C: true}, Network: new(server.Network), Registry: http.HandlerFunc(route), Recorder: rec})
					defer s.Close()
					target := s.URL() + "/v2/app/manifests/v1?handler=" + strings.ReplaceAll(name, " ", "+")
					r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
					require.NoError(t, err)
					response, err := s.Transport().RoundTrip(r)
					if err != nil {
						return result{failed: true}
					}
					defer response.Body.Close()
					assert.Equal(t, 2, response.ProtoMajor)
					content, err := io.ReadAll(response.Body)
					response.Header.Del("Date")
					return result{response.StatusCode, response.Header, string(content), response.Trailer, err != nil}
				}
				for _, method := range []string{"GET", "HEAD", "PUT"} {
					body := map[string]string{"PUT": "hello"}[method]
					without := get(nil, method, body)
					rec := recorder.New(recorder.Options{})
					assert.Equal(t, without, get(rec, method, body))
					log := rec.Log()
					require.Len(t, log, 1)
					assert.Equal(t, "HTTP/2.0", log[0].Proto)
					if !without.failed {
						assert.Equal(t, without.status, log[0].Status)
						assert.Equal(t, int64(len(without.body)), log[0].ResponseBytes)
						assert.False(t, log[0].Left, "%s", method)
					}
				}
			})
		})
	}
}

// TestSendsFiles: the kernel still sends them, whether the record keeps count or
// not; see also the tests of the server.
func TestSendsFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	content := bytes.Repeat([]byte("content "), 1<<18)
	require.NoError(t, os.WriteFile(name, content, 0o600))
	rec := recorder.New(recorder.Options{})
	s := start(t, server.Config{Recorder: rec, Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(spy{w, t}, r, name)
	})})
	for _, header := range []string{"", "bytes=8-15"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL()+"/v2/app/blobs/sha256:x", nil)
		require.NoError(t, err)
		r.Header.Set("Range", header)
		response, err := s.Transport().RoundTrip(r)
		require.NoError(t, err)
		got, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		if header == "" {
			assert.True(t, bytes.Equal(content, got))
		} else {
			assert.Equal(t, "content ", string(got))
		}
	}
	require.NoError(t, s.Close())
	log := rec.Log()
	assert.Equal(t, []int64{int64(len(content)), 8}, []int64{log[0].ResponseBytes, log[1].ResponseBytes})
	assert.Equal(t, []int{200, 206}, []int{log[0].Status, log[1].Status})
}

// spy makes sure that a file comes as a file.
type spy struct {
	http.ResponseWriter
	t *testing.T
}

func (s spy) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if assert.True(s.t, ok, "%T", r) {
		assert.IsType(s.t, (*os.File)(nil), limited.R)
	}
	return s.ResponseWriter.(io.ReaderFrom).ReadFrom(r)
}

// TestEnds: who ended a request, and how far it came.
func TestEnds(t *testing.T) {
	type facts struct {
		Status    int
		Bytes     int64
		Left, Cut bool
	}
	big := strings.Repeat("x", 1<<20)
	stall := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		body    bool // the client sends half a body
		end     func(s *server.Server, cancel func())
		want    facts // in HTTP/1.1
	}{
		{"the client leaves before the answer", stall, false, clientLeaves, facts{200, 0, true, false}},
		{"the client leaves, and is answered", func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(http.StatusNotFound)
		}, false, clientLeaves, facts{404, 0, true, false}},
		{"the client leaves in the body", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, false, clientLeaves, facts{200, 4, true, true}},
		{"the client leaves in a body of unknown length", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			io.WriteString(w, "rest")
		}, false, clientLeaves, facts{200, 8, true, false}},
		{"the client leaves while much is written", func(w http.ResponseWriter, r *http.Request) {
			var err error
			for err == nil {
				_, err = io.WriteString(w, big)
			}
			panic(http.ErrAbortHandler)
		}, false, clientLeaves, facts{200, -1, true, true}},
		{"the client leaves while it sends", func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			assert.Error(t, err)
			w.WriteHeader(http.StatusBadRequest)
		}, true, clientLeaves, facts{400, 0, true, false}},
		{"the server closes before the answer", stall, false, serverCloses, facts{200, 0, false, false}},
		{"the server closes while the client sends", func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			assert.Error(t, err)
			panic(http.ErrAbortHandler)
		}, true, serverCloses, facts{0, 0, false, true}},
		{"the server resets", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			assert.NoError(t, server.ConnOf(r.Context()).Abort())
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}, false, nobody, facts{200, 4, false, true}},
		{"the handler gives up before the answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, nobody, facts{0, 0, false, true}},
		{"the handler gives up with the answer in a buffer", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		}, false, nobody, facts{0, 0, false, true}},
		{"the handler stops too early", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
		}, false, nobody, facts{200, 4, false, true}},
		{"the handler reads too slowly for itself", func(w http.ResponseWriter, r *http.Request) {
			mustDo(http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)))
			_, err := io.Copy(io.Discard, r.Body)
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		}, true, nobody, facts{200, 0, false, false}},
		{"nobody", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "all") }, false, nobody, facts{200, 3, false, false}},
	} {
		for _, proto := range []string{"HTTP/1.1", "TLS", "HTTP/2"} {
			t.Run(test.name+"/"+proto, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rec := recorder.New(recorder.Options{})
					options := server.Options{TLS: proto == "TLS", H2C: proto == "HTTP/2"}
					s := start(t, server.Config{Options: options, Network: new(server.Network), Registry: test.handler, Recorder: rec})
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					var wait func()
					if proto == "HTTP/2" {
						wait = ask(t, ctx, s, test.body)
					} else {
						wait = askRaw(t, ctx, s, test.body)
					}
					synctest.Wait()
					test.end(s, cancel)
					time.Sleep(time.Hour)
					synctest.Wait()
					log := rec.Log()
					cancel()
					wait()
					require.Len(t, log, 1)
					got := facts{log[0].Status, log[0].ResponseBytes, log[0].Left, log[0].Cut}
					if test.want.Bytes < 0 {
						assert.Positive(t, got.Bytes)
						got.Bytes = test.want.Bytes
					}
					if proto == "HTTP/2" && got.Cut { // its buffers are not known
						test.want.Status, got.Status, test.want.Bytes, got.Bytes = 0, 0, 0, 0
					}
					assert.Equal(t, test.want, got)
				})
			})
		}
	}
}

func clientLeaves(_ *server.Server, cancel func()) { cancel() }
func serverCloses(s *server.Server, _ func())      { mustDo(s.Close()) }
func nobody(*server.Server, func())                {}

// ask sends a request, all of it or half of its body, and reads little of the
// answer.
func ask(t *testing.T, ctx context.Context, s *server.Server, half bool) (wait func()) {
	t.Helper()
	var body io.Reader
	if half {
		pipe, w := io.Pipe()
		body = pipe
		go io.WriteString(w, "half")
		context.AfterFunc(ctx, func() { w.CloseWithError(errors.New("left")) })
	}
	r, err := http.NewRequestWithContext(ctx, "PUT", s.URL()+"/", body)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		response, err := s.Transport().RoundTrip(r)
		if err == nil {
			<-ctx.Done()
			response.Body.Close()
		}
	}()
	return func() { <-done }
}

// askRaw is ask in HTTP/1.1, without a client that has goroutines of its own.
func askRaw(t *testing.T, ctx context.Context, s *server.Server, half bool) (wait func()) {
	t.Helper()
	c, err := s.Transport().DialContext(ctx, "tcp", "registry.test:443")
	require.NoError(t, err)
	context.AfterFunc(ctx, func() { c.Close() })
	if strings.HasPrefix(s.URL(), "https:") {
		c = secure(t, s, c)
	}
	text := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	if half {
		text = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf"
	}
	_, err = io.WriteString(c, text)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		bufio.NewReaderSize(c, 1<<10).Peek(1) // there may be no answer
		<-ctx.Done()
	}()
	return func() { <-done }
}

// TestHalfClosed: a client that says that it will send no more may be there
// still; it has got its answer.
func TestHalfClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := recorder.New(recorder.Options{})
		s := start(t, server.Config{Network: new(server.Network), Recorder: rec, Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "all")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})})
		c, err := s.Transport().DialContext(t.Context(), "tcp", "a:80")
		require.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
		synctest.Wait()
		x := rec.Log()[0]
		assert.False(t, x.Left || x.Cut || x.Open)
	})
}

// TestReuse is about the connections that requests came on.
func TestReuse(t *testing.T) {
	for _, options := range []server.Options{{}, {H2C: true}, {TLS: true}} {
		synctest.Test(t, func(t *testing.T) {
			rec := recorder.New(recorder.Options{})
			s := start(t, server.Config{Options: options, Network: new(server.Network), Recorder: rec, Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/close" {
					w.Header().Set("Connection", "close")
				}
			})})
			for _, path := range []string{"/", "/close", "/"} {
				r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL()+path, nil)
				require.NoError(t, err)
				response, err := s.Transport().RoundTrip(r)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				synctest.Wait()
			}
			log := rec.Log()
			assert.Equal(t, []uint64{1, 1, 2}, []uint64{log[0].Conn, log[1].Conn, log[2].Conn})
			assert.Equal(t, []int{1, 2, 1}, []int{log[0].ConnSeq, log[1].ConnSeq, log[2].ConnSeq})
			assert.Equal(t, options.TLS, log[0].Secure)
			assert.Equal(t, op.Unknown, log[0].Op)
			assert.NotEmpty(t, log[0].Remote)
			if options.TLS {
				assert.Equal(t, &record.TLS{Version: "TLS 1.3", ServerName: "use-registry-transport.test"}, log[0].TLS)
			}
		})
	}
}

func secure(t *testing.T, s *server.Server, c net.Conn) net.Conn {
	t.Helper()
	return shake(t, c, s.Authority().CertPool())
}
