package load

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// patience bounds the wait for what is to come.
const patience = time.Minute

// binary is the program under test.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(dir, "ocifake")
	if out, err := exec.Command("go", "-C", "../..", "build", "-o", path, "./cmd/ocifake").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ocifake: %w\n%s", err, out)
	}
	return path, nil
})

var dir string // of the binary

func TestMain(m *testing.M) {
	var err error
	if dir, err = os.MkdirTemp("", "ocifake-load-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// process is an ocifake that runs.
type process struct {
	*exec.Cmd
	ended chan struct{}

	mu  sync.Mutex
	log strings.Builder // stderr
}

// start starts ocifake with a function for each line of stdout, and one for those of
// stderr, which says whether they are of interest. It is killed when the test ends, if
// it runs still.
func start(t *testing.T, env []string, stdout func(line string), stderr func(line string) bool, args ...string) *process {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	p := &process{Cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.Env = append(os.Environ(), env...)
	p.Stdout = &lines{each: stdout}
	p.Stderr = &lines{each: func(line string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if stderr(line) {
			fmt.Fprintln(&p.log, line)
		}
	}}
	stdin, open, err := os.Pipe() // which has no end while it runs
	require.NoError(t, err)
	p.Stdin = stdin
	require.NoError(t, p.Start())
	go func() {
		_ = p.Wait() // see ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill() // it has ended, unless the test has failed
		<-p.ended
		assert.NoError(t, stdin.Close())
		assert.NoError(t, open.Close())
		if t.Failed() {
			t.Logf("%s: %v\n%s", strings.Join(args, " "), p.ProcessState, p.stderr())
		}
	})
	return p
}

func all(string) bool { return true }

// stderr is what the process has written there.
func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// startRegistry starts an ocifake whose stdout begins with a URL, and returns that.
func startRegistry(t *testing.T, env []string, stderr func(line string) bool, args ...string) (*process, string) {
	t.Helper()
	first := make(chan string, 1)
	p := start(t, env, func(line string) {
		select {
		case first <- line:
		default: // not the first
		}
	}, stderr, args...)
	select {
	case url := <-first:
		return p, url
	case <-p.ended:
		require.Fail(t, "ocifake has ended", p.stderr())
	case <-time.After(patience):
		require.Fail(t, "ocifake does not become ready", p.stderr())
	}
	return nil, ""
}

// wait waits for the end of the process and returns its exit status.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		require.Fail(t, "ocifake does not end", p.stderr())
	}
	return p.ProcessState.ExitCode()
}

// lines is a writer that gives each line to a function. One goroutine uses it.
type lines struct {
	each func(line string)
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.each(string(line))
		l.rest = rest
	}
}
