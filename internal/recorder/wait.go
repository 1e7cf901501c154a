package recorder

import (
	"context"
	"slices"
	"sort"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/record"
)

// Wait returns when a function reports true for the log of the exchanges that all
// filters mean. The function is called now and after each change, and the log is the
// one that [Recorder.Log] returns at that moment. The log must not be changed, and is
// valid until the function returns. The error is the context's, if that ends first.
//
// The cost of a call does not depend on how many exchanges have ended before: each
// of them is decoded, and shown to the filters, once. Those in flight are looked at
// each time, as they change.
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

// window is the log of the exchanges that all filters mean, brought up to date step
// by step.
type window struct {
	recorder *Recorder
	filters  []record.Filter
	log      record.Log      // in the order of the numbers
	open     map[uint64]bool // numbers of those in the log that were in flight
	ends     []ended         // of those in the log that have ended, in the order of their end
	position uint64          // behind all that have ended and were decoded
	chunk    uint64          // first of the chunk that was read last
	at       int             // where the next entry of that chunk begins
}

// ended is the place of an exchange in the order of ends, and its number.
type ended struct{ position, seq uint64 }

// update brings the log to the present moment.
func (w *window) update() {
	open, list, oldest := w.look()
	gone := w.forget(oldest)
	for _, c := range list {
		w.read(c)
	}
	before := w.open
	w.open = map[uint64]bool{}
	d := newDecoder(w.recorder.epoch)
	for _, parts := range entries(open, 0, exchangeEntry) {
		if x := d.exchange(parts); w.put(x) {
			w.open[x.Seq] = true
		}
	}
	for seq := range before {
		if i, there := w.search(seq); there && w.log[i].Open && !w.open[seq] {
			gone[seq] = true // it is no longer on record, or no longer meant
		}
	}
	if len(gone) > 0 {
		w.log = slices.DeleteFunc(w.log, func(x record.Exchange) bool { return gone[x.Seq] })
	}
}

// look returns, of one moment, entries of the requests in flight, the chunks with
// exchanges that have not been decoded, and the position of the oldest exchange that
// is still there.
func (w *window) look() (open []byte, list []chunk, oldest uint64) {
	r := w.recorder
	r.encoding.Lock()
	defer r.encoding.Unlock()
	open = r.encode(func() []byte { return r.packLive(r.cleared) })
	oldest = r.ended.kept
	if len(r.ended.list) > 0 {
		oldest = r.ended.list[0].first
	}
	i := len(r.ended.list)
	for i > 0 && r.ended.list[i-1].first+uint64(r.ended.list[i-1].exchanges) > w.position {
		i--
	}
	return open, slices.Clone(r.ended.list[i:]), oldest
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

// read decodes what has not been decoded of a chunk.
func (w *window) read(c chunk) {
	if c.first != w.chunk {
		w.chunk, w.at = c.first, 0
	}
	w.position = max(w.position, c.first)
	d := newDecoder(w.recorder.epoch)
	for next, parts := range entries(c.b, w.at, exchangeEntry) {
		if x := d.exchange(parts); w.put(x) {
			w.ends = append(w.ends, ended{w.position, x.Seq})
		}
		w.position++
		w.at = next
	}
}

// put puts an exchange that the filters mean into its place in the log, and reports
// whether they mean it.
func (w *window) put(x record.Exchange) bool {
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

// sortLog puts exchanges into the order in which they began.
func sortLog(log record.Log) {
	sort.SliceStable(log, func(i, j int) bool { return log[i].Seq < log[j].Seq })
}
