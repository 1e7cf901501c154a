package apistore

import (
	"errors"
	"io"
)

// counter counts the bytes that are read, and keeps the final error.
type counter struct {
	reader io.Reader
	n      int64
	err    error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}
