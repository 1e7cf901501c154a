package op

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/must"
)

// Request is what is known of a request before it is answered, and what filters
// look at.
type Request struct {
	Info
	Learned
	Host   string      // that the client asked for, with its port if it named one
	Target string      // the request target: path and query as they were sent
	Proto  string      // "HTTP/1.1", "HTTP/2.0"
	Secure bool        // the request came over TLS
	Header http.Header // names in canonical form
}

// NewRequest returns what is known of a request now. The header is shared with r.
func NewRequest(r *http.Request) Request {
	must.NotNil("op: NewRequest: r", r)
	_, state := Begin(r)
	return Request{
		Info:    state.info,
		Learned: state.Learned(),
		Host:    r.Host,
		Target:  r.RequestURI,
		Proto:   r.Proto,
		Secure:  r.TLS != nil,
		Header:  r.Header,
	}
}

// Filter says which requests are meant. The zero value means all. Filters are
// values, and safe for concurrent use.
//
// In text, a filter is "name=value", or "name!=value" for the opposite, as in
// "op=blob.get,blob.head" and "repo=lib/*":
//
//   - Values separated by commas are alternatives.
//   - A star in a value stands for any characters, slashes included; a backslash
//     before a star, or a backslash, takes it literally.
//   - What a request does not have is meant by the empty value only: "repo=*" is
//     any repository, tag="" is no tag.
//   - A size is matched by "length>4MiB", and by "!length>4MiB" what is not above it.
//   - Quotes, as Go writes them, are put around a value that is empty, begins with
//     "=", or has a comma, a quote or a space in it: ua="my client/1, beta",crane/*
//
// A filter that no request can match is a mistake: the functions that make filters
// panic, and [ParseFilters] returns an error, if there is no value, or if a value is
// one that no request has, such as the method "get".
type Filter struct {
	name    string
	values  string // in text; empty for a flag
	over    bool   // in text, the values follow a ">"
	not     bool
	ops     Set // of a filter made by Is
	reach   Set // operations outside of which it matches nothing; 0: it has no such bounds
	request func(*Request) bool
	answer  func(any) bool
}

// String returns the text of the filter, which [ParseFilters] reads. A filter
// made by [Match] has no such text.
func (f Filter) String() string {
	name := f.name
	if name == "" {
		name = "all"
	}
	switch {
	case f.values == "" && f.not:
		return "!" + name
	case f.values == "":
		return name
	case f.over && f.not:
		return "!" + name + ">" + f.values
	case f.over:
		return name + ">" + f.values
	case f.not:
		return name + "!=" + f.values
	}
	return name + "=" + f.values
}

// Match reports whether a request is meant. answer is what the request was answered
// with, for filters made by [OnAnswer]; others ignore it.
func (f Filter) Match(r *Request, answer any) bool {
	switch {
	case f.answer != nil:
		return f.answer(answer) != f.not
	case f.request != nil:
		must.NotNil("op: Filter.Match: r", r)
		return f.request(r) != f.not
	}
	return !f.not
}

// NeedsAnswer reports whether the filter can be judged only once the request has
// been answered.
func (f Filter) NeedsAnswer() bool { return f.answer != nil }

// MatchAll reports whether a request is meant by every one of the filters.
func MatchAll(filters []Filter, r *Request, answer any) bool {
	return !slices.ContainsFunc(filters, func(f Filter) bool { return !f.Match(r, answer) })
}

// OnAnswer returns a filter on what a request was answered with, under the name
// and the value, or the values with commas between them, that it has in text;
// without a value it is a flag. match gets the answer given to [Filter.Match].
func OnAnswer(name, value string, match func(answer any) bool) Filter {
	must.NotNil("op: OnAnswer: match", match)
	if value != "" {
		values, rest, err := cutValues(value)
		if err != nil || rest != "" {
			values = []string{value}
		}
		value = joinValues(values)
	}
	return Filter{name: name, values: value, answer: match}
}

// OnAnswerText returns a filter on texts of what a request was answered with: one
// of them must match one of the patterns. texts gets the answer given to
// [Filter.Match].
//
// It panics if there are no patterns.
func OnAnswerText(name string, patterns []string, texts func(answer any) []string) Filter {
	mustHave(name, patterns)
	must.NotNil("op: OnAnswerText: texts", texts)
	match := matcher(patterns)
	return OnAnswer(name, joinValues(patterns), func(answer any) bool {
		return slices.ContainsFunc(texts(answer), match)
	})
}

// onRequest returns the filter that match makes of the values.
func onRequest(name string, values []string, match func(*Request) bool) Filter {
	mustHave(name, values)
	return Filter{name: name, values: joinValues(values), request: match}
}

func onText(name string, patterns []string, text func(*Request) string) Filter {
	match := matcher(patterns)
	return onRequest(name, patterns, func(r *Request) bool { return match(text(r)) })
}

func flag(name string, match func(*Request) bool) Filter { return Filter{name: name, request: match} }

// Not means the requests that f does not mean.
func Not(f Filter) Filter {
	f.not = !f.not
	return f
}

// Match means the requests for which a function says so, which may be called
// concurrently.
func Match(match func(*Request) bool) Filter {
	must.NotNil("op: Match: match", match)
	return flag("match", match)
}

// Is means requests for one of the operations: "op=blob.get,blob.head". In text,
// "op=upload.begin" stands for the operations of [UploadBegin].
func Is(ops ...Op) Filter {
	names := make([]string, len(ops))
	var set Set
	for i, o := range ops {
		mustBe("op", o.String(), func(string) error { return o.check() })
		names[i] = o.String()
		set |= 1 << o
	}
	f := onRequest("op", names, func(r *Request) bool { return set.Has(r.Op) })
	f.ops = set
	return f
}

