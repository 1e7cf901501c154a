// Package filter has the text form of filters: their terms, their grammar, and the names
// of operations. Package record makes filters of it; help texts and completion show it.
package filter

import (
	"slices"

	"github.com/ocifake/ocifake/op"
)

// Term describes a filter in text.
type Term struct {
	Name    string
	Doc     string // what it matches
	Example string
	Flag    bool // it has no value
	Over    bool // a ">" is between its name and its value, not a "="
	Answer  bool // it matches the answer
	End     bool // it matches what is known only once the exchange has ended
}

// Begin returns the beginning of the term in text: "repo=", or "auth" for a term without
// a value.
func (t Term) Begin() string {
	switch {
	case t.Over:
		return t.Name + ">"
	case t.Flag:
		return t.Name
	}
	return t.Name + "="
}

// Terms returns the terms, those on requests first. The name of a term that is followed by
// the name of a field ends with a dot: "header.", "query.".
func Terms() []Term {
	onAnswers := slices.IndexFunc(terms[:], func(t Term) bool { return t.Answer || t.End })
	return slices.Insert(slices.Clone(terms[:]), onAnswers, prefixes[:]...)
}

// The names of the terms that are followed by the name of a field.
const (
	Header = "header."
	Query  = "query."
)

// prefixes are the terms that are followed by the name of a field.
var prefixes = [...]Term{
	{Name: Header, Flag: true, Example: Header + "Accept=*json*", Doc: "a value of this header field; without a value, the request has the field"},
	{Name: Query, Flag: true, Example: Query + "last=*", Doc: "a value of this query parameter; without a value, the request has the parameter"},
}

// terms are those whose name is the whole name of a filter.
var terms = [...]Term{
	{Name: "all", Doc: "every request", Example: "all", Flag: true},
	{Name: "op", Doc: "the operation is one of these; `upload.begin` is every operation that may open an upload session", Example: "op=blob.get,blob.head"},
	{Name: "repo", Doc: "the repository", Example: "repo=lib/*"},
	{Name: "alias", Doc: "the name of the repository that the client sent, where it chose faults by name", Example: "alias=fault/status-503/app"},
	{Name: "tag", Doc: "the tag of a manifest, or a tag set by parameter", Example: "tag=v1"},
	{Name: "digest", Doc: "the digest of the content that is read, uploaded, mounted or deleted", Example: "digest=sha256:*"},
	{Name: "session", Doc: "the upload session", Example: "session=*"},
	{Name: "method", Doc: "the HTTP method, in upper case", Example: "method=PUT"},
	{Name: "host", Doc: "the host name that the client sent, with or without its port, in any case", Example: "host=cdn.test"},
	{Name: "ns", Doc: "the value of the `ns` parameter, which names the upstream host for a mirror", Example: "ns=docker.io"},
	{Name: "ua", Doc: "the User-Agent", Example: "ua=crane/*"},
	{Name: "length", Doc: "the body has more bytes, as Content-Length says", Example: "length>4MiB", Over: true},
	{Name: "chunk", Doc: "the request uploads a chunk of more bytes, as Content-Length says, or Content-Range without it", Example: "chunk>4MiB", Over: true},
	{Name: "resumed", Doc: "the request continues a transfer: Range of a read, or Content-Range of an upload, begins after the first byte", Example: "resumed", Flag: true},
	{Name: "attempt", Doc: "the number of the request among those with the same method and target; uploads must have the same session, digest and Content-Range", Example: "attempt=2"},
	{Name: "attempt", Doc: "that number is larger", Example: "attempt>1", Over: true},
	{Name: "elapsed", Doc: "the registry had run for longer when the request came", Example: "elapsed>10s", Over: true},
	{Name: "conn", Doc: "the number of the connection", Example: "conn=3"},
	{Name: "conn.requests", Doc: "the connection has carried more requests, this one included", Example: "conn.requests>10", Over: true},
	{Name: "conn.age", Doc: "the connection had been open for longer when the request came", Example: "conn.age>5s", Over: true},
	{Name: "proto", Doc: "the protocol: `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`", Example: "proto=HTTP/2.0"},
	{Name: "auth", Doc: "the request has credentials", Example: "!auth", Flag: true},
	{Name: "tls", Doc: "the request came over TLS", Example: "tls", Flag: true},
	{Name: "status", Doc: "the status code, where x is any digit; 0 is no answer yet, or none at all", Example: "status=4xx,503", Answer: true},
	{Name: "code", Doc: "an error code in the answer", Example: "code=*_UNKNOWN", Answer: true},
	{Name: "subject", Doc: "the user that the credentials name; empty without credentials", Example: "subject=ci-*", Answer: true},
	{Name: "fault", Doc: "the name of a fault rule that acted on the request", Example: "fault=flaky-cdn", End: true},
	{Name: "faulted", Doc: "any fault rule acted on the request", Example: "!faulted", Flag: true, End: true},
	{Name: "open", Doc: "the answer has not ended yet", Example: "open", Flag: true, End: true},
	{Name: "left", Doc: "the client left before the answer ended", Example: "left", Flag: true, End: true},
	{Name: "cut", Doc: "the answer ended before it was complete, also if the client left; `!left` excludes these", Example: "cut", Flag: true, End: true},
	{Name: "since", Doc: "the request began after this mark, which is the number of a request", Example: "since=12", End: true},
}

// UploadBegin is the text of the operations of [op.UploadBegin].
const UploadBegin = "upload.begin"

// Operations returns the values of the term op: the names of all operations but Unknown,
// and [UploadBegin].
func Operations() []string {
	var names []string
	for _, o := range op.All() {
		names = append(names, o.String())
	}
	return append(names, UploadBegin)
}
