package content

import (
	"encoding/binary"
	"errors"
	"io"
)

// Random is pseudo-random, incompressible content of any size. It is generated on demand, at any
// offset, and depends only on the seed.
type Random struct {
	seed uint64
	size int64
}

// NewRandom returns size bytes made from seed.
func NewRandom(seed uint64, size int64) Random {
	return Random{seed: mix(seed), size: size}
}

// Size implements [Content].
func (r Random) Size() int64 { return r.size }

const wordSize = 8

// ReadAt implements [io.ReaderAt].
func (r Random) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read random content: negative offset")
	}
	if off >= r.size {
		return 0, io.EOF
	}
	var err error
	if left := r.size - off; int64(len(p)) > left {
		p, err = p[:left], io.EOF
	}
	n := 0
	word := uint64(off / wordSize)
	if within := int(off % wordSize); within > 0 {
		var first [wordSize]byte
		binary.LittleEndian.PutUint64(first[:], r.word(word))
		n = copy(p, first[within:])
		word++
	}
	for ; len(p)-n >= wordSize; n += wordSize {
		binary.LittleEndian.PutUint64(p[n:], r.word(word))
		word++
	}
	if n < len(p) {
		var last [wordSize]byte
		binary.LittleEndian.PutUint64(last[:], r.word(word))
		n += copy(p[n:], last[:])
	}
	return n, err
}

func (r Random) word(i uint64) uint64 { return mix(r.seed + i) }

// mix is the output function of SplitMix64, a bijection that passes statistical tests of randomness
// for consecutive inputs.
func mix(x uint64) uint64 {
	x = (x + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// concat is the concatenation of contents.
type concat []Content

func (c concat) Size() int64 {
	var size int64
	for _, part := range c {
		size += part.Size()
	}
	return size
}

func (c concat) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read content: negative offset")
	}
	n := 0
	for _, part := range c {
		size := part.Size()
		if off >= size {
			off -= size
			continue
		}
		k, err := part.ReadAt(p[n:min(len(p), n+int(min(size-off, int64(len(p)))))], off)
		n += k
		if err != nil && err != io.EOF {
			return n, err
		}
		if n == len(p) {
			return n, nil
		}
		off = 0
	}
	return n, io.EOF
}
