package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/containerd/log"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain makes the directory that the binary under test is built into, and
// fails if the clients or the registries in this process leave goroutines.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ocifake-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs.dir = dir
	if err := errors.Join(
		os.Setenv("DOCKER_CONFIG", filepath.Join(dir, "docker")), // not that of whoever runs the tests
		log.SetLevel("error"), // of containerd
	); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	// Docker's registry has events sent by a goroutine that its Shutdown leaves.
	left := goleak.Find(goleak.IgnoreAnyFunction("github.com/docker/go-events.(*Broadcaster).run"))
	if err := errors.Join(left, os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// programs are built when they are first asked for, each once. The go command
// keeps the tools in its build cache, linked.
var programs struct {
	dir   string
	built sync.Map // name to func() (string, error)
}

// tool returns the path of a tool of this module.
func tool(t *testing.T, name string) string {
	t.Helper()
	return program(t, name, func() (string, error) {
		return goCommand("tool", "-n", name)
	})
}

// ocifake returns the path of the binary under test.
func ocifake(t *testing.T) string {
	t.Helper()
	return program(t, "ocifake", func() (string, error) {
		path := filepath.Join(programs.dir, "ocifake")
		_, err := goCommand("-C", "..", "build", "-o", path, "./cmd/ocifake")
		return path, err
	})
}

func program(t *testing.T, name string, build func() (string, error)) string {
	t.Helper()
	once, _ := programs.built.LoadOrStore(name, sync.OnceValues(build))
	path, err := once.(func() (string, error))()
	require.NoError(t, err, "build %s", name)
	return path
}

func goCommand(args ...string) (string, error) {
	// The first flag of the go command, -C, has to come before all others.
	return output(exec.Command("go", args...))
}

// output runs a command. What it wrote to stderr is in the error if it fails.
func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, out, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// instance is a running "ocifake serve".
type instance struct {
	url *url.URL
	log string // file with its log
}

// serve starts "ocifake serve" on a free port and stops it when the test ends.
// It returns once the registry accepts connections.
func serve(t *testing.T, flags ...string) instance {
	t.Helper()
	logFile, err := os.Create(filepath.Join(t.TempDir(), "ocifake.log"))
	require.NoError(t, err)
	ready, write, err := os.Pipe()
	require.NoError(t, err)
	defer ready.Close()

	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, ocifake(t), append([]string{"serve", "--addr", "127.0.0.1:0", "--ready-file", "/dev/fd/3"}, flags...)...)
	cmd.Stderr, cmd.ExtraFiles = logFile, []*os.File{write}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	require.NoError(t, errors.Join(cmd.Start(), write.Close(), logFile.Close()))
	t.Cleanup(func() {
		stop()
		if err := cmd.Wait(); !cmd.ProcessState.Success() {
			t.Errorf("ocifake serve: %v", err)
		}
		if t.Failed() {
			text, err := os.ReadFile(logFile.Name())
			t.Logf("log of ocifake serve: %v\n%s", err, text)
		}
	})
	line, err := bufio.NewReader(ready).ReadString('\n')
	require.NoError(t, err, "ocifake serve did not become ready")
	u, err := url.Parse(strings.TrimSpace(line))
	require.NoError(t, err)
	return instance{url: u, log: logFile.Name()}
}
