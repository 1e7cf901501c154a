//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ocifake/ocifake/internal/thorough"
)

// execute runs a program in a folder, with further variables, and returns what it
// printed.
func execute(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second // a registry in the background has its output
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v\n%s", name, args, out)
	return string(out)
}

// examples is a copy of the examples of the documentation.
func examples(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(docs, "examples"))))
	return dir
}

// parsed reads a YAML file.
func parsed[T any](t *testing.T, path string) (value T) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &value), path)
	return value
}

type step struct {
	ID, Name, Uses, If, Run string
	Env                     map[string]string
}

func TestExampleOfGitHub(t *testing.T) {
	dir := examples(t)
	workflow := parsed[struct {
		Jobs map[string]struct{ Steps []step }
	}](t, filepath.Join(dir, "github.yml"))
	for _, s := range workflow.Jobs["test"].Steps {
		if s.Run != "" {
			execute(t, dir, nil, "bash", "-euo", "pipefail", "-c", s.Run)
		}
	}
	assert.FileExists(t, filepath.Join(dir, "junit.xml"))
	assert.FileExists(t, filepath.Join(dir, "requests.har"))
}

func TestExampleOfGitLab(t *testing.T) {
	dir := examples(t)
	pipeline := parsed[map[string]struct{ Script []string }](t, filepath.Join(dir, "gitlab-ci.yml"))
	for _, line := range pipeline["test"].Script {
		execute(t, dir, nil, "sh", "-ec", line)
	}
	text, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	require.NoError(t, err)
	assert.Contains(t, string(text), `tests="2" failures="0"`)
}

func TestExampleOfMake(t *testing.T) {
	execute(t, examples(t), nil, "make", "OCIFAKE=ocifake")
}

func TestExampleOfPytest(t *testing.T) {
	if _, err := exec.LookPath("pytest"); err != nil {
		t.Skip("there is no pytest: apt-get install python3-pytest")
	}
	out := execute(t, filepath.Join(examples(t), "pytest"), nil, "pytest", "-q")
	assert.Contains(t, out, "2 passed")
}

// TestAction runs the steps of the action as GitHub does, and one that follows. Building takes
// longer than all other tests of the package, so that by default the step that builds finds a
// command go that checks its arguments and installs this program.
func TestAction(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	action := parsed[struct{ Runs struct{ Steps []step } }](t, filepath.Join(root, "action.yml"))
	dir := t.TempDir()
	env := []string{
		"RUNNER_TEMP=" + dir, "ACTION_PATH=" + root, `EXAM=--only traits/ping.body=none -- sh -c 'curl -fsS "$OCIFAKE_URL/v2/" && touch examined'`, "SERVE=--generate 'app:{v1,v2}'\n--warning \"it's $(touch pwned)\" --warning ;touch --warning pwned*",
		"GITHUB_ENV=" + filepath.Join(dir, "env"), "GITHUB_OUTPUT=" + filepath.Join(dir, "output"), "GITHUB_PATH=" + filepath.Join(dir, "path"),
	}
	if !thorough.Enabled() {
		env = append(env, "PATH="+installingGo(t, root)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	}
	for _, s := range action.Runs.Steps {
		execute(t, dir, env, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
	}
	assert.FileExists(t, filepath.Join(dir, "examined"))
	lines := func(name string) []string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	pid, err := strconv.Atoi(lines("ocifake/pid")[0])
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, syscall.Kill(pid, syscall.SIGTERM)) })
	assert.Regexp(t, `^url=http://127\.0\.0\.1:\d+$`, lines("output")[0])
	assert.Regexp(t, `^host=127\.0\.0\.1:\d+$`, lines("output")[1])
	path := "PATH=" + lines("path")[0] + string(filepath.ListSeparator) + os.Getenv("PATH")
	out := execute(t, dir, append(lines("env"), path), "sh", "-ec", `curl -fsS "$OCIFAKE_URL/v2/app/tags/list"`)
	assert.Contains(t, out, `"tags":["v1","v2"]`)
	header := execute(t, dir, append(lines("env"), path), "sh", "-ec", `curl -fsSI "$OCIFAKE_URL/v2/"`)
	for _, text := range []string{"it's $(touch pwned)", ";touch", "pwned*"} {
		assert.Contains(t, header, text, "flags are words, and no shell reads them")
	}
	for _, folder := range []string{dir, filepath.Join(dir, "ocifake"), "."} {
		assert.NoFileExists(t, filepath.Join(folder, "pwned"))
	}
}

// installingGo returns a directory with a command go, which takes the arguments of a build of
// ocifake only.
func installingGo(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	script := `#!/bin/sh
[ $# = 6 ] && [ "$1 $2 $3 $4 $6" = "build -C $ROOT -o ./cmd/ocifake" ] && [ "$5" = "$RUNNER_TEMP/ocifake/bin/" ] || { echo "go $*" >&2; exit 2; }
exec cp "$(command -v ocifake)" "$5/ocifake"
`
	script = strings.Replace(script, "$ROOT", root, 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o700))
	return dir
}

// TestActionWithWrongFlags wants the step to fail, and nothing to run, if flags are no
// words.
func TestActionWithWrongFlags(t *testing.T) {
	action := parsed[struct{ Runs struct{ Steps []step } }](t, "../../action.yml")
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "ocifake", "bin"), 0o700))
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", action.Runs.Steps[1].Run)
	cmd.Env = append(os.Environ(), "RUNNER_TEMP="+dir, "SERVE=--generate 'app:v1", "GITHUB_ENV="+filepath.Join(dir, "env"), "GITHUB_OUTPUT="+filepath.Join(dir, "output"))
	out, err := cmd.CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "unmatched")
	assert.NoFileExists(t, filepath.Join(dir, "output"))
}

// TestDocumentationHasTheExamples wants what the documentation shows to be in the
// files that are run here.
func TestDocumentationHasTheExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(docs, "guides", "ci.md"))
	require.NoError(t, err)
	for _, name := range []string{"github.yml", "gitlab-ci.yml", "Makefile"} {
		example, err := os.ReadFile(filepath.Join(docs, "examples", name))
		require.NoError(t, err)
		shown := strings.TrimPrefix(string(example), "on: push\n")
		assert.Contains(t, string(text), "\n"+shown+"```\n", name)
	}
}

// TestKubernetesExample wants the arguments of the Pod to be a command line.
func TestKubernetesExample(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(docs, "examples", "kubernetes.yaml"))
	require.NoError(t, err)
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	var args []string
	for {
		var object struct {
			Spec struct{ Containers []struct{ Args []string } }
		}
		if decoder.Decode(&object) != nil {
			break
		}
		for _, c := range object.Spec.Containers {
			args = append(args, c.Args...)
		}
	}
	require.NotEmpty(t, args)
	require.Equal(t, "serve", args[0])
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$(USER)", "ci:secret")
	}
	c := &serveConfig{logFormat: "text"}
	cmd := new(cobra.Command)
	bind(cmd, c.flags())
	require.NoError(t, cmd.ParseFlags(args[1:]))
	assert.NoError(t, c.complete(t.Context(), cmd.Flags()))
	assert.Equal(t, []string{"ci:secret"}, c.auth.users)
	assert.NotEmpty(t, c.control.token)
}
