package registrytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/ocifake/ocifake/internal/bubble"
	"github.com/ocifake/ocifake/record"
)

// Requests returns what is on record of the requests that all filters mean, in the
// order in which they began. What was pushed and loaded by the methods of Registry
// was no request.
//
// Requests that are being answered are among them, marked Open. If a client may
// have got the whole of its answer already, or has left, Requests waits for the
// registry to know that: five seconds at most, which it takes only if an answer is stuck
// half way.
//
// Whatever came through the registry's listener or its [Registry.Handler] is on
// record, until [Registry.Forget], or until the record is full: see
// [WithRecording].
func (r *Registry) Requests(filters ...record.Filter) record.Log {
	r.mustBeUsable(&r.none)
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	var log record.Log
	var ending map[uint64]bool // as they were at first
	// The error is that of the context. It needs no handling: log is the latest then.
	_ = r.recorder.Wait(ctx, func(now record.Log) bool {
		log = now
		still := endingIn(now)
		if ending == nil {
			ending = still
		}
		maps.DeleteFunc(ending, func(seq uint64, _ bool) bool { return !still[seq] })
		return len(ending) == 0
	}, slices.DeleteFunc(slices.Clone(filters), mayChange)...)
	return log.Filter(filters...)
}

// mayChange reports whether a filter may match an exchange later that it does not match
// now, or the other way round.
func mayChange(f record.Filter) bool { return f.Stage() != record.OnRequest }

// settleTime bounds the waiting for answers that may have been sent to the end. A
// client has the last byte of an answer before the registry knows that it was sent,
// and the registry has still to give up an answer whose client has left.
const settleTime = 5 * time.Second

// endingIn returns the numbers of the requests in a log whose answers are ending.
func endingIn(log record.Log) map[uint64]bool {
	ending := map[uint64]bool{}
	for i := range log {
		if isEnding(&log[i]) {
			ending[log[i].Seq] = true
		}
	}
	return ending
}

// isEnding reports whether nobody waits for more of an answer that has not ended: the
// client has left, or all of the answer may have reached the client. The latter needs a
// length in the header: without a length, the end is something that is sent later.
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
func (r *Registry) Forget() {
	r.mustBeUsable(&r.none)
	r.recorder.Clear()
}

// mustBeUsable ends the test if it runs in a bubble and the registry does not: with a
// message, before the channels of the bubble end the program.
func (r *Registry) mustBeUsable(t testing.TB) {
	t.Helper()
	if err := r.server.CheckBubble(); errors.Is(err, bubble.ErrOutside) {
		t.Fatal(fmt.Errorf("registrytest: %w", err))
	}
}
