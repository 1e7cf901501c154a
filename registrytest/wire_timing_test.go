package registrytest_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Durations are looked at in bubbles, where the clock tells them exactly.
func TestWireTiming(t *testing.T) { runWire(t, timingCases) }

var timingCases = []wireCase{
	slowly("delay", faults.Delay(time.Hour), time.Hour, portion{time.Hour, 1000}),
	slowly("delay-reply", faults.DelayReply(time.Hour), time.Hour, portion{time.Hour, 1000}),
	slowly("stall", faults.Stall(10, time.Hour), time.Hour, portion{0, 10}, portion{time.Hour, 990}),
	slowly("stall before the body", faults.Stall(0, time.Hour), time.Hour, portion{time.Hour, 1000}),
	slowly("stall behind the body", faults.Stall(1000, time.Hour), 0, portion{0, 1000}),
	slowly("trickle", faults.Trickle(400, time.Second), 2*time.Second,
		portion{0, 400}, portion{time.Second, 400}, portion{2 * time.Second, 200}),
	slowly("bandwidth", faults.Bandwidth(8000), 100*time.Millisecond,
		portion{0, 400}, portion{50 * time.Millisecond, 400}, portion{100 * time.Millisecond, 200}),
	{name: "one stall in much", only: inMemory, do: []faults.Effect{faults.Stall(10, time.Hour)},
		ask:  func(w *wire) rawAsk { return w.blob(w.big) },
		want: func(w *wire) seen { return seen{status: 200, body: w.bytes[string(w.big.Digest)], took: time.Hour} }},
	{name: "the header before a stall", only: inMemory, do: []faults.Effect{faults.Stall(0, time.Hour)}, talk: headerBeforeStall},
	{name: "delay-reply does it before", only: inMemory, do: []faults.Effect{faults.DelayReply(time.Hour)}, talk: doneBeforeReply},
	{name: "delay-reply of HEAD", only: inMemory, do: []faults.Effect{faults.DelayReply(time.Minute)},
		ask:  func(w *wire) rawAsk { return w.blob(w.small).by(http.MethodHead) },
		want: func(*wire) seen { return seen{status: 200, took: time.Minute} }},
}

// slowly is a case in which the blob of 1000 bytes comes in portions.
func slowly(name string, e faults.Effect, took time.Duration, pace ...portion) wireCase {
	return wireCase{name: name, only: inMemory, do: []faults.Effect{e}, want: func(w *wire) seen {
		return seen{status: 200, body: w.bytes[string(w.small.Digest)], took: took, pace: pace}
	}}
}

func headerBeforeStall(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.BlobGet).Times(1).Do(faults.Stall(0, time.Hour)))
	begun := time.Now()
	switch talk := w.talk(t).(type) {
	case *talk1:
		talk.say(t, w.blob(w.small))
		line, err := talk.in.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "HTTP/1.1 200 OK\r\n", line)
	case *talk2:
		talk.say(t, w.blob(w.small))
		for talk.answers[talk.stream].status == 0 {
			require.NoError(t, talk.step(t))
		}
	}
	assert.Zero(t, time.Since(begun))
}

func doneBeforeReply(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.TagDelete).Times(1).Do(faults.DelayReply(time.Hour)))
	talk := w.talk(t)
	talk.say(t, inApp("manifests/v1").by(http.MethodDelete))
	w.reg.Require(t, record.Op(op.TagDelete)).Eventually(1, time.Minute)
	synctest.Wait() // until nothing but the answer is left of it
	assert.Equal(t, 404, ask(t, w.talk(t), inApp("manifests/v1")).status)
	got := talk.hear(t)
	assert.Equal(t, 202, got.status)
	assert.Equal(t, time.Hour, got.took)
	w.checkRecord(t, got)
}

// endless are the effects that last until the client leaves, and what of an answer
// comes before.
var endless = []struct {
	name   string
	effect faults.Effect
	before int // bytes of the body
}{
	{"delay", faults.Delay(0), 0},
	{"delay-reply", faults.DelayReply(0), 0},
	{"stall", faults.Stall(10, 0), 10},
	{"trickle", faults.Trickle(10, 1000*time.Hour), 10},
}

// hearBefore reads what comes before the endless part.
func hearBefore(t *testing.T, w *wire, talk rawTalk, bytes int) {
	t.Helper()
	switch talk := talk.(type) {
	case *talk1:
		if bytes > 0 {
			for line := ""; line != "\r\n"; {
				var err error
				line, err = talk.in.ReadString('\n')
				require.NoError(t, err)
			}
			got := make([]byte, bytes)
			_, err := io.ReadFull(talk.in, got)
			require.NoError(t, err)
			requireBytes(t, w.bytes[string(w.small.Digest)][:bytes], got)
		}
	case *talk2:
		for len(talk.answers[talk.stream].body) < bytes {
			require.NoError(t, talk.step(t))
		}
	}
}

// TestWireEndless: nothing comes in a day, and the client that leaves is on record
// as such.
func TestWireEndless(t *testing.T) {
	for _, e := range endless {
		t.Run(e.name, func(t *testing.T) {
			eachWire(t, inMemory, func(t *testing.T, w *wire) {
				w.inject(t, faults.On(op.BlobGet).Times(1).Do(e.effect))
				talk := w.talk(t)
				talk.say(t, w.blob(w.small))
				hearBefore(t, w, talk, e.before)
				c := talk.(net.Conn)
				require.NoError(t, c.SetReadDeadline(time.Now().Add(24*time.Hour)))
				got := rest(t, talk)
				assert.Contains(t, got, "i/o timeout")
				require.NoError(t, c.Close())
				x := w.touched(t)
				assert.True(t, x.Left)
				assert.True(t, x.Cut)
				assert.Equal(t, int64(e.before), x.ResponseBytes)
				assert.Equal(t, 24*time.Hour, x.Duration)
			})
		})
	}
}

// rest reads to the end of the connection, where nothing more is to come of the
// answer, and returns what it was.
func rest(t *testing.T, talk rawTalk) string {
	t.Helper()
	switch talk := talk.(type) {
	case *talk1:
		p := make([]byte, 1)
		n, err := talk.in.Read(p)
		require.Zero(t, n)
		return endOf(err)
	case *talk2:
		before := len(talk.answers[talk.stream].body)
		end := talk.hear(t).end
		require.Len(t, talk.answers[talk.stream].body, before)
		return end
	}
	return ""
}

// TestWireCloseStalled: what lasts without end does not hold up the end of the
// registry, and the client has not left then.
func TestWireCloseStalled(t *testing.T) {
	for _, e := range endless {
		t.Run(e.name, func(t *testing.T) {
			eachWire(t, nil, func(t *testing.T, w *wire) {
				w.inject(t, faults.On(op.BlobGet).Times(1).Do(e.effect))
				talk := w.talk(t)
				talk.say(t, w.blob(w.small))
				hearBefore(t, w, talk, e.before)
				w.reg.Require(t, record.Op(op.BlobGet)).Eventually(1, time.Minute)
				require.NoError(t, w.reg.Close())
				assert.NotContains(t, rest(t, talk), whole)
				x := w.reg.Requests(record.Faulted(wireRule))[0]
				assert.False(t, x.Open)
				assert.True(t, x.Cut)
				assert.False(t, x.Left)
			})
		})
	}
}
