package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/internal/thorough"
)

// examined are the clients that are examined in each run of the tests, and adapted the others
// that "ocifake exam" knows. The document has the scorecards of all that were examined.
var (
	examined = []string{"crane", "oras", "regctl", "skopeo"}
	adapted  = []string{"podman", "buildah", "docker", "ctr", "nerdctl", "helm", "cosign", "notation", "ko", "imgpkg"}
)

// examTime is how long an exam may take on a busy machine.
const examTime = 30 * time.Minute

// TestExam examines clients, and compares the verdicts with the scorecards in testdata:
// on the specification's duties of clients by default, and on everything with -thorough.
// None may be worse. With OCIFAKE_UPDATE=1 it writes the scorecards. With OCIFAKE_EXAMS=DIR it runs no
// exam, and reads DIR/CLIENT.json, which "ocifake exam --json" has written.
func TestExam(t *testing.T) {
	versions := installed(t)
	full := updating() || thorough.Enabled()
	for _, client := range slices.Concat(examined, adapted) {
		t.Run(client, func(t *testing.T) {
			if !full && slices.Contains(adapted, client) {
				t.Skip("see TestAdapters; all of it with -thorough")
			}
			version := requireVersion(t, versions, client)
			known := readScorecard(t, client)
			groups := "none,duties"
			if full {
				groups = ""
			}
			got := examine(t, client, groups)
			got.Version = version // programs that were built from source do not all know theirs
			switch {
			case updating():
				writeScorecard(t, client, got)
			case got.Version != known.Version && slices.Contains(debians, client):
				t.Logf("docs/clients.md is of version %s of %s; this is %s", known.Version, client, version)
			default:
				c := got.Compare(known)
				t.Log(c.Text())
				assert.Empty(t, c.Worse, "OCIFAKE_UPDATE=1 go test ./clients -run TestExam")
			}
		})
	}
	readDocument(t).write(t)
}

// TestAdapters checks that each client which "ocifake exam" knows works when nothing is wrong.
func TestAdapters(t *testing.T) {
	versions := installed(t)
	for _, client := range adapted {
		t.Run(client, func(t *testing.T) {
			requireVersion(t, versions, client)
			for _, r := range examine(t, client, "none").Trials {
				assert.Equal(t, exam.Verdict("passed"), r.Verdict, "%s: %s", r.ID(), r.Reason)
			}
		})
	}
}

// examine runs an exam of a client, of these groups or of all.
func examine(t *testing.T, client, groups string) *exam.Scorecard {
	t.Helper()
	if dir := os.Getenv("OCIFAKE_EXAMS"); dir != "" {
		return readExam(t, filepath.Join(dir, client+".json"))
	}
	ocifake, err := binary()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "exam.json")
	args := []string{"exam", "--client", client, "--json", file}
	if groups != "" {
		args = append(args, "--only", groups)
	}
	ctx, cancel := context.WithTimeout(t.Context(), examTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, ocifake, args...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(clientsDir(), "bin")+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run() // fails if the client has a fault
	require.FileExists(t, file, "%s: %v\n%s", cmd, err, &out)
	return readExam(t, file)
}

func readExam(t *testing.T, file string) *exam.Scorecard {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var card exam.Scorecard
	require.NoError(t, json.Unmarshal(text, &card))
	return &card
}

func scorecardFile(client string) string { return filepath.Join("testdata", "exam", client+".json") }

func readScorecard(t *testing.T, client string) *exam.Scorecard {
	t.Helper()
	if !fileExists(scorecardFile(client)) {
		return new(exam.Scorecard)
	}
	return readExam(t, scorecardFile(client))
}

// writeScorecard writes the verdicts of a scorecard that count, one a line. The rest differs
// each time.
func writeScorecard(t *testing.T, client string, card *exam.Scorecard) {
	t.Helper()
	card.Duration, card.Ocifake = 0, ""
	card.Trials = slices.DeleteFunc(card.Trials, func(r exam.TrialResult) bool { return r.Verdict == "not applicable" })
	for i := range card.Trials {
		r := &card.Trials[i]
		r.Duration, r.Reason, r.Journal, r.Output, r.Repeat = 0, "", "", "", ""
	}
	text, err := card.JSON()
	require.NoError(t, err)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, text))
	text = append(bytes.ReplaceAll(compact.Bytes(), []byte(`{"group"`), []byte("\n"+`{"group"`)), '\n')
	require.NoError(t, os.MkdirAll(filepath.Dir(scorecardFile(client)), 0o755))
	require.NoError(t, os.WriteFile(scorecardFile(client), text, 0o644))
}

