package main

import "os"

// passedOn are the signals that a command gets which is sent to the one that runs
// it.
var passedOn = []os.Signal{os.Interrupt}
