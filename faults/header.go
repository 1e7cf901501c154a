package faults

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/op"
)

// Header is an effect on the header of the registry's answer.
type Header struct {
	how  string
	args headerArgs
}

type headerArgs struct {
	Name   string   `json:"name" doc:"name of the field"`
	Values []string `json:"values,omitempty" doc:"values of the field, with placeholders"`
}

const (
	challengeHeader = "WWW-Authenticate"
	lengthHeader    = "Content-Length"
	typeHeader      = "Content-Type"
)

const (
	setting  = "set-header"
	adding   = "add-header"
	dropping = "drop-header"
)

// tokenCharacters are those of names of header fields (RFC 9110, 5.6.2).
const tokenCharacters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// SetHeader sets a header field of the registry's answer. The values can contain
// placeholders:
//
//	{origin} {host} {prefix} {target}     "http://127.0.0.1:40001", "127.0.0.1:40001", "", "/v2/app/tags/list?n=2"
//	{repo} {tag} {digest} {session}       those of the request, or nothing
//	{cdn} {expired} {cdnhost}             the signed URL of the blob at the second origin, an expired one, and the host of that origin
//	{dead}                                a host that refuses connections
//	{realm} {service} {scope}             those of the challenge that the registry would send
//
// Other placeholders are refused, except in the bodies of answers.
//
// HTTP/2 has no field Connection, and the effect does not act on it there; see
// [GoAwayGracefully].
//
// An answer to HEAD can have any Content-Length. In other answers, a Content-Length
// smaller than the body cuts the body off, and a larger one ends in an unexpected EOF.
func SetHeader(name string, values ...string) Header {
	return Header{setting, headerArgs{name, values}}
}

// AddHeader adds a header field to the registry's answer; see [SetHeader].
func AddHeader(name string, values ...string) Header {
	return Header{adding, headerArgs{name, values}}
}

// DropHeader removes a header field from the registry's answer. Without Content-Length
// the answer is chunked.
func DropHeader(name string) Header { return Header{dropping, headerArgs{Name: name}} }

func (e Header) kind() string { return e.how }

func (e Header) needs() need { return needsOfTexts(e.args.Values...) }

func (e Header) check() error {
	switch {
	case e.how == dropping && len(e.args.Values) > 0:
		return errors.New("it has no values")
	case e.how != dropping && len(e.args.Values) == 0:
		return errors.New("values are missing")
	}
	return checkField(e.args.Name, e.args.Values, e.how)
}

// checkField refuses fields that the server cannot send as they are, or that would
// have it send something else than what it says.
func checkField(name string, values []string, how string) error {
	if name == "" || strings.Trim(name, tokenCharacters) != "" {
		return fmt.Errorf("%q is no name of a header field", name)
	}
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Transfer-Encoding":
		return errors.New("the field Transfer-Encoding is the server's: for chunks drop Content-Length, for what is not HTTP use raw")
	case "Trailer":
		return errors.New("the field Trailer is the server's: net/http sends the fields that it names behind the body")
	}
	for _, value := range values {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return fmt.Errorf("%s: %q has a control character, which no header can have: for what is not HTTP use raw", name, value)
		}
		if _, err := strconv.ParseUint(value, 10, 63); name == lengthHeader && err != nil {
			return fmt.Errorf("%s: %q is no number of bytes: for what is not HTTP use raw", name, value)
		}
		if err := checkPlaceholders(value); err != nil {
			return err
		}
	}
	if name == lengthHeader && (how == adding || len(values) > 1) {
		return errors.New("there is one Content-Length: set it to one value")
	}
	return nil
}

func (e Header) prospect(*op.Info, *http.Request) prospect {
	if e.how == adding {
		return surely
	}
	return perhaps // it may be so already
}

func (e Header) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	name := http.CanonicalHeaderKey(e.args.Name)
	if isConnectionField(x, name) {
		next.ServeHTTP(w, r)
		return
	}
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		values := make([]string, len(e.args.Values))
		for i, value := range e.args.Values {
			values[i] = x.expand(value, r)
		}
		h := w.Header()
		if e.changes(h, r, status, values) && x.act() {
			out.unsized = e.how == dropping && name == lengthHeader
			e.change(h, values)
		}
		return status
	}
	if name == lengthHeader && e.how != dropping {
		out.body = upToLength(w)
	}
	out.serve(r, next)
}

// isConnectionField reports whether a field is the one that HTTP/2 does not have (RFC
// 9113, 8.2.2): net/http does not send it, and takes it for an order to close.
func isConnectionField(x *exchange, name string) bool {
	return x.http2 && http.CanonicalHeaderKey(name) == "Connection"
}

