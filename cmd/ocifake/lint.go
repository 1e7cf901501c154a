package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/record"
)

func newLint() *cobra.Command {
	var r remote
	c := &lintConfig{}
	cmd := &cobra.Command{
		Use:   "lint [flags] [FILE|URL]",
		Short: "Judge clients by their recorded requests",
		Long: `Judge clients by their recorded requests: those of a running ocifake, or of a file. The file
is JSON Lines that ocifake wrote, or an HTTP Archive (HAR) that ocifake, a browser or a proxy
wrote in front of any registry; - is stdin.

Each finding has a severity:

  must         a specification requires it of clients; the sentence is quoted
  portability  a real registry refuses such a client
  should       a specification recommends it to clients; the sentence is quoted
  waste        it costs time or requests, and nothing else

Findings of the severities of --fail are an error, by default must and portability. All are
printed. --ignore ignores a rule, with a reason. A rule that cannot judge, because the
recording lacks requests or bodies, says so. --rules prints the rules.

Exit status: 0 if there is no finding of a severity of --fail; 1 if there is one; 2 if the
command line, an input file or the file of --sarif is invalid; 3 if no ocifake responds.`,
		Example: `  ocifake lint
  ocifake lint requests.jsonl
  ocifake lint --ignore 'manifest-before-content=example/app#12' --sarif lint.sarif traffic.har
  ocifake lint --fail must,portability,should --json http://127.0.0.1:5000
  ocifake lint --rules`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
		PreRunE: func(cmd *cobra.Command, args []string) error { return c.complete(&r, args) },
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case c.list:
			return action(func(cmd *cobra.Command) error { return writeRules(terminal.Writer(cmd.OutOrStdout())) })(cmd, nil)
		case c.file != "":
			name := c.file
			if name == "-" {
				name = "stdin"
			}
			j := &judgedFile{name: name}
			if err := readRecording(cmd.Context(), c.file, cmd.InOrStdin(), j.read); err != nil {
				return wrongInput(err)
			}
			return action(func(cmd *cobra.Command) error { return c.judge(cmd, j) })(cmd, nil)
		}
		return r.action(func(cmd *cobra.Command, api *client, _ []string) error {
			log, dropped, err := api.log(cmd.Context())
			if err != nil {
				return err
			}
			j := &judgedFile{name: "requests.jsonl", report: lint.Check(log)}
			if dropped > 0 {
				j.notes = append(j.notes, fmt.Sprintf("The oldest %d requests were dropped from the record, and are not judged: raise --max-record of ocifake serve.", dropped))
			}
			return c.judge(cmd, j)
		})(cmd, args)
	}
	bind(cmd, []flagGroup{{"Judgement", []flagRow{
		{"ignore", "ignore the rule of this `RULE=REASON`; repeatable", &c.ignore},
		{"fail", "severities that are an error, separated by commas: must, portability, should, waste (default must,portability)", &c.fail},
		{"rules", "print the rules, and do nothing else", &c.list},
	}}, {"Output (default: text)", []flagRow{
		{"json", "print the report as JSON", &c.json},
		{"sarif", "also write the report to this `file` as SARIF 2.1.0", (*fileName)(&c.sarif)},
	}}, r.flags()})
	return cmd
}

// lintConfig holds the flags of lint.
type lintConfig struct {
	lintRules
	list, json bool
	sarif      string // file name
	file       string // name of the recording; empty: of a running ocifake
	targets    map[string]*target
}

const sarifFlag = "--sarif"

// lintRules says which findings are errors.
type lintRules struct {
	ignore ignoredRules
	fail   failing
}

// failed returns the findings that are errors.
func (c *lintRules) failed(r lint.Report) []lint.Finding { return r.Failing(c.fail...) }

// clientLint holds the flags of serve and run that judge clients.
type clientLint struct {
	on bool
	lintRules
}

