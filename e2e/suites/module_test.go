package suites

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root returns the directory of ocifake's module.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	return dir
}

// command runs the go command in a directory, and returns its output.
func command(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod -trimpath")
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if args[0] != "test" { // tests may fail
		require.NoError(t, err, "go %s: %s", strings.Join(args, " "), errors.String())
	}
	return out
}

// copyModule returns a directory with a copy of a module, without its vendor directory.
func copyModule(t *testing.T, dir, name, module string) string {
	t.Helper()
	var downloaded struct{ Dir string }
	require.NoError(t, json.Unmarshal(command(t, t.TempDir(), "mod", "download", "-json", module), &downloaded))
	to := filepath.Join(dir, name)
	require.NoError(t, copyInto(to, downloaded.Dir))
	require.NoError(t, os.RemoveAll(filepath.Join(to, "vendor")))
	return to
}

// copyInto copies the files of a directory, so that they can be changed.
func copyInto(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, info.Mode()|0o200)
	})
}

func edit(t *testing.T, dir string, args ...string) {
	t.Helper()
	command(t, dir, append([]string{"mod", "edit"}, args...)...)
}

// selected returns the version of a module that a suite uses.
func selected(t *testing.T, dir, module string) string {
	t.Helper()
	return strings.TrimSpace(string(command(t, dir, "list", "-m", "-f", "{{.Version}}", module)))
}

// results are the outcomes of tests by package and name, and their output by that and outputOf.
type tests map[string]string

const (
	outputOf  = " output"
	maxOutput = 4 << 10
)

// outcomes runs tests once.
func outcomes(t *testing.T, dir string, packages []string) tests {
	t.Helper()
	out := command(t, dir, append([]string{"test", "-json", "-count=1", "-timeout=20m"}, packages...)...)
	found := tests{}
	for line := range bytes.Lines(out) {
		var event struct{ Action, Package, ImportPath, Test, Output string }
		require.NoError(t, json.Unmarshal(line, &event), "%s", line)
		name := event.Package + event.ImportPath + " " + event.Test
		switch event.Action {
		case "output", "build-output":
			if len(found[name+outputOf]) < maxOutput {
				found[name+outputOf] += event.Output
			}
		case "pass", "fail", "skip":
			found[name] = event.Action
		case "build-fail":
			t.Fatalf("%s does not build:\n%s", event.ImportPath, found[name+outputOf])
		}
	}
	return found
}

// passed returns the names of the tests that pass, sorted, without packages as a whole.
func (r tests) passed() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if r[name] == "pass" && !strings.HasSuffix(name, " ") {
			names = append(names, name)
		}
	}
	return names
}

const (
	resultsFile = "testdata/suites.md"
	resultsHead = `Tests of other projects with ocifake in the place of their registry, under its profile:
` + "`cd e2e && OCIFAKE_SUITES=all OCIFAKE_UPDATE=1 go test -timeout 60m ./suites`" + `.

| project | packages | registry | profile | tests that pass with it | with ocifake |
| :-- | :-- | :-- | :-- | --: | --: |
`
)

// readResults returns the rows of the results by module.
func readResults(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(resultsFile)
	if os.IsNotExist(err) {
		return map[string]string{}
	}
	require.NoError(t, err)
	rows := map[string]string{}
	for line := range strings.Lines(strings.TrimPrefix(string(text), resultsHead)) {
		module, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		rows[module] = strings.TrimSpace(line)
	}
	return rows
}

func writeResults(t *testing.T, rows map[string]string) {
	t.Helper()
	text := resultsHead
	for _, s := range suites {
		if row := rows[s.module]; row != "" {
			text += row + "\n"
		}
	}
	require.NoError(t, os.WriteFile(resultsFile, []byte(text), 0o644))
}
