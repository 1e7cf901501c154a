package exam

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/ocifake/ocifake/internal/clientenv"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/pattern"
)

// Command is a command line. Its methods are functions for a [Client]. The environment of the
// command contains:
//
//	OCIFAKE_URL       http://127.0.0.1:40001
//	OCIFAKE_HOST      127.0.0.1:40001
//	OCIFAKE_IMAGE     what to push to, to pull, to copy from, or the repository to list
//	OCIFAKE_TARGET    what to copy to
//	OCIFAKE_DIR       directory; for a push it has the image as the OCI image layout "layout", in
//	                  which it is called v1, and as "archive.tar", as docker save writes it; a
//	                  pull puts the image there
//	OCIFAKE_USERNAME  user, if the registry has authentication, and OCIFAKE_PASSWORD;
//	                  DOCKER_CONFIG and REGISTRY_AUTH_FILE have these credentials, too
//
// If the registry has TLS, its certificate authority is in SSL_CERT_FILE, and in the variables of
// other languages and tools. DOCKER_CONFIG, XDG_RUNTIME_DIR and TMPDIR are directories of the trial. The command runs in
// the current directory and in a process group of its own, which is killed when the command has
// ended, or when the trial ends.
//
// A command has hung if it neither uses CPU time nor sends or receives anything for ten
// seconds, or for ten times the duration of the plain run or three times its longest pause before, if
// that is longer, or for the last half of its time. The time in which the registry makes the client
// wait, up to a minute, does not count. CPU time is known on Linux only.
type Command []string

// Run runs the command. An exit status other than 0 is an error.
func (c Command) Run(ctx context.Context, reg *Trial) error {
	must.NotNil("exam: Command.Run: ctx", ctx)
	must.NotNil("exam: Command.Run: reg", reg)
	_, err := c.run(ctx, reg)
	return err
}

// List runs the command and returns the words of its standard output, without quotes and
// punctuation.
func (c Command) List(ctx context.Context, reg *Trial) ([]string, error) {
	must.NotNil("exam: Command.List: ctx", ctx)
	must.NotNil("exam: Command.List: reg", reg)
	text, err := c.run(ctx, reg)
	return notWord().Split(text, -1), err
}

var notWord = pattern.Regexp(`[^A-Za-z0-9._:@/-]+`)

const (
	maxListed = 1 << 20                // bytes of standard output that List reads
	watchTime = 100 * time.Millisecond // between two looks at a process
	killDelay = time.Second            // in which the output of an ended command must end

	minIdle     = 10 * time.Second // after which a command that does nothing has hung
	maxPatience = time.Minute      // that the registry makes a client wait
)

// hungError is the error of a command that does nothing any more.
type hungError struct{ idle time.Duration }

func (e *hungError) Error() string {
	return fmt.Sprintf("the command neither used CPU time nor sent or received anything for %v", e.idle.Round(time.Second))
}

func (c Command) run(ctx context.Context, t *Trial) (string, error) {
	if len(c) == 0 {
		return "", errors.New("the command is empty")
	}
	env, err := t.environment()
	if err != nil {
		return "", err
	}
	listed := &bounded{max: maxListed}
	cmd := exec.Command(c[0], c[1:]...)
	cmd.Env, cmd.WaitDelay = env, killDelay
	cmd.Stdout, cmd.Stderr = io.MultiWriter(listed, &t.output), &t.output
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return "", err
	}
	t.process.Store(int64(cmd.Process.Pid))
	defer t.process.Store(0)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err = t.watchCommand(ctx, cmd.Process.Pid, ended)
	killGroup(cmd.Process.Pid)
	return listed.String(), err
}

// watchCommand returns when a command has ended, its context has, or it has hung.
func (t *Trial) watchCommand(ctx context.Context, pid int, ended <-chan error) error {
	ticker := time.NewTicker(watchTime)
	defer ticker.Stop()
	stop := func(err error) error {
		killGroup(pid)
		<-ended
		return err
	}
	cpu, wire, still := int64(-1), int64(-1), stillness{since: time.Now()}
	for {
		select {
		case err := <-ended:
			if errors.Is(err, exec.ErrWaitDelay) { // something that it started has its output
				return nil
			}
			return err
		case <-ctx.Done():
			if idle := time.Since(still.since); t.exam != nil && idle > t.exam.within/2 && idle > t.patience() { // however slow the plain run was
				return stop(&hungError{idle})
			}
			return stop(context.Cause(ctx))
		case now := <-ticker.C:
			newCPU, newWire := t.exam.cpu(pid), t.watch.wire()
			if newCPU != cpu || newWire != wire || runs(pid) { // it may wait for a processor
				cpu, wire = newCPU, newWire
				still.act(now)
			}
			t.slot.setWaiting(now.Sub(still.since) > 2*watchTime)
			if limit := t.exam.idleLimit(); still.hung(now, limit) && still.hung(now, limit+t.patience()) {
				return stop(&hungError{limit})
			}
		}
	}
}

// stillness is the time in which a command does nothing.
type stillness struct {
	since   time.Time     // of the latest activity
	longest time.Duration // of the pauses that have ended
}

// act ends a pause.
func (s *stillness) act(now time.Time) {
	s.longest, s.since = max(s.longest, now.Sub(s.since)), now
}

