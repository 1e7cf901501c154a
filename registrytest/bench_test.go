package registrytest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/registrytest"
)

// BenchmarkStart measures start, first ping and close, beside those of a bare
// httptest.Server in turn; "ratio" is the time against that.
func BenchmarkStart(b *testing.B) {
	once := func(b *testing.B, client *http.Client, url string) {
		response, err := client.Get(url + "/v2/")
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(b, err)
		require.NoError(b, response.Body.Close())
	}
	bare := func(b *testing.B) {
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		once(b, s.Client(), s.URL)
		s.Close()
	}
	bareTLS := func(b *testing.B) {
		s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		once(b, s.Client(), s.URL)
		s.Close()
	}
	for _, test := range []struct {
		name    string
		options []registrytest.Option
		bare    func(b *testing.B)
	}{
		{"loopback", nil, bare},
		{"memory", []registrytest.Option{registrytest.WithInMemory()}, bare},
		{"TLS", []registrytest.Option{registrytest.WithTLS()}, bareTLS},
	} {
		b.Run(test.name, func(b *testing.B) {
			var ours, theirs time.Duration
			for b.Loop() {
				begin := time.Now()
				reg, err := registrytest.Start(test.options...)
				require.NoError(b, err)
				once(b, reg.Client(), reg.URL())
				require.NoError(b, reg.Close())
				ours += time.Since(begin)

				b.StopTimer()
				begin = time.Now()
				test.bare(b)
				theirs += time.Since(begin)
				b.StartTimer()
			}
			b.ReportMetric(float64(ours)/float64(theirs), "ratio")
		})
	}
}
