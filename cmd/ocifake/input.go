package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// readInput reads a file, or stdin for "-".
func readInput(ctx context.Context, name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return readAll(stdin, "stdin")
	}
	return readFile(ctx, name)
}

// readFile reads a file. It waits for the writer of a named pipe until ctx ends.
func readFile(ctx context.Context, name string) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text, err := readLimited(name)
		read <- result{text, err}
	}()
	select {
	case r := <-read:
		return r.text, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", name, ctx.Err())
	}
}

// readRegular reads a regular file: it does not wait for a named pipe.
func readRegular(name string) ([]byte, error) {
	f, err := openNow(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no longer a regular file (%v)", name, info.Mode().Type())
	}
	return readAll(f, name)
}

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name)
}

// readAll reads at most maxInput bytes of the named input.
func readAll(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(text) > maxInput {
		return nil, fmt.Errorf("%s exceeds %d MiB", name, maxInput>>20)
	}
	return text, err
}

// maxInput is the maximum size in bytes of a file of rules, users, options or expectations.
const maxInput = 16 << 20

// wrongInput marks the error of an input file as an error of the command line.
func wrongInput(err error) error { return &exit{wrongUsage, err} }

// wrongUsage is the exit status for an invalid command line or input file.
const wrongUsage = 2
