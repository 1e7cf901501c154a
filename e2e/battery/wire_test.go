package battery_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// query is a request, with its body in memory and the parts of its path.
type query struct {
	*http.Request
	content []byte
	failed  error // the read error with which the body ended

	kind kind
	repo string
	ref  string // tag, digest, or session
}

// kind is a kind of endpoint.
type kind string

const (
	ping      kind = "ping"
	manifests kind = "manifests"
	blobs     kind = "blobs"
	uploads   kind = "uploads" // where sessions begin
	session   kind = "session"
	tags      kind = "tags"
	referrers kind = "referrers"
	other     kind = "other"
)

var paths = []struct {
	kind    kind
	pattern *regexp.Regexp
}{
	{ping, regexp.MustCompile(`^/v2()()/?$`)},
	{uploads, regexp.MustCompile(`^/v2/(.+)/blobs/uploads()/$`)},
	{session, regexp.MustCompile(`^/v2/(.+)/blobs/uploads/([^/]+)$`)},
	{blobs, regexp.MustCompile(`^/v2/(.+)/blobs/([^/]+)$`)},
	{manifests, regexp.MustCompile(`^/v2/(.+)/manifests/([^/]+)$`)},
	{tags, regexp.MustCompile(`^/v2/(.+)/tags/list()$`)},
	{referrers, regexp.MustCompile(`^/v2/(.+)/referrers/([^/]+)$`)},
}

func newQuery(r *http.Request, content []byte, failed error) *query {
	q := &query{Request: r, content: content, failed: failed, kind: other}
	for _, p := range paths {
		if m := p.pattern.FindStringSubmatch(r.URL.Path); m != nil {
			q.kind, q.repo, q.ref = p.kind, m[1], m[2]
			break
		}
	}
	return q
}

// to returns the query with another method and URL, as the registry's own request: without
// body and conditions.
func (q *query) to(method, target string) *query {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	r := q.Clone(q.Context())
	r.Method, r.URL, r.RequestURI = method, u, u.RequestURI()
	r.Header = http.Header{}
	r.ContentLength = 0
	return newQuery(r, nil, nil)
}

// sending returns the query with another body.
func (q *query) sending(content []byte) *query {
	r := q.Clone(q.Context())
	r.ContentLength = int64(len(content))
	r.TransferEncoding = nil
	if r.Header.Get("Content-Length") != "" {
		r.Header.Set("Content-Length", strconv.Itoa(len(content)))
	}
	return newQuery(r, content, nil)
}

// at returns the query with another path.
func (q *query) at(path string) *query {
	r := q.Clone(q.Context())
	r.URL.Path, r.URL.RawPath = path, ""
	r.RequestURI = r.URL.RequestURI()
	return newQuery(r, q.content, q.failed)
}

// asking returns the query with a changed query string.
func (q *query) asking(change func(url.Values)) *query {
	r := q.Clone(q.Context())
	values := r.URL.Query()
	change(values)
	r.URL.RawQuery = values.Encode()
	r.RequestURI = r.URL.RequestURI()
	return newQuery(r, q.content, q.failed)
}

// saying returns the query with a changed header.
func (q *query) saying(change func(http.Header)) *query {
	r := q.Clone(q.Context())
	change(r.Header)
	return newQuery(r, q.content, q.failed)
}

func (q *query) byDigest() bool { return strings.Contains(q.ref, ":") }

func (q *query) reads() bool { return q.Method == "GET" || q.Method == "HEAD" }

// thing names what a query is about.
func (q *query) thing() string { return fmt.Sprint(q.kind, " ", q.repo, " ", q.ref) }

// answer is a response, with its body in memory.
type answer struct {
	status int
	header http.Header
	body   []byte
	head   bool
}

func (a *answer) ok() bool { return a.status < 300 }

// set replaces the body.
func (a *answer) set(body []byte) {
	a.header.Set("Content-Length", strconv.Itoa(len(body)))
	if !a.head {
		a.body = body
	}
}

// edit changes the JSON object in the body.
func (a *answer) edit(change func(map[string]any)) {
	var object map[string]any
	if json.Unmarshal(a.body, &object) != nil {
		return
	}
	change(object)
	a.set(mustJSON(object))
}

// list changes the list with a name in the JSON object.
func (a *answer) list(name string, change func([]any) []any) {
	a.edit(func(object map[string]any) {
		entries, _ := object[name].([]any)
		object[name] = append([]any{}, change(entries)...)
	})
}

// addTags adds to the list of tags those that it does not have.
func (a *answer) addTags(more []string) {
	a.list("tags", func(list []any) []any {
		for _, tag := range more {
			list = append(list, tag)
		}
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		return slices.Compact(list)
	})
}

// entries changes each object of the list with a name in the JSON object.
func (a *answer) entries(name string, change func(map[string]any)) {
	a.list(name, func(all []any) []any {
		for _, one := range all {
			if object, ok := one.(map[string]any); ok {
				change(object)
			}
		}
		return all
	})
}

// refuse is an error of the registry.
func refuse(q *query, status int, code string) *answer {
	return reply(q, status, "application/json", fmt.Sprintf(`{"errors":[{"code":%q,"message":"refused"}]}`, code))
}

