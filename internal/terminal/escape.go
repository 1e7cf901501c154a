// Package terminal escapes untrusted text for a terminal.
package terminal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Escape returns a text in one line. It escapes nonprintable characters as in a Go string: control
// characters, invisible characters of Unicode, bidirectional controls, and bytes that are not
// UTF-8.
func Escape(s string) string { return escape(s, "") }

// EscapeLines is [Escape] for a text of several lines: it keeps newlines and tabs.
func EscapeLines(s string) string { return escape(s, "\n\t") }

func escape(s, allowed string) string {
	clean := func(c rune) bool {
		return unicode.IsPrint(c) && c != utf8.RuneError || c < utf8.RuneSelf && strings.IndexByte(allowed, byte(c)) >= 0
	}
	if strings.IndexFunc(s, func(c rune) bool { return !clean(c) }) < 0 {
		return s
	}
	var text strings.Builder
	for len(s) > 0 {
		c, size := utf8.DecodeRuneInString(s)
		switch {
		case clean(c) || c == utf8.RuneError && size > 1:
			text.WriteString(s[:size])
		default:
			quoted := strconv.QuoteToASCII(s[:size])
			text.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return text.String()
}

// Writer returns a writer that escapes its input like [EscapeLines]. It holds back an incomplete
// character, and discards it if the rest is never written. The writer is not safe for concurrent
// use.
func Writer(w io.Writer) io.Writer { return &writer{w: w, escape: EscapeLines} }

// JSONWriter is [Writer] for JSON texts, whose meaning does not change. It replaces bytes that are
// not UTF-8 by U+FFFD.
func JSONWriter(w io.Writer) io.Writer { return &writer{w: w, escape: escapeJSON} }

// escapeJSON escapes the nonprintable characters in the strings of a JSON text. JSON escapes those
// of ASCII already, except DEL.
func escapeJSON(s string) string {
	if strings.IndexFunc(s, hiddenInJSON) < 0 {
		return s
	}
	var text strings.Builder
	for _, c := range s {
		if !hiddenInJSON(c) {
			text.WriteRune(c)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, c) {
			fmt.Fprintf(&text, `\u%04x`, unit)
		}
	}
	return text.String()
}

func hiddenInJSON(c rune) bool {
	return c > unicode.MaxASCII && !unicode.IsPrint(c) || c == 0x7f || c == utf8.RuneError
}

type writer struct {
	w      io.Writer
	escape func(string) string
	rest   []byte // an incomplete character
}

func (w *writer) Write(p []byte) (int, error) {
	text := append(w.rest, p...)
	end := len(text)
	for i := end - 1; i >= 0 && i > end-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				end = i
			}
			break
		}
	}
	w.rest = append([]byte(nil), text[end:]...)
	if _, err := io.WriteString(w.w, w.escape(string(text[:end]))); err != nil {
		return 0, err
	}
	return len(p), nil
}
