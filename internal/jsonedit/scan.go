package jsonedit

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"
)

// container is an object or a list in a text.
type container struct {
	start    int
	object   bool
	children []child
}

// child is a field or an element. Its value is text[value:end]. A field begins with its name, which
// is text[start:name]; an element begins with its value.
type child struct {
	start, name, value, end int
	selected                bool
}

// parseContainer parses the value at an offset, and marks the children that a part selects. A value
// that is neither an object nor a list has no children. The text must be valid JSON.
func parseContainer(text []byte, at int, p part) container {
	c := container{start: at, object: text[at] == '{'}
	if !c.object && text[at] != '[' {
		return c
	}
	for next := range children(text, at) {
		switch {
		case p.all:
			next.selected = true
		case c.object:
			next.selected = string(unquoted(text[next.start:next.name])) == p.name
		default:
			next.selected = p.name == strconv.Itoa(len(c.children))
		}
		c.children = append(c.children, next)
	}
	return c
}

// Members calls a function with each member of an object, or with each element of a list, which has
// no name, until it returns an error. The text must be a valid JSON object or list. The name and the
// value may be parts of it.
func Members(text []byte, visit func(name []byte, value json.RawMessage) error) error {
	for c := range children(text, 0) {
		var name []byte
		if c.name > c.start {
			name = unquoted(text[c.start:c.name])
		}
		if err := visit(name, text[c.value:c.end:c.end]); err != nil {
			return err
		}
	}
	return nil
}

// Only returns the element of a list that has one. The text must be valid JSON.
func Only(text []byte) (element []byte, ok bool) {
	if text[0] != '[' {
		return nil, false
	}
	at := skipSpace(text, 1)
	if text[at] == ']' {
		return nil, false
	}
	end := skipValue(text, at)
	return text[at:end], text[skipSpace(text, end)] == ']'
}

// children returns the children of the object or list at an offset. The text must be valid JSON.
func children(text []byte, at int) iter.Seq[child] {
	return func(yield func(child) bool) {
		object := text[at] == '{'
		for at := skipSpace(text, at+1); text[at] != '}' && text[at] != ']'; {
			next := child{start: at, name: at, value: at}
			if object {
				next.name = skipString(text, at)
				next.value = skipSpace(text, skipSpace(text, next.name)+1) // behind the colon
			}
			next.end = skipValue(text, next.value)
			if !yield(next) {
				return
			}
			if at = skipSpace(text, next.end); text[at] == ',' {
				at = skipSpace(text, at+1)
			}
		}
	}
}

// Unescaped returns the bytes of a JSON string in UTF-8. They are a part of raw if it has no escape
// sequences. ok is false for any other value, and for a string with an escape sequence that has the
// number of a character.
func Unescaped(raw []byte) (plain []byte, ok bool) {
	if raw[0] != '"' || !utf8.Valid(raw) {
		return nil, false
	}
	raw = raw[1 : len(raw)-1]
	next := bytes.IndexByte(raw, '\\')
	if next < 0 {
		return raw, true
	}
	plain = make([]byte, 0, len(raw))
	for next >= 0 {
		i := strings.IndexByte(escapes, raw[next+1])
		if i < 0 {
			return nil, false
		}
		plain = append(append(plain, raw[:next]...), escaped[i])
		raw = raw[next+2:]
		next = bytes.IndexByte(raw, '\\')
	}
	return append(plain, raw...), true
}

// The characters behind the backslash of an escape sequence, and what they stand for.
const (
	escapes = `"\/bfnrt`
	escaped = "\"\\/\b\f\n\r\t"
)

// unquoted returns the bytes of a JSON string.
func unquoted(raw []byte) []byte {
	if plain, ok := Unescaped(raw); ok {
		return plain
	}
	var s string
	_ = json.Unmarshal(raw, &s) // it is a string
	return []byte(s)
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n') {
		at++
	}
	return at
}

// skipString returns the offset behind the string at an offset.
func skipString(text []byte, at int) int {
	for {
		at += 1 + bytes.IndexByte(text[at+1:], '"')
		escapes := 0
		for text[at-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return at + 1
		}
	}
}

// skipValue returns the offset behind the value at an offset.
func skipValue(text []byte, at int) int {
	for depth := 0; at < len(text); {
		switch text[at] {
		case '"':
			at = skipString(text, at)
		case '{', '[':
			depth++
			at++
			continue
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\t', '\r', '\n':
			at++
		default:
			at = skipScalar(text, at)
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

// skipScalar returns the offset behind the number or the literal at an offset.
func skipScalar(text []byte, at int) int {
	for at < len(text) && bytes.IndexByte([]byte(",]} \t\r\n"), text[at]) < 0 {
		at++
	}
	return at
}
