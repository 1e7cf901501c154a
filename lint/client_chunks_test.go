package lint_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

// errLost reports that a session cannot be continued, so that the upload has to start anew.
var errLost = errors.New("the session is lost")

// session is an upload in chunks.
type session struct {
	repo     string
	blob     blob
	first    string // location of the answer to POST
	location string // latest location
	offset   int    // first byte that the registry lacks
	sent     int    // chunks
}

// sendChunks sends a blob in chunks and closes the session. It returns errUnsupported if the registry
// refuses chunks; the session is cancelled then.
func (c *client) sendChunks(repo string, b blob, location string, size int) error {
	s := &session{repo: repo, blob: b, first: location, location: location}
	for failures := 0; s.offset < len(b.data); {
		end := min(s.offset+size, len(b.data))
		if c.has("chunk-below-minimum", "small chunk in the middle") && s.sent == 1 {
			end = s.offset + size/2
		}
		a, err := c.retryChunk(s, end)
		var status *statusError
		switch {
		case err == nil:
			c.advance(s, a, end)
			s.sent++
			continue
		case failures == 3:
			return err
		case errors.As(err, &status) && s.sent == 0 && status.answer.status/100 == 4 && status.answer.status != 404:
			c.cancel(repo, s.location)
			return errUnsupported
		case errors.As(err, &status) && status.answer.status/100 == 4 && status.answer.status != 416 && status.answer.status != 429:
			return err
		}
		wait, _ := c.backoff(call{}, answerOf(err), transient(err), failures+1)
		failures++
		c.pause(wait)
		if err := c.resume(s); err != nil {
			c.cancel(repo, s.location)
			return fmt.Errorf("%w: %w", errLost, err)
		}
	}
	if c.has("upload-left-open", "not closed after the last chunk") {
		return nil
	}
	location = s.location
	if c.has("upload-location-stale", "first location for the PUT") {
		location = s.first
	}
	_, err := c.do(call{method: http.MethodPut, url: c.closing(location, b.Digest), scope: pushScope(repo), once: true}, 201)
	return err
}

// retryChunk sends a chunk. A mutant repeats it blindly after a failure.
func (c *client) retryChunk(s *session, end int) (a *answer, err error) {
	for attempt := 1; ; attempt++ {
		a, err = c.sendChunk(s, end)
		if err == nil || c.id != "retry-not-idempotent" || attempt == 3 {
			return a, err
		}
		wait, _ := c.backoff(call{}, answerOf(err), transient(err), attempt)
		c.pause(wait)
	}
}

func answerOf(err error) *answer {
	var status *statusError
	if errors.As(err, &status) {
		return status.answer
	}
	return nil
}

func transient(err error) error {
	if answerOf(err) != nil {
		return nil
	}
	return err
}

// sendChunk sends the bytes from the offset of a session to end.
func (c *client) sendChunk(s *session, end int) (*answer, error) {
	location := s.location
	if c.has("upload-location-stale", "first location for every chunk") {
		location = s.first
	}
	q := call{
		method: http.MethodPatch, url: c.address(location), body: s.blob.data[s.offset:end], scope: pushScope(s.repo), once: true,
		header: map[string]string{"Content-Type": "application/octet-stream", "Content-Range": c.contentRange(s, end)},
	}
	if q.header["Content-Range"] == "" {
		delete(q.header, "Content-Range")
	}
	a, err := c.send(q)
	if err != nil {
		return nil, err
	}
	switch a.status {
	case http.StatusAccepted, http.StatusCreated, http.StatusNoContent:
		return a, nil
	}
	return a, &statusError{q, a}
}

// contentRange returns the Content-Range of a chunk: both ends are included.
func (c *client) contentRange(s *session, end int) string {
	begin, last := s.offset, end-1
	switch {
	case c.has("chunk-range-missing", "on every chunk"), c.id == "retry-not-idempotent":
		return ""
	case c.has("chunk-range-missing", "on later chunks") && s.offset > 0:
		return ""
	case c.has("chunk-range-missing", "on the last chunk") && end == len(s.blob.data):
		return ""
	case c.has("chunk-range-wrong", "end not included"):
		last = end
	case c.has("chunk-range-wrong", "begins at zero"):
		begin, last = 0, end-s.offset-1
	case c.has("chunk-range-wrong", "offset and length"):
		last = end - s.offset
	case c.has("chunk-range-wrong", "overlaps by one") && s.offset > 0:
		begin--
		last--
	case c.has("chunk-range-wrong", "form of HTTP"):
		return fmt.Sprintf("bytes %d-%d/%d", begin, last, len(s.blob.data))
	}
	return fmt.Sprintf("%d-%d", begin, last)
}

// advance takes the location and the offset from an answer.
func (c *client) advance(s *session, a *answer, sent int) {
	s.offset = sent
	if end, ok := endOfRange(a.header.Get("Range")); ok {
		s.offset = end + 1
	}
	if c.has("chunk-range-wrong", "overlaps by one") || c.has("chunk-range-wrong", "begins at zero") {
		s.offset = sent
	}
	if c.has("upload-location-stale", "one answer behind") && s.sent == 0 {
		return
	}
	if location, err := resolve(a.url, a.header.Get("Location")); err == nil && a.header.Get("Location") != "" {
		s.location = location
	}
}

var rangeEnd = regexp.MustCompile(`^(?:bytes=)?0-(\d+)$`)

func endOfRange(value string) (int, bool) {
	m := rangeEnd.FindStringSubmatch(value)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// resume asks the registry for the offset of a session after a failure.
func (c *client) resume(s *session) error {
	a, err := c.do(call{method: http.MethodGet, url: c.address(s.location), scope: pushScope(s.repo)}, 204)
	if err != nil {
		return err
	}
	c.advance(s, a, s.offset)
	if s.offset == 1 && len(s.blob.data) != 1 && s.sent == 0 {
		s.offset = 0 // "0-0" is how some registries say that they have nothing
	}
	return nil
}

// address returns the URL of a session for a request: the location, unless the client is a mutant that
// makes its own.
func (c *client) address(location string) string {
	if c.id != "upload-location" {
		return location
	}
	u, err := url.Parse(location)
	if err != nil {
		return location
	}
	switch c.variant {
	case "query dropped":
		u.RawQuery = ""
	case "path rebuilt":
		id := u.Path[strings.LastIndex(u.Path, "/")+1:]
		return c.base + "/v2/app/blobs/uploads/" + id
	case "path ends in a slash":
		u.Path += "/"
	case "host of the command line":
		u.Host = "localhost:" + u.Port()
	case "port dropped":
		u.Host = u.Hostname()
	case "scheme https":
		u.Scheme = "https"
	}
	return u.String()
}

// reordered returns the URL that closes a session with its query in another order.
func reordered(location string, d digest.Digest, variant string) string {
	path, query, _ := strings.Cut(location, "?")
	switch variant {
	case "digest first":
		return path + "?digest=" + url.QueryEscape(string(d)) + "&" + query
	case "sorted":
		values, err := url.ParseQuery(query)
		if err != nil {
			return location
		}
		values.Set("digest", string(d))
		return path + "?" + values.Encode()
	}
	return location
}
