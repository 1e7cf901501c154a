package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/internal/yamltext"
)

// block is a fenced block of a page.
type block struct {
	page     string // from the root of the module
	line     int
	language string
	kind     string // the second word behind the fence
	text     string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// docs is the folder of the documentation.
const docs = "../../docs"

// pages returns README.md and the pages of the documentation.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"}
	require.NoError(t, filepath.WalkDir(docs, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			all = append(all, "docs"+filepath.ToSlash(strings.TrimPrefix(path, docs)))
		}
		return err
	}))
	return all
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", page))
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)(?: (\\w+))?\n(.*?)^```$")

// blocks returns the fenced blocks of a language of all pages.
func blocks(t *testing.T, language string) (all []block) {
	t.Helper()
	for _, page := range pages(t) {
		text := readPage(t, page)
		for _, m := range fence.FindAllStringSubmatchIndex(text, -1) {
			b := block{page: page, line: 1 + strings.Count(text[:m[0]], "\n"), language: text[m[2]:m[3]], text: text[m[6]:m[7]]}
			if m[4] >= 0 {
				b.kind = text[m[4]:m[5]]
			}
			if b.language == language {
				all = append(all, b)
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

// TestPagesCommands parses the shell code of the documentation, and the command lines of
// ocifake in it.
func TestPagesCommands(t *testing.T) {
	all := blocks(t, "sh")
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("ocifake.yaml", []byte("page-size: 5\n"), 0o600))
	require.NoError(t, os.WriteFile("conformance.txt", []byte("# nothing fails\n"), 0o600))
	require.NoError(t, os.WriteFile("exam.json", []byte(`{"scorecard": 1, "client": "", "ocifake": "", "seed": "0", "duration": "1s", "trials": []}`), 0o600))
	command := regexp.MustCompile(`(?m)^(?:go run \./cmd/)?ocifake (.*)$`)
	var (
		lines []string // command lines, without the name of the program
		of    []block  // the block of each
	)
	for _, b := range all {
		out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", b.text).CombinedOutput()
		assert.NoError(t, err, "%s: %s", b, out)
		for _, line := range command.FindAllStringSubmatch(strings.ReplaceAll(b.text, "\\\n", " "), -1) {
			lines, of = append(lines, line[1]), append(of, b)
		}
	}
	require.NotEmpty(t, lines)
	for i, words := range shellWords(t, lines) {
		cmd, args, err := newRoot().Find(words)
		require.NoError(t, err, "%s: %s", of[i], lines[i])
		cmd.SetContext(t.Context())
		if assert.NoError(t, cmd.ParseFlags(args), "%s: %s", of[i], lines[i]) && cmd.PreRunE != nil {
			assert.NoError(t, cmd.PreRunE(cmd, cmd.Flags().Args()), "%s: %s", of[i], lines[i])
		}
	}
}

// shellWords are the words that a shell makes of each line, up to its first pipe.
func shellWords(t *testing.T, lines []string) (words [][]string) {
	t.Helper()
	var script strings.Builder
	for _, line := range lines {
		line, _, _ = strings.Cut(strings.TrimSuffix(line, " &"), " | ")
		fmt.Fprintf(&script, "printf '%%s\\0' %s\nprintf '\\001'\n", line)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-ec", script.String()).Output()
	require.NoError(t, err)
	for text := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x01"), "\x01") {
		words = append(words, strings.Split(strings.TrimSuffix(text, "\x00"), "\x00"))
	}
	require.Len(t, words, len(lines))
	return words
}

// TestPagesYAML reads the YAML of the documentation as that which it is.
func TestPagesYAML(t *testing.T) {
	readers := map[string]func([]byte) error{
		"":         func(text []byte) error { return yaml.Unmarshal(text, new(any)) },
		"rules":    func(text []byte) error { _, err := config.Rules(text); return err },
		"auth":     func(text []byte) error { _, err := config.AuthOptions(text); return err },
		"settings": func(text []byte) error { return setSettings(t, text) },
	}
	found := map[string]bool{}
	for _, b := range blocks(t, "yaml") {
		read := readers[b.kind]
		require.NotNil(t, read, "%s: yaml %s", b, b.kind)
		assert.NoError(t, read([]byte(b.text)), b)
		found[b.kind] = true
	}
	assert.Len(t, found, len(readers))
}

// setSettings sets flags of ocifake serve.
func setSettings(t *testing.T, text []byte) error {
	t.Helper()
	settings, err := yamltext.Settings(text)
	if err != nil {
		return err
	}
	cmd, _, err := newRoot().Find([]string{"serve"})
	require.NoError(t, err)
	for i := range settings {
		if err := setFlag(cmd.Flags(), nil, &settings[i]); err != nil {
			return settings[i].Error(err)
		}
	}
	return nil
}

// TestPagesHaveNoOtherBlocks wants every fence to be one that the tests know.
func TestPagesHaveNoOtherBlocks(t *testing.T) {
	known := []string{"go", "sh", "yaml", "text", "python", "make", "json", "toml"}
	opening := regexp.MustCompile("(?m)^```(.*)$")
	for _, page := range pages(t) {
		open := false
		for _, m := range opening.FindAllStringSubmatch(readPage(t, page), -1) {
			if open = !open; open {
				language, _, _ := strings.Cut(m[1], " ")
				assert.Contains(t, known, language, page)
			}
		}
		assert.False(t, open, "%s: a fence is open", page)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.*)$`)
)

// TestPagesLinks follows the links between pages, and to places in them.
func TestPagesLinks(t *testing.T) {
	places := map[string][]string{}
	for _, page := range pages(t) {
		places[page] = anchors(t, page)
	}
	for _, page := range pages(t) {
		text := fence.ReplaceAllString(readPage(t, page), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, place, _ := strings.Cut(m[1], "#")
			target := page
			if path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(page), path))
			}
			_, err := os.Stat(filepath.Join("../..", target))
			if assert.NoError(t, err, "%s: %s", page, m[1]) && place != "" {
				assert.Contains(t, places[target], place, "%s: %s", page, m[1])
			}
		}
	}
}

// anchors returns the names that GitHub gives to the headings of a page.
func anchors(t *testing.T, page string) (all []string) {
	t.Helper()
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(readPage(t, page), ""), -1) {
		all = append(all, anchorOf(m[1]))
	}
	return all
}

var noAnchor = regexp.MustCompile(`[^\p{L}\p{N}_-]`)

func anchorOf(heading string) string {
	return noAnchor.ReplaceAllString(strings.ToLower(strings.ReplaceAll(heading, " ", "-")), "")
}

// TestPagesIndex wants every page to be in the table of contents.
func TestPagesIndex(t *testing.T) {
	var listed []string
	for _, m := range link.FindAllStringSubmatch(readPage(t, "docs/README.md"), -1) {
		listed = append(listed, "docs/"+m[1])
	}
	for _, page := range pages(t) {
		if strings.HasPrefix(page, "docs/") && page != "docs/README.md" {
			assert.True(t, slices.Contains(listed, page), "%s is not in docs/README.md", page)
		}
	}
}

// TestPagesOptions wants a row for every option of the registry that has a flag, with the
// names of both.
func TestPagesOptions(t *testing.T) {
	page := readPage(t, "docs/reference/options.md")
	c := new(serveConfig)
	options := reflect.ValueOf(&c.registry).Elem()
	for _, group := range c.flags() {
		for _, row := range group.flags {
			for i := range options.NumField() {
				if options.Field(i).Addr().Interface() == row.field {
					assert.Contains(t, page, fmt.Sprintf("| `%s` | `--%s` |", options.Type().Field(i).Name, row.name))
				}
			}
		}
	}
}

// TestReadme wants the README to be short, and to have the commands that .ci/run and a
// newcomer take from it at the beginning of a line.
func TestReadme(t *testing.T) {
	text := readPage(t, "README.md")
	assert.LessOrEqual(t, len(text), 8<<10)
	assert.Regexp(t, `(?m)^go run \./cmd/ocifake serve\b`, text)
	assert.Regexp(t, `(?m)^go test \./\.\.\.`, text)
}
