package registrytest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

func TestWireCuts(t *testing.T) { runWire(t, cutCases()) }

// cuts are the effects that end an answer, and how it ends in HTTP/1.1 and HTTP/2.
var cuts = []struct {
	name  string
	after func(n int64) faults.Cut
	end   string
	end2  func(struck) string
}{
	{"close", faults.Close, fin, ends("RST_STREAM INTERNAL_ERROR")},
	{"reset", faults.Reset, rst, ends(rst)},
	{"reset-stream", func(n int64) faults.Cut { return faults.ResetStream(n).Code(7) }, fin, ends("RST_STREAM REFUSED_STREAM")},
	{"goaway", func(n int64) faults.Cut { return faults.GoAway(n) }, fin, func(s struck) string {
		return s.goAway("NO_ERROR", "RST_STREAM INTERNAL_ERROR")
	}},
	{"goaway with a code", func(n int64) faults.Cut { return faults.GoAway(n).Code(11) }, fin, func(s struck) string {
		return s.goAway("ENHANCE_YOUR_CALM", fin)
	}},
}

// struck is a request that is cut in HTTP/2.
type struck struct {
	stream    uint32 // 1 if 0
	other     uint32 // the highest of the other streams
	processed bool   // the registry has seen the request
}

func ends(end string) func(struck) string { return func(struck) string { return end } }

// goAway is how the stream ends if GOAWAY is sent with this code; processed says how it
// does if it was processed.
func (s struck) goAway(code, processed string) string {
	last := s.other
	if s.processed {
		last = max(last, s.stream, 1)
	} else {
		processed = "RST_STREAM REFUSED_STREAM"
	}
	return fmt.Sprintf("GOAWAY %d %s, %s", last, code, processed)
}

// cutCases cut the answers to GET, at every kind of place, to HEAD, and to a range.
func cutCases() (cases []wireCase) {
	for _, cut := range cuts {
		add := func(name string, n int64, ask func(*wire) rawAsk, want func(*wire) seen) {
			cases = append(cases, wireCase{name: fmt.Sprintf("%s after %d bytes%s", cut.name, n, name),
				do: []faults.Effect{cut.after(n)}, ask: ask, want: want})
		}
		for _, n := range []int64{0, 1, 999, 1000, 1001} {
			add("", n, nil, func(w *wire) seen { return cutAt(w, small, n, cut.end, cut.end2(struck{processed: n > 0})) })
		}
		for _, n := range []int64{1 << 14, 1 << 20, bigSize - 1} {
			add(" of much", n, func(w *wire) rawAsk { return w.blob(w.big) },
				func(w *wire) seen { return cutAt(w, big, n, cut.end, cut.end2(struck{processed: true})) })
		}
		add(" of HEAD", 0, func(w *wire) rawAsk { return w.blob(w.small).by(http.MethodHead) },
			func(w *wire) seen { return cutAt(w, small, 0, cut.end, cut.end2(struck{})) })
		add(" of HEAD", 1, func(w *wire) rawAsk { return w.blob(w.small).by(http.MethodHead) },
			func(w *wire) seen { return seen{status: 200} })
		add(" of a range", 4, func(w *wire) rawAsk { return w.blob(w.small).with("Range: bytes=20-29") },
			func(w *wire) seen {
				return seen{status: 206, body: w.bytes[string(w.small.Digest)][20:24], end: cut.end, end2: cut.end2(struck{processed: true})}
			})
	}
	return append(cases,
		wireCase{name: "lose-reply", do: []faults.Effect{faults.LoseReply()},
			want: func(*wire) seen { return seen{end: fin, end2: "RST_STREAM INTERNAL_ERROR"} }},
		wireCase{name: "raw", only: inHTTP1, do: []faults.Effect{faults.Raw("SSH-2.0-{repo}\r\n")},
			want: func(*wire) seen { return seen{raw: "SSH-2.0-app\r\n", end: fin} }},
		wireCase{name: "raw frame", only: inHTTP2, do: []faults.Effect{faults.Raw("\x00\x00\x05\x42\x00\x00\x00\x00\x00hello")},
			want: func(*wire) seen { return seen{raw: "hello", end: "RST_STREAM INTERNAL_ERROR"} }},
		wireCase{name: "raw, not a frame", only: inHTTP2, do: []faults.Effect{faults.Raw("SSH-2.0")}, talk: rawInHTTP2},
	)
}

