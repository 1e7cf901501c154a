package recorder

import (
	"context"
	"slices"
	"sort"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/record"
)

// Wait returns when done reports true for the log of the exchanges that all filters
// match. It calls done now and after each change, with the log that [Recorder.Log]
// returns at that moment; the log must not be changed, and is valid until done returns.
// The error is the context's, if that ends first.
//
// The cost of a call does not depend on how many exchanges have ended before: each of
// them is read, and shown to the filters, once. Those in flight are read each time, as
// they change.
func (r *Recorder) Wait(ctx context.Context, done func(record.Log) bool, filters ...record.Filter) error {
	must.NotNil("recorder: Recorder.Wait: ctx", ctx)
	must.NotNil("recorder: Recorder.Wait: done", done)
	w := window{recorder: r, filters: filters}
	for {
		changed := r.Changed()
		w.update()
		if done(w.log) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// window is the log of the exchanges that all filters match, brought up to date in
// steps.
type window struct {
	recorder *Recorder
	filters  []record.Filter
	log      record.Log      // in the order of the numbers
	open     map[uint64]bool // numbers of those in the log that were in flight
	ends     []ended         // of those in the log that have ended, in the order of their end
	position uint64          // behind all that have ended and were looked at
}

// ended is the place of an exchange in the order of ends, and its number.
type ended struct{ position, seq uint64 }

// update brings the log to the present moment.
func (w *window) update() {
	open, list, oldest := w.look()
	gone := w.forget(oldest)
	for _, e := range list {
		if w.put(e) {
			w.ends = append(w.ends, ended{w.position, e.seq})
		}
		w.position++
	}
	before := w.open
	w.open = map[uint64]bool{}
	for _, e := range open {
		if w.put(e) {
			w.open[e.seq] = true
		}
	}
	for seq := range before {
		if i, there := w.search(seq); there && w.log[i].Open && !w.open[seq] {
			gone[seq] = true // it is no longer on record, or no longer matched
		}
	}
	if len(gone) > 0 {
		w.log = slices.DeleteFunc(w.log, func(x record.Exchange) bool { return gone[x.Seq] })
	}
}

// look returns, of one moment, the requests in flight, the exchanges that have ended
// since the last look, and the position of the oldest exchange that is still there.
func (w *window) look() (open, list []*entry, oldest uint64) {
	r := w.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	list, w.position = r.ended.from(w.position)
	return r.inFlight(r.cleared), slices.Clone(list), r.ended.first
}

// forget returns the numbers of the exchanges before a position, which were dropped
// or cleared.
func (w *window) forget(oldest uint64) map[uint64]bool {
	n := 0
	gone := map[uint64]bool{}
	for ; n < len(w.ends) && w.ends[n].position < oldest; n++ {
		gone[w.ends[n].seq] = true
	}
	w.ends = slices.Delete(w.ends, 0, n)
	return gone
}

// put puts an exchange that the filters match into its place in the log, and reports
// whether they match it.
func (w *window) put(e *entry) bool {
	x := e.read()
	if !x.Matches(w.filters...) {
		return false
	}
	i, there := w.search(x.Seq)
	if there {
		w.log[i] = x
	} else {
		w.log = slices.Insert(w.log, i, x)
	}
	return true
}

// search returns the place of a number in the log, and reports whether it is there.
func (w *window) search(seq uint64) (int, bool) {
	i := sort.Search(len(w.log), func(i int) bool { return w.log[i].Seq >= seq })
	return i, i < len(w.log) && w.log[i].Seq == seq
}
