package record

import (
	"bytes"
	"strings"

	"github.com/ocifake/ocifake/op"
)

// Leaks returns the exchanges whose request carried credentials to a host other than
// these, which are patterns as those of [op.Host]. Credentials are what a [Recorder]
// redacts in a header, in a URL, or in the body of a token request, whether the
// recorder keeps it or not: those in Authorization, cookies, X-Vault-Token, the user
// of a URL in Referer, and others.
//
// What an answer gave to the client for that host is no leak: the signature in a URL
// that the client was redirected to, and a cookie that the host itself has set.
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
	return len(hosts) > 0 && op.Host(hosts...).Match(&x.Request, x)
}

// hasCredentials reports whether the request carried credentials, other than in a
// URL that was given to the client, and in its cookies if those are the host's own.
func (x *Exchange) hasCredentials(given map[string]bool, ownCookies bool) bool {
	var o Options
	for name, values := range x.Header {
		n := natureOf(name)
		for _, value := range values {
			switch {
			case name == "Cookie" && ownCookies, given[value]:
			case isRedacted(value), o.redactValue(n, value) != value:
				return true
			}
		}
	}
	if x.Op == op.Token && (isRedacted(string(x.RequestBody)) || !bytes.Equal(redactBody(x.RequestBody), x.RequestBody)) {
		return true
	}
	return !given[x.origin()+x.Target] && (isRedacted(x.Target) || redactText(x.Target) != x.Target)
}

// isRedacted reports whether a recorder has taken something out of a text.
func isRedacted(s string) bool {
	return strings.Contains(s, redacted) || strings.Contains(s, redactedUser)
}