// cutAt is what comes of a blob that is cut after n bytes.
func cutAt(w *wire, which func(*wire) ocispec.Descriptor, n int64, end, end2 string) seen {
	content := w.bytes[string(which(w).Digest)]
	switch {
	case n == 0:
		return seen{end: end, end2: end2}
	case n >= int64(len(content)):
		return seen{status: 200, body: content}
	}
	return seen{status: 200, body: content[:n], end: end, end2: end2}
}

// rawInHTTP2 finds the bytes between two frames, where the client takes them for the
// header of one.
func rawInHTTP2(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.BlobGet).Times(1).Do(faults.Raw("SSH-2.0")))
	talk := w.talk(t).(*talk2)
	ask(t, talk, w.blob(w.small).by(http.MethodHead)) // so that SETTINGS have come
	before := talk.got.Len()
	got := ask(t, talk, w.blob(w.small))
	assert.Zero(t, got.status)
	assert.Equal(t, "SSH-2.0", string(talk.got.Bytes()[before:before+7]))
	assert.True(t, w.touched(t).Cut)
}

// TestWireSlowReader: what was sent before a cut arrives to the byte, however slowly
// the client reads.
func TestWireSlowReader(t *testing.T) {
	for _, cut := range cuts {
		t.Run(cut.name, func(t *testing.T) {
			eachWire(t, nil, func(t *testing.T, w *wire) {
				slowReader(t, w, cut.after, cut.end, cut.end2(struck{processed: true}), false)
			})
		})
		t.Run(cut.name+", a window at a time", func(t *testing.T) {
			eachWire(t, inHTTP2, func(t *testing.T, w *wire) {
				slowReader(t, w, cut.after, cut.end, cut.end2(struck{processed: true}), true)
			})
		})
	}
}

func slowReader(t *testing.T, w *wire, after func(int64) faults.Cut, end, end2 string, window bool) {
	const n = 1<<20 + 999 // so that the last frame is a short one, which HTTP/2 buffers
	w.inject(t, faults.On(op.BlobGet).Times(1).Do(after(n)))
	talk := w.talk(t)
	if window {
		talk.(*talk2).closeWindows()
		talk.(*talk2).window = true
	}
	talk.hearSlowly(1000, 0)
	if w.memory {
		talk.hearSlowly(1000, 100*time.Millisecond)
	}
	got := ask(t, talk, w.blob(w.big))
	if end == rst {
		skipUnlessDelivered(t, w)
	}
	if w.http2 {
		end = end2
	}
	require.Equal(t, end, got.end)
	requireBytes(t, w.bytes[string(w.big.Digest)][:n], got.body)
	if w.memory {
		require.Greater(t, got.took, 100*time.Second)
	}
	w.checkRecord(t, got)
}

// TestWireOtherStreams: those of the same connection are hurt by what ends the
// connection, and not by what ends a stream.
func TestWireOtherStreams(t *testing.T) {
	for _, cut := range cuts {
		for _, n := range []int64{0, 100} {
			t.Run(fmt.Sprintf("%s after %d bytes", cut.name, n), func(t *testing.T) {
				eachWire(t, inHTTP2, func(t *testing.T, w *wire) {
					otherStreams(t, w, cut.after(n), cut.end2(struck{stream: 3, other: 1, processed: n > 0}))
				})
			})
		}
	}
}

func otherStreams(t *testing.T, w *wire, effect faults.Effect, end string) {
	w.reg.Inject(t, faults.On().Digest(w.small.Digest).Named(wireRule).Times(1).Do(effect))
	talk := w.talk(t).(*talk2)
	talk.closeWindows()
	talk.say(t, w.blob(w.big))
	half := talk.stream // of the window's size, until more is read of it
	for len(talk.answers[half].body) == 0 {
		talk.step(t)
	}
	hit := ask(t, talk, w.blob(w.small))
	assert.Equal(t, end, hit.end)
	talk.openWindow(half)
	got := talk.hearStream(t, half)
	over := end == rst || strings.Contains(end, "ENHANCE_YOUR_CALM")
	if over {
		assert.NotContains(t, got.end, whole)
	} else {
		assert.Contains(t, got.end, whole)
		requireBytes(t, w.bytes[string(w.big.Digest)], got.body)
	}
	w.reg.Require(t, record.Not(record.Open())).Eventually(2, time.Minute)
	for _, x := range w.reg.Requests() {
		assert.False(t, x.Left, x.Digest)
		assert.Equal(t, x.Digest == w.small.Digest || over, x.Cut, x.Digest)
		assert.Equal(t, x.Digest == w.small.Digest, slices.Equal(x.Faults, []string{wireRule}))
	}
}

