package registry

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// checkShape judges valid JSON by its shape. It reads each byte once.
func checkShape(content []byte, s *shape) error {
	if !utf8.Valid(content) {
		return invalid("the manifest is not UTF-8")
	}
	scan := scanner{rest: content}
	if flaw := scan.value(s); flaw != nil {
		return invalid("%s", flaw)
	}
	return nil
}

// flaw is what is wrong with a value, and where that is in the document.
type flaw struct{ path, text string }

func (f *flaw) String() string {
	if f.path == "" {
		return "the manifest " + f.text
	}
	return strings.TrimPrefix(f.path, ".") + " " + f.text
}

// in puts a step before the path.
func (f *flaw) in(format string, step any) *flaw {
	if f != nil {
		f.path = fmt.Sprintf(format, step) + f.path
	}
	return f
}

// scanner reads a JSON text that is known to be valid.
type scanner struct{ rest []byte }

// next skips white space and returns the byte after it, which it does not consume.
func (s *scanner) next() byte {
	for {
		switch c := s.rest[0]; c {
		case ' ', '\t', '\r', '\n':
			s.rest = s.rest[1:]
		default:
			return c
		}
	}
}

// take consumes the next byte if it is c.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) value(want *shape) *flaw {
	switch s.next() {
	case '{':
		return s.object(want)
	case '[':
		return s.array(want)
	case '"':
		text, f := s.text()
		if f == nil && want != nil && want.text != nil {
			if err := want.text(text); err != nil {
				f = &flaw{text: err.Error()}
			}
		}
		return f
	case 'n':
		s.literal()
		if want != nil {
			return &flaw{text: "is null: give it a value, or leave it out if it is optional"}
		}
	default:
		s.literal()
	}
	return nil
}

func (s *scanner) object(want *shape) *flaw {
	s.take('{')
	seen := make(map[string]string)
	for !s.take('}') {
		name, f := s.text()
		if f != nil {
			return f.in(".%q", name)
		}
		member, f := want.member(name, seen)
		if f != nil {
			return f
		}
		s.take(':')
		if f := s.value(member); f != nil {
			return f.in(".%s", name)
		}
		s.take(',')
	}
	return want.missing(seen)
}

func (s *scanner) array(want *shape) *flaw {
	s.take('[')
	var each *shape
	if want != nil {
		each = want.each
	}
	for i := 0; !s.take(']'); i++ {
		if f := s.value(each); f != nil {
			return f.in("[%d]", i)
		}
		s.take(',')
	}
	return nil
}

// literal consumes a number or a name.
func (s *scanner) literal() {
	i := 0
	for i < len(s.rest) && !strings.ContainsRune(" \t\r\n,]}", rune(s.rest[i])) {
		i++
	}
	s.rest = s.rest[i:]
}

// text consumes a string and returns its value.
func (s *scanner) text() (string, *flaw) {
	s.next()
	i, escaped := 1, false
	for ; s.rest[i] != '"'; i++ {
		if s.rest[i] == '\\' {
			escaped = true
			i++
		}
	}
	quoted := s.rest[:i+1]
	s.rest = s.rest[i+1:]
	if !escaped {
		return string(quoted[1:i]), nil
	}
	var value string
	if err := json.Unmarshal(quoted, &value); err != nil {
		return "", &flaw{text: err.Error()}
	}
	if halfSurrogate(quoted) {
		return value, &flaw{text: "has an escape that is half of a surrogate pair"}
	}
	return value, nil
}

// halfSurrogate reports whether a quoted string has an escape such as "\ud83d"
// without the one that completes it.
func halfSurrogate(quoted []byte) bool {
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		first, ok := escapedUnit(quoted[i:])
		if !ok {
			i++
			continue
		}
		i += 5
		if !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := escapedUnit(quoted[i+1:])
		if !ok || utf16.DecodeRune(first, second) == unicode.ReplacementChar {
			return true
		}
		i += 6
	}
	return false
}

// escapedUnit reads an escape such as \u00e4.
func escapedUnit(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range s[2:6] {
		unit = unit<<4 | rune(strings.IndexByte("0123456789abcdef", c|0x20))
	}
	return unit, true
}
