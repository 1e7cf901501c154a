package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/ocifake/ocifake/record"
)

// expectations are the values of --expect.
type expectations struct {
	all   []record.Expectation
	files []string // those that some of them are from
}

func (e *expectations) Type() string   { return "EXPECTATION" }
func (e *expectations) String() string { return "" }

// Set reads an expectation, or, if there is a file with that name, one in each of
// its lines.
func (e *expectations) Set(s string) error {
	expectation, err := record.ParseExpectation(s)
	if err == nil {
		e.all = append(e.all, expectation)
		return nil
	}
	text, fileErr := os.ReadFile(s)
	if fileErr != nil {
		return fmt.Errorf("%w, and no file: %w", err, fileErr)
	}
	e.files = append(e.files, s)
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if expectation, err = record.ParseExpectation(line); err != nil {
			return fmt.Errorf("%s: line %d: %w", s, i+1, err)
		}
		e.all = append(e.all, expectation)
	}
	return nil
}

// inputs are the files that expectations are from.
func (e *expectations) inputs() []namedFile {
	var files []namedFile
	for _, name := range e.files {
		files = append(files, namedFile{"--expect", name})
	}
	return files
}
