package registrytest_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// proxied returns a client that reaches the registries of a network through a proxy.
func proxied(t testing.TB, n *registrytest.Network, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{
		Proxy:             http.ProxyURL(n.Proxy(t)),
		TLSClientConfig:   &tls.Config{RootCAs: n.CertPool()},
		ForceAttemptHTTP2: http2,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestProxy: a client with a proxy reaches the registries of a network by name, over http and https,
// in every version of HTTP that they offer, and sees what it would see without the proxy.
func TestProxy(t *testing.T) {
	network := registrytest.NewNetwork()
	hub := registrytest.New(t, registrytest.WithNetwork(network, "docker.io"), registrytest.WithProfile("hub"), registrytest.WithHTTP2())
	plain := registrytest.New(t, registrytest.WithNetwork(network, "plain.example"))
	app := plain.Push(t, "app:v1", images.Random())
	hub.Push(t, "library/alpine:3", images.Random())
	for _, test := range []struct {
		url    string
		http2  bool
		status int
		proto  string
		secure bool
	}{
		{"http://plain.example/v2/app/manifests/v1", false, 200, "HTTP/1.1", false},
		{"http://plain.example:5000/v2/app/manifests/v1", false, 200, "HTTP/1.1", false},
		{"https://plain.example/v2/app/manifests/v1", true, 200, "HTTP/1.1", true},
		{"https://plain.example:8443/v2/app/manifests/v1", false, 200, "HTTP/1.1", true},
		{"https://registry-1.docker.io/v2/library/alpine/manifests/3", true, 401, "HTTP/2.0", true},
		{"https://auth.docker.io/token", true, 200, "HTTP/2.0", true},
	} {
		t.Run(test.url, func(t *testing.T) {
			response, err := proxied(t, network, test.http2).Get(test.url)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, test.status, response.StatusCode)
			assert.Equal(t, test.proto, response.Proto)
			if test.status == 200 && strings.Contains(test.url, "app") {
				assert.Equal(t, app.Digest.Encoded(), digest.FromBytes(body).Encoded())
			}
			log := network.Registry(t, strings.Split(response.Request.URL.Hostname(), ":")[0]).Requests()
			last := log[len(log)-1]
			assert.Equal(t, response.Request.URL.Host, last.Host)
			assert.Equal(t, response.Request.URL.RequestURI(), last.Target)
			assert.Equal(t, test.secure, last.Secure)
			assert.NotZero(t, last.Conn)
		})
	}
}

// TestProxyRefuses: the proxy reaches no host that is not on the network, and the end of the test
// names those that clients asked for.
func TestProxyRefuses(t *testing.T) {
	network := registrytest.NewNetwork()
	registrytest.New(t, registrytest.WithNetwork(network, "plain.example"))
	ran := runTest(func(fake testing.TB) {
		client := proxied(fake, network, true)
		response, err := client.Get("http://registry.example/v2/")
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, 403, response.StatusCode)
		assert.JSONEq(t, `{"errors":[{"code":"DENIED","message":"ocifake proxy: no registry is mapped to the host registry.example, and the proxy connects to no other hosts","detail":{"host":"registry.example"}}]}`, string(body))
		_, err = client.Get("https://registry.example/v2/")
		require.ErrorContains(t, err, "Forbidden")
		_, err = client.Get("https://10.0.0.1:5000/v2/")
		require.ErrorContains(t, err, "Forbidden")
	})
	require.Len(t, ran.logs, 1)
	assert.Equal(t, "registrytest: the proxy refused hosts that are not on the network: 10.0.0.1:5000 (1), registry.example (2)", ran.logs[0])
}

// TestFaultsThroughProxy: faults act on the connection of a tunnel, and on that of a request with an
// absolute URL, as without a proxy.
func TestFaultsThroughProxy(t *testing.T) {
	for name, test := range map[string]struct {
		url   string
		http2 bool
		rule  faults.Rule
		check func(t *testing.T, body []byte, err error)
	}{
		"reset in a tunnel": {"https://a.example", false, faults.On(op.BlobGet).Do(faults.Reset(1000)), isResetAt(1000)},
		"reset, HTTP/2": {"https://a.example", true, faults.On(op.BlobGet).Do(faults.Reset(1000)), func(t *testing.T, body []byte, err error) {
			// If a write of the client meets the reset first, its read meets the end.
			assert.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF), "%v", err)
			assert.Len(t, body, 1000)
		}},
		"reset in the clear": {"http://a.example", false, faults.On(op.BlobGet).Do(faults.Reset(1000)), isResetAt(1000)},
		"GOAWAY": {"https://a.example", true, faults.On(op.BlobGet).Do(faults.GoAway(1000)), func(t *testing.T, body []byte, err error) {
			assert.ErrorContains(t, err, "stream error") // as without the proxy
			assert.Len(t, body, 1000)
		}},
		"refused": {"https://a.example", false, faults.OnConnect().Times(1).Do(faults.Refuse()), func(t *testing.T, _ []byte, err error) {
			assert.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF), "%v", err)
		}},
		"expired certificate": {"https://a.example", false, faults.OnConnect().Times(1).Do(faults.ExpiredCertificate()), func(t *testing.T, _ []byte, err error) {
			assert.ErrorContains(t, err, "expired")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			network := registrytest.NewNetwork()
			options := []registrytest.Option{registrytest.WithNetwork(network, "a.example")}
			if test.http2 {
				options = append(options, registrytest.WithHTTP2())
			}
			reg := registrytest.New(t, options...)
			blob := reg.PushBlob(t, "app", bytes.NewReader(make([]byte, 100_000)))
			reg.Inject(t, test.rule)
			var body []byte
			response, err := proxied(t, network, test.http2).Get(test.url + "/v2/app/blobs/" + blob.Digest.String())
			if err == nil {
				body, err = io.ReadAll(response.Body)
				response.Body.Close()
			}
			test.check(t, body, err)
			assert.Len(t, reg.Connections(), 1)
		})
	}
}

