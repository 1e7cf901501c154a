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

// listenAddress completes a flag's address without a host. The default host is 127.0.0.1, so that
// other machines cannot reach the server by accident.
func listenAddress(flag, addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%s %q: want HOST:PORT, or :PORT for 127.0.0.1", flag, addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%s %q: want a port from 0 to 65535, where 0 is any free port", flag, addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// isExposed reports whether other machines can reach an address.
func isExposed(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !ip.IsLoopback())
}

// explainListen adds advice to the error of listening on the address of a flag.
func explainListen(flag, addr string, err error) error {
	_, port, _ := net.SplitHostPort(addr)
	switch {
	case isTaken(err) && port == "5000":
		return fmt.Errorf("%w: port 5000 is in use (on macOS by AirPlay Receiver): "+
			"choose another with %s, or any free port with %[2]s 127.0.0.1:0", err, flag)
	case isTaken(err):
		return fmt.Errorf("%w: choose another port with %s, or any free port with %[2]s 127.0.0.1:0", err, flag)
	}
	return fmt.Errorf("%w: choose another address with %s", err, flag)
}

func isTaken(err error) bool {
	const wsaEADDRINUSE = syscall.Errno(10048) // the error on Windows
	return errors.Is(err, syscall.EADDRINUSE) ||
		runtime.GOOS == "windows" && errors.Is(err, wsaEADDRINUSE)
}
