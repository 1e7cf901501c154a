package inflight_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/inflight"
)

// watching is a middleware that replaces the body and does not forward Close.
func watching(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = io.NopCloser(io.TeeReader(r.Body, io.Discard))
		next.ServeHTTP(w, r)
	})
}

// TestAnswerBehindMiddleware sends unread bodies that Answer cannot close.
func TestAnswerBehindMiddleware(t *testing.T) {
	var complaints bytes.Buffer
	server := httptest.NewUnstartedServer(watching(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inflight.Answer(w, r, func() { w.WriteHeader(http.StatusNotFound) })
	})))
	server.Config.ErrorLog = log.New(&complaints, "", 0)
	server.Start()
	for _, size := range []int{1, 5000, 300 << 10, 2 << 20} {
		for range 30 {
			response, err := server.Client().Post(server.URL, "text/plain", bytes.NewReader(make([]byte, size)))
			require.NoError(t, err, "%d bytes", size)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusNotFound, response.StatusCode)
		}
	}
	server.Close()
	assert.Empty(t, complaints.String())
}

// TestAnswer sends unread bodies. The log of net/http must stay empty, and the connection is reused
// if the unread rest is small.
func TestAnswer(t *testing.T) {
	var complaints bytes.Buffer
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inflight.Answer(w, r, func() {
			w.Header().Set("Content-Length", "2")
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "no")
		})
	}))
	server.Config.ErrorLog = log.New(&complaints, "", 0)
	server.Start()
	for _, size := range []int{0, 1, 5000, 100 << 10, 300 << 10, 2 << 20} {
		for i := range 30 {
			reused := false
			trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
			request, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPut, server.URL, bytes.NewReader(make([]byte, size)))
			require.NoError(t, err)
			response, err := server.Client().Do(request)
			if err != nil {
				require.Greater(t, size, 256<<10, "%d bytes: %v", size, err) // net/http closes while the client writes
				continue
			}
			got, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusNotFound, response.StatusCode)
			require.Equal(t, "no", string(got))
			if i > 0 && size < 100<<10 {
				assert.True(t, reused, "%d bytes", size)
			}
		}
	}
	server.Close()
	assert.Empty(t, complaints.String())
}

// TestAnswerToWhoWaits checks that Answer does not wait for a client that expects 100 Continue.
func TestAnswerToWhoWaits(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inflight.Answer(w, r, func() { w.WriteHeader(http.StatusForbidden) })
	}))
	defer server.Close()
	request, err := http.NewRequest(http.MethodPut, server.URL, bytes.NewReader(make([]byte, 1<<20)))
	require.NoError(t, err)
	request.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 1 << 40}}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
}