func isResetAt(size int) func(*testing.T, []byte, error) {
	return func(t *testing.T, body []byte, err error) {
		t.Helper()
		require.ErrorIs(t, err, syscall.ECONNRESET)
		assert.Len(t, body, size)
	}
}

// TestConnectionsThroughProxy: faults that show on later requests, and the rate of bytes.
func TestConnectionsThroughProxy(t *testing.T) {
	for _, scheme := range []string{"https", "http"} {
		t.Run(scheme, func(t *testing.T) {
			network := registrytest.NewNetwork()
			reg := registrytest.New(t, registrytest.WithNetwork(network, "a.example"))
			blob := reg.PushBlob(t, "app", bytes.NewReader(make([]byte, 10_000)))
			reg.Inject(t, faults.On(op.Ping).Times(1).Do(faults.CloseIdle()), faults.On(op.BlobGet).Do(faults.Bandwidth(1_000_000)))
			client := proxied(t, network, false)
			for range 2 {
				response, err := client.Get(scheme + "://a.example/v2/")
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, response.Body)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
			}
			response, err := client.Get(scheme + "://a.example/v2/app/blobs/" + blob.Digest.String())
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Len(t, body, 10_000)
			log := reg.Requests()
			require.Len(t, log, 4, "the idle connection ends at the second request, which the client repeats")
			assert.NotEqual(t, log[0].Conn, log[3].Conn)
			assert.GreaterOrEqual(t, log[3].Duration, 9*time.Millisecond)
			for _, c := range reg.Connections() {
				assert.Positive(t, c.Requests)
				if scheme == "https" {
					assert.Equal(t, "a.example:443", c.Host)
				}
			}
		})
	}
}

// TestProxyCrowd: many clients read through one proxy while connections are reset, and none gets a
// wrong byte. The proxy and a registry end while clients use them.
func TestProxyCrowd(t *testing.T) {
	network := registrytest.NewNetwork()
	content := make([]byte, 200_000)
	rand.NewChaCha8([32]byte{1}).Read(content)
	var blob digest.Digest
	var last *registrytest.Registry
	hosts := []string{"a.example", "b.example", "c.example"}
	for _, host := range hosts {
		reg := must(registrytest.Start(registrytest.WithNetwork(network, host), registrytest.WithHTTP2()))
		defer reg.Close()
		blob = reg.PushBlob(t, "app", bytes.NewReader(content)).Digest
		reg.Inject(t, faults.On(op.BlobGet).Every(5).Do(faults.Reset(50_000)), faults.On(op.BlobGet).Every(7).Do(faults.GoAway(70_000)))
		last = reg
	}
	client, client1 := proxied(t, network, true), proxied(t, network, false)
	var right atomic.Int64
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			for k := range 8 {
				c, scheme := client, "https://"
				switch (i + k) % 3 {
				case 0:
					c = client1
				case 1:
					scheme = "http://"
				}
				response, err := c.Get(scheme + hosts[(i+k)%len(hosts)] + "/v2/app/blobs/" + blob.String())
				if err != nil {
					continue
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err == nil && response.StatusCode == http.StatusOK {
					assert.True(t, bytes.Equal(content, body))
					right.Add(1)
				} else {
					assert.True(t, bytes.HasPrefix(content, body) || response.StatusCode != http.StatusOK)
				}
				if i == 0 && k == 6 {
					assert.NoError(t, last.Close())
				}
			}
		})
	}
	all.Wait()
	assert.Greater(t, right.Load(), int64(50))
}

// TestEnviron: a command that knows nothing of the registry reaches it by its name.
func TestEnviron(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl")
	}
	network := registrytest.NewNetwork()
	reg := registrytest.New(t, registrytest.WithNetwork(network, "ghcr.io"), registrytest.WithHTTP2())
	pushed := reg.Push(t, "org/app:v1", images.Random())
	for _, url := range []string{"https://ghcr.io/v2/org/app/manifests/v1", "http://ghcr.io/v2/org/app/manifests/v1"} {
		cmd := exec.CommandContext(t.Context(), curl, "-sS", "--proxy-user", "user:hunter2", url)
		cmd.Env = network.Environ(t)
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.Equal(t, pushed.Digest.Encoded(), digest.FromBytes(out).Encoded())
	}
	network.Assert(t, record.Host("ghcr.io")).Count(2)
	for _, x := range reg.Requests() {
		assert.NotContains(t, x.Header, "Proxy-Authorization")
		assert.Empty(t, x.Scheme)
	}
}
