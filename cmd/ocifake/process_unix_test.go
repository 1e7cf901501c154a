//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program is an ocifake that runs as a process of its own, in the folder of the test.
type program struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// start starts a program, with what it writes kept unless it goes elsewhere.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := newProgram(t, "ocifake", args...)
	require.NoError(t, p.Start())
	return p
}

func newProgram(t *testing.T, name string, args ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.CommandContext(t.Context(), name, args...)}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	p.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "TMPDIR="+t.TempDir(), "HOME=/no-home")
	return p
}

// status waits for the end and returns the exit status, 128 and a signal's number if
// one has ended it.
func (p *program) status(t *testing.T) int {
	t.Helper()
	err := p.Wait()
	if status, ok := p.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 1000 + int(status.Signal()) // no program gives this itself
	}
	if p.ProcessState.ExitCode() == 0 {
		assert.NoError(t, err)
	}
	return p.ProcessState.ExitCode()
}

// temporary returns what the program has left in the folder for temporary files.
func (p *program) temporary(t *testing.T) []string {
	t.Helper()
	for _, v := range p.Env {
		if dir, ok := strings.CutPrefix(v, "TMPDIR="); ok && dir != os.Getenv("TMPDIR") {
			return namesIn(t, dir)
		}
	}
	return nil
}

// pipe makes a named pipe.
func pipe(t *testing.T, name string) string {
	t.Helper()
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	return name
}

// await waits for a line in a named pipe.
func await(t *testing.T, name string) string {
	t.Helper()
	deadline, ok := t.Deadline()
	if !ok {
		deadline = time.Now().Add(10 * time.Minute) // the default of go test
	}
	f, err := openNamedPipe(name, deadline)
	require.NoError(t, err)
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

// Nobody reads what is said: the command is run, judged, and what is to be left is.
func TestRunWithoutReaders(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		expect string
		want   int
	}{{"op=ping count==1", 0}, {"op=ping count==2", 1}} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		p := newProgram(t, "ocifake", "run", "--log-level", "debug", "--user", "ci:secret", "--har", "r.har", "--junit", "j.xml", "--expect", test.expect,
			"--", "sh", "-c", "trap '' PIPE; fetch --user ci:secret $OCIFAKE_URL/v2/ >/dev/null && echo done >done")
		p.Stdout, p.Stderr = w, w
		require.NoError(t, p.Start())
		require.NoError(t, w.Close())
		assert.Equal(t, test.want, p.status(t))
		assert.Equal(t, "done\n", readText(t, "done"), "the command ran to its end")
		assert.Contains(t, readText(t, "r.har"), `/v2/`)
		assert.Contains(t, readText(t, "j.xml"), test.expect)
		assert.Empty(t, p.temporary(t), "the folder with the password")
	}
}

// The same with a real head, and an exit status that the shell sees.
func TestRunBehindHead(t *testing.T) {
	t.Chdir(t.TempDir())
	pipe(t, "gone")
	p := newProgram(t, "bash", "-c", `set -o pipefail
ocifake run --log-level debug --user ci:secret --har r.har -- sh -c 'cat gone >gone.txt; fetch --user ci:secret $OCIFAKE_URL/v2/ >body' 2>&1 | (head -1; exec <&-; echo over >gone)`)
	require.NoError(t, p.Start())
	assert.Zero(t, p.status(t), p.stderr.String())
	assert.Equal(t, 1, strings.Count(p.stdout.String(), "\n"))
	assert.Contains(t, readText(t, "r.har"), `/v2/`)
	assert.Contains(t, readText(t, "body"), "200 OK")
	assert.Empty(t, p.temporary(t))
}

// A program that is run ends of a broken pipe as ever.
func TestRunLeavesBrokenPipesToTheCommand(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	p := newProgram(t, "ocifake", "run", "--", "sh", "-c", "kill -s PIPE $$")
	p.Stdout = w
	require.NoError(t, p.Start())
	require.NoError(t, w.Close())
	assert.Equal(t, 128+int(syscall.SIGPIPE), p.status(t))
}

