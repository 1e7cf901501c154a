package faultnames_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/faultnames"
	"github.com/ocifake/ocifake/record"
)

// wordless are the effects that no word stands for.
var wordless = map[string]string{
	"rate-limit":         "it takes a number and a time",
	"raw":                "it takes text",
	"content-of":         "it takes a digest",
	"set-header":         "it takes text",
	"add-header":         "it takes text",
	"location":           "it takes text",
	"set-field":          "it takes JSON",
	"drop-field":         "it takes a path",
	"rename-field":       "it takes a path",
	"replace-text":       "it takes text",
	"set-request-header": "it takes text",
	"set-host":           "it takes text",
	"func":               "it is a function",
	"revoke-tokens":      "it acts on everybody's tokens",
	"refuse":             "it acts on connections",
	"silence":            "it acts on connections",
	"tls":                "it acts on connections",
	"pass":               "it does nothing",
	"all":                "faults in a name happen together anyway",
	"trailer":            "it takes text",
	"ignore-pings":       "it acts on the connection",
	"withhold-windows":   "it acts on the connection",
	"withhold-continue":  "it acts on the connection",
	"bare-lf":            "it acts on the connection",
}

// values are those that words are tried with.
var values = map[string]string{"CODE": "404", "BYTES": "100", "SECONDS": "5", "N": "1", "TIME": "1ms", "OPERATION": "tag.list", "NAME": "etag", "CODING": "gzip"}

// TestWords has every word in a name, and every effect in a word, or a reason.
func TestWords(t *testing.T) {
	kinds := map[string]bool{}
	for _, k := range effect.Kinds() {
		kinds[k.Name] = true
		assert.NotEqual(t, wordless[k.Name] == "", !isWord(k.Name), k.Name)
	}
	for _, w := range faultnames.Words() {
		name, value, _ := cutForm(w.Form)
		assert.NotEmpty(t, w.Doc, w.Form)
		assert.Equal(t, w.Fault, kinds[name], "%s: effects are called the same everywhere", w.Form)
		segment := name
		if value != "" {
			require.Contains(t, values, value)
			segment += "-" + values[value]
		}
		if name == "redirect" {
			segment = "redirect-302"
		}
		if !w.Fault {
			continue
		}
		t.Run(segment, func(t *testing.T) {
			e, ask := newEngine(t)
			full := "fault/" + segment + "/app"
			w1, _ := ask("GET /v2/" + full + "/blobs/uploads/x")
			require.NotEqual(t, http.StatusBadRequest, w1.Code)
			rules := e.Rules()
			require.Len(t, rules, 1, w1.Body.String())
			want := "alias=" + full
			if len(w.On) > 0 {
				want = record.Op(w.On...).String() + " " + want
			}
			assert.True(t, strings.HasSuffix(rules[0].Rule.String(), " on "+want), rules[0].Rule.String())
		})
	}
}

// TestModifiers has every word that says something about a fault behind one.
func TestModifiers(t *testing.T) {
	for _, w := range faultnames.Words() {
		if w.Fault {
			continue
		}
		name, value, _ := cutForm(w.Form)
		if value != "" {
			name += "-" + values[value]
		}
		before := "status-503/"
		if w.Form == "of-request" {
			before = "reset-100/"
		}
		for prefix, count := range map[string]int{before: 1, "": 0, "head-405/": 0} {
			e, ask := newEngine(t)
			answer, _ := ask("GET /v2/fault/" + prefix + name + "/app/tags/list")
			assert.Len(t, e.Rules(), count, "%s%s: %s", prefix, name, answer.Body.String())
		}
	}
}

func cutForm(form string) (name, value string, ok bool) {
	if i := strings.LastIndexByte(form, '-'); i >= 0 && form[i+1:] == strings.ToUpper(form[i+1:]) {
		return form[:i], form[i+1:], true
	}
	return form, "", false
}

func isWord(name string) bool {
	for _, w := range faultnames.Words() {
		if own, _, _ := cutForm(w.Form); own == name {
			return true
		}
	}
	return false
}

// No known fault is a word, too.
func TestIsUnambiguous(t *testing.T) {
	for _, p := range known.All() {
		e, ask := newEngine(t)
		ask("GET /v2/fault/" + p.Name + "/app/tags/list")
		if len(e.Rules()) > 0 && faultnames.Check(p) == nil {
			assert.Len(t, e.Rules(), len(p.Rules()), p.Name)
			for i, s := range e.Rules() {
				want, err := json.Marshal(faults.On().Do(p.Rules()[i].Effects...))
				require.NoError(t, err)
				got, err := json.Marshal(faults.On().Do(s.Rule.Effects...))
				require.NoError(t, err)
				assert.Equal(t, string(want), string(got))
			}
		}
		for _, w := range faultnames.Words() {
			name, value, _ := cutForm(w.Form)
			rest, is := strings.CutPrefix(p.Name, name+"-")
			assert.False(t, value == "" && p.Name == w.Form, "%s is a known fault and a word", p.Name)
			assert.False(t, value != "" && is && rest != "" && rest[0] >= '0' && rest[0] <= '9', "%s is a known fault and %s", p.Name, w.Form)
		}
	}
}
