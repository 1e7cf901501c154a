package registrytest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// get returns the response to a GET, with its body read.
func get(ctx context.Context, client *http.Client, url string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return nil, "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// requirePing checks that the URL is that of an API, and returns the response.
func requirePing(t testing.TB, client *http.Client, url string) *http.Response {
	t.Helper()
	response, _, err := get(t.Context(), client, url+"/v2/")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "registry/2.0", response.Header.Get("Docker-Distribution-Api-Version"))
	return response
}

// push uploads a blob with one POST.
func push(t testing.TB, reg *registrytest.Registry, repo, content string) digest.Digest {
	t.Helper()
	d := digest.FromString(content)
	response, err := reg.Client().Post(reg.URL()+"/v2/"+repo+"/blobs/uploads/?digest="+d.String(), "application/octet-stream", strings.NewReader(content))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusCreated, response.StatusCode)
	return d
}

func TestReachable(t *testing.T) {
	for _, test := range []struct {
		name    string
		options []registrytest.Option
		url     string // a regular expression
		proto   string
	}{
		{"default", nil, `^http://127\.0\.0\.1:\d+$`, "HTTP/1.1"},
		{"TLS", []registrytest.Option{registrytest.WithTLS()}, `^https://127\.0\.0\.1:\d+$`, "HTTP/1.1"},
		{"HTTP/2", []registrytest.Option{registrytest.WithHTTP2()}, `^https://127\.0\.0\.1:\d+$`, "HTTP/2.0"},
		{"h2c", []registrytest.Option{registrytest.WithH2C()}, `^http://127\.0\.0\.1:\d+$`, "HTTP/2.0"},
		{"address", []registrytest.Option{registrytest.WithAddr("localhost:0")}, `^http://[^/]+:\d+$`, "HTTP/1.1"},
		{"in memory", []registrytest.Option{registrytest.WithInMemory()}, `^http://use-registry-transport\.test$`, "HTTP/1.1"},
		{"TLS in memory", []registrytest.Option{registrytest.WithInMemory(), registrytest.WithTLS()}, `^https://use-registry-transport\.test$`, "HTTP/1.1"},
		{"HTTP/2 in memory", []registrytest.Option{registrytest.WithHTTP2(), registrytest.WithInMemory()}, `^https://use-registry-transport\.test$`, "HTTP/2.0"},
		{"h2c in memory", []registrytest.Option{registrytest.WithInMemory(), registrytest.WithH2C()}, `^http://use-registry-transport\.test$`, "HTTP/2.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reg := registrytest.New(t, test.options...)
			assert.Regexp(t, test.url, reg.URL())
			_, host, _ := strings.Cut(reg.URL(), "://")
			assert.Equal(t, host, reg.Host())
			assert.Equal(t, host+"/app:v1", reg.Ref("app:v1"))
			response := requirePing(t, reg.Client(), reg.URL())
			assert.Equal(t, test.proto, response.Proto)

			d := push(t, reg, "app", "content")
			blob, err := reg.Store().OpenBlob(t.Context(), "app", d)
			require.NoError(t, err)
			assert.Equal(t, int64(7), blob.Size())
			require.NoError(t, blob.Close())
		})
	}
}

// TestOwnClient uses clients that know nothing but the certificate pool.
func TestOwnClient(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithHTTP2())
	client := func(roots *x509.CertPool) *http.Client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	response := requirePing(t, client(reg.CertPool()), reg.URL())
	assert.Equal(t, "HTTP/2.0", response.Proto)
	require.NotNil(t, response.TLS)

	_, _, err := get(t.Context(), client(nil), reg.URL())
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	_, body, err := get(t.Context(), client(nil), strings.Replace(reg.URL(), "https:", "http:", 1))
	require.NoError(t, err)
	assert.Equal(t, "Client sent an HTTP request to an HTTPS server.\n", body)
}

func TestInMemory(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	for _, url := range []string{"http://use-registry-transport.test", "https://use-registry-transport.test", "http://a.example:5000", "https://index.docker.io", "https://192.0.2.1:8443", "http://[2001:db8::1]"} {
		requirePing(t, reg.Client(), url)
	}
	_, err := net.Dial("tcp", "use-registry-transport.test:80")
	require.Error(t, err)
}

