package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
)

func newFaultsKnown() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "known [NAME]",
		Short: "List faults that real registries have shown, or show one",
		Example: `  ocifake faults known
  ocifake faults known reset-mid-blob > rules.yaml
  ocifake faults known --json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeKnown,
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
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Long = `List faults that real registries have shown to real clients: their names, and
what happens on the wire. With a name, show everything about that one; what is
printed is a file of rules, in YAML.

` + magicHelp() // made when it is wanted: every start would pay for it
		help(cmd, args)
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the rules")
	return cmd
}

// knownFault is a preset in JSON.
type knownFault struct {
	faults.Preset
	Magic bool          `json:"magic"` // it can be chosen by name in a reference
	Rules []faults.Rule `json:"rules"`
}

func newKnownFault(p faults.Preset) knownFault {
	return knownFault{p, p.Magic() == nil, p.Rules()}
}

func listKnown(w io.Writer, asJSON bool) error {
	if asJSON {
		var all []knownFault
		for _, p := range faults.Known() {
			all = append(all, newKnownFault(p))
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
		return printJSON(w, newKnownFault(p))
	}
	rules, err := config.YAML(p.Rules())
	if err != nil {
		return err
	}
	end := "It does not get through."
	if p.Recovers {
		end = "It gets through in the end."
	}
	magic := "With --magic: HOST/fault/" + p.Name + "/REPOSITORY"
	if err := p.Magic(); err != nil {
		magic = "Not by name in a reference: it " + strings.TrimPrefix(err.Error(), p.Name+" ") + "."
	}
	_, err = fmt.Fprintf(w, "# %s: %s.\n#\n# A correct client %s. %s\n#\n# %s\n#\n# Met by %s:\n#   %s\n%s",
		p.Name, p.What, p.Correct, end, magic, strings.Join(p.Clients, ", "), strings.Join(p.Citations, "\n#   "), rules)
	return err
}
