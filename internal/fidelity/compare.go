package fidelity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Difference is one thing in which an answer differs from the recorded one.
type Difference struct {
	Kind string // "status", "code", "header", "body", or "replay" if the request could not be sent
	At   string // name of the header field, or path in the body
	Want string // what the recorded registry says; "absent" if nothing
	Got  string // what the registry says
}

func (d Difference) String() string {
	if d.Kind == kindReplay {
		return d.Got
	}
	at := d.Kind
	if d.At != "" {
		at += " " + d.At
	}
	return fmt.Sprintf("%s: %s instead of %s", at, d.Got, d.Want)
}

const (
	kindReplay = "replay"
	absent     = "absent"
)

// Compare returns the differences of an answer from the one that was recorded.
func Compare(want, got Answer) []Difference {
	var all []Difference
	if want.Status != got.Status {
		all = append(all, Difference{"status", "", fmt.Sprint(want.Status), fmt.Sprint(got.Status)})
	}
	wantCodes, gotCodes := strings.Join(want.Codes(), " "), strings.Join(got.Codes(), " ")
	if wantCodes != gotCodes {
		all = append(all, Difference{"code", "", orAbsent(wantCodes), orAbsent(gotCodes)})
	}
	for _, name := range union(want.Header, got.Header) {
		w, g := orAbsentIn(want.Header, name), orAbsentIn(got.Header, name)
		if w != g {
			all = append(all, Difference{"header", name, w, g})
		}
	}
	return append(all, compareJSON("", want.Body, got.Body)...)
}

func orAbsent(text string) string {
	if text == "" {
		return absent
	}
	return text
}

func orAbsentIn(header map[string]string, name string) string {
	value, ok := header[name]
	if !ok {
		return absent
	}
	return fmt.Sprintf("%q", value)
}

func union[V any](a, b map[string]V) []string {
	names := slices.Collect(maps.Keys(a))
	names = slices.AppendSeq(names, maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

// compareJSON compares JSON values at a path. It leaves out the codes of errors, which are
// compared as such.
func compareJSON(path string, want, got any) []Difference {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		return compareObjects(path, w, g)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		var all []Difference
		for i := range w {
			all = append(all, compareJSON(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])...)
		}
		return all
	}
	if w, g := compact(want), compact(got); w != g {
		return []Difference{{"body", path, w, g}}
	}
	return nil
}

func compareObjects(path string, want, got map[string]any) []Difference {
	var all []Difference
	for _, name := range union(want, got) {
		inner := strings.TrimPrefix(path+"."+name, ".")
		w, inWant := want[name]
		g, inGot := got[name]
		switch {
		case name == "code" && strings.HasPrefix(path, "errors[") && !strings.Contains(path, "."):
		case !inWant:
			all = append(all, Difference{"body", inner, absent, compact(g)})
		case !inGot:
			all = append(all, Difference{"body", inner, compact(w), absent})
		default:
			all = append(all, compareJSON(inner, w, g)...)
		}
	}
	return all
}

// compact formats a value for a message.
func compact(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return v
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSpace(text.String())
}
