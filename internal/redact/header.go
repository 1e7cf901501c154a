package redact

import (
	"net/http"
	"strings"
)

// secretFields are header fields with secret values, by canonical name. Other names are judged by
// their words: see kindOf.
var secretFields = map[string]secretField{
	"Authorization": {secret, true}, "Proxy-Authorization": {secret, true},
	"Cookie": {kind: secret}, "Job-Token": {kind: token}, "Private-Token": {kind: token}, "Set-Cookie": {kind: secret},
	"X-Amz-Security-Token": {kind: token}, "X-Api-Key": {kind: secret}, "X-Auth-Token": {kind: token}, "X-Jfrog-Art-Api": {kind: secret},
	"X-Registry-Auth": {kind: secret}, "X-Registry-Config": {kind: secret},
}

type secretField struct {
	kind        string // "": the value is not secret
	keepsScheme bool   // the value has credentials, of which the scheme is kept
}

// Header redacts the values of a header.
func (r Redactor) Header(h http.Header) {
	for name, values := range h {
		for i, value := range values {
			values[i] = r.Field(name, value)
		}
	}
}

// Field returns a value of a header field without its secrets.
func (r Redactor) Field(name, value string) string {
	canonical := http.CanonicalHeaderKey(name)
	field, ok := secretFields[canonical]
	if !ok {
		field = secretField{kindOf(name), true}
	}
	scheme := Scheme(value)
	switch {
	case field.kind != "" && !harmlessValue(value):
		if scheme != "" && field.keepsScheme {
			return scheme + " " + r.credentials(scheme, value[len(scheme)+1:])
		}
		if canonical == "Set-Cookie" { // without attributes, as in Cookie
			value, _, _ = strings.Cut(value, ";")
		}
		return r.value(field.kind, value)
	case scheme != "" && isToken68(strings.TrimLeft(value[len(scheme):], " +")):
		return scheme + " " + r.credentials(scheme, value[len(scheme)+1:])
	case value != "" && (value[0] == '{' || value[0] == '['):
		value = string(r.json([]byte(value), kindOf))
	}
	return r.Text(value)
}
