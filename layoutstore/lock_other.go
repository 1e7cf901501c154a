//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package layoutstore

import (
	"fmt"
	"runtime"
)

// lock fails: without a lock, two processes would destroy each other's content.
func lock(string) (unlock func() error, err error) {
	return nil, fmt.Errorf("files cannot be locked on %s: open it read-only", runtime.GOOS)
}

const syncsDirectories = false
