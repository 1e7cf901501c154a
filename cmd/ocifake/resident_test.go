package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// A resident is a process that executes command lines of ocifake, one after another, each in
// the directory and with the environment that it gives. A script has at most one: starting
// a process takes longer than most commands.
type resident struct {
	requests  *json.Encoder
	responses *json.Decoder
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
	for {
		var q residentRequest
		err := requests.Decode(&q)
		if errors.Is(err, io.EOF) {
			return
		}
		exitIf(err)
		exitIf(responses.Encode(q.execute()))
	}
}

func (q residentRequest) execute() residentResponse {
	if err := q.enter(); err != nil {
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

// start starts the process, which ends with the script.
func (r *resident) start(ts *testscript.TestScript, deadline time.Time) error {
	program, err := exec.LookPath("resident")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	ts.Defer(cancel)
	cmd := exec.CommandContext(ctx, program)
	cmd.Stderr = os.Stderr // of a panic
	requests, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	responses, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ts.Defer(func() { ts.Check(errors.Join(requests.Close(), cmd.Wait())) })
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
