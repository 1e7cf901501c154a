package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/recorder"
)

// startWith starts a server whose requests and connections meet these rules.
func (w way) startWith(t *testing.T, rules ...faults.Rule) (*Server, *recorder.Recorder) {
	t.Helper()
	engine := engine.New(nil)
	rec := recorder.New(recorder.Options{})
	config := Config{
		Options:  w.options,
		Faults:   engine,
		Recorder: rec,
		Registry: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }),
	}
	if w.memory {
		config.Network = new(Network)
	}
	s := start(t, config)
	require.NoError(t, engine.Add(rules...))
	return s, rec
}

// afterwards returns what is on record of a server's connections once it is
// closed.
func afterwards(t *testing.T, s *Server, rec *recorder.Recorder) (reasons []string) {
	t.Helper()
	require.NoError(t, s.Close())
	for _, c := range rec.Connections() {
		assert.False(t, c.Closed.IsZero())
		reasons = append(reasons, c.Error)
	}
	return reasons
}

func TestOpenings(t *testing.T) {
	for _, test := range []struct {
		name   string
		effect faults.Effect
		check  func(t *testing.T, c net.Conn)
		want   string
	}{
		{
			name: "silent until the client leaves", effect: faults.Silence(), want: "fault rule: no answer",
			check: func(t *testing.T, c net.Conn) {
				_, err := c.Write(make([]byte, 8<<20)) // more than fits on the way
				assert.NoError(t, err)
				assert.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
				got, err := io.ReadAll(c)
				assert.NoError(t, err)
				assert.Empty(t, got)
			},
		},
		{
			name: "raw", effect: faults.Raw("SSH-2.0-nonsense\r\n"), want: "fault rule: raw bytes",
			check: func(t *testing.T, c net.Conn) {
				_, err := c.Write(make([]byte, 1<<20)) // is not what ends the connection
				assert.NoError(t, err)
				got, err := io.ReadAll(c)
				assert.NoError(t, err)
				assert.Equal(t, "SSH-2.0-nonsense\r\n", string(got))
			},
		},
		{
			name: "nothing but raw", effect: faults.Raw(""), want: "fault rule: raw bytes",
			check: func(t *testing.T, c net.Conn) {
				got, err := io.ReadAll(c)
				assert.NoError(t, err)
				assert.Empty(t, got)
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, w way) {
				s, rec := w.startWith(t, faults.OnConnect().Named("rule").Times(1).Do(test.effect))
				c := dial(t, s)
				test.check(t, c)
				require.NoError(t, c.Close())
				response, _ := do(t, s, "GET", s.URL(), nil)
				assert.Equal(t, http.StatusOK, response.StatusCode, "the next connection is as any other")
				assert.Equal(t, []string{test.want, ""}, afterwards(t, s, rec))
			})
		})
	}
}

// TestOpeningReset: a client hears of it as early as when it dials.
func TestOpeningReset(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s, rec := w.startWith(t, faults.OnConnect().Named("rule").Do(faults.Refuse()))
		var c net.Conn
		var err error
		if w.memory {
			c = dial(t, s)
		} else {
			c, err = net.Dial("tcp", s.Host())
		}
		if err == nil {
			defer c.Close()
			_, err = c.Read(make([]byte, 1))
		}
		require.True(t, isReset(err), "%v", err)
		assert.Equal(t, []string{"fault rule: connection reset"}, afterwards(t, s, rec))
	})
}

