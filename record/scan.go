package record

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// members calls a function with each member of an object, or with each element of a list, which
// has no name. The text must be a valid JSON object or list.
func members(text []byte, visit func(name string, value json.RawMessage) error) error {
	object := text[0] == '{'
	for at := skipSpace(text, 1); text[at] != '}' && text[at] != ']'; {
		name := ""
		if object {
			end := skipString(text, at)
			name = unquoted(text[at:end])
			at = skipSpace(text, skipSpace(text, end)+1) // behind the colon
		}
		end := skipValue(text, at)
		if err := visit(name, text[at:end:end]); err != nil {
			return err
		}
		if at = skipSpace(text, end); text[at] == ',' {
			at = skipSpace(text, at+1)
		}
	}
	return nil
}

// plainString returns the string of a JSON string without escape sequences. ok is false for any
// other value.
func plainString(raw []byte) (s string, ok bool) {
	if raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 || !utf8.Valid(raw) {
		return "", false
	}
	return string(raw[1 : len(raw)-1]), true
}

func unquoted(raw []byte) string {
	s, ok := plainString(raw)
	if !ok {
		_ = json.Unmarshal(raw, &s) // it is a string
	}
	return s
}

func skipSpace(text []byte, at int) int {
	for text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n' {
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
	for depth := 0; ; {
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
		default: // a number or a literal
			for at < len(text) && bytes.IndexByte([]byte(",]} \t\r\n"), text[at]) < 0 {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
}