func reply(q *query, status int, contentType, body string) *answer {
	a := &answer{status: status, header: http.Header{}, head: q.Method == "HEAD"}
	if contentType != "" {
		a.header.Set("Content-Type", contentType)
	}
	a.set([]byte(body))
	return a
}

func mustJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func sha(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// serve answers a query. A layer changes what is answered.
type (
	serve func(*query) *answer
	layer func(next serve) serve
)

// recorded is the http.ResponseWriter of an answer.
type recorded struct {
	answer
	body bytes.Buffer
}

func (w *recorded) Header() http.Header { return w.header }

func (w *recorded) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
		w.header = w.header.Clone()
	}
}

func (w *recorded) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.head {
		return len(p), nil
	}
	return w.body.Write(p)
}

// ask returns the answers of a handler.
func ask(h http.Handler) serve {
	return func(q *query) *answer {
		r := q.Clone(q.Context())
		r.Body = io.NopCloser(&interrupted{bytes.NewReader(q.content), q.failed})
		w := &recorded{answer: answer{header: http.Header{}, head: q.Method == "HEAD"}}
		h.ServeHTTP(w, r)
		w.WriteHeader(http.StatusOK)
		w.answer.body = w.body.Bytes()
		return &w.answer
	}
}

// interrupted is a body that can end with an error.
type interrupted struct {
	io.Reader
	failed error
}

func (i *interrupted) Read(p []byte) (int, error) {
	n, err := i.Reader.Read(p)
	if err == io.EOF && i.failed != nil {
		err = i.failed
	}
	return n, err
}

// handle serves over HTTP what a serve answers.
func handle(s serve) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		a := s(newQuery(r, content, err))
		for name, values := range a.header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.status)
		if !a.head && a.status != http.StatusNoContent && a.status != http.StatusNotModified {
			_, _ = w.Write(a.body)
		}
	})
}

// listen serves a registry behind a layer until the test ends, and returns its URL.
func listen(t testing.TB, options registry.Options, over layer) string {
	t.Helper()
	return serveHandler(t, handle(over(ask(registry.New(memstore.New(memstore.Options{}), options)))))
}

func serveHandler(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// when is a condition on queries.
type when func(*query) bool

// on is the condition that a query is one of a kind, with one of the methods.
func on(k kind, methods ...string) when {
	return func(q *query) bool {
		return q.kind == k && (len(methods) == 0 || slices.Contains(methods, q.Method))
	}
}

func (c when) and(others ...when) when {
	return func(q *query) bool {
		for _, other := range others {
			if !other(q) {
				return false
			}
		}
		return c(q)
	}
}

func byTag(q *query) bool    { return !q.byDigest() }
func byDigest(q *query) bool { return q.byDigest() }

// has is the condition that the query string has a parameter.
func has(name string) when {
	return func(q *query) bool { return q.URL.Query().Has(name) }
}

func lacks(name string) when {
	return func(q *query) bool { return !q.URL.Query().Has(name) }
}

// says is the condition that the request has a header field.
func says(name string) when {
	return func(q *query) bool { return q.Header.Get(name) != "" }
}

// alter changes the answers without an error.
func alter(c when, change func(q *query, a *answer)) func() layer {
	return around(c, func(q *query, next serve) *answer {
		a := next(q)
		if a.ok() {
			change(q, a)
		}
		return a
	})
}

// alterErrors changes the answers with an error.
func alterErrors(c when, change func(q *query, a *answer)) func() layer {
	return around(c, func(q *query, next serve) *answer {
		a := next(q)
		if a.status >= 400 {
			change(q, a)
		}
		return a
	})
}

// around answers what fulfils a condition.
func around(c when, f func(q *query, next serve) *answer) func() layer {
	return func() layer {
		return func(next serve) serve {
			return func(q *query) *answer {
				if !c(q) {
					return next(q)
				}
				return f(q, next)
			}
		}
	}
}

// rewritten changes requests.
func rewritten(c when, change func(q *query) *query) func() layer {
	return around(c, func(q *query, next serve) *answer { return next(change(q)) })
}

// Changes of answers.
type change = func(*query, *answer)

func status(code int) change {
	return func(_ *query, a *answer) { a.status = code }
}

// statusIf replaces one status by another.
func statusIf(from, to int) change {
	return func(_ *query, a *answer) {
		if a.status == from {
			a.status = to
		}
	}
}

func without(name string) change {
	return func(_ *query, a *answer) { a.header.Del(name) }
}

func with(name, value string) change {
	return func(_ *query, a *answer) { a.header.Set(name, value) }
}

// table is a map for concurrent use.
type table[V any] struct {
	mu     sync.Mutex
	values map[string]V
}

func (t *table[V]) get(key string) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.values[key]
	return v, ok
}

// set sets a value, and returns the one before.
func (t *table[V]) set(key string, value V) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.values == nil {
		t.values = map[string]V{}
	}
	old, ok := t.values[key]
	t.values[key] = value
	return old, ok
}

func (t *table[V]) del(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.values, key)
}

// update replaces a value by what a function makes of it, and returns that.
func (t *table[V]) update(key string, f func(V) V) V {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.values == nil {
		t.values = map[string]V{}
	}
	v := f(t.values[key])
	t.values[key] = v
	return v
}

// count counts how often it is called with a key.
func count(t *table[int], key string) int {
	return t.update(key, func(n int) int { return n + 1 })
}