func TestNetwork(t *testing.T) {
	network := registrytest.NewNetwork()
	a := registrytest.New(t, registrytest.WithNetwork(network, "a.example"))
	b := registrytest.New(t, registrytest.WithNetwork(network, "b.example"), registrytest.WithHTTP2())
	assert.Equal(t, "http://a.example", a.URL())
	assert.Equal(t, "https://b.example", b.URL())
	assert.Equal(t, "b.example/app:v1", b.Ref("app:v1"))
	push(t, a, "only-a", "x")
	push(t, b, "only-b", "x")

	shared := &http.Client{Transport: network.Transport()}
	for _, client := range []*http.Client{shared, a.Client(), b.Client()} {
		for host, repo := range map[string]string{"a.example": "only-a", "b.example": "only-b"} {
			for _, scheme := range []string{"http://", "https://"} {
				_, body, err := get(t.Context(), client, scheme+host+"/v2/_catalog")
				require.NoError(t, err)
				assert.JSONEq(t, `{"repositories":["`+repo+`"]}`, body)
			}
		}
	}
	assert.Equal(t, "HTTP/2.0", requirePing(t, shared, b.URL()).Proto)
	assert.Equal(t, "HTTP/1.1", requirePing(t, shared, a.URL()).Proto)
	assert.True(t, a.CertPool().Equal(b.CertPool()))

	_, _, err := get(t.Context(), shared, "https://c.example")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	rest := registrytest.New(t, registrytest.WithNetwork(network, "*"))
	requirePing(t, shared, "https://c.example")
	assert.Equal(t, "use-registry-transport.test", rest.Host())

	require.NoError(t, b.Close())
	_, body, err := get(t.Context(), shared, "http://b.example/v2/_catalog")
	require.NoError(t, err, "the name falls to the registry that has the rest")
	assert.JSONEq(t, `{"repositories":[]}`, body)
	requirePing(t, shared, a.URL())
}

func TestOptions(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithOptions(registry.Options{ReadOnly: true}))
	assert.True(t, reg.Options().ReadOnly)
	post := func() int {
		response, err := reg.Client().Post(reg.URL()+"/v2/app/blobs/uploads/", "", nil)
		require.NoError(t, err)
		defer response.Body.Close()
		return response.StatusCode
	}
	assert.Equal(t, http.StatusForbidden, post())
	options := reg.Options()
	options.ReadOnly = false
	reg.SetOptions(options)
	assert.Equal(t, http.StatusAccepted, post())
}

func TestWithStore(t *testing.T) {
	store := memstore.New(memstore.Options{})
	first := registrytest.New(t, registrytest.WithStore(store), registrytest.WithInMemory())
	push(t, first, "app", "content")
	require.NoError(t, first.Close())
	second := registrytest.New(t, registrytest.WithStore(store), registrytest.WithInMemory())
	assert.Same(t, store, second.Store())
	_, body, err := get(t.Context(), second.Client(), second.URL()+"/v2/_catalog")
	require.NoError(t, err)
	assert.JSONEq(t, `{"repositories":["app"]}`, body)
}

func TestHandler(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	other := httptest.NewServer(http.StripPrefix("/prefix", reg.Handler()))
	defer other.Close()
	requirePing(t, other.Client(), other.URL+"/prefix")
	response, err := other.Client().Post(other.URL+"/prefix/v2/app/blobs/uploads/", "", nil)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.True(t, strings.HasPrefix(response.Header.Get("Location"), "/prefix/v2/app/blobs/uploads/"), response.Header)
	require.NoError(t, reg.Close())
	requirePing(t, other.Client(), other.URL+"/prefix")
}

func TestStartFails(t *testing.T) {
	reg := registrytest.New(t)
	network := registrytest.NewNetwork()
	registrytest.New(t, registrytest.WithNetwork(network, "a.example"))
	for _, test := range []struct {
		options []registrytest.Option
		want    string
	}{
		{[]registrytest.Option{registrytest.WithAddr(reg.Host())}, "registrytest: server: listen tcp " + reg.Host()},
		{[]registrytest.Option{registrytest.WithNetwork(network, "a.example")}, "registrytest: server: listen mem a.example:0: bind: "},
		{[]registrytest.Option{registrytest.WithInMemory(), registrytest.WithNetwork(network, "b.example")}, "registrytest: choose one of WithInMemory and WithNetwork"},
		{[]registrytest.Option{registrytest.WithInMemory(), registrytest.WithAddr("127.0.0.1:0")}, "registrytest: a registry in memory has no address"},
	} {
		_, err := registrytest.Start(test.options...)
		require.ErrorContains(t, err, test.want)
		failed := runTest(func(t testing.TB) { registrytest.New(t, test.options...) })
		require.Len(t, failed.failures, 1)
		assert.Contains(t, failed.failures[0], test.want)
		assert.Empty(t, failed.cleanups)
	}
}

func TestClose(t *testing.T) {
	reg, err := registrytest.Start()
	require.NoError(t, err)
	client := reg.Client()
	requirePing(t, client, reg.URL())
	require.NoError(t, reg.Close())
	require.NoError(t, reg.Close())
	_, _, err = get(t.Context(), client, reg.URL())
	require.Error(t, err)
	again, err := registrytest.Start(registrytest.WithAddr(reg.Host()))
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

// TestCloseHanging has uploads and downloads that go on for ever when the test
// ends.
func TestCloseHanging(t *testing.T) {
	for name, test := range map[string]struct {
		options []registrytest.Option
		size    int // more than the buffers between both sides hold
	}{
		"HTTP/1.1":  {nil, 24 << 20},
		"HTTP/2":    {[]registrytest.Option{registrytest.WithHTTP2()}, 8 << 20},
		"in memory": {[]registrytest.Option{registrytest.WithInMemory()}, 4 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			var clients sync.WaitGroup
			body, write := io.Pipe()
			ended := runTest(func(fake testing.TB) {
				reg := registrytest.New(fake, test.options...)
				d := push(t, reg, "app", strings.Repeat("x", test.size))
				response, err := reg.Client().Get(reg.URL() + "/v2/app/blobs/" + d.String())
				require.NoError(t, err)
				t.Cleanup(func() { response.Body.Close() })
				clients.Go(func() {
					response, err := reg.Client().Post(reg.URL()+"/v2/app/blobs/uploads/?digest="+d.String(), "", body)
					if !assert.Error(t, err) {
						response.Body.Close()
					}
				})
				_, err = write.Write([]byte("half"))
				require.NoError(t, err)
			})
			assert.Empty(t, ended.failures)
			body.Close()
			clients.Wait()
		})
	}
}