// Set is a set of operations.
type Set uint64

// Has reports whether an operation is in the set.
func (s Set) Has(o Op) bool { return s&(1<<o) != 0 }

// Split returns the operations that filters on operations allow, and the filters
// that are left to be asked about a request for one of them. No operation is allowed
// if the filters together match nothing.
func Split(filters []Filter) (allowed Set, rest []Filter) {
	allowed = everything
	for _, f := range filters {
		switch {
		case f.ops == 0:
			rest = append(rest, f)
			if f.not && f.request == nil && f.answer == nil { // the opposite of the zero value
				allowed = 0
			}
			if !f.not && f.reach != 0 {
				allowed &= f.reach
			}
		case f.not:
			allowed &^= f.ops
		default:
			allowed &= f.ops
		}
	}
	return allowed, rest
}

// Repo means requests for a repository: "repo=app", "repo=lib/*".
func Repo(patterns ...string) Filter {
	mustBeAll("repo", patterns, checkRepo)
	return onText("repo", patterns, func(r *Request) string { return r.Repo }).within(patterns, inRepository)
}

// Alias means requests for a repository under another name than its own, by that
// name: "alias=fault/status-503/app".
func Alias(patterns ...string) Filter {
	return onText("alias", patterns, func(r *Request) string { return r.Alias }).within(patterns, inRepository)
}

// Tag means requests for a manifest by tag, and those that set tags by parameter:
// "tag=v1".
func Tag(patterns ...string) Filter {
	mustBeAll("tag", patterns, checkTag)
	match := matcher(patterns)
	return onRequest("tag", patterns, func(r *Request) bool {
		return slices.ContainsFunc(r.Tags, match) || (r.Info.Tag != "" || len(r.Tags) == 0) && match(r.Info.Tag)
	}).within(patterns, hasTags)
}

// Digest means requests for content with a digest, also for uploading or
// mounting it: "digest=sha256:…".
func Digest(digests ...digest.Digest) Filter {
	patterns := make([]string, len(digests))
	for i, d := range digests {
		patterns[i] = string(d)
	}
	mustBeAll("digest", patterns, checkDigest)
	return onText("digest", patterns, func(r *Request) string { return string(r.Info.Digest) }).within(patterns, hasDigests)
}

// Session means requests for an upload session: "session=…".
func Session(ids ...string) Filter {
	return onText("session", ids, func(r *Request) string { return r.Info.Session }).within(ids, hasSession)
}

// Method means requests with an HTTP method, in upper case: "method=PUT".
func Method(methods ...string) Filter {
	mustBeAll("method", methods, checkMethod)
	match := matcher(methods)
	return onText("method", methods, func(r *Request) string { return r.Info.Method }).
		within(methods, func(r *row) bool { return slices.ContainsFunc(r.methods, match) })
}

// Host means requests for a host name, with or without its port, in whatever
// case: "host=cdn.test", "host=127.0.0.1:5000", "host=::1".
func Host(patterns ...string) Filter {
	mustBeAll("host", patterns, checkHost)
	lower := make([]string, len(patterns))
	for i, pattern := range patterns {
		lower[i] = strings.ToLower(pattern)
	}
	match := matcher(lower)
	return onRequest("host", patterns, func(r *Request) bool {
		host := url.URL{Host: strings.ToLower(r.Host)}
		return match(host.Host) || match(host.Hostname())
	})
}

// Namespace means requests with a value of the ns parameter, by which mirrors
// are told the upstream host: "ns=docker.io".
func Namespace(patterns ...string) Filter {
	return onText("ns", patterns, func(r *Request) string { return r.Info.Namespace })
}

// Header means requests with a value of a header field: "header.Accept=*json*".
// Without patterns, any value will do: "header.Range".
func Header(name string, patterns ...string) Filter {
	name = http.CanonicalHeaderKey(name)
	mustBe("header", name, checkField)
	if len(patterns) == 0 {
		return flag(headerName(name), func(r *Request) bool { return len(r.Header[name]) > 0 })
	}
	match := matcher(patterns)
	return onRequest(headerName(name), patterns, func(r *Request) bool {
		return slices.ContainsFunc(r.Header[name], match)
	})
}

// UserAgent means requests of a client: "ua=crane/*".
func UserAgent(patterns ...string) Filter {
	return onText("ua", patterns, func(r *Request) string { return r.Header.Get("User-Agent") })
}

// LongerThan matches requests whose body has more than n bytes, as Content-Length says:
// "length>4MiB". A request without Content-Length does not match.
//
// It panics if n is negative.
func LongerThan(n int64) Filter {
	mustBe("length", strconv.FormatInt(n, 10), func(text string) error {
		if n < 0 {
			return fmt.Errorf("%s is no size: want a number of bytes such as 4MiB", text)
		}
		return nil
	})
	f := flag("length", func(r *Request) bool {
		length, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64)
		return err == nil && length > n
	})
	f.values, f.over = sizeText(n), true
	return f
}

// sizeText is a number of bytes in the largest binary unit of which it is a multiple.
func sizeText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n > 0 && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// Authenticated means requests that came with credentials: "auth".
func Authenticated() Filter {
	return flag("auth", func(r *Request) bool { return r.Header.Get("Authorization") != "" })
}

// Secure means requests that came over TLS: "tls".
func Secure() Filter { return flag("tls", func(r *Request) bool { return r.Secure }) }