// changes reports whether the header differs once the effect has acted.
func (e Header) changes(h http.Header, r *http.Request, status int, values []string) bool {
	name := http.CanonicalHeaderKey(e.args.Name)
	switch {
	case e.how == setting:
		return !slices.Equal(h[name], values)
	case e.how == adding || name == "Date": // net/http adds the date
		return true
	case name == lengthHeader && r.Method != http.MethodHead && !bodyless(status):
		return true // net/http would count a short body
	}
	return len(h[name]) > 0
}

func (e Header) change(h http.Header, values []string) {
	name := http.CanonicalHeaderKey(e.args.Name)
	if e.how != adding {
		h.Del(name)
	}
	for _, value := range values {
		h.Add(name, value)
	}
	if e.how == dropping && (name == typeHeader || name == "Date") {
		h[name] = nil // net/http would add one
	}
}

// upToLength returns what writes a body, of which it drops what lies beyond the
// Content-Length.
func upToLength(w http.ResponseWriter) func(p []byte) (int, error) {
	var left int64 = -1
	return func(p []byte) (int, error) {
		if left < 0 {
			left = 1<<63 - 1
			if n, ok := contentLength(w.Header()); ok {
				left = n
			}
		}
		n := min(int64(len(p)), left)
		left -= n
		if _, err := w.Write(p[:n]); err != nil {
			return 0, err
		}
		return len(p), nil
	}
}

// SetStatus changes the status of the registry's answer: 201 in place of 202, or an
// error although the request succeeded. With 204 or 304 the answer has no body.
func SetStatus(code int) Effect { return setStatus{code} }

type setStatus struct {
	Status int `json:"code" doc:"status code"`
}

func (setStatus) kind() string { return "set-status" }

func (e setStatus) check() error { return validStatus(e.Status) }

func (setStatus) prospect(*op.Info, *http.Request) prospect { return perhaps }

func (e setStatus) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if status == e.Status || !x.act() {
			return status
		}
		if bodyless(e.Status) {
			w.Header().Del(lengthHeader)
			out.body = func(p []byte) (int, error) { return len(p), nil }
		}
		return e.Status
	}
	out.serve(r, next)
}

// Location changes parts of the Location that the registry answers with; those
// that are empty stay. The values may have the placeholders of [SetHeader].
type Location struct {
	Scheme    string `json:"scheme,omitempty" doc:"scheme of the absolute URL"`                             // makes it absolute
	Host      string `json:"host,omitempty" doc:"host of the absolute URL"`                                 // makes it absolute
	Path      string `json:"path,omitempty" doc:"path in place of the path"`                                // replaces the path
	DropQuery bool   `json:"dropQuery,omitempty" doc:"drops the query, which holds the state of an upload"` // leaves out the query, and with it the state of an upload
	Absolute  bool   `json:"absolute,omitempty" doc:"adds scheme and host of the request"`                  // adds scheme and host of the request
}

func (Location) kind() string { return "location" }

func (e Location) needs() need { return needsOfTexts(e.Scheme, e.Host, e.Path) }

func (e Location) check() error {
	if e == (Location{}) {
		return errors.New("nothing is to be changed")
	}
	return checkText(e.Scheme, e.Host, e.Path)
}

// checkText refuses texts that no field of a header can have.
func checkText(texts ...string) error { return checkField("Location", texts, setting) }

func (Location) prospect(*op.Info, *http.Request) prospect { return perhaps }

func (e Location) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		location := w.Header().Get("Location")
		if changed, ok := e.change(x, r, location); ok && changed != location && x.act() {
			w.Header().Set("Location", changed)
		}
		return status
	}
	out.serve(r, next)
}

func (e Location) change(x *exchange, r *http.Request, location string) (string, bool) {
	u, err := url.Parse(location)
	if location == "" || err != nil {
		return "", false
	}
	if e.Absolute || e.Scheme != "" || e.Host != "" {
		base, err := url.Parse(x.expand("{origin}", r))
		if err != nil {
			return "", false
		}
		u = base.ResolveReference(u)
	}
	if e.Scheme != "" {
		u.Scheme = x.expand(e.Scheme, r)
	}
	if e.Host != "" {
		u.Host = x.expand(e.Host, r)
	}
	if e.Path != "" {
		u.Path = x.expand(e.Path, r)
	}
	if e.DropQuery {
		u.RawQuery = ""
	}
	return u.String(), true
}
