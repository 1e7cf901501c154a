package server

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// stage is a server whose handlers do what the path says: "/hold" answers when it is
// let go, "/refused/CODE" and "/cut/CODE" send GOAWAY before and within an answer,
// "/graceful" warns of one.
type stage struct {
	begun   chan string   // paths of requests that have begun
	let     chan struct{} // closed to let those go that are held
	trailer chan string
}

func newStage() *stage {
	return &stage{begun: make(chan string, 16), let: make(chan struct{}), trailer: make(chan string, 1)}
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.begun <- r.URL.Path
	c := ConnOf(r.Context())
	var code uint32
	switch name, number, _ := strings.Cut(r.URL.Path[1:], "/"); name {
	case "hold":
		<-s.let
	case "refused":
		fmt.Sscan(number, &code)
		c.GoAway(code, false)
		panic(http.ErrAbortHandler)
	case "cut":
		fmt.Sscan(number, &code)
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		c.GoAway(code, true)
		panic(http.ErrAbortHandler)
	case "graceful":
		c.GoAwayGracefully()
	case "trailer":
		io.Copy(io.Discard, r.Body)
		s.trailer <- r.Trailer.Get("Kept")
	}
	io.WriteString(w, "whole")
}

// events are what the server says on a connection: "GOAWAY 3 NO_ERROR",
// "1 whole", "5 half", "5 RST_STREAM INTERNAL_ERROR", "EOF".
func (f *framer) events(t testing.TB, until string) (events []string) {
	t.Helper()
	err := f.eachFrame(func(frame http2.Frame) bool {
		event := ""
		switch frame := frame.(type) {
		case *http2.DataFrame:
			if len(frame.Data()) == 0 {
				return false
			}
			event = fmt.Sprint(frame.StreamID, " ", string(frame.Data()))
		case *http2.RSTStreamFrame:
			event = fmt.Sprint(frame.StreamID, " RST_STREAM ", frame.ErrCode)
		case *http2.GoAwayFrame:
			event = fmt.Sprint("GOAWAY ", frame.LastStreamID, " ", frame.ErrCode)
		case *http2.PingFrame:
			event = "PING"
		default:
			return false
		}
		events = append(events, event)
		return event == until
	})
	if until == io.EOF.Error() {
		require.ErrorIs(t, err, io.EOF)
		return append(events, until)
	}
	require.NoError(t, err, "after %v", events)
	return events
}

func eachGoAway(t *testing.T, check func(t *testing.T, s *stage, f *framer)) {
	t.Helper()
	eachHTTP2(t, func(t *testing.T, w way) {
		s := newStage()
		server, _ := w.start(t, s.ServeHTTP)
		check(t, s, w.speakHTTP2(t, server))
	})
}

// eachInMemory runs a test in memory, in a bubble, where what takes long does not.
func eachInMemory(t *testing.T, check func(t *testing.T, w way)) {
	t.Helper()
	eachHTTP2(t, func(t *testing.T, w way) {
		if w.memory {
			check(t, w)
		}
	})
}

// ask sends a request and waits until its handler runs.
func (s *stage) ask(t testing.TB, f *framer, stream uint32, path string) {
	t.Helper()
	f.request(t, stream, "GET", path)
	require.Equal(t, path, <-s.begun)
}

// TestGoAwayUnprocessed: the stream is not among those that GOAWAY names, those that
// come later are not answered, and those before are.
func TestGoAwayUnprocessed(t *testing.T) {
	eachGoAway(t, func(t *testing.T, s *stage, f *framer) {
		s.ask(t, f, 1, "/")
		assert.Equal(t, []string{"1 whole"}, f.events(t, "1 whole"))
		s.ask(t, f, 3, "/hold")
		s.ask(t, f, 5, "/refused/0")
		assert.Equal(t, []string{"GOAWAY 3 NO_ERROR", "5 RST_STREAM REFUSED_STREAM"}, f.events(t, "5 RST_STREAM REFUSED_STREAM"))
		f.request(t, 7, "GET", "/late")
		f.request(t, 9, "GET", "/later")
		require.NoError(t, f.WritePing(false, [8]byte{}))
		assert.Equal(t, []string{"PING"}, f.events(t, "PING"), "the others have been read")
		close(s.let)
		assert.Equal(t, []string{"3 whole", "EOF"}, f.events(t, "EOF"))
		assert.Empty(t, s.begun, "no other request")
	})
}

