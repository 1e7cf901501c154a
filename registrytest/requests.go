package registrytest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Requests returns what is on record of the requests that all filters mean, in the
// order in which they began. What was pushed and loaded by the methods of Registry
// was no request.
//
// Requests that are being answered are among them, marked Open. If a client may
// have got the whole of its answer already, or has left, Requests waits for the
// registry to know that: one second at most, which it takes only if an answer is stuck
// half way.
//
// Whatever came through the registry's listener or its [Registry.Handler] is on
// record, until [Registry.Forget], or until the record is full: see
// [WithRecording].
func (r *Registry) Requests(filters ...op.Filter) record.Log {
	return r.settled(filters).Filter(filters...)
}

// settleTime bounds the waiting for answers that may have been sent to the end.
const settleTime = time.Second

// settled returns all that is on record. A client has the last byte of an answer
// before the registry knows that it was sent, and the registry has still to give up
// an answer whose client has left; of requests that the filters mean,
// the log is that of a moment after.
func (r *Registry) settled(filters []op.Filter) record.Log {
	log := r.recorder.Log()
	filters = slices.DeleteFunc(slices.Clone(filters), op.Filter.NeedsAnswer) // which may change
	ending := map[uint64]bool{}
	for i := range log {
		if x := &log[i]; isEnding(x) && op.MatchAll(filters, &x.Request, nil) {
			ending[log[i].Seq] = true
		}
	}
	if len(ending) == 0 {
		return log
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	// An error is that of the context, and as good as any end.
	_ = r.recorder.Wait(ctx, func(now record.Log) bool {
		log = now
		return !slices.ContainsFunc(now, func(x record.Exchange) bool { return ending[x.Seq] && isEnding(&x) })
	})
	return log
}

// isEnding tells whether nobody waits for more of an answer that has not ended: the
// client has left, or all of it may have reached the client, as its length is in the
// header, which has been sent. Without a length it ends with something that is sent
// later.
func isEnding(x *record.Exchange) bool {
	return x.Open && (x.Left || x.Method != http.MethodHead && x.ResponseHeader.Get("Content-Length") != "")
}

// Connections returns the connections that clients opened, also those that never
// carried a request, such as one whose TLS handshake failed.
func (r *Registry) Connections() []record.Connection { return r.recorder.Connections() }

// Mark returns the present moment, for [record.Since]: it tells the requests that
// have begun from those to come.
func (r *Registry) Mark() record.Mark { return r.recorder.Mark() }

// Forget empties the record: of requests, also those that are being answered, and
// of connections that are closed.
func (r *Registry) Forget() { r.recorder.Clear() }
