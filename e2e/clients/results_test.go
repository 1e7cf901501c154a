package clients

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/profiles"
)

// document is what docs/clients.md says, kept in a file of its own: so a test of one
// client leaves the others as they are.
type document struct {
	Clients  table[row]      `json:"clients"`
	Faults   table[suffered] `json:"faults"`
	Profiles table[treated]  `json:"profiles"`
}

// table has what was measured of each client.
type table[R measured] map[string]R

// measured is something that was measured of a version of a client.
type measured interface{ version() string }

// row is what a client can do.
type row struct {
	Version  string            `json:"version"`
	Steps    map[string]string `json:"steps"`
	Variants map[string]string `json:"variants"`
	Lint     judgement         `json:"lint"`
}

// suffered is what a client does when something fails.
type suffered struct {
	Version string          `json:"version"`
	Faults  map[string]fate `json:"faults"`
}

type fate struct {
	Did     string `json:"did"`
	Answers string `json:"answers"` // to the requests for what the fault hit
}

func (r row) version() string      { return r.Version }
func (s suffered) version() string { return s.Version }

const (
	resultsFile  = "testdata/results.json"
	documentFile = "../../docs/clients.md"
)

// updating reports whether files are to be written rather than compared.
func updating() bool { return os.Getenv("OCIFAKE_UPDATE") == "1" }

func readDocument(t *testing.T) *document {
	t.Helper()
	d := &document{Clients: table[row]{}, Faults: table[suffered]{}, Profiles: table[treated]{}}
	text, err := os.ReadFile(resultsFile)
	if os.IsNotExist(err) && updating() {
		return d
	}
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(d))
	return d
}

// judge compares what was measured with what the document says. Another version of
// the client may do something else, if it is Debian's to choose.
func (m table[R]) judge(t *testing.T, client string, got R) {
	t.Helper()
	if updating() {
		if !t.Failed() {
			m[client] = got
		}
		return
	}
	want, known := m[client]
	require.True(t, known, "docs/clients.md has nothing of %s: OCIFAKE_UPDATE=1 go test ./clients", client)
	if got.version() != want.version() && slices.Contains(debians, client) {
		t.Logf("docs/clients.md is of version %s of %s; this is %s: %+v", want.version(), client, got.version(), got)
		return
	}
	assert.Equal(t, want, got, "docs/clients.md says something else: OCIFAKE_UPDATE=1 go test ./clients")
}

func (d *document) write(t *testing.T) {
	t.Helper()
	if !updating() {
		return
	}
	text, err := json.MarshalIndent(d, "", "\t")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(resultsFile, append(text, '\n'), 0o644))
	require.NoError(t, os.WriteFile(documentFile, []byte(d.markdown(t)), 0o644))
}

func TestDocument(t *testing.T) {
	d := readDocument(t)
	text, err := os.ReadFile(documentFile)
	require.NoError(t, err)
	require.Equal(t, d.markdown(t), string(text), "OCIFAKE_UPDATE=1 go test ./clients")
	for _, name := range clients {
		assert.Contains(t, d.Clients, name)
	}
	for _, s := range suffering {
		assert.Contains(t, d.Faults, s.client)
	}
}

const (
	intro = `# Clients

What the command-line clients of the field do with the ocifake binary. Tests of ` + "`e2e/clients`" + ` run a script for each of them inside
` + "`ocifake run`" + `, compare digests and content after each step, and generate this file. crane, oras, regctl and helm always run, the others
where they are installed:

` + "```sh" + `
bash e2e/clients/install.sh docker podman                  # with apt-get, or built from the Go module proxy
(cd e2e && go test ./clients)                              # all that are there
ocifake run --tls -- bash e2e/clients/docker.sh push pull  # steps of one
` + "```" + `

## Steps

– means that the client has no command for it, ? that it has one which no test has run yet. ctr is Debian's, with its containerd, and ctr2 the newest.

`
	variantsIntro = `
## Basic, Bearer, TLS

All steps again, with a registry that asks for passwords, one that asks for tokens, and one that speaks TLS, whose authority clients
know from SSL_CERT_FILE alone.

`
	profilesIntro = `
## Profiles

What clients can do with a registry that is like a real one, see [profiles](guides/profiles.md): push an image, list the tags, pull it, delete
it. ok means all of it; otherwise the cell has the steps that failed, with the client's words below.

`
	lintIntro = `
## Rules

What [lint](guides/lint.md) finds in the requests of all steps, with each of these registries; – means nothing, ? that no test has judged
the client yet. Rules on waste are not in the table: they depend on how requests meet.

`
	faultsIntro = `
## Faults

What clients do when something fails, with the rules in ` + "`e2e/clients/faults`" + `. The answers are those to the requests for what was hit first:
the blob, the upload.

`
)

