package terminal_test

import (
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/terminal"
)

func TestEscape(t *testing.T) {
	for _, test := range []struct{ text, line, lines string }{
		{"", "", ""},
		{"app:v1 … ünïcode 日本 \\ \"", "app:v1 … ünïcode 日本 \\ \"", "app:v1 … ünïcode 日本 \\ \""},
		{"a\nb\tc\r", `a\nb\tc\r`, "a\nb\tc" + `\r`},
		{"\x1b[31mred\x07\x7f\x00", `\x1b[31mred\a\x7f\x00`, `\x1b[31mred\a\x7f\x00`},
		{"\u009b31m \u202eabc\u200b\ufeff", `\u009b31m \u202eabc\u200b\ufeff`, `\u009b31m \u202eabc\u200b\ufeff`},
		{"\xff\xc3", `\xff\xc3`, `\xff\xc3`},
		{"\ufffd", "\ufffd", "\ufffd"},
		{"\U000e0041", `\U000e0041`, `\U000e0041`},
	} {
		assert.Equal(t, test.line, terminal.Escape(test.text))
		assert.Equal(t, test.lines, terminal.EscapeLines(test.text))
		var written strings.Builder
		n, err := io.WriteString(terminal.Writer(&written), test.text)
		require.NoError(t, err)
		assert.Equal(t, len(test.text), n)
		assert.Equal(t, strings.TrimSuffix(test.lines, `\xc3`), written.String())
		written.Reset()
		w := terminal.Writer(&written)
		for i := range len(test.text) {
			n, err = io.WriteString(w, test.text[i:i+1])
			require.NoError(t, err)
			assert.Equal(t, 1, n)
		}
		assert.Equal(t, strings.TrimSuffix(test.lines, `\xc3`), written.String())
	}
}

// FuzzEscape checks that the result is one line of printable characters.
func FuzzEscape(f *testing.F) {
	f.Add("\x1b]0;title\x07 \u202e")
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range terminal.Escape(s) {
			require.True(t, unicode.IsPrint(c), "%q of %q", c, s)
		}
		require.Equal(t, terminal.Escape(s), terminal.Escape(terminal.EscapeLines(s)))
	})
}

func TestJSONWriter(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"{\n\t\"a\": \"b\\u001b é日\"\n}\n", "{\n\t\"a\": \"b\\u001b é日\"\n}\n"},
		{"\"\u009b31m\u202e\x7f\"", `"\u009b31m\u202e\u007f"`},
		{"\"\U000e0041\"", `"\udb40\udc41"`},
		{"\"\xff\"", `"\ufffd"`},
	} {
		var whole, bytewise strings.Builder
		_, err := io.WriteString(terminal.JSONWriter(&whole), test.text)
		require.NoError(t, err)
		assert.Equal(t, test.want, whole.String())
		w := terminal.JSONWriter(&bytewise)
		for i := range len(test.text) {
			_, err = io.WriteString(w, test.text[i:i+1])
			require.NoError(t, err)
		}
		assert.Equal(t, test.want, bytewise.String())
		if utf8.ValidString(test.text) {
			assert.JSONEq(t, test.text, test.want)
		}
	}
}