// judge judges the clients of a registry, prints what is no error, and returns a verdict for each
// rule that failed, or one if none did.
func (c *clientLint) judge(f *fixture, stderr io.Writer) verdicts {
	if !c.on {
		return nil
	}
	log := f.recorder.Log()
	report, err := lint.Check(log).Ignoring(c.ignore...)
	if err != nil {
		return verdicts{{what: "lint", err: err}}
	}
	if dropped := f.recorder.Dropped(); dropped > 0 {
		f.log.Warn("the oldest requests were dropped from the record and are not judged: raise --max-record", "missing", dropped)
	}
	failed := c.failed(report)
	if len(report.Findings)+len(report.Unjudged) > 0 {
		_ = report.WriteText(stderr) // there is no other place for an error
	}
	if len(failed) == 0 {
		return verdicts{{what: "lint"}}
	}
	var all verdicts
	for _, one := range failed {
		all = append(all, verdict{what: "lint " + one.Rule, err: errors.New(one.String()), journal: journalText(log.JournalMarking(one.Is))})
	}
	return all
}

// complete decides where the recording is, and resolves the output file.
func (c *lintConfig) complete(r *remote, args []string) (err error) {
	if c.list && (len(args) > 0 || c.json || c.sarif != "") {
		return errors.New("--rules excludes --json, --sarif and a FILE")
	}
	if len(args) > 0 {
		if strings.HasPrefix(args[0], "http://") || strings.HasPrefix(args[0], "https://") {
			if r.url != "" {
				return errors.New("an argument that is a URL excludes --url")
			}
			r.url = args[0]
		} else {
			c.file = args[0]
		}
	}
	c.targets, err = findTargets([]namedFile{{sarifFlag, c.sarif}}, []namedFile{{"FILE", c.file}})
	return err
}

// judgedFile is the report of a recording, and what else there is to say about it.
type judgedFile struct {
	name   string // of the recording
	report lint.Report
	notes  []string
}

// read judges a recording while it is read.
func (j *judgedFile) read(in io.Reader, archive bool) error {
	if archive {
		log, err := record.ReadHAR(in)
		j.report = lint.Check(log)
		return err
	}
	l, last := lint.New(), uint64(0)
	late := 0
	for x, err := range record.ScanJSONL(in) {
		switch {
		case errors.Is(err, record.ErrCut):
			j.notes = append(j.notes, fmt.Sprintf("%s: %v; not judged", j.name, strings.TrimPrefix(err.Error(), "record: read JSON Lines: ")))
			l.Miss(1)
		case err != nil:
			return err
		case x.Seq < last: // it counts as missing
			late++
		default:
			last = x.Seq
			l.Add(x)
		}
	}
	if late > 0 {
		j.notes = append(j.notes, fmt.Sprintf("%s: %d requests come so late after the next ones that they are not judged", j.name, late))
	}
	j.report = l.Report()
	return nil
}

// judge writes the report of a recording, and fails if a finding is an error.
func (c *lintConfig) judge(cmd *cobra.Command, j *judgedFile) error {
	report, err := j.report.Ignoring(c.ignore...)
	if err != nil {
		return wrongInput(err)
	}
	if report.Requests == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "There are no requests to judge.")
	}
	for _, note := range j.notes {
		fmt.Fprintln(cmd.ErrOrStderr(), terminal.Escape(note))
	}
	if c.json {
		err = writeLint(terminal.JSONWriter(cmd.OutOrStdout()), report)
	} else {
		err = report.WriteText(cmd.OutOrStdout())
	}
	if t := c.targets[sarifFlag]; t != nil {
		err = errors.Join(err, t.write(cmd.Context(), func(w io.Writer) error { return report.WriteSARIF(w, j.name) }))
	}
	if failed := c.failed(report); len(failed) > 0 && err == nil {
		return fmt.Errorf("the client fails %s", ruleNames(failed))
	}
	return err
}

// ruleNames names the rules of findings.
func ruleNames(findings []lint.Finding) string {
	var names []string
	for _, f := range findings {
		if !slices.Contains(names, f.Rule) {
			names = append(names, f.Rule)
		}
	}
	return strings.Join(names, ", ")
}

