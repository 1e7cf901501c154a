package server

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// TestExternal reaches the second origin over both schemes, with all that belongs
// to a request.
func TestExternal(t *testing.T) {
	info := op.Info{Op: op.BlobGet, Repo: "app", Digest: digest.FromString("x")}
	eachWay(t, func(t *testing.T, w way) {
		s, rec := w.startWith(t, faults.On(op.External).Named("rule").Times(1).Do(faults.Status(http.StatusTeapot)))
		host, err := s.External()
		require.NoError(t, err)
		for i, scheme := range []string{"http://", "https://"} {
			s.Transport().CloseIdleConnections() // net/http takes one in the clear for https as well
			response, content := do(t, s, "GET", scheme+host+inflight.ExternalPath(&info), nil)
			assert.Equal(t, scheme == "https://", response.TLS != nil)
			if i == 0 {
				assert.Equal(t, http.StatusTeapot, response.StatusCode)
			} else {
				assert.Contains(t, string(content), "SignatureDoesNotMatch")
			}
		}
		response, content := do(t, s, "GET", s.URL(), nil)
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Equal(t, "hello", string(content))
		require.NoError(t, s.Close())

		log := rec.Log(record.Op(op.External))
		require.Len(t, log, 2)
		for i, x := range log {
			assert.Equal(t, "app", x.Repo)
			assert.Equal(t, info.Digest, x.Digest)
			assert.Equal(t, host, x.Host)
			assert.Equal(t, i == 1, x.Secure)
			assert.NotZero(t, x.Conn)
		}
		assert.Len(t, rec.Connections(), 3)
	})
}

// TestExternalHosts: Go does not send credentials there.
func TestExternalHosts(t *testing.T) {
	network := new(Network)
	for _, test := range []struct {
		config Config
		want   string // a regular expression
	}{
		{Config{}, `^localhost:[0-9]+$`},
		{Config{Options: Options{TLS: true}}, `^localhost:[0-9]+$`},
		{Config{Options: Options{Addr: "127.0.0.1:0"}}, `^localhost:[0-9]+$`},
		{Config{Network: new(Network)}, `^cdn\.test$`},
		{Config{Network: network, Host: "a.example"}, `^cdn-a\.example$`},
		{Config{Network: network, Host: "::1"}, `^cdn---1$`},
	} {
		s := start(t, test.config)
		host, err := s.External()
		require.NoError(t, err)
		assert.Regexp(t, test.want, host)
		again, err := s.External()
		require.NoError(t, err)
		assert.Equal(t, host, again)

		redirecting := start(t, Config{
			Options:  test.config.Options,
			Network:  new(Network),
			Registry: http.RedirectHandler("http://"+host+"/", http.StatusTemporaryRedirect),
		})
		client := &http.Client{
			Transport: beside{redirecting.Transport(), s.Transport(), host},
			CheckRedirect: func(r *http.Request, _ []*http.Request) error {
				assert.Empty(t, r.Header.Get("Authorization"))
				return nil
			},
		}
		request := httpGet(t, s.URL())
		request.Header.Set("Authorization", "Basic c2VjcmV0")
		response, err := client.Do(request)
		require.NoError(t, err)
		assert.Equal(t, http.StatusNotFound, response.StatusCode)
		assert.Equal(t, host, response.Request.URL.Host)
		require.NoError(t, response.Body.Close())
	}
}

// beside sends requests for one host to the second, and all others to the first.
type beside struct {
	first, second http.RoundTripper
	host          string
}

func (b beside) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == b.host {
		return b.second.RoundTrip(r)
	}
	return b.first.RoundTrip(r)
}

// TestExternalIPv6 listens where the registry does.
func TestExternalIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	require.NoError(t, l.Close())
	s := start(t, Config{Options: Options{Addr: "[::1]:0"}})
	host, err := s.External()
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(host)
	require.NoError(t, err)
	c, err := net.Dial("tcp", "[::1]:"+port)
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

