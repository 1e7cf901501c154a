package lint_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
)

// client is a client of one registry that does what the specification asks of clients, with net/http
// alone. It is used in a bubble of testing/synctest, so that its pauses take no time. A mutant is a
// client with a fault: has reports whether the client has it.
type client struct {
	base           string // "http://127.0.0.1:5000"
	user, password string // empty: anonymous

	id, variant string                     // of the fault; empty in the right client
	edit        func(*http.Request, op.Op) // changes each request, for faults of single requests
	pause       func(time.Duration)        // time.Sleep
	trip        func() http.RoundTripper   // returns the transport of the next request
	slots       chan struct{}              // one for each request in flight
	limit       int                        // of attempts
	chunk       int                        // size of a chunk, unless the registry has a larger minimum
	mu          lock                       // guards what follows
	challenges  map[string]challenge       // by host
	tokens      []token
	places      map[digest.Digest][]string // repositories that have a blob
}

// newClient returns a client of the registry at a URL.
func newClient(base string, transport http.RoundTripper) *client {
	return &client{
		base:       base,
		pause:      time.Sleep,
		trip:       func() http.RoundTripper { return transport },
		slots:      make(chan struct{}, 4),
		limit:      5,
		chunk:      2 << 20,
		mu:         make(lock, 1),
		challenges: map[string]challenge{},
		places:     map[digest.Digest][]string{},
	}
}

// lock is a mutex for a bubble: the clock goes on while goroutines wait for it.
type lock chan struct{}

func (l lock) Lock()   { l <- struct{}{} }
func (l lock) Unlock() { <-l }

// has reports whether the client has this variant of a fault.
func (c *client) has(id, variant string) bool { return c.id == id && c.variant == variant }

// call is a request.
type call struct {
	method string
	url    string // absolute, or a path of the registry
	header map[string]string
	body   []byte
	scope  string // access that the request needs: "repository:app:pull", several separated by spaces
	once   bool   // the request is not idempotent: it is repeated only if it was not processed
	etag   string // of the answer that a Range continues, if that came from a redirect
}

// answer is the answer to a request, with its body.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    error  // the body ended early
	url    string // after redirects
}

func (a *answer) String() string { return fmt.Sprintf("%d %s", a.status, bytes.TrimSpace(a.body)) }

// statusError is an answer that the client did not want.
type statusError struct {
	call
	answer *answer
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s: %s", e.method, e.url, e.answer)
}

// do sends a request, repeats it after failures that pass, and returns the answer if it has one of
// the wanted statuses.
func (c *client) do(q call, want ...int) (*answer, error) {
	a, err := c.retry(q)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(want, a.status) {
		return a, &statusError{q, a}
	}
	return a, nil
}

// retry sends a request until it is answered or the attempts are used up. It pauses longer each time,
// and at least as long as Retry-After says.
func (c *client) retry(q call) (*answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := c.send(q)
		wait, again := c.backoff(q, a, err, attempt)
		if !again || attempt >= c.attempts() {
			return a, err
		}
		c.pause(wait)
	}
}

func (c *client) attempts() int {
	switch {
	case c.has("retry-missing", "first answer counts"):
		return 1
	case c.id == "retry-endless":
		return 60 // the record has to end
	}
	return c.limit
}

// backoff returns how long the client waits before it repeats a request, and whether it does.
func (c *client) backoff(q call, a *answer, err error, attempt int) (time.Duration, bool) {
	wait := time.Second << min(attempt-1, 20)
	switch {
	case err != nil: // the request may have been processed
		return wait, !q.once
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable:
	case a.status == http.StatusInternalServerError, a.status == http.StatusBadGateway, a.status == http.StatusGatewayTimeout:
		if q.once {
			return 0, false
		}
	default:
		return 0, false
	}
	if c.has("retry-missing", "only 429 is repeated") && a.status != http.StatusTooManyRequests {
		return 0, false
	}
	after, ok := retryAfter(a.header.Get("Retry-After"))
	if ok && after > 5*time.Minute {
		return 0, false
	}
	switch {
	case c.has("retry-at-once", "no pause"):
		return 0, true
	case c.has("retry-at-once", "pause after the second failure") && attempt == 1:
		return 0, true
	case c.has("retry-too-early", "Retry-After is not read"):
		return wait, true
	case c.has("retry-too-early", "Retry-After in milliseconds"):
		if ok {
			return after / 1000, true
		}
	case c.has("retry-too-early", "a date is not understood"):
		if _, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil {
			return wait, true
		}
	case c.has("retry-too-early", "pause limited to its own maximum"):
		return min(max(after, wait), 2*time.Second), true
	case c.has("retry-without-backoff", "same pause"):
		return max(after, time.Second), true
	case c.has("retry-without-backoff", "pause shrinks"):
		return max(after, 8*time.Second>>attempt), true
	case c.has("retry-endless", "pause has a maximum"):
		wait = min(wait, time.Minute)
	case c.has("retry-endless", "pause grows"):
		wait = time.Duration(attempt) * 10 * time.Second
	}
	return max(after, wait), true
}

// retryAfter reads Retry-After: seconds or a date.
func retryAfter(value string) (time.Duration, bool) {
	if n, err := strconv.Atoi(value); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at), true
	}
	return 0, false
}

// send sends a request with the credentials of its host, once more with new ones if they are
// refused, and follows redirects of reads.
func (c *client) send(q call) (*answer, error) {
	if c.slots != nil {
		c.slots <- struct{}{}
		defer func() { <-c.slots }()
	}
	if strings.HasPrefix(q.url, "/") {
		q.url = c.base + q.url
	}
	for range 5 {
		a, err := c.authorized(q)
		if err != nil || a.status/100 != 3 || a.status == http.StatusNotModified || a.header.Get("Location") == "" {
			return a, err
		}
		if q.method != http.MethodGet && q.method != http.MethodHead {
			return a, nil
		}
		from := q.url
		if q.url, err = resolve(from, a.header.Get("Location")); err != nil {
			return nil, err
		}
		if q.etag != "" && q.header["Range"] != "" && !c.has("range-without-if-range", "ETag is not kept") {
			q.header["If-Range"] = q.etag
		}
	}
	return nil, fmt.Errorf("%s %s: too many redirects", q.method, q.url)
}

// resolve returns the URL of a Location or a Link, without rewriting it.
func resolve(from, to string) (string, error) {
	base, err := url.Parse(from)
	if err != nil {
		return "", err
	}
	if _, err := url.Parse(to); err != nil {
		return "", err
	}
	switch {
	case strings.HasPrefix(to, "http://"), strings.HasPrefix(to, "https://"):
		return to, nil
	case strings.HasPrefix(to, "/"):
		return base.Scheme + "://" + base.Host + to, nil
	}
	u, err := base.Parse(to)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// once sends one request and reads its answer.
func (c *client) once(q call, authorization string) (*answer, error) {
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	r, err := http.NewRequest(q.method, q.url, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "right-client/1.0")
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if c.edit != nil {
		c.edit(r, op.Parse(r.Method, r.URL).Op)
	}
	response, err := c.trip().RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a := &answer{status: response.StatusCode, header: response.Header, url: q.url}
	a.body, a.cut = io.ReadAll(io.LimitReader(response.Body, 64<<20))
	return a, nil
}

var errUnsupported = errors.New("the registry does not support this")
