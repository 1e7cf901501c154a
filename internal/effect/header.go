package effect

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/op"
)

// Header changes the header of the registry's answer.
type Header struct {
	How string // Setting, Adding or Dropping
	HeaderArgs
}

// HeaderArgs are the arguments of [Header].
type HeaderArgs struct {
	Name   string   `json:"name" doc:"name of the field"`
	Values []string `json:"values,omitempty" doc:"values of the field, with placeholders"`
}

const (
	challengeHeader = "WWW-Authenticate"
	lengthHeader    = "Content-Length"
	typeHeader      = "Content-Type"
)

// How a [Header] changes a field: the names of the effects in text.
const (
	Setting  = "set-header"
	Adding   = "add-header"
	Dropping = "drop-header"
)

func (e Header) Kind() string { return e.How }

func (e Header) needs() need { return needsOfTexts(e.Values...) }

func (e Header) check() error {
	switch {
	case e.How == Dropping && len(e.Values) > 0:
		return errors.New("it has no values")
	case e.How != Dropping && len(e.Values) == 0:
		return errors.New("values are missing")
	}
	return checkField(e.Name, e.Values, e.How)
}

// checkField refuses fields that the server cannot send as they are, or that would
// have it send something else than what it says.
func checkField(name string, values []string, how string) error {
	if !httpfield.ValidToken(name) {
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
	if name == lengthHeader && (how == Adding || len(values) > 1) {
		return errors.New("there is one Content-Length: set it to one value")
	}
	return nil
}

func (e Header) prospect(*op.Info, *http.Request) Prospect {
	if e.How == Adding {
		return Surely
	}
	return Perhaps // it may be so already
}

func (e Header) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	name := http.CanonicalHeaderKey(e.Name)
	if isConnectionField(x, name) {
		next.ServeHTTP(w, r)
		return
	}
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		values := make([]string, len(e.Values))
		for i, value := range e.Values {
			values[i] = x.expand(value, r)
		}
		h := w.Header()
		if e.changes(h, r, status, values) && x.act() {
			out.unsized = e.How == Dropping && name == lengthHeader
			e.change(h, values)
		}
		return status
	}
	if name == lengthHeader && e.How != Dropping {
		out.body = upToLength(w)
	}
	out.serve(r, next)
}

// isConnectionField reports whether a field is the one that HTTP/2 does not have (RFC
// 9113, 8.2.2): net/http does not send it, and takes it for an order to close.
func isConnectionField(x *Exchange, name string) bool {
	return x.http2 && http.CanonicalHeaderKey(name) == "Connection"
}

// changes reports whether the header differs once the effect has acted.
func (e Header) changes(h http.Header, r *http.Request, status int, values []string) bool {
	name := http.CanonicalHeaderKey(e.Name)
	switch {
	case e.How == Setting:
		return !slices.Equal(h[name], values)
	case e.How == Adding || name == "Date": // net/http adds the date
		return true
	case name == lengthHeader && r.Method != http.MethodHead && !bodyless(status):
		return true // net/http would count a short body
	}
	return len(h[name]) > 0
}

func (e Header) change(h http.Header, values []string) {
	name := http.CanonicalHeaderKey(e.Name)
	if e.How != Adding {
		h.Del(name)
	}
	for _, value := range values {
		h.Add(name, value)
	}
	if e.How == Dropping && (name == typeHeader || name == "Date") {
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

// SetStatus changes the status of the registry's answer.
type SetStatus struct {
	Status int `json:"code" doc:"status code"`
}

func (SetStatus) Kind() string { return "set-status" }

func (e SetStatus) check() error { return validStatus(e.Status) }

func (SetStatus) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (e SetStatus) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
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

// Location changes parts of the Location of the registry's answer. Empty parts stay. The
// values can contain placeholders.
type Location struct {
	Scheme    string `json:"scheme,omitempty" doc:"scheme of the absolute URL"`
	Host      string `json:"host,omitempty" doc:"host of the absolute URL"`
	Path      string `json:"path,omitempty" doc:"path in place of the path"`
	DropQuery bool   `json:"dropQuery,omitempty" doc:"drops the query, which holds the state of an upload"`
	Absolute  bool   `json:"absolute,omitempty" doc:"adds scheme and host of the request"`
}

func (Location) Kind() string { return "location" }

func (e Location) needs() need { return needsOfTexts(e.Scheme, e.Host, e.Path) }

func (e Location) check() error {
	if e == (Location{}) {
		return errors.New("it changes nothing")
	}
	return checkText(e.Scheme, e.Host, e.Path)
}

// checkText refuses texts that no field of a header can have.
func checkText(texts ...string) error { return checkField("Location", texts, Setting) }

func (Location) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (e Location) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
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

func (e Location) change(x *Exchange, r *http.Request, location string) (string, bool) {
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
