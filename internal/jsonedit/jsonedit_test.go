package jsonedit_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/jsonedit"
)

func parse(t *testing.T, text string) jsonedit.Path {
	t.Helper()
	p, err := jsonedit.Parse(text)
	require.NoError(t, err)
	return p
}

// An empty want is a text that does not change.
func TestSet(t *testing.T) {
	for _, test := range []struct{ path, text, value, want string }{
		{"expires_in", `{"token":"t","expires_in":300}`, `"300"`, `{"token":"t","expires_in":"300"}`},
		{"tags", `{"name":"app","tags":["v1"]}`, `null`, `{"name":"app","tags":null}`},
		{"tags.0", `{"tags":["v1","v2"]}`, `"v2"`, `{"tags":["v2","v2"]}`},
		{"tags.2", `{"tags":["v1","v2"]}`, `"v2"`, ``},
		{"tags.00", `{"tags":["v1","v2"]}`, `"v2"`, ``},
		{"tags.-1", `{"tags":["v1","v2"]}`, `"v2"`, ``},
		{"*.*", `{"a":[1,2],"b":{"c":3},"d":4}`, `0`, `{"a":[0,0],"b":{"c":0},"d":4}`},
		{"manifests.*.size", `{"manifests":[{"size":1}, {"digest":"d"}, { }, 7]}`, `2`, `{"manifests":[{"size":2}, {"digest":"d","size":2}, {"size":2 }, 7]}`},
		{"new", `{}`, `{"x":[]}`, `{"new":{"x":[]}}`},
		{"a.b", `{"c":1}`, `1`, ``},
		{"a.b", `{"a":1}`, `1`, ``},
		{"*", `{}`, `1`, ``},
		{"*", `{"a":1,"b":2}`, `1`, `{"a":1,"b":1}`},
		{"a", `{"a":1}`, `1`, ``},
		{"a", `[1]`, `1`, ``},
		{"0", `[1]`, `2`, `[2]`},
		{"0", `{"0":1}`, `2`, `{"0":2}`},
		{"a", `"a"`, `1`, ``},
		{"a", ``, `1`, ``},
		{"a", `{"a":1`, `1`, ``},
		{"a", `{"a":1}{"a":1}`, `1`, ``},
		{"a", " \n{ \"b\" : 12345678901234567890.10 ,\t\"a\" : [ 1 , { } ] } ", `1`, " \n{ \"b\" : 12345678901234567890.10 ,\t\"a\" : 1 } "},
		{"a", `{"a":1,"b":[{"a":"}"}],"a":"\"]"}`, `0`, `{"a":0,"b":[{"a":"}"}],"a":0}`},
		{`a\.b`, `{"a":{"b":1},"a.b":2}`, `3`, `{"a":{"b":1},"a.b":3}`},
		{`\*`, `{"a":1}`, `3`, `{"a":1,"*":3}`},
		{`\\.x`, `{"\\":{}}`, `3`, `{"\\":{"x":3}}`},
		{"äö", `{"\u00e4\u00f6":1}`, `2`, `{"\u00e4\u00f6":2}`},
		{"<", `{}`, `2`, `{"<":2}`},
	} {
		got, ok := parse(t, test.path).Set([]byte(test.text), []byte(test.value))
		check(t, test.path+" in "+test.text, test.want, got, ok)
	}
}

func TestDrop(t *testing.T) {
	for _, test := range []struct{ path, text, want string }{
		{"issued_at", `{"token":"t","issued_at":"x"}`, `{"token":"t"}`},
		{"token", `{"token":"t" , "issued_at":"x"}`, `{"issued_at":"x"}`},
		{"b", `{ "a":1, "b":2, "c":3 }`, `{ "a":1, "c":3 }`},
		{"a", `{ "a" : 1 }`, `{  }`},
		{"a", `{"a":1,"b":2,"a":3,"a":4}`, `{"b":2}`},
		{"*", `[1,2,3]`, `[]`},
		{"*.a", `[{"a":1},{"b":1},{"a":[{"a":2}],"c":3}]`, `[{},{"b":1},{"c":3}]`},
		{"1", `[1,2,3]`, `[1,3]`},
		{"3", `[1,2,3]`, ``},
		{"a", `{"b":{"a":1}}`, ``},
		{"a", `null`, ``},
		{"a", `nonsense`, ``},
	} {
		got, ok := parse(t, test.path).Drop([]byte(test.text))
		check(t, test.path+" in "+test.text, test.want, got, ok)
	}
}

