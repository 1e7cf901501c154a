package registry

import (
	"io"

	"github.com/ocifake/ocifake/internal/must"
)

// NewBlob returns a [Blob] for an [io.ReaderAt], such as an open file or a [bytes.Reader], for
// implementations of Store. Closing the blob closes r if r is an [io.Closer].
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
