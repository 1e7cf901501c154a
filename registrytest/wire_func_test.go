package registrytest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

func TestWireFunc(t *testing.T) { runWire(t, funcCases) }

var funcCases = []wireCase{
	function("answers", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		w.Header()["Content-Type"] = nil
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("no"))
		return true
	}, func(*wire) seen {
		return seen{status: 418, alone: true, header: "Content-Length: 2", body: []byte("no")}
	}),
	function("changes the answer", func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		w.Header().Set("X-Own", r.URL.Path)
		next.ServeHTTP(w, r)
		return true
	}, func(w *wire) seen {
		return seen{status: 200, header: "X-Own: " + w.blob(w.small).target, body: w.bytes[string(w.small.Digest)]}
	}),
	function("changes the request", func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		r = r.Clone(r.Context())
		r.Header.Set("Range", "bytes=0-9")
		next.ServeHTTP(w, r)
		return true
	}, func(w *wire) seen {
		return seen{status: 206, header: "Content-Length: 10\nContent-Range: bytes 0-9/1000", body: w.bytes[string(w.small.Digest)][:10]}
	}),
	function("does not act", func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		next.ServeHTTP(w, r)
		return false
	}, func(w *wire) seen { return seen{status: 200, body: w.bytes[string(w.small.Digest)]} }),
	function("aborts", func(http.ResponseWriter, *http.Request, http.Handler) bool {
		panic(http.ErrAbortHandler)
	}, func(*wire) seen { return seen{end: fin, end2: "RST_STREAM INTERNAL_ERROR"} }),
	// net/http keeps the process alive, and logs the panic.
	function("panics", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		panic("a mistake in a test")
	}, func(*wire) seen { return seen{end: fin, end2: "RST_STREAM INTERNAL_ERROR"} }),
	{name: "function, in a sequence", do: []faults.Effect{passing}, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.BlobGet).Seq(faults.Status(503), passing, faults.All(faults.SetHeader("X-A", "b"), passing)))
		for _, want := range []int{503, 200, 200} {
			got := ask(t, w.talk(t), w.blob(w.small))
			assert.Equal(t, want, got.status)
			w.checkRecord(t, got)
		}
	}},
}

var passing = faults.Func("passing", func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
	next.ServeHTTP(w, r)
	return true
})

// function is a case in which a function serves a request for a blob.
func function(name string, serve func(http.ResponseWriter, *http.Request, http.Handler) bool, want func(*wire) seen) wireCase {
	return wireCase{name: "function " + name, do: []faults.Effect{faults.Func(name, serve)}, want: want}
}
