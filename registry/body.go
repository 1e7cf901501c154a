package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// content is the body of a request and its length, or Unknown.
//
// In a request that was made in process, by [http.NewRequest], a nil Body is empty, and the
// length of any other Body is unknown if ContentLength is 0.
type content struct {
	io.Reader
	length int64
}

func contentOf(r *http.Request) content {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return content{http.NoBody, 0}
	case r.ContentLength <= 0:
		return content{r.Body, Unknown}
	}
	return content{r.Body, r.ContentLength}
}

// empty reports whether there is nothing in the body. If its length is not known, that
// waits for its first byte, or for its end.
func (b *content) empty() (bool, error) {
	if b.length != Unknown {
		return b.length == 0, nil
	}
	first := make([]byte, 1)
	switch _, err := io.ReadFull(b.Reader, first); {
	case err == nil:
		b.Reader = io.MultiReader(bytes.NewReader(first), b.Reader)
		return false, nil
	case errors.Is(err, io.EOF):
		*b = content{http.NoBody, 0}
		return true, nil
	default:
		return false, err
	}
}

// brokeOff is the error of a body that cannot be read.
func brokeOff(cause Cause, err error) error {
	return &Error{Cause: cause, Message: "the request body broke off: " + err.Error()}
}

// refuseContent refuses the body of a POST that has no use for one.
func (c *call) refuseContent() error {
	if c.options.dialect.IgnoreStray {
		return nil
	}
	switch empty, err := c.content.empty(); {
	case err != nil:
		return brokeOff(UploadInvalid, err)
	case !empty:
		return &Error{Cause: SizeInvalid, Message: "the body of a POST is a blob only with a digest parameter"}
	}
	return nil
}

// checkContentHeaders refuses what a header says about content that the registry would
// not act on: a content coding, which makes other bytes of it (RFC 9110, 8.4), and two
// values where there is one.
func (c *call) checkContentHeaders() error {
	for _, name := range []string{"Content-Type", "Content-Range"} {
		if len(c.r.Header[name]) > 1 {
			return &Error{Cause: Unsupported, Message: fmt.Sprintf("there is more than one %s header", name)}
		}
	}
	for _, coding := range c.r.Header["Content-Encoding"] {
		if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			unsupportedCoding.SetHeader(c.header(), c.r, c.store)
			return &Error{Cause: unsupportedCoding, Message: fmt.Sprintf("Content-Encoding %q: send content as it is stored", coding)}
		}
	}
	return nil
}
