package recorder

import (
	"bytes"
	varint "encoding/binary"
	"iter"
	"slices"
)

const (
	minChunk = 4 << 10
	maxChunk = 256 << 10
)

// kind is what an entry is about, and its first byte.
type kind byte

const (
	exchangeEntry kind = iota
	connectionEntry
)

// segmentsOf is how many segments follow the first byte of an entry.
func segmentsOf(k kind) int {
	if k == connectionEntry {
		return 1
	}
	return segments
}

// chunks keep entries, the newest at the end, within a limit: what is too much
// is dropped from the front, a chunk at a time.
//
// A segment that is already in the chunk is not stored again but referred to:
// requests of the same kind and client differ in little.
type chunks struct {
	max, size int64 // bytes
	list      []chunk
	places    []uint32 // by hash: where a segment stands in the newest chunk, plus 1
	dropped   int      // exchanges
	kept      uint64   // exchanges that were ever kept; clearing counts as one
	clearedAt uint64   // kept then
}

// chunk is never changed but by appending within its capacity, so that a copy
// of it can be read while it grows.
type chunk struct {
	b         []byte
	first     uint64 // how many exchanges were kept before those in it
	exchanges int
}

// add keeps an entry.
func (s *chunks) add(k kind, parts []segment) {
	need := 1
	for i := range parts {
		need += varint.MaxVarintLen32 + len(parts[i].b)
	}
	exchanges := 0
	if k == exchangeEntry {
		exchanges = 1
	}
	if !s.makeRoom(need) {
		s.dropped += exchanges
		return
	}
	c := &s.list[len(s.list)-1]
	c.exchanges += exchanges
	s.kept += uint64(exchanges)
	c.b = append(c.b, byte(k))
	for i := range parts {
		c.b = s.addSegment(c.b, &parts[i])
	}
}

func (s *chunks) addSegment(b []byte, part *segment) []byte {
	if part.sum == 0 {
		return packSegment(b, part.b)
	}
	place := &s.places[part.sum&uint64(len(s.places)-1)]
	if *place > 0 {
		if there, _ := segmentAt(b, int(*place-1)); bytes.Equal(there, part.b) {
			return packUint(b, uint64(*place-1)<<1|1)
		}
	}
	*place = uint32(len(b)) + 1
	return packSegment(b, part.b)
}

// packSegment packs a segment in full.
func packSegment(b, part []byte) []byte {
	return append(packUint(b, uint64(len(part))<<1), part...)
}

// segmentAt returns the segment at an offset of a chunk, whether it stands there
// or is referred to, and the offset of what follows.
func segmentAt(b []byte, at int) (part []byte, next int) {
	n, size := varint.Uvarint(b[at:])
	next = at + size
	if n&1 == 1 {
		part, _ = segmentAt(b, int(n>>1))
		return part, next
	}
	end := next + int(n>>1)
	return b[next:end:end], end
}

// makeRoom makes sure that an entry fits into the last chunk, or tells that it
// is larger than all that may be kept.
func (s *chunks) makeRoom(need int) bool {
	if n := len(s.list); n > 0 && cap(s.list[n-1].b)-len(s.list[n-1].b) >= need {
		return true
	}
	if int64(need) > s.max {
		return false
	}
	size := max(need, s.nextSize())
	for s.size+int64(size) > s.max {
		s.size -= int64(cap(s.list[0].b))
		s.dropped += s.list[0].exchanges
		s.list = slices.Delete(s.list, 0, 1)
	}
	s.size += int64(size)
	s.list = append(s.list, chunk{b: make([]byte, 0, size), first: s.kept})
	places := 32
	for places*128 < size {
		places *= 2
	}
	s.places = make([]uint32, places)
	return true
}

// nextSize is small at first: most recorders see a few requests.
func (s *chunks) nextSize() int {
	largest := int(min(max(s.max/16, minChunk), maxChunk, s.max))
	if n := len(s.list); n > 0 {
		return min(max(2*cap(s.list[n-1].b), minChunk), largest)
	}
	return min(minChunk, largest)
}

// clear forgets everything, but for the place in the order, of which it takes one.
func (s *chunks) clear() { *s = chunks{max: s.max, kept: s.kept + 1, clearedAt: s.kept + 1} }

// bytes returns the content of all chunks.
func (s *chunks) bytes() [][]byte {
	all := make([][]byte, len(s.list))
	for i := range s.list {
		all[i] = s.list[i].b
	}
	return all
}

// eachEntry calls a function with the segments of each entry of a kind. They
// are those of the chunk: not to be changed, nor the slice kept.
func eachEntry(b []byte, k kind, call func(parts [][]byte)) {
	for _, parts := range entries(b, 0, k) {
		call(parts)
	}
}

// entries iterates over the entries of a kind from an offset on: the offset of what
// follows, and the segments, for which what [eachEntry] says holds.
func entries(b []byte, at int, k kind) iter.Seq2[int, [][]byte] {
	return func(yield func(int, [][]byte) bool) {
		var room [segments][]byte
		for at < len(b) {
			this := kind(b[at])
			parts := room[:segmentsOf(this)]
			at++
			for i := range parts {
				parts[i], at = segmentAt(b, at)
			}
			if this == k && !yield(at, parts) {
				return
			}
		}
	}
}