func TestWireGoAwayGracefully(t *testing.T) { runWire(t, gracefulCases) }

var gracefulCases = []wireCase{
	{name: "goaway-graceful in HTTP/1.1", only: inHTTP1, do: []faults.Effect{faults.GoAwayGracefully()}, talk: func(t *testing.T, w *wire) {
		q := w.blob(w.small)
		clean := ask(t, w.talk(t), q)
		w.inject(t, faults.On(op.BlobGet).Times(1).Do(faults.GoAwayGracefully()))
		talk := w.talk(t)
		got := ask(t, talk, q)
		assert.Equal(t, []string{"close"}, got.fields["Connection"])
		delete(got.fields, "Connection")
		requireSame(t, clean, got)
		assert.Equal(t, fin, talk.hear(t).end) // a second request could meet a reset
		w.checkRecord(t, got)
		w.reg.Require(t, record.Op(op.BlobGet)).Count(2)
	}},
	{name: "goaway-graceful in HTTP/2", only: inHTTP2, do: []faults.Effect{faults.GoAwayGracefully()}, talk: func(t *testing.T, w *wire) {
		q := w.blob(w.small)
		clean := ask(t, w.talk(t), q)
		w.inject(t, faults.On(op.BlobGet).Times(1).Do(faults.GoAwayGracefully()))
		talk := w.talk(t).(*talk2)
		got := ask(t, talk, q)
		assert.Equal(t, "GOAWAY 2147483647 NO_ERROR, whole", got.end)
		got.end = whole
		requireSame(t, clean, got)
		talk.goAway = ""
		got = ask(t, talk, q) // the client may not know yet
		assert.Equal(t, whole, got.end)
		requireSame(t, clean, got)
		require.NoError(t, talk.frames.WritePing(true, [8]byte{}))
		for talk.goAway == "" {
			require.NoError(t, talk.step(t))
		}
		assert.Equal(t, "GOAWAY 3 NO_ERROR, FIN", ask(t, talk, q).end)
		requireSame(t, clean, ask(t, w.talk(t), q))
		w.reg.Require(t, record.Op(op.BlobGet)).Count(4)
		x := w.touched(t)
		assert.Equal(t, 200, x.Status)
		assert.False(t, x.Cut || x.Left)
	}},
}

func TestWireCloseIdle(t *testing.T) { runWire(t, closeIdleCases) }

var closeIdleCases = []wireCase{
	{name: "close-idle", do: []faults.Effect{faults.CloseIdle()}, talk: func(t *testing.T, w *wire) {
		q := w.blob(w.small)
		clean := ask(t, w.talk(t), q)
		w.inject(t, faults.On(op.BlobGet).Times(1).Do(faults.CloseIdle()))
		talk := w.talk(t)
		requireSame(t, clean, ask(t, talk, q))
		assert.Equal(t, []string{wireRule}, w.touched(t).Faults)
		requireSame(t, clean, ask(t, w.talk(t), q)) // other connections are not meant

		got := ask(t, talk, inApp("tags/list")) // whatever is asked
		assert.Zero(t, got.status)
		assert.Equal(t, map[bool]string{false: fin, true: "RST_STREAM INTERNAL_ERROR"}[w.http2], got.end)
		w.reg.Require(t, record.Op(op.TagList), record.Faulted(wireRule), record.Cut(), record.Not(record.Left())).Count(1)
		if w.http2 {
			requireSame(t, clean, ask(t, talk, q)) // it was the stream only
		}
		requireSame(t, clean, ask(t, w.talk(t), q))
	}},
}
