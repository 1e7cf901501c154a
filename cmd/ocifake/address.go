package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"syscall"
)

// listenAddress completes the address of a flag that has no host: it is one of
// loopback, so that nobody serves a network by accident.
func listenAddress(flag, addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%s %q: want HOST:PORT, or :PORT for 127.0.0.1", flag, addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%s %q: want a port from 0, any free one, to 65535", flag, addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// isExposed reports whether other machines may reach an address.
func isExposed(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !ip.IsLoopback())
}

// explainListen says what to do about an address of a flag that cannot be listened
// on.
func explainListen(flag, addr string, err error) error {
	_, port, _ := net.SplitHostPort(addr)
	switch {
	case isTaken(err) && port == "5000":
		return fmt.Errorf("%w: port 5000 is taken (on macOS by AirPlay Receiver): "+
			"choose another with %s, or any free one with %[2]s 127.0.0.1:0", err, flag)
	case isTaken(err):
		return fmt.Errorf("%w: choose another port with %s, or any free one with %[2]s 127.0.0.1:0", err, flag)
	}
	return fmt.Errorf("%w: choose where to listen with %s", err, flag)
}

func isTaken(err error) bool {
	const wsaEADDRINUSE = syscall.Errno(10048) // what Windows says
	return errors.Is(err, syscall.EADDRINUSE) ||
		runtime.GOOS == "windows" && errors.Is(err, wsaEADDRINUSE)
}
