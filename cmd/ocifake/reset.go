package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func newReset() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "reset [flags] [requests] [faults] [content] [tokens]",
		Short: "Set a running ocifake back to how it started",
		Long: `Set a running ocifake back to how it started: all of it, or what is named.

  requests  none is on record
  faults    the rules are those that it was started with
  content   is what it was started with; upload sessions are gone
  tokens    no token that was given out is valid any more` + exitHelp,
		Example: `  ocifake reset
  ocifake reset requests faults`,
		Args:      onlyWords,
		ValidArgs: []string{"requests", "faults", "content", "tokens"},
		RunE: r.action(func(cmd *cobra.Command, c *client, args []string) error {
			query := url.Values{}
			if len(args) > 0 {
				query.Set("what", strings.Join(args, ","))
			}
			return c.call(cmd.Context(), http.MethodPost, "reset", query, nil, nil)
		}),
	}
	bind(cmd, []flagGroup{r.flags()})
	return cmd
}

func newTokens() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tokens",
		Short: "Revoke the tokens that a running ocifake gave out",
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
		Short: "Make all tokens invalid that were given out",
		Long: `Make all tokens invalid that a running ocifake gave out, also in the middle of a
push: clients must ask for new ones.

Exit status: 0 when it is done, 1 when it failed, as when the ocifake gives out no
tokens, 2 when the command line is wrong, 3 when there is no ocifake.`,
		Example: `  ocifake tokens revoke`,
		Args:    cobra.NoArgs,
		RunE: r.action(func(cmd *cobra.Command, c *client, _ []string) error {
			return c.call(cmd.Context(), http.MethodPost, "tokens/revoke", nil, nil, nil)
		}),
	}
	bind(cmd, []flagGroup{r.flags()})
	return cmd
}
