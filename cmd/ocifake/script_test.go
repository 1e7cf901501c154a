//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/server"
)

// TestScript runs the transcripts. Beside testscript's commands and the
// programs ocifake and fetch they use
//
//	call PROGRAM …  run ocifake in the resident process of the script, or fetch within this
//	                process: starting one costs more than most of them do. There is no
//	                standard input, and what a process reads from its environment only
//	                once, proxies and SSL_CERT_FILE, is as it was for the first call
//	mkfifo FILE     make a named pipe, to give as --ready-file
//	ready FILE      read it; sets URL and HOST
//	signal TERM     send a signal to the programs in the background; with a second
//	                argument, to those with it in their command line
//	lines FILE RE   read a named pipe until a line matches, and print what was read;
//	                it stays open
//	rules TEXT      wait until the fault rules of the ocifake at URL have a text
//	certify NAME    write a client certificate of a new authority: client.pem,
//	                client.key, authority.pem
func TestScript(t *testing.T) {
	deadline, ok := t.Deadline()
	if !ok {
		deadline = time.Now().Add(10 * time.Minute) // the default of go test
	}
	roots := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(roots, "roots.pem"), new(server.Authority).CertPEM(), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(roots, "none"), 0o700))
	calls := calls(t, deadline)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Deadline:            deadline,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // a program with the race detector would take a second to exit
			// Reading the authorities of the system takes longer than the rest of a request.
			env.Setenv("SSL_CERT_FILE", filepath.Join(roots, "roots.pem"))
			env.Setenv("SSL_CERT_DIR", filepath.Join(roots, "none"))
			env.Values[residentKey{}] = new(resident)
			env.Values[pipes{}] = map[string]*bufio.Reader{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"call": func(ts *testscript.TestScript, neg bool, args []string) {
				status, err := calls[args[0]](ts, args[1:])
				ts.Check(err)
				if neg != (status != 0) {
					ts.Fatalf("%s: exit status %d", args[0], status)
				}
			},
			"mkfifo": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(syscall.Mkfifo(ts.MkAbs(args[0]), 0o600))
			},
			"ready": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(ready(ts, ts.MkAbs(args[0]), deadline))
			},
			"certify": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(certify(ts, args[0]))
			},
			"signal": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, cmd := range ts.BackgroundCmds() {
					if len(args) < 2 || strings.Contains(cmd.String(), args[1]) {
						ts.Check(cmd.Process.Signal(signals[args[0]]))
					}
				}
			},
			"lines": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(lines(ts, ts.MkAbs(args[0]), args[1], deadline))
			},
			"rules": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(awaitRules(ts.Getenv("URL"), args[0], deadline))
			},
		},
	})
}

// calls returns the programs that scripts call. Each returns its exit status.
func calls(t *testing.T, deadline time.Time) map[string]func(ts *testscript.TestScript, args []string) (int, error) {
	names := variableNames(t)
	return map[string]func(ts *testscript.TestScript, args []string) (int, error){
		"fetch": func(ts *testscript.TestScript, args []string) (int, error) {
			ctx, cancel := context.WithDeadline(context.Background(), deadline)
			defer cancel()
			return fetch(ctx, ts.MkAbs("."), args, ts.Stdout(), ts.Stderr()), nil
		},
		"ocifake": func(ts *testscript.TestScript, args []string) (int, error) {
			own := ts.Value(residentKey{}).(*resident)
			if own.requests == nil {
				if err := own.start(ts, deadline); err != nil {
					return 0, err
				}
			}
			return own.call(ts, names, args)
		},
	}
}

var signals = map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}

func certify(ts *testscript.TestScript, name string) error {
	authority := new(server.Authority)
	certificate, key, err := server.EncodeCertificate(authority.ClientCertificate(name))
	if err != nil {
		return err
	}
	for file, content := range map[string][]byte{"client.pem": certificate, "client.key": key, "authority.pem": authority.CertPEM()} {
		if err := os.WriteFile(ts.MkAbs(file), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// ready waits for a line in a named pipe, which it opens for writing too, so
// that opening it needs no peer and the deadline holds.
func ready(ts *testscript.TestScript, name string, deadline time.Time) error {
	f, err := openNamedPipe(name, deadline)
	if err != nil {
		return err
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return err
	}
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		return err
	}
	ts.Setenv("URL", u.String())
	ts.Setenv("HOST", u.Host)
	return nil
}

func openNamedPipe(name string, deadline time.Time) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return f, f.SetReadDeadline(deadline)
}

// pipes is the key of the named pipes that a script reads, by name.
type pipes struct{}

// lines reads a named pipe until a line matches.
func lines(ts *testscript.TestScript, name, pattern string, deadline time.Time) error {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	open := ts.Value(pipes{}).(map[string]*bufio.Reader)
	if open[name] == nil {
		f, err := openNamedPipe(name, deadline)
		if err != nil {
			return err
		}
		ts.Defer(func() { f.Close() })
		open[name] = bufio.NewReader(f)
	}
	for {
		line, err := open[name].ReadString('\n')
		if err != nil {
			return fmt.Errorf("no line matches %q: %w", pattern, err)
		}
		fmt.Fprint(ts.Stdout(), line)
		if wanted.MatchString(strings.TrimSuffix(line, "\n")) {
			return nil
		}
	}
}

// awaitRules waits until the rules of an ocifake have a text. It looks whenever they
// have changed.
func awaitRules(url, text string, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	c, err := (&remote{url: url}).client()
	if err != nil {
		return err
	}
	defer c.http.CloseIdleConnections()
	events, err := c.send(ctx, http.MethodGet, "events", nil, nil)
	if err != nil {
		return err
	}
	defer events.Close()
	for r := bufio.NewReader(events); ; {
		var list faultStates
		if err := c.call(ctx, http.MethodGet, "faults", nil, nil, &list); err != nil {
			return err
		}
		if all, err := json.Marshal(list); err != nil || strings.Contains(string(all), text) {
			return err
		}
		for line := ""; line != "event: faults\n"; {
			if line, err = r.ReadString('\n'); err != nil {
				return fmt.Errorf("the rules do not have %q: %w", text, err)
			}
		}
	}
}
