package upstream

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/op"
)

// dropped are fields that would lead clients around this server, or are about another host.
var dropped = []string{"Alt-Svc", "Content-Location", "Refresh", "Strict-Transport-Security"}

// maxHops is the maximum number of redirects in a row.
const maxHops = 5

// answer rewrites an answer, so that whatever the registry sends the client to passes here. An error
// becomes the answer in its place.
func (p *passage) answer(r *http.Response) error {
	if r.StatusCode == http.StatusSwitchingProtocols {
		return errors.New("it switches to another protocol, which nobody asked for")
	}
	h := r.Header
	for _, name := range dropped {
		h.Del(name)
	}
	if p.isForeign() || p.upstream.options.Credentials != nil {
		h.Del("Set-Cookie") // of a session that is not the client's
	}
	if p.isForeign() {
		if p.to.handle.Kind != tokens {
			h.Del("Www-Authenticate") // only the registry may ask for credentials
		}
	}
	for _, rewrite := range []func(http.Header, int) error{p.challenges, p.location, p.links} {
		if err := rewrite(h, r.StatusCode); err != nil {
			return err
		}
	}
	if h.Get("Location") != "" && r.StatusCode/100 == 3 {
		return withoutBody(r) // it repeats the address
	}
	if len(r.Trailer) > 0 && p.client.ProtoMajor == 1 {
		h.Del("Content-Length") // HTTP/1.1 has trailers only in chunked bodies
	}
	p.answered = &body{ReadCloser: r.Body}
	r.Body = p.answered
	return nil
}

func withoutBody(r *http.Response) error {
	err := r.Body.Close()
	r.Body, r.ContentLength, r.Trailer = http.NoBody, 0, nil
	r.Header.Del("Content-Encoding")
	r.Header.Del("Content-Type")
	r.Header.Set("Content-Length", "0")
	return err
}

// realm finds the parameter in a field, whether or not the field follows the grammar: clients read
// others, too.
var realm = pattern.Regexp(`(?i)(\brealm[ \t]*=[ \t]*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;"']+)`)

// quotedPair is a character of a quoted string that is escaped, as any may be (RFC 9110, section
// 5.6.4).
var quotedPair = pattern.Regexp(`\\(.)`)

// unquoted returns the value of a parameter.
func unquoted(text string) string {
	if strings.HasPrefix(text, `"`) {
		text = quotedPair().ReplaceAllString(text, "$1")
	}
	return strings.Trim(text, `"'`)
}

// challenges replaces the realms that are URLs. With credentials of ours, the client is not asked for
// any: that the registry asks is an error.
func (p *passage) challenges(h http.Header, status int) error {
	if p.upstream.options.Credentials != nil {
		h.Del("Www-Authenticate")
		if status == http.StatusUnauthorized && !p.isForeign() {
			return errors.New("401: it does not accept the configured credentials, or needs some: check them, and what the user may do")
		}
		return nil
	}
	for i, field := range h["Www-Authenticate"] {
		var failed error
		h["Www-Authenticate"][i] = realm().ReplaceAllStringFunc(field, func(parameter string) string {
			part := realm().FindStringSubmatch(parameter)
			value := unquoted(part[2])
			if !strings.Contains(value, "//") && !strings.HasPrefix(value, "/") {
				return parameter
			}
			if p.isForeign() {
				return part[1] + `"token service"` // which may not name another
			}
			named, err := p.name(value, tokens, 0)
			if err != nil {
				failed = fmt.Errorf("the realm of its challenge: %w", err)
				return parameter
			}
			return part[1] + `"` + named + `"`
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// location replaces the Location.
func (p *passage) location(h http.Header, status int) error {
	values := h["Location"]
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 {
		return errors.New("its answer has several Locations")
	}
	k, hops := content, 0
	switch {
	case status/100 == 3:
		if hops = p.to.handle.Hops + 1; hops > maxHops {
			return fmt.Errorf("more than %d redirects in a row", maxHops)
		}
	case status != http.StatusCreated && isUpload(p.state.Info()):
		k = sessions
	}
	named, err := p.name(values[0], k, hops)
	if err != nil {
		return fmt.Errorf("the Location of its answer: %w", err)
	}
	h["Location"] = []string{named}
	return nil
}

func isUpload(info *op.Info) bool {
	switch info.Op {
	case op.UploadStart, op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel, op.BlobMount, op.BlobPost:
		return true
	}
	return false
}

// links replaces the targets of Link fields. A field that does not follow the grammar does not pass.
func (p *passage) links(h http.Header, _ int) error {
	fields := h["Link"]
	if len(fields) == 0 {
		return nil
	}
	h.Del("Link")
	for _, field := range fields {
		var b strings.Builder
		rest, ok := field, true
		for rest != "" && ok {
			var l httpfield.Link
			before := rest
			if l, rest, ok = httpfield.CutLink(rest); !ok {
				break
			}
			named, err := p.name(l.Target, lists, 0)
			if err != nil {
				return fmt.Errorf("the Link of its answer: %w", err)
			}
			b.WriteString("<" + named + before[len("<")+len(l.Target):len(before)-len(rest)])
		}
		if ok {
			h.Add("Link", b.String())
		}
	}
	return nil
}

// name returns the URL, or the path, by which the client reaches an address that an answer names: the
// same path for one of the API of the registry, and otherwise a handle.
func (p *passage) name(text string, k kind, hops int) (string, error) {
	at, err := resolved(text, p.to.url)
	if err != nil {
		return "", err
	}
	if k == tokens {
		p.upstream.services.add(at)
	}
	path := at.RequestURI()
	if !p.upstream.inAPI(at) || k == tokens {
		h := handle{Kind: k, URL: at.String(), Like: k.like(p.state.Info(), at), Hops: hops}
		sealed := p.upstream.sealer.seal(h)
		if _, opened, err := p.upstream.sealer.open(sealed); err != nil || opened.String() != h.URL {
			return "", errors.New("cannot be handed out: it is too long, or not text")
		}
		path = handlePath + sealed
	}
	origin, prefix := inflight.Base(p.client, p.upstream.options.TrustForwarded)
	if given, err := url.Parse(text); err == nil && given.Host == "" && k != tokens {
		origin = ""
	}
	return origin + prefix + path, nil
}

// resolved returns the address that an answer from a URL names.
func resolved(text string, from *url.URL) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("is longer than %d bytes", maxURL)
	}
	given, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is not a URL")
	}
	at := from.ResolveReference(given)
	at.Fragment, at.RawFragment = "", ""
	switch {
	case at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "" || at.Opaque != "":
		return nil, errors.New("is not an http or https URL")
	case at.User != nil:
		return nil, errors.New("contains a user")
	case from.Scheme == "https" && at.Scheme == "http":
		return nil, fmt.Errorf("leads from https to http at host %s", at.Host)
	}
	return at, nil
}
