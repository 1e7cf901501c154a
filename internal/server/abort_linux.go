package server

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// onItsWay returns how many bytes the other side has not acknowledged.
func onItsWay(c syscall.Conn) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	closed := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	if closed != nil || err != nil {
		return 0
	}
	return n
}
