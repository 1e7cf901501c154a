//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package layoutstore

import (
	"errors"
	"os"
	"syscall"
)

// lock locks a directory, and returns the function that unlocks it. It needs no file in the directory.
func lock(dir string) (unlock func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errLocked
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		// Closing alone does not unlock while a child process that is being started has the file.
		return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
	}, nil
}

// syncsDirectories reports whether a directory can be synced.
const syncsDirectories = true
