package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/record"
)

// JUnit XML elements that CI systems read. Times are in seconds.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr,omitempty"`
		Time     string      `xml:"time,attr"`
		Begin    string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
		Output   junitText   `xml:"system-out"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Skipped *junitSkipped `xml:"skipped,omitempty"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		junitText
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
)

// newJUnitText escapes characters that are invalid in XML or unsafe in a terminal.
func newJUnitText(text string) junitText { return junitText{terminal.EscapeLines(text)} }

// newJUnit returns the results of a run: a test case for the command, one for each expectation, and
// the journal.
func newJUnit(args []string, ended ended, verdicts verdicts, log record.Log) *junitSuite {
	took := seconds(ended.took)
	suite := &junitSuite{Name: "ocifake", Time: took, Begin: ended.began.UTC().Format(time.RFC3339), Output: newJUnitText(log.Journal())}
	failure := ""
	if ended.status != 0 {
		failure = fmt.Sprintf("exit status %d", ended.status)
		if ended.err != nil {
			failure += ": " + ended.err.Error()
		}
	}
	suite.add(strings.Join(args, " "), took, failure, "")
	for _, v := range verdicts {
		failure = ""
		if v.err != nil {
			failure = v.err.Error()
		}
		suite.add(v.what, "0.000", failure, v.journal)
	}
	return suite
}

// add adds a test case, which has failed if failure is not empty.
func (s *junitSuite) add(name, took, failure, journal string) {
	test := junitCase{Class: "ocifake", Name: terminal.Escape(name), Time: took}
	if failure != "" {
		test.Failure = &junitFailure{terminal.EscapeLines(failure), newJUnitText(strings.TrimSuffix(failure+"\n"+journal, "\n"))}
		s.Failures++
	}
	s.Tests++
	s.Cases = append(s.Cases, test)
}

func (s *junitSuite) writeTo(w io.Writer) error {
	text, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

// writeJUnit writes the results if --junit is set.
func (c *runConfig) writeJUnit(ctx context.Context, f *fixture, args []string, ended ended, verdicts verdicts) error {
	t := c.targets[junitFlag]
	if t == nil {
		return nil
	}
	f.sayIfWaiting(ctx, t)
	return t.write(ctx, newJUnit(args, ended, verdicts, f.recorder.Log()).writeTo)
}
