package httpfield

import "strings"

// Link is one link of a Link field.
type Link struct {
	Target string
	Types  []string // the relation types of the first rel, in lower case
	Rels   int      // how often rel is given
}

// CutLink cuts the first link off a Link field.
func CutLink(field string) (l Link, rest string, ok bool) {
	if !strings.HasPrefix(field, "<") {
		return l, "", false
	}
	if l.Target, rest, ok = strings.Cut(field[1:], ">"); !ok || strings.ContainsAny(l.Target, "< \t\"") {
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
			if l.Rels++; l.Rels == 1 {
				l.Types = strings.Fields(strings.ToLower(value))
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
