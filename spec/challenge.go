package spec

import "github.com/ocifake/ocifake/internal/httpfield"

// challenges returns the challenges of an answer, in all its WWW-Authenticate
// fields. It fails the check if they cannot be read.
func (a *answer) challenges() []httpfield.Challenge {
	var all []httpfield.Challenge
	for _, field := range a.header.Values("WWW-Authenticate") {
		some, ok := httpfield.Challenges(field)
		if !ok || len(some) == 0 {
			a.t.failf("%s %s: WWW-Authenticate: %s: want a scheme and its parameters", a.sent.method, a.sent.url, field)
		}
		all = append(all, some...)
	}
	return all
}
