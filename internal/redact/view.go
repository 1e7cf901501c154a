package redact

import "strings"

// maxDepth is how many times over a text may be percent-encoded to be looked into.
const maxDepth = 8

// view is a text with its percent-encoding undone as often as there is any: what is
// secret is found in it, and taken out of the original.
type view struct {
	text  string
	at    []int32 // where the original of each byte begins; nil: at its own offset
	depth []uint8 // how often each byte was encoded; nil: never
	size  int     // of the original
}

// decodeAll returns the view of a text, unless that is encoded too often.
func decodeAll(s string) (v view, ok bool) {
	v = view{text: s, size: len(s)}
	for depth := uint8(1); ; depth++ {
		first := escapeIn(v.text, 0)
		if first < 0 {
			return v, true
		}
		if depth > maxDepth {
			return v, false
		}
		v = v.decode(first, depth)
	}
}

// decode undoes one encoding, from the first escape on.
func (v view) decode(first int, depth uint8) view {
	decoded := view{at: make([]int32, 0, len(v.text)), depth: make([]uint8, 0, len(v.text)), size: v.size}
	var text strings.Builder
	text.Grow(len(v.text))
	for i, escape := 0, first; i < len(v.text); i++ {
		decoded.at = append(decoded.at, int32(v.origin(i)))
		if i != escape {
			text.WriteByte(v.text[i])
			decoded.depth = append(decoded.depth, v.depthAt(i))
			continue
		}
		text.WriteByte(hexValue(v.text[i+1])<<4 | hexValue(v.text[i+2]))
		decoded.depth = append(decoded.depth, depth)
		i += 2
		escape = escapeIn(v.text, i+1)
	}
	decoded.text = text.String()
	return decoded
}

// escapeIn returns the offset of the first escape at or behind an offset, or -1.
func escapeIn(s string, at int) int {
	for {
		i := strings.IndexByte(s[at:], '%')
		if i < 0 || at+i+2 >= len(s) {
			return -1
		}
		if at += i; isHex(s[at+1]) && isHex(s[at+2]) {
			return at
		}
		at++
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// origin returns the offset in the original of one in the view.
func (v *view) origin(i int) int {
	switch {
	case i >= len(v.text):
		return v.size
	case v.at == nil:
		return i
	}
	return int(v.at[i])
}

func (v *view) depthAt(i int) uint8 {
	if v.depth == nil {
		return 0
	}
	return v.depth[i]
}

// next returns the offset of the first of some characters at or behind an offset
// that is not encoded more often than a depth; or that of the end.
func (v *view) next(from int, chars string, depth uint8) int {
	for i := from; i < len(v.text); i++ {
		if v.depthAt(i) <= depth && strings.IndexByte(chars, v.text[i]) >= 0 {
			return i
		}
	}
	return len(v.text)
}

// previous returns the offset behind the last of some characters between two
// offsets that is not encoded more often than a depth; or the first offset.
func (v *view) previous(from, to int, chars string, depth uint8) int {
	for i := to; i > from; i-- {
		if v.depthAt(i-1) <= depth && strings.IndexByte(chars, v.text[i-1]) >= 0 {
			return i
		}
	}
	return from
}
