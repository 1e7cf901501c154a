package effect

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/op"
)

// Compress sends the content in a content coding (RFC 9110, 8.4). The blocks of the coding
// are stored, not compressed, so that the length is known in advance.
type Compress struct {
	Coding string `json:"coding" doc:"gzip, deflate or zstd"`
	Length string `json:"length,omitempty" doc:"Content-Length: coded, that of the coded content; plain, that of the content itself; by default there is none"`
}

const codingHeader = "Content-Encoding"

// The values of Compress.Length.
const (
	CodedLength = "coded"
	PlainLength = "plain"
)

func (Compress) Kind() string { return "compress" }

func (e Compress) check() error {
	if _, ok := codingOf(e.Coding); !ok {
		return fmt.Errorf("there is no coding %q: %s", e.Coding, near.Hint(e.Coding, codingNames()))
	}
	if lengths := []string{"", CodedLength, PlainLength}; !slices.Contains(lengths, e.Length) {
		return fmt.Errorf("length %q: %s", e.Length, near.Hint(e.Length, lengths[1:]))
	}
	return nil
}

func (Compress) actsOn() filter.Ops { return answersWithBody() }

func (Compress) prospect(_ *op.Info, r *http.Request) Prospect { return inBody(r) }

func (e Compress) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	var coded *coder
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		length, known := contentLength(w.Header())
		if bodyless(status) || known && length == 0 || !known && e.Length != "" || !x.act() {
			return status
		}
		c, _ := codingOf(e.Coding)
		coded = &coder{coding: c, w: w, left: c.length(length)}
		codings := append(w.Header().Values(codingHeader), e.Coding) // in the order in which they were applied
		w.Header().Set(codingHeader, strings.Join(codings, ", "))
		switch e.Length {
		case CodedLength:
			setContentLength(w.Header(), coded.left)
		case PlainLength:
			coded.left = length
		case "":
			coded.left = math.MaxInt64
			out.unsized = true
			w.Header().Del(lengthHeader)
		}
		return status
	}
	out.body = func(p []byte) (int, error) {
		if coded == nil {
			return w.Write(p)
		}
		return coded.Write(p)
	}
	out.serve(r, next)
	if coded != nil {
		coded.close()
	}
}

// coding is a content coding whose blocks can be stored.
type coding struct {
	name string
	head string // of the content
	most int    // bytes in a block
	open func(last bool, n int) []byte
	sum  func() hash.Hash32 // nil: none
	tail func(sum uint32, length int64) []byte
}

func codings() []coding {
	return []coding{
		{
			name: "gzip", head: "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", most: maxStored, open: openStored, sum: crc32.NewIEEE,
			tail: func(sum uint32, length int64) []byte {
				return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, sum), uint32(length))
			},
		},
		{
			name: "deflate", head: "\x78\x01", most: maxStored, open: openStored, sum: adler32.New,
			tail: func(sum uint32, _ int64) []byte { return binary.BigEndian.AppendUint32(nil, sum) },
		},
		{
			name: "zstd", head: "\x28\xb5\x2f\xfd\x00\x38", most: 64 << 10, // a window of 128 KiB
			open: func(last bool, n int) []byte {
				header := uint32(n) << 3
				if last {
					header |= 1
				}
				return binary.LittleEndian.AppendUint32(nil, header)[:3]
			},
		},
	}
}

// maxStored is the maximum length of a stored block (RFC 1951, 3.2.4).
const maxStored = 1<<16 - 1

func openStored(last bool, n int) []byte {
	header := []byte{0}
	if last {
		header[0] = 1
	}
	return binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(header, uint16(n)), ^uint16(n))
}

func codingOf(name string) (coding, bool) {
	all := codings()
	i := slices.IndexFunc(all, func(c coding) bool { return c.name == name })
	if i < 0 {
		return coding{}, false
	}
	return all[i], true
}

func codingNames() (names []string) {
	for _, c := range codings() {
		names = append(names, c.name)
	}
	return names
}

// end returns the last block, which is empty, and the tail.
func (c coding) end(sum uint32, length int64) []byte {
	end := c.open(true, 0)
	if c.tail != nil {
		end = append(end, c.tail(sum, length)...)
	}
	return end
}

// length returns the length of the coded form of n bytes.
func (c coding) length(n int64) int64 {
	blocks := (n + int64(c.most) - 1) / int64(c.most)
	return int64(len(c.head)) + n + blocks*int64(len(c.open(false, 0))) + int64(len(c.end(0, 0)))
}

// coder writes content in a coding, in blocks of the same size but for the last one.
type coder struct {
	coding
	w      io.Writer
	left   int64 // bytes to write; the rest is discarded
	sum    hash.Hash32
	block  []byte
	begun  bool
	length int64
}

func (c *coder) Write(p []byte) (int, error) {
	if c.block == nil {
		c.block = make([]byte, 0, c.most)
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), c.most-len(c.block))
		c.block, rest = append(c.block, rest[:n]...), rest[n:]
		if len(c.block) == c.most {
			if err := c.flush(); err != nil {
				return len(p) - len(rest), err
			}
		}
	}
	return len(p), nil
}

// flush writes the head, if it is not written yet, and the block.
func (c *coder) flush() error {
	var header []byte
	if !c.begun {
		c.begun, header = true, []byte(c.head)
		if c.coding.sum != nil {
			c.sum = c.coding.sum()
		}
	}
	if len(c.block) > 0 {
		header = append(header, c.open(false, len(c.block))...)
	}
	c.length += int64(len(c.block))
	if c.sum != nil {
		_, _ = c.sum.Write(c.block) // a hash.Hash never fails
	}
	err := c.send(header)
	if err == nil {
		err = c.send(c.block)
	}
	c.block = c.block[:0]
	return err
}

func (c *coder) send(p []byte) error {
	p = p[:min(int64(len(p)), c.left)]
	c.left -= int64(len(p))
	if len(p) == 0 {
		return nil
	}
	_, err := c.w.Write(p)
	return err
}

// close writes the rest. If that fails, the client has left.
func (c *coder) close() {
	if c.flush() != nil {
		return
	}
	sum := uint32(0)
	if c.sum != nil {
		sum = c.sum.Sum32()
	}
	_ = c.send(c.end(sum, c.length))
}
