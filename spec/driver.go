package spec

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// tester is what a check works with: it sends requests and remembers them, fails
// the check, and records what to remove when it ends.
type tester struct {
	*journal
	suite   *Suite
	auth    *authorizer     // nil: challenges are not answered
	context context.Context // lives as long as one check
}

// journal is what the goroutines of one check share.
type journal struct {
	mu        sync.Mutex
	exchanges []*exchange
	made      []item // to delete when the check ends
	known     map[item]bool
}

func newTester(ctx context.Context, s *Suite) *tester {
	return &tester{journal: &journal{known: map[item]bool{}}, suite: s, auth: s.auth, context: ctx}
}

// answer is a response, read to its end.
type answer struct {
	t       *tester
	request *http.Request // the last one, after redirects
	status  int
	header  http.Header
	body    []byte
	sent    *exchange
}

// content is the body of a request: bytes, and whether their length is announced.
type content struct {
	bytes   []byte
	blank   int       // spaces that follow the bytes; they are never in memory together
	chunked bool      // Transfer-Encoding: chunked, or no Content-Length in HTTP/2
	broken  io.Reader // read instead of bytes, if not nil, and ending with an error
}

// size returns the length of the whole content.
func (c content) size() int { return len(c.bytes) + c.blank }

// whole returns a reader of the whole content.
func (c content) whole() io.Reader {
	return io.MultiReader(bytes.NewReader(c.bytes), io.LimitReader(spaces{}, int64(c.blank)))
}

// digest returns the sha256 digest of the whole content.
func (c content) digest() digest.Digest {
	if c.blank == 0 {
		return digest.FromBytes(c.bytes)
	}
	d, _ := digest.FromReader(c.whole()) // memory reads without errors
	return d
}

// spaces is an endless reader of spaces.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// manifestTypes is what is asked for where manifests are: "The client SHOULD include
// an Accept header".
var manifestTypes = []string{
	ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
}

// do sends a request to a path of the API, "/v2/…", or to a URL that the registry
// handed out. Fields are names and values in turn; an empty Accept is none. It fails
// the check if there is no answer.
func (t *tester) do(method, target string, body []byte, fields ...string) *answer {
	return t.mustSend(method, target, content{bytes: body}, fields...)
}

func (t *tester) get(target string, fields ...string) *answer {
	return t.do(http.MethodGet, target, nil, fields...)
}

func (t *tester) head(target string, fields ...string) *answer {
	return t.do(http.MethodHead, target, nil, fields...)
}

func (t *tester) delete(target string, fields ...string) *answer {
	return t.do(http.MethodDelete, target, nil, fields...)
}

func (t *tester) mustSend(method, target string, body content, fields ...string) *answer {
	a, err := t.send(method, target, body, fields...)
	if err != nil {
		t.failf("%s %s: want an answer, got none: %v", method, target, err)
	}
	return a
}

// send is do, for requests that need not be answered.
func (t *tester) send(method, target string, body content, fields ...string) (*answer, error) {
	if strings.HasPrefix(target, "/") {
		target = t.suite.base + target
	}
	x := &exchange{method: method, url: target, header: http.Header{}, body: body, login: t.auth != nil && t.suite.target.Username != ""}
	for i := 0; i < len(fields); i += 2 {
		x.header.Add(fields[i], fields[i+1])
	}
	if reads := method == http.MethodGet || method == http.MethodHead; reads && x.header["Accept"] == nil && strings.Contains(target, "/manifests/") {
		x.header["Accept"] = slices.Clone(manifestTypes)
	} else if x.header.Get("Accept") == "" {
		delete(x.header, "Accept")
	}
	t.mu.Lock()
	t.exchanges = append(t.exchanges, x)
	t.mu.Unlock()
	ctx, cancel := lingering(t.context, linger)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	response, err := t.exchange(ctx, x)
	if err != nil {
		x.err = err
		t.deleteLater(t.suite.ledger.doubt(x))
		return nil, err
	}
	defer response.Body.Close()
	x.last, x.status, x.proto, x.answer = response.Request, response.StatusCode, response.Proto, response.Header
	t.deleteLater(t.suite.ledger.note(x))
	x.answerBody, err = readAll(response)
	if err != nil {
		x.err = err
		return nil, err
	}
	return &answer{t, response.Request, response.StatusCode, response.Header, x.answerBody, x}, nil
}

