package engine

import (
	"hash/fnv"
	"io"
)

// Of so many points an occurrences counts each by itself; further ones share
// counters.
const (
	maxPoints    = 1 << 14
	sharedPoints = 1 << 8
)

// occurrences counts how often each point was asked for, in bounded memory. The zero
// value has counted nothing.
type occurrences struct {
	exact  map[uint64]uint32 // by hash
	shared []uint32
}

// count returns the number that one more request for the point has, from 1. With
// remember, the request is counted.
func (o *occurrences) count(point string, remember bool) int {
	if o.exact == nil {
		o.exact = map[uint64]uint32{}
	}
	hash := fnv.New64a()
	io.WriteString(hash, point)
	h := mix(hash.Sum64())
	n, known := o.exact[h]
	switch {
	case known || len(o.exact) < maxPoints:
		n++
		if remember {
			o.exact[h] = n
		}
		return int(n)
	case o.shared == nil:
		o.shared = make([]uint32, sharedPoints)
	}
	at := &o.shared[h%sharedPoints]
	n = *at + 1
	if remember {
		*at = n
	}
	return int(n)
}
