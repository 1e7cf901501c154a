package main

import (
	"os"
	"syscall"
)

// passedOn are the signals that a command gets which is sent to the one that runs
// it.
var passedOn = []os.Signal{os.Interrupt}

// endings are the signals that end a program in order.
func endings() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }
