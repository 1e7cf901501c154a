package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// readFile reads a file. A named pipe waits for a writer until ctx ends.
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

// readRegular reads a file that has to be one: it does not wait for a named pipe.
func readRegular(name string) (text []byte, err error) {
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
		return nil, fmt.Errorf("%s is no file any more (%v)", name, info.Mode().Type())
	}
	return readAll(f)
}

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

// readAll reads a file of at most maxInput bytes.
func readAll(f *os.File) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err == nil && len(text) > maxInput {
		return nil, fmt.Errorf("%s has more than %d MiB", f.Name(), maxInput>>20)
	}
	return text, err
}

// maxInput is the largest number of bytes that a file of rules, users, options or
// expectations may have.
const maxInput = 16 << 20

// wrongInput makes the error of a file that is read one of the command line.
func wrongInput(err error) error { return &exit{wrongUsage, err} }

// wrongUsage is the exit status if the command line is wrong, or a file that it names.
const wrongUsage = 2
