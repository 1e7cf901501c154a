package layoutstore

import (
	"hash"
	"sync"
)

const (
	bufferSize = 256 << 10

	// A chunk of this size is hashed in a second goroutine. With a smaller one, that takes longer than
	// it saves.
	parallelSize = 4 << 20
)

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// hasher hashes what is read into its two buffers: of a large chunk, one while the other is filled.
type hasher struct {
	hash.Hash
	both    [2]*[bufferSize]byte
	next    int           // the buffer to fill
	pieces  chan []byte   // to the goroutine; nil: there is none
	hashed  chan struct{} // from it, for each piece
	pending int           // pieces that may not be hashed yet
}

func newHasher(h hash.Hash, parallel bool) *hasher {
	x := &hasher{Hash: h}
	x.both[0] = buffers.Get().(*[bufferSize]byte)
	if parallel {
		x.both[1] = buffers.Get().(*[bufferSize]byte)
		pieces, hashed := make(chan []byte), make(chan struct{}, len(x.both))
		x.pieces, x.hashed = pieces, hashed
		go func() {
			for p := range pieces {
				h.Write(p) // never fails
				hashed <- struct{}{}
			}
			close(hashed)
		}()
	}
	return x
}

// buffer returns the buffer for the next piece.
func (x *hasher) buffer() []byte {
	if x.pending == len(x.both) {
		<-x.hashed
		x.pending--
	}
	return x.both[x.next][:]
}

// add hashes a piece of the buffer.
func (x *hasher) add(p []byte) {
	if x.pieces == nil {
		x.Write(p)
		return
	}
	x.pieces <- p
	x.pending++
	x.next = 1 - x.next
}

// stop waits until everything is hashed, and releases the buffers.
func (x *hasher) stop() {
	if x.pieces != nil {
		close(x.pieces)
		for range x.hashed {
		}
		x.pieces = nil
	}
	for i, b := range x.both {
		if b != nil {
			buffers.Put(b)
		}
		x.both[i] = nil
	}
}
