package record

import (
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/internal/redact"
)

// Secret identifies a secret without telling it. A recording has, in place of each secret,
//
//	[redacted:KIND:FINGERPRINT]
//
// as in "Bearer [redacted:token:3f9a0c1b2d4e5f67]". In the user information of a URL, the same text
// is percent-encoded.
//
// Fingerprints are equal if and only if the secrets are equal, wherever they were sent and however
// they were encoded: the password of Basic, a password in a form and one in a URL, a token in the
// answer of a token service and in Authorization. This holds within one recording, which includes
// all registries on a network, all files that are written of it, and the control API. The key of the
// fingerprints is random and never leaves the recorder, so that secrets cannot be guessed from them.
type Secret struct {
	// Kind follows from the place of the secret: "password", "token", or "secret" for
	// cookies, signatures, API keys, and what is not known. It does not change the
	// fingerprint: a token that is used as a password has the kind "password".
	Kind string

	// Fingerprint has 16 hexadecimal digits.
	Fingerprint string
}

// Secrets returns the secrets that were replaced in a text of a recording, such as the value of a
// header field, in their order.
func Secrets(text string) []Secret {
	var all []Secret
	for _, s := range redact.Find(text) {
		all = append(all, Secret(s))
	}
	return all
}

// RequestSecrets returns the secrets that the client sent in header fields, in the target and in the
// body, each once. There are none in a recording that keeps secrets.
func (x *Exchange) RequestSecrets() []Secret {
	return secretsIn(append(valuesOf(x.Header), x.Target, string(x.RequestBody)))
}

// ResponseSecrets returns the secrets in the header fields and in the body of the answer, each once.
// There are none in a recording that keeps secrets.
func (x *Exchange) ResponseSecrets() []Secret {
	return secretsIn(append(valuesOf(x.ResponseHeader), string(x.ResponseBody)))
}

func secretsIn(texts []string) []Secret {
	var all []Secret
	for _, text := range texts {
		for _, s := range Secrets(text) {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// valuesOf returns the values of a header, in the order of the names.
func valuesOf(h http.Header) []string {
	var all []string
	for _, name := range sortedKeys(h) {
		all = append(all, h[name]...)
	}
	return all
}