// TestGoAwayFirst: no stream is processed if the first is not.
func TestGoAwayFirst(t *testing.T) {
	eachGoAway(t, func(t *testing.T, s *stage, f *framer) {
		s.ask(t, f, 1, "/refused/0")
		assert.Equal(t, []string{"GOAWAY 0 NO_ERROR", "1 RST_STREAM REFUSED_STREAM", "EOF"}, f.events(t, "EOF"))
	})
}

// TestGoAwayUnprocessedBelow: a stream that is processed is named, whatever is not
// below it.
func TestGoAwayUnprocessedBelow(t *testing.T) {
	eachHTTP2(t, func(t *testing.T, w way) {
		both, let := make(chan struct{}), make(chan struct{})
		server, _ := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/above" {
				close(both)
				<-let
				return
			}
			<-both
			ConnOf(r.Context()).GoAway(0, false)
			panic(http.ErrAbortHandler)
		})
		f := w.speakHTTP2(t, server)
		f.request(t, 1, "GET", "/below")
		f.request(t, 3, "GET", "/above")
		assert.Equal(t, []string{"GOAWAY 3 NO_ERROR", "1 RST_STREAM REFUSED_STREAM"}, f.events(t, "1 RST_STREAM REFUSED_STREAM"))
		close(let)
		answered := false
		require.ErrorIs(t, f.eachFrame(func(frame http2.Frame) bool {
			_, header := frame.(*http2.HeadersFrame)
			answered = answered || header && frame.Header().StreamID == 3
			return false
		}), io.EOF)
		assert.True(t, answered)
	})
}

// TestGoAwayProcessed: a stream that is cut in its answer was processed.
func TestGoAwayProcessed(t *testing.T) {
	eachGoAway(t, func(t *testing.T, s *stage, f *framer) {
		s.ask(t, f, 1, "/hold")
		s.ask(t, f, 3, "/cut/0")
		assert.Equal(t, []string{"3 half", "GOAWAY 3 NO_ERROR", "3 RST_STREAM INTERNAL_ERROR"}, f.events(t, "3 RST_STREAM INTERNAL_ERROR"))
		close(s.let)
		assert.Equal(t, []string{"1 whole", "EOF"}, f.events(t, "EOF"))
	})
}

// TestGoAwayWithError: the connection ends, whatever is under way.
func TestGoAwayWithError(t *testing.T) {
	for path, want := range map[string][]string{
		"/refused/11": {"GOAWAY 1 ENHANCE_YOUR_CALM", "3 RST_STREAM REFUSED_STREAM", "EOF"},
		"/cut/2":      {"3 half", "GOAWAY 3 INTERNAL_ERROR", "EOF"},
	} {
		t.Run(path, func(t *testing.T) {
			eachGoAway(t, func(t *testing.T, s *stage, f *framer) {
				s.ask(t, f, 1, "/hold")
				s.ask(t, f, 3, path)
				assert.Equal(t, want, f.events(t, "EOF"))
				close(s.let)
			})
		})
	}
}

// TestGoAwayGracefully: streams that begin before the client has read the warning are
// answered.
func TestGoAwayGracefully(t *testing.T) {
	eachGoAway(t, func(t *testing.T, s *stage, f *framer) {
		s.ask(t, f, 1, "/hold")
		s.ask(t, f, 3, "/graceful")
		assert.Equal(t, []string{"GOAWAY 2147483647 NO_ERROR", "PING", "3 whole"}, f.events(t, "3 whole"))
		s.ask(t, f, 5, "/hold")
		require.NoError(t, f.WritePing(true, [8]byte{}))
		assert.Equal(t, []string{"GOAWAY 5 NO_ERROR"}, f.events(t, "GOAWAY 5 NO_ERROR"))
		f.request(t, 7, "GET", "/late")
		require.NoError(t, f.WritePing(false, [8]byte{}))
		assert.Equal(t, []string{"PING"}, f.events(t, "PING"), "the request has been read")
		close(s.let)
		assert.ElementsMatch(t, []string{"1 whole", "5 whole", "EOF"}, f.events(t, "EOF"))
		assert.Empty(t, s.begun, "no other request")
	})
}

