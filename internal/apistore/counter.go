package apistore

import (
	"errors"
	"io"
)

// counter counts what is read, and keeps the error that reading ended with.
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
