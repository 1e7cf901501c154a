package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/ocifake/ocifake/internal/inflight"
)

// passage is a request on its way to the registry, or to a host that the registry has named, and its
// answer on the way back.
type passage struct {
	upstream *Upstream
	client   *http.Request
	state    *inflight.State
	to       target

	asked    *body // of the request; nil without one
	answered *body // of the answer; nil until there is one
}

func newPassage(u *Upstream, r *http.Request) *passage {
	r, state := inflight.Begin(r)
	return &passage{upstream: u, client: r, state: state}
}

// body is a body that passes. It keeps the error that ended it early.
type body struct {
	io.ReadCloser
	read   atomic.Int64
	failed atomic.Pointer[error]
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

// err returns the error that ended the body early.
func (b *body) err() error {
	if b == nil {
		return nil
	}
	if err := b.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// follow returns the request of the client with what the passage observes.
func (p *passage) follow(r *http.Request) *http.Request {
	r = withProvisionalLimit(r)
	if r.Body != nil && r.Body != http.NoBody {
		p.asked = &body{ReadCloser: r.Body}
		r.Body = p.asked
	}
	return r
}

// isForeign reports whether the request goes to a host other than the registry.
func (p *passage) isForeign() bool { return !p.upstream.isOwn(p.to.url) }

// passesCredentials reports whether the credentials of the client are for the host that the request
// goes to: the registry, or the token service that it named. They are for nobody else.
func (p *passage) passesCredentials() bool {
	return p.upstream.options.Credentials == nil && (!p.isForeign() || p.to.handle.Kind == tokens)
}

// toOthers are the fields of a request that hosts other than the registry receive, in addition to
// those that begin with Accept, Content- or If-.
var toOthers = map[string]bool{"Cache-Control": true, "Expect": true, "Range": true, "User-Agent": true}

// request makes the request that is sent.
func (p *passage) request(r *httputil.ProxyRequest) {
	out := r.Out
	out.URL, out.Host = p.to.url, ""
	out.Trailer = r.In.Trailer // filled when the body has been read
	// Protocols that would take over the connection do not pass: what they carry could not be recorded.
	out.Header.Del("Connection")
	out.Header.Del("Upgrade")
	if p.isForeign() {
		out.Trailer = nil
		for name := range out.Header {
			if !toOthers[name] && name != "Authorization" && !strings.HasPrefix(name, "Accept") && !strings.HasPrefix(name, "Content-") && !strings.HasPrefix(name, "If-") {
				delete(out.Header, name)
			}
		}
	}
	if !p.passesCredentials() {
		out.Header.Del("Authorization")
		out.Header.Del("Cookie")
	}
	if p.upstream.options.Credentials != nil {
		for _, name := range overriding {
			out.Header.Del(name)
		}
	}
}

// overriding are fields that some servers take a method or a path from, in place of those that
// were authorized here.
var overriding = []string{"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url"}

// fail answers a request to which there is no answer, or none that may pass.
func (p *passage) fail(w http.ResponseWriter, _ *http.Request, err error) {
	if p.client.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client has left, or the server is closing
	}
	if early := p.asked.err(); early != nil && !errors.Is(err, errRefused) {
		writeError(w, http.StatusBadRequest, "UNSUPPORTED", "the body of the request ended early: "+early.Error())
		return
	}
	writeError(w, http.StatusBadGateway, "UNAVAILABLE", p.mark(err))
}

// maxMessage is the maximum length of a message in bytes: errors can repeat what the registry sent.
const maxMessage = 1 << 10

// mark notes in the record what went wrong at the registry, and returns it.
func (p *passage) mark(err error) string {
	message := fmt.Sprintf("upstream %s: %s%s", p.upstream.base, p.where(), reason(err))
	message = strings.ToValidUTF8(message[:min(len(message), maxMessage)], "")
	p.state.SetUpstreamError(message)
	return message
}

// where names the host that failed, if it is not that of the registry.
func (p *passage) where() string {
	if !p.isForeign() {
		return ""
	}
	return "host " + p.to.url.Host + ", which it named: "
}

// reason returns the text of an error without URLs, which may be signed.
func reason(err error) string {
	var in *url.Error
	if errors.As(err, &in) {
		err = in.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}

// broken reports whether the answer ended early. It marks that, unless the client has left.
func (p *passage) broken() bool {
	err := p.answered.err()
	if err != nil && p.client.Context().Err() == nil {
		p.mark(fmt.Errorf("the body of the answer ended after %d bytes: %w", p.answered.read.Load(), err))
	}
	return err != nil
}

// refuse answers a request that cannot go anywhere.
func (p *passage) refuse(w http.ResponseWriter, err error) {
	if errors.Is(err, errName) {
		writeError(w, http.StatusBadRequest, "NAME_INVALID", err.Error())
		return
	}
	writeError(w, http.StatusNotFound, "UNSUPPORTED", err.Error())
}
