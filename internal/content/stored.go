package content

import (
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"io"
)

// stored is content in a gzip stream (RFC 1952) of stored, that is, uncompressed, blocks (RFC 1951,
// section 3.2.4). Its length depends only on the framing, it is the same with every version of Go,
// and it is readable at any offset.
type stored struct {
	header []byte
	body   Content
	crc    func() uint32 // checksum of the body; called only when the trailer is read
}

const (
	gzipHeader    = 10
	gzipTrailer   = 8
	blockHeader   = 5
	blockBody     = 65535
	flagComment   = 1 << 4
	unknownSystem = 255
)

// storedSize returns the size of a framed body of n > 0 bytes.
func storedSize(n int64) int64 {
	blocks := (n + blockBody - 1) / blockBody
	return gzipHeader + n + blocks*blockHeader + gzipTrailer
}

// gzipHead returns the header of a gzip stream with a comment of the given length, including the
// final NUL.
func gzipHead(comment int) []byte {
	h := make([]byte, gzipHeader+comment)
	copy(h, []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, unknownSystem})
	if comment > 0 {
		h[3] = flagComment
		for i := gzipHeader; i < len(h)-1; i++ {
			h[i] = ' '
		}
	}
	return h
}

// Size implements [Content].
func (s *stored) Size() int64 {
	return int64(len(s.header)-gzipHeader) + storedSize(s.body.Size())
}

func (s *stored) trailer() []byte {
	var t [gzipTrailer]byte
	binary.LittleEndian.PutUint32(t[:], s.crc())
	binary.LittleEndian.PutUint32(t[4:], uint32(s.body.Size()))
	return t[:]
}

// block returns the header and the length of the i-th block.
func (s *stored) block(i int64) ([]byte, int64) {
	left := s.body.Size() - i*blockBody
	n := min(left, blockBody)
	h := make([]byte, blockHeader)
	if left <= blockBody {
		h[0] = 1
	}
	binary.LittleEndian.PutUint16(h[1:], uint16(n))
	binary.LittleEndian.PutUint16(h[3:], ^uint16(n))
	return h, n
}

// ReadAt implements [io.ReaderAt].
func (s *stored) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read a gzip stream: negative offset")
	}
	n := 0
	for n < len(p) {
		k, err := s.readPiece(p[n:], off+int64(n))
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// readPiece reads from the piece at the offset: the header, a block header, a block, or the
// trailer.
func (s *stored) readPiece(p []byte, off int64) (int, error) {
	if off < int64(len(s.header)) {
		return copy(p, s.header[off:]), nil
	}
	if start := s.Size() - gzipTrailer; off >= start {
		if off >= s.Size() {
			return 0, io.EOF
		}
		return copy(p, s.trailer()[off-start:]), nil
	}
	off -= int64(len(s.header))
	i, within := off/(blockHeader+blockBody), off%(blockHeader+blockBody)
	h, length := s.block(i)
	if within < blockHeader {
		return copy(p, h[within:]), nil
	}
	within -= blockHeader
	n, err := s.body.ReadAt(p[:min(int64(len(p)), length-within)], i*blockBody+within)
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

// sum reads the body once and writes it to body, and the whole stream to whole. It returns the
// checksum of the body.
func (s *stored) sum(body, whole hash.Hash) (uint32, error) {
	crc := crc32.NewIEEE()
	whole.Write(s.header)
	buf := make([]byte, blockBody)
	for i := int64(0); i*blockBody < s.body.Size(); i++ {
		header, n := s.block(i)
		if k, err := s.body.ReadAt(buf[:n], i*blockBody); int64(k) < n {
			return 0, err
		}
		whole.Write(header)
		for _, h := range []hash.Hash{crc, body, whole} {
			h.Write(buf[:n])
		}
	}
	known := *s
	known.crc = crc.Sum32
	whole.Write(known.trailer())
	return crc.Sum32(), nil
}
