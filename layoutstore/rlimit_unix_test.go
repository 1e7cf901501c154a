//go:build linux || darwin

package layoutstore_test

import (
	"os/signal"
	"syscall"
)

const canLimitFiles = true

// limitFiles limits the size of files that the process writes.
func limitFiles(size uint64) {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	limit.Cur = size
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}