func (d *document) markdown(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(intro)
	var notes footnotes
	writeRow(&b, append([]string{"client", "version"}, steps...)...)
	writeRow(&b, append([]string{":--", ":--"}, strings.Fields(strings.Repeat(":-: ", len(steps)))...)...)
	for _, name := range clients {
		cells := []string{name, d.Clients[name].Version}
		for _, step := range steps {
			cells = append(cells, notes.cell(d.Clients[name].Steps[step]))
		}
		writeRow(&b, cells...)
	}
	notes.write(&b)

	b.WriteString(variantsIntro)
	writeRow(&b, "client", "Basic", "Bearer", "TLS")
	writeRow(&b, ":--", ":-:", ":-:", ":-:")
	for _, name := range clients {
		of := d.Clients[name].Variants
		writeRow(&b, name, notes.cell(of["Basic"]), notes.cell(of["Bearer"]), notes.cell(of["TLS"]))
	}
	notes.write(&b)

	b.WriteString(lintIntro)
	writeRow(&b, "client", "version", "must", "portability", "should")
	writeRow(&b, ":--", ":--", ":--", ":--", ":--")
	for _, name := range clients {
		cells := []string{name, d.Clients[name].Version}
		for _, severity := range []lint.Severity{lint.Must, lint.Portability, lint.Should} {
			cells = append(cells, ruleLinks(d.Clients[name].Lint, severity.String()))
		}
		writeRow(&b, cells...)
	}

	var cards []*exam.Scorecard
	for _, client := range slices.Concat(examined, adapted) {
		if card := readScorecard(t, client); len(card.Trials) > 0 {
			cards = append(cards, card)
		}
	}
	writeScorecards(&b, cards)

	b.WriteString(profilesIntro)
	d.writeProfiles(&b)

	b.WriteString(faultsIntro)
	writeRow(&b, "fault", "client", "what it does", "answers")
	writeRow(&b, ":--", ":--", ":--", ":--")
	for _, s := range scenarios {
		for i, of := range suffering {
			fault := s.what
			if i > 0 {
				fault = ""
			}
			was := d.Faults[of.client]
			writeRow(&b, fault, of.client+" "+was.Version, was.Faults[s.name].Did, was.Faults[s.name].Answers)
		}
	}
	return b.String()
}

// ruleLinks returns the rules of a severity with links to the reference.
func ruleLinks(j judgement, severity string) string {
	if j == nil {
		return "?"
	}
	var links []string
	for _, id := range j[severity] {
		links = append(links, fmt.Sprintf("[%s](reference/lint.md#%s)", id, strings.ReplaceAll(id, ".", "")))
	}
	return cmp.Or(strings.Join(links, ", "), "–")
}

// writeProfiles writes the table of profiles and clients.
func (d *document) writeProfiles(b *strings.Builder) {
	head, line := []string{"profile"}, []string{":--"}
	for _, c := range commandLines {
		head, line = append(head, c.client+" "+d.Profiles[c.client].Version), append(line, ":--")
	}
	writeRow(b, head...)
	writeRow(b, line...)
	var words []string
	for _, name := range profiles.Names() {
		cells := []string{name}
		for _, c := range commandLines {
			failed, tried := d.Profiles[c.client].Profiles[name]
			cell := "ok"
			if !tried {
				cell = "?"
			} else if len(failed) > 0 {
				cell = strings.Join(slices.Sorted(maps.Keys(failed)), ", ")
			}
			for _, step := range slices.Sorted(maps.Keys(failed)) {
				words = append(words, fmt.Sprintf("- %s, %s %s: %s\n", name, c.client, step, quoted(failed[step])))
			}
			cells = append(cells, cell)
		}
		writeRow(b, cells...)
	}
	if len(words) > 0 {
		fmt.Fprintf(b, "\n%s", strings.Join(words, ""))
	}
}

func writeRow(b *strings.Builder, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// footnotes are what is to be said of the cells of a table.
type footnotes struct {
	written int
	texts   []string // of the table that is being written
}

// cell shows a result, with the number of a footnote if there is more to say.
func (f *footnotes) cell(result string) string {
	kind, text, _ := strings.Cut(result, ": ")
	switch kind {
	case none:
		kind = "–"
	case notRun:
		kind = "?"
	}
	if text == "" || text == "no such command" {
		return kind
	}
	at := slices.Index(f.texts, text)
	if at < 0 {
		at = len(f.texts)
		f.texts = append(f.texts, text)
	}
	return fmt.Sprintf("%s <sup>%d</sup>", kind, f.written+at+1)
}

// write writes those of the table that has just ended.
func (f *footnotes) write(b *strings.Builder) {
	if len(f.texts) > 0 {
		b.WriteString("\n")
	}
	for _, text := range f.texts {
		f.written++
		fmt.Fprintf(b, "%d. %s\n", f.written, text)
	}
	f.texts = nil
}
