package fidelity

import (
	"strings"

	"github.com/ocifake/ocifake/internal/httpfield"
)

// challenge is one of WWW-Authenticate (RFC 9110, section 11.6.1).
type challenge struct {
	scheme     string
	parameters []parameter
}

type parameter struct{ name, value string }

// get returns the value of a parameter.
func (c challenge) get(name string) string {
	for _, p := range c.parameters {
		if strings.EqualFold(p.name, name) {
			return p.value
		}
	}
	return ""
}

// parseChallenges parses WWW-Authenticate up to the first error.
func parseChallenges(text string) []challenge {
	var all []challenge
	for {
		name, rest := httpfield.CutToken(strings.TrimLeft(text, ", \t"))
		if name == "" {
			return all
		}
		rest = strings.TrimLeft(rest, " \t")
		value, ok := strings.CutPrefix(rest, "=")
		if !ok {
			all = append(all, challenge{scheme: name})
			text = rest
			continue
		}
		if len(all) == 0 {
			return nil
		}
		last := &all[len(all)-1]
		value, text = cutValue(strings.TrimLeft(value, " \t"))
		last.parameters = append(last.parameters, parameter{name, value})
	}
}

// cutValue cuts a token or a quoted string off the beginning of a text.
func cutValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ", \t")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:]
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:]
		case '\\':
			i++
			if i == len(text) {
				return b.String(), ""
			}
		}
		b.WriteByte(text[i])
	}
	return b.String(), ""
}
