package record

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/bytesize"
	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/op"
)

// Op matches requests for one of the operations: "op=blob.get,blob.head". In text,
// "op=upload.begin" stands for the operations of [op.UploadBegin].
func Op(ops ...op.Op) Filter {
	names := make([]string, len(ops))
	for i, o := range ops {
		_, err := o.MarshalText()
		mustBe("op", err)
		names[i] = o.String()
	}
	set := filter.OpsOf(ops...)
	f := on("op", OnRequest, names, func(x *Exchange) bool { return set.Has(x.Op) })
	f.ops = set
	return f
}

// Repo matches requests for a repository: "repo=app", "repo=lib/*".
func Repo(patterns ...string) Filter {
	mustBeAll("repo", patterns, checkRepo)
	return onText("repo", OnRequest, patterns, func(x *Exchange) string { return x.Repo }).within(patterns, op.Op.InRepository)
}

// Alias matches requests for a repository under another name than its own, by that
// name: "alias=fault/status-503/app".
func Alias(patterns ...string) Filter {
	return onText("alias", OnRequest, patterns, func(x *Exchange) string { return x.Alias }).within(patterns, op.Op.InRepository)
}

// Tag matches requests for a manifest by tag, and those that set tags by parameter:
// "tag=v1".
func Tag(patterns ...string) Filter {
	mustBeAll("tag", patterns, checkTag)
	match := pattern.Matcher(patterns)
	return on("tag", OnRequest, patterns, func(x *Exchange) bool {
		return slices.ContainsFunc(x.Tags, match) || (x.Info.Tag != "" || len(x.Tags) == 0) && match(x.Info.Tag)
	}).within(patterns, hasTags)
}

// Digest matches requests for content with a digest, also for uploading or
// mounting it: "digest=sha256:…".
func Digest(digests ...digest.Digest) Filter {
	patterns := make([]string, len(digests))
	for i, d := range digests {
		patterns[i] = string(d)
	}
	mustBeAll("digest", patterns, checkDigest)
	return onText("digest", OnRequest, patterns, func(x *Exchange) string { return string(x.Info.Digest) }).within(patterns, hasDigests)
}

// Session matches requests for an upload session: "session=…".
func Session(ids ...string) Filter {
	return onText("session", OnRequest, ids, func(x *Exchange) string { return x.Info.Session }).within(ids, hasSession)
}

// Method matches requests with an HTTP method, in upper case: "method=PUT".
func Method(methods ...string) Filter {
	mustBeAll("method", methods, checkMethod)
	match := pattern.Matcher(methods)
	return on("method", OnRequest, methods, func(x *Exchange) bool { return match(x.Info.Method) }).
		within(methods, func(o op.Op) bool { return slices.ContainsFunc(o.Methods(), match) })
}

// Host matches requests for a host name, with or without its port, in whatever
// case: "host=cdn.test", "host=127.0.0.1:5000", "host=::1".
func Host(patterns ...string) Filter {
	mustBeAll("host", patterns, checkHost)
	lower := make([]string, len(patterns))
	for i, pattern := range patterns {
		lower[i] = strings.ToLower(pattern)
	}
	match := pattern.Matcher(lower)
	return on("host", OnRequest, patterns, func(x *Exchange) bool {
		host := url.URL{Host: strings.ToLower(x.Host)}
		return match(host.Host) || match(host.Hostname())
	})
}

// Namespace matches requests with a value of the ns parameter, by which mirrors
// are told the upstream host: "ns=docker.io".
func Namespace(patterns ...string) Filter {
	return onText("ns", OnRequest, patterns, func(x *Exchange) string { return x.Info.Namespace })
}

// Header matches requests with a value of a header field: "header.Accept=*json*".
// Without patterns, any value will do: "header.Range".
func Header(name string, patterns ...string) Filter {
	name = http.CanonicalHeaderKey(name)
	mustBe("header", checkField(name))
	if len(patterns) == 0 {
		return flag(filter.FieldName(filter.Header, name), OnRequest, func(x *Exchange) bool { return len(x.Header[name]) > 0 })
	}
	match := pattern.Matcher(patterns)
	return on(filter.FieldName(filter.Header, name), OnRequest, patterns, func(x *Exchange) bool {
		return slices.ContainsFunc(x.Header[name], match)
	})
}

