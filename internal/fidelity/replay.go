package fidelity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Target is a registry on which a recording is replayed. It must be empty.
type Target struct {
	URL       string
	Transport http.RoundTripper
	Store     registry.Store // for content that was there before the suite ran

	Username, Password string
}

// Outcome is what became of an exchange.
type Outcome struct {
	*Exchange
	Got         Answer
	Differences []Difference
}

// maxBody is the length of an answer that is read.
const maxBody = 64 << 20

// Replay sends the requests of a recording to a registry, in order and as the client of the suite
// does, and compares the answers. Requests of the suite that change content and that the recording
// lacks are sent too, but not compared.
//
// It returns an error only if the target cannot be reached or the context is done.
func (r *Recording) Replay(ctx context.Context, target Target) ([]Outcome, error) {
	p, err := newReplay(r, target)
	if err != nil {
		return nil, err
	}
	if err := p.seed(ctx); err != nil {
		return nil, fmt.Errorf("content that was there before: %w", err)
	}
	steps, err := r.steps()
	if err != nil {
		return nil, err
	}
	next := 0
	for i, s := range steps {
		sent := false
		for ; next < len(r.Exchanges) && r.Exchanges[next].Step == i+1; next++ {
			o, err := p.exchange(ctx, s, &r.Exchanges[next])
			if err != nil {
				return nil, err
			}
			p.outcomes = append(p.outcomes, o)
			sent = sent || o.Op != op.Token && o.Answer.Status != http.StatusUnauthorized
		}
		if !sent && p.writes && s.changes() && r.makes(s) {
			if err := p.repeat(ctx, s); err != nil {
				return nil, err
			}
		}
	}
	return p.outcomes, nil
}

// replay is a recording on its way.
type replay struct {
	*Recording
	target    Target
	client    *http.Client
	names     *names
	contents  contents
	writes    bool              // whether the suite changed anything
	locations map[string]string // of answers, by the names of the steps
	challenge http.Header       // of the last refusal
	tokens    map[string]string // by the URL that they come from
	outcomes  []Outcome
}

func newReplay(r *Recording, target Target) (*replay, error) {
	base, err := url.Parse(target.URL)
	if err != nil {
		return nil, err
	}
	all := r.contents()
	digests := make(map[digest.Digest]string, len(all))
	for name, content := range all {
		digests[digest.FromBytes(content)] = name
	}
	p := &replay{
		Recording: r, target: target, contents: all,
		client:    &http.Client{Transport: target.Transport},
		names:     newNames(r, digests, base.Host, base.Scheme+"://"+base.Host),
		locations: map[string]string{},
		tokens:    map[string]string{},
	}
	for _, e := range r.Exchanges {
		p.writes = p.writes || e.Op.Write()
	}
	return p, nil
}

