package redact

import (
	"slices"
	"strings"
)

// Kinds of secrets.
const (
	password = "password"
	token    = "token"
	secret   = "secret" // neither of them, or it is not known
)

var kinds = []string{password, token, secret}

const (
	placeholder       = "[redacted]"
	placeholderStart  = "[redacted:"
	fingerprintDigits = 16
)

// Secret is what a placeholder tells of a secret.
type Secret struct{ Kind, Fingerprint string }

// parsePlaceholder returns the secret of the placeholder that a text begins with, and the length of
// the placeholder, or 0 if there is none. It does not accept the placeholder without a fingerprint.
func parsePlaceholder(s string) (found Secret, length int) {
	rest, ok := strings.CutPrefix(s, placeholderStart)
	if !ok {
		return found, 0
	}
	kind, rest, _ := strings.Cut(rest[:min(len(rest), len(password)+1+fingerprintDigits+1)], ":")
	if !slices.Contains(kinds, kind) || len(rest) <= fingerprintDigits || rest[fingerprintDigits] != ']' {
		return found, 0
	}
	fingerprint := rest[:fingerprintDigits]
	if strings.Trim(fingerprint, "0123456789abcdef") != "" {
		return found, 0
	}
	return Secret{kind, fingerprint}, len(placeholderStart) + len(kind) + len(":") + fingerprintDigits + len("]")
}

func isPlaceholder(s string) bool {
	if s == placeholder {
		return true
	}
	_, length := parsePlaceholder(s)
	return length > 0 && length == len(s)
}

// Find returns the secrets whose placeholders with a fingerprint are in a text, in their order. The
// placeholders may be percent-encoded.
func Find(s string) []Secret {
	var found []Secret
	eachPlaceholder(s, func(secret Secret, _, _ int) { found = append(found, secret) })
	return found
}

// Redacted reports whether a text has a placeholder.
func Redacted(s string) bool {
	return Plain(s) != s || strings.Contains(s, placeholder) || strings.Contains(s, inUser(placeholder))
}

// Plain returns a text without fingerprints, as a [Redactor] without a key writes it.
func Plain(s string) string {
	var out strings.Builder
	kept := 0
	eachPlaceholder(s, func(_ Secret, from, to int) {
		out.WriteString(s[kept:from])
		if s[from] == '[' {
			out.WriteString(placeholder)
		} else {
			out.WriteString(inUser(placeholder))
		}
		kept = to
	})
	if kept == 0 {
		return s
	}
	return out.String() + s[kept:]
}

// eachPlaceholder calls a function for each placeholder with a fingerprint, with its offsets.
func eachPlaceholder(s string, found func(secret Secret, from, to int)) {
	if !strings.Contains(s, "redacted") {
		return
	}
	v, _ := decodeAll(s)
	for at := 0; ; {
		i := strings.Index(v.text[at:], placeholderStart)
		if i < 0 {
			return
		}
		at += i
		secret, length := parsePlaceholder(v.text[at:])
		if length == 0 {
			at++
			continue
		}
		found(secret, v.origin(at), v.origin(at+length))
		at += length
	}
}

// inUser returns a placeholder as the user of a URL.
func inUser(placeholder string) string { return userEscapes.Replace(placeholder) }

var userEscapes = strings.NewReplacer("[", "%5B", ":", "%3A", "]", "%5D")

// masked returns a text in which placeholders have neither colons, which separate other things, nor
// the words of a kind.
func masked(s string) string {
	if !strings.Contains(s, placeholderStart) {
		return s
	}
	b := []byte(s)
	for at := 0; at < len(b); at++ {
		if _, length := parsePlaceholder(s[at:]); length > 0 {
			for i := at + len(placeholderStart) - 1; i < at+length-1; i++ {
				b[i] = '-'
			}
			at += length - 1
		}
	}
	return string(b)
}
