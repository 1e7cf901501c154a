package redact

import (
	"net/http"
	"strings"
)

// secretFields are header fields with secret values, by canonical name; those that are
// true have credentials, of which the scheme is kept. Other names are judged by their
// words: see secretName.
var secretFields = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true,
	"Cookie": false, "Job-Token": false, "Private-Token": false, "Set-Cookie": false, "X-Amz-Security-Token": false, "X-Api-Key": false,
	"X-Auth-Token": false, "X-Jfrog-Art-Api": false, "X-Registry-Auth": false, "X-Registry-Config": false,
}

// Header takes the secrets out of the values of a header.
func Header(h http.Header) {
	for name, values := range h {
		for i, value := range values {
			values[i] = Field(name, value)
		}
	}
}

// Field returns a value of a header field without its secrets.
func Field(name, value string) string {
	scheme := Scheme(value)
	keepsScheme, secret := secretFields[http.CanonicalHeaderKey(name)]
	if !secret && secretName(name) {
		keepsScheme, secret = true, true
	}
	switch {
	case secret && !harmlessValue(value):
		if scheme != "" && keepsScheme {
			return scheme + " " + placeholder
		}
		return placeholder
	case scheme != "" && isToken68(strings.TrimLeft(value[len(scheme):], " +")):
		return scheme + " " + placeholder
	case value != "" && (value[0] == '{' || value[0] == '['):
		value = string(redactJSON([]byte(value), secretName))
	}
	return Text(value)
}
