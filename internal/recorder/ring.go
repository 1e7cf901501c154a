package recorder

// ring keeps values within a limit of bytes: what is too much is dropped, the oldest
// first. A value has a position, which counts the values that were kept before it.
type ring[T sized] struct {
	max, size int64 // bytes
	list      []T
	first     uint64 // position of the first value in the list
	dropped   int
}

// sized is a value in a ring.
type sized interface {
	// bytes is at least what the value takes alone.
	bytes() int64

	// hold and release return the bytes that the value takes, and frees, beside what it
	// shares with other values in the ring.
	hold() int64
	release() int64
}

// add keeps a value, unless it is larger than the limit.
func (r *ring[T]) add(v T) {
	if v.bytes() > r.max {
		r.dropped++
		return
	}
	r.list = append(r.list, v)
	r.size += v.hold()
	for r.size > r.max {
		r.size -= r.list[0].release()
		clear(r.list[:1])
		r.list = r.list[1:]
		r.first++
		r.dropped++
	}
}

// end is the position behind the last value.
func (r *ring[T]) end() uint64 { return r.first + uint64(len(r.list)) }

// clear forgets all values. It takes a position of its own.
func (r *ring[T]) clear() {
	for _, v := range r.list {
		v.release()
	}
	*r = ring[T]{max: r.max, first: r.end() + 1}
}

// from returns the values from a position on, or from the first one there is, which must
// not be written to; and the position of the first of them.
func (r *ring[T]) from(position uint64) ([]T, uint64) {
	position = min(max(position, r.first), r.end())
	return r.list[position-r.first:], position
}
