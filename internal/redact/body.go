package redact

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/jsonedit"
)

// TokenRequest redacts the body of a token request. A body that is neither JSON nor a form is a
// secret as a whole.
func (r Redactor) TokenRequest(b []byte) []byte {
	if !isJSON(b) && !isForm(b) {
		return []byte(r.replacement(secret, string(b)))
	}
	return r.Body(b)
}

// Body redacts a body that is JSON or a form, such as the answer to a token request. The body may be
// incomplete or malformed.
func (r Redactor) Body(b []byte) []byte {
	if !isJSON(b) {
		b = r.form(b)
	}
	return r.ErrorBody(b)
}

// TokenAnswer redacts the answer of a token service. In a success that is JSON, all strings are
// secret except those of the fields that the token specifications define: a registry may send the
// token in a field of any name. If the JSON is malformed, all strings are secret.
func (r Redactor) TokenAnswer(b []byte, success bool) []byte {
	if success && isJSON(b) {
		plain := plainTokenFields
		if !json.Valid(b) {
			plain = nil
		}
		b = r.json(b, func(name string) string {
			if slices.Contains(plain, name) {
				return ""
			}
			return cmp.Or(kindOf(name), secret)
		})
	}
	return r.Body(b)
}

// plainTokenFields are the fields of the answer of a token service that are not secret (RFC
// 6749, 5.1; Docker token specification).
var plainTokenFields = []string{"issued_at", "scope", "token_type", "expires_in"}

// ErrorBody redacts the body of an error, which may repeat the secrets of the request.
func (r Redactor) ErrorBody(b []byte) []byte {
	if isJSON(b) {
		b = r.json(b, kindOf)
	}
	return []byte(r.Text(string(b)))
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

// form redacts a form, which may lack the encoding that it should have.
func (r Redactor) form(b []byte) []byte {
	var out []byte
	for line := range bytes.SplitAfterSeq(b, []byte("\n")) {
		for pair := range bytes.SplitAfterSeq(line, []byte("&")) {
			name, value, _ := bytes.Cut(pair, []byte("="))
			value = bytes.TrimRight(value, "&\r\n")
			kind := kindOf(string(name))
			if string(name) == authorizationCode {
				kind = secret
			}
			if kind != "" && !harmlessValue(string(value)) {
				out = append(append(append(out, name...), '='), r.value(kind, unescape(string(value), 1, true))...)
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

// json redacts the strings that are the value of a member whose name has a kind, and the secrets in
// other strings that are JSON themselves or have escapes. It does without a parser, which would give
// up on what is malformed.
func (r Redactor) json(b []byte, kindOf func(name string) string) []byte {
	var out []byte
	kept, kind := 0, kindOf("")
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
			kind = kindOf(unquoted(b[at:end]))
		case kind != "" && unquoted(b[at:end]) != "":
			out = append(out, b[kept:at]...)
			out = append(out, `"`+r.value(kind, unquoted(b[at:end]))+`"`...)
			kept = end
		default:
			if clean, ok := r.string(b[at:end], kindOf); ok {
				out = append(append(out, b[kept:at]...), clean...)
				kept = end
			}
		}
		at = end
	}
	return append(out, b[kept:]...)
}

// string redacts a string that is JSON itself or has escapes, and reports whether it had secrets.
func (r Redactor) string(literal []byte, kindOf func(name string) string) (clean []byte, ok bool) {
	start := bytes.TrimLeft(literal[1:], " ")
	mayNest := len(start) > 0 && (start[0] == '{' || start[0] == '[' || start[0] == '\\')
	if !mayNest && bytes.IndexByte(literal, '\\') < 0 {
		return nil, false // what is around it is redacted as one text
	}
	var text string
	if json.Unmarshal(literal, &text) != nil {
		if mayNest { // it is cut off
			return []byte(`"` + r.replacement(secret, unquoted(literal)) + `"`), true
		}
		return nil, false
	}
	without := r.Text(text)
	if nested := strings.TrimLeft(text, " \t\r\n"); nested != "" && (nested[0] == '{' || nested[0] == '[') {
		text = nested
		without = string(r.json([]byte(nested), kindOf))
	}
	if without == text {
		return nil, false
	}
	clean, err := jsonedit.Marshal(without)
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

// unquoted returns the text of a string, which may be cut off or malformed.
func unquoted(literal []byte) string {
	var s string
	if bytes.IndexByte(literal, '\\') < 0 || json.Unmarshal(literal, &s) != nil {
		return string(bytes.TrimSuffix(literal[1:], []byte{'"'}))
	}
	return s
}
