package jsonedit

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
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
			next.selected = isName(text[next.start:next.name], p.name)
		default:
			next.selected = p.name == strconv.Itoa(len(c.children))
		}
		c.children = append(c.children, next)
	}
	return c
}

// Members calls a function with each member of an object, or with each element of a list, which has
// no name, until it returns an error. The text must be a valid JSON object or list.
func Members(text []byte, visit func(name string, value json.RawMessage) error) error {
	for c := range children(text, 0) {
		name := ""
		if c.name > c.start {
			name = unquoted(text[c.start:c.name])
		}
		if err := visit(name, text[c.value:c.end:c.end]); err != nil {
			return err
		}
	}
	return nil
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

// PlainString returns the string of a JSON string without escape sequences. ok is false for any
// other value.
func PlainString(raw []byte) (s string, ok bool) {
	if raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 || !utf8.Valid(raw) {
		return "", false
	}
	return string(raw[1 : len(raw)-1]), true
}

func unquoted(raw []byte) string {
	s, ok := PlainString(raw)
	if !ok {
		_ = json.Unmarshal(raw, &s) // it is a string
	}
	return s
}

// isName reports whether a JSON string is a name.
func isName(quoted []byte, name string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1:len(quoted)-1]) == name
	}
	var plain string
	return json.Unmarshal(quoted, &plain) == nil && plain == name
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
