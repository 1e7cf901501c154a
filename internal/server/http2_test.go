package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// framer is a client of HTTP/2 that sees every frame. It finds frames out of
// place, such as those in the middle of a header block.
type framer struct {
	*http2.Framer
	conn   net.Conn
	header bytes.Buffer
	hpack  *hpack.Encoder
}

// speakHTTP2 connects and sends the preface, and windows that never close.
func (w way) speakHTTP2(t testing.TB, s *Server, settings ...http2.Setting) *framer {
	t.Helper()
	c := dial(t, s)
	if w.tls {
		c = shake(t, s, c, "h2")
	}
	f := &framer{Framer: http2.NewFramer(c, c), conn: c}
	f.hpack = hpack.NewEncoder(&f.header)
	f.SetMaxReadFrameSize(1<<24 - 1)
	say(t, c, preface)
	settings = append(settings, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
	require.NoError(t, f.WriteSettings(settings...))
	require.NoError(t, f.WriteWindowUpdate(0, 1<<30))
	return f
}

func (f *framer) request(t testing.TB, stream uint32, method, path string) {
	t.Helper()
	f.header.Reset()
	for _, field := range [][2]string{{":method", method}, {":scheme", "http"}, {":authority", "a"}, {":path", path}} {
		require.NoError(t, f.hpack.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}))
	}
	require.NoError(t, f.WriteHeaders(http2.HeadersFrameParam{
		StreamID:      stream,
		BlockFragment: f.header.Bytes(),
		EndHeaders:    true,
		EndStream:     true,
	}))
}

// eachFrame reads until a function has seen what it wanted, or to the end.
func (f *framer) eachFrame(seen func(http2.Frame) bool) error {
	for {
		frame, err := f.ReadFrame()
		if err != nil || seen(frame) {
			return err
		}
	}
}

// eachHTTP2 runs a test for each way in which HTTP/2 is spoken, those in memory
// in a bubble.
func eachHTTP2(t *testing.T, check func(t *testing.T, w way)) {
	t.Helper()
	for _, w := range ways {
		if w.proto != "HTTP/2.0" {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			if w.memory {
				synctest.Test(t, func(t *testing.T) { check(t, w) })
			} else {
				check(t, w)
			}
		})
	}
}

// unknownFrame is of a type that clients have to ignore (RFC 9113, 5.5).
func unknownFrame(payload []byte) []byte {
	size := len(payload)
	return append([]byte{byte(size >> 16), byte(size >> 8), byte(size), 0xbb, 0, 0, 0, 0, 0}, payload...)
}

// TestInject: the frame comes behind what the handler has flushed.
func TestInject(t *testing.T) {
	eachHTTP2(t, func(t *testing.T, w way) {
		s, _ := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			for range 3 {
				io.WriteString(w, strings.Repeat("x", 1000))
				w.(http.Flusher).Flush()
				assert.NoError(t, ConnOf(r.Context()).Inject(unknownFrame([]byte("here"))))
			}
		})
		f := w.speakHTTP2(t, s)
		f.request(t, 1, "GET", "/")
		var seen []string
		require.NoError(t, f.eachFrame(func(frame http2.Frame) bool {
			switch frame := frame.(type) {
			case *http2.DataFrame:
				seen = append(seen, fmt.Sprint(len(frame.Data())))
				return frame.StreamEnded()
			case *http2.UnknownFrame:
				seen = append(seen, string(frame.Payload()))
			}
			return false
		}))
		assert.Equal(t, []string{"1000", "here", "1000", "here", "1000", "here", "0"}, seen)
	})
}

// TestInjectAmongOthers has many inject at once, while frames of every size and
// header blocks of several frames are written.
func TestInjectAmongOthers(t *testing.T) {
	const injections, streams, size = 16, 3, 1 << 20
	content := random(size)
	eachHTTP2(t, func(t *testing.T, w way) {
		s, _ := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			var all sync.WaitGroup
			for i := range injections {
				all.Go(func() {
					frame := unknownFrame(bytes.Repeat([]byte{byte(i)}, i*i*1000))
					assert.NoError(t, ConnOf(r.Context()).Inject(frame))
				})
			}
			w.Header().Set("Long", strings.Repeat("x", 100<<10))
			_, err := w.Write(content)
			assert.NoError(t, err)
			all.Wait()
		})
		f := w.speakHTTP2(t, s, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20})
		for i := range streams {
			f.request(t, uint32(2*i+1), "GET", "/")
		}
		got := map[uint32]*bytes.Buffer{}
		injected, ended, continued := 0, 0, 0
		require.NoError(t, f.eachFrame(func(frame http2.Frame) bool {
			switch frame := frame.(type) {
			case *http2.HeadersFrame:
				got[frame.StreamID] = new(bytes.Buffer)
			case *http2.ContinuationFrame:
				continued++
			case *http2.DataFrame:
				got[frame.StreamID].Write(frame.Data())
				if frame.StreamEnded() {
					ended++
				}
			case *http2.UnknownFrame:
				if p := frame.Payload(); len(p) > 0 {
					i := int(p[0])
					assert.True(t, bytes.Equal(bytes.Repeat([]byte{byte(i)}, i*i*1000), p))
				}
				injected++
			}
			return injected == injections*streams && ended == streams
		}))
		for _, body := range got {
			assert.True(t, bytes.Equal(content, body.Bytes()))
		}
		assert.Len(t, got, streams)
		assert.Positive(t, continued)
	})
}

