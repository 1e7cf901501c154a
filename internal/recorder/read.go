package recorder

import (
	"iter"
	"slices"
	"sort"

	"github.com/ocifake/ocifake/record"
)

// Log returns the exchanges that all filters match, in the order in which the requests
// began. Those in flight are among them, marked Open and with what is known until now.
// The log is a copy: it does not change any more.
//
// A client may have got its answer a moment before the exchange is no longer Open.
func (r *Recorder) Log(filters ...record.Filter) record.Log {
	all := r.all()
	sort.Slice(all, func(i, j int) bool { return all[i].seq < all[j].seq })
	var log record.Log
	for _, e := range all {
		if x := e.read(); x.Matches(filters...) {
			log = append(log, x)
		}
	}
	return log
}

// Exchanges iterates over the exchanges that began after a mark and that all filters
// match: those that have ended in the order of their end, then those in flight. It
// shows one moment, as [Recorder.Log] does, which sorts them, but copies one exchange
// at a time.
func (r *Recorder) Exchanges(after record.Mark, filters ...record.Filter) iter.Seq[record.Exchange] {
	return r.exchanges(func(seq uint64) bool { return seq > uint64(after) }, filters)
}

// Exchange returns the exchange with a number, if it is on record.
func (r *Recorder) Exchange(seq uint64) (x record.Exchange, ok bool) {
	for x := range r.exchanges(func(n uint64) bool { return n == seq }, nil) {
		return x, true
	}
	return record.Exchange{}, false
}

// exchanges copies those only whose numbers are wanted.
func (r *Recorder) exchanges(wanted func(seq uint64) bool, filters []record.Filter) iter.Seq[record.Exchange] {
	return func(yield func(record.Exchange) bool) {
		for _, e := range r.all() {
			if !wanted(e.seq) {
				continue
			}
			if x := e.read(); x.Matches(filters...) && !yield(x) {
				return
			}
		}
	}
}

// all returns all exchanges of one moment.
func (r *Recorder) all() []*entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(slices.Clone(r.ended.list), r.inFlight(r.cleared)...)
}

// inFlight returns the requests in flight with numbers above one, as they are now, the
// newest first. The mutex is held.
func (r *Recorder) inFlight(after uint64) (open []*entry) {
	for p := r.live.prev; p != &r.live && p.seq > after; p = p.prev {
		open = append(open, p.now())
	}
	return open
}

// Counts returns how many requests have begun, and how many connections were
// accepted, since the recorder was made.
func (r *Recorder) Counts() (requests, connections uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seq, r.accepted
}
