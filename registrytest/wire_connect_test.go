package registrytest_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/record"
)

func TestWireConnect(t *testing.T) { runWire(t, connectCases) }

var connectCases = []wireCase{
	connect("refuse", faults.Refuse(), nil, "connection reset", func(t *testing.T, _ *wire, c net.Conn) {
		got, end := readAll(c)
		assert.Empty(t, got)
		assert.Equal(t, rst, end)
	}),
	connect("raw", faults.Raw("220 smtp.example ESMTP\r\n"), nil, "raw bytes", func(t *testing.T, _ *wire, c net.Conn) {
		got, err := io.ReadAll(c)
		assert.NoError(t, err)
		assert.Equal(t, "220 smtp.example ESMTP\r\n", string(got))
	}),
	connect("silence", faults.Silence(), inMemory, "no answer", func(t *testing.T, w *wire, c net.Conn) {
		begun := time.Now()
		require.NoError(t, c.SetReadDeadline(begun.Add(24*time.Hour)))
		if w.tls {
			_, err := w.shake(c)
			assert.ErrorContains(t, err, "i/o timeout")
		} else {
			w.talkOn(t, c).say(t, w.blob(w.small))
		}
		n, err := c.Read(make([]byte, 1))
		assert.Zero(t, n)
		assert.ErrorContains(t, err, "i/o timeout")
		assert.Equal(t, 24*time.Hour, time.Since(begun))
	}),
	connect("delay", faults.Delay(time.Hour), inMemory, "delay of 1h0m0s", func(t *testing.T, w *wire, c net.Conn) {
		begun := time.Now()
		if w.tls {
			secure, err := w.shake(c)
			require.NoError(t, err)
			c = secure
		}
		requireBytes(t, w.bytes[string(w.small.Digest)], ask(t, w.talkOn(t, c), w.blob(w.small)).body)
		assert.Equal(t, time.Hour, time.Since(begun))
	}),
	connect("tls fails", faults.FailHandshake(), overTLS, "TLS alert", func(t *testing.T, w *wire, c net.Conn) {
		seen := &watched{Conn: c}
		_, err := w.shake(seen)
		assert.ErrorContains(t, err, "remote error: tls: internal error")
		assert.Equal(t, []byte{21, 3, 3, 0, 2, 2, 80}, seen.got.Bytes(), "a fatal alert, in the clear")
		_, err = io.ReadAll(c)
		assert.NoError(t, err)
	}),
	connect("tls expired", faults.ExpiredCertificate(), overTLS, "expired certificate", func(t *testing.T, w *wire, c net.Conn) {
		_, err := w.shake(c)
		var invalid x509.CertificateInvalidError
		require.ErrorAs(t, err, &invalid)
		assert.Equal(t, x509.Expired, invalid.Reason)
		assert.NoError(t, invalid.Cert.VerifyHostname("localhost"), "nothing else is wrong with it")
	}),
	connect("tls for another host", faults.CertificateFor("other.example"), overTLS, "certificate for other.example", func(t *testing.T, w *wire, c net.Conn) {
		_, err := w.shake(c)
		var hostname x509.HostnameError
		require.ErrorAs(t, err, &hostname)
		assert.Equal(t, []string{"other.example"}, hostname.Certificate.DNSNames)
		assert.Empty(t, hostname.Certificate.IPAddresses)
	}),
	connect("tls, trusted for that host", faults.CertificateFor("other.example"), overTLS, "certificate for other.example", func(t *testing.T, w *wire, c net.Conn) {
		secure := tls.Client(c, &tls.Config{RootCAs: w.reg.CertPool(), ServerName: "other.example"})
		assert.NoError(t, secure.Handshake())
	}),
	{name: "tls in the clear", do: []faults.Effect{faults.FailHandshake()}, only: func(f wireForm) bool { return !f.tls },
		talk: func(t *testing.T, w *wire) {
			rule := faults.OnConnect().Do(faults.FailHandshake())
			if w.memory { // it takes TLS beside plain HTTP
				w.inject(t, rule.Optional())
			} else {
				assert.ErrorContains(t, add(w.reg, rule), "the registry speaks plain HTTP")
			}
			assert.Equal(t, 200, ask(t, w.talk(t), w.blob(w.small)).status)
			for _, rule := range w.reg.Faults().Rules() {
				assert.Zero(t, rule.Hits, "nothing happened")
			}
			assert.Empty(t, w.reg.Connections()[0].Error)
		}},
	{name: "pass", do: []faults.Effect{faults.Pass(), faults.Refuse()}, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.OnConnect().Seq(faults.Pass(), faults.Refuse(), faults.All(faults.Pass(), faults.Raw("!"))))
		assert.Equal(t, 200, ask(t, w.talk(t), w.blob(w.small)).status)
		for _, want := range []string{rst, fin} {
			got, end := readAll(w.open(t))
			assert.Equal(t, want, end)
			assert.Equal(t, map[string]string{rst: "", fin: "!"}[want], got)
		}
		assert.Equal(t, 200, ask(t, w.talk(t), w.blob(w.small)).status)
	}},
}

