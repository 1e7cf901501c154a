package main

import (
	"bytes"
	"context"
	"encoding/json"
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

func newFaults() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "faults",
		Short: "Manage the fault rules of a running ocifake, and list known faults",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFaultsAdd(), newFaultsList(), newFaultsRemove(), newFaultsClear(),
		newFaultsEnable(true), newFaultsEnable(false), newFaultsKnown())
	return cmd
}

const exitHelp = `

Exit status: 0 on success, 1 on an error, 2 if the command line is invalid, 3 if no
ocifake responds.`

func newFaultsAdd() *cobra.Command {
	var r remote
	var where string
	cmd := &cobra.Command{
		Use:   "add [flags] FILE|-|known:NAME",
		Short: "Add fault rules to a running ocifake",
		Long: `Add fault rules to a running ocifake, after the existing rules. The rules come from a
YAML or JSON file, from stdin with "-", or from a known fault, optionally restricted to
the requests that match --where. Either all rules are added, or none. The command prints
the names of the rules, one per line.

Rules for connections (connect: true) also apply to the connections of this command,
unless the control API has its own address, set with --control-addr.` + exitHelp,
		Example: `  ocifake faults add rules.yaml
  ocifake faults add known:reset-mid-blob --where 'repo=app'
  echo '{where: op=blob.get, times: 2, do: [{status: {code: 503}}]}' | ocifake faults add -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(1)(cmd, args); err != nil {
				return err
			}
			if where != "" && !strings.HasPrefix(args[0], knownPrefix) {
				return errors.New("--where needs known:NAME: set where in the rules of a file instead")
			}
			if _, err := record.ParseFilters(where); err != nil {
				return fmt.Errorf("--where: %w", err)
			}
			return nil
		},
		ValidArgsFunction: completeKnownOrFile,
		RunE: r.action(func(cmd *cobra.Command, c *client, args []string) error {
			added, err := c.addFaults(cmd.Context(), args[0], where, cmd.InOrStdin())
			for _, rule := range added {
				fmt.Fprintln(cmd.OutOrStdout(), terminal.Escape(rule.Name))
			}
			return err
		}),
	}
	bind(cmd, []flagGroup{{"Requests", []flagRow{
		{"where", "apply the known fault only to requests that match these `filters`", &where},
	}}, r.flags()})
	completeFlag(cmd, "where", completeFilters)
	return cmd
}

const knownPrefix = "known:"

// addFaults adds the rules of a file or a known fault.
func (c *client) addFaults(ctx context.Context, from, where string, stdin io.Reader) ([]faultState, error) {
	path, query := "faults", url.Values{}
	var rules *body
	if name, ok := strings.CutPrefix(from, knownPrefix); ok {
		path = "faults/known/" + url.PathEscape(name)
		if where != "" {
			query.Set("where", where)
		}
	} else {
		text, err := readInput(ctx, from, stdin)
		if err != nil {
			return nil, err
		}
		rules = &body{bytes.NewReader(text), "application/yaml", int64(len(text))}
	}
	answer, err := c.send(ctx, http.MethodPost, path, query, rules)
	if err != nil {
		return nil, err
	}
	var added faultStates
	return added.Faults, decode(answer, &added)
}

func newFaultsRemove() *cobra.Command {
	return newFaultsChange(http.MethodDelete, nil, cobra.Command{
		Use:   "rm [flags] NAME...",
		Short: "Remove fault rules from a running ocifake",
		Long: `Remove fault rules from a running ocifake. This does not affect requests on which they
already act.` + exitHelp,
		Example: `  ocifake faults rm slow-start flaky-cdn`,
	})
}

func newFaultsEnable(on bool) *cobra.Command {
	cmd := cobra.Command{
		Use:     "enable [flags] NAME...",
		Short:   "Enable fault rules of a running ocifake",
		Long:    "Enable disabled fault rules of a running ocifake. They keep their counts." + exitHelp,
		Example: "  ocifake faults enable slow-start",
	}
	if !on {
		cmd = cobra.Command{
			Use:     "disable [flags] NAME...",
			Short:   "Disable fault rules of a running ocifake",
			Long:    "Disable fault rules of a running ocifake. Disabled rules do not count requests and do not act." + exitHelp,
			Example: "  ocifake faults disable slow-start",
		}
	}
	return newFaultsChange(http.MethodPatch, map[string]bool{"enabled": on}, cmd)
}

// newFaultsChange returns a command that changes rules by name.
func newFaultsChange(method string, change any, cmd cobra.Command) *cobra.Command {
	var r remote
	cmd.Args = cobra.MinimumNArgs(1)
	cmd.ValidArgsFunction = r.completeRules
	cmd.RunE = r.action(func(cmd *cobra.Command, c *client, names []string) error {
		var errs []error
		for _, name := range names {
			errs = append(errs, c.call(cmd.Context(), method, "faults/"+url.PathEscape(name), nil, change, nil))
		}
		return errors.Join(errs...)
	})
	bind(&cmd, []flagGroup{r.flags()})
	return &cmd
}

func newFaultsClear() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "clear [flags]",
		Short:   "Remove all fault rules from a running ocifake",
		Long:    `Remove all fault rules from a running ocifake. "ocifake reset faults" restores the initial rules.` + exitHelp,
		Example: "  ocifake faults clear",
		Args:    cobra.NoArgs,
		RunE: r.action(func(cmd *cobra.Command, c *client, _ []string) error {
			return c.call(cmd.Context(), http.MethodDelete, "faults", nil, nil, nil)
		}),
	}
	bind(cmd, []flagGroup{r.flags()})
	return cmd
}

func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(terminal.JSONWriter(w))
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