// readAll reads the body of an answer. Memory for an announced length is allocated at once, up to
// a limit: the registry may lie.
func readAll(response *http.Response) ([]byte, error) {
	const most = 8 << 20
	if response.ContentLength <= bytes.MinRead || response.ContentLength > most {
		return io.ReadAll(response.Body)
	}
	var b bytes.Buffer
	b.Grow(int(response.ContentLength) + bytes.MinRead) // it reads no more than that with this much space
	_, err := b.ReadFrom(response.Body)
	return b.Bytes(), err
}

// exchange sends the request with the credentials that the registry asks for.
func (t *tester) exchange(ctx context.Context, x *exchange) (*http.Response, error) {
	if err := context.Cause(t.context); err != nil {
		return nil, err
	}
	if x.method == http.MethodDelete {
		if err := t.suite.ledger.allows(x.url); err != nil {
			return nil, err
		}
	}
	if t.auth != nil {
		return t.auth.do(func() (*http.Request, error) { return x.request(ctx) })
	}
	r, err := x.request(ctx)
	if err != nil {
		return nil, err
	}
	return t.suite.client.Do(r)
}

func (x *exchange) request(ctx context.Context) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, x.method, x.url, x.body.reader())
	if err != nil {
		return nil, err
	}
	r.Header = x.header.Clone()
	// Without this, net/http asks for compression and then hides Content-Length.
	r.Header.Set("Accept-Encoding", "identity")
	if x.body.broken != nil || x.body.blank > 0 {
		r.ContentLength = int64(x.body.size())
	}
	if x.body.blank > 0 { // for redirects
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(x.body.whole()), nil }
	}
	return r, nil
}

func (c content) reader() io.Reader {
	switch {
	case c.broken != nil:
		return c.broken
	case c.chunked:
		return struct{ io.Reader }{bytes.NewReader(c.bytes)}
	case c.blank > 0:
		return c.whole()
	case c.bytes == nil:
		return http.NoBody
	}
	return bytes.NewReader(c.bytes)
}

// wants fails the check unless the status is one of those given.
func (a *answer) wants(statuses ...int) *answer {
	if !slices.Contains(statuses, a.status) {
		a.t.failf("%s %s: want status %s, got %d", a.sent.method, a.sent.url, statusText(statuses), a.status)
	}
	return a
}

// refuses fails the check unless the request was refused for a fault of the
// client's.
func (a *answer) refuses() *answer {
	if a.status < 400 || a.status > 499 {
		a.t.failf("%s %s: want it refused with a status 4xx, got %d", a.sent.method, a.sent.url, a.status)
	}
	return a
}

// survives fails the check if the registry broke.
func (a *answer) survives() *answer {
	if a.status >= 500 {
		a.t.failf("%s %s: want any answer but an error of the server, got %d", a.sent.method, a.sent.url, a.status)
	}
	return a
}

// field returns the value of a header field, which must be there.
func (a *answer) field(name string) string {
	if a.header.Get(name) == "" {
		a.t.failf("%s %s: want the header field %s in the answer, got none", a.sent.method, a.sent.url, name)
	}
	return a.header.Get(name)
}

// hasField fails the check unless a header field has a value.
func (a *answer) hasField(name, value string) *answer {
	if got := a.field(name); got != value {
		a.t.failf("%s %s: want %s: %s, got %s", a.sent.method, a.sent.url, name, value, got)
	}
	return a
}

// location returns where Location points to, as an absolute URL.
func (a *answer) location() string {
	u, err := a.request.URL.Parse(a.field("Location"))
	if err != nil {
		a.t.failf("%s %s: Location %q is no URL: %v", a.sent.method, a.sent.url, a.header.Get("Location"), err)
	}
	return u.String()
}

// redirected reports whether the answer came from where the registry redirected to.
func (a *answer) redirected() bool { return a.request.Response != nil }

// is fails the check unless the body is the one given.
func (a *answer) is(body []byte) *answer {
	if !bytes.Equal(a.body, body) {
		a.t.failf("%s %s: want a body of %s, got one of %s", a.sent.method, a.sent.url, summary(body), summary(a.body))
	}
	return a
}

// json decodes the body.
func (a *answer) json(into any) *answer {
	if err := json.Unmarshal(a.body, into); err != nil {
		a.t.failf("%s %s: want JSON: %v", a.sent.method, a.sent.url, err)
	}
	return a
}

// with adds a parameter to the query of a URL that the registry handed out, and
// leaves the rest of it as it is.
func with(target, name, value string) string {
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	return target + separator + name + "=" + url.QueryEscape(value)
}
