package recorder

import (
	"slices"

	"github.com/ocifake/ocifake/record"
)

// Position is a place in the order in which exchanges end, since the recorder was
// made. [Recorder.Clear] takes a place of its own.
type Position uint64

// Follower reads the exchanges of a recorder in steps, each exchange once. It blocks
// nobody and keeps nothing: exchanges that are dropped before it reads them are missed,
// as are cleared ones unless [Follower.Keep] is called. It is not safe for concurrent use,
// and need not be closed.
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
	past     []past // what was cleared, if it is kept; guarded by the recorder's mutex
	begun    uint64 // number of the latest request that was looked at in flight
	position uint64
}

// News is what has happened since a [Follower] looked before.
type News struct {
	// Cleared is not 0 if the recorder was cleared after the position: requests up to
	// this one are no longer on record. The rest of the news is about later ones.
	Cleared record.Mark

	// Begun are the requests that have begun since and are in flight, in the order in
	// which they began. A request that is among them is so before it is among Ended.
	// Requests that end soon are among Ended only.
	Begun record.Log

	// Ended are the exchanges that have ended, in the order of their end, and At the
	// positions behind each: a follower that begins there reads all that come after.
	Ended record.Log
	At    []Position

	// Missed is how many exchanges had ended behind the position before, and were
	// dropped because there was no room for them.
	Missed int

	// Position is behind all that was looked at.
	Position Position

	// More reports whether further exchanges have ended already.
	More bool
}

// Follow returns a follower of the exchanges that all filters match. It begins with those
// that ended after a position, and with all requests in flight.
func (r *Recorder) Follow(from Position, filters ...record.Filter) *Follower {
	return &Follower{recorder: r, filters: slices.Clone(filters), position: uint64(from)}
}

// Position returns the present place: behind all exchanges that have ended.
func (r *Recorder) Position() Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Position(r.ended.end())
}

// Next returns what has happened since the last call. It looks at no more than a number of
// ended exchanges, including those that the filters do not match. It does not wait, and
// its cost does not depend on how much is on record.
func (f *Follower) Next(most int) News {
	var news News
	open, ended, position := f.look(most, &news)
	for _, e := range slices.Backward(open) {
		if e.open { // else it is about to be among Ended
			f.add(&news.Begun, e)
		}
	}
	for i, e := range ended {
		if f.add(&news.Ended, e) {
			news.At = append(news.At, Position(position+uint64(i)+1))
		}
	}
	return news
}

// look takes what is new at one moment: requests in flight, and the next exchanges that
// have ended, with the position of the first.
func (f *Follower) look(most int, news *News) (open, ended []*entry, position uint64) {
	r := f.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	open = r.inFlight(max(f.begun, r.cleared))
	f.begun = r.seq
	ended, position = f.next(news)
	ended = slices.Clone(ended[:min(max(most, 1), len(ended))])
	f.position = position + uint64(len(ended))
	news.Position = Position(f.position)
	news.More = f.position < r.ended.end()
	return open, ended, position
}

// next returns the exchanges from the position on, past what was cleared, with the
// position of the first. The recorder's mutex is held.
func (f *Follower) next(news *News) (ended []*entry, position uint64) {
	r := f.recorder
	for ; len(f.past) > 0; f.past = slices.Delete(f.past, 0, 1) {
		p := &f.past[0]
		if ended, position := f.seek(&p.ended, news); len(ended) > 0 {
			return ended, position
		}
		news.Cleared = p.cleared
		f.position = p.ended.end() + 1
	}
	if f.position < r.clearedAt {
		news.Cleared = record.Mark(r.cleared)
		f.position = r.clearedAt
	}
	return f.seek(&r.ended, news)
}

// seek returns the exchanges from the position on, or from the first one there is.
func (f *Follower) seek(ended *ring[*entry], news *News) ([]*entry, uint64) {
	list, position := ended.from(f.position)
	if position > f.position {
		news.Missed += int(position - f.position)
	}
	return list, position
}

// past is what had ended before the recorder was cleared.
type past struct {
	ended   ring[*entry]
	cleared record.Mark
}

// Keep keeps for the follower what [Recorder.Clear] forgets, until it has read that or
// stop is called: it reads every exchange that ends, other than those in flight when the
// recorder is cleared. [Options.MaxBytes] does not bound the memory for it.
func (f *Follower) Keep() (stop func()) {
	r := f.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keepers = append(r.keepers, f)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.keepers = slices.DeleteFunc(r.keepers, func(g *Follower) bool { return g == f })
		f.past = nil
	}
}

// add adds an exchange that the filters match, and reports whether they do.
func (f *Follower) add(to *record.Log, e *entry) bool {
	x := e.read()
	if !x.Matches(f.filters...) {
		return false
	}
	*to = append(*to, x)
	return true
}
