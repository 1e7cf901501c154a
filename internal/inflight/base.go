package inflight

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
)

// Base returns where the client reaches the API: the origin, "https://host:port",
// and the path under which it is mounted, "" or "/some/prefix". They are those of the
// request; a request without a host, as HTTP/1.0 allows, has that of the connection.
//
// With trustForwarded, the header fields Forwarded (RFC 7239), or X-Forwarded-Proto,
// X-Forwarded-Host, X-Forwarded-Port and X-Forwarded-Prefix, take precedence. The port
// applies to a host without one. Values that cannot be part of a URL are ignored.
func Base(r *http.Request, trustForwarded bool) (origin, prefix string) {
	must.NotNil("inflight: Base: r", r)
	_, state := Begin(r)
	scheme, host, prefix := "http", hostOf(r), state.info.Prefix
	if r.TLS != nil {
		scheme = "https"
	}
	if trustForwarded {
		f := forwardedBy(r.Header)
		scheme = cmp.Or(f.proto, scheme)
		host = withPort(cmp.Or(f.host, host), f.port, scheme)
		prefix = f.prefix + prefix
	}
	return (&url.URL{Scheme: scheme, Host: host}).String(), prefix
}

// hostOf returns the host that a request was sent to.
func hostOf(r *http.Request) string {
	if host := cmp.Or(r.Host, r.URL.Host); host != "" {
		return host
	}
	if address, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return address.String()
	}
	return "localhost"
}

// forwarded is the request that the first proxy received, as far as its header fields are
// valid.
type forwarded struct{ proto, host, port, prefix string }

// forwardedBy reads the first element of Forwarded (RFC 7239), else of the X-Forwarded
// headers.
func forwardedBy(h http.Header) forwarded {
	f := forwarded{
		proto:  first(h.Get("X-Forwarded-Proto")),
		host:   first(h.Get("X-Forwarded-Host")),
		port:   first(h.Get("X-Forwarded-Port")),
		prefix: strings.TrimRight(first(h.Get("X-Forwarded-Prefix")), "/"),
	}
	for pair := range strings.SplitSeq(first(h.Get("Forwarded")), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		switch value = strings.Trim(value, `"`); strings.ToLower(name) {
		case "proto":
			f.proto = value
		case "host":
			f.host, f.port = value, "" // it has the port, if there is one
		}
	}
	if f.proto = strings.ToLower(f.proto); f.proto != "http" && f.proto != "https" {
		f.proto = ""
	}
	if !validHost(f.host) {
		f.host = ""
	}
	if n, err := strconv.ParseUint(f.port, 10, 16); err != nil || n == 0 {
		f.port = ""
	}
	if !validPrefix(f.prefix) {
		f.prefix = ""
	}
	return f
}

func first(list string) string {
	value, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(value)
}

// withPort adds a port to a host that has none, if it is not the scheme's own.
func withPort(host, port, scheme string) string {
	if port == "" || hasPort(host) || scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return host
	}
	return host + ":" + port
}

// hasPort reports whether a host, maybe an IPv6 address in brackets, has a port.
func hasPort(host string) bool {
	return strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']')
}

// validHost reports whether a text is a host and, if there is a colon, a port.
func validHost(host string) bool {
	strange := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(".-_:[]", c))
	}
	u, err := url.Parse("//" + host)
	return err == nil && !strings.ContainsFunc(host, strange) && u.Host == host && u.Hostname() != "" && !strings.HasSuffix(host, ":") && u.Path == ""
}

// validPrefix reports whether a text can stand in front of the path of a URL: it is the
// path of one, and does not begin with another host.
func validPrefix(prefix string) bool {
	u, err := url.Parse(prefix)
	return err == nil && strings.HasPrefix(prefix, "/") && !strings.HasPrefix(prefix, "//") &&
		u.EscapedPath() == prefix && !strings.ContainsAny(prefix, "\"<>\\^`{|} ")
}
