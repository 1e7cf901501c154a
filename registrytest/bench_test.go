package registrytest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/images"
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

// BenchmarkProfile measures a profile beside the strict registry, in turn: the start, and a HEAD of
// a manifest. "ratio" is the time with the profile against that without.
func BenchmarkProfile(b *testing.B) {
	everybody := registrytest.WithAuth(auth.Options{Rules: []auth.Rule{{}}, Token: &auth.TokenOptions{}})
	for _, name := range []string{"acr", "ecr", "quay"} {
		with := []registrytest.Option{registrytest.WithProfile(name), everybody}
		without := []registrytest.Option{everybody}
		b.Run("start/"+name, func(b *testing.B) {
			start := func(options []registrytest.Option) {
				reg, err := registrytest.Start(options...)
				require.NoError(b, err)
				require.NoError(b, reg.Close())
			}
			inTurn(b, func() { start(with) }, func() { start(without) })
		})
		b.Run("head/"+name, func(b *testing.B) {
			head := func(options []registrytest.Option) func() {
				reg, err := registrytest.Start(options...)
				require.NoError(b, err)
				b.Cleanup(func() { assert.NoError(b, reg.Close()) })
				reg.Push(b, "app:v1", images.Random())
				client := reg.Client()
				return func() {
					for range 100 {
						response, err := client.Head(reg.URL() + "/v2/app/manifests/v1")
						require.NoError(b, err)
						require.NoError(b, response.Body.Close())
						require.Equal(b, http.StatusOK, response.StatusCode)
					}
				}
			}
			inTurn(b, head(with), head(without))
		})
	}
}

// inTurn reports the median time of one function against that of another.
func inTurn(b *testing.B, one, other func()) {
	var ones, others []time.Duration
	for b.Loop() {
		begin := time.Now()
		one()
		ones = append(ones, time.Since(begin))
		begin = time.Now()
		other()
		others = append(others, time.Since(begin))
	}
	b.ReportMetric(float64(median(ones))/float64(median(others)), "ratio")
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// BenchmarkProxy measures requests through a tunnel of a proxy beside those to a registry with TLS, in
// turn, on connections that are open.
func BenchmarkProxy(b *testing.B) {
	network := registrytest.NewNetwork()
	tunnelled := registrytest.New(b, registrytest.WithNetwork(network, "a.example"))
	direct := registrytest.New(b, registrytest.WithTLS())
	content := bytes.NewReader(make([]byte, 16<<20))
	blob := tunnelled.PushBlob(b, "app", content).Digest.String()
	direct.PushBlob(b, "app", content)
	for name, test := range map[string]struct {
		method string
		times  int
	}{"head": {"HEAD", 100}, "pull": {"GET", 1}} {
		b.Run(name, func(b *testing.B) {
			request := func(client *http.Client, host string) func() {
				return func() {
					for range test.times {
						r, err := http.NewRequest(test.method, "https://"+host+"/v2/app/blobs/"+blob, nil)
						require.NoError(b, err)
						response, err := client.Do(r)
						require.NoError(b, err)
						_, err = io.Copy(io.Discard, response.Body)
						require.NoError(b, err)
						require.NoError(b, response.Body.Close())
						require.Equal(b, http.StatusOK, response.StatusCode)
					}
				}
			}
			inTurn(b, request(proxied(b, network, false), "a.example"), request(direct.Client(), direct.Host()))
		})
	}
}
