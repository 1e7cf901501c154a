package registry

import (
	"io"

	"github.com/ocifake/ocifake/internal/must"
)

// NewBlob makes a [Blob] of content that can be read at any offset: an open
// file, a [bytes.Reader], a generator. Closing the blob closes r, if that can be
// closed. For Store implementations.
func NewBlob(r io.ReaderAt, size int64) Blob {
	must.NotNil("registry: NewBlob: r", r)
	return &blob{ReaderAt: r, size: size}
}

type blob struct {
	io.ReaderAt
	size int64
}

func (b *blob) Size() int64 { return b.size }

func (b *blob) WriteRange(w io.Writer, off, n int64) (int64, error) {
	return io.CopyN(w, io.NewSectionReader(b, off, n), n)
}

func (b *blob) Close() error {
	if c, ok := b.ReaderAt.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