func TestServeWithoutReaders(t *testing.T) {
	t.Chdir(t.TempDir())
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	p := newProgram(t, "ocifake", "serve", "--addr", ":0", "--log-level", "debug", "--har", "r.har", "--ready-file", pipe(t, "ready"))
	p.Stdout, p.Stderr = w, w
	require.NoError(t, p.Start())
	require.NoError(t, w.Close())
	execute(t, ".", nil, "fetch", await(t, "ready")+"/v2/")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	assert.Zero(t, p.status(t))
	assert.Contains(t, readText(t, "r.har"), `/v2/`)
}

// Whatever ends it, the files are there.
func TestServeEndsInOrder(t *testing.T) {
	t.Chdir(t.TempDir())
	pipe(t, "ready")
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		p := start(t, "serve", "--addr", ":0", "--har", "r.har", "--ready-file", "ready")
		execute(t, ".", nil, "fetch", await(t, "ready")+"/v2/")
		require.NoError(t, p.Process.Signal(s))
		if s != syscall.SIGINT { // "timeout" sends it twice
			require.NoError(t, p.Process.Signal(s))
		}
		assert.Zero(t, p.status(t), s)
		assert.Contains(t, readText(t, "r.har"), `/v2/`)
		require.NoError(t, os.Remove("r.har"))
	}
}

// A program that nohup has started stays.
func TestServeWithNohup(t *testing.T) {
	t.Chdir(t.TempDir())
	p := newProgram(t, "sh", "-c", `trap '' HUP; exec ocifake serve --addr :0 --ready-file ready`)
	pipe(t, "ready")
	require.NoError(t, p.Start())
	url := await(t, "ready")
	require.NoError(t, p.Process.Signal(syscall.SIGHUP))
	execute(t, ".", nil, "fetch", url+"/v2/")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	assert.Zero(t, p.status(t))
}

// Signals that come before the command is run end the run, and leave nothing. The rules
// come from a pipe: as long as nobody writes it, the run has not begun.
func TestRunIsStoppedBeforeItsCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	pipe(t, "rules")
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT} {
		p := start(t, "run", "--user", "ci:secret", "--har", "r.har", "--faults", "rules", "--", "touch", "it-ran")
		w, err := os.OpenFile("rules", os.O_WRONLY, 0) // waits for the reader
		require.NoError(t, err)
		require.NoError(t, p.Process.Signal(s))
		assert.Equal(t, 128+int(s), p.status(t))
		require.NoError(t, w.Close())
		assert.Contains(t, p.stderr.String(), "ocifake run: interrupted before the command ran: signal: ")
		assert.Empty(t, p.temporary(t))
		assert.NoFileExists(t, "it-ran")
		assert.NoFileExists(t, "r.har")
	}
}

// Signals at any moment from the first on leave nothing behind.
func TestRunIsStoppedAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	for range 20 {
		r, w, err := os.Pipe() // an input that does not end
		require.NoError(t, err)
		p := newProgram(t, "ocifake", "run", "--user", "ci:secret", "--", "cat")
		p.Stdin = r
		require.NoError(t, p.Start())
		require.NoError(t, p.Process.Signal(syscall.SIGHUP))
		assert.NotZero(t, p.status(t))
		require.NoError(t, errors.Join(r.Close(), w.Close()))
		assert.Empty(t, p.temporary(t))
	}
}

// A named pipe that nobody reads holds up neither the start nor the end.
func TestPipesWithoutReaders(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"ready", "requests", "har", "transcript", "snapshot", "ca"} {
		pipe(t, name)
	}
	p := start(t, "serve", "--addr", ":0", "--tls", "--ready-file", "ready", "--requests", "requests", "--har", "har",
		"--transcript", "transcript", "--snapshot", "snapshot", "--ca-file", "ca")
	url := await(t, "ready")
	assert.Contains(t, url, "https://127.0.0.1:")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 1, p.status(t))
	for _, flag := range []string{"requests", "har", "transcript", "snapshot"} {
		assert.Contains(t, p.stderr.String(), "--"+flag+": write "+flag+": no process reads from the named pipe")
	}
	assert.NotContains(t, p.stderr.String(), "--ca-file", "it was for those who wanted it")
}

