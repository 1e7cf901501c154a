package jsonedit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/jsonedit"
)

// texts are JSON and what is nearly JSON.
var texts = []string{
	``, ` `, `{}`, ` [ ] `, `{"a":1}`, `{ "a" : [ 1 , "b" ] , "c" : { } }`, `[1,]`, `[,1]`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{1:1}`, `[1 2]`, `{"a":1 "b":2}`,
	`{"a":1`, `[`, `[1`, `{"a"`, `{"a":`, `}`, `]`, `[}`, `{]`, `1 2`, `{}{}`, `[]x`, "\ufeff{}", "\v{}", "{}\x00",
	`0`, `-0`, `01`, `-`, `+1`, `.5`, `1.`, `1.5`, `1e5`, `1E+5`, `1e-05`, `1e`, `1e+`, `-1.25e+10`, `0x1`, `1_0`, `00`, `-01`, `0.0e0`, `Infinity`, `NaN`,
	`true`, `false`, `null`, `tru`, `truex`, `nul`, `True`, `[true,false,null]`,
	`""`, `"`, `"a`, `"\"`, `"\\"`, `"\""`, `"\/\b\f\n\r\t"`, `"\x"`, `"\u12"`, `"\u12ag"`, `"\uD83D\uDE00"`, `"\ud800"`, `"\U0041"`, "\"\n\"", "\"\x1f\"", "\"\x7f\"", "\"\x80\xff\"", `"é😀"`,
	`"0123456\"78"`, `"01234567"`, `"012345678901234\\"`, "\"01234567\x01\"", "\"0123\x00567\"", `"0123456789abcdef`, `"!!!!!!!!!!!!!!!!"`, `"[[[[[[[[]]]]]]]]"`, "\"########\x1f!\"",
	strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000),
}

func TestValid(t *testing.T) {
	for _, text := range texts {
		assert.Equal(t, json.Valid([]byte(text)), jsonedit.Valid([]byte(text)), "%.60q", text)
	}
}

// FuzzValid compares what is valid and what strings are with encoding/json.
func FuzzValid(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		require.Equal(t, json.Valid(text), jsonedit.Valid(text))
		var want string
		text = bytes.TrimSpace(text)
		if json.Unmarshal(text, &want) != nil || text[0] != '"' {
			return
		}
		if got, ok := jsonedit.Unescaped(text); ok {
			require.Equal(t, want, string(got))
		}
	})
}
