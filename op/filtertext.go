package op

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/near"
)

const spaces = " \t\r\n"

func trimSpace(text string) string { return strings.TrimLeft(text, spaces) }

// word is one filter in text: "name", "!name", "name=values", "name!=values" or
// "name>values".
type word struct {
	name   string
	values []string // nil without a "=" or a ">"
	over   bool     // the values follow a ">"
	not    bool
	broken bool // the name could be read, and the values could not
}

// cutWord cuts the first word off a text that begins with one.
func cutWord(text string) (w word, rest string, err error) {
	text, w.not = strings.CutPrefix(text, "!")
	if w.name, text, err = cutName(text); err != nil {
		return w, "", err
	}
	if strings.HasPrefix(text, "!=") {
		if w.not {
			return w, "", fmt.Errorf("%s: one ! is enough, before the name or before its =", w.name)
		}
		w.not, text = true, text[1:]
	}
	switch {
	case text == "" || strings.ContainsRune(spaces, rune(text[0])):
		return w, text, nil
	case text[0] != '=' && text[0] != '>':
		return w, "", fmt.Errorf("%s: behind a name stands a space, =, != or >", w.name)
	}
	w.over = text[0] == '>'
	if w.values, text, err = cutValues(text[1:]); err != nil {
		w.broken = true
		return w, "", fmt.Errorf("%s: %w", w.name, err)
	}
	return w, text, nil
}

const headerPrefix = "header."

// cutName cuts a name off a text. What is special in a name of a header field
// stands in quotes: header."X!".
func cutName(text string) (name, rest string, err error) {
	end := strings.IndexAny(text, `=>!"`+spaces)
	if end < 0 {
		end = len(text)
	}
	name, rest = text[:end], text[end:]
	switch {
	case name == "":
		return "", "", errors.New("a name is missing")
	case name != headerPrefix || !strings.HasPrefix(rest, `"`):
		return name, rest, nil
	}
	field, rest, err := cutQuoted(rest)
	return name + field, rest, err
}

// headerName is the name of a filter on a header field.
func headerName(field string) string {
	if strings.ContainsAny(field, "=>! ") || isSpecial(field) {
		field = strconv.Quote(field)
	}
	return headerPrefix + field
}

// cutValues cuts values with commas between them off a text, up to a space.
func cutValues(text string) (values []string, rest string, err error) {
	for {
		var value string
		if strings.HasPrefix(text, `"`) {
			if value, text, err = cutQuoted(text); err != nil {
				return nil, "", err
			}
		} else {
			end := strings.IndexAny(text, `,"`+spaces)
			if end < 0 {
				end = len(text)
			}
			value, text = text[:end], text[end:]
			switch {
			case value == "":
				return nil, "", errors.New(`a value is missing; the empty one is ""`)
			case value[0] == '=':
				return nil, "", fmt.Errorf("one = is enough; a value that begins with = stands in quotes: %q", value)
			}
		}
		values = append(values, value)
		if text == "" || strings.ContainsRune(spaces, rune(text[0])) {
			return values, text, nil
		}
		if text[0] != ',' {
			return nil, "", errors.New("quotes stand around a whole value")
		}
		text = text[1:]
	}
}

func cutQuoted(text string) (value, rest string, err error) {
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", errors.New("a quote is not closed, or has in it what Go does not allow there")
	}
	value, err = strconv.Unquote(quoted)
	return value, text[len(quoted):], err
}

func joinValues(values []string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = value
		if value == "" || value[0] == '=' || strings.ContainsAny(value, " ,") || isSpecial(value) {
			quoted[i] = strconv.Quote(value)
		}
	}
	return strings.Join(quoted, ",")
}

// isSpecial reports whether Go escapes something in the text; but for the
// backslash, which means nothing outside quotes.
func isSpecial(text string) bool {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\\`, `\`) != text
}

// filter finds the term with the word's name.
func (w word) filter(terms []Term) (Filter, error) {
	if field, ok := strings.CutPrefix(w.name, headerPrefix); ok && field != "" {
		f, err := header(field, w.values)
		if w.over {
			err = errors.New("a value follows a =, not a >")
		}
		if err != nil {
			return Filter{}, fmt.Errorf("%s: %w", w.name, err)
		}
		return w.negate(f), nil
	}
	i := w.term(terms)
	if i < 0 {
		return Filter{}, w.unknown(terms)
	}
	switch t := terms[i]; {
	case t.Flag && w.values != nil:
		return Filter{}, fmt.Errorf("%s has no value", w.name)
	case t.Over && !w.over:
		return Filter{}, fmt.Errorf("%s needs a >: as in %s", w.name, t.Example)
	case !t.Over && w.over:
		return Filter{}, fmt.Errorf("%s: a value follows a =, not a >", w.name)
	case !t.Flag && w.values == nil:
		return Filter{}, fmt.Errorf("%s needs a value: %s=…", w.name, w.name)
	}
	f, err := terms[i].Parse(w.values)
	if err != nil {
		return Filter{}, fmt.Errorf("%s: %w", w.name, err)
	}
	return w.negate(f), nil
}

// term returns the index of the term with the word's name, or -1.
func (w word) term(terms []Term) int {
	return slices.IndexFunc(terms, func(t Term) bool { return t.Name == w.name })
}

func (w word) unknown(terms []Term) error {
	names := make([]string, len(terms), len(terms)+1)
	for i, t := range terms {
		names[i] = t.Name
	}
	return fmt.Errorf("there is nothing called %q to filter by: %s", w.name, near.Hint(w.name, append(names, headerPrefix+"<name>")))
}

func (w word) negate(f Filter) Filter {
	if w.not {
		return Not(f)
	}
	return f
}

// Matcher returns a function that reports whether a text matches one of the patterns,
// in which a star stands for any characters; see [Filter].
func Matcher(patterns []string) func(string) bool { return matcher(patterns) }

// matcher reports whether a text matches one of the patterns.
func matcher(patterns []string) func(string) bool {
	all := make([]pattern, len(patterns))
	for i, text := range patterns {
		all[i] = newPattern(text)
	}
	return func(s string) bool {
		return slices.ContainsFunc(all, func(p pattern) bool { return p.match(s) })
	}
}

// pattern is what stands between the stars of a text.
type pattern []string

func newPattern(text string) pattern {
	var p pattern
	var part []byte
	for i := 0; i < len(text); i++ {
		switch next := text[i+1:]; {
		case text[i] == '*':
			p, part = append(p, string(part)), nil
		case text[i] == '\\' && next != "" && (next[0] == '*' || next[0] == '\\'):
			i++
			part = append(part, text[i])
		default:
			part = append(part, text[i])
		}
	}
	return append(p, string(part))
}

// match takes each part at its first occurrence, which leaves most to the rest.
// Nothing is matched by nothing only.
func (p pattern) match(s string) bool {
	first, last := p[0], p[len(p)-1]
	if len(p) == 1 {
		return s == first
	}
	if s == "" || len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range p[1 : len(p)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
