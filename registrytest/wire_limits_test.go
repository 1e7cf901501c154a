package registrytest_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

func TestWireLimits(t *testing.T) { runWire(t, limitCases) }

var limitCases = []wireCase{
	{name: "rate-limit", do: []faults.Effect{faults.RateLimit(2, time.Hour)}, talk: rateLimit},
	{name: "rate-limit of bytes", do: []faults.Effect{faults.RateLimit(1500, time.Hour).OfBytes()}, talk: byteLimit},
	{name: "concurrency", do: []faults.Effect{faults.Concurrency(1)}, talk: concurrency},
	{name: "ceiling with Content-Length", do: []faults.Effect{faults.Ceiling(500)}, talk: ceilingWithLength},
	{name: "ceiling without Content-Length", do: []faults.Effect{faults.Ceiling(500)}, talk: ceilingWithoutLength},
	{name: "ceiling of an upload", do: []faults.Effect{faults.Ceiling(500).OfUpload()}, talk: ceilingOfUpload},
}

// requireRefused is that an answer is the default one of a limit, and says when to come
// again.
func (w *wire) requireRefused(t *testing.T, got *rawAnswer, message string, after time.Duration) {
	t.Helper()
	require.Equal(t, 429, got.status)
	require.Equal(t, whole, got.end)
	require.Equal(t, fmt.Sprintf(`{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests: %s"}]}`, message), string(got.body))
	require.Len(t, got.fields["Retry-After"], 1)
	seconds, err := strconv.Atoi(got.fields["Retry-After"][0])
	require.NoError(t, err)
	if wait := time.Duration(seconds) * time.Second; w.memory {
		assert.Equal(t, after, wait)
	} else {
		assert.LessOrEqual(t, wait, after)
	}
}

func rateLimit(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.BlobGet).Do(faults.RateLimit(2, time.Hour)))
	talk := w.talk(t)
	for _, remaining := range []string{"1;w=3600", "0;w=3600"} {
		got := ask(t, talk, w.blob(w.small))
		require.Equal(t, 200, got.status)
		requireBytes(t, w.bytes[string(w.small.Digest)], got.body)
		assert.Equal(t, []string{"2;w=3600"}, got.fields["Ratelimit-Limit"])
		assert.Equal(t, []string{remaining}, got.fields["Ratelimit-Remaining"])
	}
	w.reg.Require(t, record.Faulted()).Count(0)
	got := ask(t, talk, w.blob(w.small))
	w.requireRefused(t, got, "at most 2 in 3600 seconds", time.Hour)
	w.checkRecord(t, got)
	assert.Equal(t, []string{"2;w=3600"}, got.fields["Ratelimit-Limit"])
	assert.Equal(t, []string{"0;w=3600"}, got.fields["Ratelimit-Remaining"])
	head := ask(t, talk, w.blob(w.small).by("HEAD"))
	assert.Equal(t, 200, head.status, "the connection works on, and HEAD does not count")
	assert.Empty(t, head.fields["Ratelimit-Limit"])
	if w.memory {
		time.Sleep(59 * time.Minute)
		w.requireRefused(t, ask(t, talk, w.blob(w.small)), "at most 2 in 3600 seconds", time.Minute)
		time.Sleep(time.Minute)
		got := ask(t, talk, w.blob(w.small))
		assert.Equal(t, 200, got.status)
		assert.Equal(t, []string{"1;w=3600"}, got.fields["Ratelimit-Remaining"])
	}
}

func byteLimit(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.BlobGet, op.BlobHead, op.ManifestPut).Do(faults.RateLimit(1500, time.Hour).OfBytes().
		Header("X-RateLimit-Limit", "{limit}").Header("X-RateLimit-Remaining", "{remaining}")))
	talk := w.talk(t)
	for _, remaining := range []string{"1500", "500"} { // the second passes as a whole
		got := ask(t, talk, w.blob(w.small))
		require.Equal(t, 200, got.status)
		require.Len(t, got.body, 1000)
		assert.Equal(t, []string{"1500"}, got.fields["X-Ratelimit-Limit"])
		assert.Equal(t, []string{remaining}, got.fields["X-Ratelimit-Remaining"])
		assert.Empty(t, got.fields["Ratelimit-Limit"])
		if remaining == "1500" {
			assert.Equal(t, 200, ask(t, talk, w.blob(w.small).by("HEAD")).status, "no bytes")
		}
	}
	got := ask(t, talk, w.blob(w.small))
	w.requireRefused(t, got, "at most 1500 bytes in 3600 seconds", time.Hour)
	w.checkRecord(t, got)
	assert.Equal(t, []string{"0"}, got.fields["X-Ratelimit-Remaining"])
}