// seed stores what was there before the suite ran. A stand-in is stored for each tag that has no
// content.
func (p *replay) seed(ctx context.Context) error {
	for name := range p.Given {
		if !isManifest(name) {
			if err := p.seedBlob(ctx, name); err != nil {
				return err
			}
		}
	}
	for tag, name := range p.Before {
		m := registry.PutManifest{Tags: []string{tag}, Ref: tag}
		m.Descriptor.MediaType = typeManifest
		content, ok := p.contents[name]
		if !ok {
			m.Descriptor.MediaType = typeIndex
			content = fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"tag":%q}}`, typeIndex, tag)
		}
		m.Content = content
		m.Descriptor.Digest, m.Descriptor.Size = digest.FromBytes(content), int64(len(content))
		if err := p.target.Store.PutManifest(ctx, p.Repo, m); err != nil {
			return fmt.Errorf("tag %s: %w", tag, err)
		}
	}
	return nil
}

func (p *replay) seedBlob(ctx context.Context, name string) error {
	content := p.contents[name]
	d := digest.FromBytes(content)
	upload, err := p.target.Store.NewUpload(ctx, p.Repo, d.Algorithm())
	if err != nil {
		return err
	}
	return upload.Commit(ctx, registry.Chunk{Body: bytes.NewReader(content), Length: int64(len(content))}, d)
}

// exchange replays an exchange and compares its answer.
func (p *replay) exchange(ctx context.Context, s step, e *Exchange) (Outcome, error) {
	o := Outcome{Exchange: e}
	got, err := p.send(ctx, s, e)
	var lacks *lackError
	switch {
	case errors.As(err, &lacks):
		o.Differences = []Difference{{Kind: kindReplay, Got: lacks.text}}
		return o, nil
	case err != nil:
		return o, fmt.Errorf("%s: %w", e.Request, err)
	}
	o.Got = p.names.answer(e.Op, got.status, got.header, got.body)
	o.Differences = Compare(e.Answer, o.Got)
	return o, nil
}

// lackError is what a request cannot be sent without.
type lackError struct{ text string }

func (e *lackError) Error() string { return e.text }

// response is an answer that was read.
type response struct {
	status int
	header http.Header
	body   []byte
}

// send sends the request of an exchange, with valid credentials if it had credentials.
func (p *replay) send(ctx context.Context, s step, e *Exchange) (response, error) {
	if e.Op == op.Token {
		return p.token(ctx, p.challenge)
	}
	r, err := p.request(e)
	if err != nil {
		return response{}, err
	}
	got, err := p.answer(ctx, r, e.Auth != "")
	if err == nil && got.status != http.StatusUnauthorized && s.as != "" {
		p.locations[s.as] = got.header.Get("Location")
	}
	return got, err
}

// repeat sends the request of a step that the recording lacks. What it needs may be missing, as
// the Location of a request that the registry refused; then it is left out.
func (p *replay) repeat(ctx context.Context, s step) error {
	e := Exchange{Request: s.method + " " + s.target, Auth: "any", Header: map[string]string{}}
	if s.body != "" {
		e.Body = "<" + s.body + ">"
		e.Header["Content-Type"] = mediaType(s.body)
	}
	switch s.body {
	case "blobB.1":
		e.Header["Content-Range"] = fmt.Sprintf("0-%d", len(p.contents["blobB.1"])-1)
	case "blobB.2":
		e.Header["Content-Range"] = fmt.Sprintf("%d-%d", len(p.contents["blobB.1"]), len(p.contents["blobB"])-1)
	}
	_, err := p.send(ctx, s, &e)
	var lacks *lackError
	if errors.As(err, &lacks) {
		return nil
	}
	return err
}

// request is a request that can be sent several times.
type request struct {
	method, url string
	header      http.Header
	body        []byte
}

func (p *replay) request(e *Exchange) (request, error) {
	target, err := p.fill(e.target())
	if err != nil {
		return request{}, err
	}
	r := request{method: e.Method(), url: target, header: http.Header{}}
	for name, value := range e.Header {
		r.header.Set(name, value)
	}
	if e.Body != "" {
		name := strings.Trim(e.Body, "<>")
		content, ok := p.contents[name]
		if !ok {
			return r, &lackError{"the content " + e.Body + " cannot be rebuilt"}
		}
		r.body = content
	}
	return r, nil
}

// fill replaces the placeholders in a target, and returns a URL.
func (p *replay) fill(target string) (string, error) {
	if name, rest, ok := strings.Cut(strings.TrimPrefix(target, "{"), "}"); ok && strings.HasPrefix(target, "{") {
		location := p.locations[name]
		if location == "" {
			return "", &lackError{"no Location in the answer to the request that opens the upload"}
		}
		if strings.Contains(location, "?") {
			rest = strings.Replace(rest, "?", "&", 1)
		}
		target = location + rest
	}
	for from := 0; ; {
		start := strings.Index(target[from:], "<")
		if start < 0 {
			break
		}
		start += from
		end := strings.Index(target[start:], ">")
		if end < 0 {
			break
		}
		value, err := p.value(target[start+1 : start+end])
		if err != nil {
			return "", err
		}
		target = target[:start] + value + target[start+end+1:]
		from = start + len(value)
	}
	base, err := url.Parse(p.target.URL)
	if err != nil {
		return "", err
	}
	u, err := base.Parse(target)
	if err != nil {
		return "", &lackError{fmt.Sprintf("the target %q is not a URL", target)}
	}
	return u.String(), nil
}

// value returns what a placeholder stands for.
func (p *replay) value(name string) (string, error) {
	switch name {
	case "repo":
		return p.Repo, nil
	case "other":
		return p.Other, nil
	case "tag":
		if p.Tag == "" {
			return "tagtest0", nil
		}
		return p.Tag, nil
	}
	content, ok := p.contents[name]
	if !ok {
		return "", &lackError{"the content <" + name + "> cannot be rebuilt"}
	}
	return digest.FromBytes(content).String(), nil
}

// answer sends a request. With login, it is sent as the client of the suite does: without
// credentials, and once more with those that the answer asks for.
func (p *replay) answer(ctx context.Context, r request, login bool) (response, error) {
	got, err := p.do(ctx, r)
	if err != nil || got.status != http.StatusUnauthorized {
		return got, err
	}
	if !login {
		p.challenge = got.header
		return got, nil
	}
	credentials, err := p.credentials(ctx, got.header)
	if err != nil || credentials == "" {
		return got, err
	}
	r.header = r.header.Clone()
	r.header.Set("Authorization", credentials)
	return p.do(ctx, r)
}

func (p *replay) do(ctx context.Context, r request) (response, error) {
	q, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return response{}, err
	}
	q.Header = r.header.Clone()
	resp, err := p.client.Do(q)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return response{resp.StatusCode, resp.Header, body}, err
}
