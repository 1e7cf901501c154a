package server

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// slow reads little at a time.
type slow struct{ io.Reader }

func (r slow) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 512)]) }

// abortAfter serves a part of a body and resets the connection.
func abortAfter(t *testing.T, part []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(2*len(part)+1))
		_, err := w.Write(part)
		assert.NoError(t, err)
		assert.NoError(t, http.NewResponseController(w).Flush())
		assert.NoError(t, ConnOf(r.Context()).Abort())
		panic(http.ErrAbortHandler)
	}
}

// onlyHere skips what holds on Linux and in memory alone.
func onlyHere(t *testing.T, w way) {
	t.Helper()
	if runtime.GOOS != "linux" && !w.memory {
		t.Skip("what the network has not taken yet is lost")
	}
}

// TestAbortDelivers: what was written before arrives, to the byte, however slowly
// the client reads.
func TestAbortDelivers(t *testing.T) {
	for _, size := range []int{1, 1000, 1 << 20} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			part := random(size)
			eachWay(t, func(t *testing.T, w way) {
				onlyHere(t, w)
				s, _ := w.start(t, abortAfter(t, part))
				c := dial(t, s)
				if w.tls {
					c = shake(t, s, c)
				}
				say(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				response, err := http.ReadResponse(bufio.NewReader(slow{c}), nil)
				require.NoError(t, err)
				got, err := io.ReadAll(response.Body)
				require.True(t, isReset(err), "%v", err)
				assert.True(t, bytes.Equal(part, got), "%d of %d bytes", len(got), size)
			})
		})
	}
}

func TestAbortDeliversHTTP2(t *testing.T) {
	for _, size := range []int{1, 1000, 1 << 20} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			part := random(size)
			eachHTTP2(t, func(t *testing.T, w way) {
				onlyHere(t, w)
				s, _ := w.start(t, abortAfter(t, part))
				f := w.speakHTTP2(t, s)
				f.request(t, 1, "GET", "/")
				var got bytes.Buffer
				err := f.eachFrame(func(frame http2.Frame) bool {
					if frame, ok := frame.(*http2.DataFrame); ok {
						got.Write(frame.Data())
					}
					return false
				})
				require.True(t, isReset(err), "%v", err)
				assert.True(t, bytes.Equal(part, got.Bytes()), "%d of %d bytes", got.Len(), size)
			})
		})
	}
}

// TestAbortStalled: a client that does not read holds up Abort for a while only,
// and the closing of the server not at all.
func TestAbortStalled(t *testing.T) {
	for _, closing := range []bool{false, true} {
		t.Run("closing="+strconv.FormatBool(closing), func(t *testing.T) {
			eachWay(t, func(t *testing.T, w way) {
				conns := make(chan *Conn, 1)
				s, _ := w.start(t, func(w http.ResponseWriter, r *http.Request) {
					conns <- ConnOf(r.Context())
					block := make([]byte, 1<<20)
					var err error
					for err == nil {
						_, err = w.Write(block)
					}
				})
				c := dial(t, s)
				if w.tls {
					c = shake(t, s, c)
				}
				say(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				conn := <-conns
				aborted := make(chan struct{})
				go func() {
					conn.Abort()
					close(aborted)
				}()
				if closing {
					require.NoError(t, s.Close())
				}
				<-aborted
			})
		})
	}
}

// TestAbortTwice does no harm, nor does closing meanwhile.
func TestAbortTwice(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s, _ := w.start(t, func(_ http.ResponseWriter, r *http.Request) {
			c := ConnOf(r.Context())
			ended := make(chan struct{}, 3)
			for _, end := range []func() error{c.Abort, c.Abort, c.Close} {
				go func() {
					end()
					ended <- struct{}{}
				}()
			}
			for range 3 {
				<-ended
			}
			assert.ErrorIs(t, c.Abort(), net.ErrClosed)
			assert.Error(t, c.Inject([]byte("x")))
		})
		c := dial(t, s)
		if w.tls {
			c = shake(t, s, c)
		}
		say(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		_, err := io.ReadAll(c)
		if err != nil {
			require.True(t, isReset(err), "%v", err)
		}
	})
}