// TestGoAwayGracefullyUnheard: a client that does not answer the PING is not waited for.
func TestGoAwayGracefullyUnheard(t *testing.T) {
	eachInMemory(t, func(t *testing.T, w way) {
		s := newStage()
		server, _ := w.start(t, s.ServeHTTP)
		f := w.speakHTTP2(t, server)
		s.ask(t, f, 1, "/graceful")
		assert.Equal(t, []string{"GOAWAY 2147483647 NO_ERROR", "PING", "1 whole", "GOAWAY 1 NO_ERROR", "EOF"}, f.events(t, "EOF"))
	})
}

// TestGoAwayOfStreamThatHasLeft: a client that resets the stream gets the GOAWAY all
// the same.
func TestGoAwayOfStreamThatHasLeft(t *testing.T) {
	eachInMemory(t, func(t *testing.T, w way) {
		begun := make(chan struct{})
		server, _ := w.start(t, func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			<-r.Context().Done()
			ConnOf(r.Context()).GoAway(0, false)
			panic(http.ErrAbortHandler)
		})
		f := w.speakHTTP2(t, server)
		f.request(t, 1, "GET", "/")
		<-begun
		require.NoError(t, f.WriteRSTStream(1, http2.ErrCodeCancel))
		assert.Equal(t, []string{"GOAWAY 1 NO_ERROR", "EOF"}, f.events(t, "EOF"))
	})
}

// TestGoAwayKeepsCompression: the header block of a stream that is refused counts for
// those that follow on streams that are not.
func TestGoAwayKeepsCompression(t *testing.T) {
	eachGoAway(t, func(t *testing.T, s *stage, f *framer) {
		block := func(fields ...string) []byte {
			f.header.Reset()
			for i := 0; i < len(fields); i += 2 {
				require.NoError(t, f.hpack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
			}
			return f.header.Bytes()
		}
		require.NoError(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true,
			BlockFragment: block(":method", "PUT", ":scheme", "http", ":authority", "a", ":path", "/trailer", "trailer", "kept")}))
		require.Equal(t, "/trailer", <-s.begun)
		s.ask(t, f, 3, "/refused/0")
		f.events(t, "3 RST_STREAM REFUSED_STREAM")
		require.NoError(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 5, EndHeaders: true, EndStream: true,
			BlockFragment: block(":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/late", "kept", "in the table")}))
		trailer := block("kept", "in the table")
		require.Len(t, trailer, 1, "it is in the table")
		require.NoError(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: trailer}))
		assert.Equal(t, []string{"1 whole", "EOF"}, f.events(t, "EOF"))
		assert.Equal(t, "in the table", <-s.trailer)
	})
}

// TestGoAwayOfTransport: requests of net/http's client that are not processed are made
// again on another connection, and none fails.
func TestGoAwayOfTransport(t *testing.T) {
	const requests = 32
	for _, path := range []string{"/refused/0", "/graceful"} {
		t.Run(path, func(t *testing.T) {
			eachHTTP2(t, func(t *testing.T, w way) {
				var once sync.Once
				var closed string // the connection
				s := newStage()
				s.begun = make(chan string, 10*requests)
				server, url := w.start(t, func(w http.ResponseWriter, r *http.Request) {
					number := fmt.Sprint(ConnOf(r.Context()).ID())
					once.Do(func() { r.URL.Path, closed = path, number })
					w.Header().Set("Connection-Number", number)
					s.ServeHTTP(w, r)
				})
				var all sync.WaitGroup
				for range requests {
					all.Go(func() {
						response, body, err := fetch(t.Context(), server, "GET", url+"/", nil)
						if assert.NoError(t, err) {
							assert.Equal(t, http.StatusOK, response.StatusCode)
							assert.Equal(t, "whole", string(body))
						}
					})
				}
				all.Wait()
				if w.memory {
					time.Sleep(time.Second) // the connection is closed to new streams
				}
				response, _ := do(t, server, "GET", url+"/", nil)
				if w.memory {
					assert.NotEqual(t, closed, response.Header.Get("Connection-Number"))
				}
			})
		})
	}
}
