package recorder

import (
	"slices"

	"github.com/ocifake/ocifake/record"
)

// Position is a place in the order in which exchanges end, since the recorder was
// made. [Recorder.Clear] has a place in it, too.
type Position uint64

// Follower reads what becomes of requests, step by step, each once. It holds up
// nobody and keeps nothing: what is dropped before it has come to it, it does not
// see, unless [Follower.Keep] is called. It is not safe for concurrent use, and need
// not be closed.
//
//	f := r.Follow(0)
//	for {
//		changed := r.Changed()
//		news := f.Next(100)
//		… // news
//		if !news.More {
//			<-changed
//		}
//	}
type Follower struct {
	recorder *Recorder
	filters  []record.Filter
	past     []past // what was cleared, if it is kept; guarded by the recorder's encoding
	begun    uint64 // number of the latest request that was looked at in flight
	position uint64
	chunk    uint64 // first of the chunk in which the position is
	at       int    // the position in that chunk; 0: not known
}

// News is what a [Follower] has found since it looked before.
type News struct {
	// Cleared is set if the recorder was cleared after the position: requests up to
	// this one are no longer on record. Nothing else in the news is about those.
	Cleared record.Mark

	// Begun are the requests that have begun since, as far as they are in flight, in
	// the order in which they began. A request that is among them, which not all
	// are, is so before it is among Ended.
	Begun record.Log

	// Ended are the exchanges that have ended, in the order of their end, and At the
	// places behind each: who follows from there on misses nothing that comes after.
	Ended record.Log
	At    []Position

	// Missed is how many exchanges had ended behind the position before, and were
	// dropped because there was no room for them.
	Missed int

	// Position is behind all that was looked at.
	Position Position

	// More says that further exchanges have ended already.
	More bool
}

// Follow returns a follower of the exchanges that all filters mean, which begins at
// a position with those that ended after it. It is told of all requests in flight.
func (r *Recorder) Follow(from Position, filters ...record.Filter) *Follower {
	return &Follower{recorder: r, filters: slices.Clone(filters), position: uint64(from)}
}

// Position returns the present place: behind all exchanges that have ended.
func (r *Recorder) Position() Position {
	r.encoding.Lock()
	defer r.encoding.Unlock()
	r.encode(nil)
	return Position(r.ended.kept)
}

// Next returns what has happened since the last call, of what has ended not more
// than a number of exchanges, those included that the filters do not mean. It does
// not wait. What it costs does not hang on how much is on record.
func (f *Follower) Next(most int) News {
	var news News
	r := f.recorder
	d := newDecoder(r.epoch)
	open, c, kept := f.look(&news)
	for _, parts := range entries(open, 0, exchangeEntry) {
		if x := d.exchange(parts); x.Open { // else it is about to be among Ended
			f.add(&news.Begun, x)
		}
	}
	sortLog(news.Begun)
	if c.b != nil {
		f.read(c, d, most, &news)
	}
	news.Position = Position(f.position)
	news.More = f.position < kept
	return news
}

// look takes what is new at one moment: requests in flight, the chunk with the
// next exchange, and how many were kept.
func (f *Follower) look(news *News) (open []byte, next chunk, kept uint64) {
	r := f.recorder
	r.encoding.Lock()
	defer r.encoding.Unlock()
	open = r.encode(func() []byte {
		b := r.packLive(max(f.begun, r.cleared))
		f.begun = r.seq
		return b
	})
	return open, f.next(news), r.ended.kept
}

// next goes to the next exchange, past what was cleared, and returns the chunk that
// has it. recorder.encoding is held.
func (f *Follower) next(news *News) chunk {
	r := f.recorder
	for ; len(f.past) > 0; f.past = slices.Delete(f.past, 0, 1) {
		p := &f.past[0]
		if c := f.seek(&p.ended, news); c.b != nil {
			return c
		}
		news.Cleared = p.cleared
		f.position = p.ended.kept + 1
	}
	if f.position < r.ended.clearedAt {
		news.Cleared = record.Mark(r.cleared)
		f.position = r.ended.clearedAt
	}
	return f.seek(&r.ended, news)
}

// seek goes to the first exchange from the position on that is there, or to the end.
func (f *Follower) seek(s *chunks, news *News) chunk {
	position, c := s.from(f.position)
	if position > f.position {
		news.Missed += int(position - f.position)
	}
	f.position = position
	return c
}

// past is what had ended before the recorder was cleared.
type past struct {
	ended   chunks
	cleared record.Mark
}

// Keep has the recorder keep for the follower what [Recorder.Clear] forgets, until
// it has come to that, or stop is called: it is told of every exchange that ends, but
// for those that are in flight while the recorder is cleared. The memory for it is
// not bounded by [Options.MaxBytes].
func (f *Follower) Keep() (stop func()) {
	r := f.recorder
	r.encoding.Lock()
	defer r.encoding.Unlock()
	r.keepers = append(r.keepers, f)
	return func() {
		r.encoding.Lock()
		defer r.encoding.Unlock()
		r.keepers = slices.DeleteFunc(r.keepers, func(g *Follower) bool { return g == f })
		f.past = nil
	}
}

// from returns the chunk with the first exchange at or after a position, and the
// position of that; without one, the end.
func (s *chunks) from(position uint64) (uint64, chunk) {
	i := slices.IndexFunc(s.list, func(c chunk) bool { return c.first+uint64(c.exchanges) > position })
	if i < 0 {
		return s.kept, chunk{}
	}
	return max(position, s.list[i].first), s.list[i]
}

// read reads from the position on in the chunk that has it.
func (f *Follower) read(c chunk, d *decoder, most int, news *News) {
	skip, at := f.position-c.first, 0
	if f.at > 0 && f.chunk == c.first {
		skip, at = 0, f.at
	}
	for next, parts := range entries(c.b, at, exchangeEntry) {
		if skip > 0 {
			skip--
			continue
		}
		f.position++
		if f.add(&news.Ended, d.exchange(parts)) {
			news.At = append(news.At, Position(f.position))
		}
		f.chunk, f.at = c.first, next
		if most--; most <= 0 {
			return
		}
	}
}

// add adds an exchange that the filters mean, and reports whether they do.
func (f *Follower) add(to *record.Log, x record.Exchange) bool {
	if !x.Matches(f.filters...) {
		return false
	}
	*to = append(*to, x)
	return true
}
