package redact

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// kindOf returns the kind of the secret in a header field, in a parameter or in a member of a JSON
// object, or "" if the value does not give access to anything. It judges the words of the name:
// "X-Vault-Token", "client_secret", "apiKey".
func kindOf(name string) string {
	if len(name) < len("pw") || slices.Contains(plainNames, name) {
		return ""
	}
	return kindOfWords(name)
}

// kindOfWords is kindOf for a name that is not among the frequent ones.
func kindOfWords(name string) string {
	if strings.IndexByte(name, '%') >= 0 {
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
	}
	name = masked(name)
	words := wordsOf(name)
	if strings.HasPrefix(words, "-access-control-") || containsAny(words, harmlessWords) {
		return ""
	}
	if i := strings.LastIndexByte(words[:len(words)-1], '-'); i > 0 && slices.Contains(attributes, words[i:]) {
		return ""
	}
	lower := strings.ToLower(name)
	for _, k := range kindsOfNames {
		if containsAny(lower, k.parts) || containsAny(words, k.words) {
			return k.kind
		}
	}
	return ""
}

var (
	// plainNames are frequent and harmless, and not taken apart: names of parameters, and of
	// header fields in canonical form.
	plainNames = []string{
		"_state", "account", "artifactType", "bytes", "charset", "client_id", "digest", "digest-algorithm", "from", "last", "max-age",
		"mount", "n", "ns", "q", "realm", "rel", "scope", "service", "tag",
		"Accept", "Accept-Encoding", "Content-Length", "Content-Range", "Content-Type", "Date", "Docker-Content-Digest",
		"Docker-Distribution-Api-Version", "Docker-Upload-Uuid", "Etag", "If-None-Match", "Link", "Location", "Oci-Subject", "Range",
		"User-Agent", "Www-Authenticate",
	}

	// kindsOfNames are the kinds of secrets by their names, of which the first that matches counts:
	// parts match wherever they stand, also within a word.
	kindsOfNames = []struct {
		kind         string
		parts, words []string
	}{
		{password, []string{"passphrase", "passwd", "password"}, []string{"-pass-", "-psw-", "-pw-", "-pwd-"}},
		{token, []string{"bearer", "token"}, []string{"-jwt-"}},
		{secret, []string{
			"accesskey", "apikey", "assertion", "authoriz", "authkey", "cookie", "credential", "macaroon", "passcode",
			"dpop", "privatekey", "secret", "sessid", "sessionid", "signature", "wsse",
		}, []string{
			"-auth-", "-authentication-", "-cred-", "-creds-", "-device-code-", "-hmac-", "-key-", "-otp-", "-pin-",
			"-saml-", "-sas-", "-session-id-", "-sid-", "-sig-", "-ticket-", "-totp-", "-verifier-",
		}},
	}

	// harmlessWords make a name harmless that would be secret otherwise: a public
	// key, a place in a list.
	harmlessWords = []string{
		"-cache-key-", "-continuation-token-", "-idempotency-key-", "-key-id-", "-key-pair-id-", "-next-token-", "-page-token-", "-partition-key-",
		"-public-key-", "-skip-token-", "-sort-key-", "-surrogate-key-", "-web-socket-key-", "-websocket-key-",
	}

	// attributes are last words by which a name is that of a property of a secret,
	// rather than of the secret: "token_type", "X-Auth-User".
	attributes = []string{
		"-age-", "-alg-", "-algorithm-", "-audience-", "-count-", "-email-", "-endpoint-", "-exp-", "-expiration-", "-expires-", "-expiry-",
		"-format-", "-groups-", "-input-", "-issuer-", "-length-", "-lifetime-", "-limit-", "-method-", "-methods-", "-mode-", "-name-",
		"-provider-", "-realm-", "-redirect-", "-remaining-", "-required-", "-role-", "-roles-", "-scope-", "-scopes-",
		"-seconds-", "-service-", "-size-", "-status-", "-supported-", "-ttl-", "-type-", "-uri-", "-url-", "-user-", "-username-",
		"-version-",
	}
)

func containsAny(s string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s, part) })
}

// wordsOf returns the words of a name in lower case, each with a hyphen before and
// behind it: "-x-vault-token-", "-api-key-" of "apiKey", "-saml-response-" of
// "SAMLResponse".
func wordsOf(name string) string {
	var words strings.Builder
	words.Grow(len(name) + 4)
	words.WriteByte('-')
	hyphen, lower := true, false
	for i := range len(name) {
		c := name[i]
		upper := 'A' <= c && c <= 'Z'
		afterAcronym := upper && !lower && i+1 < len(name) && 'a' <= name[i+1] && name[i+1] <= 'z'
		switch {
		case upper && (lower || afterAcronym) && !hyphen:
			words.WriteByte('-')
			fallthrough
		case upper:
			words.WriteByte(c | 0x20)
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c >= utf8.RuneSelf:
			words.WriteByte(c)
		default:
			if !hyphen {
				words.WriteByte('-')
			}
			hyphen, lower = true, false
			continue
		}
		hyphen, lower = false, !upper
	}
	if !hyphen {
		words.WriteByte('-')
	}
	return words.String()
}

// harmlessValue reports whether a value gives no access to anything, whatever its name: a client asks
// for an offline token with "true".
func harmlessValue(value string) bool {
	return value == "" || strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
}
