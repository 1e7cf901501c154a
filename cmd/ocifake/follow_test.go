package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/record"
)

// answers is a control API whose answers are those of functions, one after the other.
type answers []func(http.ResponseWriter, *http.Request)

func (a answers) client(t *testing.T) (*client, *httptest.Server) {
	t.Helper()
	next := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next++
		if next > len(a) {
			t.Errorf("request %d: %s", next, r.URL)
			return
		}
		a[next-1](w, r)
	}))
	t.Cleanup(server.Close)
	c, err := (&remote{url: server.URL}).client()
	require.NoError(t, err)
	t.Cleanup(c.http.CloseIdleConnections)
	return c, server
}

// events sends the events of requests, whose ids are hundreds of their numbers.
func events(w http.ResponseWriter, numbers ...int) {
	fmt.Fprint(w, ": events\n\nevent: open\ndata: {}\n\n")
	for _, n := range numbers {
		fmt.Fprintf(w, "event: request\nid: %d00\ndata: {\"seq\":%d,\"start\":\"2026-01-02T03:04:05Z\",\"op\":\"ping\",\"method\":\"GET\",\"status\":200}\n\n", n, n)
	}
	_ = http.NewResponseController(w).Flush()
}

func abort() { panic(http.ErrAbortHandler) }

func TestFollowComesBackWhereItWas(t *testing.T) {
	var asked []string
	ask := func(r *http.Request) { asked = append(asked, r.URL.RawQuery) }
	var c *client
	c, _ = answers{
		func(w http.ResponseWriter, r *http.Request) { ask(r); events(w, 1, 2); abort() },
		func(w http.ResponseWriter, r *http.Request) { ask(r); events(w, 3); abort() },
		func(w http.ResponseWriter, r *http.Request) { ask(r); events(w, 4) },
	}.client(t)
	var seen []uint64
	err := c.follow(t.Context(), url.Values{"filter": {"op=ping"}}, func(x record.Exchange) error {
		seen = append(seen, x.Seq)
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, []uint64{1, 2, 3, 4}, seen)
	assert.Equal(t, []string{"filter=op%3Dping", "after=200&filter=op%3Dping", "after=300&filter=op%3Dping"}, asked)
}

func TestFollowEnds(t *testing.T) {
	show := func(record.Exchange) error { return nil }

	t.Run("with an ocifake that is gone", func(t *testing.T) {
		var server *httptest.Server
		var c *client
		c, server = answers{func(w http.ResponseWriter, r *http.Request) {
			events(w, 1)
			_ = server.Listener.Close()
			abort()
		}}.client(t)
		assert.NoError(t, c.follow(t.Context(), nil, show))
	})
	t.Run("with a connection that breaks off without end", func(t *testing.T) {
		broken := func(w http.ResponseWriter, r *http.Request) { events(w); abort() }
		c, _ := answers{broken, broken}.client(t)
		assert.ErrorContains(t, c.follow(t.Context(), nil, show), "connection lost: ")
	})
	t.Run("with what cannot be read", func(t *testing.T) {
		c, _ := answers{func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "event: request\ndata: {}\n\n") }}.client(t)
		assert.ErrorContains(t, c.follow(t.Context(), nil, show), "decode request: ")
	})
	t.Run("with what cannot be written", func(t *testing.T) {
		c, _ := answers{func(w http.ResponseWriter, r *http.Request) { events(w, 1) }}.client(t)
		assert.ErrorIs(t, c.follow(t.Context(), nil, func(record.Exchange) error { return os.ErrClosed }), os.ErrClosed)
	})
}

// A file is there as a whole, or as it was before.
func TestDownloadThatBreaksOff(t *testing.T) {
	c, _ := answers{func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "half of it")
		_ = http.NewResponseController(w).Flush()
		abort()
	}}.client(t)
	name := filepath.Join(t.TempDir(), "snapshot.tar")
	require.NoError(t, os.WriteFile(name, []byte("before"), 0o600))
	err := c.download(t.Context(), harFlag, name, nil, "snapshot", nil)
	assert.ErrorContains(t, err, "write "+name+": GET snapshot from "+c.base+": ")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "before", string(text))
}

// What is no answer of the API is not taken for one.
func TestAnswersOfOthers(t *testing.T) {
	for _, test := range []struct {
		mediaType, text string
		status          int
		want            string
	}{
		{"text/html", "<html>\nForbidden", 403, `or uses --no-control or --control-addr (DELETE /_ocifake/v1/faults: 403 Forbidden: "<html>")`},
		{"application/json", `{"errors":[]}`, 500, "no control API at"},
		{"application/json", `{"error":{"message":"there"}}`, 500, "there"},
		{"application/json", `nothing`, 200, "read response: "},
	} {
		c, _ := answers{func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", test.mediaType)
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.text)
		}}.client(t)
		assert.ErrorContains(t, c.call(t.Context(), http.MethodDelete, "faults", nil, nil, new(faultStates)), test.want)
	}
}