const scorecardsIntro = `
## Scorecards

What [exams](guides/exam.md) say about clients: their grades, and what they do under each circumstance. A grade is from A, no fault, to F, fewer
than 70 % right; – means no grade. D is the best grade of a client that loses content or secrets. Shares are right trials of those that
were met. "Hung" means that a client did nothing for ten seconds, ten times as long as it takes when nothing is wrong, and three times its longest pause before. Under "run" is what the
clients do that do not move images: helm pushes and pulls a chart, cosign and notation sign an image and verify it, ko builds one, and imgpkg
pushes and pulls a bundle.

The exams were taken with several builds of ocifake. The traits and the sweep of skopeo are older than the rest of its row, and of ko there
are the duties only.

` + "```sh" + `
ocifake exam --client crane --html crane.html
` + "```" + `

`

// writeScorecards writes the grades, and tables of circumstances and clients: one of those that
// move images, and one of those that do something else with them.
func writeScorecards(b *strings.Builder, cards []*exam.Scorecard) {
	moves := func(card *exam.Scorecard) bool {
		return slices.ContainsFunc(card.Trials, func(r exam.TrialResult) bool { return r.Action == "push" })
	}
	tables := [][]*exam.Scorecard{nil, nil}
	for _, card := range cards {
		if moves(card) {
			tables[0] = append(tables[0], card)
		} else {
			tables[1] = append(tables[1], card)
		}
	}
	b.WriteString(scorecardsIntro)
	groups := []string{"duties", "faults", "profiles", "traits", "sweep"}
	actions := []string{"push", "pull", "list", "copy", "referrers", "run"}
	writeRow(b, slices.Concat([]string{"client", "version", "grade"}, groups, actions)...)
	writeRow(b, slices.Concat([]string{":--", ":--"}, slices.Repeat([]string{":-:"}, 1+len(groups)+len(actions)))...)
	for _, card := range cards {
		cells := []string{card.Client, card.Version, "**" + card.Grade("", "", "").String() + "**"}
		for _, group := range groups {
			cells = append(cells, gradeCell(card.Grade(group, "", "")))
		}
		for _, action := range actions {
			cells = append(cells, gradeCell(card.Grade("", "", action)))
		}
		writeRow(b, cells...)
	}
	for _, group := range []struct{ name, title, intro string }{
		{"duties", "Duties", "What the specification demands of clients. An empty cell means that no action of the client is concerned."},
		{"faults", "Known faults", "What clients do when a registry fails as one has failed before; [Known faults](reference/known-faults.md) describes each."},
		{"profiles", "Like real registries", "Registries that are like real ones, see [profiles](guides/profiles.md)."},
		{"traits", "Single traits", "One thing in which registries differ, alone. Only those are in the table on which a client has a fault."},
	} {
		fmt.Fprintf(b, "\n### %s\n\n%s\n", group.title, group.intro)
		for _, of := range tables {
			if len(of) > 0 {
				writeVerdicts(b, of, group.name)
			}
		}
	}
}

// writeVerdicts writes a table of the circumstances in a group.
func writeVerdicts(b *strings.Builder, cards []*exam.Scorecard, group string) {
	head := []string{""}
	for _, card := range cards {
		head = append(head, card.Client)
	}
	b.WriteString("\n")
	writeRow(b, head...)
	writeRow(b, slices.Repeat([]string{":--"}, len(head))...)
	for _, name := range circumstances(cards, group, group == "traits") {
		cells := []string{strings.ReplaceAll(name, "|", "\\|")}
		for _, card := range cards {
			cells = append(cells, verdictCell(card, group, name))
		}
		if strings.Join(cells[1:], "") == "" {
			continue // no client is concerned
		}
		writeRow(b, cells...)
	}
}

func gradeCell(g exam.Grade) string {
	if g.Right+g.Wrong == 0 {
		return "–"
	}
	return fmt.Sprintf("%s %d/%d", g, g.Right, g.Right+g.Wrong)
}

// circumstances returns the names in a group of all scorecards, or those on which a client
// has a fault.
func circumstances(cards []*exam.Scorecard, group string, onlyFaults bool) (names []string) {
	for _, card := range cards {
		for _, r := range card.Trials {
			if r.Group == group && !slices.Contains(names, r.Name) && (!onlyFaults || r.Verdict.Fault()) {
				names = append(names, r.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// verdictCell has the verdicts on a client under a circumstance, with their actions if they
// differ: "gave up (pull), passed (push)". Faults are bold.
func verdictCell(card *exam.Scorecard, group, name string) string {
	var verdicts []exam.Verdict
	actions := map[exam.Verdict][]string{}
	for _, r := range card.Trials {
		if r.Group == group && r.Name == name && r.Verdict != "not applicable" {
			if actions[r.Verdict] == nil {
				verdicts = append(verdicts, r.Verdict)
			}
			actions[r.Verdict] = append(actions[r.Verdict], r.Action)
		}
	}
	var parts []string
	for _, v := range verdicts {
		text := string(v)
		if v.Fault() {
			text = "**" + text + "**"
		}
		if len(verdicts) > 1 {
			text += " (" + strings.Join(actions[v], ", ") + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
