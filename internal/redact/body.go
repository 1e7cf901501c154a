package redact

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/plainjson"
)

// TokenRequest takes the secrets out of the body of a token request, of which nothing
// is left if it is neither JSON nor a form.
func TokenRequest(b []byte) []byte {
	if !isJSON(b) && !isForm(b) {
		return []byte(placeholder)
	}
	return Body(b)
}

// Body takes the secrets out of a body that is JSON or a form, such as the answer to a
// token request. The body may be incomplete or malformed.
func Body(b []byte) []byte {
	if !isJSON(b) {
		b = redactForm(b)
	}
	return ErrorBody(b)
}

// TokenAnswer takes the secrets out of the answer of a token service. In a success that is
// JSON, all strings are secret except those of the fields that the token specifications
// define: a registry may send the token in a field of any name. If the JSON is malformed, all
// strings are secret.
func TokenAnswer(b []byte, success bool) []byte {
	if success && isJSON(b) {
		plain := plainTokenFields
		if !json.Valid(b) {
			plain = nil
		}
		b = redactJSON(b, func(name string) bool { return !slices.Contains(plain, name) })
	}
	return Body(b)
}

// plainTokenFields are the fields of the answer of a token service that are not secret (RFC
// 6749, 5.1; Docker token specification).
var plainTokenFields = []string{"issued_at", "scope", "token_type", "expires_in"}

// ErrorBody takes the secrets out of the body of an error, which may repeat those of
// the request.
func ErrorBody(b []byte) []byte {
	if isJSON(b) {
		b = redactJSON(b, secretName)
	}
	return []byte(Text(string(b)))
}

func isJSON(b []byte) bool {
	start := bytes.TrimLeft(b, " \t\r\n")
	return len(start) > 0 && strings.IndexByte(`{["`, start[0]) >= 0
}

// isForm reports whether a body consists of pairs name=value, so that its secrets
// can be told from the rest.
func isForm(b []byte) bool {
	for line := range bytes.Lines(b) {
		name, _, ok := bytes.Cut(line, []byte("="))
		if len(bytes.TrimSpace(line)) > 0 && (!ok || bytes.ContainsAny(bytes.TrimSpace(name), " \t:<>\"")) {
			return false
		}
	}
	return true
}

// redactForm takes the secret values out of a form, which may be not encoded as it
// should.
func redactForm(b []byte) []byte {
	var out []byte
	for line := range bytes.SplitAfterSeq(b, []byte("\n")) {
		for pair := range bytes.SplitAfterSeq(line, []byte("&")) {
			name, value, _ := bytes.Cut(pair, []byte("="))
			value = bytes.TrimRight(value, "&\n")
			if (secretName(string(name)) || string(name) == authorizationCode) && !harmlessValue(string(value)) {
				out = append(append(append(out, name...), '='), placeholder...)
				pair = pair[len(name)+1+len(value):]
			}
			out = append(out, pair...)
		}
	}
	return out
}

// authorizationCode is the parameter of an OAuth 2.0 request that has a one-time code
// for a token. The name of an error code is the same in JSON.
const authorizationCode = "code"

// redactJSON takes out the strings that are the value of a member with a secret name, also
// those of JSON in a string. It does without a parser, which would give up on what is
// malformed.
func redactJSON(b []byte, secret func(name string) bool) []byte {
	var out []byte
	kept, hide := 0, secret("")
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
			hide = secret(unquoted(b[at:end]))
		case hide:
			out = append(out, b[kept:at]...)
			out = append(out, `"`+placeholder+`"`...)
			kept = end
		default:
			if clean, ok := redactNested(b[at:end], secret); ok {
				out = append(append(out, b[kept:at]...), clean...)
				kept = end
			}
		}
		at = end
	}
	return append(out, b[kept:]...)
}

// redactNested takes the secrets out of a string that has JSON in it. It reports
// whether there were any.
func redactNested(literal []byte, secret func(name string) bool) (clean []byte, ok bool) {
	if start := bytes.TrimLeft(literal[1:], " "); len(start) == 0 || start[0] != '{' && start[0] != '[' && start[0] != '\\' {
		return nil, false
	}
	var text string
	if json.Unmarshal(literal, &text) != nil {
		return []byte(`"` + placeholder + `"`), true // it is cut off
	}
	nested := []byte(strings.TrimLeft(text, " \t\r\n"))
	if len(nested) == 0 || nested[0] != '{' && nested[0] != '[' {
		return nil, false
	}
	without := redactJSON(nested, secret)
	if bytes.Equal(without, nested) {
		return nil, false
	}
	clean, err := plainjson.Marshal(string(without))
	return clean, err == nil
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
