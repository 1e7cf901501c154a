//go:build unix

package main

import (
	"os"
	"syscall"
)

// passedOn are the signals that run forwards to its command.
var passedOn = []os.Signal{
	os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT,
}

// endings are the signals for a clean shutdown.
func endings() []os.Signal {
	return append(heeded([]os.Signal{syscall.SIGHUP}), os.Interrupt, syscall.SIGTERM)
}