// TestResetWith gives each of the requests on one connection its own code.
func TestResetWith(t *testing.T) {
	const streams = 16
	eachHTTP2(t, func(t *testing.T, w way) {
		s, _ := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			var code uint32
			if fmt.Sscanf(r.URL.Path, "/%d", &code); code != 0 {
				ConnOf(r.Context()).ResetWith(code)
			}
			panic(http.ErrAbortHandler)
		})
		f := w.speakHTTP2(t, s)
		got := map[http2.ErrCode]int{}
		read := func(n int) {
			require.NoError(t, f.eachFrame(func(frame http2.Frame) bool {
				if frame, ok := frame.(*http2.RSTStreamFrame); ok {
					got[frame.ErrCode]++
					n--
				}
				return n == 0
			}))
		}
		want := map[http2.ErrCode]int{http2.ErrCodeInternal: 1}
		for i := range streams {
			f.request(t, uint32(2*i+1), "GET", fmt.Sprint("/", 1000*i+7))
			want[http2.ErrCode(1000*i+7)] = 1
		}
		read(streams)
		f.request(t, 2*streams+1, "GET", "/0")
		read(1)
		assert.Equal(t, want, got)
	})
}

// TestResetWithUnused: a code for a stream that is not reset any more, as it has
// ended, does not keep others waiting for ever.
func TestResetWithUnused(t *testing.T) {
	eachHTTP2(t, func(t *testing.T, w way) {
		s, _ := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush() // all of the answer to HEAD
			ConnOf(r.Context()).ResetWith(77)
			if r.Method == http.MethodGet {
				panic(http.ErrAbortHandler)
			}
		})
		f := w.speakHTTP2(t, s)
		f.request(t, 1, "HEAD", "/")
		require.NoError(t, f.eachFrame(func(frame http2.Frame) bool { return frame.Header().StreamID == 1 }))
		if w.memory {
			synctest.Wait() // until the first code is set
		}
		begin := time.Now()
		f.request(t, 3, "GET", "/")
		require.NoError(t, f.eachFrame(func(frame http2.Frame) bool {
			reset, ok := frame.(*http2.RSTStreamFrame)
			return ok && assert.Equal(t, http2.ErrCode(77), reset.ErrCode)
		}))
		if w.memory {
			assert.Equal(t, staleTime, time.Since(begin))
		}
	})
}

// TestConnOutsideHTTP2: there bytes are written as they are, and no stream is
// reset.
func TestConnOutsideHTTP2(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s, _ := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			c := ConnOf(r.Context())
			c.ResetWith(7)
			c.ResetWith(8)
			assert.NoError(t, c.Inject([]byte("HTTP/9")))
			panic(http.ErrAbortHandler)
		})
		c := dial(t, s)
		if w.tls {
			c = shake(t, s, c)
		}
		say(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		assert.Equal(t, "HTTP/9", string(got))
	})
}

// TestFaultsOfStalledConnections: a client that does not read holds up those who
// want to write, but neither the closing of the server nor the clock.
func TestFaultsOfStalledConnections(t *testing.T) {
	for name, act := range map[string]func(*Conn){
		"inject":     func(c *Conn) { c.Inject(unknownFrame(make([]byte, 1<<20))) },
		"reset with": func(c *Conn) { c.ResetWith(7); c.ResetWith(8) },
		"abort":      func(c *Conn) { c.Abort() },
		"close":      func(c *Conn) { c.Close() },
		"everything": func(c *Conn) { go c.Inject([]byte("x")); go c.ResetWith(7); c.Abort(); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			eachHTTP2(t, func(t *testing.T, w way) {
				stalled := make(chan *Conn, 1)
				acting := make(chan struct{}, 2)
				s, _ := w.start(t, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/act" {
						acting <- struct{}{}
						act(ConnOf(r.Context()))
						return
					}
					stalled <- ConnOf(r.Context())
					block := make([]byte, 1<<20)
					var err error
					for err == nil {
						_, err = w.Write(block)
					}
				})
				f := w.speakHTTP2(t, s)
				f.request(t, 1, "GET", "/endless")
				waitUntilStalled(<-stalled, w.memory)
				f.request(t, 3, "GET", "/act")
				f.request(t, 5, "GET", "/act")
				<-acting
				if w.memory {
					time.Sleep(time.Hour) // the clock goes on
				}
				require.NoError(t, s.Close())
			})
		})
	}
}

// waitUntilStalled returns when nothing more goes out on a connection.
func waitUntilStalled(c *Conn, bubble bool) {
	if bubble {
		synctest.Wait()
		return
	}
	for {
		_, before := c.Bytes()
		for range 1000 {
			runtime.Gosched()
		}
		if _, now := c.Bytes(); now == before && now > 1<<16 {
			return
		}
	}
}
