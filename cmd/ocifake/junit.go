package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// JUnit's XML, as far as CI systems read it.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
	}
)

// writeJUnit writes how the command ended, and what became of the expectations.
func (c *runConfig) writeJUnit(args []string, ended ended, verdicts []verdict) error {
	if c.junit == "" {
		return nil
	}
	suite := junitSuite{Name: "ocifake"}
	add := func(name, failure string) {
		test := junitCase{Class: "ocifake", Name: name}
		if failure != "" {
			test.Failure = &junitFailure{failure}
			suite.Failures++
		}
		suite.Tests++
		suite.Cases = append(suite.Cases, test)
	}
	failure := ""
	if ended.status != 0 {
		failure = fmt.Sprintf("exit status %d", ended.status)
		if ended.err != nil {
			failure += ": " + ended.err.Error()
		}
	}
	add(strings.Join(args, " "), failure)
	for _, v := range verdicts {
		failure = ""
		if v.err != nil {
			failure = v.err.Error()
		}
		add(v.String(), failure)
	}
	err := writeFileBy(context.Background(), c.junit, func(w io.Writer) error {
		text, err := xml.MarshalIndent(suite, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
		return err
	})
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return nil
}
