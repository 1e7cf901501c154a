// Package httpfield has the grammar of header fields of HTTP: tokens and quoted strings (RFC 9110,
// sections 5.6.2 and 5.6.4), WWW-Authenticate (section 11.6.1) and Link (RFC 8288, section 3).
package httpfield

import (
	"strings"
)

// Challenge is one challenge of a WWW-Authenticate field.
type Challenge struct {
	Scheme     string
	Parameters map[string]string // by their names in lower case
}

// Challenges reads a field, which may have several challenges, and reports
// whether it follows the grammar.
func Challenges(field string) (all []Challenge, ok bool) {
	rest := strings.Trim(field, ", \t")
	for rest != "" {
		var c Challenge
		if c.Scheme, rest = CutToken(rest); c.Scheme == "" {
			return all, false
		}
		c.Parameters = map[string]string{}
		if rest != "" && !strings.ContainsRune(" \t,", rune(rest[0])) {
			return all, false
		}
		if rest, ok = c.cutParameters(rest); !ok {
			return all, false
		}
		all = append(all, c)
	}
	return all, true
}

// cutParameters cuts what belongs to the scheme off a field.
func (c *Challenge) cutParameters(field string) (rest string, ok bool) {
	rest = strings.TrimLeft(field, " \t")
	if end := strings.IndexAny(rest+",", ", \t"); isToken68(rest[:end]) {
		return strings.TrimLeft(rest[end:], ", \t"), true
	}
	for {
		rest = strings.TrimLeft(rest, ", \t")
		name, after := CutToken(rest)
		after = strings.TrimLeft(after, " \t")
		if name == "" || !strings.HasPrefix(after, "=") {
			return rest, true // the end, or the next challenge
		}
		value, after, ok := cutParameter(strings.TrimLeft(after[1:], " \t"))
		if after = strings.TrimLeft(after, " \t"); !ok || after != "" && after[0] != ',' {
			return "", false
		}
		c.Parameters[strings.ToLower(name)] = value
		rest = after
	}
}

// isToken68 reports whether a word is the data of a scheme without parameters, such
// as that of Negotiate.
func isToken68(word string) bool {
	data := strings.TrimRight(word, "=")
	return data != "" && (len(data) < len(word) || strings.ContainsAny(data, "/")) && strings.Trim(data, letters+digits+"-._~+/") == ""
}

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
)

// cutParameter cuts the value of a parameter off: a token or a quoted string.
func cutParameter(field string) (value, rest string, ok bool) {
	if strings.HasPrefix(field, `"`) {
		return cutQuoted(field)
	}
	value, rest = CutToken(field)
	return value, rest, value != ""
}

// cutQuoted cuts a quoted string off (RFC 9110, 5.6.4).
func cutQuoted(field string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(field); i++ {
		switch c := field[i]; {
		case c == '"':
			return b.String(), field[i+1:], true
		case c == '\\' && i+1 < len(field):
			i++
			b.WriteByte(field[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}
