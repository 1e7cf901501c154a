package server

import (
	"syscall"
	"unsafe"
)

// siocoutq is SIOCOUTQ (linux/sockios.h), an alias of TIOCOUTQ.
const siocoutq = syscall.TIOCOUTQ

// onItsWay returns the number of bytes that the peer has not acknowledged.
func onItsWay(c syscall.Conn) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var count int32
	var errno syscall.Errno
	closed := raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, siocoutq, uintptr(unsafe.Pointer(&count)))
	})
	if closed != nil || errno != 0 {
		return 0
	}
	return int(count)
}
