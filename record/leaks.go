package record

import (
	"bytes"

	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
)

// Leaks returns the exchanges whose request sent credentials to a host that matches none
// of the patterns, which are those of [Host]. Credentials are what a recording
// redacts in a header, in a URL, or in the body of a token request: those in
// Authorization, cookies, X-Vault-Token, the user of a URL in Referer, and others.
// Leaks also finds them in a recording that keeps secrets.
//
// A value that an earlier answer gave to the client for that host is no leak: a signature
// in a URL that the client was redirected to, and a cookie that the host has set.
func (l Log) Leaks(hosts ...string) Log {
	var found Log
	given, cookies := map[string]bool{}, map[string]bool{}
	for i := range l {
		x := &l[i]
		if !x.isFor(hosts) && x.hasCredentials(given, cookies[x.Host]) {
			found = append(found, l[i])
		}
		if location := x.location(); location != "" {
			given[location] = true
		}
		if len(x.ResponseHeader["Set-Cookie"]) > 0 {
			cookies[x.Host] = true
		}
	}
	return found
}

func (x *Exchange) isFor(hosts []string) bool {
	return len(hosts) > 0 && Host(hosts...).Match(x)
}

// hasCredentials reports whether the request carried credentials, other than in a URL
// that was given to the client, or in cookies that the host has set.
func (x *Exchange) hasCredentials(given map[string]bool, ownCookies bool) bool {
	for name, values := range x.Header {
		for _, value := range values {
			switch {
			case name == "Cookie" && ownCookies, given[value]:
			case redact.Redacted(value), redact.Field(name, value) != value:
				return true
			}
		}
	}
	if x.Op == op.Token && (redact.Redacted(string(x.RequestBody)) || !bytes.Equal(redact.Body(x.RequestBody), x.RequestBody)) {
		return true
	}
	return !given[x.origin()+x.Target] && (redact.Redacted(x.Target) || redact.Text(x.Target) != x.Target)
}
