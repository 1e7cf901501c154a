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

	"github.com/ocifake/ocifake/internal/memnet"
	"github.com/ocifake/ocifake/record"
)

// Requests returns the recorded requests that match all filters, in the order in which they
// began. The methods of Registry that push and load content make no requests.
//
// Requests whose answer has not ended are included and marked Open. If the client may have
// received the whole answer, or has left, Requests waits up to five seconds until the
// registry knows how the answer ended.
//
// Every request through the registry's listener or its [Registry.Handler] is recorded, until
// [Registry.Forget] or until the record is full; see [WithRecording].
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

// settleTime limits the waiting for answers that may have ended. A client has the last byte
// of an answer before the registry knows that it was sent, and the registry takes time to
// give up an answer whose client has left.
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

// isEnding reports whether an open answer is about to end: the client has left, or may have
// received the whole answer. Without a Content-Length, the end of the answer is still to be
// sent.
func isEnding(x *record.Exchange) bool {
	return x.Open && (x.Left || x.Method != http.MethodHead && x.ResponseHeader.Get("Content-Length") != "")
}

// Connections returns the connections of clients, including those that carried no request,
// such as one whose TLS handshake failed.
func (r *Registry) Connections() []record.Connection { return r.recorder.Connections() }

// Mark returns the current position in the record, for [record.Since], which separates later
// requests from earlier ones.
func (r *Registry) Mark() record.Mark { return r.recorder.Mark() }

// Forget removes all requests from the record, including those whose answer has not ended,
// and all closed connections.
func (r *Registry) Forget() {
	r.mustBeUsable(&r.none)
	r.recorder.Clear()
}

// mustBeUsable ends the test with a message if the test runs in a bubble and the registry
// does not. Otherwise the channels of the bubble would end the program.
func (r *Registry) mustBeUsable(t testing.TB) {
	t.Helper()
	if err := r.server.CheckBubble(); errors.Is(err, memnet.ErrOutsideBubble) {
		t.Fatal(fmt.Errorf("registrytest: %w", err))
	}
}
