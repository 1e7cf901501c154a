package recorder_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// TestReceived: the bytes of a request's body are counted that the server reads, by a
// handler or not, without the framing.
func TestReceived(t *testing.T) {
	ignores := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		size    int
		want    int64 // of HTTP/1
	}{
		{"ignored", ignores, 1000, 1000},
		{"ignored, more than one read", ignores, 100_000, 100_000},
		{"ignored, as much as is read", ignores, 256 << 10, 256 << 10},
		{"ignored, too much", ignores, 256<<10 + 1, 0},
		{"a long answer", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 5000)) }, 1000, 1000},
		{"flushed", func(w http.ResponseWriter, _ *http.Request) { assert.NoError(t, http.NewResponseController(w).Flush()) }, 1000, 1000},
		{"answered at once", func(w http.ResponseWriter, r *http.Request) {
			inflight.Answer(w, r, func() { w.WriteHeader(http.StatusForbidden) })
		}, 1000, 1000},
		{"read in part", func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadFull(r.Body, make([]byte, 10))
			assert.NoError(t, err)
		}, 1000, 1000},
		{"read", func(_ http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			assert.NoError(t, err)
			assert.Equal(t, int64(1000), n)
		}, 1000, 1000},
		{"echoed", func(w http.ResponseWriter, r *http.Request) {
			assert.NoError(t, http.NewResponseController(w).EnableFullDuplex())
			n, err := io.Copy(w, r.Body)
			assert.NoError(t, err)
			assert.Equal(t, int64(1000), n)
		}, 1000, 1000},
		{"closed", func(_ http.ResponseWriter, r *http.Request) { assert.NoError(t, r.Body.Close()) }, 1000, 1000},
	} {
		for _, chunked := range []bool{false, true} {
			for scheme, options := range map[string]server.Options{"http": {}, "https": {TLS: true}} {
				if chunked && c.want == 0 {
					continue // nobody knows that it is too much before it was read
				}
				t.Run(fmt.Sprint(c.name, " ", scheme, " chunked=", chunked), func(t *testing.T) {
					rec := recorder.New(recorder.Options{})
					s := start(t, server.Config{Options: options, Registry: c.handler, Recorder: rec})
					for i := range 3 {
						var conn net.Conn
						conn, err := net.Dial("tcp", s.Host())
						require.NoError(t, err)
						if options.TLS {
							conn = tls.Client(conn, &tls.Config{RootCAs: s.Authority().CertPool(), ServerName: "localhost"})
						}
						body := strings.Repeat("b", c.size)
						framed := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", c.size, body)
						if chunked {
							framed = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n5\r\nbbbbb\r\n%x\r\n%s\r\n0\r\n\r\n", c.size-5, body[5:])
						}
						_, err = io.WriteString(conn, "POST /v2/ HTTP/1.1\r\nHost: x\r\n"+framed)
						if c.want != 0 {
							require.NoError(t, err)
						}
						response, err := http.ReadResponse(bufio.NewReader(conn), nil)
						if c.want != 0 {
							require.NoError(t, err)
							_, err = io.Copy(io.Discard, response.Body)
							require.NoError(t, err)
						}
						require.NoError(t, conn.Close())
						log := settle(t, rec, i+1)
						assert.Equal(t, c.want, log[i].RequestBytes)
					}
				})
			}
		}
	}
}

// settle waits until a number of requests have ended.
func settle(t *testing.T, rec *recorder.Recorder, n int) record.Log {
	t.Helper()
	require.NoError(t, rec.Wait(t.Context(), func(log record.Log) bool { return len(log) >= n }, record.Not(record.Open())))
	return rec.Log()
}

// TestReceivedHTTP2: what has come for a stream is counted, though nobody reads it.
func TestReceivedHTTP2(t *testing.T) {
	for scheme, options := range map[string]server.Options{"http": {H2C: true}, "https": {HTTP2: true}} {
		for _, size := range []int{1, 1000, 60_000} {
			t.Run(fmt.Sprint(scheme, " ", size), func(t *testing.T) {
				rec := recorder.New(recorder.Options{})
				arrived := make(chan struct{})
				s := start(t, server.Config{Options: options, Recorder: rec, Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet {
						close(arrived) // frames are read in order
						return
					}
					<-arrived
					w.WriteHeader(http.StatusNoContent)
				})})
				wrote := make(chan struct{})
				trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(wrote) }}
				var clients sync.WaitGroup
				clients.Go(func() {
					askOnce(t, s, httptrace.WithClientTrace(t.Context(), trace), "POST", strings.NewReader(strings.Repeat("b", size)))
				})
				<-wrote
				askOnce(t, s, t.Context(), "GET", nil)
				clients.Wait()
				for _, x := range settle(t, rec, 2) { // in any order
					if x.Method == http.MethodPost {
						assert.Equal(t, int64(size), x.RequestBytes)
					}
				}
			})
		}
	}
}

func askOnce(t *testing.T, s *server.Server, ctx context.Context, method string, body io.Reader) {
	r, err := http.NewRequestWithContext(ctx, method, s.URL()+"/v2/", body)
	if !assert.NoError(t, err) {
		return
	}
	response, err := s.Transport().RoundTrip(r)
	if assert.NoError(t, err) {
		assert.NoError(t, response.Body.Close())
	}
}

// TestReceivedBeforeReset: a connection that is reset after n bytes of a request has
// brought n, whatever the framing.
func TestReceivedBeforeReset(t *testing.T) {
	const upload = "/v2/app/blobs/uploads/?digest=sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
	for _, options := range []server.Options{{}, {TLS: true}, {H2C: true}, {HTTP2: true}} {
		for _, n := range []int64{1, 10, 3000} {
			for _, chunked := range []bool{false, true} {
				rec := recorder.New(recorder.Options{})
				engine := engine.New(nil)
				s := start(t, server.Config{Options: options, Recorder: rec, Faults: engine, Registry: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					_, err := io.Copy(io.Discard, r.Body)
					assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
				})})
				require.NoError(t, engine.Add(faults.On(op.BlobPost).Do(faults.Reset(n).OfRequest())))
				var body io.Reader = strings.NewReader(strings.Repeat("b", 10_000))
				if chunked {
					body = struct{ io.Reader }{body}
				}
				r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+upload, body)
				require.NoError(t, err)
				_, err = s.Transport().RoundTrip(r)
				require.Error(t, err)
				assert.Equal(t, n, settle(t, rec, 1)[0].RequestBytes)
			}
		}
	}
}