// TestLog: requests are in the journal, which is shown if the test fails, and not in
// the log beside it. Nothing is logged after the test.
func TestLog(t *testing.T) {
	var reg *registrytest.Registry
	test := runTest(func(fake testing.TB) {
		reg = registrytest.New(fake, registrytest.WithInMemory())
		requirePing(t, reg.Client(), reg.URL())
		reg.Options().Log.Info("seen", "a", "b")
		fake.Errorf("for some reason")
	})
	require.Len(t, test.logs, 2)
	assert.Equal(t, "level=INFO msg=seen a=b", test.logs[0])
	assert.Contains(t, test.logs[1], "journal of "+reg.URL()+":")
	reg.Options().Log.Info("too late")
	assert.Len(t, test.logs, 2)
}

func TestLogger(t *testing.T) {
	var text bytes.Buffer
	test := runTest(func(fake testing.TB) {
		reg := registrytest.New(fake, registrytest.WithLogger(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		requirePing(t, reg.Client(), reg.URL())
		assert.NotNil(t, reg.Options().Log)
	})
	assert.Empty(t, test.logs)
	assert.Contains(t, text.String(), "op=ping")
}

// TestLogOfBenchmark: what a benchmark logs is always printed.
func TestLogOfBenchmark(t *testing.T) {
	result := testing.Benchmark(func(b *testing.B) {
		reg := registrytest.New(b, registrytest.WithInMemory())
		debug, info := reg.Options().Log.Enabled(b.Context(), slog.LevelDebug), reg.Options().Log.Enabled(b.Context(), slog.LevelInfo)
		if debug || !info {
			b.Fatal("a benchmark logs from Info on")
		}
	})
	assert.Positive(t, result.N)
}

// TestVirtualTime waits an hour between two requests.
func TestVirtualTime(t *testing.T) {
	for name, options := range map[string][]registrytest.Option{
		"HTTP/1.1": {registrytest.WithInMemory()},
		"HTTP/2":   {registrytest.WithInMemory(), registrytest.WithHTTP2()},
		"h2c":      {registrytest.WithInMemory(), registrytest.WithH2C()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := registrytest.New(t, options...)
				begin := time.Now()
				requirePing(t, reg.Client(), reg.URL())
				time.Sleep(time.Hour)
				requirePing(t, reg.Client(), reg.URL())
				assert.Equal(t, time.Hour, time.Since(begin))
			})
		})
	}
	t.Run("network", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := registrytest.NewNetwork()
			registrytest.New(t, registrytest.WithNetwork(network, "a.example"))
			registrytest.New(t, registrytest.WithNetwork(network, "b.example"))
			client := &http.Client{Transport: network.Transport()}
			requirePing(t, client, "https://a.example")
			requirePing(t, client, "http://b.example")
		})
	})
}

// TestThousand has a thousand tests with a registry each.
func TestThousand(t *testing.T) {
	for name, options := range map[string][]registrytest.Option{"loopback": nil, "memory": {registrytest.WithInMemory()}} {
		t.Run(name, func(t *testing.T) {
			for i := range 1000 {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					reg := registrytest.New(t, options...)
					requirePing(t, reg.Client(), reg.URL())
				})
			}
		})
	}
}

// aliveAtOnce starts a thousand registries in memory before it uses any.
func aliveAtOnce(t *testing.T) {
	t.Helper()
	registries := make([]*registrytest.Registry, 1000)
	for i := range registries {
		registries[i] = registrytest.New(t, registrytest.WithInMemory())
	}
	for i, reg := range registries {
		repo := fmt.Sprintf("app%d", i)
		push(t, reg, repo, "content")
		_, body, err := get(t.Context(), reg.Client(), reg.URL()+"/v2/_catalog")
		require.NoError(t, err)
		require.JSONEq(t, `{"repositories":["`+repo+`"]}`, body)
	}
}

func TestThousandAtOnce(t *testing.T) { aliveAtOnce(t) }

// TestSharedBySubtests uses one registry in many tests.
func TestSharedBySubtests(t *testing.T) {
	reg := registrytest.New(t)
	t.Run("group", func(t *testing.T) {
		for i := range 16 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				requirePing(t, reg.Client(), reg.URL())
				push(t, reg, fmt.Sprintf("app%d", i), "content")
			})
		}
	})
	_, body, err := get(t.Context(), reg.Client(), reg.URL()+"/v2/_catalog")
	require.NoError(t, err)
	assert.Equal(t, 16, strings.Count(body, "app"))
}
