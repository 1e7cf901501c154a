package strict_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/strict"
)

type inner struct {
	Code  uint8             `json:"code"`
	Names map[string]string `json:"names"`
}

// own decodes itself from an object with the field X.
type own struct{ x int }

func (o *own) UnmarshalJSON(raw []byte) error {
	var fields struct{ X int }
	if err := strict.Decode(raw, &fields); err != nil {
		return err
	}
	if fields.X == 13 {
		return strict.At("X", errors.New("13 brings no luck"))
	}
	o.x = fields.X
	return nil
}

type color string

func (c *color) UnmarshalText(text []byte) error {
	if string(text) != "red" {
		return errors.New("want red")
	}
	*c = color(text)
	return nil
}

type outer struct {
	Name   string        `json:"name"`
	On     bool          `json:"on"`
	Count  int           `json:"count"`
	Part   float64       `json:"part"`
	TTL    time.Duration `json:"ttl"`
	Inner  *inner        `json:"inner"`
	List   []inner       `json:"list"`
	Any    any           `json:"any"`
	Own    own           `json:"own"`
	Colors []color       `json:"colors"`
	Hidden string        `json:"-"`
}

func TestDecode(t *testing.T) {
	var got outer
	require.NoError(t, strict.Decode([]byte(`{"name": "a\u00e9", "on": true, "count": -5, "part": 1e-9, "ttl": "1m30s",
		"inner": {"code": 255, "names": {"a": "b"}}, "list": [{"code": 1}, {}], "any": {"x": [1, null]}, "own": {"X": 3}, "colors": ["red"]}`), &got))
	assert.Equal(t, outer{
		Name: "aé", On: true, Count: -5, Part: 1e-9, TTL: 90 * time.Second,
		Inner: &inner{255, map[string]string{"a": "b"}}, List: []inner{{Code: 1}, {}},
		Any: map[string]any{"x": []any{1.0, nil}}, Own: own{3}, Colors: []color{"red"},
	}, got)

	kept := outer{Name: "kept"}
	require.NoError(t, strict.Decode([]byte(` null `), &kept))
	assert.Equal(t, outer{Name: "kept"}, kept)
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]struct {
		field   string
		key     bool
		at      string // the text at the offset
		message string
	}{
		`{"nam": "a"}`:                      {"nam", true, `"nam"`, "unknown field: did you mean name?"},
		`{"NAME": "a"}`:                     {"NAME", true, `"NAME"`, "did you mean name?"},
		`{"teapot": 1}`:                     {"teapot", true, `"teapot"`, "unknown field: want one of any, colors, count, inner, list, name, on, own, part, ttl"},
		`{"Hidden": "a"}`:                   {"Hidden", true, `"Hidden"`, "unknown field"},
		`{"": "a"}`:                         {"", true, `""`, "unknown field"},
		`{"on": true, "on": false}`:         {"on", true, `"on": false`, "duplicate field"},
		`{"any": {"a":1,"a":2}}`:            {"any.a", true, `"a":2`, "duplicate field"},
		`{"name": 5}`:                       {"name", false, `5`, "want text: write it in quotes"},
		`{"on": null}`:                      {"on", false, `null`, "missing value"},
		`{"a:b": 1}`:                        {"…", true, `"a:b"`, "unknown field"},
		`{"on": 1}`:                         {"on", false, `1`, "want true or false, not a number"},
		`{"count": 1.5}`:                    {"count", false, `1.5`, "want a whole number"},
		`{"count": 1e3}`:                    {"count", false, `1e3`, "want a whole number"},
		`{"count": "1"}`:                    {"count", false, `"1"`, "want a whole number, not text"},
		`{"count": 1e}`:                     {"count", false, ``, "invalid character '}' in exponent of numeric literal"},
		`{"count": 99999999999999999999}`:   {"count", false, `9`, "the number is too large"},
		`{"part": "x"}`:                     {"part", false, `"x"`, "want a number, not text"},
		`{"ttl": 5}`:                        {"ttl", false, `5`, "want a duration with a unit"},
		`{"ttl": "5"}`:                      {"ttl", false, `"5"`, "want a duration with a unit"},
		`{"inner": []}`:                     {"inner", false, `[]`, "want fields with names and values, not a list"},
		`{"inner": {"code": 256}}`:          {"inner.code", false, `256`, "the number is too large"},
		`{"inner": {"names": {"a": null}}}`: {"inner.names.a", false, `null`, "missing value"},
		`{"inner": {"names": {"a": [1]}}}`:  {"inner.names.a", false, `[1]`, "want text, not a list"},
		`{"list": {"code": 1}}`:             {"list", false, `{"code"`, "want a list, not fields"},
		`{"list": [{}, null]}`:              {"list[1]", false, `null`, "missing value"},
		`{"list": [{}, {"cod": 1}]}`:        {"list[1].cod", true, `"cod"`, "did you mean code?"},
		`{"own": {"X": 13}}`:                {"own.X", false, ``, "13 brings no luck"},
		`{"own": {"X": "a"}}`:               {"own.X", false, `"a"`, "want a whole number"},
		`{"own": {"Y": 1}}`:                 {"own.Y", true, `"Y"`, "want one of X"},
		`{"colors": ["red", "blue"]}`:       {"colors[1]", false, `"blue"`, "want red"},
		`{"inner": {"code": -1}}`:           {"inner.code", false, `-1`, "want a number that is not negative"},
		`{"colors": ["red", 1]}`:            {"colors[1]", false, `1`, "want red"},
		`{"colors": [[]]}`:                  {"colors[0]", false, `[]`, "want text, not a list"},
		`{"name": "a"`:                      {"", false, ``, "unexpected end of the text"},
		`{"name" "a"}`:                      {"name", false, ``, `invalid character '"' after object key`},
		``:                                  {"", false, ``, "unexpected end of the text"},
		`{} {}`:                             {"", false, `{}`, "unexpected data after the value"},
		`5`:                                 {"", false, `5`, "want fields with names and values, not a number"},
		"{\"any\": " + strings.Repeat("[", 101) + strings.Repeat("]", 101) + "}": {"any" + strings.Repeat("[0]", 100), false, "[]", "exceeds 100 levels"},
	} {
		var got outer
		err := strict.Decode([]byte(text), &got)
		var at *strict.Error
		if !assert.ErrorAs(t, err, &at, text) {
			continue
		}
		assert.Equal(t, want.field, at.Field(), text)
		assert.Equal(t, want.key, at.Key, text)
		assert.Contains(t, err.Error(), want.message, text)
		assert.True(t, strings.HasPrefix(text[at.Offset:], want.at), "%s: offset %d", text, at.Offset)
	}
	assert.ErrorContains(t, strict.Decode([]byte("{\"name\": \"\xff\"}"), new(outer)), "not UTF-8")
}

// FuzzDecode checks that Decode refuses what encoding/json refuses, and otherwise decodes to the
// same value.
func FuzzDecode(f *testing.F) {
	f.Add(`{"code": 1, "names": {"a": "b"}}`)
	f.Add(`{"code": 1, "code": 2}`)
	f.Add(`{"names": null}`)
	f.Fuzz(func(t *testing.T, text string) {
		var got, want inner
		if err := strict.Decode([]byte(text), &got); err != nil {
			var at *strict.Error
			if errors.As(err, &at) {
				require.LessOrEqual(t, at.Offset, len(text))
			}
			return
		}
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		require.Equal(t, want, got)
	})
}

func TestBare(t *testing.T) {
	for text, want := range map[string]bool{`5`: true, ` "a"`: true, `true`: true, `{}`: false, "\n[1]": false, `null`: false, ``: false} {
		assert.Equal(t, want, strict.Bare([]byte(text)), text)
	}
	var f struct{ F float32 }
	assert.ErrorContains(t, strict.Decode([]byte(`{"F": 1e300}`), &f), "want a number")
	require.NoError(t, strict.Decode([]byte(`{"F": 1}`), &f))
	assert.InDelta(t, 1, f.F, math.SmallestNonzeroFloat32)
}
