package spec

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var extractFrom = flag.String("extract", "", "print the sentences of this specification `FILE` (Markdown), in the form of testdata, and do nothing else")

// sentence is a sentence of a specification under one of its headings, without
// markup and line breaks.
type sentence struct {
	section string
	text    string
}

// binds reports whether the sentence has a key word of RFC 2119.
func (s sentence) binds() bool { return keyword.MatchString(s.text) }

var (
	keyword = regexp.MustCompile(`\b(MUST|SHOULD|MAY|SHALL|REQUIRED|RECOMMENDED|OPTIONAL)\b`)
	// describes finds further sentences that say what a registry does.
	describes = regexp.MustCompile(`\b(will|should|may|returns?|pullable|position of|If the response is|In this case)\b`)

	supMarkup  = regexp.MustCompile(`<sup>.*?</sup>`)
	linkMarkup = regexp.MustCompile(`\[([^][]*)\]\([^)]*\)`)
	listMarkup = regexp.MustCompile(`^\s*([0-9]+\.|-) `)
	notes      = regexp.MustCompile(`^(_Implementers note:_|\*Note\*?:)\s*`)
	// between finds what separates sentences; abbreviations do not end one.
	between = regexp.MustCompile("[.] +[A-Z`<]")
)

// extract returns the sentences of a specification that bind or describe.
func extract(markdown string) []sentence {
	var all []sentence
	var section, paragraph string
	end := func() {
		for _, text := range split(paragraph) {
			if s := (sentence{section, text}); s.binds() || describes.MatchString(text) {
				all = append(all, s)
			}
		}
		paragraph = ""
	}
	fenced := false
	for line := range strings.Lines(markdown) {
		line = strings.TrimRight(line, " \n")
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
			end()
		case fenced:
		case strings.HasPrefix(line, "|"):
			if row := tableRow(line); describedRow.MatchString(row) {
				all = append(all, sentence{section, row})
			}
		case strings.HasPrefix(line, "#"):
			end()
			section = strings.ReplaceAll(strings.TrimSpace(strings.TrimLeft(line, "#")), "_", "")
		case line == "" || strings.HasPrefix(line, "---"):
			end()
		case listMarkup.MatchString(line):
			end()
			paragraph = listMarkup.ReplaceAllString(line, "")
		default:
			paragraph += " " + strings.TrimSpace(line)
		}
	}
	end()
	return all
}

// describedRow finds the rows of tables that say what a registry does: endpoints and
// error codes.
var describedRow = regexp.MustCompile(`^(end|code)-`)

func tableRow(line string) string {
	var cells []string
	for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
		cells = append(cells, strings.Join(strings.Fields(cell), " "))
	}
	return strings.Join(cells, " | ")
}

func split(paragraph string) []string {
	text := linkMarkup.ReplaceAllString(supMarkup.ReplaceAllString(paragraph, ""), "$1")
	text = strings.NewReplacer("**", "", " .", ".", " ,", ",").Replace(strings.Join(strings.Fields(text), " "))
	text = notes.ReplaceAllString(text, "")
	var all []string
	for from := 0; ; {
		at := between.FindStringIndex(text[from:])
		if at == nil {
			return append(all, strings.TrimSpace(text))
		}
		cut := from + at[0] + 1
		if before := text[:cut]; strings.HasSuffix(before, "i.e.") || strings.HasSuffix(before, "e.g.") || strings.HasSuffix(before, "a.k.a.") {
			from = cut
			continue
		}
		all = append(all, strings.TrimSpace(text[:cut]))
		text, from = strings.TrimSpace(text[cut:]), 0
	}
}

// list writes sentences in the form of testdata: "## " before a section, then a
// sentence a line.
func list(all []sentence) string {
	var b strings.Builder
	section := ""
	for _, s := range all {
		if s.section == "Notational Conventions" {
			continue
		}
		if s.section != section {
			section = s.section
			fmt.Fprintf(&b, "\n## %s\n\n", section)
		}
		fmt.Fprintln(&b, s.text)
	}
	return b.String()
}

// readList reads what list has written; lines that begin with "# " are comments.
func readList(t *testing.T, path string) []sentence {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var all []sentence
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "# "):
		case strings.HasPrefix(line, "## "):
			section = strings.TrimPrefix(line, "## ")
		default:
			all = append(all, sentence{section, line})
		}
	}
	require.NotEmpty(t, all)
	return all
}

func TestExtract(t *testing.T) {
	if *extractFrom != "" {
		text, err := os.ReadFile(*extractFrom)
		require.NoError(t, err)
		fmt.Print(list(extract(string(text))))
		return
	}
	const markdown = "## Pulling\n\nThe `<name>` MUST be [short](#short) <sup>[end-1](#e)</sup>.\nThis is (i.e. `x`) text. It MAY\nend.\n" +
		"\n```\nMUST be ignored\n```\n\n| MUST | too |\n\n### Lists\n\n1. A registry SHOULD:\n1. **not** MAY\n   A GET will return.\n"
	assert.Equal(t, []sentence{
		{"Pulling", "The `<name>` MUST be short."},
		{"Pulling", "It MAY end."},
		{"Lists", "A registry SHOULD:"},
		{"Lists", "not MAY A GET will return."},
	}, extract(markdown))
}
