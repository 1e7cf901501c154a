package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/ocifake/ocifake/record"
)

// expectations are the values of --expect.
type expectations struct {
	values []expectationValue
	all    []record.Expectation // of all values, after read
}

// expectationValue is an expectation, or a file with one expectation per line.
type expectationValue struct {
	expectation record.Expectation
	file        string
}

func (e *expectations) Type() string   { return "EXPECTATION" }
func (e *expectations) String() string { return "" }

// Set parses an expectation, or stores the name of a file for [expectations.read].
func (e *expectations) Set(s string) error {
	expectation, err := record.ParseExpectation(s)
	if err == nil {
		e.values = append(e.values, expectationValue{expectation: expectation})
		return nil
	}
	if _, fileErr := os.Stat(s); fileErr != nil {
		return fmt.Errorf("neither an expectation (%w) nor a file (%w)", err, fileErr)
	}
	e.values = append(e.values, expectationValue{file: s})
	return nil
}

// read reads the files. It waits for the writer of a named pipe until ctx ends.
func (e *expectations) read(ctx context.Context) error {
	for _, value := range e.values {
		if value.file == "" {
			e.all = append(e.all, value.expectation)
			continue
		}
		text, err := readFile(ctx, value.file)
		if err != nil {
			return fmt.Errorf("%s: %w", value.file, err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			expectation, err := record.ParseExpectation(line)
			if err != nil {
				return fmt.Errorf("%s: line %d: %w", value.file, i+1, err)
			}
			e.all = append(e.all, expectation)
		}
	}
	return nil
}

// inputs returns the files of expectations.
func (e *expectations) inputs() []namedFile {
	var files []namedFile
	for _, value := range e.values {
		files = append(files, namedFile{"--expect", value.file})
	}
	return files
}
