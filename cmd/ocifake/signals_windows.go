package main

import (
	"os"
	"syscall"
)

// passedOn are the signals that run forwards to its command.
var passedOn = []os.Signal{os.Interrupt}

// endings are the signals for a clean shutdown.
func endings() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }
