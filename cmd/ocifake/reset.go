package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func newReset() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "reset [flags] [requests] [faults] [profile] [content] [tokens]",
		Short: "Reset a running ocifake to its initial state",
		Long: `Reset a running ocifake to its initial state, or only the named parts:

  requests  delete all recorded requests
  faults    restore the initial fault rules
  profile   restore the initial profile, and begin its limits again
  content   restore the initial content, and end all upload sessions; that of
            another registry, with --upstream, stays as it is
  tokens    revoke all issued tokens` + exitHelp,
		Example: `  ocifake reset
  ocifake reset requests faults`,
		Args:      onlyWords,
		ValidArgs: []string{"requests", "faults", "profile", "content", "tokens"},
		RunE: r.action(func(cmd *cobra.Command, c *client, args []string) error {
			query := url.Values{}
			if len(args) > 0 {
				query.Set("what", strings.Join(args, ","))
			}
			var left struct{ Message string } // empty if nothing was
			err := c.call(cmd.Context(), http.MethodPost, "reset", query, nil, &left)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if left.Message != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), "ocifake reset: "+left.Message)
			}
			return err
		}),
	}
	bind(cmd, []flagGroup{r.flags()})
	return cmd
}

func newTokens() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tokens",
		Short: "Manage the tokens of a running ocifake",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTokensRevoke())
	return cmd
}

func newTokensRevoke() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "revoke [flags]",
		Short: "Revoke all issued tokens",
		Long: `Revoke all tokens that a running ocifake has issued, even during a push. Clients must
request new ones.

Exit status: 0 on success, 1 on an error, for example if the ocifake does not issue tokens,
2 if the command line is invalid, 3 if no ocifake responds.`,
		Example: `  ocifake tokens revoke`,
		Args:    cobra.NoArgs,
		RunE: r.action(func(cmd *cobra.Command, c *client, _ []string) error {
			return c.call(cmd.Context(), http.MethodPost, "tokens/revoke", nil, nil, nil)
		}),
	}
	bind(cmd, []flagGroup{r.flags()})
	return cmd
}
