package spec

import (
	"slices"
	"strings"
)

// link is one link of a Link field (RFC 8288, 3).
type link struct {
	target string
	types  []string // the relation types of the first rel, in lower case
	rels   int      // how often rel is given
}

// link returns the target of the link to the next page, and whether there is one.
func (a *answer) link() (target string, found bool) {
	for _, l := range a.links() {
		if slices.Contains(l.types, "next") {
			return l.target, true
		}
	}
	return "", false
}

// links returns the links of an answer, in all its Link fields. It fails the check
// if they cannot be read.
func (a *answer) links() []link {
	var all []link
	for _, field := range a.header.Values("Link") {
		rest := strings.Trim(field, " \t,")
		for rest != "" {
			var l link
			var ok bool
			if l, rest, ok = cutLink(rest); !ok {
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

// cutLink cuts the first link off a Link field.
func cutLink(field string) (l link, rest string, ok bool) {
	if !strings.HasPrefix(field, "<") {
		return l, "", false
	}
	if l.target, rest, ok = strings.Cut(field[1:], ">"); !ok || strings.ContainsAny(l.target, "< \t\"") {
		return l, "", false
	}
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == ',' {
			return l, strings.TrimLeft(rest, ", \t"), true
		}
		if rest[0] != ';' {
			return l, "", false
		}
		rest = strings.TrimLeft(rest[1:], " \t")
		if rest == "" || rest[0] == ',' || rest[0] == ';' {
			continue // an empty parameter
		}
		end := strings.IndexAny(rest, "=;,")
		if end < 0 {
			end = len(rest)
		}
		name, value := strings.TrimSpace(rest[:end]), ""
		if rest = rest[end:]; strings.HasPrefix(rest, "=") {
			if value, rest, ok = cutValue(strings.TrimLeft(rest[1:], " \t")); !ok {
				return l, "", false
			}
		}
		if strings.EqualFold(name, "rel") {
			if l.rels++; l.rels == 1 {
				l.types = strings.Fields(strings.ToLower(value))
			}
		}
	}
}

// cutValue cuts a token or a quoted string off a field.
func cutValue(field string) (value, rest string, ok bool) {
	if !strings.HasPrefix(field, `"`) {
		end := strings.IndexAny(field, ";, \t\"")
		if end < 0 {
			end = len(field)
		}
		return field[:end], field[end:], end > 0
	}
	return cutQuoted(field)
}
