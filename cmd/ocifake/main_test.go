package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// TestMain makes the test binary answer to the names of the commands that the
// scripts execute.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){
		"ocifake":  main,
		"fetch":    fetchMain,
		"linger":   lingerMain,
		"resident": residentMain,
	})
}

type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	// Under nohup, the programs that tests start would ignore SIGHUP; in the background of a
	// shell, SIGINT. A signal that is caught here has its default effect there.
	ignored := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(s) {
			signal.Notify(ignored, s)
		}
	}
	defer signal.Stop(ignored)
	code := m.M.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// lingerMain is a program that does not end with the first signal: it writes
// into its first file when it has started and into its second after a signal.
func lingerMain() {
	ctx, cancel := untilSignal(endings()...)
	defer cancel()
	exitIf(os.WriteFile(os.Args[1], []byte("started\n"), 0))
	<-ctx.Done()
	exitIf(os.WriteFile(os.Args[2], []byte("lingers\n"), 0))
	r, w, err := os.Pipe()
	exitIf(err)
	defer w.Close()
	_, err = r.Read(make([]byte, 1))
	exitIf(err)
}

func exitIf(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
