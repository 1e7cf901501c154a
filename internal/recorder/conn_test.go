package recorder_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/record"
)

func shake(t *testing.T, c net.Conn, roots *x509.CertPool) *tls.Conn {
	t.Helper()
	secure := tls.Client(c, &tls.Config{RootCAs: roots, ServerName: "registry.test"})
	require.NoError(t, secure.Handshake())
	return secure
}

// TestConnections: every connection is on record, also one that never carried a
// request.
func TestConnections(t *testing.T) {
	tls13 := &record.TLS{Version: "TLS 1.3", ServerName: "registry.test"}
	for _, test := range []struct {
		name    string
		options server.Options
		shake   bool
		say     string
		want    record.Connection
	}{
		{"a request", server.Options{}, false, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", record.Connection{Requests: 1}},
		{"two requests", server.Options{}, true, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", record.Connection{Requests: 2, TLS: tls13}},
		{"silence", server.Options{}, false, "", record.Connection{}},
		{"only a handshake", server.Options{}, true, "", record.Connection{TLS: tls13}},
		{"half a header", server.Options{}, false, "GET / HT", record.Connection{Error: "answered 400 Bad Request"}},
		{"garbage", server.Options{}, false, "garbage\r\n\r\n", record.Connection{Error: "answered 400 Bad Request"}},
		{"garbage over TLS", server.Options{}, true, "garbage\r\n\r\n", record.Connection{TLS: tls13, Error: "answered 400 Bad Request"}},
		{"no host", server.Options{}, false, "GET / HTTP/1.1\r\n\r\n", record.Connection{Error: "answered 400 Bad Request: missing required Host header"}},
		{"another version", server.Options{}, false, "GET / HTTP/3.0\r\n\r\n", record.Connection{Error: "answered 505 HTTP Version Not Supported: unsupported protocol version"}},
		{"an unknown expectation", server.Options{}, false, "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", record.Connection{Requests: 0, Error: "answered 417 Expectation Failed"}},
		{"a failed handshake", server.Options{}, false, "\x16\x03\x01\x00", record.Connection{Error: "TLS handshake: unexpected EOF"}},
		{"HTTP/2 that is not offered", server.Options{}, false, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", record.Connection{Error: "the client speaks HTTP/2 without negotiating it"}},
		{"HTTP/2 without a request", server.Options{H2C: true}, false, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", record.Connection{}},
		{"garbage after a request", server.Options{}, false, "GET / HTTP/1.1\r\nHost: a\r\n\r\ngarbage\r\n\r\n", record.Connection{Requests: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rec := recorder.New(recorder.Options{})
				s := start(t, server.Config{Options: test.options, Network: new(server.Network), Recorder: rec, Registry: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
				opened := time.Now()
				c, err := s.Transport().DialContext(t.Context(), "tcp", "registry.test:443")
				require.NoError(t, err)
				defer c.Close()
				changed := rec.Changed()
				if test.shake {
					c = secure(t, s, c)
				}
				_, err = io.WriteString(c, test.say)
				require.NoError(t, err)
				time.Sleep(time.Second)
				if open := rec.Connections(); !strings.Contains(test.say, "garbage") && test.want.Error == "" {
					require.Len(t, open, 1)
					assert.True(t, open[0].Closed.IsZero())
					assert.Equal(t, test.want.Requests, open[0].Requests)
				}
				go io.Copy(io.Discard, c)
				c.(interface{ CloseWrite() error }).CloseWrite() // the server may have closed
				time.Sleep(time.Second)
				c.Close()
				synctest.Wait()
				<-changed
				all := rec.Connections()
				require.Len(t, all, 1)
				got := all[0]
				assert.Equal(t, opened.Round(0), got.Opened)
				assert.False(t, got.Closed.IsZero())
				assert.NotEmpty(t, got.Remote)
				assert.GreaterOrEqual(t, got.In, int64(len(test.say)))
				assert.Equal(t, test.want, record.Connection{TLS: got.TLS, Requests: got.Requests, Error: got.Error})
				assert.Equal(t, uint64(1), got.ID)
				assert.Len(t, rec.Log(), test.want.Requests)
				rec.Clear()
				assert.Empty(t, rec.Connections())
			})
		})
	}
}

// TestConnectionsAtClose: the server's end is that of its connections, also of
// one that was hijacked and that nobody closes.
func TestConnectionsAtClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := recorder.New(recorder.Options{})
		s := start(t, server.Config{Network: new(server.Network), Recorder: rec, Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				_, err = io.Copy(io.Discard, c)
				assert.ErrorIs(t, err, net.ErrClosed)
			}
		})})
		for _, text := range []string{"", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"} {
			c, err := s.Transport().DialContext(t.Context(), "tcp", "a:80")
			require.NoError(t, err)
			defer c.Close()
			_, err = io.WriteString(c, text)
			require.NoError(t, err)
			synctest.Wait()
		}
		assert.Equal(t, 1, rec.Log().Count(record.Open()))
		require.NoError(t, s.Close())
		all := rec.Connections()
		require.Len(t, all, 2)
		assert.False(t, all[0].Closed.IsZero())
		assert.False(t, all[1].Closed.IsZero())
		x := rec.Log()[0]
		assert.False(t, x.Open || x.Left || x.Cut)
		assert.Zero(t, x.Status)
	})
}

// TestClientCertificate is about servers of others, of which the recorder knows
// the requests only.
func TestClientCertificate(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	for i, test := range []struct {
		state *tls.ConnectionState
		want  *record.TLS
	}{
		{nil, nil},
		{&tls.ConnectionState{Version: tls.VersionTLS12, ServerName: "a"}, &record.TLS{Version: "TLS 1.2", ServerName: "a"}},
		{
			&tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "ann", Organization: []string{"ci"}}}}},
			&record.TLS{Version: "TLS 1.3", Client: "CN=ann,O=ci"},
		},
	} {
		r := request("GET", "/v2/", "")
		r.TLS = test.state
		rec.Wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
		x := rec.Log()[i]
		assert.Equal(t, test.want, x.TLS)
		assert.Equal(t, test.want != nil, x.Secure)
		assert.Zero(t, x.Conn)
	}
	assert.Empty(t, rec.Connections())
}

// TestAcceptElsewhere: a server of somebody else can tell of its connections.
func TestAcceptElsewhere(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	c := rec.Accept("192.0.2.1:1", func() (in, out int64) { return 1, 2 })
	c.Secured(tls.ConnectionState{Version: tls.VersionTLS13, ServerName: "a"})
	r := request("GET", "/v2/", "")
	r = r.WithContext(recorder.WithConn(context.Background(), c))
	for range 2 {
		rec.Wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	}
	c.Failed("first")
	c.Failed("second")
	for range 2 {
		c.Closed()
	}
	all := rec.Connections()
	require.Len(t, all, 1)
	all[0].Opened, all[0].Closed = time.Time{}, time.Time{}
	assert.Equal(t, record.Connection{ID: 1, Remote: "192.0.2.1:1", TLS: &record.TLS{Version: "TLS 1.3", ServerName: "a"}, Requests: 2, In: 1, Out: 2, Error: "first"}, all[0])
	log := rec.Log()
	assert.Equal(t, []int{1, 2}, []int{log[0].ConnSeq, log[1].ConnSeq})
	assert.Equal(t, "192.0.2.1:1", log[0].Remote)
}
