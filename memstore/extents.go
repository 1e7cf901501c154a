package memstore

import (
	"iter"
	"sort"

	"github.com/ocifake/ocifake/registry"
)

const (
	maxExtent = 1 << 20
	minExtent = 4 << 10 // unless the length of the content is known to be less
	growth    = 3       // the next extent is so many times as long as the content before it
)

// extent is a part of content in memory. It has at least one byte.
type extent struct {
	start int64
	data  []byte
}

// extents are content in memory, in order and without gaps.
type extents []extent

// span returns the n bytes from the offset off, which must exist, in pieces that are not
// copied.
func (x extents) span(off, n int64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if n <= 0 {
			return
		}
		i := sort.Search(len(x), func(i int) bool { return x[i].start > off }) - 1
		for ; n > 0; i++ {
			p := x[i].data[off-x[i].start:]
			p = p[:min(int64(len(p)), n):len(p)]
			if !yield(p) {
				return
			}
			off += int64(len(p))
			n -= int64(len(p))
		}
	}
}

// buffer is the content of an upload. Only its last extent may have unused space.
type buffer struct {
	extents extents
	size    int64
}

// capacity returns the number of allocated bytes.
func (b *buffer) capacity() int64 {
	if len(b.extents) == 0 {
		return 0
	}
	last := b.extents[len(b.extents)-1]
	return last.start + int64(cap(last.data))
}

// room returns the unused part of the last extent.
func (b *buffer) room() []byte {
	if len(b.extents) == 0 {
		return nil
	}
	last := b.extents[len(b.extents)-1].data
	return last[len(last):cap(last)]
}

// filled makes the first n bytes of the room part of the content.
func (b *buffer) filled(n int) {
	last := &b.extents[len(b.extents)-1]
	last.data = last.data[:len(last.data)+n]
	b.size += int64(n)
}

// extend adds an extent of n bytes with the given first byte.
func (b *buffer) extend(n int64, first byte) {
	data := make([]byte, 1, n)
	data[0] = first
	b.extents = append(b.extents, extent{b.size, data})
	b.size++
}

// wanted returns the length of the next extent if left bytes are announced. It is at most
// growth times the size of the content, so that a client cannot make the store allocate
// memory by an announcement, and a session of many small chunks has few extents.
func (b *buffer) wanted(left int64) int64 {
	n := min(max(growth*b.size, minExtent), maxExtent)
	if left == registry.Unknown {
		return n
	}
	if b.size > 0 {
		left = max(left, minExtent)
	}
	return min(n, left)
}

// truncate removes the content after the first size bytes.
func (b *buffer) truncate(size int64) {
	n := len(b.extents)
	for n > 0 && b.extents[n-1].start >= size {
		n--
		b.extents[n] = extent{}
	}
	b.extents = b.extents[:n]
	if n > 0 {
		last := &b.extents[n-1]
		last.data = last.data[:size-last.start]
	}
	b.size = size
}

// trim releases the room.
func (b *buffer) trim() {
	if len(b.room()) == 0 {
		return
	}
	last := &b.extents[len(b.extents)-1]
	exact := make([]byte, len(last.data))
	copy(exact, last.data)
	last.data = exact
}
