package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/faultnames"
	"github.com/ocifake/ocifake/internal/yamltext"
)

func newFaultsKnown() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "known [NAME]",
		Short: "List known faults of real registries, or show one",
		Example: `  ocifake faults known
  ocifake faults known reset-mid-blob > rules.yaml
  ocifake faults known --json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeKnown,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return action(func(cmd *cobra.Command) error { return listKnown(cmd.OutOrStdout(), asJSON) })(cmd, args)
			}
			f, err := known.Find(args[0])
			if err != nil {
				return err
			}
			return action(func(cmd *cobra.Command) error { return showKnown(cmd.OutOrStdout(), f, asJSON) })(cmd, args)
		},
	}
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Long = `List faults that real registries have shown to real clients: their names, and
what happens on the wire. With a name, print everything about that fault, as a
file of rules in YAML.

` + faultNamesHelp() // made on demand: every start would pay for it
		help(cmd, args)
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, including the rules")
	return cmd
}

// knownFault is a known fault in JSON.
type knownFault struct {
	known.Fault
	ByName bool          `json:"byName"` // it can be chosen by name in a reference
	Rules  []faults.Rule `json:"rules"`
}

func newKnownFault(f known.Fault) knownFault {
	return knownFault{f, faultnames.Check(f) == nil, f.Rules()}
}

func listKnown(w io.Writer, asJSON bool) error {
	if asJSON {
		var all []knownFault
		for _, f := range known.All() {
			all = append(all, newKnownFault(f))
		}
		return printJSON(w, all)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range known.All() {
		fmt.Fprintf(table, "%s\t%s\n", f.Name, f.What)
	}
	return table.Flush()
}

func showKnown(w io.Writer, f known.Fault, asJSON bool) error {
	if asJSON {
		return printJSON(w, newKnownFault(f))
	}
	rules, err := yamltext.Marshal(f.Rules())
	if err != nil {
		return err
	}
	byName := "With --fault-names: HOST/fault/" + f.Name + "/REPOSITORY"
	if err := faultnames.Check(f); err != nil {
		byName = "Not by name in a reference: it " + strings.TrimPrefix(err.Error(), f.Name+" ") + "."
	}
	_, err = fmt.Fprintf(w, "# %s: %s.\n#\n# A correct client %s. %s\n#\n# %s\n#\n# Met by %s:\n#   %s\n%s",
		f.Name, f.What, f.Correct, outcome(f), byName, strings.Join(f.Clients, ", "), strings.Join(f.Citations, "\n#   "), rules)
	return err
}

// outcome describes how an operation of a correct client ends under the fault.
func outcome(f known.Fault) string {
	if f.Recovers {
		return "It succeeds in the end."
	}
	return "It fails in the end."
}
