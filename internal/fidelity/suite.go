package fidelity

import (
	"embed"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The requests of the official conformance suite, in our own notation, which the files
// describe. A recording has a part of them; those that change content are sent again even where
// the recording lacks them, so that the registry is in the state that the recorded one was in.
//
//go:embed suite
var suites embed.FS

// step is a request of the suite.
type step struct {
	title  string // of the test case
	order  string // "manifests" or "blobs": only if the suite deletes these first
	method string
	target string
	body   string // content, as "config0", or empty
	as     string // name of the answer's Location
	want   []int  // statuses that the suite accepts
}

// changes reports whether the step changes content.
func (s *step) changes() bool {
	return s.method != http.MethodGet && s.method != http.MethodHead
}

// follows reports whether next uses the Location of the step's answer.
func (s *step) follows(next step) bool {
	return s.as != "" && strings.HasPrefix(next.target, "{"+s.as+"}")
}

// steps returns the steps of the recording's suite. Those that it did not make are among them,
// so that the numbers do not depend on its settings.
func (r *Recording) steps() ([]step, error) { return suite(r.Suite) }

// makes reports whether the suite makes the step with the settings of the recording.
func (r *Recording) makes(s step) bool { return s.order == "" || s.order == r.Order }

// suite reads the steps of a version of the suite.
func suite(version string) ([]step, error) {
	if version != "v1.0" && version != "v1.1" {
		return nil, fmt.Errorf("suite %q: want v1.0 or v1.1", version)
	}
	text, err := suites.ReadFile("suite/" + version + ".txt")
	if err != nil {
		return nil, err
	}
	var steps []step
	var title, order string
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "case"):
			order, title, _ = strings.Cut(strings.TrimPrefix(line, "case"), " ")
			order = strings.Trim(order, "[]")
		default:
			s, err := parseStep(line)
			if err != nil {
				return nil, fmt.Errorf("suite %s, line %d: %w", version, i+1, err)
			}
			s.title, s.order = title, order
			steps = append(steps, s)
		}
	}
	return steps, nil
}

func parseStep(line string) (step, error) {
	words := strings.Fields(line)
	if len(words) < 3 {
		return step{}, fmt.Errorf("%q: want a method, a target and a status", line)
	}
	s := step{method: words[0], target: words[1]}
	rest := words[2:]
	if strings.HasPrefix(rest[0], "<") {
		s.body, rest = strings.Trim(rest[0], "<>"), rest[1:]
	}
	if len(rest) > 2 && rest[0] == "as" {
		s.as, rest = rest[1], rest[2:]
	}
	for _, word := range rest {
		status, err := strconv.Atoi(word)
		if err != nil {
			return step{}, fmt.Errorf("%q: status %q", line, word)
		}
		s.want = append(s.want, status)
	}
	if !slices.Contains(methods, s.method) {
		return step{}, fmt.Errorf("%q: unknown method", line)
	}
	return s, nil
}
