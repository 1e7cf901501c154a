package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/yamltext"
)

// publicReport is a report of faults/known/testdata/reports, as far as the page shows it.
type publicReport struct {
	ID      string
	Sources []string
	Clients []string
	What    string
	Wrong   string
	Correct string
	Known   []string
	Rules   string
	Needs   []string
	Auth    string
	Flags   string
	Cannot  string
	Note    string
}

// reportGroup is a file of reports.
type reportGroup struct {
	title   string
	reports []publicReport
}

const knownFolder = "../../faults/known"

func reportGroups(t *testing.T) (groups []reportGroup) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(knownFolder, "testdata/reports/*.yaml"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		title, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# "), ".\n")
		group := reportGroup{title: title}
		require.NoError(t, yaml.Unmarshal(text, &group.reports))
		groups = append(groups, group)
	}
	require.NotEmpty(t, groups)
	return groups
}

// goSource has the source of what is in the tables of the tests of package known, by the name of the
// table and the key.
type goSource map[string]map[string][]string

func readGoSource(t *testing.T) goSource {
	t.Helper()
	all := goSource{}
	for _, name := range []string{"ingo_test.go", "optionsingo_test.go"} {
		text, err := os.ReadFile(filepath.Join(knownFolder, name))
		require.NoError(t, err)
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		source := func(n ast.Node) string {
			return string(text[files.Position(n.Pos()).Offset:files.Position(n.End()).Offset])
		}
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			table := map[string][]string{}
			for _, row := range v.Values[0].(*ast.CompositeLit).Elts {
				row := row.(*ast.KeyValueExpr)
				value := row.Value.(*ast.CompositeLit)
				key := strings.Trim(source(row.Key), `"`)
				table[key] = []string{source(value)}
				if v.Names[0].Name == "rulesInGo" {
					table[key] = nil
					for _, rule := range value.Elts {
						table[key] = append(table[key], source(rule))
					}
				}
			}
			all[v.Names[0].Name] = table
			return false
		})
	}
	return all
}

// options returns the options of a report in Go.
func (s goSource) options(id string) (lines []string) {
	for _, o := range []struct{ table, before, after string }{
		{"authInGo", "registrytest.WithAuth(auth.Options", ")"},
		{"registryInGo", "registrytest.WithOptions(registry.Options", ")"},
		{"limitsInGo", "registrytest.WithHTTPLimits(registrytest.HTTPLimits", ")"},
	} {
		for _, literal := range s[o.table][id] {
			lines = append(lines, o.before+literal+o.after)
		}
	}
	return lines
}

// needs says what rules need of the registry.
var needs = map[string]string{
	"tokens":           "token authentication",
	"passwords":        "passwords (Basic)",
	"tls":              "TLS",
	"http2":            "HTTP/2",
	"tokens elsewhere": "a second registry with token authentication",
}

var (
	triedRow    = regexp.MustCompile(`^\t\t\{"([a-z0-9-]+)", (\w+), `)
	triedClient = regexp.MustCompile(`^\t\t\t"([a-z-]+)": +"(\w+)`)
	triedDeed   = regexp.MustCompile(`(?m)^\s(\w+) += deed\{"([^"]+)"`)
)

// libraries are the clients that e2e tries, without the correct ones that it has itself.
var libraries = map[string]string{"ggcr": "go-containerregistry", "oras-go": "oras-go", "regclient": "regclient", "containerd": "containerd"}

// outcomes says in which order and words the page has the ways in which e2e sees clients end.
var outcomes = []struct{ kind, words string }{
	{"recovers", "succeeds"}, {"fails", "fails"}, {"fooled", "has a wrong result without an error"},
	{"hangs", "never ends"}, {"loops", "sends requests forever"}, {"leaks", "sends credentials to another host"},
}

// readTried returns list items that say how libraries end under each known fault, as the tables of e2e
// have it.
func readTried(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../../e2e/known_*_test.go")
	require.NoError(t, err)
	deeds := map[string]string{}
	tried := map[string][]string{}
	var texts []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		texts = append(texts, string(text))
		for _, m := range triedDeed.FindAllStringSubmatch(string(text), -1) {
			deeds[m[1]] = m[2]
		}
	}
	for _, text := range texts {
		var fault, deed string
		ends := map[string][]string{}
		for _, line := range strings.Split(text, "\n") {
			if m := triedRow.FindStringSubmatch(line); m != nil {
				fault, deed = m[1], deeds[m[2]]
				require.NotEmpty(t, deed, line)
				clear(ends)
			} else if m := triedClient.FindStringSubmatch(line); m != nil && libraries[m[1]] != "" {
				ends[m[2]] = append(ends[m[2]], libraries[m[1]])
			} else if line == "\t\t}}," && fault != "" {
				if len(ends) > 0 {
					tried[fault] = append(tried[fault], "- In a test ("+deed+"): "+triedEnds(t, ends)+"\n")
				}
				fault = ""
			}
		}
	}
	return tried
}

func triedEnds(t *testing.T, ends map[string][]string) string {
	t.Helper()
	var parts []string
	for _, o := range outcomes {
		if len(ends[o.kind]) > 0 {
			parts = append(parts, o.words+" with "+strings.Join(ends[o.kind], ", "))
			delete(ends, o.kind)
		}
	}
	require.Empty(t, ends)
	return strings.Join(parts, "; ")
}

