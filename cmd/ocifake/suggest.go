package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocifake/ocifake/internal/near"
)

// explainFlag adds a suggestion to the error of an unknown flag.
func explainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if mean := near.Mean(unknown.GetSpecifiedName(), flagNames(cmd.Flags())); mean != "" {
			return fmt.Errorf("%w: %s", err, mean)
		}
	}
	return err
}

func flagNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// noSuchCommand returns the error for an unknown subcommand.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	return fmt.Errorf("unknown command %q for %q: %s", args[0], cmd.CommandPath(), near.Hint(args[0], names))
}

// onlyWords validates that the arguments are among the valid arguments of a command.
func onlyWords(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		known := false
		for _, word := range cmd.ValidArgs {
			known = known || arg == word
		}
		if !known {
			return fmt.Errorf("unknown argument %q for %s: %s", arg, cmd.Name(), near.Hint(arg, cmd.ValidArgs))
		}
	}
	return nil
}

// newHelp returns cobra's help command, but an unknown command is an error.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return cmp.Or(noSuchCommand(of, rest), err)
			}
			return of.Help()
		},
	}
}