// TestOpeningsEnd when the server is closed, whatever the client does.
func TestOpeningsEnd(t *testing.T) {
	for _, test := range []struct {
		effect faults.Effect
		want   string
	}{
		{faults.Silence(), "fault rule: no answer"},
		{faults.Raw(strings.Repeat("x", 16<<20)), "fault rule: raw bytes"},
		{faults.Raw("read by the client, who stays"), "fault rule: raw bytes"},
		{faults.Delay(time.Hour), "fault rule: delay of 1h0m0s"},
	} {
		t.Run(test.want, func(t *testing.T) {
			eachWay(t, func(t *testing.T, w way) {
				s, rec := w.startWith(t, faults.OnConnect().Named("rule").Do(test.effect))
				c := dial(t, s)
				say(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				for {
					changed := rec.Changed()
					if all := rec.Connections(); len(all) > 0 && all[0].Error != "" {
						break
					}
					<-changed
				}
				assert.Equal(t, []string{test.want}, afterwards(t, s, rec))
			})
		})
	}
}

// TestOpeningTLS shows clients what they must not accept.
func TestOpeningTLS(t *testing.T) {
	for _, test := range []struct {
		name   string
		effect faults.Effect
		check  func(t *testing.T, err error)
		want   string
	}{
		{
			name: "alert", effect: faults.FailHandshake(), want: "fault rule: TLS alert",
			check: func(t *testing.T, err error) {
				var alert *net.OpError
				require.ErrorAs(t, err, &alert)
				assert.Equal(t, "remote error", alert.Op)
				assert.EqualError(t, alert.Err, "tls: internal error")
			},
		},
		{
			name: "expired", effect: faults.ExpiredCertificate(), want: "fault rule: expired certificate",
			check: func(t *testing.T, err error) {
				var invalid x509.CertificateInvalidError
				require.ErrorAs(t, err, &invalid)
				assert.Equal(t, x509.Expired, invalid.Reason)
				assert.NoError(t, invalid.Cert.VerifyHostname("localhost"))
			},
		},
		{
			name: "another host", effect: faults.CertificateFor("other.example"), want: "fault rule: certificate for other.example",
			check: func(t *testing.T, err error) {
				var host x509.HostnameError
				require.ErrorAs(t, err, &host)
				assert.Equal(t, []string{"other.example"}, host.Certificate.DNSNames)
				assert.Empty(t, host.Certificate.IPAddresses)
			},
		},
		{
			name: "no host", effect: faults.CertificateFor("not a host"), want: "fault rule: certificate for not a host",
			check: func(t *testing.T, err error) { require.ErrorContains(t, err, "tls: internal error") },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, w way) {
				run := func(t *testing.T) {
					s, rec := w.startWith(t, faults.OnConnect().Named("rule").Do(test.effect))
					c := tls.Client(dial(t, s), &tls.Config{RootCAs: s.Authority().CertPool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)})
					test.check(t, c.Handshake())
					require.NoError(t, c.Close())
					assert.Equal(t, []string{test.want}, afterwards(t, s, rec))
				}
				switch {
				case !w.tls:
					t.Skip("in the clear")
				case w.memory:
					synctest.Test(t, run)
				default:
					run(t)
				}
			})
		})
	}
}

// TestOpeningTLSInTheClear: what is asked for of TLS does not happen there.
func TestOpeningTLSInTheClear(t *testing.T) {
	s, rec := way{memory: true}.startWith(t, faults.OnConnect().Do(faults.ExpiredCertificate()))
	do(t, s, "GET", s.URL(), nil)
	assert.Equal(t, []string{""}, afterwards(t, s, rec))
}

// TestOpeningResumed: a client that would resume a session sees the certificate.
func TestOpeningResumed(t *testing.T) {
	s, _ := way{options: Options{TLS: true}}.startWith(t, faults.OnConnect().After(1).Do(faults.ExpiredCertificate()))
	client := &tls.Config{RootCAs: s.Authority().CertPool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	first := tls.Client(dial(t, s), client)
	say(t, first, "GET / HTTP/1.0\r\n\r\n")
	_, err := io.ReadAll(first)
	require.NoError(t, err)
	var invalid x509.CertificateInvalidError
	require.ErrorAs(t, tls.Client(dial(t, s), client).Handshake(), &invalid)
}

// TestOpeningDelay is longer than the time that clients are given, and then all is
// as usual.
func TestOpeningDelay(t *testing.T) {
	for _, w := range ways {
		if !w.memory {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, rec := w.startWith(t, faults.OnConnect().Named("slow").Do(faults.Delay(time.Hour)))
				s.Transport().TLSHandshakeTimeout = 0
				begin := time.Now()
				url := w.url
				if url == "" {
					url = s.URL()
				}
				_, content := do(t, s, "GET", url, nil)
				assert.Equal(t, "hello", string(content))
				assert.Equal(t, time.Hour, time.Since(begin))
				assert.Equal(t, []string{"fault slow: delay of 1h0m0s"}, afterwards(t, s, rec))
			})
		})
	}
}

// TestOpeningSilentForHours: nobody but the client ends it.
func TestOpeningSilentForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := way{memory: true}.startWith(t, faults.OnConnect().Do(faults.Silence()))
		c := dial(t, s)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(24*time.Hour)))
		say(t, c, "GET / HTTP/1.1\r\n")
		_, err := c.Read(make([]byte, 1))
		var timeout net.Error
		require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
		require.NoError(t, c.Close())
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		assert.Empty(t, s.conns)
	})
}
