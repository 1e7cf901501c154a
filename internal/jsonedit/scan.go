package jsonedit

import (
	"bytes"
	"encoding/json"
	"strconv"
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
	at = skipSpace(text, at+1)
	for i := 0; text[at] != '}' && text[at] != ']'; i++ {
		next := child{start: at, name: at, value: at, selected: p.all || !c.object && p.name == strconv.Itoa(i)}
		if c.object {
			next.name = skipString(text, at)
			next.value = skipSpace(text, skipSpace(text, next.name)+1) // behind the colon
			next.selected = p.all || isName(text[next.start:next.name], p.name)
		}
		next.end = skipValue(text, next.value)
		c.children = append(c.children, next)
		if at = skipSpace(text, next.end); text[at] == ',' {
			at = skipSpace(text, at+1)
		}
	}
	return c
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
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
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
