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

// expectationHelp describes the syntax of expectations.
const expectationHelp = `
An expectation is a list of filters, optionally followed by measures. Without a
measure, at least one request must match. Pass each expectation as one quoted
argument, or pass a file with one expectation per line (# starts a comment):

  'op=blob.get repo=app count<=3'
  'op=manifest.put status=2xx count==1'
  'op=blob.get,external inflight<=4 repeated==0'
  'status=5xx count==0'

Measures are count, inflight, repeated (blobs or manifests fetched completely more than once),
connections, bytesin and bytesout. "ocifake requests --help" describes filters.`

func newAssert() *cobra.Command {
	return newJudgement(judgement{whole: true}, "maximum `duration` to wait until all expectations hold", cobra.Command{
		Use:   "assert [flags] EXPECTATION...",
		Short: "Check expectations about the requests to a running ocifake",
		Long: `Check expectations about the requests to a running ocifake. If one fails, print it
and the requests, and mark the requests that match its filters.
` + expectationHelp + `

Exit status: 0 if all expectations hold, 1 if one fails or on any other error, 2 if the
command line is invalid, 3 if no ocifake responds.`,
		Example: `  ocifake assert 'op=blob.get repo=app count<=3'
  ocifake assert --timeout 5s 'op=manifest.put tag=v1 status=201 count==1' 'status=5xx count==0'
  ocifake assert --json expectations.txt`,
	})
}

func newWait() *cobra.Command {
	return newJudgement(judgement{timeout: 30 * time.Second}, "maximum `duration` to wait", cobra.Command{
		Use:   "wait [flags] EXPECTATION...",
		Short: "Wait until expectations about the requests to a running ocifake hold",
		Long: `Wait until all expectations about the requests to a running ocifake hold at the same
time. Earlier requests count, too; "ocifake reset requests" deletes them.
` + expectationHelp + `

Exit status: 0 if all expectations hold, 1 on timeout or any other error, 2 if the
command line is invalid, 3 if no ocifake responds.`,
		Example: `  ocifake wait 'op=manifest.put repo=app tag=v1 status=201'
  ocifake wait --timeout 2m 'op=blob.get status=200 count>=5'`,
	})
}

// maxTimeout is the limit of the API.
const maxTimeout = time.Hour

// judgement holds the flags of assert and wait.
type judgement struct {
	whole   bool // fail if requests were dropped from the record
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
		{"json", "print the result as JSON", &j.json},
	}}, r.flags()})
	return &cmd
}

// read parses expectations. It refuses several one-word arguments, because they are ambiguous: they
// could be one expectation or several.
func (j *judgement) read(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("missing expectation: want for example 'op=blob.get count<=3'")
	}
	if len(args) > 1 && !slices.ContainsFunc(args, func(arg string) bool { return !isWord(arg) }) {
		return errors.New("ambiguous expectations: quote each expectation as one argument: '" + strings.Join(args, " ") + "'")
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
		return fmt.Errorf("--timeout: want a duration from 0s to %v", maxTimeout)
	}
	return nil
}

// isWord reports whether an argument is a single word.
func isWord(arg string) bool {
	_, err := record.ParseExpectation(arg)
	return err == nil && len(strings.Fields(arg)) == 1
}

// Request and response of the API.
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

// checkWhole returns an error if requests were dropped from the record.
func (j *judgement) checkWhole(ctx context.Context, c *client) error {
	if !j.whole {
		return nil
	}
	dropped, err := c.dropped(ctx)
	if err == nil && dropped > 0 {
		err = fmt.Errorf("all expectations hold for the recorded requests, but the oldest %d requests were dropped from the record: raise --max-record of ocifake serve", dropped)
	}
	return err
}