func faultsPage(t *testing.T) string {
	groups, source, tried := reportGroups(t), readGoSource(t), readTried(t)
	var contents, body strings.Builder
	shown := 0
	for _, g := range groups {
		fmt.Fprintf(&contents, "- [%s](#%s)\n", g.title, anchorOf(g.title))
		fmt.Fprintf(&body, "\n## %s\n", g.title)
		for _, r := range g.reports {
			for _, name := range r.Known {
				f, err := known.Find(name)
				require.NoError(t, err)
				shown++
				fmt.Fprintf(&contents, "  - [%s](#%s)\n", upperFirst(f.What), f.Name)
				writeKnown(t, &body, f, source, tried[f.Name])
			}
			if len(r.Known) == 0 {
				shown++
				heading := r.ID + ": " + strings.Join(r.Clients, ", ")
				fmt.Fprintf(&contents, "  - [%s](#%s)\n", upperFirst(r.What), anchorOf(heading))
				fmt.Fprintf(&body, "\n### %s\n", heading)
				writeReport(t, &body, r, source)
			}
		}
	}
	return fmt.Sprintf(`# Faults that clients met

These are %d faults of real registries, and of the proxies in front of them: the public reports, the clients that met them, what a correct client
does, and rules that reproduce them. Search this page for a status, an error code, a registry or a client.

An entry with a name is a [known fault](reference/known-faults.md), which needs no rules: `+"`known.Find(\"reset-mid-blob\")`"+` in Go, or
`+"`--faults known:reset-mid-blob`"+`. An entry with a number has rules to copy: YAML for `+"`--faults`, `ocifake faults add`"+` and
`+"`config.Rules`, Go for `reg.Inject`"+`. If an option of the registry has the same effect, the entry has the option in place of rules.
[Faults](guides/faults.md) is the guide, and [fault rules in YAML](reference/rules.md) is the reference.

The rules suit the small images of tests: bodies are cut after 100 bytes, and limits are small. "Difference" says in what a rule differs from the
report. "In a test" says what a library does under a known fault in the tests of this module.

`, shown) + contents.String() + body.String()
}

func writeKnown(t *testing.T, b *strings.Builder, f known.Fault, source goSource, tried []string) {
	fmt.Fprintf(b, "\n### %s\n\n%s.\n\n- A correct client %s. %s\n- Seen with: %s\n%s- Sources: %s\n\n```yaml rules\n%s```\n\n",
		f.Name, upperFirst(f.What), f.Correct, outcome(f), strings.Join(f.Clients, ", "), strings.Join(tried, ""), links(f.Citations), flowRules(t, f))
	require.NotEmpty(t, source["rulesInGo"][f.Name], f.Name)
	writeGo(b, source["rulesInGo"][f.Name])
}

func writeReport(t *testing.T, b *strings.Builder, r publicReport, source goSource) {
	fmt.Fprintf(b, "\n%s.\n\n", upperFirst(r.What))
	if r.Wrong != "" {
		fmt.Fprintf(b, "- What went wrong: the client %s.\n", r.Wrong)
	}
	fmt.Fprintf(b, "- A correct client %s.\n- Sources: %s\n", r.Correct, links(r.Sources))
	var around []string
	for _, need := range r.Needs {
		require.NotEmpty(t, needs[need], need)
		around = append(around, needs[need])
	}
	for _, line := range []struct{ label, text string }{
		{"Needs", strings.Join(around, ", ")}, {"Difference", r.Note}, {"No rule", r.Cannot},
	} {
		if line.text != "" {
			fmt.Fprintf(b, "- %s: %s.\n", line.label, line.text)
		}
	}
	for _, block := range []struct{ kind, text string }{{"auth", r.Auth}, {"settings", r.Flags}, {"rules", r.Rules}} {
		if block.text != "" {
			fmt.Fprintf(b, "\n```yaml %s\n%s```\n", block.kind, block.text)
		}
	}
	lines := slices.Concat(source.options(r.ID), source["rulesInGo"][r.ID])
	require.Equal(t, r.Cannot == "", len(lines) > 0, r.ID)
	if len(lines) > 0 {
		b.WriteString("\n")
		writeGo(b, lines)
	}
}

func writeGo(b *strings.Builder, lines []string) {
	b.WriteString("```go rule\n" + strings.Join(lines, "\n") + "\n```\n")
}

// flowRules returns the rules of a known fault without the names of the fault in them: one that has
// at most three fields in as many lines, others in a line each.
func flowRules(t *testing.T, f known.Fault) string {
	t.Helper()
	rules := f.Rules()
	for i := range rules {
		rules[i].Name, rules[i].Known = "", ""
	}
	text, err := yamltext.Marshal(rules)
	require.NoError(t, err)
	var list yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &list))
	list.HeadComment = ""
	for _, rule := range list.Content[0].Content {
		nodes := []*yaml.Node{rule}
		if len(list.Content[0].Content) == 1 && len(rule.Content) <= 2*3 {
			nodes = rule.Content
		}
		for _, n := range nodes {
			inFlow(n)
		}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	require.NoError(t, encoder.Encode(&list))
	return out.String()
}

// inFlow writes a node in one line.
func inFlow(n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		n.Style = yaml.FlowStyle
	case yaml.ScalarNode:
		if strings.Contains(n.Value, "\n") {
			n.Style = yaml.DoubleQuotedStyle
		}
	}
	for _, child := range n.Content {
		inFlow(child)
	}
}
