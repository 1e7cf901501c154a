package registrytest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

func TestWireChanges(t *testing.T) { runWire(t, changeCases) }

var changeCases = []wireCase{
	{name: "trailer", do: []faults.Effect{faults.Trailer("X-Sum", "{digest}")}, talk: trailer},
	{name: "ignore-pings", only: inHTTP2, do: []faults.Effect{faults.IgnorePings()}, talk: ignorePings},
	{name: "ignore-pings in HTTP/1.1", only: inHTTP1, do: []faults.Effect{faults.IgnorePings()},
		want: func(w *wire) seen { return seen{status: 200, body: w.bytes[string(w.small.Digest)]} }},
	{name: "withhold-windows", only: inHTTP2, do: []faults.Effect{faults.WithholdWindows()}, talk: withholdWindows},
	{name: "withhold-continue", only: inHTTP1, do: []faults.Effect{faults.WithholdContinue()}, talk: withholdContinue},
	{name: "withhold-continue without Expect", do: []faults.Effect{faults.WithholdContinue()},
		want: func(w *wire) seen { return seen{status: 200, body: w.bytes[string(w.small.Digest)]} }},
	{name: "refused instead of 100 Continue", only: inHTTP1, do: []faults.Effect{faults.Status(417)}, talk: refuseContinue},
	{name: "late 100 Continue", only: func(f wireForm) bool { return f.memory && !f.http2 }, do: []faults.Effect{faults.Delay(time.Minute)}, talk: lateContinue},
	{name: "bare-lf", only: inHTTP1, do: []faults.Effect{faults.BareLF()}, talk: bareLF},
	{name: "bare-lf in HTTP/2", only: inHTTP2, do: []faults.Effect{faults.BareLF()},
		want: func(w *wire) seen { return seen{status: 200, body: w.bytes[string(w.small.Digest)]} }},
}

func trailer(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.BlobGet).Times(1).Do(faults.Trailer("X-Sum", "{digest}")))
	for _, want := range []string{string(w.small.Digest), ""} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.reg.URL()+w.blob(w.small).target, nil)
		require.NoError(t, err)
		response, err := w.reg.Client().Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		requireBytes(t, w.bytes[string(w.small.Digest)], body)
		assert.Equal(t, want, response.Trailer.Get("X-Sum"))
		assert.Equal(t, want == "", response.ContentLength == 1000)
	}
}

// ignorePings sends a PING before each request, and waits for its answer before the effect. A PING
// that is answered is so before the request that follows it.
func ignorePings(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.BlobGet).After(1).Times(1).Do(faults.IgnorePings()))
	talk := w.talk(t).(*talk2)
	for _, want := range []int{1, 1, 0, 0} { // the second request is answered with the effect
		talk.acks = 0
		require.NoError(t, talk.frames.WritePing(false, [8]byte{1}))
		for talk.acks < want {
			require.NoError(t, talk.step(t))
		}
		requireBytes(t, w.bytes[string(w.small.Digest)], ask(t, talk, w.blob(w.small)).body)
		assert.Equal(t, want, talk.acks, "stream %d", talk.stream)
	}
	w.reg.Require(t, record.Faulted(wireRule)).Count(1)
	assert.Empty(t, w.reg.Faults().Rules()[0].Unfired)
	other := w.talk(t).(*talk2)
	require.NoError(t, other.frames.WritePing(false, [8]byte{1}))
	for other.acks == 0 { // that of another connection is answered
		require.NoError(t, other.step(t))
	}
}

// withholdWindows uploads more than the windows allow. The client waits for the next one until it
// gives up.
func withholdWindows(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadChunk).Times(1).Do(faults.WithholdWindows()))
	location := w.begin(t).location
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	body := bytes.Repeat([]byte("x"), 8<<20)
	client := w.reg.Client()
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, w.reg.URL()+location, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/octet-stream")
	go func() {
		response, err := client.Do(request)
		if err == nil {
			err = errors.Join(fmt.Errorf("answered %d", response.StatusCode), response.Body.Close())
		}
		ended <- err
	}()
	require.Eventually(t, func() bool { return w.reg.Faults().Rules()[0].Unfired == "" }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	got := w.reg.Requests(record.Op(op.UploadChunk))
	require.Len(t, got, 1)
	assert.Less(t, got[0].RequestBytes, int64(len(body)))
}

// expectContinue sends the header of a request with a body of four bytes.
func (s *session) expectContinue(t *testing.T) *talk1 {
	t.Helper()
	talk := s.talk.(*talk1)
	_, err := fmt.Fprintf(talk, "PATCH %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: application/octet-stream\r\nContent-Length: 4\r\n\r\n", s.location)
	require.NoError(t, err)
	return talk
}

func (k *talk1) requireContinue(t *testing.T) {
	t.Helper()
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		line, err := k.in.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, line)
	}
}

func refuseContinue(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadChunk).Times(1).Do(faults.Status(417)))
	s := w.begin(t)
	assert.Equal(t, 417, s.expectContinue(t).hear(t).status)
	s.requireAt(t, 0)
}

func lateContinue(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadChunk).Times(1).Do(faults.Delay(time.Minute)))
	s := w.begin(t)
	begun := time.Now()
	talk := s.expectContinue(t)
	talk.requireContinue(t)
	assert.Equal(t, time.Minute, time.Since(begun))
	_, err := talk.Write([]byte("body"))
	require.NoError(t, err)
	assert.Equal(t, 202, talk.hear(t).status)
}