func concurrency(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.BlobGet).Continue().Do(faults.Concurrency(1)))
	w.reg.Inject(t, faults.On(op.BlobGet).Named("stall").Times(2).Do(faults.Stall(10, 0)))
	for n := range 2 {
		c, err := w.dial(t, "")
		require.NoError(t, err)
		talk := rawTalk(nil)
		if w.tls {
			secure, err := w.shake(c)
			require.NoError(t, err)
			talk = w.talkOn(t, secure)
		} else {
			talk = w.talkOn(t, c)
		}
		talk.say(t, w.blob(w.small))
		w.reg.Require(t, record.Faulted("stall")).Eventually(n+1, time.Minute)
		got := ask(t, w.talk(t), w.blob(w.small))
		w.requireRefused(t, got, "at most 1 at a time", time.Second)
		assert.Equal(t, 200, ask(t, w.talk(t), w.blob(w.small).by("HEAD")).status, "HEAD does not count")
		require.NoError(t, c.Close()) // the client leaves
		w.reg.Require(t, record.Left()).Eventually(n+1, time.Minute)
		w.checkRecord(t, got)
	}
	got := ask(t, w.talk(t), w.blob(w.small))
	assert.Equal(t, 200, got.status)
	assert.Len(t, got.body, 1000)
}

func ceilingWithLength(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.ManifestPut, op.UploadChunk, op.BlobPost).Do(faults.Ceiling(500)))
	const session = "/v2/app/blobs/uploads/"
	for _, q := range []rawAsk{
		{method: "PUT", target: "/v2/app/manifests/v3"},
		{method: "POST", target: session + "?digest=" + string(digest.FromBytes(content))},
		{method: "PATCH", target: session + "6fd1b1c2-7a39-4bb1-8d9c-4b40a8fd6b7c"},
	} {
		for _, field := range []string{"", "Expect: 100-continue"} {
			if w.http2 && field != "" {
				continue
			}
			q := q.with("Content-Length: 501")
			if field != "" {
				q = q.with(field)
			}
			talk := w.talk(t)
			if w.http2 {
				talk.open(t, q)
			} else {
				talk.say(t, q)
			}
			got := talk.hear(t) // although the body does not come
			require.Equal(t, 413, got.status, q.method)
			require.Contains(t, string(got.body), `"SIZE_INVALID"`)
			if field == "" {
				w.finishBody(talk, 501)
			}
			w.checkRecord(t, got)
		}
	}
	s := w.begin(t)
	require.Equal(t, 202, s.patch(t, content[:500]).status, "as many as the limit pass")
	refused := s.patch(t, content[:501])
	require.Equal(t, 413, refused.status)
	s.requireAt(t, 500)
	require.Equal(t, 201, s.commit(t, content[500:], digest.FromBytes(content)).status)
}

// finishBody sends a body whose length was told.
func (w *wire) finishBody(talk rawTalk, n int) {
	if k, ok := talk.(*talk1); ok {
		_, _ = k.Write(make([]byte, n))
		return
	}
	talk.send(make([]byte, n))
	talk.endBody()
}

func ceilingWithoutLength(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.ManifestPut, op.UploadChunk, op.UploadCommit).Do(faults.Ceiling(500).
		Answer(faults.Status(416).Error("REQUESTED_RANGE_NOT_SATISFIABLE", "at most {limit} bytes"))))
	s := w.begin(t)
	patch := func(chunk []byte, end bool) *rawAnswer {
		s.talk = w.talk(t)
		s.talk.open(t, rawAsk{method: "PATCH", target: s.location}.with("Content-Type: application/octet-stream"))
		for piece := range strings.SplitAfterSeq(string(chunk), "9") {
			if piece != "" {
				s.talk.send([]byte(piece))
			}
		}
		if end {
			s.talk.endBody()
		}
		return s.talk.hear(t)
	}
	require.Equal(t, 202, patch(content[:500], true).status)
	s.requireAt(t, 500)
	if k, ok := w.talk(t).(*talk1); ok { // the client waits until the server asks for the body
		k.open(t, rawAsk{method: "PATCH", target: s.location}.with("Expect: 100-continue"))
		for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
			line, err := k.in.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, want, line)
		}
		k.send(content[:501])
		require.Equal(t, 416, k.hear(t).status)
		k.endBody()
		s.requireAt(t, 500)
	}
	got := patch(content[:501], false) // the body is still coming
	require.Equal(t, 416, got.status)
	require.Equal(t, `{"errors":[{"code":"REQUESTED_RANGE_NOT_SATISFIABLE","message":"at most 500 bytes"}]}`, string(got.body))
	s.talk.endBody()
	x := w.touched(t)
	assert.Equal(t, int64(501), x.RequestBytes)
	w.checkRecord(t, got)
	s.requireAt(t, 500) // nothing of the chunk was stored
	s.finish(t, content[500:], content)
}

func ceilingOfUpload(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadChunk, op.UploadCommit, op.BlobPost).Do(faults.Ceiling(500).OfUpload()))
	s := w.begin(t)
	require.Equal(t, 202, s.patch(t, content[:300]).status)
	got := s.patch(t, content[300:501])
	require.Equal(t, 413, got.status)
	w.checkRecord(t, got)
	s.requireAt(t, 300)
	require.Equal(t, 202, s.patch(t, content[300:500]).status)
	require.Equal(t, 413, s.commit(t, content[500:501], digest.FromBytes(content[:501])).status)
	s.requireAt(t, 500)
	require.Equal(t, 201, s.commit(t, nil, digest.FromBytes(content[:500])).status)
	s.requireBlob(t, content[:500])
}
