package registry

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Content that is served by [http.ServeContent], as registries in Go do. It judges Range and the
// conditions, and knows more of them than the strict registry.

// serveContent answers a GET or HEAD with content, of which the header is set. trait is that of the
// dialect.
func (c *call) serveContent(content io.ReaderAt, size int64, trait string) error {
	if c.options.dialect.NoEntityTag {
		c.header().Del("Etag")
	}
	c.header().Del("Accept-Ranges") // some of the answers have it
	w := &contentWriter{call: c}
	r := &readErrors{ReaderAt: content}
	http.ServeContent(w, c.r, "", time.Time{}, io.NewSectionReader(r, 0, size))
	switch {
	case w.outside:
		c.state.AddTrait(trait)
		return &Error{Cause: RangeInvalid, Detail: map[string]any{"range": c.r.Header.Get("Range"), "size": size}}
	case r.err != nil:
		panic(http.ErrAbortHandler) // the client must learn that the body is not complete
	}
	if w.status != http.StatusOK {
		c.state.AddTrait(trait)
	}
	return nil
}

// serveBlob answers with a blob.
func (c *call) serveBlob(blob Blob) error {
	contentType, err := c.blobType(blob)
	if err != nil {
		return err
	}
	c.set("Content-Type", contentType)
	return c.serveContent(blob, blob.Size(), "blob.serve-content")
}

// contentWriter takes the answer of [http.ServeContent]. It leaves a range outside of the content to
// the caller.
type contentWriter struct {
	*call
	status  int
	outside bool
	whole   bool // the answer has its body
}

func (w *contentWriter) Header() http.Header { return w.header() }

func (w *contentWriter) WriteHeader(status int) {
	if w.outside = status == http.StatusRequestedRangeNotSatisfiable; w.outside {
		return
	}
	w.status = status
	w.whole = w.begin(status)
}

func (w *contentWriter) Write(p []byte) (int, error) {
	if w.outside || w.whole {
		return len(p), nil
	}
	return w.w.Write(p)
}

// readErrors keeps the error that reading has ended with.
type readErrors struct {
	io.ReaderAt
	err error
}

func (r *readErrors) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
