package recorder

import (
	varint "encoding/binary"
	"iter"

	"github.com/ocifake/ocifake/record"
)

// Exchanges iterates over the exchanges that began after a mark and that all filters
// mean: those that have ended in the order of their end, then those in flight. It
// shows one moment, as [Recorder.Log] does, which sorts them, but holds one exchange
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

// exchanges decodes those only whose numbers are wanted.
func (r *Recorder) exchanges(wanted func(seq uint64) bool, filters []record.Filter) iter.Seq[record.Exchange] {
	return func(yield func(record.Exchange) bool) {
		var x record.Exchange
		for _, b := range r.all() {
			d := newDecoder(r.epoch) // it grows with what it has read
			for _, parts := range entries(b, 0, exchangeEntry) {
				if !wanted(seqOf(parts)) {
					continue
				}
				x = d.exchange(parts)
				if x.Matches(filters...) && !yield(x) {
					return
				}
			}
		}
	}
}

// seqOf reads the number of an exchange alone; see [decoder.numbers].
func seqOf(parts [][]byte) uint64 {
	seq, _ := varint.Uvarint(parts[numbersSegment][2:])
	return seq
}

// all returns entries of all exchanges, each once.
func (r *Recorder) all() [][]byte {
	r.encoding.Lock()
	defer r.encoding.Unlock()
	open := r.encode(func() []byte { return r.packLive(r.cleared) })
	return append(r.ended.bytes(), open)
}

// packLive returns entries of the requests in flight with numbers above one, the
// newest first. Both mutexes are held.
func (r *Recorder) packLive(after uint64) (b []byte) {
	for p := r.live.prev; p != &r.live && p.seq > after; p = p.prev {
		p.mu.Lock()
		r.entry.pack(p)
		p.mu.Unlock()
		b = append(b, byte(exchangeEntry))
		for i := range r.entry.parts {
			b = packSegment(b, r.entry.parts[i].b)
		}
	}
	return b
}

// Counts returns how many requests have begun, and how many connections were
// accepted, since the recorder was made.
func (r *Recorder) Counts() (requests, connections uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seq, r.accepted
}
