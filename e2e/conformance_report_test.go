package e2e

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// report is what the conformance program prints when it is done. That is more
// than its files have: results.yaml is not even written if there is an API that
// no test reached.
type report struct {
	config   conformanceConfig
	counts   map[string]int    // tests by status, and "Total"
	statuses map[string]string // status of each API and each kind of data
	problems []string          // tests that did not pass, with their errors
	skipped  []string          // tests, sorted
}

// conformanceConfig is the part of the configuration that says what is tested.
type conformanceConfig struct {
	Version string         `yaml:"version"`
	APIs    map[string]any `yaml:"apis"`
	Data    map[string]any `yaml:"data"`
}

// The sections of the report, by the line that opens each.
const (
	testSection   = "Test results"
	configSection = "Configuration:"
	countSection  = "OCI Conformance Result:"
	apiSection    = "API conformance:"
	dataSection   = "Data conformance:"
)

var (
	dotted = regexp.MustCompile(`^  (.*?)\.*: +(\S+)$`)
	tested = regexp.MustCompile(`^ *OCI Conformance Test/?(.*): (\w+)$`)
)

// parseReport reads the program's standard output.
func parseReport(text string) (report, error) {
	sections := map[string][]string{}
	var section string
	for line := range strings.Lines(text) {
		if opened := opens(line); opened != "" {
			section = opened
			continue
		}
		sections[section] = append(sections[section], strings.TrimSuffix(line, "\n"))
	}
	r := report{counts: map[string]int{}, statuses: map[string]string{}}
	r.readTests(sections[testSection])
	for name, count := range rows(sections[countSection]) {
		n, err := strconv.Atoi(count)
		if err != nil {
			return report{}, fmt.Errorf("count of %s: %w", name, err)
		}
		r.counts[name] = n
	}
	maps.Insert(r.statuses, rows(sections[apiSection]))
	maps.Insert(r.statuses, rows(sections[dataSection]))
	err := yaml.Unmarshal([]byte(strings.Join(sections[configSection], "\n")), &r.config)
	return r, err
}

// opens returns the section that a line opens, or nothing.
func opens(line string) string {
	for _, name := range []string{testSection, configSection, countSection, apiSection, dataSection} {
		if strings.HasPrefix(line, name) {
			return name
		}
	}
	return ""
}

// rows reads lines of the form "  Blob get....:  Pass".
func rows(lines []string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, line := range lines {
			if m := dotted.FindStringSubmatch(line); m != nil && !yield(m[1], m[2]) {
				return
			}
		}
	}
}

// readTests collects the tests with another status than Pass, and the lines of
// errors that follow them.
func (r *report) readTests(lines []string) {
	var passed bool
	for _, line := range lines {
		if m := tested.FindStringSubmatch(line); m != nil {
			passed = m[2] == "Pass"
			if m[2] == "Skip" {
				r.skipped = append(r.skipped, m[1])
			}
		}
		if !passed {
			r.problems = append(r.problems, line)
		}
	}
	slices.Sort(r.skipped)
}