func withholdContinue(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadChunk).Times(1).Do(faults.WithholdContinue()))
	for _, withheld := range []bool{true, false} {
		s := w.begin(t)
		talk := s.expectContinue(t)
		if !withheld {
			talk.requireContinue(t)
		}
		_, err := talk.Write([]byte("body"))
		require.NoError(t, err)
		got := talk.hear(t)
		require.Equal(t, 202, got.status)
		require.Equal(t, []string{"0-3"}, got.fields["Range"])
	}
	w.reg.Require(t, record.Faulted(wireRule)).Count(1)
}

func bareLF(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.BlobGet).Times(1).Do(faults.BareLF()))
	talk := w.talk(t).(*talk1)
	for _, end := range []string{"\n", "\r\n"} {
		talk.say(t, w.blob(w.small))
		var head string
		for !strings.HasSuffix(head, end+end) {
			line, err := talk.in.ReadString('\n')
			require.NoError(t, err)
			head += line
		}
		assert.Equal(t, end == "\r\n", strings.Contains(head, "\r"), head)
		assert.Contains(t, head, "Content-Length: 1000"+end)
		body := make([]byte, 1000)
		_, err := io.ReadFull(talk.in, body)
		require.NoError(t, err)
		requireBytes(t, w.bytes[string(w.small.Digest)], body)
	}
	w.reg.Require(t, record.Faulted(wireRule)).Count(1)
}

// TestIgnoredPingsEndClient has a client that sends a PING when it has heard nothing for a while.
func TestIgnoredPingsEndClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registrytest.New(t, registrytest.WithHTTP2())
		blob := reg.PushBlob(t, "app", strings.NewReader("content"))
		reg.Inject(t, faults.On(op.BlobGet).Times(1).Do(faults.IgnorePings(), faults.Delay(time.Hour)))
		transport := reg.Transport().Clone()
		transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second}
		defer transport.CloseIdleConnections()
		begun := time.Now()
		response, err := (&http.Client{Transport: transport}).Get(reg.URL() + "/v2/app/blobs/" + string(blob.Digest))
		if err == nil {
			require.NoError(t, response.Body.Close())
		}
		require.ErrorContains(t, err, "client connection lost")
		assert.Equal(t, 20*time.Second, time.Since(begun))
	})
}

// TestWithheldContinueDelaysClient has a client that waits a second for 100 Continue.
func TestWithheldContinueDelaysClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registrytest.New(t)
		reg.Inject(t, faults.On(op.BlobPost).Times(1).Do(faults.WithholdContinue()))
		content := "content"
		for _, want := range []time.Duration{time.Second, 0} {
			request, err := http.NewRequest(http.MethodPost, reg.URL()+"/v2/app/blobs/uploads/?digest="+string(digest.FromString(content)), strings.NewReader(content))
			require.NoError(t, err)
			request.Header.Set("Expect", "100-continue")
			request.Header.Set("Content-Type", "application/octet-stream")
			transport := reg.Transport().Clone()
			transport.ExpectContinueTimeout = time.Second
			defer transport.CloseIdleConnections()
			begun := time.Now()
			response, err := (&http.Client{Transport: transport}).Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, 201, response.StatusCode)
			assert.Equal(t, want, time.Since(begun))
		}
	})
}

// TestHTTPLimits holds what clients are told of the limits, and what is refused.
func TestHTTPLimits(t *testing.T) {
	limits := registrytest.HTTPLimits{MaxHeader: 8 << 10, MaxStreams: 3, StreamWindow: 70_000, ConnWindow: 80_000}
	synctest.Test(t, func(t *testing.T) {
		reg := registrytest.New(t, registrytest.WithH2C(), registrytest.WithHTTPLimits(limits))
		c, err := reg.Transport().DialContext(t.Context(), "tcp", reg.Host()+":80")
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Write([]byte(http2.ClientPreface))
		require.NoError(t, err)
		frames := http2.NewFramer(c, bufio.NewReader(c))
		require.NoError(t, frames.WriteSettings())
		got := map[http2.SettingID]uint32{}
		var window uint32
		for window == 0 {
			frame, err := frames.ReadFrame()
			require.NoError(t, err)
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				_ = frame.ForeachSetting(func(s http2.Setting) error { got[s.ID] = s.Val; return nil })
			case *http2.WindowUpdateFrame:
				window = frame.Increment
			}
		}
		assert.EqualValues(t, 3, got[http2.SettingMaxConcurrentStreams])
		assert.EqualValues(t, 70_000, got[http2.SettingInitialWindowSize])
		assert.InDelta(t, 8<<10, got[http2.SettingMaxHeaderListSize], 512)
		assert.EqualValues(t, 80_000-65_535, window)
	})
	reg := registrytest.New(t, registrytest.WithHTTPLimits(limits))
	for size, want := range map[int]int{4 << 10: 200, 16 << 10: 431} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, reg.URL()+"/v2/", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+strings.Repeat("x", size))
		response, err := reg.Client().Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want, response.StatusCode)
	}
	for name, wrong := range map[string]registrytest.HTTPLimits{
		"max header":        {MaxHeader: -1},
		"max streams":       {MaxStreams: -1},
		"stream window":     {StreamWindow: 1 << 31},
		"connection window": {ConnWindow: 1000},
	} {
		_, err := registrytest.Start(registrytest.WithHTTPLimits(wrong))
		assert.ErrorContains(t, err, name)
	}
}
