package registrytest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

func TestWireCombined(t *testing.T) { runWire(t, combinedCases) }

var combinedCases = []wireCase{
	{name: "pass", do: []faults.Effect{faults.Pass()},
		want: func(w *wire) seen { return seen{status: 200, body: w.bytes[string(w.small.Digest)]} }},
	{name: "several", do: []faults.Effect{faults.SetHeader("X-A", "b"), faults.Corrupt(0), faults.Close(10)},
		want: func(w *wire) seen {
			return seen{status: 200, header: "X-A: b", body: flip(0)(append([]byte(nil), w.bytes[string(w.small.Digest)][:10]...)),
				end: fin, end2: "RST_STREAM INTERNAL_ERROR"}
		}},
	{name: "all", do: []faults.Effect{faults.All(faults.DropHeader("Etag"), faults.Status(404).Body("", "no"))},
		want: func(*wire) seen {
			return seen{status: 404, alone: true, header: "Content-Length: 2", body: []byte("no")}
		}},
	{name: "the first is outermost", do: []faults.Effect{faults.Corrupt(0), faults.Status(500).Body("", "\x00no")},
		want: func(*wire) seen {
			return seen{status: 500, alone: true, header: "Content-Length: 3", body: []byte("\xffno")}
		}},
	{name: "an honest length of what is sent", do: []faults.Effect{faults.Truncate(100), faults.Zeros()},
		want: func(*wire) seen { return seen{status: 200, header: "Content-Length: 100", body: make([]byte, 100)} }},
	{name: "reset in what is truncated", do: []faults.Effect{faults.Reset(50), faults.Truncate(100)},
		want: func(w *wire) seen {
			return seen{status: 200, header: "Content-Length: 100", body: w.bytes[string(w.small.Digest)][:50], end: rst}
		}},
	{name: "compressed and cut", do: []faults.Effect{faults.Close(10), faults.Compress("gzip"), faults.Zeros()},
		want: func(*wire) seen {
			return seen{status: 200, header: "Content-Encoding: gzip\n-Content-Length\nTransfer-Encoding: chunked",
				body: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, end: fin, end2: "RST_STREAM INTERNAL_ERROR"}
		}},
}

// TestWireSequence: the steps happen one after the other, and the record tells which
// requests they touched.
func TestWireSequence(t *testing.T) {
	eachWire(t, nil, func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.BlobGet).Seq(faults.Status(503), faults.Pass(), faults.Close(10),
			faults.All(faults.SetHeader("X-A", "b"), faults.ResetStream(20).Code(8))))
		cut := func(http2 string) string { return map[bool]string{false: fin, true: "RST_STREAM " + http2}[w.http2] }
		for _, want := range []struct {
			status, bytes int
			end, header   string
		}{
			{503, 20, whole, ""},
			{200, 1000, whole, ""},
			{200, 10, cut("INTERNAL_ERROR"), ""},
			{200, 20, cut("CANCEL"), "b"},
		} {
			got := ask(t, w.talk(t), w.blob(w.small))
			assert.Equal(t, want.status, got.status)
			assert.Len(t, got.body, want.bytes)
			assert.Equal(t, want.end, got.end)
			assert.Equal(t, want.header != "", got.fields["X-A"] != nil)
			w.checkRecord(t, got)
		}
		got := ask(t, w.talk(t), w.blob(w.small))
		requireBytes(t, w.bytes[string(w.small.Digest)], got.body)
		log := w.reg.Requests()
		require.Len(t, log, 5)
		assert.Empty(t, log[4].Faults)
	})
}

// TestWireContinue: what two rules want happens to one request, which names both;
// what comes behind the last does not.
func TestWireContinue(t *testing.T) {
	eachWire(t, nil, func(t *testing.T, w *wire) {
		w.reg.Inject(t,
			faults.On(op.BlobGet).Named("header").Times(1).Continue().Do(faults.SetHeader("X-A", "b")),
			faults.On(op.BlobGet).Named("body").Times(1).Do(faults.Zeros()),
			faults.On(op.BlobGet).Named("later").Times(1).Do(faults.Status(500)))
		talk := w.talk(t)
		got := ask(t, talk, w.blob(w.small))
		assert.Equal(t, []string{"b"}, got.fields["X-A"])
		requireBytes(t, make([]byte, 1000), got.body)
		assert.Equal(t, 500, ask(t, talk, w.blob(w.small)).status)
		log := w.reg.Requests()
		assert.Equal(t, []string{"header", "body"}, log[0].Faults)
		assert.Equal(t, []string{"later"}, log[1].Faults)
	})
}
