package jsonedit

import (
	"encoding/binary"
	"math/bits"
)

// maxDepth is how deep values can be nested, as in encoding/json.
const maxDepth = 10_000

// Valid reports whether a text is one JSON value, as [encoding/json.Valid] does, in less time.
func Valid(text []byte) bool {
	end := validValue(text, skipSpace(text, 0), 0)
	return end >= 0 && skipSpace(text, end) == len(text)
}

// validValue returns the offset behind the value at an offset, or -1 if there is none.
func validValue(text []byte, at, depth int) int {
	if at >= len(text) {
		return -1
	}
	switch text[at] {
	case '"':
		return validString(text, at)
	case '{':
		return validList(text, at, depth+1, true)
	case '[':
		return validList(text, at, depth+1, false)
	case 't':
		return literal(text, at, "true")
	case 'f':
		return literal(text, at, "false")
	case 'n':
		return literal(text, at, "null")
	}
	return validNumber(text, at)
}

func literal(text []byte, at int, word string) int {
	if len(text)-at < len(word) || string(text[at:at+len(word)]) != word {
		return -1
	}
	return at + len(word)
}

// validList returns the offset behind the object or the list at an offset.
func validList(text []byte, at, depth int, object bool) int {
	end := byte(']')
	if object {
		end = '}'
	}
	if depth > maxDepth {
		return -1
	}
	at = skipSpace(text, at+1)
	if at < len(text) && text[at] == end {
		return at + 1
	}
	for {
		if object {
			if at = validName(text, at); at < 0 {
				return -1
			}
		}
		if at = validValue(text, at, depth); at < 0 {
			return -1
		}
		at = skipSpace(text, at)
		switch {
		case at == len(text):
			return -1
		case text[at] == end:
			return at + 1
		case text[at] != ',':
			return -1
		}
		at = skipSpace(text, at+1)
	}
}

// validName returns the offset of the value behind the name at an offset.
func validName(text []byte, at int) int {
	if at >= len(text) || text[at] != '"' {
		return -1
	}
	if at = validString(text, at); at < 0 {
		return -1
	}
	if at = skipSpace(text, at); at == len(text) || text[at] != ':' {
		return -1
	}
	return skipSpace(text, at+1)
}

// validString returns the offset behind the string at an offset.
func validString(text []byte, at int) int {
	for at++; ; at++ {
		at += plainLength(text[at:])
		switch {
		case at == len(text) || text[at] < ' ':
			return -1
		case text[at] == '"':
			return at + 1
		case text[at] == '\\':
			if at = validEscape(text, at+1); at < 0 {
				return -1
			}
		}
	}
}

// plainLength returns how many bytes a string begins with that are neither a quotation mark, a
// backslash nor a control character; it can be less, but not at the end of the text.
func plainLength(text []byte) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(text[n:])
		quote, backslash := x^'"'*low, x^'\\'*low
		if ends := ((x-' '*low)&^x | (quote-low)&^quote | (backslash-low)&^backslash) & high; ends != 0 {
			return n + bits.TrailingZeros64(ends)/8 // the lowest is never wrong: a borrow comes from below
		}
	}
	for n < len(text) && text[n] >= ' ' && text[n] != '"' && text[n] != '\\' {
		n++
	}
	return n
}

// validEscape returns the offset of the last byte of the escape sequence whose second byte is at an
// offset.
func validEscape(text []byte, at int) int {
	if at >= len(text) {
		return -1
	}
	switch text[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at
	case 'u':
		for i := 1; i <= 4; i++ {
			if at+i >= len(text) || !isHex(text[at+i]) {
				return -1
			}
		}
		return at + 4
	}
	return -1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// validNumber returns the offset behind the number at an offset.
func validNumber(text []byte, at int) int {
	if text[at] == '-' {
		at++
	}
	switch {
	case at < len(text) && text[at] == '0':
		at++
	default:
		if at = digits(text, at); at < 0 {
			return -1
		}
	}
	if at < len(text) && text[at] == '.' {
		if at = digits(text, at+1); at < 0 {
			return -1
		}
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		if at++; at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		return digits(text, at)
	}
	return at
}

// digits returns the offset behind at least one digit.
func digits(text []byte, at int) int {
	start := at
	for at < len(text) && '0' <= text[at] && text[at] <= '9' {
		at++
	}
	if at == start {
		return -1
	}
	return at
}
