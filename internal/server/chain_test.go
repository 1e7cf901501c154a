package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// records is a log that can be read while it is written.
type records struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *records) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(r, &slog.HandlerOptions{Level: level}))
}

// all returns the records, without what differs from run to run.
func (r *records) all(t *testing.T) []map[string]any {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []map[string]any
	for decoder := json.NewDecoder(&r.text); ; {
		var record map[string]any
		err := decoder.Decode(&record)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		for _, key := range []string{"time", "duration", "remote"} {
			delete(record, key)
		}
		all = append(all, record)
	}
}

func TestLog(t *testing.T) {
	registry := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v2/":
		case "/v2/app/tags/list":
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "no")
		case "/v2/app/blobs/sha256:x":
			io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		case "/continue":
			w.WriteHeader(http.StatusProcessing)
			w.WriteHeader(http.StatusCreated)
		default:
			panic("boom")
		}
	}
	for _, test := range []struct {
		name string
		send string
		want []map[string]any
	}{
		{"request", "GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n", []map[string]any{
			{"level": "DEBUG", "msg": "request", "op": "ping", "method": "GET", "target": "/v2/", "proto": "HTTP/1.1", "status": 200.0, "bytes": 0.0},
		}},
		{"error", "GET /v2/app/tags/list?n=1 HTTP/1.0\r\n\r\n", []map[string]any{
			{"level": "DEBUG", "msg": "request", "op": "tag.list", "method": "GET", "target": "/v2/app/tags/list?n=1", "proto": "HTTP/1.0", "status": 404.0, "bytes": 2.0},
		}},
		{"interim response", "GET /continue HTTP/1.1\r\nHost: a\r\n\r\n", []map[string]any{
			{"level": "DEBUG", "msg": "request", "op": "unknown", "method": "GET", "target": "/continue", "proto": "HTTP/1.1", "status": 201.0, "bytes": 0.0},
		}},
		{"aborted response", "GET /v2/app/blobs/sha256:x HTTP/1.1\r\nHost: a\r\n\r\n", []map[string]any{
			{"level": "DEBUG", "msg": "request aborted", "op": "blob.get", "method": "GET", "target": "/v2/app/blobs/sha256:x", "proto": "HTTP/1.1", "status": 0.0, "bytes": 0.0}, // nothing went out
		}},
		{"panic", "GET /boom HTTP/1.1\r\nHost: a\r\n\r\n", []map[string]any{
			{"level": "DEBUG", "msg": "request aborted", "op": "unknown", "method": "GET", "target": "/boom", "proto": "HTTP/1.1", "status": 0.0, "bytes": 0.0},
			{"level": "ERROR"},
		}},
		{"garbage", "garbage\r\n\r\n", []map[string]any{
			{"level": "DEBUG", "msg": "connection without a request", "connection": 1.0, "in": 11.0, "out": 103.0},
		}},
		{"failed handshake", "\x16\x03\x01\x00", []map[string]any{
			{"level": "DEBUG", "msg": "TLS handshake failed", "connection": 1.0, "error": "unexpected EOF"},
			{"level": "DEBUG", "msg": "connection without a request", "connection": 1.0, "in": 4.0, "out": 0.0},
		}},
		{"nothing", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log records
			s := start(t, Config{Network: new(Network), Log: log.logger(slog.LevelDebug), Registry: http.HandlerFunc(registry)})
			c := dial(t, s)
			say(t, c, test.send)
			require.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
			_, err := io.ReadAll(c)
			require.NoError(t, err)
			require.NoError(t, s.Close())
			all := log.all(t)
			require.Len(t, all, len(test.want), "%v", all)
			for i, record := range all {
				if record["level"] == "ERROR" {
					assert.Contains(t, record["msg"], "panic serving")
					assert.Contains(t, record["msg"], "boom")
					delete(record, "msg")
				}
				assert.Equal(t, test.want[i], record)
			}
		})
	}
}

func TestLogIsQuiet(t *testing.T) {
	var log records
	s := start(t, Config{Log: log.logger(slog.LevelInfo), Registry: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.Equal(t, "*http.response", fmt.Sprintf("%T", w), "nothing is in the way")
	})})
	do(t, s, "GET", s.URL(), nil)
	say(t, dial(t, s), "garbage\r\n\r\n")
	require.NoError(t, s.Close())
	assert.Empty(t, log.all(t))
}

// TestRecordedAnswer: a response that is watched can do what others can.
func TestRecordedAnswer(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	content := random(1 << 20)
	require.NoError(t, os.WriteFile(name, content, 0o600))
	eachWay(t, func(t *testing.T, w way) {
		flushed, read := make(chan struct{}), make(chan struct{})
		s, url := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			assert.Contains(t, fmt.Sprintf("%T", w), "recorder.")
			if r.URL.Path == "/flush" {
				io.WriteString(w, "first")
				w.(http.Flusher).Flush()
				assert.NoError(t, http.NewResponseController(w).Flush())
				close(flushed)
				<-read
				return
			}
			f, err := os.Open(name)
			if assert.NoError(t, err) {
				defer f.Close()
				_, err = io.Copy(w, f)
				assert.NoError(t, err)
			}
			_, _, err = http.NewResponseController(w).Hijack()
			if r.ProtoMajor == 2 {
				assert.ErrorIs(t, err, http.ErrNotSupported)
			}
		})
		if w.proto == "HTTP/2.0" {
			_, got := do(t, s, "GET", url, nil)
			assert.True(t, bytes.Equal(content, got))
		}
		response, err := s.Transport().RoundTrip(httpGet(t, url+"/flush"))
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.ReadFull(response.Body, make([]byte, 5))
		require.NoError(t, err, "the first bytes come before the handler ends")
		close(read)
		<-flushed // to leave before is an error of the second
	})
}

// TestFiles are sent whole, whether the kernel sends them or we do.
func TestFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	content := random(3 << 20)
	require.NoError(t, os.WriteFile(name, content, 0o600))
	eachWay(t, func(t *testing.T, w way) {
		s, url := w.start(t, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) })
		_, got := do(t, s, "GET", url, nil)
		assert.True(t, bytes.Equal(content, got))
	})
}

// TestHandlerElsewhere mounts the handler in a server of somebody else.
func TestHandlerElsewhere(t *testing.T) {
	s := start(t, Config{Network: new(Network), Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Nil(t, ConnOf(r.Context()))
		io.WriteString(w, r.URL.Path)
	})})
	other := httptest.NewServer(http.StripPrefix("/prefix", s.Handler()))
	defer other.Close()
	response, err := other.Client().Get(other.URL + "/prefix/v2/")
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "/v2/", string(content))
}

// TestOptionsAsterisk takes the same way as every other request.
func TestOptionsAsterisk(t *testing.T) {
	s := start(t, Config{Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	})})
	c := dial(t, s)
	say(t, c, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(got), "HTTP/1.1 418 "))
}
