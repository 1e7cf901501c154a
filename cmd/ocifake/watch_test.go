package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

// logLines are the lines of a log as they are written.
type logLines chan string

func (l logLines) Write(line []byte) (int, error) {
	l <- string(bytes.TrimSpace(line))
	return len(line), nil
}

// next waits for a line with a text.
func (l logLines) next(t *testing.T, text string) string {
	t.Helper()
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return line
			}
		case <-t.Context().Done():
			t.Fatalf("no line with %q was logged", text)
		}
	}
}

// startFixture starts what flags ask for, and ends it with the test.
func startFixture(t *testing.T, args ...string) (*fixture, logLines) {
	t.Helper()
	c := &serveConfig{logFormat: "text"}
	cmd := new(cobra.Command)
	bind(cmd, c.flags())
	require.NoError(t, cmd.ParseFlags(append([]string{"--addr", ":0"}, args...)))
	require.NoError(t, c.complete(t.Context(), cmd.Flags()))
	log := make(logLines, 1000)
	f, err := c.start(t.Context(), log)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f, log
}

func rulesOf(f *fixture) (rules []string) {
	for _, s := range f.faults.Rules() {
		rules = append(rules, s.Rule.String())
	}
	return rules
}

func TestRuleFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.yaml"), filepath.Join(dir, "two.yaml")
	write := func(name, text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o600)) }
	write(one, "- {where: op=blob.get, do: [{status: 503}]}\n- {name: mine, where: op=tag.list, do: [{status: 500}]}")
	write(two, "{where: op=ping, do: [{status: 429}]}")
	f, log := startFixture(t, "--faults", one, "--faults", two)
	assert.Equal(t, []string{`"one.yaml#1" on op=blob.get`, `"mine" on op=tag.list`, `"two.yaml#1" on op=ping`}, rulesOf(f))

	write(one, "{where: op=manifest.get, do: [{status: 503}]}")
	for !strings.Contains(strings.Join(rulesOf(f), " "), "manifest.get") {
		log.next(t, "one.yaml")
	}
	assert.Equal(t, []string{`"one.yaml#1" on op=manifest.get`, `"two.yaml#1" on op=ping`}, rulesOf(f), "in the place of those before")

	write(one, "- where: op=blob.get\n  doo: [pass]")
	line := log.next(t, "line 2, column 3: [0].doo: unknown field")
	assert.Contains(t, line, "level=ERROR")
	assert.Contains(t, line, "keeping the previous rules")
	assert.Equal(t, []string{`"one.yaml#1" on op=manifest.get`, `"two.yaml#1" on op=ping`}, rulesOf(f))

	write(two, "{name: one.yaml#1, do: [pass]}")
	log.next(t, "there is a rule with this name already")
	assert.Len(t, rulesOf(f), 2)

	// Editors write a new file and rename it.
	write(filepath.Join(dir, "new"), "[]")
	require.NoError(t, os.Rename(filepath.Join(dir, "new"), two))
	for len(rulesOf(f)) > 1 {
		log.next(t, "two.yaml")
	}
	assert.Equal(t, []string{`"one.yaml#1" on op=manifest.get`}, rulesOf(f))
}

// A reset goes back to what the files say now, not to what they said at the start.
func TestResetGoesBackToTheFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(name, []byte("{where: op=blob.get, do: [{status: 503}]}"), 0o600))
	f, log := startFixture(t, "--faults", name)
	reset := func() {
		answer, err := http.Post(f.server.URL()+"/_ocifake/v1/reset?what=faults", "", nil)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusNoContent, answer.StatusCode)
	}
	require.NoError(t, f.faults.Add(faults.On(op.Ping).Named("mine").Do(faults.Status(500))))
	reset()
	assert.Equal(t, []string{`"rules.yaml#1" on op=blob.get`}, rulesOf(f))
	require.NoError(t, os.WriteFile(name, []byte("{where: op=tag.list, do: [{status: 503}]}"), 0o600))
	log.next(t, "level=INFO msg=\"fault rules\"")
	reset()
	assert.Equal(t, []string{`"rules.yaml#1" on op=tag.list`}, rulesOf(f))
}

// Kubernetes puts another folder behind a link, and the file is a link into that.
func TestRuleFilesBehindLinks(t *testing.T) {
	dir := t.TempDir()
	for folder, text := range map[string]string{"one": "{where: op=blob.get, do: [pass]}", "two": "{where: op=tag.list, do: [pass]}"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, folder, "rules.yaml"), []byte(text), 0o600))
	}
	name := filepath.Join(dir, "rules.yaml")
	require.NoError(t, os.Symlink("one", filepath.Join(dir, "data")))
	require.NoError(t, os.Symlink("data/rules.yaml", name))
	f, log := startFixture(t, "--faults", name)
	assert.Equal(t, []string{`"rules.yaml#1" on op=blob.get`}, rulesOf(f))
	require.NoError(t, os.Symlink("two", filepath.Join(dir, "new")))
	require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "data")))
	log.next(t, "level=INFO msg=\"fault rules\"")
	assert.Equal(t, []string{`"rules.yaml#1" on op=tag.list`}, rulesOf(f))
}
