package layoutstore

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"
)

const (
	failImmediately = 1
	exclusive       = 2

	errorLockViolation = syscall.Errno(33)
)

var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

// lock locks a directory, and returns the function that unlocks it. The file of the lock stays.
func lock(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	var at syscall.Overlapped
	ok, _, err := lockFileEx.Call(f.Fd(), exclusive|failImmediately, 0, 1, 0, uintptr(unsafe.Pointer(&at)))
	switch {
	case ok != 0:
		return f.Close, nil
	case errors.Is(err, errorLockViolation):
		err = errLocked
	}
	return nil, errors.Join(err, f.Close())
}

// syncsDirectories reports whether a directory can be synced.
const syncsDirectories = false
