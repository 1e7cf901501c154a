package fidelity

import (
	"net/http"

	"github.com/opencontainers/go-digest"
)

// Known reports whether a table has a header field.
func Known(name string) bool {
	_, _, known := ruleOf(http.CanonicalHeaderKey(name))
	return known
}

// Contents rebuilds the contents of a recording.
func Contents(r *Recording) map[string][]byte { return r.contents() }

// Headers returns the form of a header with the placeholders of a recording.
func Headers(r *Recording, digests map[digest.Digest]string, h http.Header) map[string]string {
	return newNames(r, digests, "registry.example:5000", "http://registry.example:5000").headers(h)
}

// Body returns the form of a body.
func Body(r *Recording, digests map[digest.Digest]string, body string) any {
	return newNames(r, digests, "", "").body([]byte(body))
}

// Challenges returns the challenges of WWW-Authenticate as text.
func Challenges(text string) []string {
	var all []string
	for _, c := range parseChallenges(text) {
		line := c.scheme
		for _, p := range c.parameters {
			line += " " + p.name + "=" + p.value
		}
		all = append(all, line)
	}
	return all
}

// Suite returns the requests of a version of the suite, and their test cases.
func Suite(version string) (requests, cases []string, err error) {
	steps, err := suite(version)
	for _, s := range steps {
		requests, cases = append(requests, s.method+" "+s.target), append(cases, s.title)
	}
	return requests, cases, err
}
