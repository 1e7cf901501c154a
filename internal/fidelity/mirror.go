package fidelity

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
)

// Mirror is a handler that sends each request to a registry, answers as that does, and compares
// with it what others answer to the same request. So all of them get the requests that a client
// sends to the first, and an answer that differs counts once: it does not lead to other requests.
// URLs, cursors and entity tags in requests are those that the other registry gave with its answer.
//
// Requests are served one after another.
type Mirror struct {
	real   Target
	others []Target
	clean  func(Answer) Answer

	mu        sync.Mutex
	exchanges []Mirrored
	digests   map[digest.Digest]string // of all contents that were sent
	pages     map[string][]page        // by the path of the first registry
	tags      []map[string]string      // entity tags, for each of the others
}

// page is a URL that the first registry gave, and those that the others gave for it; nil if
// another gave none.
type page struct {
	query  url.Values
	others []*url.URL
}

// Mirrored is an exchange with the first registry, and what the others answered.
type Mirrored struct {
	Op          op.Op
	Request     string // method and target
	Answer      Answer
	Got         []Answer
	Differences [][]Difference

	request *http.Request // that the client sent, of which Body is read
	body    []byte        // of the request
	real    reply         // of the first registry
}

// Size returns the size of the larger one of the bodies of the request and of the first registry's answer.
func (x *Mirrored) Size() int { return max(len(x.body), len(x.real.body)) }

// NewMirror returns a mirror of a registry. All registries must be empty. clean, if not nil,
// takes out of an answer what differs from run to run.
func NewMirror(registry Target, clean func(Answer) Answer, others ...Target) *Mirror {
	m := &Mirror{real: registry, others: others, clean: clean, digests: map[digest.Digest]string{}, pages: map[string][]page{}}
	for range others {
		m.tags = append(m.tags, map[string]string{})
	}
	return m
}

// Exchanges returns the exchanges since the last call.
func (m *Mirror) Exchanges() []Mirrored {
	m.mu.Lock()
	defer m.mu.Unlock()
	exchanges := m.exchanges
	m.exchanges = nil
	return exchanges
}

// ServeHTTP implements [http.Handler]. A connection that the first registry breaks is broken.
func (m *Mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler) // the client has left
	}
	got, err := m.exchange(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if got.status == 0 {
		panic(http.ErrAbortHandler)
	}
	got.header.Del("Date")
	maps.Copy(w.Header(), got.header)
	if got.header.Get("Content-Type") == "" {
		w.Header()["Content-Type"] = nil // net/http would find one
	}
	w.WriteHeader(got.status)
	_, _ = w.Write(got.body)
	if got.broken {
		panic(http.ErrAbortHandler)
	}
}

// reply is the answer of a registry, as far as there is one.
type reply struct {
	status int // 0 if the registry broke the connection before the header
	header http.Header
	body   []byte
	broken bool   // the registry broke the connection
	lacks  string // what the request could not be sent without
}

// exchange sends a request to all registries, and returns the answer of the first.
func (m *Mirror) exchange(r *http.Request, body []byte) (reply, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		if d := algorithm.FromBytes(body); m.digests[d] == "" {
			m.digests[d] = fmt.Sprint("content", len(m.digests))
		}
	}
	answers := make([]reply, len(m.others)+1)
	for i := range answers {
		to, target, header := m.real, r.URL, r.Header
		if i > 0 {
			to, header = m.others[i-1], m.withTags(r.Header, i-1)
			if target = m.target(r.URL, i-1); target == nil {
				answers[i].lacks = "the answer before has no URL for it"
				continue
			}
		}
		var err error
		if answers[i], err = forward(r.Context(), to, r, target, header, body); err != nil {
			return reply{}, err
		}
	}
	m.learn(r.URL, answers)
	x := m.compare(r, answers)
	x.request, x.body, x.real = r, body, answers[0]
	m.exchanges = append(m.exchanges, x)
	return answers[0], nil
}

