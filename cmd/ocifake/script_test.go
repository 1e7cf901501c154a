//go:build unix

package main

import (
	"bufio"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ocifake/ocifake/internal/server"
)

// TestScript runs the transcripts. Beside testscript's commands and the
// programs ocifake and fetch they use
//
//	mkfifo FILE     make a named pipe, to give as --ready-file
//	ready FILE      read it; sets URL and HOST
//	signal TERM     send a signal to the programs in the background
//	certify NAME    write a client certificate of a new authority: client.pem,
//	                client.key, authority.pem
func TestScript(t *testing.T) {
	deadline, ok := t.Deadline()
	if !ok {
		deadline = time.Now().Add(time.Minute)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Deadline:            deadline,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // a program with the race detector would take a second to exit
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
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
					ts.Check(cmd.Process.Signal(signals[args[0]]))
				}
			},
		},
	})
}

var signals = map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}

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
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.SetReadDeadline(deadline); err != nil {
		return err
	}
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