func TestRename(t *testing.T) {
	for _, test := range []struct{ path, name, text, want string }{
		{"token", "access_token", `{"token":"t"}`, `{"access_token":"t"}`},
		{"a.b", "c.d", `{"a":{"b" : {"b":1}}}`, `{"a":{"c.d" : {"b":1}}}`},
		{"a", "b", `{"a":1,"b":2}`, `{"b":1,"b":2}`},
		{"a", "a", `{"a":1}`, ``},
		{"a", "\"\n<", `{"a":1}`, `{"\"\n<":1}`},
		{"0", "a", `[1]`, ``},
		{"a", "b", `{"b":1}`, ``},
	} {
		got, ok := parse(t, test.path).Rename([]byte(test.text), test.name)
		check(t, test.path+" in "+test.text, test.want, got, ok)
	}
}

func check(t *testing.T, what, want string, got []byte, ok bool) {
	t.Helper()
	assert.Equal(t, want != "", ok, what)
	if want != "" && ok {
		assert.Equal(t, want, string(got), what)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "path is missing: want names, indexes and * with dots between them, such as manifests.0.artifactType",
		".a":                             `path ".a", position 1: a part is empty: want a name, an index or "*"; write \. for a dot in a name`,
		"a..b":                           `path "a..b", position 3: a part is empty`,
		"a.":                             `path "a.", position 3: a part is empty`,
		"a.b*":                           `path "a.b*", position 4: "*" is only possible as a whole part; write \* for the character`,
		"**":                             `path "**", position 1: "*" is only possible as a whole part`,
		`a\b`:                            `path "a\\b", position 2: a backslash is only possible before ".", "*" and another backslash`,
		`a\`:                             `path "a\\", position 2: a backslash is only possible`,
		strings.Repeat("a.", 32) + "a":   `position 65: a path has at most 32 parts`,
		strings.Repeat("a.", 31) + "a":   "",
		"a\xff":                          `path "a\xff" is not UTF-8`,
		"*":                              "",
		`\*.*.\..\\`:                     "",
		"with space.and/slash.$":         "",
		`annotations.org\.example\.name`: "",
	} {
		_, err := jsonedit.Parse(text)
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, want)
		}
	}
}

// Sizes and nesting are bounded.
func TestBounds(t *testing.T) {
	full := []byte(`{"a":1,"b":"` + strings.Repeat("x", jsonedit.MaxSize-len(`{"a":1,"b":""}`)) + `"}`)
	require.Len(t, full, jsonedit.MaxSize)
	a := parse(t, "a")
	_, ok := a.Set(full, []byte("2"))
	assert.True(t, ok)
	_, ok = a.Set(full, []byte("22"))
	assert.False(t, ok, "the result is too large")
	_, ok = a.Drop(append(full, ' '))
	assert.False(t, ok, "the text is too large")

	zeros := []byte("[" + strings.Repeat("0,", 1<<12) + "0]")
	_, ok = parse(t, "*").Set(zeros, full)
	assert.False(t, ok, "each value is replaced by a large one")

	nested := []byte(strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20))
	_, ok = parse(t, "0.0.0").Set(nested, []byte("1"))
	assert.False(t, ok, "encoding/json refuses deep nesting")
	nested = []byte(strings.Repeat("[", 9000) + strings.Repeat("]", 9000))
	got, ok := parse(t, "0.0").Set(nested, []byte("1"))
	assert.True(t, ok)
	assert.Equal(t, "[[1]]", string(got))
}

// FuzzEdit edits any text at any path.
func FuzzEdit(f *testing.F) {
	f.Add("a.*.b", `{"a":[{"b":1},{"c":"\""}]}`, `"x"`)
	f.Add(`a\.b.0`, `{"a.b":[1,2]}`, `{"y":null}`)
	f.Add("*", ` [ 1 , [ ] , { "a" : 1 } ] `, `1e999`)
	f.Add("ä", "{\"\\u00e4\":1,\"\xff\":2}", `[]`)
	f.Fuzz(func(t *testing.T, path, text, value string) {
		p, err := jsonedit.Parse(path)
		if err != nil {
			return
		}
		if json.Valid([]byte(value)) {
			value = strings.TrimSpace(value)
			set, ok := p.Set([]byte(text), []byte(value))
			if ok {
				require.True(t, json.Valid(set), "%s", set)
				_, ok = p.Set(set, []byte(value))
				require.False(t, ok, "%q has the value already", set)
			}
		}
		for _, edit := range []func() ([]byte, bool){
			func() ([]byte, bool) { return p.Drop([]byte(text)) },
			func() ([]byte, bool) { return p.Rename([]byte(text), value) },
		} {
			if got, ok := edit(); ok {
				require.True(t, json.Valid([]byte(text)))
				require.True(t, json.Valid(got), "%s", got)
			}
		}
	})
}
