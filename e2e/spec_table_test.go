package e2e

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/e2e/internal/zot"
	"github.com/ocifake/ocifake/spec"
)

// races is the outcome of a statement whose outcome depends on which request is first.
const races spec.Outcome = "races"

// unknown is the outcome of a statement that was not checked when a registry was there.
const unknown spec.Outcome = "unknown"

// TestSpecPeers holds the specification against ocifake and against other registries.
// It compares what comes of it with testdata/spec/peers.md, which OCIFAKE_UPDATE=1
// writes anew, and each failure with its verdict in testdata/spec/verdicts.yaml. Where zot is not
// there, its column is what is kept in testdata/spec/zot.yaml.
func TestSpecPeers(t *testing.T) {
	judged := readVerdicts(t)
	outcomes := map[string]map[string]spec.Outcome{} // by peer and statement
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			if raceDetector && p.raced != "" {
				t.Skip(p.raced)
			}
			if p.kept != "" && os.Getenv(zot.Variable) == "" {
				k := readKept(t, p.kept)
				judged.checkKept(t, p.name, k.Outcomes)
				outcomes[p.name] = k.Outcomes
				t.Skipf("%s is unset: %s was not asked; its column is of %s and of %s", zot.Variable, p.name, k.Version, k.Date)
			}
			results, err := spec.Run(t.Context(), p.start(t))
			require.NoError(t, err)
			judged.check(t, p.name, results)
			outcomes[p.name] = map[string]spec.Outcome{}
			for _, r := range results {
				outcomes[p.name][r.Statement.ID] = judged.settled(p.name, r)
			}
			if p.kept != "" {
				requireKept(t, p.kept, outcomes[p.name])
			}
		})
	}
	if len(outcomes) < len(peers) {
		return // not all were asked
	}
	summary := summarizePeers(outcomes)
	t.Log("passed / failed / unsupported\n" + summary)
	requireSweep(t, filepath.Join("testdata", "spec", "peers.md"), "passed / failed / unsupported\n\n"+summary+"\n"+comparePeers(outcomes))
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(string(readme), "\r\n", "\n"), summary, "README.md has another table")
}

// kinds are the rows of the summary. What goes beyond the specification is no
// failure to keep to it.
var kinds = []struct {
	name string
	has  func(spec.Statement) bool
}{
	{"MUST", written(spec.Must)},
	{"SHOULD", written(spec.Should)},
	{"MAY", written(spec.May)},
	{"beyond the specification", func(s spec.Statement) bool { return s.Source == spec.Ours }},
}

func written(level spec.Level) func(spec.Statement) bool {
	return func(s spec.Statement) bool { return s.Level == level && s.Source != spec.Ours }
}

// header begins a table with a column for each peer.
func header(b *strings.Builder, columns ...string) {
	for _, p := range peers {
		columns = append(columns, p.name)
	}
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

// summarizePeers counts outcomes; what does not apply or races is left out.
func summarizePeers(outcomes map[string]map[string]spec.Outcome) string {
	var b strings.Builder
	header(&b, "")
	for _, kind := range kinds {
		b.WriteString("| " + kind.name)
		for _, p := range peers {
			counts := map[spec.Outcome]int{}
			for _, s := range spec.Statements() {
				if kind.has(s) {
					counts[outcomes[p.name][s.ID]]++
				}
			}
			fmt.Fprintf(&b, " | %d / %d / %d", counts[spec.Passed], counts[spec.Failed], counts[spec.Unsupported])
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// comparePeers shows each statement that not all peers pass. An empty cell is a pass.
func comparePeers(outcomes map[string]map[string]spec.Outcome) string {
	var b strings.Builder
	header(&b, "", "Statement", "Source")
	for _, s := range spec.Statements() {
		cells, all := "", true
		for _, p := range peers {
			outcome := cmp.Or(outcomes[p.name][s.ID], unknown)
			all = all && outcome == spec.Passed
			switch outcome {
			case spec.Passed:
				outcome = ""
			case spec.Failed:
				outcome = "**fail**"
			}
			cells += fmt.Sprintf(" | %s", outcome)
		}
		if s.Checked() && !all {
			fmt.Fprintf(&b, "| %s | `%s` | %s%s |\n", s.Level, s.ID, s.Citation(), cells)
		}
	}
	return b.String()
}
