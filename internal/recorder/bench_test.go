package recorder_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/thorough"
)

// headRequest is what go-containerregistry sends.
func headRequest(target string) *http.Request {
	r := httptest.NewRequest("HEAD", target, nil)
	r.Header = http.Header{
		"User-Agent":    {"crane/v0.20.6 go-containerregistry/v0.20.6"},
		"Authorization": {"Basic YW5uOnMzY3JldA=="},
		"Accept": {"application/vnd.docker.distribution.manifest.v1+json,application/vnd.docker.distribution.manifest.v1+prettyjws,application/vnd.docker.distribution.manifest.v2+json," +
			"application/vnd.oci.image.manifest.v1+json,application/vnd.docker.distribution.manifest.list.v2+json,application/vnd.oci.image.index.v1+json"},
	}
	return r
}

// headHandler answers as the registry does.
func headHandler(w http.ResponseWriter, r *http.Request) {
	r, _ = inflight.Begin(r)
	d := digest.FromString(r.RequestURI).String()
	h := w.Header()
	h.Set("Docker-Distribution-Api-Version", "registry/2.0")
	h.Set("Content-Type", manifestType)
	h.Set("Docker-Content-Digest", d)
	h.Set("Etag", `"`+d+`"`)
	h.Set("Content-Length", "1234")
	w.WriteHeader(http.StatusOK)
}

// nowhere is a response that costs nothing.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header       { return w.header }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// BenchmarkRecorder is what recording adds to a request.
func BenchmarkRecorder(b *testing.B) {
	for _, test := range []struct {
		name    string
		handler http.Handler
	}{
		{"without", http.HandlerFunc(headHandler)},
		{"with", recorder.New(recorder.Options{}).Wrap(http.HandlerFunc(headHandler))},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			r := headRequest("/v2/library/app/manifests/v1")
			for b.Loop() {
				test.handler.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
		b.Run(test.name+", parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				r := headRequest("/v2/library/app/manifests/v1")
				for pb.Next() {
					test.handler.ServeHTTP(nowhere{http.Header{}}, r)
				}
			})
		})
	}
}

// BenchmarkLog is the cost of a question, for each exchange.
func BenchmarkLog(b *testing.B) {
	rec := recorder.New(recorder.Options{})
	handler := rec.Wrap(http.HandlerFunc(headHandler))
	for range b.N {
		handler.ServeHTTP(nowhere{http.Header{}}, headRequest("/v2/library/app/manifests/v1"))
	}
	b.ResetTimer()
	require.Len(b, rec.Log(), b.N)
}

// TestMemory measures what an exchange takes, and that all take no more than they may.
func TestMemory(t *testing.T) {
	const n = 15_000
	same := func(int) string { return "/v2/library/app/manifests/v1" }
	another := func(i int) string { return "/v2/library/app/manifests/" + digest.FromString(string(rune(i))).String() }
	for _, test := range []struct {
		name   string
		target func(i int) string
		max    int64
	}{
		{"the same request", same, 1 << 30},
		{"another digest each", another, 1 << 30},
		{"bounded, the same request", same, 2 << 20},
		{"bounded, another digest each", another, 2 << 20},
	} {
		rec := recorder.New(recorder.Options{MaxBytes: test.max})
		handler := rec.Wrap(http.HandlerFunc(headHandler))
		r := headRequest("/")
		memory := func() int64 {
			var stats runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&stats)
			return int64(stats.HeapAlloc)
		}
		before := memory()
		for i := range n {
			r.RequestURI = test.target(i)
			r.URL.Path = r.RequestURI
			handler.ServeHTTP(nowhere{http.Header{}}, r)
		}
		all := memory() - before
		kept := n - rec.Dropped()
		t.Logf("%s: %d exchanges of %d bytes", test.name, kept, all/int64(kept))
		const cached = 256 << 10 // headers that are kept for later
		assert.LessOrEqual(t, all, min(int64(kept)<<10, test.max)+cached, test.name)
		assert.Equal(t, test.max < 1<<30, rec.Dropped() > 0, test.name)
		runtime.KeepAlive(rec)
	}
}

// TestMemoryOfAlternatingHeaders checks, with many seeds of the hash, that the headers of a
// request and of its answer are shared by the exchanges, wherever the cache puts them.
func TestMemoryOfAlternatingHeaders(t *testing.T) {
	seeds := 200
	if thorough.Enabled() {
		seeds = 1000
	}
	for range seeds {
		rec := recorder.New(recorder.Options{MaxBytes: 128 << 10})
		handler := rec.Wrap(http.HandlerFunc(headHandler))
		for range 150 {
			handler.ServeHTTP(nowhere{http.Header{}}, headRequest("/v2/library/app/manifests/v1"))
		}
		require.Zero(t, rec.Dropped())
	}
}

// BenchmarkMany is reading from a record of 100,000 requests.
func BenchmarkMany(b *testing.B) {
	const n = 100_000
	rec := recorder.New(recorder.Options{})
	handler := rec.Wrap(http.HandlerFunc(headHandler))
	ask := func() { handler.ServeHTTP(nowhere{http.Header{}}, headRequest("/v2/library/app/manifests/v1")) }
	for range n {
		ask()
	}
	for _, test := range []struct {
		name string
		read func() int
	}{
		{"log", func() int { return len(rec.Log()) }},
		{"newest", func() int {
			read := 0
			for range rec.Exchanges(rec.Mark() - 1000) {
				read++
			}
			return read
		}},
		{"one", func() int {
			_, ok := rec.Exchange(n / 2)
			require.True(b, ok)
			return 1
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NotZero(b, test.read())
			}
		})
	}
	b.Run("follow", func(b *testing.B) {
		b.ReportAllocs()
		f := rec.Follow(rec.Position())
		for b.Loop() {
			ask()
			require.Len(b, f.Next(64).Ended, 1)
		}
	})
}