// Query matches requests with a value of a query parameter: "query.last=*". Without
// patterns, any value matches: "query.mount". In a log, secrets in the target are redacted.
func Query(name string, patterns ...string) Filter {
	mustBe("query", checkParameter(name))
	if len(patterns) == 0 {
		return flag(filter.FieldName(filter.Query, name), OnRequest, func(x *Exchange) bool {
			return x.hasParameter(name, func(string) bool { return true })
		})
	}
	match := pattern.Matcher(patterns)
	return on(filter.FieldName(filter.Query, name), OnRequest, patterns, func(x *Exchange) bool { return x.hasParameter(name, match) })
}

// hasParameter reports whether a function is true for a value of a query parameter. As
// [url.ParseQuery], it ignores what is malformed.
func (x *Exchange) hasParameter(name string, match func(string) bool) bool {
	_, rest, _ := strings.Cut(x.Target, "?")
	rest, _, _ = strings.Cut(rest, "#")
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		key, value, _ := strings.Cut(pair, "=")
		if pair == "" || strings.Contains(pair, ";") {
			continue
		}
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil && match(value) {
			return true
		}
	}
	return false
}

// UserAgent matches requests of a client: "ua=crane/*".
func UserAgent(patterns ...string) Filter {
	return onText("ua", OnRequest, patterns, func(x *Exchange) string { return x.Header.Get("User-Agent") })
}

// LengthOver matches requests whose body has more than n bytes, as Content-Length says:
// "length>4MiB". A request without Content-Length does not match. It panics if n is negative.
func LengthOver(n int64) Filter {
	return over("length", n, bytesize.Exact(n), func(x *Exchange) bool {
		length, ok := x.contentLength()
		return ok && length > n
	})
}

// ChunkOver matches requests that upload a chunk of more than n bytes, as Content-Length
// says, or Content-Range without Content-Length: "chunk>4MiB". A chunk is the body of a
// PATCH, or that of a PUT with Content-Range. It panics if n is negative.
func ChunkOver(n int64) Filter {
	f := over("chunk", n, bytesize.Exact(n), func(x *Exchange) bool {
		first, last, ranged := contentRange(x.Header.Get("Content-Range"))
		if x.Op != op.UploadChunk && (x.Op != op.UploadCommit || !ranged) {
			return false
		}
		length, ok := x.contentLength()
		return ok && length > n || !ok && ranged && last-first >= n
	})
	f.reach = filter.OpsOf(op.UploadChunk, op.UploadCommit)
	return f
}

// Resumed matches requests that continue a transfer: a GET or HEAD whose Range begins after
// the first byte, and a PATCH or PUT whose Content-Range does. In text it is "resumed".
func Resumed() Filter {
	f := flag("resumed", OnRequest, func(x *Exchange) bool {
		switch x.Info.Method {
		case http.MethodGet, http.MethodHead:
			return firstOfRange(x.Header.Get("Range")) > 0
		case http.MethodPatch, http.MethodPut:
			first, _, ok := contentRange(x.Header.Get("Content-Range"))
			return ok && first > 0
		}
		return false
	})
	f.reach = filter.OpsOf(op.Unknown, op.External)
	for _, o := range op.All() {
		if slices.ContainsFunc(o.Methods(), func(m string) bool { return m != http.MethodPost && m != http.MethodDelete }) {
			f.reach |= filter.OpsOf(o)
		}
	}
	return f
}

func (x *Exchange) contentLength() (n int64, ok bool) {
	n, err := strconv.ParseInt(x.Header.Get("Content-Length"), 10, 64)
	return n, err == nil
}

// contentRange returns the first and the last byte of a Content-Range of the distribution
// specification, "0-99", or of HTTP, "bytes 0-99/*".
func contentRange(text string) (first, last int64, ok bool) {
	text = strings.TrimPrefix(text, "bytes ")
	text, _, _ = strings.Cut(text, "/")
	from, to, _ := strings.Cut(text, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	return first, last, err1 == nil && err2 == nil && first >= 0 && first <= last
}

// firstOfRange returns the first byte of a Range, or -1 if it has none.
func firstOfRange(text string) int64 {
	const unit = "bytes="
	if len(text) < len(unit) || !strings.EqualFold(text[:len(unit)], unit) {
		return -1
	}
	from, _, _ := strings.Cut(text[len(unit):], "-")
	first, err := strconv.ParseInt(strings.TrimSpace(from), 10, 64)
	if err != nil {
		return -1
	}
	return first
}

// Authenticated matches requests that came with credentials: "auth".
func Authenticated() Filter {
	return flag("auth", OnRequest, func(x *Exchange) bool { return x.Header.Get("Authorization") != "" })
}

// Secure matches requests that came over TLS: "tls".
func Secure() Filter { return flag("tls", OnRequest, func(x *Exchange) bool { return x.Secure }) }
