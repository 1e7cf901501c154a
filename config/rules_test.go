package config_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// broken are texts that are refused, and why each is here.
var broken = []struct{ name, text string }{
	{"no rule", "pass"},
	{"a number", "- 5"},
	{"a list in the list", "- - do: [pass]"},
	{"null in the list", "- do: [pass]\n- null"},
	{"two documents", "do: [pass]\n---\ndo: [pass]"},
	{"an alias", "- &a {do: [pass]}\n- *a"},
	{"an anchor in an effect", "do:\n- status: {code: &c 503}"},
	{"a merge key", "- do: [pass]\n  <<: {name: a}"},
	{"an unknown alias", "do: *a"},
	{"a bracket too few", "do: [pass"},
	{"a bracket too many", "do: [pass]]"},
	{"an open quote", "name: \"a\ndo: [pass]"},
	{"a wrong escape", `name: "\q"`},
	{"a tab", "do:\n\t- pass"},
	{"wrong indentation", "name: a\n  do: [pass]"},
	{"no bytes of UTF-8", "name: \xff\xfe\ndo: [pass]"},
	{"a tag", "name: !!binary aGk=\ndo: [!!int pass]"},

	{"an unknown field", "- do: [pass]\n- doo: [pass]"},
	{"a field in another case", "Do: [pass]"},
	{"a field twice", "name: a\nname: b\ndo: [pass]"},
	{"do twice", "do: [pass]\ndo: [pass]"},
	{"a field that is a list", "[a]: 1"},
	{"text for a number", "after: one\ndo: [pass]"},
	{"quoted number", "after: \"1\"\ndo: [pass]"},
	{"a fraction", "do: [pass]\nafter: 1.5"},
	{"a fraction that is none", "do: [pass]\nafter: 1e3"},
	{"a huge number", "do: [pass]\ntimes: 99999999999999999999"},
	{"a huge float", "do: [pass]\ntimes: 9.3e18"},
	{"a negative number", "do: [pass]\nafter: -1"},
	{"a negative seed", "do: [pass]\nseed: -1"},
	{"a list for a number", "do: [pass]\nafter: [1]"},
	{"a list for a text", "name: [a]\ndo: [pass]"},
	{"a number for a flag", "do: [pass]\noptional: 1"},
	{"yes for a flag", "do: [pass]\noptional: yes"},
	{"no unit", "do: [pass]\nfor: 5"},
	{"a wrong unit", "do: [pass]\nfor: 5 parsecs"},
	{"too long a time", "do: [pass]\nfor: 999999999h"},
	{"no number", "do: [pass]\nprobability: .nan"},
	{"infinite", "do: [pass]\nprobability: .inf"},
	{"a high probability", "do: [pass]\nprobability: 2"},

	{"an unknown filter", "where: repository=app\ndo: [pass]"},
	{"a filter on the end", "where: left\ndo: [pass]"},
	{"an unknown operation", "do: [pass]\nwhere: op=blob.fetch"},
	{"an open quote in a filter", "where: 'repo=\"a'\ndo: [pass]"},
	{"a wrong until", "do: [pass]\nuntil: '=a'"},

	{"nothing to do", "name: a"},
	{"no effects", "name: a\ndo: []"},
	{"effects and steps", "name: a\ndo: [pass]\nseq: [pass]"},
	{"effects that are no list", "do: pass"},
	{"an unknown effect", "do: [pass, explode]"},
	{"two effects in one", "do:\n- status: 503\n  delay: 2s"},
	{"an effect that is a number", "do: [503]"},
	{"an effect that is null", "do: [~]"},
	{"arguments of none", "do: [zeros: 5]"},
	{"an unknown argument", "do:\n- status: {code: 503, retry: 1s}"},
	{"a redirect with status 0", "do:\n- redirect: {to: /a, status: 0}"},
	{"a wrong argument", "do:\n- status: {code: many}"},
	{"a huge status", "do:\n- status: 99999999999999999999"},
	{"a huge code", "do:\n- goaway: {code: 4294967296}"},
	{"an argument twice", "do:\n- status: {code: 500, code: 503}"},
	{"a list of arguments", "do:\n- status: [503]"},
	{"no main argument", "do:\n- trickle: 5"},
	{"a header that is a text", "do:\n- status: {code: 200, header: {A: b}}"},
	{"a wrong Retry-After", "do:\n- status: {code: 503, retryAfter: tomorrow}"},
	{"an effect that says nothing", "do: [tls]\nconnect: true"},
	{"an effect on connections", "name: a\ndo: [refuse]"},
	{"an effect on requests", "name: a\nconnect: true\ndo: [zeros]"},
	{"all without effects", "do: [all]"},
	{"all with a wrong effect", "seq:\n- all:\n  - pass\n  - status: 99"},
	{"a name twice", "- {name: a, do: [pass]}\n- {name: b, do: [pass]}\n- {name: a, do: [zeros]}"},

	{"deep lists", strings.Repeat("[", 100_000)},
	{"deep lists, closed", strings.Repeat("[", 1000) + strings.Repeat("]", 1000)},
	{"deep mappings", strings.Repeat("{a: ", 10_000)},
	{"deep lists in a line", strings.Repeat("- ", 10_000)},
	{"deep keys", strings.Repeat("? ", 10_000)},
	{"deep effects", "do: [" + strings.Repeat("{all: [", 1000) + "pass" + strings.Repeat("]}", 1000) + "]"},
	{"a deep detail", "do: [{status: {code: 400, detail: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}}]"},
	{"closed and opened", strings.Repeat("]", 1000) + strings.Repeat("[", 10_000)},
	{"many signs", strings.Repeat("-\n", 100_000)},
	{"2 MiB", strings.Repeat("# ocifake\n", 2<<20/10)},
}

