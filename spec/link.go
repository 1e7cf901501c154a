package spec

import (
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/httpfield"
)

// link returns the target of the link to the next page, and whether there is one.
func (a *answer) link() (target string, found bool) {
	for _, l := range a.links() {
		if slices.Contains(l.Types, "next") {
			return l.Target, true
		}
	}
	return "", false
}

// links returns the links of an answer, in all its Link fields. It fails the check
// if they cannot be read.
func (a *answer) links() []httpfield.Link {
	var all []httpfield.Link
	for _, field := range a.header.Values("Link") {
		rest := strings.Trim(field, " \t,")
		for rest != "" {
			var l httpfield.Link
			var ok bool
			if l, rest, ok = httpfield.CutLink(rest); !ok {
				a.t.failf("%s %s: want Link: <…>; rel=\"next\", got %s", a.sent.method, a.sent.url, field)
			}
			all = append(all, l)
		}
		if strings.TrimSpace(field) == "" {
			a.t.failf("%s %s: want a Link with a value, or none", a.sent.method, a.sent.url)
		}
	}
	return all
}
