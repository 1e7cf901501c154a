package filter

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

// Word is one filter in text: "name", "!name", "name=values", "name!=values" or
// "name>values".
type Word struct {
	Name   string   // of the term, followed by that of the field: "header.Accept"
	Values []string // nil without a "=" or a ">"
	Over   bool     // the values follow a ">"
	Not    bool
}

// Field returns the name of the field of a term such as [Header].
func (w Word) Field(term string) (name string, ok bool) {
	name, ok = strings.CutPrefix(w.Name, term)
	return name, ok && name != ""
}

func (w Word) hasField() bool {
	return slices.ContainsFunc(prefixes[:], func(t Term) bool { _, ok := w.Field(t.Name); return ok })
}

// Parse reads words separated by white space. It refuses names that are not in [Terms],
// and values where there are none, or the other way round.
func Parse(text string) ([]Word, error) {
	var words []Word
	for rest := trimSpace(text); rest != ""; rest = trimSpace(rest) {
		w, tail, err := cutWord(rest)
		if err == nil {
			err = w.check()
		}
		if err != nil {
			return nil, err
		}
		words, rest = append(words, w), tail
	}
	return words, nil
}

// check reports whether the word has the form of its term.
func (w Word) check() error {
	if w.hasField() {
		if w.Over {
			return fmt.Errorf("%s: a value follows a =, not a >", w.Name)
		}
		return nil
	}
	i := w.term()
	if i < 0 {
		return w.unknown()
	}
	switch t := terms[i]; {
	case t.Flag && w.Values != nil:
		return fmt.Errorf("%s has no value", w.Name)
	case t.Over && !w.Over:
		return fmt.Errorf("%s needs a >: as in %s", w.Name, t.Example)
	case !t.Over && w.Over:
		return fmt.Errorf("%s: a value follows a =, not a >", w.Name)
	case !t.Flag && w.Values == nil:
		return fmt.Errorf("%s needs a value: %s=…", w.Name, w.Name)
	}
	return nil
}

// term returns the index of the term with the word's name, or -1. If there are two, it is
// the one of the word's form.
func (w Word) term() int {
	if i := slices.IndexFunc(terms[:], func(t Term) bool { return t.Name == w.Name && t.Over == w.Over }); i >= 0 {
		return i
	}
	return slices.IndexFunc(terms[:], func(t Term) bool { return t.Name == w.Name })
}

// isKnown reports whether there is a term with the word's name.
func (w Word) isKnown() bool {
	return w.hasField() || w.term() >= 0
}

func (w Word) unknown() error {
	var names []string
	for _, t := range terms {
		names = append(names, t.Name)
	}
	names = slices.Compact(names)
	for _, t := range prefixes {
		names = append(names, t.Name+"<name>")
	}
	return fmt.Errorf("there is nothing called %q to filter by: %s", w.Name, near.Hint(w.Name, names))
}

// cutWord cuts the first word off a text that begins with one.
func cutWord(text string) (w Word, rest string, err error) {
	text, w.Not = strings.CutPrefix(text, "!")
	if w.Name, text, err = cutName(text); err != nil {
		return w, "", err
	}
	if strings.HasPrefix(text, "!=") {
		if w.Not {
			return w, "", fmt.Errorf("%s: one ! is enough, before the name or before its =", w.Name)
		}
		w.Not, text = true, text[1:]
	}
	switch {
	case text == "" || strings.ContainsRune(spaces, rune(text[0])):
		return w, text, nil
	case text[0] != '=' && text[0] != '>':
		return w, "", fmt.Errorf("%s: behind a name stands a space, =, != or >", w.Name)
	}
	w.Over = text[0] == '>'
	if !w.isKnown() {
		return w, "", w.unknown()
	}
	var star bool
	if w.Values, star, text, err = cutValues(text[1:]); err != nil {
		return w, "", fmt.Errorf("%s: %w", w.Name, err)
	}
	if star && len(w.Values) > 1 {
		return w, "", fmt.Errorf("%s: a * alone matches every value, and a comma separates values: leave out the others, or quote the comma, as in %s=%q", w.Name, w.Name, strings.Join(w.Values, ","))
	}
	return w, text, nil
}

// cutName cuts a name off a text. A name of a field with special characters is quoted:
// header."X!".
func cutName(text string) (name, rest string, err error) {
	end := strings.IndexAny(text, `=>!"`+spaces)
	if end < 0 {
		end = len(text)
	}
	name, rest = text[:end], text[end:]
	switch {
	case name == "":
		return "", "", errors.New("a name is missing")
	case name != Header && name != Query || !strings.HasPrefix(rest, `"`):
		return name, rest, nil
	}
	field, rest, err := cutQuoted(rest)
	return name + field, rest, err
}

// FieldName returns the name of a filter on a field: [Header] or [Query], and the name of
// the field.
func FieldName(term, field string) string {
	if strings.ContainsAny(field, "=>! ") || isSpecial(field) {
		field = strconv.Quote(field)
	}
	return term + field
}

// cutValues cuts values with commas between them off a text, up to a space. star reports
// whether one of them is a star without quotes, and none is empty.
func cutValues(text string) (values []string, star bool, rest string, err error) {
	empty := false
	for {
		var value string
		if strings.HasPrefix(text, `"`) {
			if value, text, err = cutQuoted(text); err != nil {
				return nil, false, "", err
			}
			empty = empty || value == ""
		} else {
			end := strings.IndexAny(text, `,"`+spaces)
			if end < 0 {
				end = len(text)
			}
			value, text = text[:end], text[end:]
			switch {
			case value == "":
				return nil, false, "", errors.New(`a value is missing; the empty one is ""`)
			case value[0] == '=':
				return nil, false, "", fmt.Errorf("one = is enough; a value that begins with = stands in quotes: %q", value)
			}
			star = star || value == "*"
		}
		values = append(values, value)
		if text == "" || strings.ContainsRune(spaces, rune(text[0])) {
			return values, star && !empty, text, nil
		}
		if text[0] != ',' {
			return nil, false, "", errors.New("quotes stand around a whole value")
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

// Join returns the text of values, which are quoted where that is necessary.
func Join(values []string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = value
		if value == "" || value[0] == '=' || value == "*" && len(values) > 1 || strings.ContainsAny(value, " ,") || isSpecial(value) {
			quoted[i] = strconv.Quote(value)
		}
	}
	return strings.Join(quoted, ",")
}

// isSpecial reports whether Go escapes something in the text other than a backslash, which
// has no meaning outside quotes.
func isSpecial(text string) bool {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\\`, `\`) != text
}
