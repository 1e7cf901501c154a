package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func frame(frameType, flags byte, payload string) string {
	size := len(payload)
	return string([]byte{byte(size >> 16), byte(size >> 8), byte(size), frameType, flags, 0, 0, 0, 1}) + payload
}

var (
	settings  = frame(4, 0, "")
	headers   = frame(1, 0, "half a block")
	following = frame(9, 4, "its end")
	reset2    = frame(3, 0, "\x00\x00\x00\x02")
	reset7    = frame(3, 0, "\x00\x00\x00\x07")
	data      = frame(0, 1, string(make([]byte, 100)))
)

// TestFrameWriter writes a stream in pieces of every size; whatever the size, the
// same comes out.
func TestFrameWriter(t *testing.T) {
	const injected = "injected"
	for _, test := range []struct {
		name        string
		before      string // written before anything is asked for
		inject      bool
		code        uint32
		write, want string
	}{
		{name: "nothing is asked for", write: settings + headers + following + data + reset2, want: settings + headers + following + data + reset2},
		{name: "before the first frame", inject: true, write: settings + data, want: settings + injected + data},
		{name: "between two frames", before: settings, inject: true, write: data + data, want: settings + injected + data + data},
		{name: "within a header", before: settings + data[:5], inject: true, write: data[5:] + data, want: settings + data + injected + data},
		{name: "within a payload", before: settings + data[:50], inject: true, write: data[50:], want: settings + data + injected},
		{name: "within a header block", before: settings + headers, inject: true, write: following + data, want: settings + headers + following + injected + data},
		{name: "a code", before: settings, code: 9, write: data + reset2, want: settings + data + frame(3, 0, "\x00\x00\x00\x09")},
		{name: "a large code", before: settings, code: 0xfffefdfc, write: reset2, want: settings + frame(3, 0, "\xff\xfe\xfd\xfc")},
		{name: "a code is used once", before: settings, code: 9, write: reset2 + reset2, want: settings + frame(3, 0, "\x00\x00\x00\x09") + reset2},
		{name: "other resets are left alone", before: settings, code: 9, write: reset7 + reset2, want: settings + reset7 + frame(3, 0, "\x00\x00\x00\x09")},
		{name: "a reset that has begun is not meant", before: settings + reset2[:10], code: 9, write: reset2[10:] + reset2, want: settings + reset2 + frame(3, 0, "\x00\x00\x00\x09")},
		{name: "both", before: settings, inject: true, code: 9, write: reset2 + data, want: settings + injected + frame(3, 0, "\x00\x00\x00\x09") + data},
	} {
		t.Run(test.name, func(t *testing.T) {
			for size := 1; size <= len(test.write)+len(test.before); size++ {
				synctest.Test(t, func(t *testing.T) {
					var out bytes.Buffer
					w := newFrameWriter(out.Write, nil)
					writeInPieces(t, w, test.before, size)
					if test.code != 0 {
						w.resetWith(reset{code: test.code})
					}
					if test.inject {
						go func() { assert.NoError(t, w.inject([]byte(injected))) }()
					}
					synctest.Wait()
					w.settle()
					synctest.Wait()
					writeInPieces(t, w, test.write, size)
					synctest.Wait()
					require.Equal(t, test.want, out.String(), "pieces of %d bytes", size)
				})
			}
		})
	}
}

// writeInPieces also checks that what was given is left as it is.
func writeInPieces(t *testing.T, w io.Writer, text string, size int) {
	t.Helper()
	content := []byte(text)
	for p := content; len(p) > 0; {
		piece := p[:min(size, len(p))]
		n, err := w.Write(piece)
		require.NoError(t, err)
		require.Equal(t, len(piece), n)
		p = p[n:]
	}
	require.Equal(t, text, string(content))
}

// TestFrameWriterFails: after an error nothing more is written, and nobody waits.
func TestFrameWriterFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		w := newFrameWriter(here.Write, nil)
		failed := make(chan error)
		go func() { failed <- w.inject([]byte("x")) }() // waits for the first frame
		go w.Write([]byte(settings))
		go func() {
			_, err := w.Write([]byte(data))
			failed <- err
		}()
		w.resetWith(reset{code: 1})
		go func() {
			w.resetWith(reset{code: 2})
			failed <- io.EOF
		}()
		synctest.Wait()
		require.NoError(t, there.Close())
		for range 3 {
			require.Error(t, <-failed)
		}
		_, err := w.Write([]byte(data))
		require.ErrorIs(t, err, io.ErrClosedPipe)
		require.ErrorIs(t, w.inject(nil), io.ErrClosedPipe)
		w.close()
		w.settle()
	})
}

// FuzzFrameWriter writes frames of all kinds in pieces of all sizes, and injects
// meanwhile.
func FuzzFrameWriter(f *testing.F) {
	f.Add([]byte("\x01\x00\x05\x09\x04\x03\x00\x00\x07\x03\x04"), uint8(3), uint8(2))
	f.Add([]byte("\x03\x04\x04\x03\x04\x04\x03\x00\x04\x00\x00\x00"), uint8(1), uint8(1))
	f.Add([]byte("\x01\x00\x05\xbb\xbb\x00"), uint8(2), uint8(110))
	f.Fuzz(func(t *testing.T, kinds []byte, size, every uint8) {
		var out bytes.Buffer
		w := newFrameWriter(out.Write, nil)
		stream := []byte(settings)
		for ; len(kinds) >= 3; kinds = kinds[3:] {
			kind := kinds[0] & 0x7f // those above are injected
			stream = append(stream, frame(kind, kinds[1], string(make([]byte, kinds[2])))...)
		}
		want := bytes.Clone(stream)
		for i := 0; len(stream) > 0; i++ {
			if i%(int(every)+1) == 0 {
				w.mu.Lock() // inject would wait
				w.queue = append(w.queue, []byte(frame(0xbb, 0, "")))
				w.queued++
				w.mu.Unlock()
			}
			n, err := w.Write(stream[:min(len(stream), int(size)+1)])
			require.NoError(t, err)
			stream = stream[n:]
		}
		got, block := []byte(nil), false
		for rest := out.Bytes(); len(rest) > 0; {
			length := 9 + int(binary.BigEndian.Uint32(rest)>>8)
			kind, flags, whole := rest[3], rest[4], rest[:length]
			rest = rest[length:]
			if kind == 0xbb {
				require.False(t, block, "within a header block")
				continue
			}
			if kind == frameHeaders || kind == framePushPromise || kind == frameContinuation {
				block = flags&flagEndHeaders == 0
			}
			got = append(got, whole...)
		}
		require.True(t, bytes.Equal(want, got))
	})
}

// BenchmarkFrameWriter is what it costs while nothing is asked for.
func BenchmarkFrameWriter(b *testing.B) {
	w := newFrameWriter(func(p []byte) (int, error) { return len(p), nil }, nil)
	chunk := bytes.Repeat([]byte(frame(0, 0, string(make([]byte, 1000)))), 4)
	b.ReportAllocs()
	for b.Loop() {
		w.Write(chunk)
	}
}
