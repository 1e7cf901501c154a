// Package e2e proves with clients that others wrote that ocifake is a registry.
//
// Its tests run the official conformance program against the binary, and the
// client libraries and command-line clients of the field against the registry,
// in memory, over a socket and over TLS. It is a module of its own, so that none
// of those is a dependency of ocifake. The programs are tools of this module and
// are built when a test needs them:
//
//	go test ./...
package e2e
