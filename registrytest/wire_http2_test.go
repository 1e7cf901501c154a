package registrytest_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// talk2 is a conversation in HTTP/2.
type talk2 struct {
	watched
	frames  *http2.Framer
	header  bytes.Buffer
	encoder *hpack.Encoder
	stream  uint32 // of the last request
	answers map[uint32]*rawAnswer
	goAway  string // how the server announced the end of the connection
	acks    int    // PINGs that were answered
	window  bool   // it is opened for what has been read only
}

// newTalk2 begins with windows that never close.
func newTalk2(t testing.TB, c net.Conn) *talk2 {
	t.Helper()
	k := &talk2{watched: watched{Conn: c}, answers: map[uint32]*rawAnswer{}}
	k.frames = http2.NewFramer(&k.watched, &k.watched)
	k.frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	k.frames.SetMaxReadFrameSize(1 << 14)
	k.encoder = hpack.NewEncoder(&k.header)
	_, err := k.Write([]byte(http2.ClientPreface))
	require.NoError(t, err)
	require.NoError(t, k.frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}))
	require.NoError(t, k.frames.WriteWindowUpdate(0, 1<<30))
	return k
}

// closeWindows lets the server send 16 KiB of an answer until openWindow.
func (k *talk2) closeWindows() {
	_ = k.frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 14})
}

// openWindow lets the server send the rest, or n bytes more if it says so.
func (k *talk2) openWindow(stream uint32, n ...uint32) {
	_ = k.frames.WriteWindowUpdate(stream, append(n, 1<<30)[0])
}

func (k *talk2) say(t testing.TB, q rawAsk) {
	t.Helper()
	k.begin(t, q, len(q.body) == 0)
	for body := q.body; len(body) > 0; {
		n := min(len(body), 1<<14)
		_ = k.frames.WriteData(k.stream, n == len(body), body[:n])
		body = body[n:]
	}
}

func (k *talk2) open(t testing.TB, q rawAsk) { k.begin(t, q, false) }

func (k *talk2) send(p []byte) { _ = k.frames.WriteData(k.stream, false, p) }

func (k *talk2) endBody() { _ = k.frames.WriteData(k.stream, true, nil) }

// begin sends the header of a request, which ends the stream if there is no body.
func (k *talk2) begin(t testing.TB, q rawAsk, end bool) {
	t.Helper()
	if q.method == "" {
		q.method = http.MethodGet
	}
	if k.stream == 0 {
		k.stream = 1
	} else {
		k.stream += 2
	}
	k.answers[k.stream] = &rawAnswer{fields: map[string][]string{}}
	k.header.Reset()
	fields := [][2]string{{":method", q.method}, {":scheme", "http"}, {":authority", "use-registry-transport.test"}, {":path", q.target}}
	fields = append(fields, q.fields()...)
	if q.body != nil {
		fields = append(fields, [2]string{"content-length", strconv.Itoa(len(q.body))})
	}
	for _, field := range fields {
		name := string(bytes.ToLower([]byte(field[0])))
		require.NoError(t, k.encoder.WriteField(hpack.HeaderField{Name: name, Value: field[1]}))
	}
	k.begun = time.Now()
	// What matters of an error is noted.
	_ = k.frames.WriteHeaders(http2.HeadersFrameParam{
		StreamID: k.stream, BlockFragment: k.header.Bytes(), EndHeaders: true, EndStream: end})
}

func (k *talk2) hear(t testing.TB) *rawAnswer {
	t.Helper()
	return k.hearStream(t, k.stream)
}

// hearStream reads until the answer on a stream ends.
func (k *talk2) hearStream(t testing.TB, stream uint32) *rawAnswer {
	t.Helper()
	a := k.answers[stream]
	for a.end == "" {
		if err := k.step(t); err != nil {
			a.end = k.ending(endOf(err))
		}
	}
	a.took = time.Since(k.begun)
	return a
}

// step reads a frame.
func (k *talk2) step(t testing.TB) error {
	t.Helper()
	frame, err := k.frames.ReadFrame()
	if err == nil {
		k.take(t, frame)
	} else if k.err != nil {
		err = k.err // that of the connection
	}
	return err
}

// ending is how an answer ends, after what was said of the connection.
func (k *talk2) ending(end string) string {
	if k.goAway != "" {
		return k.goAway + ", " + end
	}
	return end
}

func (k *talk2) take(t testing.TB, frame http2.Frame) {
	t.Helper()
	a := k.answers[frame.Header().StreamID]
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			_ = k.frames.WriteSettingsAck()
		}
	case *http2.MetaHeadersFrame:
		k.takeHeader(t, a, frame)
	case *http2.PingFrame:
		if frame.IsAck() {
			k.acks++
		}
	case *http2.DataFrame:
		a.arrived(frame.Data(), k.begun)
		if n := uint32(len(frame.Data())); k.window && n > 0 && !frame.StreamEnded() {
			k.openWindow(frame.StreamID, n)
		}
		if frame.StreamEnded() {
			a.end = k.ending(whole)
		}
	case *http2.RSTStreamFrame:
		if frame.ErrCode == http2.ErrCodeNo && a.end != "" {
			return // the rest of the request is not wanted
		}
		a.end = k.ending("RST_STREAM " + frame.ErrCode.String())
	case *http2.GoAwayFrame:
		k.goAway = fmt.Sprintf("GOAWAY %d %s", frame.LastStreamID, frame.ErrCode)
	case *http2.UnknownFrame:
		k.answers[k.stream].raw = append(k.answers[k.stream].raw, frame.Payload()...)
	}
}

func (k *talk2) takeHeader(t testing.TB, a *rawAnswer, frame *http2.MetaHeadersFrame) {
	t.Helper()
	var err error
	a.status, err = strconv.Atoi(frame.PseudoValue("status"))
	require.NoError(t, err)
	for _, field := range frame.RegularFields() {
		name := http.CanonicalHeaderKey(field.Name)
		a.fields[name] = append(a.fields[name], field.Value)
	}
	if frame.StreamEnded() {
		a.end = k.ending(whole)
	}
}