// hung reports whether a pause is longer than a limit, and than three times each before it: those
// between the tries of a client grow.
func (s *stillness) hung(now time.Time, limit time.Duration) bool {
	return now.Sub(s.since) > max(limit, 3*s.longest)
}

// cpu returns the CPU time that a process group has used, in any unit.
func (e *exam) cpu(group int) int64 {
	if e == nil {
		return 0
	}
	return e.processes.of(group)
}

func (e *exam) idleLimit() time.Duration {
	if e == nil {
		return minIdle
	}
	return e.idle
}

var durations = pattern.Regexp(`"(?:date:)?([0-9]+(?:ms|s|m|h)[0-9hms]*)"`)

// patience returns how long the registry makes the client wait, at most maxPatience: by the
// delays of its rules and by Retry-After.
func (t *Trial) patience() (longest time.Duration) {
	atLeast := func(d time.Duration) {
		if d <= maxPatience {
			longest = max(longest, d)
		}
	}
	for _, state := range t.Faults().Rules() {
		for _, match := range durations().FindAllStringSubmatch(ruleText(state.Rule), -1) {
			if d, err := time.ParseDuration(match[1]); err == nil {
				atLeast(d)
			}
		}
	}
	for _, x := range t.Requests() {
		after := x.ResponseHeader.Get("Retry-After")
		if seconds, err := strconv.Atoi(after); err == nil && seconds >= 0 && seconds < 1000 {
			atLeast(time.Duration(seconds) * time.Second)
		} else if at, err := http.ParseTime(after); err == nil {
			atLeast(at.Sub(x.Start))
		}
	}
	return longest
}

// workspace is the directory of a command, with directories for its files.
type workspace struct{ root string }

func (w workspace) dir() string    { return filepath.Join(w.root, "dir") }
func (w workspace) docker() string { return filepath.Join(w.root, "docker") }
func (w workspace) run() string    { return filepath.Join(w.root, "run") }
func (w workspace) tmp() string    { return filepath.Join(w.root, "tmp") }

// open makes the directories once.
func (t *Trial) open() error {
	if t.work.root != "" {
		return nil
	}
	t.work.root = t.Dir()
	for _, dir := range []string{t.work.dir(), t.work.docker(), t.work.run(), t.work.tmp()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	config := []byte("{}")
	if t.Username != "" {
		var err error
		if config, err = clientenv.AddLogin(config, t.Host(), t.Username, t.Password); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(t.work.docker(), "config.json"), config, 0o600); err != nil {
		return err
	}
	return t.writeContent()
}

// writeContent writes the image for the client to push.
func (t *Trial) writeContent() error {
	if t.Content == nil {
		return nil
	}
	to, err := layout.Write(filepath.Join(t.work.dir(), "layout"), empty.Index)
	if err != nil {
		return err
	}
	if err := to.AppendImage(t.Content, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "v1"})); err != nil {
		return err
	}
	tag, err := name.NewTag("example.test/app:v1")
	if err != nil {
		return err
	}
	return tarball.WriteToFile(filepath.Join(t.work.dir(), "archive.tar"), tag, t.Content)
}

// environment returns the environment of a command.
func (t *Trial) environment() ([]string, error) {
	if err := t.open(); err != nil {
		return nil, err
	}
	host := hostName(t.Host())
	vars := map[string]string{
		"OCIFAKE_URL": t.URL(), "OCIFAKE_HOST": t.Host(), "OCIFAKE_IMAGE": t.Reference, "OCIFAKE_TARGET": t.Target,
		"OCIFAKE_DIR": t.work.dir(), "OCIFAKE_USERNAME": t.Username, "OCIFAKE_PASSWORD": t.Password,
		"DOCKER_CONFIG": t.work.docker(), "REGISTRY_AUTH_FILE": filepath.Join(t.work.docker(), "config.json"),
		"XDG_RUNTIME_DIR": t.work.run(), "TMPDIR": t.work.tmp(),
		"NO_PROXY": host + ",localhost", "no_proxy": host + ",localhost",
	}
	if strings.HasPrefix(t.URL(), "https:") {
		trust, err := clientenv.Trust(t.work.run(), t.CertPEM(), os.LookupEnv)
		if err != nil {
			return nil, err
		}
		for _, v := range trust {
			vars[v[0]] = v[1]
		}
	}
	var env []string
	for _, of := range os.Environ() {
		variable, _, _ := strings.Cut(of, "=")
		if _, own := vars[variable]; !own {
			env = append(env, of)
		}
	}
	for _, variable := range sortedNames(vars) {
		env = append(env, variable+"="+vars[variable])
	}
	return env, nil
}

// bounded is a buffer that keeps the beginning of what is written, and drops the rest. The zero
// value keeps maxOutput bytes. It is safe for concurrent use.
type bounded struct {
	max int

	mu      sync.Mutex
	text    []byte
	dropped bool
}

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := b.max
	if limit == 0 {
		limit = maxOutput
	}
	n := min(len(p), limit-len(b.text))
	b.text = append(b.text, p[:n]...)
	b.dropped = b.dropped || n < len(p)
	return len(p), nil
}

func (b *bounded) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := string(b.text)
	if b.dropped {
		for len(text) > 0 && !utf8.ValidString(text[max(0, len(text)-utf8.UTFMax):]) && len(b.text)-len(text) < utf8.UTFMax {
			text = text[:len(text)-1]
		}
		text += "\n…\n"
	}
	return text
}
