package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// A resident is a process that executes command lines of ocifake, one after another, each in
// the directory and with the environment that it gives: starting a process takes longer than
// most commands. A script has at most one, and leaves it to the scripts after it.
type resident struct {
	requests  *json.Encoder
	responses *json.Decoder
	once      string // the values of onceNames
	stop      func() error
}

// onceNames are the variables that a process reads only once.
var onceNames = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// residents are the processes that no script uses.
type residents struct {
	mu   sync.Mutex
	idle []*resident
}

// take returns a process whose variables of onceNames are those of a script, which has it
// until it ends.
func (all *residents) take(ts *testscript.TestScript, deadline time.Time) (*resident, error) {
	var once []string
	for _, name := range onceNames {
		once = append(once, ts.Getenv(name))
	}
	r := all.find(strings.Join(once, "\n"))
	if r == nil {
		r = &resident{once: strings.Join(once, "\n")}
		if err := r.start(deadline); err != nil {
			return nil, err
		}
	}
	ts.Defer(func() {
		all.mu.Lock()
		defer all.mu.Unlock()
		all.idle = append(all.idle, r)
	})
	return r, nil
}

// find removes a process from those that no script uses, or returns nil.
func (all *residents) find(once string) *resident {
	all.mu.Lock()
	defer all.mu.Unlock()
	i := slices.IndexFunc(all.idle, func(r *resident) bool { return r.once == once })
	if i < 0 {
		return nil
	}
	r := all.idle[i]
	all.idle = slices.Delete(all.idle, i, i+1)
	return r
}

// stop ends the processes, when no script runs.
func (all *residents) stop() error {
	var errs []error
	for _, r := range all.idle {
		errs = append(errs, r.stop())
	}
	return errors.Join(errs...)
}

type residentRequest struct {
	Dir  string
	Env  []string
	Args []string
}

type residentResponse struct {
	Status         int
	Stdout, Stderr []byte
	Err            string // why the command was not executed
}

// residentMain answers the requests on the standard input with responses on the standard output.
// The commands have an empty standard input.
func residentMain() {
	requests, responses := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	empty, err := os.Open(os.DevNull)
	exitIf(err)
	os.Stdin, os.Stdout = empty, os.Stderr
	for n := 0; ; n++ {
		var q residentRequest
		err := requests.Decode(&q)
		if errors.Is(err, io.EOF) {
			return
		}
		exitIf(err)
		exitIf(responses.Encode(q.execute(n == 0)))
	}
}

func (q residentRequest) execute(first bool) residentResponse {
	err := q.enter()
	if err == nil && first {
		err = readOnce()
	}
	if err != nil {
		return residentResponse{Err: err.Error()}
	}
	var stdout, stderr bytes.Buffer
	status := run(context.Background(), q.Args, &stdout, &stderr)
	return residentResponse{Status: status, Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
}

func (q residentRequest) enter() error {
	os.Clearenv()
	for _, e := range q.Env {
		name, value, _ := strings.Cut(e, "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return os.Chdir(q.Dir)
}

// readOnce reads the variables of onceNames: later values of them have no effect.
func readOnce() error {
	_, errProxy := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: "a.example"}})
	_, errRoots := x509.SystemCertPool()
	return errors.Join(errProxy, errRoots)
}

// setNames matches the names of variables that scripts set.
var setNames = regexp.MustCompile(`(?m)^env (\w+)=`)

// variableNames returns the names of the variables that programs get from scripts: a TestScript
// tells the value of a name, but not its names.
func variableNames(t *testing.T) []string {
	names := []string{"WORK", "PATH", "HOME", "TMPDIR", "GORACE", "GOCOVERDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "URL", "HOST"}
	scripts, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		require.NoError(t, err)
		for _, m := range setNames.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// residentKey is the key of the resident of a script.
type residentKey struct{}

// start starts the process.
func (r *resident) start(deadline time.Time) error {
	program, err := exec.LookPath("resident")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	cmd := exec.CommandContext(ctx, program)
	cmd.Stderr = os.Stderr // of a panic
	requests, errIn := cmd.StdinPipe()
	responses, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		cancel()
		return err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return err
	}
	r.stop = func() error {
		defer cancel()
		return errors.Join(requests.Close(), cmd.Wait())
	}
	r.requests, r.responses = json.NewEncoder(requests), json.NewDecoder(responses)
	return nil
}

// call executes a command line with the named variables of the script and returns its exit status.
func (r *resident) call(ts *testscript.TestScript, names, args []string) (int, error) {
	dir := ts.MkAbs(".")
	env := []string{"PWD=" + dir}
	for _, name := range names {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	if err := r.requests.Encode(residentRequest{Dir: dir, Env: env, Args: args}); err != nil {
		return 0, err
	}
	var response residentResponse
	if err := r.responses.Decode(&response); err != nil {
		return 0, fmt.Errorf("the process that executes commands does not answer: %w", err)
	}
	if response.Err != "" {
		return 0, errors.New(response.Err)
	}
	_, errOut := ts.Stdout().Write(response.Stdout)
	_, errErr := ts.Stderr().Write(response.Stderr)
	return response.Status, errors.Join(errOut, errErr)
}
