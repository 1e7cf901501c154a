package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
)

// Speak returns a handler that serves requests with next, a handler in front of the registry such
// as its authentication. The errors that next sends with [WriteError] are those of the dialect.
func (g *Registry) Speak(next http.Handler) http.Handler {
	must.NotNil("registry: Registry.Speak: next", next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		options := g.options.Load()
		if options.speech == nil {
			next.ServeHTTP(w, r)
			return
		}
		r, state := inflight.Begin(r)
		inflight.Keep(state, options.speech)
		if isUnroutable(state.Info(), options.dialect.Unrouted) {
			c := &call{Registry: g, options: options, state: state, info: state.Info(), w: w, r: r}
			c.refuseRoute()
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Address returns a handler that serves requests with next, the first handler that reads the
// request, such as a recorder. It makes the paths known that only the dialect has.
func (g *Registry) Address(next http.Handler) http.Handler {
	must.NotNil("registry: Registry.Address: next", next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, g.addressed(r)) })
}

// addressed returns a request that begins with the paths of the dialect.
func (g *Registry) addressed(r *http.Request) *http.Request {
	if !g.options.Load().dialect.SingularUpload || inflight.Of(r.Context()) != nil {
		return r
	}
	return r.WithContext(inflight.WithSingularUpload(r.Context()))
}

// refuseRoute answers a request with a path that has no route.
func (c *call) refuseRoute() {
	c.state.AddTrait("manifest.bad-reference")
	for row := range c.options.speech.refusals(c.info, referenceInvalid) {
		c.setFields(row)
	}
	http.Error(c.w, "404 page not found", http.StatusNotFound)
}

// isUnroutable reports whether a request is for a manifest with a reference that is an unknown page.
func isUnroutable(info *op.Info, which string) bool {
	if which == UnroutedNone {
		return false
	}
	switch info.Op {
	case op.ManifestGet, op.ManifestHead, op.ManifestPut, op.ManifestDelete, op.TagDelete:
		ref := cmp.Or(string(info.Digest), info.Tag)
		return !validReference(ref) && (which == UnroutedAll || !digest.DigestRegexpAnchored.MatchString(ref))
	}
	return false
}

// speechOf returns the dialect of a request that came through [Registry.Speak], or nil.
func speechOf(ctx context.Context) *spoken {
	speech, _ := inflight.Value[*spoken](ctx)
	return speech
}

// begin sends the header of an answer without an error, as the dialect has it. It reports whether
// it has sent a body, too.
func (c *call) begin(status int) (done bool) {
	if c.options.speech == nil {
		c.w.WriteHeader(status)
		return false
	}
	var body *string
	changes := status < http.StatusMultipleChoices // not 304
	created := status == http.StatusCreated
	for _, a := range c.options.speech.done[c.info.Op] {
		if a.Created && !created || !a.is(c.info) {
			continue
		}
		if a.Status != 0 && changes {
			status = a.Status
		}
		if a.Body != nil && changes {
			body = a.Body
		}
		c.change(a)
	}
	if status == http.StatusNoContent {
		c.header().Del("Content-Length")
		c.w.WriteHeader(status)
		return true
	}
	if body == nil {
		c.w.WriteHeader(status)
		return false
	}
	text := c.expand(*body)
	c.header().Set("Content-Length", strconv.Itoa(len(text)))
	c.w.WriteHeader(status)
	c.writeBody([]byte(text))
	return true
}

// change sets the header fields of a row, and notes that it applied.
func (c *call) change(a *Answer) {
	c.setFields(a)
	if a.Trait != "" && a.counts() {
		c.state.AddTrait(a.Trait)
	}
}

// setFields sets the header fields of a row.
func (c *call) setFields(a *Answer) {
	expanded := http.Header{} // by the fields as they were: a placeholder can be for one that changes
	for name, values := range a.Header {
		for _, value := range values {
			expanded.Add(name, c.expand(value))
		}
	}
	for name, values := range a.Header {
		c.header().Del(name)
		for _, value := range expanded.Values(name) {
			c.header().Add(name, value)
		}
		if len(values) == 0 && http.CanonicalHeaderKey(name) == "Content-Type" {
			c.header()["Content-Type"] = nil // net/http would find one
		}
	}
}

// expand replaces the placeholders in a text of a dialect.
func (c *call) expand(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	origin, _ := inflight.Base(c.r, c.options.TrustForwarded)
	return strings.NewReplacer(
		"{repo}", c.info.Name(),
		"{tag}", c.info.Tag,
		"{digest}", string(c.info.Digest),
		"{reference}", c.reference(),
		"{session}", c.info.Session,
		"{content}", c.header().Get("Docker-Content-Digest"),
		"{etag}", shortTag(c.header().Get("Docker-Content-Digest")),
		"{range}", c.header().Get("Range"),
		"{origin}", origin,
		"{host}", c.r.Host,
		"{target}", c.r.URL.RequestURI(),
	).Replace(text)
}

// shortTag returns the part of a digest that is an entity tag of 32 digits.
func shortTag(d string) string {
	_, encoded, _ := strings.Cut(d, ":")
	return encoded[:min(32, len(encoded))]
}

// refusal is the answer to a request that fails.
type refusal struct {
	status      int
	contentType string
	entries     []errorEntry
	shape       string
	body        *string
	rows        []*Answer
}

// translate says an error in the dialect. The first error decides what is not about one of them.
func (c *call) translate(a *refusal, cause Cause, e errorEntry) errorEntry {
	if c.options.speech == nil {
		return e
	}
	first := len(a.entries) == 0
	for row := range c.options.speech.refusals(c.info, cause) {
		if row.Code != "" {
			e.Code = row.Code
		}
		if row.Message != nil {
			e.Message = c.expand(*row.Message)
		}
		if row.Detail != nil {
			e.Detail = json.RawMessage(c.expandJSON(row.Detail))
		}
		if first {
			a.rows = append(a.rows, row)
			a.take(row)
		}
	}
	return e
}

func (a *refusal) take(row *Answer) {
	if row.Status != 0 {
		a.status = row.Status
	}
	if row.Shape != "" {
		a.shape, a.body = row.Shape, nil
	}
	if row.Body != nil {
		a.body = row.Body
	}
}

// expandJSON replaces placeholders in the strings of a JSON text.
func (c *call) expandJSON(text json.RawMessage) []byte {
	if !strings.Contains(string(text), "{") {
		return text
	}
	var value any
	if json.Unmarshal(text, &value) != nil {
		return text
	}
	expanded, err := jsonedit.Marshal(jsonedit.Strings(value, c.expand))
	if err != nil {
		return text
	}
	return expanded
}

// encode returns the body.
func (a *refusal) encode(c *call) ([]byte, error) {
	if a.body != nil {
		return []byte(c.expand(*a.body)), nil
	}
	switch a.shape {
	case ShapeEmpty:
		return nil, nil
	case ShapeText:
		a.contentType = "text/plain; charset=utf-8"
		return []byte(a.entries[0].Message + "\n"), nil
	case ShapeBare:
		return jsonedit.Marshal(a.entries[0])
	case ShapeNoDetail:
		for i := range a.entries {
			a.entries[i].Detail = nil
		}
	}
	return jsonedit.Marshal(errorBody{a.entries})
}

// setHeader sets the header of the answer.
func (a *refusal) setHeader(c *call, length int) {
	c.set("Content-Type", a.contentType, "Content-Length", strconv.Itoa(length))
	if length == 0 {
		c.header()["Content-Type"] = nil
	}
	for _, row := range a.rows {
		c.change(row)
	}
	if a.body == nil && a.shape == ShapeText {
		c.set("Content-Type", a.contentType) // a row for all errors has set that of JSON
	}
}

// Spoken returns the header and the body of the answer for the cause in the dialect of the registry
// that the request has reached, through [Registry.Speak]. Without a dialect, ok is false. It is for
// handlers in front of the registry that answer in its place.
func (c Cause) Spoken(r *http.Request) (header http.Header, body []byte, ok bool) {
	must.NotNil("registry: Cause.Spoken: r", r)
	speech := speechOf(r.Context())
	if speech == nil {
		return nil, nil, false
	}
	_, state := inflight.Begin(r)
	w := headerOnly{}
	as := &call{options: &settings{speech: speech}, state: new(inflight.State), info: state.Info(), w: w, r: r} // the traits of this state are not recorded
	a := refusal{status: c.status(), contentType: "application/json"}
	a.entries = append(a.entries, as.translate(&a, c, entry(c, c)))
	body, err := a.encode(as)
	a.setHeader(as, len(body))
	return w.Header(), body, err == nil
}

// headerOnly is a [http.ResponseWriter] that keeps the header.
type headerOnly http.Header

func (h headerOnly) Header() http.Header         { return http.Header(h) }
func (h headerOnly) Write(p []byte) (int, error) { return len(p), nil }
func (h headerOnly) WriteHeader(int)             {}
