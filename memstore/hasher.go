package memstore

import (
	"hash"
	"sync"

	"github.com/opencontainers/go-digest"
)

// ahead is how many pieces may wait for the hashing goroutine.
const ahead = 32

// hasher computes the digest of a buffer while it is filled. Writing to a
// hash.Hash never fails.
type hasher struct {
	algorithm digest.Algorithm
	hash      hash.Hash
	hashed    int64 // bytes of the buffer

	pieces  chan []byte // to the goroutine; nil if there is none
	running sync.WaitGroup
}

// resume continues from a copy of the hash state of a session.
func (h *hasher) resume(u *upload, algorithm digest.Algorithm) {
	h.algorithm = algorithm
	if algorithm == u.algorithm && u.hash != nil {
		if c, ok := u.hash.(hash.Cloner); ok {
			if clone, err := c.Clone(); err == nil {
				h.hash, h.hashed = clone, u.hashed
				return
			}
		}
	}
	h.hash, h.hashed = algorithm.Hash(), 0
}

// follow hashes the new bytes of the buffer. If parallel is set, it uses a goroutine that
// [hasher.stop] ends.
func (h *hasher) follow(b *buffer, parallel bool) {
	if parallel && h.pieces == nil {
		pieces := make(chan []byte, ahead)
		h.pieces = pieces
		h.running.Go(func() {
			for p := range pieces {
				h.hash.Write(p)
			}
		})
	}
	for p := range b.extents.span(h.hashed, b.size-h.hashed) {
		if h.pieces != nil {
			h.pieces <- p
		} else {
			h.hash.Write(p)
		}
	}
	h.hashed = b.size
}

// stop waits until everything is hashed.
func (h *hasher) stop() {
	if h.pieces != nil {
		close(h.pieces)
		h.pieces = nil
	}
	h.running.Wait()
}

func (h *hasher) digest() digest.Digest {
	h.stop()
	return digest.NewDigest(h.algorithm, h.hash)
}