// connect is a case in which something happens to the first connection, which is on
// record with the rule's name, and nothing to the second.
func connect(name string, e faults.Effect, only func(wireForm) bool, reason string, check func(*testing.T, *wire, net.Conn)) wireCase {
	return wireCase{name: name + " as it is opened", do: []faults.Effect{e}, only: only, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.OnConnect().Times(1).Do(e))
		c := w.open(t)
		check(t, w, c)
		require.NoError(t, c.Close())
		requireBytes(t, w.bytes[string(w.small.Digest)], ask(t, w.talk(t), w.blob(w.small)).body)
		require.NoError(t, w.reg.Close())
		connections := w.reg.Connections()
		require.Len(t, connections, 2)
		assert.Equal(t, "fault wire: "+reason, connections[0].Error)
		assert.Empty(t, connections[1].Error)
		for _, x := range w.reg.Requests() {
			assert.Empty(t, x.Faults, "it is the connection that it touched")
		}
	}}
}

// open connects. What ends a connection at its opening may be quicker than that: the
// error then is that of the first read.
func (w *wire) open(t testing.TB) net.Conn {
	t.Helper()
	c, err := w.dial(t, "")
	if err == nil {
		return c
	}
	require.Equal(t, rst, endOf(err))
	c, peer := net.Pipe()
	require.NoError(t, peer.Close())
	return failed{c, err}
}

// failed is a connection that did not come about.
type failed struct {
	net.Conn
	err error
}

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// readAll returns what comes, and how it ends.
func readAll(c net.Conn) (got, end string) {
	seen := &watched{Conn: c}
	_, _ = io.ReadAll(seen) // the error is noted
	return seen.got.String(), endOf(seen.err)
}

// TestWireCloseSilent: a connection that never gets an answer, or gets it in years,
// does not hold up the end of the registry.
func TestWireCloseSilent(t *testing.T) {
	for _, e := range []faults.Effect{faults.Silence(), faults.Delay(100_000 * time.Hour)} {
		t.Run(kindOf(t, e), func(t *testing.T) {
			eachWire(t, nil, func(t *testing.T, w *wire) {
				w.inject(t, faults.OnConnect().Times(1).Do(e))
				c, err := w.dial(t, "")
				require.NoError(t, err)
				_, err = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
				require.NoError(t, err)
				for len(w.reg.Connections()) == 0 || w.reg.Connections()[0].Error == "" {
					runtime.Gosched()
				}
				require.NoError(t, w.reg.Close())
				got, err := io.ReadAll(c)
				assert.Empty(t, got)
				if err != nil {
					assert.Equal(t, rst, endOf(err))
				}
				assert.Contains(t, w.reg.Connections()[0].Error, "fault wire: ")
				assert.Equal(t, record.Log(nil), w.reg.Requests())
			})
		})
	}
}
