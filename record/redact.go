package record

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// secretParam tells whether the value of a parameter, or of a member of a JSON
// object, gives access to something, by its name.
func secretParam(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	name = strings.ToLower(name)
	if slices.Contains(harmlessParams, name) {
		return false
	}
	return slices.Contains(secretParams, name) ||
		slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

var (
	secretParams   = []string{"sig", "auth", "apikey", "api_key", "api-key", "jwt", "authorization"}
	secretWords    = []string{"token", "password", "passwd", "secret", "signature", "credential", "assertion"}
	harmlessParams = []string{"offline_token", "token_type", "issued_token_type", "requested_token_type"}
)

// redactURL takes the user and secret parameters out of a URL, a reference or a
// request target, or whatever else is in its place. The rest stays as it is.
func redactURL(s string) string {
	start := strings.IndexAny(s, "?#@")
	if start < 0 {
		return s
	}
	if from, to, ok := userinfo(s); ok {
		// As it stands a bracket would make the URL invalid.
		return s[:from] + url.QueryEscape(redacted) + redactPairs(s[to:], "?&#;", "&#>")
	}
	return s[:start] + redactPairs(s[start:], "?&#;", "&#>")
}

// userinfo finds the user in a URL.
func userinfo(s string) (from, to int, ok bool) {
	from = strings.Index(s, "//")
	if from < 0 {
		return 0, 0, false
	}
	from += len("//")
	authority := s[from:]
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	return from, from + at, at >= 0
}

// redactPairs takes secret values out of name=value pairs. A name can begin
// after each of the first characters, a value ends before one of the second.
func redactPairs(s, before, after string) string {
	var out strings.Builder
	kept := 0
	for at := 0; at < len(s); {
		equals := strings.IndexByte(s[at:], '=')
		if equals < 0 {
			break
		}
		equals += at
		name := s[strings.LastIndexAny(s[at:equals], before)+1+at : equals]
		at = equals + 1
		if !secretParam(name) {
			continue
		}
		end := len(s)
		if i := strings.IndexAny(s[at:], after); i >= 0 {
			end = at + i
		}
		if end > at {
			out.WriteString(s[kept:at])
			out.WriteString(redacted)
			kept = end
		}
		at = end
	}
	if kept == 0 {
		return s
	}
	out.WriteString(s[kept:])
	return out.String()
}

// redactBody takes the secrets out of the body of a token request or answer,
// which may be cut off or not be what it should.
func redactBody(b []byte) []byte {
	if start := bytes.TrimLeft(b, " \t\r\n"); len(start) > 0 && strings.IndexByte(`{["`, start[0]) >= 0 {
		return redactJSON(b)
	}
	return []byte(redactPairs(string(b), "&\n", "&\n"))
}

// redactJSON takes out the strings that are the value of a secret member. It
// does without a parser, which would give up on what is malformed.
func redactJSON(b []byte) []byte {
	var out []byte
	kept, hide := 0, false
	for at := 0; at < len(b); {
		if b[at] != '"' {
			// The next string in an array or an object is still the member's.
			at++
			continue
		}
		end := stringEnd(b, at)
		rest := bytes.TrimLeft(b[end:], " \t\r\n")
		isName := len(rest) > 0 && rest[0] == ':'
		switch {
		case isName:
			hide = secretParam(unquoted(b[at:end]))
		case hide:
			out = append(out, b[kept:at]...)
			out = append(out, `"`+redacted+`"`...)
			kept = end
		}
		at = end
	}
	return append(out, b[kept:]...)
}

// stringEnd is the offset of what follows the string that begins at an offset.
func stringEnd(b []byte, at int) int {
	for i := at + 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func unquoted(literal []byte) string {
	var s string
	if json.Unmarshal(literal, &s) != nil {
		return string(literal)
	}
	return s
}