// writeLint writes a report as JSON.
func writeLint(w io.Writer, r lint.Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// writeRules writes the rules as a table.
func writeRules(w io.Writer) error {
	for _, r := range lint.Rules() {
		fails := ""
		if len(r.Profiles) > 0 {
			fails = "; fails on " + strings.Join(r.Profiles, ", ")
		}
		if _, err := fmt.Fprintf(w, "%-29s%-13s%s%s\n", r.ID, r.Severity, r.Title, fails); err != nil {
			return err
		}
	}
	return nil
}

// readRecording opens a recording, or stdin for "-", and calls a function that reads it, until ctx
// ends. archive tells that it is an HTTP Archive in place of JSON Lines.
func readRecording(ctx context.Context, name string, stdin io.Reader, read func(in io.Reader, archive bool) error) error {
	done := make(chan error, 1)
	go func() { done <- openRecording(name, stdin, read) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("read %s: %w", name, ctx.Err())
	}
}

func openRecording(name string, stdin io.Reader, read func(in io.Reader, archive bool) error) error {
	if name == "-" {
		return parseRecording(stdin, "stdin", read)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return parseRecording(f, name, read)
}

func parseRecording(in io.Reader, name string, read func(in io.Reader, archive bool) error) error {
	start := make([]byte, 512)
	n, err := io.ReadFull(in, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", name, err)
	}
	start = start[:n]
	if err := read(io.MultiReader(bytes.NewReader(start), in), isArchive(start)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readLog reads a recording whole.
func readLog(ctx context.Context, name string, stdin io.Reader) (record.Log, error) {
	var log record.Log
	err := readRecording(ctx, name, stdin, func(in io.Reader, archive bool) (err error) {
		read := record.ReadJSONL
		if archive {
			read = record.ReadHAR
		}
		log, err = read(in)
		return err
	})
	if err != nil {
		return nil, err // the reading may go on
	}
	return log, nil
}

// isArchive reports whether a text begins as an HTTP Archive does: it has the member "log" before
// the first exchange. The lines of JSON Lines begin with the number of the exchange.
func isArchive(text []byte) bool {
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), " \t\r\n")
	return !bytes.HasPrefix(text, []byte(`{"seq"`)) && bytes.Contains(text, []byte(`"log"`))
}

// log returns the record of a running ocifake, and the number of requests that it has dropped.
func (c *client) log(ctx context.Context) (record.Log, int, error) {
	var text bytes.Buffer
	if err := c.copy(ctx, &text, "requests.jsonl", url.Values{}); err != nil {
		return nil, 0, err
	}
	log, err := record.ReadJSONL(&text)
	if err != nil {
		return nil, 0, err
	}
	dropped, err := c.dropped(ctx)
	return log, dropped, err
}

// ignoredRules are the values of --ignore.
type ignoredRules []lint.Ignored

func (i *ignoredRules) Type() string { return "RULE=REASON" }

func (i *ignoredRules) String() string {
	var all []string
	for _, one := range *i {
		all = append(all, one.String())
	}
	return strings.Join(all, ",")
}

// Set parses a rule and the reason.
func (i *ignoredRules) Set(s string) error {
	one, err := lint.ParseIgnored(s)
	if err == nil {
		*i = append(*i, one)
	}
	return err
}

// failing are the severities of --fail.
type failing []lint.Severity

func (f *failing) Type() string { return "severities" }

func (f *failing) String() string {
	var all []string
	for _, s := range *f {
		all = append(all, s.String())
	}
	return strings.Join(all, ",")
}

// Set parses severities, separated by commas.
func (f *failing) Set(s string) error {
	*f = nil
	for word := range strings.SplitSeq(s, ",") {
		var severity lint.Severity
		if err := severity.UnmarshalText([]byte(strings.TrimSpace(word))); err != nil {
			return err
		}
		*f = append(*f, severity)
	}
	return nil
}
