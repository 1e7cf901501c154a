package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/record"
)

func newRequests() *cobra.Command {
	var r remote
	var c requestsConfig
	cmd := &cobra.Command{
		Use:   "requests [flags] [FILTER...]",
		Short: "Show the recorded requests of a running ocifake",
		Long: `Show the recorded requests of a running ocifake: all, or those that match all filters.
Examples of filters:

  op=blob.get  repo=team/*  tag=v1  digest=sha256:…  status=5xx  code=*_UNKNOWN
  fault=NAME  faulted  subject=ci  ua=containerd  since=12  open  cut  left

A ! before a filter, or before its =, negates it. Commas separate alternatives. Quote
values that contain spaces: 'fault="at first"'.

With --follow, the command also shows new requests when they end, until SIGINT or SIGTERM,
or until the ocifake ends. It reconnects after a lost connection.` + exitHelp,
		Example: `  ocifake requests
  ocifake requests op=blob.get status=5xx
  ocifake requests --follow repo=app '!faulted'
  ocifake requests --json | jq -r 'select(.status >= 400) | .target'
  ocifake requests --har requests.har`,
		Args:              filterArgs,
		ValidArgsFunction: completeFilters,
		PreRunE:           func(_ *cobra.Command, args []string) error { return c.check(args) },
		RunE: r.action(func(cmd *cobra.Command, client *client, args []string) error {
			return c.run(cmd.Context(), client, strings.Join(args, " "), cmd.OutOrStdout(), cmd.ErrOrStderr())
		}),
	}
	bind(cmd, []flagGroup{{"Output (default: a table)", []flagRow{
		{"json", "print JSON Lines", &c.json},
		{"follow", "also show new requests when they end", &c.follow},
		{"har", "write an HTTP Archive (HAR) to this `file`, or to stdout for -", (*fileName)(&c.har)},
		{"clear", "delete all requests afterwards", &c.clear},
	}}, r.flags()})
	return cmd
}

// filterArgs validates arguments that are filters.
func filterArgs(_ *cobra.Command, args []string) error {
	_, err := record.ParseFilters(strings.Join(args, " "))
	return err
}

type requestsConfig struct {
	json, follow, clear bool
	har                 string // file name
}

func (c *requestsConfig) check(filters []string) error {
	switch {
	case c.har != "" && (c.json || c.follow):
		return errors.New("--har excludes --json and --follow")
	case c.clear && c.follow:
		return errors.New("--follow excludes --clear")
	case c.clear && len(filters) > 0:
		return errors.New("--clear deletes all requests: use it without filters")
	}
	return nil
}

func (c *requestsConfig) run(ctx context.Context, api *client, filter string, out, stderr io.Writer) error {
	query := url.Values{}
	if filter != "" {
		query.Set("filter", filter)
	}
	if err := c.show(ctx, api, query, out); err != nil || c.follow {
		return err
	}
	dropped, err := api.dropped(ctx)
	if err != nil {
		return err
	}
	if dropped > 0 {
		fmt.Fprintf(stderr, "The oldest %d requests were dropped from the record: raise --max-record of ocifake serve.\n", dropped)
	}
	if !c.clear {
		return nil
	}
	return api.call(ctx, http.MethodDelete, "requests", nil, nil, nil)
}

func (c *requestsConfig) show(ctx context.Context, api *client, query url.Values, out io.Writer) error {
	switch {
	case c.follow && c.json:
		w := terminal.JSONWriter(out)
		return api.follow(ctx, query, func(x record.Exchange) error { return record.Log{x}.WriteJSONL(w) })
	case c.follow:
		lines := &journalLines{w: out}
		return api.follow(ctx, query, lines.write)
	case c.har != "":
		return api.download(ctx, harFlag, c.har, terminal.JSONWriter(out), "requests.har", query)
	case c.json:
		return api.copy(ctx, terminal.JSONWriter(out), "requests.jsonl", query)
	}
	return api.copy(ctx, terminal.Writer(out), "journal.txt", query)
}

// dropped returns the number of requests that were dropped from the record.
func (c *client) dropped(ctx context.Context) (int, error) {
	var list struct{ Dropped int }
	err := c.call(ctx, http.MethodGet, "requests", url.Values{"limit": {"1"}}, nil, &list)
	return list.Dropped, err
}

// download writes the response to a request to a file, or to out for "-".
func (c *client) download(ctx context.Context, flag, name string, out io.Writer, path string, query url.Values) error {
	if name == "-" {
		return c.copy(ctx, out, path, query)
	}
	t, err := findTarget(flag, name)
	if err != nil {
		return wrongInput(err)
	}
	err = t.write(ctx, func(w io.Writer) error { return c.copy(ctx, w, path, query) })
	var status *exit
	if errors.As(err, &status) { // not an error of the file
		return status
	}
	return err
}
