package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/profiles"
)

const strictName = "strict"

func newProfilesUse() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "use [flags] NAME|FILE|strict",
		Short: "Change the profile of a running ocifake",
		Long: `Change the profile of a running ocifake, for requests that begin afterwards. "strict" is
the registry without a profile. Content and upload sessions stay, all tokens are revoked,
and the limits of the profile begin again. Options and users of "ocifake serve" still take
precedence. If the registry cannot have the profile, nothing changes.` + exitHelp,
		Example: `  ocifake profiles use ecr
  ocifake profiles use mine.yaml --url http://127.0.0.1:5001
  ocifake profiles use strict`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return append(profiles.Names(), strictName), cobra.ShellCompDirectiveDefault
		},
		RunE: r.action(func(cmd *cobra.Command, c *client, args []string) error {
			p, err := c.useProfile(cmd.Context(), args[0], cmd.InOrStdin())
			if err == nil && p.Warning != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), terminal.Escape(p.Warning))
			}
			return err
		}),
	}
	bind(cmd, []flagGroup{r.flags()})
	return cmd
}

// usedProfile is the profile of a running ocifake.
type usedProfile struct {
	Name, Title, Warning string
	Facts                []profiles.Fact
}

// useProfile changes the profile to the one with a name, or the one in a file.
func (c *client) useProfile(ctx context.Context, nameOrFile string, stdin io.Reader) (p usedProfile, err error) {
	method, path, from := http.MethodPost, "profiles/"+url.PathEscape(nameOrFile), (*body)(nil)
	if _, err := profiles.Find(nameOrFile); err != nil && nameOrFile != strictName && (nameOrFile == "-" || isFileName(nameOrFile)) {
		text, err := readInput(ctx, nameOrFile, stdin)
		if err != nil {
			return p, err
		}
		method, path, from = http.MethodPut, "profile", &body{bytes.NewReader(text), "application/yaml", int64(len(text))}
	}
	answer, err := c.send(ctx, method, path, nil, from)
	if err != nil {
		return p, err
	}
	return p, decode(answer, &p)
}

func newProfilesCurrent() *cobra.Command {
	var r remote
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "current [flags]",
		Short:   "Print the profile of a running ocifake",
		Long:    `Print the profile of a running ocifake: its facts, with the evidence of each.` + exitHelp,
		Example: `  ocifake profiles current`,
		Args:    cobra.NoArgs,
		RunE: r.action(func(cmd *cobra.Command, c *client, _ []string) error {
			if asJSON {
				var p json.RawMessage
				if err := c.call(cmd.Context(), http.MethodGet, "profile", nil, nil, &p); err != nil {
					return err
				}
				return printJSON(cmd.OutOrStdout(), p)
			}
			var p usedProfile
			if err := c.call(cmd.Context(), http.MethodGet, "profile", nil, nil, &p); err != nil {
				return err
			}
			return printFacts(terminal.Writer(cmd.OutOrStdout()), p.Name, p.Title, p.Facts)
		}),
	}
	bind(cmd, []flagGroup{{"Output", []flagRow{{"json", "print JSON", &asJSON}}}, r.flags()})
	return cmd
}