func TestRulesRefuses(t *testing.T) {
	var got strings.Builder
	for _, test := range broken {
		rules, err := config.Rules([]byte(test.text))
		assert.Nil(t, rules, test.name)
		message := "NO ERROR"
		if assert.Error(t, err, test.name) {
			message = strings.ReplaceAll(err.Error(), "\n", "\n\t")
		}
		fmt.Fprintf(&got, "%s: %q\n\t%s\n", test.name, short(test.text, 80), short(message, 180))
	}
	golden(t, "testdata/broken.golden", got.String())
}

// short is the beginning of a text that is long.
func short(text string, n int) string {
	if len(text) > n {
		text = text[:n] + "…"
	}
	return text
}

// golden compares a text with a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "make it with -update")
	assert.Equal(t, string(want), got)
}

// TestRedirectStatus reads redirects without a status, whose status is 307, and with one.
func TestRedirectStatus(t *testing.T) {
	for text, want := range map[string]faults.Effect{
		"do: [redirect: /a]":                    faults.Redirect(307, "/a"),
		"do: [redirect: {to: /a}]":              faults.Redirect(307, "/a"),
		"do: [redirect: {to: /a, status: 308}]": faults.Redirect(308, "/a"),
	} {
		rules, err := config.Rules([]byte(text))
		require.NoError(t, err, text)
		assert.Equal(t, []faults.Effect{want}, rules[0].Effects, text)
	}
}

// What is read can be written, and read again as the same.
func FuzzRules(f *testing.F) {
	for _, test := range broken {
		if len(test.text) < 1000 {
			f.Add(test.text)
		}
	}
	for _, fault := range known.All() {
		text, err := json.Marshal(fault.Rules())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("- name: a\n  where: op=blob.get repo=lib/*\n  after: 1\n  do:\n  - delay: 2s\n  - status: {code: 503, retryAfter: 1s}\n")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := config.Rules([]byte(text))
		if err != nil {
			require.Nil(t, rules)
			require.True(t, strings.HasPrefix(err.Error(), "rules: "), err)
			return
		}
		for _, rule := range rules {
			require.NoError(t, rule.Check())
		}
		written, err := json.Marshal(rules)
		require.NoError(t, err)
		again, err := config.Rules(written)
		require.NoError(t, err, "%s", written)
		rewritten, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	})
}
