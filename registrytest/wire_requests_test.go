package registrytest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

func TestWireRequests(t *testing.T) { runWire(t, requestCases) }

var requestCases = []wireCase{
	onTheWay("drop Range", faults.DropRequestHeader("range"), func(w *wire) (sent, served rawAsk) {
		return w.blob(w.small).with("Range: bytes=20-29"), w.blob(w.small)
	}, "without Range"),
	onTheWay("set Range", faults.SetRequestHeader("Range", "bytes=0-9"), func(w *wire) (sent, served rawAsk) {
		return w.blob(w.small), w.blob(w.small).with("Range: bytes=0-9")
	}, "with Range: bytes=0-9"),
	onTheWay("drop Content-Range", faults.DropRequestHeader("Content-Range"), func(*wire) (sent, served rawAsk) {
		chunk := rawAsk{method: "PATCH", target: "/v2/app/blobs/uploads/none", body: []byte("chunk")}
		return chunk.with("Content-Range: 5-9"), chunk
	}, "without Content-Range"),
	onTheWay("drop the query", faults.DropQuery(), func(*wire) (sent, served rawAsk) {
		return inApp("tags/list?n=1"), inApp("tags/list")
	}, "without query"),
	onTheWay("drop the query of a list of referrers", faults.DropQuery(), func(w *wire) (sent, served rawAsk) {
		return inApp("referrers/" + string(w.v1.Digest) + "?artifactType=a"), inApp("referrers/" + string(w.v1.Digest))
	}, "without query"),
	untouched("drop a header that is not there", faults.DropRequestHeader("Range")),
	untouched("set a header as it is", faults.SetRequestHeader("X-Odd", "a")),
	untouched("drop no query", faults.DropQuery()),
	untouched("set the host as it is", faults.SetHost("use-registry-transport.test")),
	{name: "set the host", do: []faults.Effect{faults.SetHost("registry.example:5000")}, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.UploadStart).Times(1).Do(faults.SetHost("registry.example:5000"), faults.Location{Absolute: true}))
		talk := w.talk(t)
		got := ask(t, talk, startUpload())
		require.Equal(t, 202, got.status)
		assert.Regexp(t, "^https?://registry.example:5000/v2/app/blobs/uploads/", got.fields["Location"][0])
		assert.Regexp(t, "^/v2/app/blobs/uploads/", ask(t, talk, startUpload()).fields["Location"][0])
		w.checkRecord(t, got)
		assert.Equal(t, "use-registry-transport.test", w.touched(t).Host)
		assert.Equal(t, []string{"for host registry.example:5000"}, w.touched(t).Served)
	}},
	// The registry sees another operation, and the rule matches the one that was sent.
	{name: "a mount without its query", do: []faults.Effect{faults.DropQuery()}, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.BlobMount).Times(1).Do(faults.DropQuery()))
		mount := rawAsk{method: "POST", target: "/v2/copy/blobs/uploads/?from=app&mount=" + string(w.small.Digest)}
		talk := w.talk(t)
		got := ask(t, talk, mount)
		assert.Equal(t, 202, got.status)
		assert.Equal(t, 201, ask(t, talk, mount).status)
		w.checkRecord(t, got)
		x := w.touched(t)
		assert.Equal(t, op.BlobMount, x.Op)
		assert.Equal(t, mount.target, x.Target)
	}},
}

// onTheWay is a case in which a request is answered as another one.
func onTheWay(name string, e faults.Effect, asks func(*wire) (sent, served rawAsk), change string) wireCase {
	return wireCase{name: "request, " + name, do: []faults.Effect{e}, talk: func(t *testing.T, w *wire) {
		sent, served := asks(w)
		clean, want := ask(t, w.talk(t), sent), ask(t, w.talk(t), served)
		w.inject(t, faults.On().Times(1).Do(e))
		talk := w.talk(t)
		got := ask(t, talk, sent)
		requireSame(t, want, got)
		w.checkRecord(t, got)
		x := w.touched(t)
		assert.Equal(t, []string{change}, x.Served)
		assert.Equal(t, sent.target, x.Target)
		for _, field := range sent.fields() {
			assert.Equal(t, field[1], x.Header.Get(field[0]), "the record has what the client sent")
		}
		requireSame(t, clean, ask(t, talk, sent))
		assert.Contains(t, w.reg.Requests(record.Faulted(wireRule)).Journal(), "served "+change)
	}}
}

// untouched is a case in which the effect does not act.
func untouched(name string, e faults.Effect) wireCase {
	return wireCase{
		name: "request, " + name, do: []faults.Effect{e},
		ask:  func(w *wire) rawAsk { return w.blob(w.small).with("X-Odd: a") },
		want: func(w *wire) seen { return seen{status: 200, body: w.bytes[string(w.small.Digest)]} },
	}
}
