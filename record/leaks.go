package record

import (
	"bytes"

	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
)

// Leaks returns the exchanges whose request sent credentials to a host that matches none of
// the patterns; see [Host]. Credentials are the values that a recording redacts in header
// fields, such as Authorization, Cookie and X-Vault-Token, in URLs, and in the bodies of
// token requests. Leaks also finds them in a recording that keeps secrets.
//
// A value that an earlier answer gave to the client for that host is not a leak: a signature
// in a URL to which the client was redirected, or a cookie that the host has set.
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
	var plain redact.Redactor
	for name, values := range x.Header {
		for _, value := range values {
			switch {
			case name == "Cookie" && ownCookies, given[value]:
			case redact.Redacted(value), plain.Field(name, value) != value:
				return true
			}
		}
	}
	if x.Op == op.Token && (redact.Redacted(string(x.RequestBody)) || !bytes.Equal(plain.Body(x.RequestBody), x.RequestBody)) {
		return true
	}
	return !given[x.origin()+x.Target] && (redact.Redacted(x.Target) || plain.Text(x.Target) != x.Target)
}
