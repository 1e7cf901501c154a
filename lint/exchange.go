package lint

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// exchange is an exchange with what the rules need of it.
type exchange struct {
	*record.Exchange
	kind    op.Op    // Op; for a request to the Location of an upload, that of the upload
	url     *url.URL // absolute; nil if the target cannot be parsed
	end     time.Time
	client  *client
	run     *run
	session *session  // of a request in an upload session that is known
	body    *manifest // see manifest

	place   string     // see repo; empty before the session is known
	form    url.Values // see query
	key     string     // see tryKey
	try     *tries     // see retried
	retries bool       // try is set
	fetch   *fetch     // see before
	tag     *tagState  // see before
	fetches bool       // fetch and tag are set
}

// value returns the first value of a header field, whose name is in canonical form.
func value(h http.Header, name string) string {
	if all := h[name]; len(all) > 0 {
		return all[0]
	}
	return ""
}

func (x *exchange) agent() string { return x.client.agent }

// query returns the parameters of the target, which must be one that can be parsed.
func (x *exchange) query() url.Values {
	if x.form == nil {
		x.form = x.url.Query()
	}
	return x.form
}

// manifest returns the manifest that a request pushes, or that its answer has.
func (x *exchange) manifest() *manifest {
	if x.body == nil {
		body := x.ResponseBody
		if x.kind == op.ManifestPut {
			body = x.RequestBody
		}
		x.body = parseManifest(body)
	}
	return x.body
}

// succeeded reports whether the client received a whole answer with a status of 2xx.
func (x *exchange) succeeded() bool { return x.answered() && x.Status/100 == 2 }

// answered reports whether the client received a whole answer.
func (x *exchange) answered() bool { return x.Status != 0 && !x.Open && !x.Left && !x.Cut }

// decided reports whether a fault did more than delay the answer: then it does not say what the
// registry has, and the client may not have read it.
func (x *exchange) decided() bool { return len(x.Faults) > 0 && !x.Delayed }

// after reports whether the request began when the client had received an earlier answer.
func (x *exchange) after(end time.Time) bool { return !x.Start.Before(end) }

// location is where an answer points to, or nil.
func (x *exchange) location() *url.URL { return x.resolve(value(x.ResponseHeader, "Location")) }

// next is the target of the answer's link to the next page, or nil.
func (x *exchange) next() *url.URL {
	for _, field := range x.ResponseHeader["Link"] {
		for rest := strings.Trim(field, " \t,"); rest != ""; {
			link, after, ok := httpfield.CutLink(rest)
			if !ok {
				if target, rel, bare := strings.Cut(rest, ";"); bare && strings.Contains(rel, "next") {
					return x.resolve(strings.TrimSpace(target)) // some registries leave out the angle brackets
				}
				break
			}
			if slices.Contains(link.Types, "next") {
				return x.resolve(link.Target)
			}
			rest = after
		}
	}
	return nil
}

func (x *exchange) resolve(reference string) *url.URL {
	if reference == "" || x.url == nil {
		return nil
	}
	u, err := x.url.Parse(reference)
	if err != nil {
		return nil
	}
	u.Host = hostOf(u)
	return u
}

// challenges returns the challenges of an answer.
func (x *exchange) challenges() []httpfield.Challenge {
	var all []httpfield.Challenge
	for _, field := range x.ResponseHeader["Www-Authenticate"] {
		some, _ := httpfield.Challenges(field)
		all = append(all, some...)
	}
	return all
}

func parseLength(text string) (n int64, ok bool) {
	if !digits(text) {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// length is the length of the request's body as the client announced it, or as it was read.
func (x *exchange) length() int64 {
	if n, ok := parseLength(value(x.Header, "Content-Length")); ok {
		return n
	}
	return x.RequestBytes
}

// host is that of the registry, which can differ from that of the Location of an upload.
func (x *exchange) host() string {
	if x.session != nil {
		return x.session.opener.Host
	}
	return x.Host
}

// repo names the repository across hosts.
func (x *exchange) repo() string {
	if x.place == "" {
		return x.host() + "/" + x.Repo
	}
	return x.place
}

// absolute returns the URL of a request.
func absolute(x *record.Exchange) *url.URL {
	u, err := url.Parse(x.Target)
	if err != nil {
		return nil
	}
	u.Scheme, u.Host = "http", x.Host
	if x.Secure {
		u.Scheme = "https"
	}
	u.Host = hostOf(u)
	return u
}

// hostOf returns the host of a URL, in lower case and without the default port of the scheme.
func hostOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// mediaType returns the media type of a Content-Type without its parameters, in lower case.
func mediaType(field string) string {
	base, _, _ := strings.Cut(field, ";")
	return strings.ToLower(strings.TrimSpace(base))
}

// contentRange returns the first and the last byte of the Content-Range of a chunk.
func contentRange(text string) (first, last int64, ok bool) {
	from, to, found := strings.Cut(text, "-")
	if !found || !digits(from) || !digits(to) {
		return 0, 0, false
	}
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	return first, last, err1 == nil && err2 == nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// endOfRange returns the position of the last byte in the Range of an upload's answer.
func endOfRange(h http.Header) (int64, bool) {
	text := strings.TrimPrefix(value(h, "Range"), "bytes=")
	_, last, ok := contentRange(text)
	return last, ok
}
