package clients

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// always are installed without being asked for: they are tools of the module e2e.
var always = []string{"crane", "oras", "regctl", "helm"}

// patience is how long a script may take. It bounds each call of its client to a
// minute.
const patience = 10 * time.Minute

// installed returns the clients that are there, with their versions. Before that it
// installs those that always are; and all, or those that it names, if
// OCIFAKE_E2E_INSTALL is set.
func installed(t *testing.T) map[string]string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the scripts are for Linux")
	}
	install := always
	switch wanted := os.Getenv("OCIFAKE_E2E_INSTALL"); wanted {
	case "":
	case "1":
		install = append(slices.Clone(clients), "python", "sigstore")
	default:
		install = append(strings.Fields(wanted), install...)
	}
	t.Logf("installed:\n%s", output(t, "bash", append([]string{"install.sh"}, install...)...))
	versions := map[string]string{}
	for line := range strings.Lines(output(t, "bash", "install.sh", "--versions")) {
		name, version, _ := strings.Cut(strings.TrimSpace(line), "\t")
		versions[name] = version
	}
	return versions
}

// output runs a command that must succeed, and returns what it printed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s\n%s%s", name, strings.Join(args, " "), out, &stderr)
	return string(out)
}

// binary builds the binary under test, once.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(dir, "ocifake")
	out, err := exec.Command("go", "-C", "../..", "build", "-o", path, "./cmd/ocifake").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// dir is where it is.
var dir string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if dir, err = os.MkdirTemp("", "ocifake-clients-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// runScript runs steps of a client, default all, with a registry of their own, and
// returns the result of each, and what was said. The script may fail only if a step
// does.
func runScript(t *testing.T, client string, flags []string, steps ...string) (results map[string]string, log string) {
	t.Helper()
	ocifake, err := binary()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "steps")
	args := append([]string{"run", "--no-control"}, flags...)
	args = append(args, "--", "bash", client+".sh")

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, ocifake, append(args, steps...)...)
	cmd.Env = append(os.Environ(), "OCIFAKE_STEPS="+file)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // the script stops its daemons
	cmd.WaitDelay = time.Minute
	err = cmd.Run()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: %v\n%s", cmd, err, &out)
		}
	})
	results = readSteps(t, file)
	for _, result := range results {
		if strings.HasPrefix(result, "failed: ") {
			return results, out.String()
		}
	}
	require.NoError(t, err, "%s\n%s", cmd, &out)
	return results, out.String()
}

// readSteps reads what a script wrote: a line for each step, its name, a tab, and
// its result.
func readSteps(t *testing.T, name string) map[string]string {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	results := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		step, result, found := strings.Cut(lines.Text(), "\t")
		require.True(t, found, lines.Text())
		results[step] = result
	}
	require.NoError(t, lines.Err())
	return results
}
