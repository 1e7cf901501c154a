package recorder_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/recorder"
)

// numbered returns a handler that records, and a function that returns the number of the
// latest request among those for the same.
func numbered(options recorder.Options) (rec *recorder.Recorder, ask func(method, target string, fields ...string) int) {
	rec = recorder.New(options)
	var latest int
	handler := rec.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { latest = inflight.Of(r.Context()).Arrival().Attempt }))
	return rec, func(method, target string, fields ...string) int {
		r := request(method, target, "")
		for i := 0; i < len(fields); i += 2 {
			r.Header.Set(fields[i], fields[i+1])
		}
		handler.ServeHTTP(httptest.NewRecorder(), r)
		return latest
	}
}

func TestAttempts(t *testing.T) {
	const session = "/v2/app/blobs/uploads/one"
	rec, ask := numbered(recorder.Options{MaxBytes: -1}) // nothing is kept on record
	for i, c := range []struct {
		method, target string
		fields         []string
		want           int
	}{
		{"GET", "/v2/app/manifests/v1", nil, 1},
		{"GET", "/v2/app/manifests/v1", nil, 2},
		{"HEAD", "/v2/app/manifests/v1", nil, 1},
		{"GET", "/v2/app/manifests/v2", nil, 1},
		{"GET", "/v2/app/tags/list?n=1", nil, 1},
		{"GET", "/v2/app/tags/list?n=1&last=a", nil, 1},
		{"GET", "/v2/app/manifests/v1", []string{"Range", "bytes=1-"}, 3},
		{"PATCH", session + "?_state=a", []string{"Content-Range", "0-9"}, 1},
		{"PATCH", session + "?_state=b", []string{"Content-Range", "10-19"}, 1},
		{"PATCH", session + "?_state=c", []string{"Content-Range", "10-19"}, 2},
		{"PATCH", "/v2/app/blobs/uploads/two?_state=c", []string{"Content-Range", "10-19"}, 1},
		{"PUT", session + "?_state=d&digest=sha256:a", nil, 1},
		{"PUT", session + "?digest=sha256:a&_state=e", nil, 2},
		{"PUT", session + "?digest=sha256:b&_state=e", nil, 1},
	} {
		assert.Equal(t, c.want, ask(c.method, c.target, c.fields...), "request %d: %s %s", i, c.method, c.target)
	}
	require.Empty(t, rec.Log())
	rec.Clear()
	assert.Equal(t, 1, ask("GET", "/v2/app/manifests/v1"), "the count begins again")
}

// Hostile names do not take more memory, and the latest requests are still counted.
func TestAttemptsAreBounded(t *testing.T) {
	_, ask := numbered(recorder.Options{MaxBytes: -1})
	for i := range 20_000 {
		require.Equal(t, 1, ask("GET", fmt.Sprintf("/v2/app-%d/tags/list", i)))
		require.Equal(t, i+1, ask("GET", "/v2/often/tags/list"))
	}
	assert.Equal(t, 2, ask("GET", "/v2/app-19999/tags/list"))
	assert.Equal(t, 2, ask("GET", "/v2/app-17000/tags/list"), "one of the latest 4096")
	assert.Equal(t, 1, ask("GET", "/v2/app-0/tags/list"), "it is forgotten")
}
