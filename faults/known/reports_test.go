package known_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/yamltext"
)

// report is a report of a client that met a fault, or several of the same fault. The files
// of testdata/reports have them, grouped by what a reader of the documentation looks for.
// A report has known faults, rules, options of the registry, or the reason why it has
// none of them.
type report struct {
	ID      string   `json:"id"`      // F1 to F72: catalogue of faults; C: reports of clients; G: further reports; K: known faults without a number
	Sources []string `json:"sources"` // "owner/repository#number", or a URL; those of the known faults besides
	Clients []string `json:"clients"` // clients that met it
	What    string   `json:"what"`    // what happens on the wire
	Wrong   string   `json:"wrong"`   // what the clients did
	Correct string   `json:"correct"` // what a correct client does
	Known   []string `json:"known"`   // known faults that show it
	Rules   string   `json:"rules"`   // fault rules in YAML, at most three lines
	Needs   []string `json:"needs"`   // what the registry has besides its content, see surroundings
	Auth    string   `json:"auth"`    // authentication options in YAML
	Flags   string   `json:"flags"`   // settings of ocifake serve in YAML
	Cannot  string   `json:"cannot"`  // why there are no rules
	Note    string   `json:"note"`    // how the rules differ from the report
	Wire    []step   `json:"wire"`    // requests that show it, or its first known fault

	Also map[string][]step `json:"also"` // requests that show the other known faults
}

// maxLines is the number of lines in which a rule says a report: filter, effect, count.
const maxLines = 3

// readReports returns the reports of all files.
func readReports(t *testing.T) (all []report) {
	t.Helper()
	files, err := filepath.Glob("testdata/reports/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var reports []report
		require.NoError(t, yamltext.Decode(text, &reports), file)
		all = append(all, reports...)
	}
	return all
}

// reportRules returns the rules of a report: its own, or those of its first known fault.
func reportRules(t *testing.T, r report) []faults.Rule {
	t.Helper()
	if len(r.Known) > 0 {
		f, err := known.Find(r.Known[0])
		require.NoError(t, err)
		return f.Rules()
	}
	rules, err := conf.Rules([]byte(r.Rules))
	require.NoError(t, err)
	return rules
}

// knownRules returns the rules of a known fault without the names that Fault.Rules gives them.
func knownRules(t *testing.T, name string) []faults.Rule {
	t.Helper()
	f, err := known.Find(name)
	require.NoError(t, err)
	rules := f.Rules()
	for i := range rules {
		rules[i].Name, rules[i].Known = "", ""
	}
	return rules
}

func TestReports(t *testing.T) {
	number := regexp.MustCompile(`^[CFGK][1-9]\d*[a-z]?$`)
	citation := regexp.MustCompile(`^([\w.-]+/[\w.-]+#[1-9]\d*|https://\S+)$`)
	seen := map[string]bool{}
	for _, r := range readReports(t) {
		t.Run(r.ID, func(t *testing.T) {
			assert.Regexp(t, number, r.ID)
			assert.False(t, seen[r.ID], "there are two")
			seen[r.ID] = true
			options := r.Auth + r.Flags
			ways := 0
			for _, given := range []bool{len(r.Known) > 0, r.Rules != "" || options != "", r.Cannot != ""} {
				if given {
					ways++
				}
			}
			assert.Equal(t, 1, ways, "known faults, rules or options, or why there are none")
			assert.Equal(t, r.Cannot == "", len(r.Wire) > 0, "requests show what the report says")
			for _, name := range r.Known[min(1, len(r.Known)):] {
				assert.NotEmpty(t, r.Also[name], name)
			}
			for _, c := range r.Sources {
				assert.Regexp(t, citation, c)
			}
			if len(r.Known) == 0 {
				assert.NotEmpty(t, r.Sources)
				assert.NotEmpty(t, r.Clients)
				assert.NotEmpty(t, r.What)
				assert.NotEmpty(t, r.Correct)
			}
			for _, text := range []string{r.What, r.Wrong, r.Correct, r.Cannot, r.Note} {
				assert.False(t, strings.HasSuffix(text, "."), "%q is no sentence", text)
			}
			assert.LessOrEqual(t, len(strings.Split(strings.TrimSpace(r.Rules+options), "\n")), maxLines)
		})
	}
}

// TestReportsInGo compares the rules in YAML with those in Go.
func TestReportsInGo(t *testing.T) {
	used := map[string]bool{}
	compare := func(t *testing.T, name string, rules []faults.Rule) {
		used[name] = true
		inGo := rulesInGo[name]
		assert.LessOrEqual(t, len(inGo), maxLines)
		assert.Equal(t, normal(t, rules), normal(t, inGo))
	}
	for _, f := range known.All() {
		t.Run(f.Name, func(t *testing.T) { compare(t, f.Name, knownRules(t, f.Name)) })
	}
	for _, r := range readReports(t) {
		if r.Rules != "" {
			t.Run(r.ID, func(t *testing.T) { compare(t, r.ID, reportRules(t, r)) })
		}
	}
	for name := range rulesInGo {
		assert.True(t, used[name], "nothing has the rules of %s", name)
	}
}

// normal returns rules as JSON whose names of header fields are in canonical form, as Answer.Header has
// them.
func normal(t *testing.T, rules []faults.Rule) any {
	t.Helper()
	text, err := json.Marshal(rules)
	require.NoError(t, err)
	var all any
	require.NoError(t, json.Unmarshal(text, &all))
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, child := range v {
				visit(child)
			}
		case map[string]any:
			if header, ok := v["header"].(map[string]any); ok {
				canonical := map[string]any{}
				for name, values := range header {
					canonical[http.CanonicalHeaderKey(name)] = values
				}
				v["header"] = canonical
			}
			for _, child := range v {
				visit(child)
			}
		}
	}
	visit(all)
	return all
}

// catalogued are the numbers of the catalogue of faults, and of the reports by clients.
var catalogued = map[byte]int{'F': 72, 'C': 45}

// TestReportsAreComplete wants every number of the catalogues, every known fault once, and
// many further reports.
func TestReportsAreComplete(t *testing.T) {
	have := map[string]bool{}
	further := 0
	shown := map[string]int{}
	for _, r := range readReports(t) {
		have[strings.TrimRight(r.ID, "abcdefgh")] = true
		if r.ID[0] == 'G' && r.Cannot == "" {
			further++
		}
		for _, name := range r.Known {
			shown[name]++
		}
	}
	for letter, last := range catalogued {
		for n := 1; n <= last; n++ {
			assert.True(t, have[fmt.Sprintf("%c%d", letter, n)], "nothing shows %c%d", letter, n)
		}
	}
	assert.GreaterOrEqual(t, further, 20)
	for _, f := range known.All() {
		assert.Equal(t, 1, shown[f.Name], "%s is in one place of the documentation", f.Name)
		delete(shown, f.Name)
	}
	assert.Empty(t, slices.Collect(maps.Keys(shown)), "there are no such known faults")
}
