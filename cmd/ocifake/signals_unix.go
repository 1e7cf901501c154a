//go:build unix

package main

import (
	"os"
	"syscall"
)

// passedOn are the signals that a command gets which is sent to the one that runs
// it.
var passedOn = []os.Signal{
	os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT,
}

// endings are the signals that end a program in order.
func endings() []os.Signal {
	return append(heeded([]os.Signal{syscall.SIGHUP}), os.Interrupt, syscall.SIGTERM)
}
