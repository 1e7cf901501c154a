package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/record"
)

// expectationHelp says how expectations are written.
const expectationHelp = `
An expectation is filters and, behind them, measures; without a measure there must
be at least one request. Each is one argument, in quotes, or a file with one in each
line (# begins a comment):

  'op=blob.get repo=app count<=3'
  'op=manifest.put status=2xx count==1'
  'op=blob.get inflight<=4 repeated==0'
  'status=5xx count==0'

Measures are count, inflight, repeated (contents fetched whole more than once),
connections, bytesin and bytesout; "ocifake requests --help" has the filters.`

func newAssert() *cobra.Command {
	return newJudgement(judgement{whole: true}, "time to wait for all to hold", cobra.Command{
		Use:   "assert [flags] EXPECTATION...",
		Short: "Fail if a running ocifake was not asked what it was to be",
		Long: `Judge what a running ocifake was asked. If an expectation does not hold, say
which, and print the requests, with those marked that come near.
` + expectationHelp + `

Exit status: 0 when all hold, 1 when one does not, or the command failed, 2 when the
command line is wrong, 3 when there is no ocifake.`,
		Example: `  ocifake assert 'op=blob.get repo=app count<=3'
  ocifake assert --timeout 5s 'op=manifest.put tag=v1 status=201 count==1' 'status=5xx count==0'
  ocifake assert --json expectations.txt`,
	})
}

func newWait() *cobra.Command {
	return newJudgement(judgement{timeout: 30 * time.Second}, "time after which to fail", cobra.Command{
		Use:   "wait [flags] EXPECTATION...",
		Short: "Wait until a running ocifake was asked something",
		Long: `Wait until an expectation holds of what a running ocifake was asked, or all of
several do at the same time. What has been asked before counts too; "ocifake reset
requests" forgets it.
` + expectationHelp + `

Exit status: 0 when all hold, 1 when they did not in time, or the command failed, 2
when the command line is wrong, 3 when there is no ocifake.`,
		Example: `  ocifake wait 'op=manifest.put repo=app tag=v1 status=201'
  ocifake wait --timeout 2m 'op=blob.get status=200 count>=5'`,
	})
}

// maxTimeout is that of the API.
const maxTimeout = time.Hour

// judgement is what the flags of assert and wait say.
type judgement struct {
	whole   bool // all requests must be on record
	timeout time.Duration
	json    bool
	expect  expectations
}

func newJudgement(j judgement, timeout string, cmd cobra.Command) *cobra.Command {
	var r remote
	cmd.Args = func(cmd *cobra.Command, args []string) error { return j.read(cmd.Context(), args) }
	cmd.ValidArgsFunction = completeFilters
	cmd.RunE = r.action(func(cmd *cobra.Command, c *client, _ []string) error {
		return j.run(cmd.Context(), c, cmd.OutOrStdout())
	})
	bind(&cmd, []flagGroup{{"Judgement", []flagRow{
		{"timeout", timeout, &j.timeout},
		{"json", "print the judgement as JSON", &j.json},
	}}, r.flags()})
	return &cmd
}

// read reads expectations. Several words in place of one argument are refused: they
// could be meant as one expectation, or as one each.
func (j *judgement) read(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("want an expectation, such as 'op=blob.get count<=3'")
	}
	if len(args) > 1 && !slices.ContainsFunc(args, func(arg string) bool { return !isWord(arg) }) {
		return errors.New("want each expectation as one argument, in quotes: '" + strings.Join(args, " ") + "'")
	}
	j.expect = expectations{}
	for _, arg := range args {
		if err := j.expect.Set(arg); err != nil {
			return err
		}
	}
	if err := j.expect.read(ctx); err != nil {
		return err
	}
	if j.timeout < 0 || j.timeout > maxTimeout {
		return fmt.Errorf("--timeout: want a time from 0s to %v", maxTimeout)
	}
	return nil
}

// isWord reports whether an argument is an expectation of one word.
func isWord(arg string) bool {
	_, err := record.ParseExpectation(arg)
	return err == nil && len(strings.Fields(arg)) == 1
}

// What the API is asked, and what it answers.
type (
	judgeRequest struct {
		Expect  []string `json:"expect"`
		Timeout string   `json:"timeout"`
	}
	judgeAnswer struct {
		OK      bool `json:"ok"`
		Results []struct {
			Expect  string `json:"expect"`
			OK      bool   `json:"ok"`
			Message string `json:"message,omitempty"`
		} `json:"results"`
		Journal string `json:"journal,omitempty"`
	}
)

func (j *judgement) run(ctx context.Context, c *client, out io.Writer) error {
	ask := judgeRequest{Timeout: j.timeout.String()}
	for _, e := range j.expect.all {
		ask.Expect = append(ask.Expect, e.String())
	}
	var answer judgeAnswer
	if err := c.call(ctx, http.MethodPost, "expectations", nil, ask, &answer); err != nil {
		return err
	}
	if j.json {
		if err := printJSON(out, answer); err != nil {
			return err
		}
	}
	if answer.OK {
		return j.checkWhole(ctx, c)
	}
	var failed []string
	for _, r := range answer.Results {
		if !r.OK {
			failed = append(failed, r.Message)
		}
	}
	return errors.New(strings.Join(failed, "\n") + "\n" + strings.TrimSuffix(answer.Journal, "\n"))
}

// checkWhole is an error if requests were forgotten: nobody knows what they were.
func (j *judgement) checkWhole(ctx context.Context, c *client) error {
	if !j.whole {
		return nil
	}
	dropped, err := c.dropped(ctx)
	if err == nil && dropped > 0 {
		err = fmt.Errorf("all hold of what is on record, but the oldest %d requests are forgotten: remember more with --max-record of ocifake serve", dropped)
	}
	return err
}
