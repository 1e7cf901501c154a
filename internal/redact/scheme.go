package redact

import "strings"

// schemes are the authentication schemes that are kept, in lower case, with the kinds of their
// credentials. Any other word before a space may be part of a secret.
var schemes = map[string]string{
	"apikey": secret, "aws": secret, "aws4-ecdsa-p256-sha256": secret, "aws4-hmac-sha256": secret, "basic": secret, "bearer": token,
	"digest": secret, "dpop": token, "gnap": token, "googlelogin": token, "hawk": secret, "hoba": secret, "jwt": token, "mutual": secret,
	"negotiate": secret, "ntlm": secret, "oauth": token, "pat": token, "privatetoken": token, "scram-sha-1": secret,
	"scram-sha-256": secret, "ssws": token, "token": token, "vapid": secret,
}

const maxScheme = len("aws4-ecdsa-p256-sha256")

// Scheme returns the scheme that credentials begin with (RFC 9110, 11.4), as they spell
// it, or "" if they begin with no known scheme. In a query, a plus may stand for the space.
func Scheme(credentials string) string {
	end := strings.IndexAny(credentials[:min(len(credentials), maxScheme+1)], " +")
	if end <= 0 || end+1 == len(credentials) || schemes[strings.ToLower(credentials[:end])] == "" {
		return ""
	}
	return credentials[:end]
}

// isToken68 reports whether a text may be the encoded secret of credentials, rather
// than a word or a list of parameters.
func isToken68(s string) bool {
	end := tokenEnd(s, 0)
	for end < len(s) && strings.IndexByte(".~+/-_", s[end]) >= 0 {
		end = tokenEnd(s, end+1)
	}
	return len(s) >= 4 && strings.Trim(s[end:], "=") == "" && strings.Trim(s[min(1, len(s)):], "abcdefghijklmnopqrstuvwxyz") != ""
}