func TestExternalHostNames(t *testing.T) {
	for _, test := range []struct{ main, addr, loopback, want string }{
		{"127.0.0.1:5000", "127.0.0.1:5001", "127.0.0.1", "localhost:5001"},
		{"10.0.0.1:5000", "127.0.0.1:5001", "127.0.0.1", "localhost:5001"},
		{"[::1]:5000", "[::1]:5001", "::1", "localhost:5001"},
		{"localhost:5000", "127.0.0.1:5001", "127.0.0.1", "127.0.0.1:5001"},
	} {
		assert.Equal(t, test.loopback, loopbackBeside(test.main))
		assert.Equal(t, test.want, externalTCPHost(test.main, test.addr))
	}
}

// TestExternalMany starts it from many goroutines, in part while the server
// closes.
func TestExternalMany(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s, _ := w.start(t, func(http.ResponseWriter, *http.Request) {})
		want, err := s.External()
		require.NoError(t, err)
		var callers sync.WaitGroup
		for i := range 8 {
			callers.Go(func() {
				host, err := s.External()
				if err == nil {
					assert.Equal(t, want, host)
				}
				if i == 4 {
					assert.NoError(t, s.Close())
				}
			})
		}
		callers.Wait()
		_, err = s.External()
		require.ErrorContains(t, err, "server: start second origin: the server is closed")
	})
	for range 100 {
		s := start(t, Config{Network: new(Network)})
		go s.External()
		require.NoError(t, s.Close())
	}
}

// TestExternalNameIsTaken: the next time it may be free.
func TestExternalNameIsTaken(t *testing.T) {
	network := new(Network)
	other := start(t, Config{Network: network, Host: "cdn.test"})
	s := start(t, Config{Network: network})
	_, err := s.External()
	require.ErrorContains(t, err, "server: start second origin: listen mem cdn.test:0: bind: address already in use")
	require.NoError(t, other.Close())
	_, err = s.External()
	require.NoError(t, err)
}

// TestExternalHanging: the server does not wait for its clients when it closes.
func TestExternalHanging(t *testing.T) {
	run := func(t *testing.T, network *Network) {
		s := start(t, Config{Network: network, Recorder: recorder.New(recorder.Options{})})
		host, err := s.External()
		require.NoError(t, err)
		for _, text := range []string{"", "\x16\x03", "GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"} {
			var c net.Conn
			if network != nil {
				c, err = network.DialContext(t.Context(), "tcp", host+":80")
			} else {
				c, err = net.Dial("tcp", host)
			}
			require.NoError(t, err)
			t.Cleanup(func() { c.Close() })
			say(t, c, text)
			if strings.HasSuffix(text, "\r\n\r\n") {
				response, err := http.ReadResponse(bufio.NewReader(c), nil)
				require.NoError(t, err)
				assert.Equal(t, http.StatusNotFound, response.StatusCode)
			}
		}
		require.NoError(t, s.Close())
	}
	t.Run("over TCP", func(t *testing.T) { run(t, nil) })
	t.Run("in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { run(t, new(Network)) })
	})
}

// TestExternalIsNotOpened: rules on connections are for those to the registry.
func TestExternalIsNotOpened(t *testing.T) {
	s, _ := way{}.startWith(t, faults.OnConnect().Times(1).Do(faults.Refuse()))
	host, err := s.External()
	require.NoError(t, err)
	do(t, s, "GET", "http://"+host, nil)
	_, _, err = fetch(t.Context(), s, "GET", s.URL(), nil)
	assert.True(t, isReset(err), "%v", err)
}

// TestDead: there nobody listens, whatever the network.
func TestDead(t *testing.T) {
	for _, network := range []*Network{nil, new(Network)} {
		s := start(t, Config{Network: network})
		site := s.site(Backend{})
		assert.True(t, site.Connections)
		_, _, err := fetch(t.Context(), s, "GET", "http://"+site.Dead+"/", nil)
		require.True(t, errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.Errno(10061)), "%v", err)
	}
}

// TestExternalConnections leave those of the registry what they can do: net/http
// has the kernel send files on them.
func TestExternalConnections(t *testing.T) {
	s := start(t, Config{})
	_, err := s.External()
	require.NoError(t, err)
	for _, both := range []bool{false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		client, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		from := &listener{Listener: l, server: s, both: both}
		c, err := from.Accept()
		require.NoError(t, err)
		_, sends := c.(io.ReaderFrom)
		assert.Equal(t, !both, sends)
		s.connState(c, http.StateClosed)
		for _, each := range []io.Closer{l, client, c} {
			require.NoError(t, each.Close())
		}
	}
}
