package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/faults"
)

func newFaults() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "faults",
		Short: "Show the ways in which a registry can fail",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFaultsKnown())
	return cmd
}

func newFaultsKnown() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "known [NAME]",
		Short: "List faults that real registries have shown, or show one",
		Long: `List faults that real registries have shown to real clients: their names, and
what happens on the wire. With a name, show everything about that one; what is
printed is a file of rules, in YAML.`,
		Example: `  ocifake faults known
  ocifake faults known reset-mid-blob > rules.yaml
  ocifake faults known --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return action(func(cmd *cobra.Command) error { return listKnown(cmd.OutOrStdout(), asJSON) })(cmd, args)
			}
			preset, err := faults.FindKnown(args[0])
			if err != nil {
				return err
			}
			return action(func(cmd *cobra.Command) error { return showKnown(cmd.OutOrStdout(), preset, asJSON) })(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the rules")
	return cmd
}

// knownFault is a preset in JSON.
type knownFault struct {
	faults.Preset
	Rules []faults.Rule `json:"rules"`
}

func listKnown(w io.Writer, asJSON bool) error {
	if asJSON {
		var all []knownFault
		for _, p := range faults.Known() {
			all = append(all, knownFault{p, p.Rules()})
		}
		return printJSON(w, all)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range faults.Known() {
		fmt.Fprintf(table, "%s\t%s\n", p.Name, p.What)
	}
	return table.Flush()
}

func showKnown(w io.Writer, p faults.Preset, asJSON bool) error {
	if asJSON {
		return printJSON(w, knownFault{p, p.Rules()})
	}
	text, err := json.Marshal(p.Rules())
	if err != nil {
		return err
	}
	rules, err := yaml.JSONToYAML(text)
	if err != nil {
		return err
	}
	end := "It does not get through."
	if p.Recovers {
		end = "It gets through in the end."
	}
	_, err = fmt.Fprintf(w, "# %s: %s.\n#\n# A correct client %s. %s\n#\n# Met by %s:\n#   %s\n%s",
		p.Name, p.What, p.Correct, end, strings.Join(p.Clients, ", "), strings.Join(p.Citations, "\n#   "), rules)
	return err
}

func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