// forward sends a request to a registry.
func forward(ctx context.Context, to Target, r *http.Request, target *url.URL, header http.Header, body []byte) (reply, error) {
	base, err := url.Parse(to.URL)
	if err != nil {
		return reply{}, err
	}
	u := *target
	u.Scheme, u.Host = base.Scheme, base.Host
	out, err := http.NewRequestWithContext(ctx, r.Method, to.URL, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	out.URL, out.Host, out.Header = &u, r.Host, header.Clone()
	if out.ContentLength = r.ContentLength; r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	answer, err := to.Transport.RoundTrip(out)
	switch {
	case ctx.Err() != nil:
		return reply{}, ctx.Err()
	case err != nil:
		return reply{broken: true}, nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	return reply{status: answer.StatusCode, header: answer.Header, body: text, broken: err != nil}, nil
}

// compare compares the answers with the first.
func (m *Mirror) compare(r *http.Request, answers []reply) Mirrored {
	n := &names{strings.NewReplacer("http://"+r.Host, "<origin>", r.Host, "<host>"), m.digests}
	info := op.Parse(r.Method, r.URL)
	form := func(got reply) Answer {
		a := n.answer(info.Op, got.status, got.header, got.body)
		if got.broken {
			a.Body = "<broken>"
		}
		if m.clean != nil {
			a = m.clean(a)
		}
		return a
	}
	x := Mirrored{Op: info.Op, Request: r.Method + " " + n.text(r.URL.RequestURI()), Answer: form(answers[0])}
	for _, got := range answers[1:] {
		if got.lacks != "" {
			x.Got = append(x.Got, Answer{})
			x.Differences = append(x.Differences, []Difference{{Kind: kindReplay, Got: got.lacks}})
			continue
		}
		x.Got = append(x.Got, form(got))
		x.Differences = append(x.Differences, Compare(x.Answer, x.Got[len(x.Got)-1]))
	}
	return x
}

// learn notes the URLs and entity tags of the answers.
func (m *Mirror) learn(request *url.URL, answers []reply) {
	for _, find := range []func(reply) string{sessionURL, nextURL} {
		given, err := request.Parse(find(answers[0]))
		if err != nil || find(answers[0]) == "" {
			continue
		}
		p := page{query: given.Query()}
		for _, a := range answers[1:] {
			other, err := request.Parse(find(a))
			if err != nil || find(a) == "" {
				other = nil
			}
			p.others = append(p.others, other)
		}
		m.pages[given.EscapedPath()] = append(m.pages[given.EscapedPath()], p)
	}
	first := answers[0].header.Get("Etag")
	for i, a := range answers[1:] {
		if tag := a.header.Get("Etag"); first != "" && tag != "" {
			m.tags[i][first] = tag
		}
	}
}

// sessionURL returns the URL of an upload session in an answer, or "".
func sessionURL(a reply) string {
	if a.status == http.StatusAccepted || a.status == http.StatusNoContent || a.status == http.StatusRequestedRangeNotSatisfiable {
		return a.header.Get("Location")
	}
	return ""
}

// nextURL returns the URL of the next page in an answer, or "".
func nextURL(a reply) string {
	target, _, _ := strings.Cut(a.header.Get("Link"), ";")
	return strings.Trim(target, "<> ")
}

// target returns the URL for which another registry takes the request, or nil if it gave none.
// A URL that the first registry gave stands for the one that the other gave with it. Parameters
// that the client has added stay.
func (m *Mirror) target(u *url.URL, other int) *url.URL {
	pages := m.pages[u.EscapedPath()]
	query := u.Query()
	for _, p := range slices.Backward(pages) {
		if !contains(query, p.query) {
			continue
		}
		to := p.others[other]
		if to == nil {
			return nil
		}
		values := to.Query()
		for name, list := range query {
			if !p.query.Has(name) {
				values[name] = list
			}
		}
		return &url.URL{Path: to.Path, RawPath: to.RawPath, RawQuery: values.Encode()}
	}
	if len(pages) == 0 || !strings.Contains(u.Path, "/blobs/uploads/") {
		return u
	}
	to := pages[len(pages)-1].others[other] // of another state of the session
	if to == nil {
		return nil
	}
	return &url.URL{Path: to.Path, RawPath: to.RawPath, RawQuery: u.RawQuery}
}

// contains reports whether a query has all parameters of another.
func contains(query, part url.Values) bool {
	for name, values := range part {
		if !slices.Equal(query[name], values) {
			return false
		}
	}
	return true
}

// withTags returns the header with the entity tags of another registry.
func (m *Mirror) withTags(header http.Header, other int) http.Header {
	for _, name := range []string{"If-Match", "If-None-Match", "If-Range"} {
		for i, value := range header[name] {
			for first, tag := range m.tags[other] {
				if strings.Contains(value, first) {
					header = header.Clone()
					header[name][i] = strings.ReplaceAll(value, first, tag)
				}
			}
		}
	}
	return header
}
