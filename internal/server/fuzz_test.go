package server

import (
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzConnection sends whatever it likes to a server that speaks everything. The
// server answers or not, ends the connection, and nothing panics.
func FuzzConnection(f *testing.F) {
	for _, seed := range []string{
		"", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", http2Start, http2Start[:12], "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
		"\x16\x03\x01\x00\x02\x01\x00", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\nx",
		http2Start + "\x00\x00\x04\x01\x05\x00\x00\x00\x01\x82\x84\x86\x41",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		var log records
		s := start(t, Config{
			Network: new(Network),
			Options: Options{H2C: true},
			Log:     log.logger(slog.LevelError),
			Registry: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
			}),
		})
		c := dial(t, s)
		go func() {
			c.Write(sent)
			c.(interface{ CloseWrite() error }).CloseWrite()
		}()
		_, err := io.Copy(io.Discard, c)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.Empty(t, log.all(t))
	})
}