// A named pipe gets what a file gets.
func TestPipesWithReaders(t *testing.T) {
	t.Chdir(t.TempDir())
	texts := map[string]chan string{}
	flags := []string{"run"}
	for _, name := range []string{"requests", "har", "transcript", "junit", "snapshot"} {
		pipe(t, name)
		flags = append(flags, "--"+name, name)
		text := make(chan string, 1)
		texts[name] = text
		go func() {
			read, _ := os.ReadFile(name) // nothing is read if it fails
			text <- string(read)
		}()
	}
	p := start(t, append(flags, "--", "sh", "-c", "fetch $OCIFAKE_URL/v2/")...)
	for name, want := range map[string]string{
		"requests": `"op":"ping"`, "har": `"creator"`, "transcript": "GET http://<host-1>/v2/", "junit": "<testsuite", "snapshot": "oci-layout",
	} {
		assert.Contains(t, <-texts[name], want)
	}
	assert.Zero(t, p.status(t), p.stderr.String())
}

// Standard output may be a file that has something in it already.
func TestOutputsToStandardOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	out, err := os.Create("log")
	require.NoError(t, err)
	defer out.Close()
	_, err = out.WriteString("before\n")
	require.NoError(t, err)
	p := newProgram(t, "ocifake", "run", "--requests", "/dev/stdout", "--transcript", "/dev/stdout", "--", "sh", "-c", "echo one; fetch $OCIFAKE_URL/v2/ >body; echo two")
	p.Stdout = out
	require.NoError(t, p.Start())
	assert.Zero(t, p.status(t), p.stderr.String())
	text := readText(t, "log")
	for _, want := range []string{"before\none\n", "two\n", `"op":"ping"`, "GET http://<host-1>/v2/"} {
		assert.Contains(t, text, want)
	}

	p = newProgram(t, "ocifake", "run", "--har", "log", "--", "echo", "it is run")
	p.Stdout = out
	require.NoError(t, p.Start())
	assert.Equal(t, 2, p.status(t))
	assert.Contains(t, p.stderr.String(), "--har log is the same file as standard output")
	assert.Equal(t, text, readText(t, "log"))
}

// A file of rules that becomes a pipe is said to be none any more; those of others are
// read again all the same.
func TestRulesBecomeAPipe(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.yaml"), filepath.Join(dir, "two.yaml")
	for _, name := range []string{one, two} {
		require.NoError(t, os.WriteFile(name, []byte("{where: op=blob.get, do: [{status: 503}]}"), 0o600))
	}
	f, log := startFixture(t, "--faults", one, "--faults", two)
	pipe(t, filepath.Join(dir, "pipe"))
	require.NoError(t, os.Rename(filepath.Join(dir, "pipe"), one))
	assert.Contains(t, log.next(t, "level=ERROR"), "is no longer a regular file")
	require.NoError(t, os.WriteFile(two, []byte("{where: op=tag.list, do: [{status: 503}]}"), 0o600))
	log.next(t, "level=INFO msg=\"fault rules\" file="+two)
	assert.Equal(t, []string{`"one.yaml#1" on op=blob.get`, `"two.yaml#1" on op=tag.list`}, rulesOf(f))
}

// A file of expectations is read until a signal comes, if nobody writes it: the first
// one ends the program, and the command is not run.
func TestExpectFromPipe(t *testing.T) {
	t.Chdir(t.TempDir())
	name := pipe(t, "expectations")
	p := newProgram(t, "ocifake", "run", "--expect", name, "--", "touch", "ran")
	require.NoError(t, p.Start())
	w, err := os.OpenFile(name, os.O_WRONLY, 0) // waits until it reads
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	assert.Equal(t, 130, p.status(t))
	assert.NoFileExists(t, "ran")
}
